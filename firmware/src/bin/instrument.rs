//! Answers a host on the board's serial line: `pushforward board … --board NAME` speaks to it.

#![no_std]
#![no_main]

use pushforward_firmware::{board, entry, instrument};

#[entry]
fn main() -> ! {
    let mut serial = board::serial();
    let mut model = instrument::Model::new(board::entropy);
    let mut line = instrument::line();
    loop {
        line.poll(&mut model, &mut serial);
    }
}
