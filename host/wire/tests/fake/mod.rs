//! An instrument whose rows say what was asked, and its line.

pub(crate) mod frames;

use std::collections::VecDeque;

use pushforward_wire::checksum;
use pushforward_wire::device::{Sampler, Serial};
use pushforward_wire::frame::{decoded_len, encoded_len};
use pushforward_wire::message::{Arithmetic, Element, Info, Storage};

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8 & [0xff, 0x01, 0x80][self.below(3)]).collect()
    }
}

pub(crate) const DIM: usize = 5;
pub(crate) const CONTEXT: usize = 8;
pub(crate) const IN: usize = decoded_len(64);
pub(crate) const OUT: usize = encoded_len(64);

/// A sampler whose rows say what was asked.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) context: u32,
    pub(crate) row: [u8; DIM],
}

pub(crate) fn row(seed: u64, index: u64, context: u32) -> ([u8; DIM], u32) {
    let mut random = Random(seed ^ index.rotate_left(17) ^ u64::from(context));
    let row = [(); DIM].map(|()| random.next() as u8);
    (row, checksum(&row))
}

impl Sampler for Fake {
    fn info(&self) -> Info<'_> {
        Info {
            model: 7,
            dim: DIM as u32,
            element: Element::I8,
            context: 2,
            arithmetic: Arithmetic::Plain,
            storage: Storage::File,
            given: 0,
            body: 64,
            rows: 9,
            damaged: 0,
            oversize: 0,
            board: "fake",
        }
    }
    fn set_context(&mut self, bytes: &[u8]) {
        self.context = checksum(bytes);
    }
    fn draw(&mut self, seed: u64, index: u64) -> (u32, &[u8]) {
        let log_prob;
        (self.row, log_prob) = row(seed, index, self.context);
        (log_prob, &self.row)
    }
    fn draw_and_score(&mut self, seed: u64, index: u64) -> f32 {
        self.draw(seed, index);
        -f32::from(self.row[0])
    }
    fn log_prob(&mut self, row: &[u8]) -> f32 {
        assert_eq!(row.len(), DIM);
        -f32::from(row[0])
    }
    fn self_test(&mut self, step: u32) -> Option<bool> {
        (step < 3).then_some(step != 1)
    }
    fn weigh(&mut self, seed: u64, index: u64, width: u32, coupling: f32) -> Option<f64> {
        self.draw(seed, index);
        (width == 5).then(|| f64::from(coupling) * f64::from(self.row[0]))
    }
    fn entropy(&mut self) -> u64 {
        0
    }
}

/// Both directions of a line; `room` bytes can be sent before the other end takes them.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) input: VecDeque<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) room: usize,
}

impl Serial for Line {
    fn read(&mut self) -> Option<u8> {
        self.input.pop_front()
    }
    fn write(&mut self, byte: u8) -> bool {
        let room = self.room > 0;
        if room {
            self.room -= 1;
            self.output.push(byte);
        }
        room
    }
}
