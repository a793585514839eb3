//! Shows that the link-time proof can fail: this program can panic, so it must not link.
//!
//! `cargo build --release --bin reachable_panic --features deliberate-panic` is expected to end in
//! a linker error that names `pushforward_panic_is_reachable`.

#![no_std]
#![no_main]

use pushforward_firmware::{board, entry};

#[entry]
fn main() -> ! {
    let length = board::command_line(&mut [0; 8]).len();
    assert!(length < 8, "the panic that the proof must find");
    board::exit(true)
}
