//! How one feature is held: what a model is written over.

use super::{Dense, Store, Sum, Weight, leaky};
use crate::simd::{Kernel, Simd};

/// How one feature is held, and the kernels on features; see [`kernel`](super).
pub trait Lanes: Copy {
    /// The level of operations on one feature.
    type S: Simd;
    /// The level of operations on many features, one like the other: a lane is a sample in
    /// [`Batch`](super::Batch) and a feature in [`Single`](super::Single).
    type E: Simd;
    /// One feature: `R` vectors of samples.
    type V: Copy + AsRef<[<Self::S as Simd>::Array]> + AsMut<[<Self::S as Simd>::Array]>;
    /// The same features with integers in them.
    type Integers: Lanes<V = Self::V>;
    /// Samples held by a value.
    const SAMPLES: usize;

    /// The level's token.
    fn s(self) -> Self::S;
    /// The same level with integers.
    fn integers(self) -> Self::Integers;
    /// A value with all lanes equal.
    fn splat(self, x: f32) -> Self::V;
    /// A buffer seen as values; the remainder is left out.
    fn values(buffer: &mut [f32]) -> &mut [Self::V];
    /// Vectors of the level [`Lanes::E`] that hold `n` features.
    fn vectors(n: usize) -> usize;
    /// The level's token.
    fn e(self) -> Self::E;
    /// Vector number `i` of these features; zeros past their end.
    fn get(self, features: &[Self::V], i: usize) -> <Self::E as Simd>::F;
    /// Replaces vector number `i` of these features.
    fn put(self, features: &mut [Self::V], i: usize, x: <Self::E as Simd>::F);
    /// One weight a feature, for vector number `i` of the features; zeros past their end.
    fn weights<T: Weight>(self, weights: &[T], i: usize) -> <Self::E as Simd>::F;
    /// Adds vector number `i` of `n` features to a sum over features, in ascending order.
    fn sum(self, sum: &mut Sum<Self::V>, i: usize, n: usize, x: <Self::E as Simd>::F);

    /// Runs a layer of `x.len()` inputs and `out.len()` outputs.
    fn dense<'w, W: Store<'w>>(self, layer: Dense<'w, W>, x: &[Self::V], out: &mut [Self::V]);

    /// Adds a rectangle of `x.len() × acc.len()` packed weights: `acc[o] += Σ_i w[i][o] x[i]`,
    /// inputs ascending.
    fn rectangle<T: Weight>(self, weights: &[T], x: &[Self::V], acc: &mut [Self::V]);

    /// Leaky units with learned slopes, as many as there are of both.
    #[inline(always)]
    fn leaky<T: Weight>(self, units: &mut [Self::V], slopes: &[T]) {
        leaky(self, units, slopes);
    }

    /// Runs `then` in a function of its own, compiled for the level of the dense kernels.
    fn call<K: Kernel>(self, then: K) -> K::Output;
}
