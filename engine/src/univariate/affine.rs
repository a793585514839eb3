//! A scale and a shift.

#[cfg(feature = "model")]
use alloc::format;

use super::{Parameters, Univariate};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

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

    /// [`Univariate::parameters`], for constants.
    pub const PARAMETERS: usize = 2;

    #[inline(always)]
    fn log_scale<S: Simd>(&self, s: S, raw: S::F) -> S::F {
        s.mul(s.splat(self.bound), math::tanh(s, s.mul(raw, s.splat(self.inverse))))
    }
}

impl Univariate for Affine {
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

/// `{"kind": "affine", "log_scale_bound": B}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffineSpec {
    /// Bound of each log-scale.
    pub log_scale_bound: f32,
}

#[cfg(feature = "model")]
impl crate::model::UnivariatePart for AffineSpec {
    type Built = Affine;

    fn check(&self, faults: &mut Faults) {
        if Affine::new(self.log_scale_bound).is_none() {
            let expected = format!("{MIN_LOG_SCALE_BOUND} to {MAX_LOG_SCALE_BOUND}");
            faults.wrong("log_scale_bound", self.log_scale_bound, expected);
        }
    }

    fn parameters(&self) -> usize {
        Affine::PARAMETERS
    }

    fn build(&self) -> Option<Affine> {
        Affine::new(self.log_scale_bound)
    }

    fn source(&self, sources: &mut Sources) -> Source {
        sources.code("univariate affine", 3);
        sources.table(2);
        let ty = "engine::univariate::Affine";
        Source::checked(ty, format!("{ty}::new({:?})", self.log_scale_bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bijection::Direction;
    use crate::simd::Scalar;

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
                        let mut given = [raw, 0.5];
                        let (new, slope) = affine.apply(Scalar, direction, value, &mut given);
                        assert!(new.is_finite(), "{bound} {raw} {value} {direction:?}: {new}");
                        assert!(slope.abs() <= bound, "{bound} {raw} {value} {direction:?}");
                    }
                }
            }
        }
    }
}
