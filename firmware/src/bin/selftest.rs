//! Shows that this target computes the bits of every other one, and says which it does not.

#![no_std]
#![no_main]

use pushforward_firmware::{BOARD, board, entry, given, report, selftest};

#[entry]
fn main() -> ! {
    let mut ok = true;
    let mut scratch: given::Scratch = [0.0; _];
    for step in
        (0..usize::MAX).map_while(|i| selftest::step(i, &mut scratch)).filter(|step| !step.passed)
    {
        ok = false;
        report::line("fail").word(step.name).decimal(step.index).end();
    }
    report::line("board").word(BOARD).end();
    report::line("selftest").word(if ok { "ok" } else { "failed" }).end();
    report::figures();
    board::exit(ok)
}
