//! Parts of a whole: coordinates carried from the real line to positive numbers whose sum is less than a total.
//!
//! K of the coordinates are K of K + 1 parts of a total T; the last part is what they leave, and no
//! coordinate of its own, so the density is that of the K. Each takes its share of what those before have
//! left, `r_i = T − x_1 − … − x_{i−1}`:
//!
//! ```text
//! z_i = ln x_i − ln r_{i+1} + ln(K + 1 − i)       x_i = r_i σ(z_i − ln(K + 1 − i))       i = 1 … K
//! ln f′ = Σ_i ln r_i − ln x_i − ln r_{i+1}
//! ```
//!
//! so that z = 0 is the whole in equal parts. A row with a part or a rest that is not positive scores −∞. There
//! are no parameters. This is Stan's transform of unit simplexes (Carpenter et al. 2017,
//! doi:10.18637/jss.v076.i01; "stick-breaking").
//!
//! A draw does not lie outside: what is left is computed from the parts as they are rounded, in both
//! directions, and no share is less than [`LEAST_SHARE`] or nearer to all than a rounding.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::Lanes;
use crate::math;
#[cfg(feature = "model")]
use crate::model::{
    Faults, LayerPart, Packer, Sizes, Source, Sources, Support, Tensors, real_line,
};
use crate::simd::{Kernel, Scalar, Simd};

/// Least and largest total.
pub const TOTALS: [f32; 2] = [1e-3, 1e6];
/// The least share of what is left that a draw takes.
pub const LEAST_SHARE: f32 = 1e-12;
/// The largest.
pub const MOST_SHARE: f32 = 1.0 - f32::EPSILON;

/// Coordinates that are parts of a total; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Simplex<'a> {
    total: f32,
    parts: &'a [bool],
}

/// How many there are.
fn count(parts: &[bool]) -> usize {
    parts.iter().filter(|part| **part).count()
}

impl<'a> Simplex<'a> {
    /// With the coordinates that are parts; `None` if none is, or the total is not within [`TOTALS`].
    pub fn new(total: f32, parts: &'a [bool]) -> Option<Self> {
        let [least, most] = TOTALS;
        let fits = (least..=most).contains(&total) && count(parts) > 0;
        fits.then(|| Self::trusted(total, parts))
    }

    /// Parts that were checked before, by `model!` or when the model was read. Wrong ones give wrong
    /// values and no panic.
    #[doc(hidden)]
    pub const fn trusted(total: f32, parts: &'a [bool]) -> Self {
        Self { total, parts }
    }
}

/// A part and ln f′ of its place, where so much is left for it and `left` parts.
#[inline(always)]
fn part<S: Simd>(s: S, rest: S::F, left: f32, z: S::F) -> [S::F; 2] {
    let zero = s.splat(0.0);
    let u = s.sub(z, s.splat(math::ln(Scalar, left)));
    let negative = s.lt(u, zero);
    let size = s.select(negative, u, s.sub(zero, u));
    let share = math::sigmoid(s, size);
    let least = s.splat(LEAST_SHARE);
    let small = s.mul(rest, s.select(s.lt(share, least), least, share));
    let most = s.mul(rest, s.splat(MOST_SHARE));
    let large = s.sub(rest, s.mul(rest, share));
    let x = s.select(negative, small, s.select(s.lt(large, most), large, most));
    let bend = math::softplus(s, size);
    let slope = s.sub(s.sub(s.add(bend, bend), size), math::ln(s, rest));
    [x, slope]
}

/// The place of a part and ln f′; 0 and −∞ where it or what it leaves is not positive.
#[inline(always)]
fn place<S: Simd>(s: S, rest: S::F, left: f32, x: S::F) -> [S::F; 2] {
    let (zero, outside) = (s.splat(0.0), s.splat(f32::NEG_INFINITY));
    let after = s.sub(rest, x);
    let (own, other) = (math::ln(s, x), math::ln(s, after));
    let z = s.add(s.sub(own, other), s.splat(math::ln(Scalar, left)));
    let slope = s.sub(s.sub(math::ln(s, rest), own), other);
    let inside = |yes, no| {
        let yes = s.select(s.lt(zero, x), yes, no);
        s.select(s.lt(zero, after), yes, no)
    };
    [inside(z, zero), inside(slope, outside)]
}

/// The way of a part in a direction: what `rest` is after it, its value on the other side, and ln f′.
#[inline(always)]
pub fn step<S: Simd>(s: S, direction: Direction, rest: S::F, left: f32, value: S::F) -> [S::F; 3] {
    let ([new, slope], x) = match direction {
        Direction::Sampling => {
            let [x, slope] = part(s, rest, left, value);
            ([x, slope], x)
        }
        Direction::Density => (place(s, rest, left, value), value),
    };
    [s.sub(rest, x), new, slope]
}

