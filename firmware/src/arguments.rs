//! The rows a program is asked for, from the command line that the board hands over.

use core::ops::Range;

use crate::{board, report::line};

/// `seed=1 first=0 n=4`, with these defaults.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    /// The seed of the noise.
    pub seed: u64,
    /// The first sample.
    pub first: u64,
    /// How many samples.
    pub n: u64,
}

impl Arguments {
    /// The command line's; on an argument it does not know, prints an `error` line and ends the
    /// program with exit code 1.
    pub fn get() -> Self {
        let mut buffer = [0; 512];
        let mut this = Self { seed: 1, first: 0, n: 4 };
        let mut words = board::command_line(&mut buffer).split(|b| *b == b' ' || *b == 0);
        let _program = words.next();
        for word in words.filter(|w| !w.is_empty()) {
            if this.set(word).is_none() {
                line("error").word("expected seed=…, first=… or n=…, found").text(word).end();
                board::exit(false);
            }
        }
        this
    }

    /// The samples asked for.
    pub fn indices(&self) -> Range<u64> {
        self.first..self.first.saturating_add(self.n)
    }

    fn set(&mut self, word: &[u8]) -> Option<()> {
        let equals = word.iter().position(|b| *b == b'=')?;
        let (name, value) = word.split_at_checked(equals)?;
        let value = decimal(value.get(1..)?)?;
        match name {
            b"seed" => self.seed = value,
            b"first" => self.first = value,
            b"n" => self.n = value,
            _ => return None,
        }
        Some(())
    }
}

/// Digits to a number; `None` on anything else and on overflow.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, digit| {
        let digit = digit.checked_sub(b'0').filter(|d| *d < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
