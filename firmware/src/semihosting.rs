//! Lines, arguments and the end by semihosting, as any board with a debug probe or an emulator has
//! it.

use cortex_m_semihosting::{debug, hio, nr, syscall1};

/// Sends bytes to standard output; lost if there is none.
pub fn write(bytes: &[u8]) {
    if let Ok(mut out) = hio::hstdout() {
        let _ = out.write_all(bytes);
    }
}

/// The arguments as the emulator's command line gives them, cut to the length of `buffer`; the
/// first word is the program.
pub fn command_line(buffer: &mut [u8]) -> &[u8] {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: SYS_GET_CMDLINE takes a pointer to (buffer, length), writes at most that many bytes
    // to the buffer, and the text's length to the second word; both are ours to write.
    let failed = unsafe { syscall1(nr::GET_CMDLINE, (&raw mut block) as usize) } != 0;
    let [_, length] = block;
    if failed { &[] } else { buffer.get(..length).unwrap_or_default() }
}

/// Ends the emulation with exit code 0 or 1.
pub fn exit(success: bool) -> ! {
    debug::exit(if success { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}
