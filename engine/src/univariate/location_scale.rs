//! A scale and a shift, the scale made by a positive function: the affine maps of other libraries.
//!
//! `P = 2` parameters, raw scale `r` and shift `t`. The scale multiplies in one direction and divides in
//! the other; libraries differ in which, and in the function `g`:
//!
//! ```text
//! a = g(r)
//! multiplies in density:    z = a x + t,   x = (z − t) / a,   ln f′ = ln a
//! multiplies in sampling:   x = a z + t,   z = (x − t) / a,   ln f′ = −ln a
//!
//! exp           a = exp(r)
//! soft_exp      a = exp(r / (1 + |r| / B))        zuko, with B = −ln ε, ε = 1/1000 (in some versions 1/10000)
//! softplus      a = min(ln(1 + exp(r)) + ε, A)    nflows, ε = 1/1000, with or without A = 3
//! sigmoid       a = 1 / (1 + exp(−r − 2)) + ε     nflows and normflows, ε = 1/1000 or 0
//! over_sigmoid  a = 1 + exp(−r − 2)               normflows, whose shift comes after a division by the sigmoid
//! ```
//!
//! Raw scales are taken as −80 below that, and in `exp` as 80 above, which keeps `a` a positive number;
//! weights of a trained model are nowhere near. [`Affine`](super::Affine), whose log-scale is bounded on
//! both sides, is what this project trains by itself. The two directions undo each other up to four
//! roundings of the greater side.

#[cfg(feature = "model")]
use alloc::format;
use core::fmt::Debug;

use super::soft_clip::soft_clip;
#[cfg(feature = "model")]
use super::soft_clip::{self, soft_bound};
use super::{Parameters, Univariate};
use crate::bijection::Direction;
use crate::math::{at_least, at_most, exp, ln, sigmoid, softplus};
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources};
use crate::simd::Simd;

/// Raw scales beyond it are taken as this.
pub const MAX_RAW: f32 = 80.0;
/// What `sigmoid` adds to a raw scale, so that networks start near the identity.
pub const SIGMOID_SHIFT: f32 = 2.0;
/// Largest `ε`.
pub const MAX_LEAST: f32 = 1.0;
/// Least and largest `A` of `softplus`; the largest stands for none.
pub const MOST: [f32; 2] = [1.0 / 1024.0, 1e6];

/// A positive function of a raw scale; see the module.
pub trait ScaleMap: Copy + Debug + Send + Sync + 'static {
    /// The scale and its logarithm.
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F);
}

/// `exp(r)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exp;

/// `exp(r / (1 + |r| / B))`, of [`SOFT_BOUNDS`](super::soft_clip::SOFT_BOUNDS).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftExp(
    /// `B`.
    pub f32,
);

/// `min(ln(1 + exp(r)) + ε, A)`, with [`MAX_LEAST`] and [`MOST`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softplus(
    /// `ε`.
    pub f32,
    /// `A`.
    pub f32,
);

/// `1 / (1 + exp(−r − 2)) + ε`, with [`MAX_LEAST`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigmoid(
    /// `ε`.
    pub f32,
);

/// `1 + exp(−r − 2)`, one over the sigmoid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverSigmoid;

/// At least −80.
#[inline(always)]
fn above<S: Simd>(s: S, raw: S::F) -> S::F {
    at_least(s, raw, -MAX_RAW)
}

impl ScaleMap for Exp {
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F) {
        let log = at_most(s, above(s, raw), MAX_RAW);
        (exp(s, log), log)
    }
}

impl ScaleMap for SoftExp {
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F) {
        let log = soft_clip(s, raw, self.0);
        (exp(s, log), log)
    }
}

impl ScaleMap for Softplus {
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F) {
        let scale = s.add(softplus(s, above(s, raw)), s.splat(self.0));
        let scale = at_most(s, scale, self.1);
        (scale, ln(s, scale))
    }
}

impl ScaleMap for Sigmoid {
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F) {
        let raw = s.add(above(s, raw), s.splat(SIGMOID_SHIFT));
        let scale = s.add(sigmoid(s, raw), s.splat(self.0));
        (scale, ln(s, scale))
    }
}

impl ScaleMap for OverSigmoid {
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F) {
        let raw = s.sub(s.splat(-SIGMOID_SHIFT), above(s, raw));
        (s.add(exp(s, raw), s.splat(1.0)), softplus(s, raw))
    }
}

/// A scale and a shift; see the module.
#[derive(Clone, Copy, Debug)]
pub struct LocationScale<M> {
    map: M,
    multiplies: Direction,
}

