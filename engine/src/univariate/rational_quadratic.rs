//! The monotone rational-quadratic spline: a map that bends.
//!
//! Gregory & Delbourgo 1982 (IMA J. Numer. Anal. 2, 123); as part of a flow Durkan et al.
//! 2019, arXiv:1906.04032. On `[−B, B]` the map is made of `K` bins between knots `(X_k, Y_k)` with
//! given slopes `δ_k` at the knots; what it is at the ends and beyond say its [`Tails`]. Both `f` and
//! `f⁻¹` are closed forms.
//!
//! ```text
//! P parameters: K widths, K heights, then slopes, unnormalised
//! X_0 = −B,  X_k = X_{k−1} + 2B (m + (1 − mK) softmax(widths)_k),  X_K = B;  Y_k the same
//! δ_k = d + softplus(slope_k + c)                            m = d = 10⁻³, δ(0) = 1
//!
//! in a bin of width w and height h, with s = h/w, a = δ_k, b = δ_{k+1},
//! t = (x − X_k)/w, v = (X_{k+1} − x)/w:            η = (y − Y_k)/h, ν = (Y_{k+1} − y)/h:
//!   D = s (t² + v²) + (a + b) t v                    g = a ν − b η,  r = √(g² + 4 s² η ν)
//!   η = t (s t + a v)/D,  ν = v (s v + b t)/D        g ≥ 0:  t : v = 2 s η : r + g
//!   f′ = s² (b t² + 2 s t v + a v²)/D²               g < 0:  t : v = r − g : 2 s ν
//! ```
//!
//! and `t + v = 1` in both. All parameters zero is the identity.
//!
//! # Other libraries
//! What makes knots of parameters is a type, as the tails are. [`Floored`], above, is that of nflows,
//! normflows and of what is trained here; nflows' couplings divide widths and heights by the root of
//! the conditioner's width, which is a factor of its last layer's weights, and add no `c` to slopes,
//! which is a part of their biases. [`SoftClipped`] is zuko's, where no bin has a least width:
//!
//! ```text
//! B' = −ln ε,   soft(r, b) = r / (1 + |r| / b)                        ε = 10⁻³
//! X_k = X_{k−1} + 2B softmax(soft(widths, B'/2))_k,   Y_k the same,   δ_k = exp(soft(slope_k, B'))
//! ```
//!
//! A bin is then narrower than another by a factor ε at most, and slopes are from ε to 1/ε.
//!
//! # Tails
//! | tails | P | slopes | beyond `[−B, B]` |
//! |---|---|---|---|
//! | linear | 3K − 1 | `δ_1 … δ_{K−1}`; `δ_0 = δ_K = 1` | the identity |
//! | box | 3K + 1 | `δ_0 … δ_K` | nothing: density 0 |
//! | circular | 3K | `δ_0 … δ_{K−1}`; `δ_K = δ_0` | nothing: −B and B are one point |
//! | free | 3K + 1 | `δ_0 … δ_K` | the identity |
//! | half turn | 3K − 1 | `δ_1 … δ_{K−1}`; `δ_0 = δ_K = 1` | nothing: −B and B are one point |
//!
//! Circular splines are those of Rezende et al. 2020, arXiv:2002.02428: the seam stays where it is and
//! the slope is continuous across it, so the density on the circle is. Box and circular splines are
//! bijections of a box's coordinate and of an angle, not of the real line, and the noise that they
//! start from has to lie there too. Their results are held to the interval, which a rounding might
//! leave by a unit in the last place.
//!
//! With a half turn a circle is cut opposite its seam: `f(x)` is that of `x ± B`, the one that lies on the
//! circle. That is zuko's circular spline, whose slope where it is cut is 1; layer after layer the cut
//! is at the other end.
//!
//! Free tails are of layers that move angles and real numbers at once, as normflows' do: what an end's slope
//! is, say the weights that make it (1 for a real number, that of the other end for an angle), and an angle
//! is never beyond. Nothing holds them there in training, so they are for models that were trained elsewhere.
//!
//! Tails are a type, not a value, so that a program for one kind holds nothing of the others.
//!
//! # The inverse
//! The textbook inverse takes the root of a quadratic whose discriminant is a difference; in `f32`
//! it can come out negative, and the implementations in Python then clamp it or stop. Here `1 − t`
//! is not computed from `t`: `t` and `v` (and `η` and `ν`) are distances from *both* knots, each
//! taken by one subtraction, and then every expression above is a sum of terms that are not
//! negative. The discriminant `(a ν + b η)² − 4 η ν (a b − s²)` of the textbook becomes
//! `g² + 4 s² η ν`. Nothing cancels, nothing is clamped, no Newton step is needed, and no input can
//! make it panic. A result is measured from the nearer knot.
//!
//! Both directions build the same knots by the same operations, so they are inverses of one and the
//! same function. What a round trip loses is conditioning: `x` is rounded to an `f32`, so
//! `f(f⁻¹(y))` misses `y` by a rounding of `x` times the slope, and `f⁻¹(f(x))` misses `x` by a
//! rounding of `y` over the slope. Measured over 2·10⁵ points for each `B` = 3, 4, 5, with `K = 8` and
//! all parameters normal with standard deviation sd (`tests/spline.rs` asserts bounds about twice
//! these):
//!
//! | sd | max ǀy − f(f⁻¹(y))ǀ | the same over B (1 + f′) | max ǀx − f⁻¹(f(x))ǀ | over B (1 + 1/f′) | ln f′ of the two directions |
//! |----|------|------|------|------|------|
//! | 1  | 6.5e-5 | 1.0e-7 | 2.7e-3 | 8.6e-8 | 1.3e-4 |
//! | 4  | 4.7e-4 | 2.1e-7 | 1.3 | 4.1e-7 | 5.3e-3 |
//! | 10 | 4.7e-4 | 3.1e-7 | 3.7 | 3.0e-5 | 5.0e-3 |
//!
//! `2⁻²⁴ = 6e-8`: the second column is a rounding or a few. The third is large because such splines
//! have flat stretches (f′ = 10⁻⁸) of which all points share one `f32` as their value; no inverse
//! could tell them apart, and one of them is what comes back.
//!
//! # Order and arithmetic
//! Sums run over ascending bins; operations are plain in both arithmetics, as in [`crate::math`].
//! The bin is found by comparisons and selections, without a branch.

