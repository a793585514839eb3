//! Flows: noise of a [`Base`] carried to data by a [`Bijection`].
//!
//! ```text
//! x = f⁻¹(z),  z ~ base          ln q(x) = ln base(f(x)) + ln |det ∂f/∂x|
//! ```
//!
//! The families of the literature are choices of layers: [`Coupling`](crate::layer::coupling) with an
//! affine [`Univariate`](crate::univariate) is RealNVP, with a spline a neural spline flow;
//! [`Autoregressive`](crate::layer::autoregressive) is MAF or IAF. Layers of any kind may follow one
//! another.
//!
//! # The value of a draw, and the density at its row
//! A draw returns ln q along its path; scoring inverts the row, which was rounded to `f32`. Each
//! layer rounds once on either way, and a rounding is passed on by all layers that follow, so the
//! two values differ by more than roundings of their own. To first order that is what the
//! roundings do to the densities between the layers. With `h_l` the values after `l` of the `L`
//! layers (`h_0 = z` the noise, `h_L = x` the row), `q_l` their density, `J_l = ∂z/∂h_l` the
//! Jacobian from there to the noise, and Euclidean norms,
//!
//! ```text
//! |ln q_path − ln q(x)|  ≤  16 · 2⁻²⁴ · Σ_{l=0…L} (d + (1 + ‖h_l‖) ‖∇ ln q_l(h_l)‖)
//!
//! ∇ ln q_l(h_l) = J_lᵀ ∇ ln base(z) + ∇ ln |det J_l|
//! ```
//!
//! where that is below one nat; a term is, but for d, the condition number of `ln q_l`. A flow of
//! moderate slopes has terms of a few d, and its values differ by 10⁻⁵ and less. Where Jacobians are
//! ill-conditioned (random weights of standard deviation 1 over √fan-in do it, eight layers deep)
//! it is 10⁻² to 1, and where the bound exceeds one nat, `f32` may have no digits left for ln q.
//! The test `conditioning` holds flows of all layers of this crate to it, with Jacobians in `f64`,
//! and `check` any model. It bounds either value's distance from the density in exact arithmetic too:
//! neither is the better one. They agree where one and the same number is wanted for one and the
//! same row: [`sample_scored`](crate::distribution::sample_scored) returns the second.

use core::marker::PhantomData;

use crate::base::Base;
use crate::bijection::{Bijection, Direction, Tile};
use crate::distribution::{Distribution, Draws};
use crate::domain::{Domain, Kind};
use crate::kernel::{Arith, Fused, Lanes, Sum};
use crate::noise::Noise;

/// A base distribution carried through layers, from noise to data.
#[derive(Clone, Copy, Debug)]
pub struct Flow<B, F, A = Fused> {
    dim: usize,
    context: usize,
    scratch: usize,
    base: B,
    layers: F,
    arith: PhantomData<A>,
}

impl<B: Base, F: Bijection, A: Arith> Flow<B, F, A> {
    /// A flow over `dim` coordinates, conditioned on `context` values; `None` if the base or a layer
    /// is made for another number of them, or there are no coordinates.
    pub fn new(dim: usize, context: usize, base: B, layers: F) -> Option<Self> {
        let fits = dim > 0 && base.fits(dim) && layers.fits(dim, context);
        let scratch = layers.scratch();
        fits.then(|| Self::trusted([dim, context, scratch], base, layers))
    }
}

impl<B, F, A> Flow<B, F, A> {
    /// A flow whose sizes were checked before, by `model!` or when the model was read: coordinates,
    /// context, and what [`Bijection::scratch`] gives. Wrong sizes give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted([dim, context, scratch]: [usize; 3], base: B, layers: F) -> Self {
        Self { dim, context, scratch, base, layers, arith: PhantomData }
    }
}

impl<B: Base, F: Bijection, A: Arith> Distribution for Flow<B, F, A> {
    type Arith = A;

    #[inline(always)]
    fn domain(&self) -> Domain<'_> {
        Domain::Uniform(Kind::Real)
    }

    #[inline(always)]
    fn dim(&self) -> usize {
        self.dim
    }

    #[inline(always)]
    fn context(&self) -> usize {
        self.context
    }

    #[inline(always)]
    fn scratch(&self) -> usize {
        self.scratch
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(
        &self,
        lanes: L,
        draws: &mut Draws<L, N>,
        context: &[L::V],
        x: &mut [L::V],
        _want_log_prob: bool,
        scratch: &mut [L::V],
    ) -> L::V {
        let mut log_prob = Sum::zero(lanes);
        self.base.draw(lanes, draws, x);
        self.base.log_prob(lanes, x, &mut log_prob);
        let mut tile = Tile { x, log_prob: &mut log_prob, context, scratch };
        self.layers.apply(lanes, Direction::Sampling, &mut tile);
        log_prob.value(lanes)
    }

    #[inline(always)]
    fn score<L: Lanes>(
        &self,
        lanes: L,
        context: &[L::V],
        x: &mut [L::V],
        scratch: &mut [L::V],
    ) -> L::V {
        let mut log_prob = Sum::zero(lanes);
        let mut tile = Tile { x, log_prob: &mut log_prob, context, scratch };
        self.layers.apply(lanes, Direction::Density, &mut tile);
        self.base.log_prob(lanes, tile.x, tile.log_prob);
        log_prob.value(lanes)
    }
}
