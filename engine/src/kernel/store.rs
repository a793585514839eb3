//! How a network's weights are stored: of what types, and in how many slices.
//!
//! Everything lies in one slice, in the order in which a network reads it: floats of one type, or
//! integers of several ([`Bytes`](super::Bytes)). Networks and kernels read through [`Store`] only, so a
//! new type of matrix touches none of them.

use core::fmt::Debug;

use super::dense::add;
use super::{Dense, Lanes, Weight, next};

/// How many weights of each kind a network has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of matrices other than direct terms.
    pub matrix: usize,
    /// Direct terms.
    pub direct: usize,
    /// Biases.
    pub bias: usize,
    /// Learned slopes.
    pub slopes: usize,
    /// Outputs.
    pub outputs: usize,
}

impl Counts {
    /// Weights in all.
    pub const fn total(self) -> usize {
        self.matrix + self.direct + self.bias + self.slopes
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
    /// A direct term.
    type Direct: Weight;
    /// Whether outputs are made of their sums by [`Store::join`] even where there are no direct terms.
    const JOINS: bool = false;

    /// Whether there are as many as a network needs.
    fn fits(self, counts: Counts) -> bool;
    /// The next `n` entries of matrices.
    fn matrix(&mut self, n: usize) -> &'a [Self::Matrix];
    /// The next `n` biases.
    fn bias(&mut self, n: usize) -> &'a [Self::Bias];
    /// The next `n` slopes.
    fn slopes(&mut self, n: usize) -> &'a [Self::Slope];
    /// The next `n` direct terms.
    fn direct(&mut self, n: usize) -> &'a [Self::Direct];

    /// The next layer: sums of biases and a rectangle, and of as many as there are slopes leaky units.
    #[inline(always)]
    fn layer<L: Lanes>(&mut self, lanes: L, slopes: usize, x: &[L::V], out: &mut [L::V]) {
        lanes.dense(self.dense(x.len(), out.len(), slopes), x, out);
    }

    /// [`Store::layer`] without units.
    #[inline(always)]
    fn sums<L: Lanes>(&mut self, lanes: L, x: &[L::V], out: &mut [L::V]) {
        self.layer(lanes, 0, x, out);
    }

    /// Replaces a layer's next sums by leaky units.
    #[inline(always)]
    fn units<L: Lanes>(&mut self, lanes: L, sums: &mut [L::V]) {
        lanes.leaky(sums, self.slopes(sums.len()));
    }

    /// Adds their direct terms to a site's outputs; where there are none, `direct` is empty.
    #[inline(always)]
    fn join<L: Lanes>(&mut self, lanes: L, outputs: &mut [L::V], direct: &[L::V]) {
        add(lanes, outputs, direct);
    }

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
    type Direct = T;

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

    #[inline(always)]
    fn direct(&mut self, n: usize) -> &'a [T] {
        next(self, n)
    }
}
