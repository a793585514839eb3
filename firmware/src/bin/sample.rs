//! Draws samples of the compiled model and says what one costs; fails if that is more than the model's budgets.

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
    let (mut alone, mut with_log_prob) = (Counted::NONE, Counted::NONE);
    report::line("board").word(BOARD).end();
    for i in arguments.indices() {
        let (seed, context) = (arguments.seed, &arguments.context);
        let draw = || given::sample(seed, i, context, &mut row, &mut scratch);
        alone.add(clock.count(draw).1);
        let draw = || given::sample_with_log_prob(seed, i, context, &mut row, &mut scratch);
        let (log_prob, instructions) = clock.count(draw);
        with_log_prob.add(instructions);
        report::row(i, log_prob, &row);
    }
    report::counted("_draw_only", alone);
    report::counted("", with_log_prob);
    let kept = report::budgets("the most of a draw with ln q", with_log_prob);
    report::figures();
    board::exit(kept)
}