impl Bijection for Simplex<'_> {
    fn fits(&self, dim: usize, _: usize) -> bool {
        self.parts.len() == dim
    }

    fn scratch(&self) -> usize {
        0
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        lanes.call(Run { simplex: *self, lanes, direction, tile });
    }
}

/// The layer at work, in a function of its own.
struct Run<'r, 't, 'a, L: Lanes> {
    simplex: Simplex<'a>,
    lanes: L,
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
}

impl<L: Lanes> Kernel for Run<'_, '_, '_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { simplex: Simplex { total, parts }, lanes, direction, tile } = self;
        let s = lanes.s();
        for r in 0..lanes.splat(0.0).as_ref().len() {
            let (mut rest, mut left) = (s.splat(total), count(parts));
            for (x, _) in tile.x.iter_mut().zip(parts).filter(|(_, part)| **part) {
                let Some(x) = x.as_mut().get_mut(r) else { continue };
                let value = s.load(x);
                let [after, new, slope] = step(s, direction, rest, left as f32, value);
                rest = after;
                left = left.saturating_sub(1);
                s.store(new, x);
                tile.log_prob.add(lanes, r, slope);
            }
        }
    }
}

/// `{"kind": "simplex", "parts": "0110…", "total": 1.0}`: the coordinates that are parts (`1`), of what. No
/// tensors.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimplexSpec {
    /// Per coordinate: whether it is a part.
    #[serde(with = "crate::model::mask_text")]
    pub parts: Vec<bool>,
    /// What the parts, with the last one, sum to.
    pub total: f32,
}

#[cfg(feature = "model")]
impl LayerPart for SimplexSpec {
    type Built<'a> = Simplex<'a>;

    fn check(&self, sizes: Sizes, faults: &mut Faults) {
        if self.parts.len() != sizes.dim {
            faults.wrong("parts", format!("{} coordinates", self.parts.len()), sizes.dim);
        } else if count(&self.parts) == 0 {
            faults.wrong("parts", "all zeros", "at least one part");
        }
        let [least, most] = TOTALS;
        if !(least..=most).contains(&self.total) {
            faults.wrong("total", self.total, format!("{least} to {most}"));
        }
    }

    fn supports(&self, supports: &mut [Support], faults: &mut Faults) {
        for (support, _) in supports.iter_mut().zip(&self.parts).filter(|(_, part)| **part) {
            if *support != Support::Line {
                real_line(*support, faults);
                return;
            }
            *support = Support::Bounded { lower: 0.0, upper: self.total };
        }
    }

    fn tensors(&self, _: Sizes, _: &mut Tensors) {}

    fn pack(&self, _: Sizes, _: &mut Packer<'_>) {}

    fn build<'a>(&'a self, _: Sizes, _: &'a [f32]) -> Simplex<'a> {
        Simplex::trusted(self.total, &self.parts)
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.table(3);
        sources.table_bytes(sizes.dim);
        let (ty, parts) = ("engine::layer::Simplex", &self.parts);
        sources.code(ty, 3);
        Source {
            ty: format!("{ty}<'static>"),
            value: format!("{ty}::trusted({:?}, &{parts:?})", self.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{block, normal};

    #[test]
    fn shares_are_those_of_the_formula_and_never_all() {
        for i in 0..4000u32 {
            let z = 12.0 * normal(Scalar, block([2, 6], [i, 0])[0]);
            let rest = [1.0, 0.3, 1e-5, 100.0][i as usize % 4];
            let left = (1 + i % 5) as f32;
            let [x, slope] = part(Scalar, rest, left, z);
            assert!(0.0 < x && x < rest, "{z}: {x} of {rest}");
            let u = f64::from(z) - f64::from(left).ln();
            let exact = f64::from(rest) / (1.0 + (-u).exp());
            let clipped = exact.clamp(f64::from(rest) * 1e-12, f64::from(rest) * (1.0 - 1.1e-7));
            assert!((f64::from(x) - clipped).abs() < 3e-7 * f64::from(rest), "{z}: {x} {exact}");
            // Where neither share is small, the way back is the same place.
            if u.abs() < 4.0 {
                let [back, other] = place(Scalar, rest, left, x);
                assert!((back - z).abs() < 1e-4 && (slope - other).abs() < 1e-4);
            }
        }
        for x in [0.0, -1.0, 0.3, 0.31, f32::INFINITY] {
            assert_eq!(place(Scalar, 0.3, 2.0, x)[1], f32::NEG_INFINITY, "{x}");
        }
    }
}
