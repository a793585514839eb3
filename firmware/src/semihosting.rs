//! Lines, arguments and the end by semihosting, as any board with a debug probe or an emulator has
//! it. Without either the first call stops the core; such a board prints in another way.
//!
//! The calls are Arm's, which RISC-V took over; the instruction that makes one is the core's.

use crate::arch::semihosting_call;

const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const GET_CMDLINE: usize = 0x15;
const EXIT: usize = 0x18;

/// `OPEN`'s mode `w`, which with the file `:tt` is standard output.
const MODE_WRITE: usize = 4;
/// What `OPEN` says where there is no such file.
const NO_FILE: usize = usize::MAX;
/// What `EXIT` is told: that all went well, or that it did not.
const APPLICATION_EXIT: usize = 0x20026;
const RUN_TIME_ERROR: usize = 0x20023;

/// Sends bytes to standard output, however slowly they are taken; lost if there is none.
pub fn write(mut bytes: &[u8]) {
    let name = c":tt";
    let mut open = [name.as_ptr() as usize, MODE_WRITE, name.count_bytes()];
    // SAFETY: OPEN takes a text that ends in zero, a mode and the text's length.
    let file = unsafe { semihosting_call(OPEN, (&raw mut open) as usize) };
    // An emulator writes to a pipe what it has room for, and says how much is left.
    while file != NO_FILE && !bytes.is_empty() {
        let mut block = [file, bytes.as_ptr() as usize, bytes.len()];
        // SAFETY: WRITE takes a file and reads the bytes.
        let left = unsafe { semihosting_call(WRITE, (&raw mut block) as usize) };
        let written = bytes.len().saturating_sub(left);
        bytes = bytes.get(written..).unwrap_or_default();
    }
}

/// The arguments as the emulator's command line gives them, cut to the length of `buffer`; the
/// first word is the program.
pub fn command_line(buffer: &mut [u8]) -> &[u8] {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: GET_CMDLINE takes a pointer to (buffer, length), writes at most that many bytes to the
    // buffer, and the text's length to the second word; both are ours to write.
    let failed = unsafe { semihosting_call(GET_CMDLINE, (&raw mut block) as usize) } != 0;
    let [_, length] = block;
    if failed { &[] } else { buffer.get(..length).unwrap_or_default() }
}

/// Ends the emulation with exit code 0 or 1.
pub fn exit(success: bool) -> ! {
    let reason = if success { APPLICATION_EXIT } else { RUN_TIME_ERROR };
    loop {
        // SAFETY: EXIT takes a number, and does not come back unless a debugger wants it to.
        unsafe { semihosting_call(EXIT, reason) };
    }
}
