//! How a network's weights are stored: of what types, and in how many slices.
//!
//! Usually everything is of one type and lies in one slice, in the order in which a network reads it.
//! In a [`Mixed`] store matrices, biases and slopes have types of their own and a slice each, in the
//! same order. Networks and kernels read through [`Store`] only, so a new type of matrix touches none
//! of them.

use core::fmt::Debug;

use super::{Dense, Weight, next};

/// How many weights of each kind a network has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of matrices.
    pub matrix: usize,
    /// Biases.
    pub bias: usize,
    /// Learned slopes.
    pub slopes: usize,
}

impl Counts {
    /// All of them.
    pub const fn total(self) -> usize {
        self.matrix + self.bias + self.slopes
    }
}

/// Packed weights, which are read from their start: what was read is gone from them.
pub trait Store<'a>: Copy + Debug {
    /// An entry of a matrix.
    type Matrix: Weight;
    /// A bias.
    type Bias: Weight;
    /// A learned slope.
    type Slope: Weight;

    /// Whether there are as many as a network needs.
    fn fits(self, counts: Counts) -> bool;
    /// The next `n` entries of matrices.
    fn matrix(&mut self, n: usize) -> &'a [Self::Matrix];
    /// The next `n` biases.
    fn bias(&mut self, n: usize) -> &'a [Self::Bias];
    /// The next `n` slopes.
    fn slopes(&mut self, n: usize) -> &'a [Self::Slope];

    /// The next layer: biases, a rectangle, and so many slopes.
    #[inline(always)]
    fn dense(&mut self, inputs: usize, outputs: usize, slopes: usize) -> Dense<'a, Self> {
        let (bias, weights) = (self.bias(outputs), self.matrix(inputs * outputs));
        Dense { bias, weights, slopes: self.slopes(slopes) }
    }
}

impl<'a, T: Weight> Store<'a> for &'a [T] {
    type Matrix = T;
    type Bias = T;
    type Slope = T;

    fn fits(self, counts: Counts) -> bool {
        self.len() == counts.total()
    }

    #[inline(always)]
    fn matrix(&mut self, n: usize) -> &'a [T] {
        next(self, n)
    }

    #[inline(always)]
    fn bias(&mut self, n: usize) -> &'a [T] {
        next(self, n)
    }

    #[inline(always)]
    fn slopes(&mut self, n: usize) -> &'a [T] {
        next(self, n)
    }
}

/// Matrices of `M`, biases of `B` and slopes of `S`, each in a network's packed order.
#[derive(Clone, Copy, Debug)]
pub struct Mixed<'a, M, B, S> {
    /// Rectangles, packed as [`kernel`](super) says.
    pub matrix: &'a [M],
    /// Biases.
    pub bias: &'a [B],
    /// Slopes.
    pub slopes: &'a [S],
}

impl<'a, M: Weight, B: Weight, S: Weight> Store<'a> for Mixed<'a, M, B, S> {
    type Matrix = M;
    type Bias = B;
    type Slope = S;

    fn fits(self, counts: Counts) -> bool {
        let Self { matrix, bias, slopes } = self;
        counts == Counts { matrix: matrix.len(), bias: bias.len(), slopes: slopes.len() }
    }

    #[inline(always)]
    fn matrix(&mut self, n: usize) -> &'a [M] {
        next(&mut self.matrix, n)
    }

    #[inline(always)]
    fn bias(&mut self, n: usize) -> &'a [B] {
        next(&mut self.bias, n)
    }

    #[inline(always)]
    fn slopes(&mut self, n: usize) -> &'a [S] {
        next(&mut self.slopes, n)
    }
}
