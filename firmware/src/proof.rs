//! The proof by linking that no program can panic.

unsafe extern "C" {
    /// Defined nowhere. A program that links does not refer to it, so its panic handler is dead
    /// code; a program that can panic fails to link with this name in the message.
    fn pushforward_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: never runs, for a program that contains this call does not link.
    unsafe { pushforward_panic_is_reachable() }
}
