//! The compiled model as an instrument's: rows as bytes on a line.

use core::num::NonZeroUsize;

use pushforward::distribution::Distribution;
use pushforward::kernel::{Arith, Arithmetic};
use pushforward_wire::device::{Instrument, Sampler};
use pushforward_wire::frame::{decoded_len, encoded_len};
use pushforward_wire::message::{self, Info, Storage};

use crate::{BOARD, MODEL_CHECKSUM, given, model, selftest};

/// Bytes of a value.
const VALUE: usize = size_of::<model::Element>();
/// Bytes of a row.
const ROW: usize = model::DIM * VALUE;
/// Bytes of a context.
const CONTEXT: usize = 4 * model::CONTEXT;
/// What a message has besides rows or a context, at most.
const REST: usize = 32;
/// The longest body of a request: a row or a context at least, and some short rows.
const BODY: usize = REST + if ROW > CONTEXT { ROW } else { CONTEXT } + 96;

/// The state of the line, of the size that the model needs.
pub type Line = Instrument<{ decoded_len(BODY) }, { encoded_len(REST + 96 + ROW) }>;

/// The state of the line after a reset.
pub fn line() -> Line {
    Line::new(CONTEXT)
}

/// The compiled model and its working memory.
pub struct Model {
    context: given::Context,
    row: given::Row,
    bytes: [u8; ROW],
    scratch: given::Scratch,
    entropy: fn() -> u64,
}

impl Model {
    /// The model, with a source of bits that nobody can foresee; zeros if there is none.
    pub fn new(entropy: fn() -> u64) -> Self {
        Self {
            entropy,
            context: [0.0; _],
            row: [model::Element::default(); _],
            bytes: [0; _],
            scratch: [0.0; _],
        }
    }

    fn sample(&mut self, seed: u64, index: u64) -> f32 {
        let Self { context, row, scratch, .. } = self;
        given::sample_with_log_prob(seed, index, context, row, scratch)
    }
}

/// What a row is made of, as the protocol names it.
trait Value {
    const ELEMENT: message::Element;
}

impl Value for f32 {
    const ELEMENT: message::Element = message::Element::F32;
}

impl Value for i8 {
    const ELEMENT: message::Element = message::Element::I8;
}

impl Value for u8 {
    const ELEMENT: message::Element = message::Element::U8;
}

impl Value for u16 {
    const ELEMENT: message::Element = message::Element::U16;
}

impl Sampler for Model {
    fn info(&self) -> Info<'_> {
        let arithmetic = match <<model::Network as Distribution>::Arith as Arith>::ARITHMETIC {
            Arithmetic::Fused => message::Arithmetic::Fused,
            Arithmetic::Plain => message::Arithmetic::Plain,
            Arithmetic::Integer => message::Arithmetic::Integer,
        };
        Info {
            model: MODEL_CHECKSUM,
            dim: model::DIM as u32,
            element: <model::Element as Value>::ELEMENT,
            context: model::CONTEXT as u32,
            arithmetic,
            storage: if cfg!(feature = "f16") { Storage::F16 } else { Storage::File },
            given: 0,
            body: BODY as u32,
            rows: const { ((BODY - REST) / ROW) as u32 },
            damaged: 0,
            oversize: 0,
            board: BOARD,
        }
    }

    fn set_context(&mut self, bytes: &[u8]) {
        for (value, bytes) in self.context.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }

    fn draw(&mut self, seed: u64, index: u64) -> (u32, &[u8]) {
        let log_prob = self.sample(seed, index);
        for (bytes, value) in self.bytes.as_chunks_mut::<VALUE>().0.iter_mut().zip(&self.row) {
            *bytes = value.to_le_bytes();
        }
        (log_prob.to_bits(), &self.bytes)
    }

    fn draw_and_score(&mut self, seed: u64, index: u64) -> f32 {
        self.sample(seed, index);
        given::log_prob(&self.context, &self.row, &mut self.scratch)
    }

    fn log_prob(&mut self, row: &[u8]) -> f32 {
        for (value, bytes) in self.row.iter_mut().zip(row.as_chunks::<VALUE>().0) {
            *value = model::Element::from_le_bytes(*bytes);
        }
        given::log_prob(&self.context, &self.row, &mut self.scratch)
    }

    fn self_test(&mut self, step: u32) -> Option<bool> {
        selftest::step(step as usize, &mut self.scratch).map(|step| step.passed)
    }

    fn weigh(&mut self, seed: u64, index: u64, width: u32, coupling: f32) -> Option<f64> {
        let width = NonZeroUsize::new(width as usize)?;
        let spins = <model::Element as Value>::ELEMENT == message::Element::I8;
        if !spins || model::DIM % width != 0 {
            return None;
        }
        let log_prob = self.sample(seed, index);
        // Each site with the next one in its row and in its column, around the edges.
        let spin = |i: usize| self.row.get(i).map_or(0.0, |s| f32::from(*s));
        let bonds = (0..model::DIM).map(|i| {
            let column = i % width;
            let (right, below) = (i.wrapping_add(1), i.wrapping_add(width.get()));
            let edge = right % width == 0;
            let right = if edge { i.wrapping_sub(column) } else { right };
            let below = if below < model::DIM { below } else { column };
            spin(i) * (spin(right) + spin(below))
        });
        // Whole numbers, so that their sum is exact.
        Some(f64::from(coupling) * f64::from(bonds.sum::<f32>()) - f64::from(log_prob))
    }

    fn entropy(&mut self) -> u64 {
        (self.entropy)()
    }
}
