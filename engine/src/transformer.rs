//! Transformers: monotone maps of one coordinate, whose parameters a network gives.
//!
//! A flow is made of a *conditioner* (which coordinates a network reads, see [`crate::coupling`] and
//! [`crate::maf`]) and a *transformer*, which moves a coordinate by what the network said
//! (Papamakarios et al. 2021, arXiv:1912.02762, name the two). A transformer is written once, with
//! both directions side by side:
//!
//! ```text
//! density:   z = f(x),    sampling:  x = f⁻¹(z),    both with ln f′(x)
//! ```
//!
//! `ln f′(x)` is what the coordinate adds to ln q, whichever way it goes. There are two:
//! [`Affine`] here, and [`RationalQuadratic`](crate::rational_quadratic::RationalQuadratic).

use crate::kernel::{Lanes, take, take_mut};
use crate::math;
use crate::simd::Simd;

/// Which way a bijection is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From noise to data.
    Sampling,
    /// From data to noise.
    Density,
}

/// A monotone map of one coordinate; see the module.
pub trait Transformer: Copy + Send + Sync + 'static {
    /// Parameters a coordinate, `P`.
    fn parameters(&self) -> usize;
    /// Data to noise: `f(x)` and `ln f′(x)`. The parameters are overwritten.
    fn density<S: Simd>(&self, s: S, x: S::F, parameters: &mut impl Parameters<S>) -> (S::F, S::F);
    /// Noise to data: `x = f⁻¹(z)` and `ln f′(x)`. The parameters are overwritten.
    fn sampling<S: Simd>(&self, s: S, z: S::F, parameters: &mut impl Parameters<S>)
    -> (S::F, S::F);
    /// Either, as `direction` says.
    #[inline(always)]
    fn apply<S: Simd>(
        &self,
        s: S,
        direction: Direction,
        value: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        match direction {
            Direction::Sampling => self.sampling(s, value, parameters),
            Direction::Density => self.density(s, value, parameters),
        }
    }
}

/// The parameters of a vector of coordinates, wherever they lie; also a transformer's scratch.
pub trait Parameters<S: Simd> {
    /// Number `p`; zeros past the end.
    fn get(&self, p: usize) -> S::F;
    /// Replaces number `p`.
    fn set(&mut self, p: usize, value: S::F);
}

/// The parameters of many coordinates: parameter `p` of coordinate `j` of `n` at `p·n + j`; those of
/// vector number `i` of the coordinates.
#[derive(Debug)]
pub(crate) struct Many<'a, L: Lanes> {
    pub(crate) lanes: L,
    pub(crate) values: &'a mut [L::V],
    pub(crate) n: usize,
    pub(crate) i: usize,
}

impl<L: Lanes> Parameters<L::E> for Many<'_, L> {
    #[inline(always)]
    fn get(&self, p: usize) -> <L::E as Simd>::F {
        self.lanes.get(take(take(self.values, p * self.n).1, self.n).0, self.i)
    }

    #[inline(always)]
    fn set(&mut self, p: usize, value: <L::E as Simd>::F) {
        let values = take_mut(take_mut(self.values, p * self.n).1, self.n).0;
        self.lanes.put(values, self.i, value);
    }
}

/// The parameters of one coordinate: vector `r` of each value.
#[derive(Debug)]
pub(crate) struct One<'a, L: Lanes> {
    pub(crate) lanes: L,
    pub(crate) values: &'a mut [L::V],
    pub(crate) r: usize,
}

impl<L: Lanes> Parameters<L::S> for One<'_, L> {
    #[inline(always)]
    fn get(&self, p: usize) -> <L::S as Simd>::F {
        let s = self.lanes.s();
        // No closure around the load: it would not have the level's instructions.
        match self.values.get(p).and_then(|v| v.as_ref().get(self.r)) {
            Some(vector) => s.load(vector),
            None => s.splat(0.0),
        }
    }

    #[inline(always)]
    fn set(&mut self, p: usize, value: <L::S as Simd>::F) {
        if let Some(to) = self.values.get_mut(p).and_then(|v| v.as_mut().get_mut(self.r)) {
            self.lanes.s().store(value, to);
        }
    }
}