#[cfg(feature = "model")]
use alloc::format;

use core::marker::PhantomData;

use super::soft_clip::soft_clip;
#[cfg(feature = "model")]
use super::soft_clip::{self, soft_bound};
use super::{Parameters, Univariate};
#[cfg(feature = "model")]
use super::{UnivariateChoice, WithUnivariate};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{Faults, Source, Sources, Support};
use crate::simd::Simd;

/// Least width and height of a bin, of the whole.
pub const MIN_BIN: f32 = 1e-3;
/// Least slope at a knot.
pub const MIN_DERIVATIVE: f32 = 1e-3;
/// `ln(e^(1 − d) − 1)`, so that a parameter 0 gives the slope 1.
pub const DERIVATIVE_SHIFT: f32 = 0.539_742_35;
/// Most bins: the least widths of all must leave room.
pub const MAX_BINS: usize = 64;

/// Least bound of the interval: a narrower one moves nothing that noise of unit size would show.
pub const MIN_BOUND: f32 = 1.0 / 1024.0;
/// Largest bound of the interval: beyond it even the least bin is wider than noise of unit size
/// reaches, and far beyond it the knots overflow.
pub const MAX_BOUND: f32 = 1e4;

/// What a spline is at the ends of its interval and beyond; see the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "model", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "model", serde(rename_all = "snake_case"))]
pub enum Tails {
    /// The identity beyond.
    #[default]
    Linear,
    /// Nothing beyond, with a slope for each end.
    Box,
    /// Nothing beyond, with one slope for both ends.
    Circular,
    /// Nothing beyond, with slope 1 at both ends, after half a turn.
    HalfTurn,
    /// The identity beyond, with a slope for each end.
    Free,
}

