//! Scores rows with a module that draws none, all that a flow compiles to whose draws invert a part in steps:
//! the golden rows, whose log-probabilities are those of every other target, to the bit.

#![no_std]
#![no_main]

use pushforward_firmware::measure::{Counted, Instructions};
use pushforward_firmware::{BOARD, board, entry, report};

pushforward_codegen::model! {
    mod likelihood =
        "../codegen/tests/models/gaussianisation_plain.safetensors", sampling = "none", flash = "64K";
}

#[entry]
fn main() -> ! {
    let mut scratch = likelihood::Scratch::new();
    let clock = Instructions::start();
    let (mut counted, mut ok) = (Counted::NONE, true);
    report::line("board").word(BOARD).end();
    let rows = likelihood::GOLDEN_ROWS.as_chunks::<{ likelihood::DIM }>().0;
    for (row, golden) in rows.iter().zip(likelihood::GOLDEN_LOG_PROB) {
        let (log_prob, instructions) = clock.count(|| likelihood::log_prob(row, &mut scratch));
        counted.add(instructions);
        ok &= log_prob.to_bits() == golden.to_bits();
    }
    report::counted("", counted);
    report::line("code_bound").decimal(likelihood::CODE_BYTES as u64).end();
    report::line("score").word(if ok { "ok" } else { "failed" }).end();
    report::figures();
    board::exit(ok)
}