impl<M: ScaleMap> LocationScale<M> {
    /// With scales of this function, which multiply in this direction.
    pub const fn new(map: M, multiplies: Direction) -> Self {
        Self { map, multiplies }
    }

    /// [`Univariate::parameters`], for constants.
    pub const PARAMETERS: usize = 2;

    #[inline(always)]
    fn map<S: Simd>(
        &self,
        s: S,
        direction: Direction,
        value: S::F,
        parameters: &impl Parameters<S>,
    ) -> (S::F, S::F) {
        let ((scale, log), shift) = (self.map.scale(s, parameters.get(0)), parameters.get(1));
        let new = if direction == self.multiplies {
            s.add(s.mul(scale, value), shift)
        } else {
            s.div(s.sub(value, shift), scale)
        };
        let slope = match self.multiplies {
            Direction::Density => log,
            Direction::Sampling => s.sub(s.splat(0.0), log),
        };
        (new, slope)
    }
}

impl<M: ScaleMap> Univariate for LocationScale<M> {
    #[inline(always)]
    fn parameters(&self) -> usize {
        Self::PARAMETERS
    }

    #[inline(always)]
    fn density<S: Simd>(&self, s: S, x: S::F, parameters: &mut impl Parameters<S>) -> (S::F, S::F) {
        self.map(s, Direction::Density, x, parameters)
    }

    #[inline(always)]
    fn sampling<S: Simd>(
        &self,
        s: S,
        z: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        self.map(s, Direction::Sampling, z, parameters)
    }
}

/// A function of a raw scale, by its name in files: `"exp"`, `{"soft_exp": {"least": ε}}`,
/// `{"softplus": {"least": ε, "most": A}}` (without `most` there is no largest scale), `{"sigmoid":
/// {"least": ε}}`, `"over_sigmoid"`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScaleSpec {
    /// [`Exp`]
    Exp,
    /// [`SoftExp`]
    SoftExp {
        /// ε, the least scale.
        least: f32,
    },
    /// [`Softplus`]
    Softplus {
        /// `ε`.
        least: f32,
        /// `A`.
        #[serde(default = "no_most", skip_serializing_if = "is_no_most")]
        most: f32,
    },
    /// [`Sigmoid`]
    Sigmoid {
        /// `ε`.
        least: f32,
    },
    /// [`OverSigmoid`]
    OverSigmoid,
}

#[cfg(feature = "model")]
fn no_most() -> f32 {
    MOST[1]
}

#[cfg(feature = "model")]
fn is_no_most(most: &f32) -> bool {
    *most == no_most()
}

/// A function of a raw scale of which only a file says what it is.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the functions' own types say it")]
pub enum AnyScale {
    Exp(Exp),
    SoftExp(SoftExp),
    Softplus(Softplus),
    Sigmoid(Sigmoid),
    OverSigmoid(OverSigmoid),
}

#[cfg(feature = "model")]
impl ScaleMap for AnyScale {
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, raw: S::F) -> (S::F, S::F) {
        match self {
            Self::Exp(map) => map.scale(s, raw),
            Self::SoftExp(map) => map.scale(s, raw),
            Self::Softplus(map) => map.scale(s, raw),
            Self::Sigmoid(map) => map.scale(s, raw),
            Self::OverSigmoid(map) => map.scale(s, raw),
        }
    }
}

#[cfg(feature = "model")]
impl ScaleSpec {
    /// The function.
    pub fn build(self) -> AnyScale {
        match self {
            Self::Exp => AnyScale::Exp(Exp),
            Self::SoftExp { least } => AnyScale::SoftExp(SoftExp(soft_bound(least))),
            Self::Softplus { least, most } => AnyScale::Softplus(Softplus(least, most)),
            Self::Sigmoid { least } => AnyScale::Sigmoid(Sigmoid(least)),
            Self::OverSigmoid => AnyScale::OverSigmoid(OverSigmoid),
        }
    }
}

/// `{"kind": "location_scale", "scale": "exp", "multiplies": "density"}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocationScaleSpec {
    /// What makes a scale of a raw one.
    pub scale: ScaleSpec,
    /// The direction in which it multiplies.
    pub multiplies: Direction,
}

#[cfg(feature = "model")]
impl crate::model::UnivariatePart for LocationScaleSpec {
    type Built = LocationScale<AnyScale>;