impl Tails {
    /// Parameters of a spline with `bins` bins.
    pub const fn parameters(self, bins: usize) -> usize {
        match self {
            Tails::Linear | Tails::HalfTurn => (3 * bins).saturating_sub(1),
            Tails::Box | Tails::Free => 3 * bins + 1,
            Tails::Circular => 3 * bins,
        }
    }

    /// The parameter that the slope at knot `0 … bins` is made of; `None` where it is 1.
    #[inline(always)]
    pub const fn slope(self, bins: usize, knot: usize) -> Option<usize> {
        match self {
            Tails::Linear | Tails::HalfTurn if knot == 0 || knot == bins => None,
            Tails::Linear | Tails::HalfTurn => Some(2 * bins + knot - 1),
            Tails::Circular if knot == bins => Some(2 * bins),
            Tails::Box | Tails::Free | Tails::Circular => Some(2 * bins + knot),
        }
    }

    /// Whether they are the usual ones.
    pub const fn is_linear(&self) -> bool {
        matches!(self, Tails::Linear)
    }

    /// Whether the spline is the identity beyond its interval.
    pub const fn goes_on(self) -> bool {
        matches!(self, Tails::Linear | Tails::Free)
    }

    /// Whether the slope at both ends is 1.
    pub const fn ends_are_fixed(self) -> bool {
        matches!(self, Tails::Linear | Tails::HalfTurn)
    }
}

/// Tails as a type.
pub trait KnownTails: Copy + Send + Sync + 'static {
    /// Which ones.
    const TAILS: Tails;
}

/// [`Tails::Linear`]
#[derive(Clone, Copy, Debug)]
pub struct Linear;
impl KnownTails for Linear {
    const TAILS: Tails = Tails::Linear;
}

/// [`Tails::Box`]
#[derive(Clone, Copy, Debug)]
pub struct Boxed;
impl KnownTails for Boxed {
    const TAILS: Tails = Tails::Box;
}

/// [`Tails::Circular`]
#[derive(Clone, Copy, Debug)]
pub struct Circular;
impl KnownTails for Circular {
    const TAILS: Tails = Tails::Circular;
}

/// [`Tails::HalfTurn`]
#[derive(Clone, Copy, Debug)]
pub struct HalfTurned;
impl KnownTails for HalfTurned {
    const TAILS: Tails = Tails::HalfTurn;
}

/// [`Tails::Free`]
#[derive(Clone, Copy, Debug)]
pub struct Freed;
impl KnownTails for Freed {
    const TAILS: Tails = Tails::Free;
}

/// What makes knots of parameters; see the module.
pub trait Knots: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// `B'`, if parameters are soft-clipped; otherwise bins have a least width and knots a least slope.
    fn clip(self) -> Option<f32>;
}

/// Bins of a least width, knots of a least slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floored;

/// Parameters within a bound `B'`, of [`SOFT_BOUNDS`](super::soft_clip::SOFT_BOUNDS).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftClipped(
    /// `B'`.
    pub f32,
);

impl Knots for Floored {
    #[inline(always)]
    fn clip(self) -> Option<f32> {
        None
    }
}

impl Knots for SoftClipped {
    #[inline(always)]
    fn clip(self) -> Option<f32> {
        Some(self.0)
    }
}

/// A monotone rational-quadratic spline on `[−bound, bound]`; see the module.
#[derive(Clone, Copy, Debug)]
pub struct RationalQuadratic<T = Linear, N = Floored> {
    bins: usize,
    bound: f32,
    knots: N,
    tails: PhantomData<T>,
}

/// The bin that a coordinate lies in: its knots, and the slopes there.
struct Bin<F> {
    x: [F; 2],
    y: [F; 2],
    slope: [F; 2],
}

impl RationalQuadratic {
    /// With linear tails and [`Floored`] knots; otherwise [`RationalQuadratic::with_knots`].
    pub const fn new(bins: usize, bound: f32) -> Option<Self> {
        Self::with_tails(bins, bound)
    }
}

