//! What is in a frame.

use serde::{Deserialize, Serialize};

/// What a host asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Who are you?
    Info,
    /// Sets the context: `f32`, little-endian, all of it.
    Context(&'a [u8]),
    /// Rows `first ..` of the stream `seed`.
    Sample(Slice),
    /// The log-probabilities of rows, which are numbered from `first` on in the replies.
    LogProb {
        /// The first row's number.
        first: u64,
        /// The checksum of the context.
        context: u32,
        /// The rows, one after another.
        rows: &'a [u8],
    },
    /// Compares the instrument's bits with the pinned ones.
    SelfTest,
    /// Weighs rows against the energy of a nearest-neighbour Ising model on a periodic lattice.
    Estimate {
        /// The rows.
        slice: Slice,
        /// Spins in a row of the lattice.
        width: u32,
        /// β times the coupling: the bits of an `f32`.
        coupling: u32,
    },
    /// The `rank`-th smallest log-probability (from 1) of the rows of a slice.
    ///
    /// A reading that is one more draw of the model is below it with probability `rank / (n + 1)` at most,
    /// which is the rate of false alarms.
    Threshold {
        /// The rows.
        slice: Slice,
        /// Which of them, [`RANKS`](crate::device::RANKS) at most.
        rank: u32,
    },
    /// Whether a reading's log-probability is below a threshold.
    Score {
        /// The bits of the threshold.
        threshold: u32,
        /// The checksum of the context.
        context: u32,
        /// The reading.
        row: &'a [u8],
    },
    /// Ends all that is under way.
    Stop,
}

/// Rows of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The seed; 0 for one of the instrument's entropy.
    pub seed: u64,
    /// The first row.
    pub first: u64,
    /// How many.
    pub n: u32,
    /// The checksum of the context that they are given.
    pub context: u32,
}

/// What an instrument answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// Who it is.
    #[serde(borrow)]
    Info(Info<'a>),
    /// The checksum of the context that is now set.
    Context(u32),
    /// Rows of this seed follow.
    Begin {
        /// The seed.
        seed: u64,
    },
    /// A row.
    Row {
        /// Its index in the stream.
        index: u64,
        /// The bits of its log-probability along the path of the draw.
        #[serde(with = "postcard::fixint::le")]
        log_prob: u32,
        /// Its values.
        row: &'a [u8],
    },
    /// No more rows follow.
    End {
        /// The seed.
        seed: u64,
        /// How many there were.
        rows: u32,
    },
    /// The log-probability of a row.
    LogProb {
        /// Its number.
        index: u64,
        /// The bits of its log-probability.
        #[serde(with = "postcard::fixint::le")]
        log_prob: u32,
    },
    /// How the self-test went.
    SelfTest {
        /// Comparisons.
        ran: u32,
        /// Those that failed.
        failed: u32,
    },
    /// What the weights sum to.
    Estimate(Sums),
    /// The bits of the threshold.
    Threshold(u32),
    /// A reading's score.
    Score {
        /// The bits of its log-probability.
        log_prob: u32,
        /// Whether it is below the threshold, or no number.
        alarm: bool,
    },
    /// All that was under way has ended.
    Stopped,
    /// The request is not answered.
    Refused(Refusal),
}

/// An instrument and its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info<'a> {
    /// The checksum of the model file.
    pub model: u32,
    /// Values in a row.
    pub dim: u32,
    /// What they are.
    pub element: Element,
    /// Values in a context.
    pub context: u32,
    /// The rounding of multiply-adds.
    pub arithmetic: Arithmetic,
    /// How the weights are stored.
    pub storage: Storage,
    /// The checksum of the context that is set.
    pub given: u32,
    /// The longest body of a request.
    pub body: u32,
    /// Rows that fit a request.
    pub rows: u32,
    /// Frames that were damaged on the way to it, since its last reset.
    pub damaged: u32,
    /// Frames that were longer than its buffer.
    pub oversize: u32,
    /// The name of the board.
    pub board: &'a str,
}

/// What the values of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Element {
    /// `f32`.
    F32,
    /// `i8`.
    I8,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
}

impl Element {
    /// Bytes of a value.
    pub const fn size(self) -> usize {
        match self {
            Element::F32 => 4,
            Element::U16 => 2,
            Element::I8 | Element::U8 => 1,
        }
    }
}

/// The rounding of multiply-adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arithmetic {
    /// Once.
    Fused,
    /// Twice.
    Plain,
    /// Not at all: whole numbers.
    Integer,
}

/// How the weights are stored, and so which they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// As the model file has them.
    File,
    /// Each rounded to the nearest 16-bit float, which makes another model of the file's.
    F16,
}

/// Sums of importance weights `w = p̃ / q`, from which those of more samples can be put together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Samples.
    pub n: u32,
    /// The largest ln w.
    pub ln_max: f64,
    /// Σ w, in units of the largest.
    pub sum: f64,
    /// Σ w², in units of the largest squared.
    pub squares: f64,
    /// Σ ln w.
    pub ln_sum: f64,
}

impl Sums {
    /// Of no samples.
    pub const NONE: Sums =
        Sums { n: 0, ln_max: f64::NEG_INFINITY, sum: 0.0, squares: 0.0, ln_sum: 0.0 };

    /// One more sample.
    pub fn push(&mut self, ln_w: f64) {
        self.add(&Sums { n: 1, ln_max: ln_w, sum: 1.0, squares: 1.0, ln_sum: ln_w });
    }

    /// More samples. A weight of 0 or one that is no number counts as 0, as
    /// `pushforward::correct` has it.
    pub fn add(&mut self, other: &Sums) {
        self.n = self.n.saturating_add(other.n);
        self.ln_sum += other.ln_sum;
        if other.ln_max.is_nan() || other.ln_max == f64::NEG_INFINITY {
            return;
        }
        let (mut most, mut less) = (*self, *other);
        if most.ln_max < less.ln_max {
            (most, less) = (less, most);
        }
        let scale = if less.sum > 0.0 { libm::exp(less.ln_max - most.ln_max) } else { 0.0 };
        self.ln_max = most.ln_max;
        self.sum = most.sum + less.sum * scale;
        self.squares = most.squares + less.squares * scale * scale;
    }
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// It is of another version; the reply's header says which is expected.
    Version,
    /// Its body is no request.
    Malformed,
    /// Another context is set.
    Context {
        /// The checksum of the one that is set.
        given: u32,
    },
    /// The rows, or the context, have another length.
    Length {
        /// Bytes that were found.
        found: u32,
        /// Bytes that were expected, or a multiple of them.
        expected: u32,
    },
    /// As many requests are waiting as can.
    Busy,
    /// The model or the board cannot do this.
    Unsupported,
}
