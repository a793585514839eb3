//! The proof by linking that no program can panic.
//!
//! It is about optimised code, so every profile of this package optimises. A profile may turn overflow
//! checks on for the program: its arithmetic cannot overflow, or wraps. The engine's is about sizes
//! that were checked when the model was read, which the optimiser cannot know; the manifest exempts
//! it with `[profile.release.package.pushforward] overflow-checks = false`. A program that does not
//! link although it has no `unwrap`, no index and no division is most likely missing that.

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
