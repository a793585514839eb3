//! Shows that this target computes the bits of every other one: the engine's pinned table, and the
//! golden rows that the model file carries.

#![no_std]
#![no_main]

use pushforward_firmware::{BOARD, board, entry, given, model, report};

#[path = "../../../engine/tests/bits/pinned.rs"]
mod pinned;

#[entry]
fn main() -> ! {
    let mut ok = true;
    let mut fail = |what: &str, index: u64| {
        ok = false;
        report::line("fail").word(what).decimal(index).end();
    };
    for (name, expected, compute) in pinned::TABLE {
        if compute() != expected {
            fail(name, 0);
        }
    }
    let mut row = [model::Element::default(); model::DIM];
    let mut scratch: given::Scratch = [0.0; _];
    let golden =
        model::GOLDEN_ROWS.as_chunks::<{ model::DIM }>().0.iter().zip(model::GOLDEN_LOG_PROB);
    // None are left where the model takes no context.
    let mut contexts = model::GOLDEN_CONTEXT;
    for (i, (golden, log_prob)) in (0..u64::MAX).zip(golden) {
        let mut context: given::Context = [0.0; _];
        if let Some((first, rest)) = contexts.split_at_checked(model::CONTEXT) {
            context.iter_mut().zip(first).for_each(|(value, golden)| *value = *golden);
            contexts = rest;
        }
        let seed = model::GOLDEN_SEED;
        let lp = given::sample_with_log_prob(seed, i, &context, &mut row, &mut scratch);
        if lp.to_bits() != log_prob.to_bits() {
            fail("golden_log_prob", i);
        }
        if row.iter().zip(golden).any(|(a, b)| f32::from(*a).to_bits() != b.to_bits()) {
            fail("golden_row", i);
        }
    }
    report::line("board").word(BOARD).end();
    report::line("selftest").word(if ok { "ok" } else { "failed" }).end();
    report::figures();
    board::exit(ok)
}
