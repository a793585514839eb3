//! Univariate bijections: monotone maps of one coordinate, whose parameters a network gives.
//!
//! A layer with a network is made of a *conditioner* (which coordinates the network reads, see
//! [`crate::layer`]) and a univariate map, which moves a coordinate by what the network said.
//! Papamakarios et al. 2021 (arXiv:1912.02762) call it a transformer; here that word is kept for
//! attention. It is written once, with both directions side by side:
//!
//! ```text
//! density:   z = f(x),    sampling:  x = f⁻¹(z),    both with ln f′(x)
//! ```
//!
//! `ln f′(x)` is what the coordinate adds to ln q, whichever way it goes.

mod affine;
pub mod cubic_rational;
pub mod location_scale;
pub mod mixture_cdf;
pub mod rational_quadratic;
mod sinh;
pub mod soft_clip;

#[cfg(feature = "model")]
pub use affine::AffineSpec;
pub use affine::{Affine, MAX_LOG_SCALE_BOUND, MIN_LOG_SCALE_BOUND};
pub(crate) use affine::{scale, unscale};
pub use cubic_rational::CubicRational;
#[cfg(feature = "model")]
pub use cubic_rational::CubicRationalSpec;
#[cfg(feature = "model")]
pub use location_scale::{LocationScaleSpec, ScaleSpec};
pub use mixture_cdf::MixtureCdf;
#[cfg(feature = "model")]
pub use mixture_cdf::MixtureCdfSpec;
pub use rational_quadratic::RationalQuadratic;
#[cfg(feature = "model")]
pub use rational_quadratic::{AnyRationalQuadratic, KnotsSpec, RationalQuadraticSpec};
#[cfg(feature = "model")]
pub use sinh::SinhSpec;
pub use sinh::{MAX_SINH_BOUND, MIN_SINH_BOUND, Sinh};

use crate::bijection::Direction;
use crate::kernel::{Lanes, take, take_mut};
use crate::simd::Simd;

/// A monotone map of one coordinate; see the module.
pub trait Univariate: Copy + Send + Sync + 'static {
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

/// A univariate map, or one of several that is known at run time only.
///
/// Layers are written for this, so that a choice is made once a layer and what follows is compiled
/// for each map alone. (With the choice in the loop over coordinates, the constants of all maps are
/// loaded for any of them: it cost a single row of small flows a third.)
pub trait UnivariateChoice: Copy + Send + Sync + 'static {
    /// [`Univariate::parameters`].
    fn parameters(&self) -> usize;
    /// Goes on with the map.
    fn choose<K: WithUnivariate>(&self, then: K) -> K::Output;
}

/// Something to do with a map's concrete type.
pub trait WithUnivariate {
    /// What it returns.
    type Output;
    /// Does it. Mark the implementation `#[inline(always)]`.
    fn with<U: Univariate>(self, univariate: U) -> Self::Output;
}

impl<U: Univariate> UnivariateChoice for U {
    #[inline(always)]
    fn parameters(&self) -> usize {
        Univariate::parameters(self)
    }

    #[inline(always)]
    fn choose<K: WithUnivariate>(&self, then: K) -> K::Output {
        then.with(*self)
    }
}

/// The parameters of a vector of coordinates, wherever they lie; also a map's scratch.
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

/// The parameters of one coordinate, in tests.
#[cfg(test)]
impl<T: AsRef<[f32]> + AsMut<[f32]>> Parameters<crate::simd::Scalar> for T {
    fn get(&self, p: usize) -> f32 {
        self.as_ref()[p]
    }

    fn set(&mut self, p: usize, value: f32) {
        self.as_mut()[p] = value;
    }
}