    fn check(&self, faults: &mut Faults) {
        let mut within = |field: &str, found: f32, [least, most]: [f32; 2]| {
            if !(least..=most).contains(&found) {
                faults.wrong(field, found, format!("{least} to {most}"));
            }
        };
        match self.scale {
            ScaleSpec::Exp | ScaleSpec::OverSigmoid => {}
            ScaleSpec::SoftExp { least } => {
                within("scale.soft_exp.least", least, soft_clip::SOFT_LEAST);
            }
            ScaleSpec::Sigmoid { least } => within("scale.sigmoid.least", least, [0.0, MAX_LEAST]),
            ScaleSpec::Softplus { least, most } => {
                within("scale.softplus.least", least, [0.0, MAX_LEAST]);
                within("scale.softplus.most", most, MOST);
            }
        }
    }

    fn parameters(&self) -> usize {
        LocationScale::<AnyScale>::PARAMETERS
    }

    fn build(&self) -> Option<Self::Built> {
        Some(LocationScale::new(self.scale.build(), self.multiplies))
    }

    fn source(&self, sources: &mut Sources) -> Source {
        let path = "engine::univariate::location_scale";
        let (ty, value) = match self.scale {
            ScaleSpec::Exp => ("Exp", format!("{path}::Exp")),
            ScaleSpec::SoftExp { least } => {
                ("SoftExp", format!("{path}::SoftExp({:?})", soft_bound(least)))
            }
            ScaleSpec::Softplus { least, most } => {
                ("Softplus", format!("{path}::Softplus({least:?}, {most:?})"))
            }
            ScaleSpec::Sigmoid { least } => ("Sigmoid", format!("{path}::Sigmoid({least:?})")),
            ScaleSpec::OverSigmoid => ("OverSigmoid", format!("{path}::OverSigmoid")),
        };
        let ty = format!("{path}::LocationScale<{path}::{ty}>");
        sources.code(&ty, 3);
        sources.table(3);
        let direction = format!("engine::bijection::Direction::{:?}", self.multiplies);
        Source { value: format!("{path}::LocationScale::new({value}, {direction})"), ty }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bijection::Direction::{Density, Sampling};
    use crate::noise::{block, normal};
    use crate::simd::Scalar;

    fn all() -> impl Iterator<Item = LocationScale<AnyScale>> {
        let maps = [
            ScaleSpec::Exp,
            ScaleSpec::SoftExp { least: 1e-3 },
            ScaleSpec::SoftExp { least: 0.75 },
            ScaleSpec::Softplus { least: 1e-3, most: no_most() },
            ScaleSpec::Softplus { least: 1e-3, most: 3.0 },
            ScaleSpec::Softplus { least: 0.0, most: no_most() },
            ScaleSpec::Sigmoid { least: 1e-3 },
            ScaleSpec::Sigmoid { least: 0.0 },
            ScaleSpec::OverSigmoid,
        ];
        let directions = [Density, Sampling];
        maps.into_iter().flat_map(move |map| directions.map(|d| LocationScale::new(map.build(), d)))
    }

    #[test]
    fn any_raw_scale_gives_a_positive_scale_and_its_logarithm() {
        let extremes = [0.0, -0.0, 1e-30, -1e-30, 1e10, -1e10, f32::MAX, -f32::MAX];
        let normals = (0..2000u32).map(|i| 30.0 * normal(Scalar, block([4, 4], [i, 0])[0]));
        for raw in extremes.into_iter().chain(normals) {
            for LocationScale { map, .. } in all() {
                let (scale, log) = map.scale(Scalar, raw);
                assert!(scale > 0.0 && scale.is_finite(), "{map:?} {raw}: {scale}");
                let expected = f64::from(scale).ln();
                let error = (f64::from(log) - expected).abs();
                // exp rounds its argument's last digit by so much.
                let allowed = 3e-7 * (1.0 + expected.abs());
                assert!(error < allowed, "{map:?} {raw}: {log} for {expected}");
            }
        }
    }

    #[test]
    fn directions_undo_each_other() {
        for i in 0..2000u32 {
            let [a, b] = block([4, 5], [i, 0]).map(|word| normal(Scalar, word));
            for map in all() {
                let mut given = [2.0 * a, b];
                let x = 3.0 * b - a;
                let (z, slope) = map.apply(Scalar, Density, x, &mut given);
                let (back, again) = map.apply(Scalar, Sampling, z, &mut given);
                let (scale, _) = map.map.scale(Scalar, 2.0 * a);
                let scale = if map.multiplies == Density { 1.0 / scale } else { scale };
                let size = x.abs() + b.abs() + (z.abs() + b.abs()) * scale;
                assert!((back - x).abs() < 3e-7 * size, "{map:?}: {x} and {back}");
                assert_eq!(slope.to_bits(), again.to_bits());
            }
        }
    }
}
