//! A compiled model as one value that draws rows, for code that is generic over distributions.
//!
//! The module that `model!` writes has `sample`, `log_prob` and the like, which borrow their working
//! memory, and one value of [`Compiled`], which brings its own: it puts it on the stack. With the
//! feature `rand` the value is a `rand::distr::Distribution`, so that `rng.sample(…)`, iterators and
//! whatever else takes a distribution draw from the model.

use core::marker::PhantomData;

use crate::distribution::{self, Distribution};
use crate::domain::Value;
use crate::noise::{FromRng, Rng};
use crate::simd::Level;

/// A part of a compiled model, whose sizes `model!` checked.
#[doc(hidden)]
#[allow(clippy::panic, reason = "only constants call it: the panic is a compile error")]
pub const fn checked<T: Copy>(part: Option<T>) -> T {
    match part {
        Some(part) => part,
        None => panic!("written for another version of `pushforward`"),
    }
}

/// A model of `DIM` values of type `X` and the floats of `SCRATCH` that one row takes.
#[derive(Debug)]
pub struct Compiled<M: 'static, X, const DIM: usize, const SCRATCH: usize> {
    model: &'static M,
    element: PhantomData<X>,
}

impl<M: 'static, X, const DIM: usize, const SCRATCH: usize> Clone for Compiled<M, X, DIM, SCRATCH> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: 'static, X, const DIM: usize, const SCRATCH: usize> Copy for Compiled<M, X, DIM, SCRATCH> {}

impl<M: Distribution, X: Value + Default, const DIM: usize, const SCRATCH: usize>
    Compiled<M, X, DIM, SCRATCH>
{
    /// The model, whose sizes must be `DIM` and `SCRATCH`.
    pub const fn new(model: &'static M) -> Self {
        Self { model, element: PhantomData }
    }

    /// Draws a row and its log-probability (nats; NaN if the draw overflowed) with words of `rng`.
    ///
    /// The words are taken one by one, in the same order at every SIMD level: a
    /// [`SampleRng`](crate::noise::SampleRng) at sample `i` of a seed gives that very sample. Takes
    /// `4 (DIM + SCRATCH)` bytes of stack.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> ([X; DIM], f32) {
        let mut row = [X::default(); DIM];
        let mut log_prob = [0.0];
        let mut scratch = [0.0; SCRATCH];
        let _fits = distribution::sample(
            self.model,
            Level::best(),
            &mut FromRng(rng),
            0,
            &mut row,
            Some(&mut log_prob),
            &mut scratch,
        );
        let [log_prob] = log_prob;
        (row, log_prob)
    }
}

#[cfg(feature = "rand")]
impl<M: Distribution, X: Value + Default, const DIM: usize, const SCRATCH: usize>
    rand::distr::Distribution<[X; DIM]> for Compiled<M, X, DIM, SCRATCH>
{
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> [X; DIM] {
        self.draw(rng).0
    }
}