impl<T: KnownTails> RationalQuadratic<T> {
    /// With [`Floored`] knots.
    pub const fn with_tails(bins: usize, bound: f32) -> Option<Self> {
        Self::with_knots(bins, bound, Floored)
    }
}

impl<T: KnownTails, N: Knots> RationalQuadratic<T, N> {
    /// With `bins` bins (2 to [`MAX_BINS`]) on `[−bound, bound]` ([`MIN_BOUND`] to [`MAX_BOUND`]), or
    /// `None`.
    pub const fn with_knots(bins: usize, bound: f32, knots: N) -> Option<Self> {
        if bins >= 2 && bins <= MAX_BINS && bound >= MIN_BOUND && bound <= MAX_BOUND {
            Some(Self { bins, bound, knots, tails: PhantomData })
        } else {
            None
        }
    }

    /// The least width and height of a bin, of the whole.
    #[inline(always)]
    fn least(&self) -> f32 {
        match self.knots.clip() {
            None => MIN_BIN,
            Some(_) => 0.0,
        }
    }

    /// The slope at a knot.
    #[inline(always)]
    fn slope<S: Simd>(&self, s: S, u: S::F) -> S::F {
        match self.knots.clip() {
            None => derivative(s, u),
            Some(bound) => math::exp(s, soft_clip(s, u, bound)),
        }
    }

    /// Replaces widths and heights by exponentials, and returns the factors that make those the
    /// parts of bins above the least. The two go side by side because each is a chain of
    /// dependent operations.
    #[inline(always)]
    fn exponentials<S: Simd>(&self, s: S, parameters: &mut impl Parameters<S>) -> [S::F; 2] {
        let bins = self.bins;
        if let Some(bound) = self.knots.clip() {
            for k in 0..2 * bins {
                let u = parameters.get(k);
                parameters.set(k, soft_clip(s, u, 0.5 * bound));
            }
        }
        let (mut widest, mut tallest) = (parameters.get(0), parameters.get(bins));
        for k in 1..bins {
            let (w, h) = (parameters.get(k), parameters.get(bins + k));
            widest = s.select(s.lt(widest, w), w, widest);
            tallest = s.select(s.lt(tallest, h), h, tallest);
        }
        let (mut widths, mut heights) = (s.splat(0.0), s.splat(0.0));
        for k in 0..bins {
            let (w, h) = (parameters.get(k), parameters.get(bins + k));
            let w = math::exp_nonpositive(s, s.sub(w, widest));
            let h = math::exp_nonpositive(s, s.sub(h, tallest));
            parameters.set(k, w);
            parameters.set(bins + k, h);
            widths = s.add(widths, w);
            heights = s.add(heights, h);
        }
        let whole = s.splat(2.0 * self.bound * (1.0 - self.least() * bins as f32));
        [s.div(whole, widths), s.div(whole, heights)]
    }

    /// The parameter of the slope at one of the ends.
    #[inline(always)]
    fn end<S: Simd>(&self, s: S, knot: usize, parameters: &mut impl Parameters<S>) -> S::F {
        match T::TAILS.slope(self.bins, knot) {
            Some(p) => parameters.get(p),
            None => s.splat(0.0),
        }
    }

