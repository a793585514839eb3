//! The rows a program is asked for, from the command line that the board hands over.

use core::ops::Range;

use crate::given::Context;
use crate::{board, model, report::line};

/// `seed=1 first=0 n=4`, with these defaults, and `context=3f800000,…`, zeros without.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    /// The seed of the noise.
    pub seed: u64,
    /// The first sample.
    pub first: u64,
    /// How many samples.
    pub n: u64,
    /// What they are given.
    pub context: Context,
}

impl Arguments {
    /// The command line's; on an argument it does not know, prints an `error` line and ends the
    /// program with exit code 1.
    pub fn get() -> Self {
        let mut buffer = [0; 512];
        let mut this = Self { seed: 1, first: 0, n: 4, context: [0.0; model::CONTEXT] };
        let mut words = board::command_line(&mut buffer).split(|b| *b == b' ' || *b == 0);
        let _program = words.next();
        for word in words.filter(|w| !w.is_empty()) {
            if this.set(word).is_none() {
                let expected = "expected seed=…, first=…, n=… or context=…, found";
                line("error").word(expected).text(word).end();
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
        let value = value.get(1..)?;
        match name {
            b"seed" => self.seed = decimal(value)?,
            b"first" => self.first = decimal(value)?,
            b"n" => self.n = decimal(value)?,
            b"context" => {
                let mut words = value.split(|b| *b == b',');
                for value in &mut self.context {
                    *value = f32::from_bits(hexadecimal(words.next()?)?);
                }
                return words.next().is_none().then_some(());
            }
            _ => return None,
        }
        Some(())
    }
}

/// Eight hexadecimal digits to a word; `None` on anything else.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.len() != 8 {
        return None;
    }
    digits.iter().try_fold(0u32, |n, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(n << 4 | u32::from(digit))
    })
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
