//! Printing without `core::fmt`, whose panic paths would defeat the link-time proof.
//!
//! A report is lines of words with one space between them; the first word names the line.

use crate::measure::{Counted, flash_bytes, stack_high_water, static_bytes};
use crate::{board, model};

/// 10¹⁹, 10¹⁸, … 10.
static POWERS: [u64; 19] = {
    let mut powers = [0; 19];
    let (mut rest, mut power) = (powers.as_mut_slice(), 10);
    while let [before @ .., last] = rest {
        *last = power;
        power *= if before.is_empty() { 1 } else { 10 };
        rest = before;
    }
    powers
};

/// A line under construction. It flushes itself when its buffer is full, so any length is fine.
#[derive(Default)]
pub struct Line {
    buffer: heapless::Vec<u8, 128>,
    started: bool,
}

/// What a row is made of.
pub trait Element: Copy {
    /// Whether a row is one word.
    const JOINED: bool;
    /// Appends it to a line.
    fn append(self, line: Line) -> Line;
}

impl Element for i8 {
    const JOINED: bool = true;
    /// `+` or `-`.
    fn append(self, mut line: Line) -> Line {
        line.byte(if self > 0 { b'+' } else { b'-' });
        line
    }
}

impl Element for u8 {
    const JOINED: bool = false;
    /// A decimal number.
    fn append(self, line: Line) -> Line {
        line.decimal(self.into())
    }
}

impl Element for u16 {
    const JOINED: bool = false;
    /// A decimal number.
    fn append(self, line: Line) -> Line {
        line.decimal(self.into())
    }
}

impl Element for f32 {
    const JOINED: bool = false;
    /// A word of eight hexadecimal digits.
    fn append(self, line: Line) -> Line {
        line.bits(self.to_bits())
    }
}

/// The line of one sample: `row INDEX LOG_PROB VALUES`.
#[cfg(not(feature = "defmt"))]
pub fn row(index: u64, log_prob: f32, row: &[model::Element; model::DIM]) {
    line("row").decimal(index).bits(log_prob.to_bits()).row(row).end();
}

/// One sample; a host writes out its numbers.
#[cfg(feature = "defmt")]
pub fn row(index: u64, log_prob: f32, row: &[model::Element; model::DIM]) {
    defmt::println!("row {=u64} ln q {=f32} {=[?]}", index, log_prob, row.as_slice());
}

#[cfg(not(feature = "defmt"))]
use board::write as send;

/// Sends text; a line that is longer than the buffer is several frames.
#[cfg(feature = "defmt")]
fn send(text: &[u8]) {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    defmt::println!("{=str}", core::str::from_utf8(text).unwrap_or("?"));
}

/// The lines of what the rows took, under the name of what is counted and `of`: the most, then the least; left out
/// if there are no rows.
pub fn counted(of: &str, counted: Counted) {
    if counted.least <= counted.most {
        for (which, count) in [("", counted.most), ("_least", counted.least)] {
            let mut line = line(board::CLOCK.counts);
            line.bytes(of.as_bytes());
            line.bytes(which.as_bytes());
            line.decimal(count).end();
        }
    }
}

/// The lines of the budgets that the model has, which `row` is held to, and whether it keeps them. `what` says
/// what was counted.
pub fn budgets(what: &str, row: Counted) -> bool {
    let mut kept = true;
    if let Some(allowed) = model::STACK_BUDGET {
        let found = stack_high_water() as u64;
        kept &= budget("stack", "bytes of the deepest stack of the program", found, allowed);
    }
    if let Some(allowed) = model::INSTRUCTIONS_BUDGET {
        if board::CLOCK.counts == "instructions" {
            kept &= budget("instructions", what, row.most, allowed);
        } else {
            line("budget")
                .word("instructions not compared: the clock counts")
                .word(board::CLOCK.counts)
                .end();
        }
    }
    kept
}

#[inline(never)]
fn budget(name: &str, what: &str, found: u64, allowed: u64) -> bool {
    let kept = found <= allowed;
    let line = line("budget").word(name).word(if kept { "kept:" } else { "exceeded:" }).word(what);
    line.word("found").decimal(found).word("expected at most").decimal(allowed).end();
    kept
}

/// The lines of what the program takes.
pub fn memory() {
    decimals(&[("stack", stack_high_water()), ("ram", static_bytes()), ("flash", flash_bytes())]);
}

/// The last lines of a report: what the program and its model take.
pub fn figures() {
    memory();
    decimals(&[
        ("model_flash", model::FLASH_BYTES),
        ("weights", model::WEIGHT_BYTES),
        ("tables", model::TABLE_BYTES),
        ("scratch", model::SCRATCH_BYTES),
        ("multiply_adds", model::MULTIPLY_ADDS),
    ]);
    line("done").end();
}

#[inline(never)]
fn decimals(figures: &[(&str, usize)]) {
    for (name, figure) in figures {
        line(name).decimal(*figure as u64).end();
    }
}

/// Starts a line with its name.
pub fn line(name: &str) -> Line {
    Line::default().word(name)
}

impl Line {
    /// Appends a word.
    pub fn word(mut self, word: &str) -> Self {
        self.space();
        self.bytes(word.as_bytes());
        self
    }

    /// Appends a number in decimal. A division of 64 bits is a kilobyte of code on a Cortex-M0, and
    /// subtractions do.
    pub fn decimal(mut self, mut n: u64) -> Self {
        self.space();
        let mut begun = false;
        for power in &POWERS {
            let mut digit = b'0';
            while n >= *power {
                n = n.wrapping_sub(*power);
                digit = digit.wrapping_add(1);
            }
            begun |= digit > b'0';
            if begun {
                self.byte(digit);
            }
        }
        self.byte(b'0' | n as u8);
        self
    }

    /// Appends a word of 32 bits in eight hexadecimal digits: how floats travel without rounding.
    pub fn bits(mut self, word: u32) -> Self {
        self.space();
        for shift in (0..8).rev() {
            let digit = (word >> (4 * shift)) as u8 & 15;
            self.byte(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
        self
    }

    /// Appends a row of the model.
    pub fn row<E: Element>(mut self, row: &[E]) -> Self {
        if E::JOINED {
            self.space();
        }
        row.iter().fold(self, |line, element| element.append(line))
    }

    /// Ends the line and sends it.
    pub fn end(mut self) {
        self.byte(b'\n');
        send(&self.buffer);
    }

    /// Appends raw text as a word.
    pub fn text(mut self, text: &[u8]) -> Self {
        self.space();
        self.bytes(text);
        self
    }

    fn space(&mut self) {
        if self.started {
            self.byte(b' ');
        }
        self.started = true;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.byte(b));
    }

    fn byte(&mut self, byte: u8) {
        if self.buffer.is_full() {
            send(&self.buffer);
            self.buffer.clear();
        }
        let _ = self.buffer.push(byte);
    }
}