    /// The last bin whose first knot is not beyond `at`, by `x` or by `y`.
    #[inline(always)]
    fn bin<S: Simd>(
        &self,
        s: S,
        by_y: bool,
        at: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> Bin<S::F> {
        let (low, high, zero) = (s.splat(-self.bound), s.splat(self.bound), s.splat(0.0));
        let least = s.splat(2.0 * self.bound * self.least());
        let [wide, tall] = self.exponentials(s, parameters);
        let mut found = Bin { x: [low; 2], y: [low; 2], slope: [zero; 2] };
        let inner = 2 * self.bins + if T::TAILS.ends_are_fixed() { 0 } else { 1 };
        let (mut x, mut y, mut slope) = (low, low, self.end(s, 0, parameters));
        for k in 0..self.bins {
            let (next_x, next_y, next_slope) = if k + 1 < self.bins {
                let width = s.add(least, s.mul(wide, parameters.get(k)));
                let height = s.add(least, s.mul(tall, parameters.get(self.bins + k)));
                (s.add(x, width), s.add(y, height), parameters.get(inner + k))
            } else {
                (high, high, self.end(s, self.bins, parameters))
            };
            let beyond = s.lt(at, if by_y { y } else { x });
            found = Bin {
                x: select(s, beyond, found.x, [x, next_x]),
                y: select(s, beyond, found.y, [y, next_y]),
                slope: select(s, beyond, found.slope, [slope, next_slope]),
            };
            (x, y, slope) = (next_x, next_y, next_slope);
        }
        let [a, b] = found.slope;
        Bin { slope: [self.slope(s, a), self.slope(s, b)], ..found }
    }

    /// Half a turn on, if the tails say so.
    #[inline(always)]
    fn turned<S: Simd>(&self, s: S, x: S::F) -> S::F {
        if T::TAILS != Tails::HalfTurn {
            return x;
        }
        let bound = s.splat(self.bound);
        s.select(s.lt(x, s.splat(0.0)), s.add(x, bound), s.sub(x, bound))
    }

    /// `new` inside `[−B, B]`, `old` outside.
    #[inline(always)]
    fn inside<S: Simd>(&self, s: S, at: S::F, new: S::F, old: S::F) -> S::F {
        let new = s.select(s.lt(at, s.splat(-self.bound)), old, new);
        s.select(s.lt(s.splat(self.bound), at), old, new)
    }

    /// The value and ln f′ of a coordinate `at`, from what they are inside.
    #[inline(always)]
    fn with_ends<S: Simd>(
        &self,
        s: S,
        at: S::F,
        value: S::F,
        log_derivative: S::F,
    ) -> (S::F, S::F) {
        if T::TAILS.is_linear() {
            let log_derivative = self.inside(s, at, log_derivative, s.splat(0.0));
            return (self.inside(s, at, value, at), log_derivative);
        }
        let (low, high) = (s.splat(-self.bound), s.splat(self.bound));
        let value = s.select(s.lt(value, low), low, value);
        let value = s.select(s.lt(high, value), high, value);
        if T::TAILS.goes_on() {
            let log_derivative = self.inside(s, at, log_derivative, s.splat(0.0));
            return (self.inside(s, at, value, at), log_derivative);
        }
        (value, self.inside(s, at, log_derivative, s.splat(f32::NEG_INFINITY)))
    }
}

/// `yes` where the mask is set, `no` elsewhere, for both ends of a bin.
#[inline(always)]
fn select<S: Simd>(s: S, mask: S::M, [a, b]: [S::F; 2], [c, d]: [S::F; 2]) -> [S::F; 2] {
    [s.select(mask, a, c), s.select(mask, b, d)]
}

/// The slope at a knot.
#[inline(always)]
fn derivative<S: Simd>(s: S, u: S::F) -> S::F {
    let shifted = s.add(u, s.splat(DERIVATIVE_SHIFT));
    s.add(s.splat(MIN_DERIVATIVE), math::softplus(s, shifted))
}

/// `1/D`, and `ln f′`, at `t` and `v` of a bin of mean slope `mean` and slopes `a`, `b`.
#[inline(always)]
fn log_derivative<S: Simd>(s: S, [t, v]: [S::F; 2], mean: S::F, [a, b]: [S::F; 2]) -> (S::F, S::F) {
    let (tt, tv, vv) = (s.mul(t, t), s.mul(t, v), s.mul(v, v));
    let denominator = s.add(s.mul(mean, s.add(tt, vv)), s.mul(s.add(a, b), tv));
    let inverse = s.div(s.splat(1.0), denominator);
    let q = s.mul(mean, inverse);
    let ends = s.add(s.mul(b, tt), s.mul(a, vv));
    let sum = s.add(ends, s.mul(s.add(mean, mean), tv));
    (inverse, math::ln(s, s.mul(s.mul(q, q), sum)))
}

impl<T: KnownTails, N: Knots> Univariate for RationalQuadratic<T, N> {
    #[inline(always)]
    fn parameters(&self) -> usize {
        T::TAILS.parameters(self.bins)
    }

