//! The frames of defmt, as bytes like any other: to a debug probe, or to an emulator's output.
//!
//! The crate `defmt-rtt` panics where one frame begins within another, which the link-time proof forbids. Here
//! none does, for no interrupt logs; in a program where one may, a lock must be held from `acquire` to `release`.

use core::cell::UnsafeCell;

use defmt::{Encoder, Logger};

use crate::board;

/// Where frames go.
#[defmt::global_logger]
struct Frames;

struct Shared(UnsafeCell<Encoder>);

// SAFETY: the core is the only one that runs, and no interrupt touches it.
unsafe impl Sync for Shared {}

static ENCODER: Shared = Shared(UnsafeCell::new(Encoder::new()));

/// # Safety
/// No two of these are alive at a time.
unsafe fn encoder<'a>() -> &'a mut Encoder {
    // SAFETY: the caller's.
    unsafe { &mut *ENCODER.0.get() }
}

// SAFETY: no frame begins before another's end, see above.
unsafe impl Logger for Frames {
    fn acquire() {
        // SAFETY: `board::write` logs nothing.
        unsafe { encoder() }.start_frame(board::write);
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: the same.
        unsafe { encoder() }.end_frame(board::write);
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: the same.
        unsafe { encoder() }.write(bytes, board::write);
    }
}
