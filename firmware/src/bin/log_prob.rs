//! Scores the samples of the compiled model and says what one score costs; fails if that is more than the model's
//! budgets.

#![no_std]
#![no_main]

use pushforward_firmware::arguments::Arguments;
use pushforward_firmware::measure::{Counted, Instructions};
use pushforward_firmware::{BOARD, board, entry, given, model, report};

#[entry]
fn main() -> ! {
    let arguments = Arguments::get();
    let mut row = [model::Element::default(); model::DIM];
    let mut scratch: given::Scratch = [0.0; _];
    let clock = Instructions::start();
    let mut counted = Counted::NONE;
    report::line("board").word(BOARD).end();
    for i in arguments.indices() {
        let context = &arguments.context;
        given::sample(arguments.seed, i, context, &mut row, &mut scratch);
        let score = || given::log_prob(context, &row, &mut scratch);
        let (log_prob, instructions) = clock.count(score);
        counted.add(instructions);
        report::row(i, log_prob, &row);
    }
    report::counted("", counted);
    let kept = report::budgets("the most of a score", counted);
    report::figures();
    board::exit(kept)
}