    #[inline(always)]
    fn density<S: Simd>(
        &self,
        s: S,
        at: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        let x = self.turned(s, at);
        let bin = self.bin(s, false, x, parameters);
        let ([x0, x1], [y0, y1], [a, b]) = (bin.x, bin.y, bin.slope);
        let (inverse_width, height) = (s.div(s.splat(1.0), s.sub(x1, x0)), s.sub(y1, y0));
        let mean = s.mul(height, inverse_width);
        let t = s.mul(s.sub(x, x0), inverse_width);
        let v = s.mul(s.sub(x1, x), inverse_width);
        let (inverse, log_derivative) = log_derivative(s, [t, v], mean, bin.slope);
        // From the nearer knot.
        let left = s.lt(t, v);
        let (near, far) = (s.select(left, t, v), s.select(left, v, t));
        let slope = s.select(left, a, b);
        let part = s.mul(near, s.add(s.mul(mean, near), s.mul(slope, far)));
        let step = s.mul(s.mul(part, inverse), height);
        let y = s.select(left, s.add(y0, step), s.sub(y1, step));
        self.with_ends(s, at, y, log_derivative)
    }

    #[inline(always)]
    fn sampling<S: Simd>(
        &self,
        s: S,
        z: S::F,
        parameters: &mut impl Parameters<S>,
    ) -> (S::F, S::F) {
        let bin = self.bin(s, true, z, parameters);
        let ([x0, x1], [y0, y1], [a, b]) = (bin.x, bin.y, bin.slope);
        let (width, height) = (s.sub(x1, x0), s.sub(y1, y0));
        let mean = s.div(height, width);
        let inverse_height = s.div(s.splat(1.0), height);
        let eta = s.mul(s.sub(z, y0), inverse_height);
        let nu = s.mul(s.sub(y1, z), inverse_height);
        let g = s.sub(s.mul(a, nu), s.mul(b, eta));
        let twice = s.add(mean, mean);
        let root = s.sqrt(s.add(s.mul(g, g), s.mul(s.mul(twice, twice), s.mul(eta, nu))));
        // The two parts whose ratio is that of the distances from the knots.
        let negative = s.lt(g, s.splat(0.0));
        let first = s.mul(twice, s.select(negative, nu, eta));
        let second = s.add(root, s.select(negative, s.sub(s.splat(0.0), g), g));
        let inverse = s.div(s.splat(1.0), s.add(first, second));
        let (first, second) = (s.mul(first, inverse), s.mul(second, inverse));
        let (t, v) = (s.select(negative, second, first), s.select(negative, first, second));
        let left = s.lt(t, v);
        let step = s.mul(width, s.select(left, t, v));
        let x = s.select(left, s.add(x0, step), s.sub(x1, step));
        let (_, log_derivative) = log_derivative(s, [t, v], mean, bin.slope);
        self.with_ends(s, z, self.turned(s, x), log_derivative)
    }
}

/// Knots of which only a file says what makes them.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
pub struct AnyKnots(Option<f32>);

#[cfg(feature = "model")]
impl Knots for AnyKnots {
    #[inline(always)]
    fn clip(self) -> Option<f32> {
        self.0
    }
}

/// A spline of which only a file says what it is made of.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the types of the tails say it")]
pub enum AnyRationalQuadratic {
    /// What is trained here by default, and known to its layer.
    Floored(RationalQuadratic<Linear>),
    Linear(RationalQuadratic<Linear, AnyKnots>),
    Box(RationalQuadratic<Boxed, AnyKnots>),
    Circular(RationalQuadratic<Circular, AnyKnots>),
    HalfTurn(RationalQuadratic<HalfTurned, AnyKnots>),
    Free(RationalQuadratic<Freed, AnyKnots>),
}

#[cfg(feature = "model")]
macro_rules! each_spline {
    ($value:expr, $map:ident => $then:expr) => {
        match $value {
            AnyRationalQuadratic::Floored($map) => $then,
            AnyRationalQuadratic::Linear($map) => $then,
            AnyRationalQuadratic::Box($map) => $then,
            AnyRationalQuadratic::Circular($map) => $then,
            AnyRationalQuadratic::HalfTurn($map) => $then,
            AnyRationalQuadratic::Free($map) => $then,
        }
    };
}

#[cfg(feature = "model")]
impl UnivariateChoice for AnyRationalQuadratic {
    #[inline(always)]
    fn parameters(&self) -> usize {
        each_spline!(self, map => Univariate::parameters(map))
    }

