//! Draws samples of the compiled model and says what one costs.

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
    let (mut alone, mut with_log_prob) = (0, 0);
    report::line("board").word(BOARD).end();
    for i in arguments.indices() {
        let (seed, context) = (arguments.seed, &arguments.context);
        let draw = || given::sample(seed, i, context, &mut row, &mut scratch);
        alone = u64::wrapping_add(alone, clock.count(draw).1);
        let draw = || given::sample_with_log_prob(seed, i, context, &mut row, &mut scratch);
        let (log_prob, instructions) = clock.count(draw);
        with_log_prob = u64::wrapping_add(with_log_prob, instructions);
        report::row(i, log_prob, &row);
    }
    report::mean("_draw_only", alone, arguments.n);
    report::mean("", with_log_prob, arguments.n);
    report::figures();
    board::exit(true)
}
