//! Espressif's ESP32-C3-DevKitM-1 or -DevKitC-02: a 32-bit RISC-V, `imc`, at the speed that its loader leaves it at.
//!
//! Built, and not run: nobody has tried it on a board yet. Programs print on the serial port of the board's USB bridge.

use pushforward_wire::device::Serial;

use crate::entropy::esp32c3;
use crate::measure::Clock;
use crate::registers::Registers;
use crate::serial::esp32c3::Uart;

/// The core's counter counts its cycles.
pub const CLOCK: Clock = Clock { counts: "cycles", per_tick: (1, 1) };

/// UART 0, at 115,200 baud.
pub fn serial() -> Uart {
    // SAFETY: it has its registers there, and nothing else uses it: a program that has a line prints nothing.
    unsafe { Uart::at(0x6000_0000) }
}

/// A word of the chip's generator.
pub fn entropy() -> u64 {
    // SAFETY: its register is there.
    unsafe { esp32c3::read(0x6002_60b0) }
}

/// Sends bytes to whoever listens.
pub fn write(bytes: &[u8]) {
    let mut line = serial();
    bytes.iter().for_each(|byte| while !line.write(*byte) {});
}

/// No arguments: the programs take their defaults.
pub fn command_line(_buffer: &mut [u8]) -> &[u8] {
    &[]
}

/// Stops.
pub fn exit(_success: bool) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Keys, registers and what they are set to: the watchdogs that the loader has left on, which would start it anew.
///
/// That of the clock in standby, that of the first group of timers, and one which is fed by itself from now on.
const WATCHDOGS: [[u32; 4]; 3] = [
    [0x6000_80a8, 0x50d8_3aa1, 0x6000_8090, 0],
    [0x6001_f064, 0x50d8_3aa1, 0x6001_f048, 0],
    [0x6000_80b0, 0x8f1d_312a, 0x6000_80ac, 1 << 31],
];

/// What start-up calls in place of `main`.
#[unsafe(no_mangle)]
fn hal_main(a0: usize, a1: usize, a2: usize) -> ! {
    for [lock, key, register, value] in WATCHDOGS {
        // SAFETY: the chip has these registers there, and nothing else uses them.
        let (mut lock, mut register) = unsafe {
            (Registers::<u32>::at(lock as usize), Registers::<u32>::at(register as usize))
        };
        lock.set(0, key);
        register.set(0, value);
        lock.set(0, 0);
    }
    unsafe extern "Rust" {
        safe fn main(a0: usize, a1: usize, a2: usize) -> !;
    }
    main(a0, a1, a2)
}

/// What the chip's second loader wants to know of a program.
#[repr(C)]
struct Description {
    mark: u32,
    secure_version: u32,
    reserved: [u32; 2],
    version: [u8; 32],
    name: [u8; 32],
    time_and_date: [u8; 32],
    framework: [u8; 32],
    checksum: [u8; 32],
    /// The least and the largest revision of the chip's fuses, in two halves.
    revisions: u32,
    /// The logarithm of a page's size, in the lowest byte.
    page: u32,
    more: [u32; 18],
}

/// Found by the name of its section.
#[unsafe(link_section = ".flash.appdesc")]
#[unsafe(export_name = "esp_app_desc")]
#[used]
static DESCRIPTION: Description = Description {
    mark: 0xabcd_5432,
    secure_version: 0,
    reserved: [0; 2],
    version: text(env!("CARGO_PKG_VERSION")),
    name: text(env!("CARGO_PKG_NAME")),
    time_and_date: [0; 32],
    framework: [0; 32],
    checksum: [0; 32],
    revisions: 0xffff_0000,
    page: 16,
    more: [0; 18],
};

/// The first 31 bytes of a text, and zeros.
const fn text(from: &str) -> [u8; 32] {
    let (from, mut to) = (from.as_bytes(), [0; 32]);
    let mut i = 0;
    while i < from.len() && i < 31 {
        to[i] = from[i];
        i += 1;
    }
    to
}