/// Least bound of a log-scale: smaller ones hardly scale, and far below it `1 / B` overflows.
pub const MIN_LOG_SCALE_BOUND: f32 = 1.0 / 1024.0;
/// Largest bound of a log-scale: a little beyond it `exp(s)` overflows.
pub const MAX_LOG_SCALE_BOUND: f32 = 80.0;

/// A scale and a shift: `P = 2` parameters, raw log-scale `r` and shift `t`.
///
/// ```text
/// s = B tanh(r / B)            |s| < B
/// sampling:  x = z exp(s) + t
/// density:   z = (x − t) exp(−s)            ln f′ = −s
/// ```
///
/// The two directions undo each other up to two exponentials and four roundings.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    bound: f32,
    inverse: f32,
}

impl Affine {
    /// With bound `B = log_scale_bound` on the log-scale; `None` unless it is from
    /// [`MIN_LOG_SCALE_BOUND`] to [`MAX_LOG_SCALE_BOUND`].
    pub const fn new(log_scale_bound: f32) -> Option<Self> {
        if log_scale_bound >= MIN_LOG_SCALE_BOUND && log_scale_bound <= MAX_LOG_SCALE_BOUND {
            Some(Self { bound: log_scale_bound, inverse: 1.0 / log_scale_bound })
        } else {
            None
        }
    }

    /// [`Transformer::parameters`], for constants.
    pub const PARAMETERS: usize = 2;

    #[inline(always)]
    fn log_scale<S: Simd>(&self, s: S, raw: S::F) -> S::F {
        s.mul(s.splat(self.bound), math::tanh(s, s.mul(raw, s.splat(self.inverse))))
    }
}

impl Transformer for Affine {
    #[inline(always)]
    fn parameters(&self) -> usize {
        Self::PARAMETERS
    }

    #[inline(always)]
    fn density<S: Simd>(&self, s: S, x: S::F, parameters: &mut impl Parameters<S>) -> (S::F, S::F) {
        let log_scale = self.log_scale(s, parameters.get(0));
        unscale(s, x, log_scale, parameters.get(1))
    }

    #[inline(always)]
    fn sampling<S: Simd>(
        &self,
        s: S,
        z: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        let log_scale = self.log_scale(s, parameters.get(0));
        scale(s, z, log_scale, parameters.get(1))
    }
}

/// `z exp(a) + b`, and `−a`.
#[inline(always)]
pub(crate) fn scale<S: Simd>(s: S, z: S::F, log_scale: S::F, shift: S::F) -> (S::F, S::F) {
    let x = s.add(s.mul(z, math::exp(s, log_scale)), shift);
    (x, s.sub(s.splat(0.0), log_scale))
}

/// `(x − b) exp(−a)`, and `−a`.
#[inline(always)]
pub(crate) fn unscale<S: Simd>(s: S, x: S::F, log_scale: S::F, shift: S::F) -> (S::F, S::F) {
    let minus = s.sub(s.splat(0.0), log_scale);
    (s.mul(s.sub(x, shift), math::exp(s, minus)), minus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;

    /// The two parameters of one coordinate.
    struct Given([f32; 2]);
    impl Parameters<Scalar> for Given {
        fn get(&self, p: usize) -> f32 {
            self.0[p]
        }
        fn set(&mut self, p: usize, value: f32) {
            self.0[p] = value;
        }
    }

    #[test]
    fn bounds_that_give_nan_are_refused_and_no_other_gives_any() {
        for bound in [f32::NAN, 0.0, -1.0, 1e-40, 9e-4, 81.0, 3e38, f32::INFINITY] {
            assert!(Affine::new(bound).is_none(), "{bound}");
        }
        for bound in [MIN_LOG_SCALE_BOUND, 1.0, MAX_LOG_SCALE_BOUND] {
            let affine = Affine::new(bound).unwrap();
            for raw in [0.0, 1e-30, 0.3, -50.0, 1e10, -f32::MAX, f32::MAX] {
                for value in [0.0, -1e-30, 6.0] {
                    for direction in [Direction::Sampling, Direction::Density] {
                        let mut given = Given([raw, 0.5]);
                        let (new, slope) = affine.apply(Scalar, direction, value, &mut given);
                        assert!(new.is_finite(), "{bound} {raw} {value} {direction:?}: {new}");
                        assert!(slope.abs() <= bound, "{bound} {raw} {value} {direction:?}");
                    }
                }
            }
        }
    }
}