    #[inline(always)]
    fn choose<K: WithUnivariate>(&self, then: K) -> K::Output {
        each_spline!(self, map => then.with(*map))
    }
}

/// What makes knots of parameters, by its name in files: `"floored"`, which files need not name, or
/// `{"soft_clipped": {"least": ε}}`.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KnotsSpec {
    /// [`Floored`]
    #[default]
    Floored,
    /// [`SoftClipped`]
    SoftClipped {
        /// ε, the least slope, of [`SOFT_LEAST`](super::soft_clip::SOFT_LEAST).
        least: f32,
    },
}

#[cfg(feature = "model")]
impl KnotsSpec {
    fn is_floored(&self) -> bool {
        *self == Self::Floored
    }

    /// `B'`, if parameters are soft-clipped.
    pub fn clip(self) -> Option<f32> {
        match self {
            Self::Floored => None,
            Self::SoftClipped { least } => Some(soft_bound(least)),
        }
    }
}

/// `{"kind": "rational_quadratic", "bins": K, "bound": B, "tails": "linear"}`, which are the tails of
/// a file that names none; or `"box"`, `"circular"`, `"half_turn"` or `"free"`; and `"knots"`, as [`KnotsSpec`] says.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RationalQuadraticSpec {
    /// Bins of the spline.
    pub bins: usize,
    /// The spline moves `[-bound, bound]`.
    pub bound: f32,
    /// What it is at the ends and beyond.
    #[serde(default, skip_serializing_if = "Tails::is_linear")]
    pub tails: Tails,
    /// What makes knots of parameters.
    #[serde(default, skip_serializing_if = "KnotsSpec::is_floored")]
    pub knots: KnotsSpec,
}

#[cfg(feature = "model")]
impl RationalQuadraticSpec {
    /// With linear tails and floored knots.
    pub const fn linear(bins: usize, bound: f32) -> Self {
        Self { bins, bound, tails: Tails::Linear, knots: KnotsSpec::Floored }
    }

    /// With other tails.
    #[must_use]
    pub const fn with_tails(self, tails: Tails) -> Self {
        Self { tails, ..self }
    }

    /// With other knots.
    #[must_use]
    pub const fn with_knots(self, knots: KnotsSpec) -> Self {
        Self { knots, ..self }
    }
}

#[cfg(feature = "model")]
impl crate::model::UnivariatePart for RationalQuadraticSpec {
    type Built = AnyRationalQuadratic;

    fn check(&self, faults: &mut Faults) {
        if !(2..=MAX_BINS).contains(&self.bins) {
            faults.wrong("bins", self.bins, format!("2 to {MAX_BINS}"));
        }
        if !(MIN_BOUND..=MAX_BOUND).contains(&self.bound) {
            faults.wrong("bound", self.bound, format!("{MIN_BOUND} to {MAX_BOUND}"));
        }
        if let KnotsSpec::SoftClipped { least } = self.knots {
            let [low, high] = soft_clip::SOFT_LEAST;
            if !(low..=high).contains(&least) {
                let expected = format!("{low} to {high}");
                faults.wrong("knots.soft_clipped.least", least, expected);
            }
        }
    }

