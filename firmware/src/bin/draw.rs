//! Draws samples of the compiled model and prints them, without their log-probabilities: the least that
//! an image takes.

#![no_std]
#![no_main]

use pushforward_firmware::arguments::Arguments;
use pushforward_firmware::{board, entry, given, model, report};

#[entry]
fn main() -> ! {
    let arguments = Arguments::get();
    let mut row = [model::Element::default(); model::DIM];
    let mut scratch: given::Scratch = [0.0; _];
    for i in arguments.indices() {
        given::sample(arguments.seed, i, &arguments.context, &mut row, &mut scratch);
        report::line("row").decimal(i).row(&row).end();
    }
    report::memory();
    board::exit(true)
}
