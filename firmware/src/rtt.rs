//! Lines by RTT: a ring in memory that a debug probe empties while the core runs.
//!
//! Unlike semihosting it needs no probe: what nobody reads is lost, and the program goes on. The
//! crate `rtt-target` can panic when it starts, which the link-time proof forbids; all that the
//! programs need of it is this page.

use core::ffi::c_char;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::*};

/// What a probe looks for in memory.
#[repr(C)]
struct ControlBlock {
    id: [u8; 16],
    up_channels: usize,
    down_channels: usize,
    up: Channel,
}

/// A ring, from the core to the probe.
#[repr(C)]
struct Channel {
    name: *const c_char,
    ring: *const AtomicU8,
    size: usize,
    /// Where the core writes next.
    write: AtomicUsize,
    /// Where the probe reads next; it alone writes it.
    read: AtomicUsize,
    flags: usize,
}

// SAFETY: its pointers are to statics that anybody may read; what changes is atomic.
unsafe impl Sync for ControlBlock {}

const SIZE: usize = 2048;
static RING: [AtomicU8; SIZE] = [const { AtomicU8::new(0) }; SIZE];

// SAFETY: nothing else has this name, which is how a probe finds the block.
#[unsafe(export_name = "_SEGGER_RTT")]
static CONTROL: ControlBlock = ControlBlock {
    id: *b"SEGGER RTT\0\0\0\0\0\0",
    up_channels: 1,
    down_channels: 0,
    up: Channel {
        // Where this is `defmt`, `probe-rs` takes what comes for frames.
        name: if cfg!(feature = "defmt") { c"defmt" } else { c"Terminal" }.as_ptr(),
        ring: RING.as_ptr(),
        size: SIZE,
        write: AtomicUsize::new(0),
        read: AtomicUsize::new(0),
        flags: 0,
    },
};

/// Looks at a full ring before it is given up: about a second.
const PATIENCE: usize = 1 << 22;
/// Whether it was.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Sends bytes to the probe; lost if there is none.
pub fn write(bytes: &[u8]) {
    let mut at = CONTROL.up.write.load(Relaxed);
    for byte in bytes {
        let next = if at + 1 < SIZE { at + 1 } else { 0 };
        if !is_free(next) {
            return;
        }
        if let Some(place) = RING.get(at) {
            place.store(*byte, Relaxed);
        }
        at = next;
        CONTROL.up.write.store(at, Release);
    }
}

/// Waits until the probe has read what stands here, unless nobody reads.
fn is_free(place: usize) -> bool {
    let looks = if UNREAD.load(Relaxed) { 1 } else { PATIENCE };
    let free = (0..looks).any(|_| CONTROL.up.read.load(Acquire) != place);
    UNREAD.store(!free, Relaxed);
    free
}

/// No arguments: the programs take their defaults.
pub fn command_line(_buffer: &mut [u8]) -> &[u8] {
    &[]
}

/// Stops, awake: the RAM of a sleeping STM32 cannot be read, and the last lines are there.
pub fn exit(_success: bool) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
