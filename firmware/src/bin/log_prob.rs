//! Scores the samples of the compiled model and says what one score costs.

#![no_std]
#![no_main]

use pushforward_firmware::arguments::Arguments;
use pushforward_firmware::measure::Instructions;
use pushforward_firmware::{BOARD, board, entry, given, model, report};

#[entry]
fn main() -> ! {
    let arguments = Arguments::get();
    let mut row = [model::Element::default(); model::DIM];
    let mut scratch: given::Scratch = [0.0; _];
    let clock = Instructions::start();
    let mut total = 0;
    report::line("board").word(BOARD).end();
    for i in arguments.indices() {
        let context = &arguments.context;
        given::sample(arguments.seed, i, context, &mut row, &mut scratch);
        let score = || given::log_prob(context, &row, &mut scratch);
        let (log_prob, instructions) = clock.count(score);
        total = u64::wrapping_add(total, instructions);
        report::row(i, log_prob, &row);
    }
    report::mean("", total, arguments.n);
    report::figures();
    board::exit(true)
}