    /// With linear tails it leaves a wider interval in place as well as the real line; otherwise its
    /// own alone, which a box spline does not close to a circle.
    fn support(&self, support: Support, faults: &mut Faults) {
        let found = |what: &dyn core::fmt::Display| format!("{what}, on {support}");
        match (self.tails, support) {
            (_, Support::Bounded { .. }) => crate::model::real_line(support, faults),
            (Tails::Linear | Tails::Free, Support::Line) => {}
            (Tails::Free, Support::Circle { bound }) => {
                if self.bound != bound {
                    faults.wrong("bound", found(&self.bound), bound);
                }
            }
            (Tails::Free, Support::Interval { bound })
            | (Tails::Linear, Support::Interval { bound } | Support::Circle { bound }) => {
                if self.bound > bound {
                    faults.wrong("bound", found(&self.bound), format!("at most {bound}"));
                }
            }
            (Tails::Box, Support::Line | Support::Circle { .. }) => {
                faults.wrong("tails", found(&"box"), "tails that leave it in place");
            }
            (Tails::Circular, Support::Line) => {
                faults.wrong("tails", found(&"circular"), "tails that leave it in place");
            }
            (Tails::HalfTurn, Support::Line) => {
                faults.wrong("tails", found(&"half_turn"), "tails that leave it in place");
            }
            (Tails::Box, Support::Interval { bound })
            | (
                Tails::Circular | Tails::HalfTurn,
                Support::Interval { bound } | Support::Circle { bound },
            ) => {
                if self.bound != bound {
                    faults.wrong("bound", found(&self.bound), bound);
                }
            }
        }
    }

    fn parameters(&self) -> usize {
        self.tails.parameters(self.bins)
    }

    fn build(&self) -> Option<AnyRationalQuadratic> {
        type Of<T, N> = RationalQuadratic<T, N>;
        let Self { bins, bound, tails, knots } = *self;
        let any = AnyKnots(knots.clip());
        Some(match (tails, knots) {
            (Tails::Linear, KnotsSpec::Floored) => {
                AnyRationalQuadratic::Floored(RationalQuadratic::new(bins, bound)?)
            }
            (Tails::Linear, _) => AnyRationalQuadratic::Linear(Of::with_knots(bins, bound, any)?),
            (Tails::Box, _) => AnyRationalQuadratic::Box(Of::with_knots(bins, bound, any)?),
            (Tails::Circular, _) => {
                AnyRationalQuadratic::Circular(Of::with_knots(bins, bound, any)?)
            }
            (Tails::HalfTurn, _) => {
                AnyRationalQuadratic::HalfTurn(Of::with_knots(bins, bound, any)?)
            }
            (Tails::Free, _) => AnyRationalQuadratic::Free(Of::with_knots(bins, bound, any)?),
        })
    }

    fn source(&self, sources: &mut Sources) -> Source {
        let Self { bins, bound, tails, knots } = *self;
        sources.table(2);
        let usual = "engine::univariate::RationalQuadratic";
        let path = "engine::univariate::rational_quadratic";
        let tails = match tails {
            Tails::Linear => "Linear",
            Tails::Box => "Boxed",
            Tails::Circular => "Circular",
            Tails::HalfTurn => "HalfTurned",
            Tails::Free => "Freed",
        };
        let (ty, option) = match (tails, knots.clip()) {
            ("Linear", None) => (usual.into(), format!("{usual}::new({bins}, {bound:?})")),
            (_, None) => {
                let ty = format!("{usual}::<{path}::{tails}>");
                let option = format!("{ty}::with_tails({bins}, {bound:?})");
                (ty, option)
            }
            (_, Some(clip)) => {
                let ty = format!("{usual}::<{path}::{tails}, {path}::SoftClipped>");
                let knots = format!("{path}::SoftClipped({clip:?})");
                let option = format!("{ty}::with_knots({bins}, {bound:?}, {knots})");
                (ty, option)
            }
        };
        sources.code(&ty, 8);
        Source::checked(&ty, option)
    }
}
