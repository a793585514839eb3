//! Activations: what hidden units make of their sums.
//!
//! | name | unit | source |
//! |---|---|---|
//! | `leaky` | x where x > 0, else a x with a learned slope a of each unit (PReLU) | He et al., arXiv:1502.01852 |
//! | `relu` | x where x > 0, else 0 | |
//! | `tanh` | tanh x | |
//! | `smoothstep` | z (3 − z²)/2, z = 2x/3 within −1 … 1 | |
//! | `elu` | x where x > 0, else eˣ − 1 | Clevert et al., arXiv:1511.07289 |
//! | `silu` | x σ(x) | Elfwing et al., arXiv:1702.03118 |
//! | `gelu` | x Φ(x), Φ the normal distribution function | Hendrycks & Gimpel, arXiv:1606.08415 |
//!
//! `elu` takes eˣ − 1 as `2t / (1 − t)` with `t = tanh(x/2)`, which loses nothing near 0. `gelu` has Φ
//! from `½ P(u) e^(−x²/2)` with `u = 1/(1 + 0.3275911 |x|/√2)` and P of degree 5 (Abramowitz & Stegun
//! 1964, 7.1.26): it is within 2.5·10⁻⁷ of x Φ(x) for |x| below 1, and within 2.5·10⁻⁷ |x| above. The
//! others are within 4 ulp (a test compares all of them with `f64`).
//!
//! `smoothstep` is what `tanh` looks like, with slope 1 at 0, at a fifth of the cost: no exponential and no
//! division, which a small core has no unit for.
//!
//! An activation is a type, so that a compiled model holds the code of its own and no other. Leaky
//! units, which cost a multiplication and have a weight, are part of the dense kernels.

use core::marker::PhantomData;

use crate::kernel::Lanes;
use crate::math::{exp, polynomial, sigmoid, tanh};
use crate::simd::{Kernel, Simd};

/// What hidden units make of their sums; see the module.
pub trait Activation: Copy + Send + Sync + 'static {
    /// Whether the type does not say what it is: it was read with the model, and so was the rest of its
    /// network that a type would say.
    const READ: bool = false;
    /// Learned slopes of a layer of `units`: as many, or none.
    fn slopes(&self, units: usize) -> usize;
    /// Replaces sums by units; nothing where slopes did so already.
    fn apply<L: Lanes>(&self, lanes: L, units: &mut [L::V]);
}

/// Leaky units with learned slopes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leaky;

impl Activation for Leaky {
    #[inline(always)]
    fn slopes(&self, units: usize) -> usize {
        units
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, _: L, _: &mut [L::V]) {}
}

/// An activation without weights, of one number.
trait Unit: Copy + Send + Sync + 'static {
    fn unit<S: Simd>(s: S, x: S::F) -> S::F;
}

/// A layer's units, in a function of its own.
struct Run<'a, L: Lanes, U> {
    lanes: L,
    units: &'a mut [L::V],
    unit: PhantomData<U>,
}

impl<L: Lanes, U: Unit> Kernel for Run<'_, L, U> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { lanes, units, .. } = self;
        let e = lanes.e();
        for i in 0..L::vectors(units.len()) {
            let x = lanes.get(units, i);
            lanes.put(units, i, U::unit(e, x));
        }
    }
}

macro_rules! units {
    ($($(#[$doc:meta])* $name:ident($s:ident, $x:ident) $unit:block)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Unit for $name {
            #[inline(always)]
            fn unit<S: Simd>($s: S, $x: S::F) -> S::F $unit
        }

        impl Activation for $name {
            #[inline(always)]
            fn slopes(&self, _: usize) -> usize {
                0
            }

            #[inline(always)]
            fn apply<L: Lanes>(&self, lanes: L, units: &mut [L::V]) {
                lanes.call(Run { lanes, units, unit: PhantomData::<Self> });
            }
        }
    )+};
}

units! {
    /// x where x > 0, else 0.
    Relu(s, x) {
        let zero = s.splat(0.0);
        s.select(s.lt(zero, x), x, zero)
    }
    /// tanh x.
    Tanh(s, x) {
        tanh(s, x)
    }
    /// z (3 − z²)/2 with z = 2x/3, cut off at −1 and 1.
    Smoothstep(s, x) {
        let (one, minus) = (s.splat(1.0), s.splat(-1.0));
        let z = s.mul(x, s.splat(2.0 / 3.0));
        let z = s.select(s.lt(z, one), z, one);
        let z = s.select(s.lt(minus, z), z, minus);
        s.mul(z, s.sub(s.splat(1.5), s.mul(s.mul(z, z), s.splat(0.5))))
    }
    /// x where x > 0, else eˣ − 1.
    Elu(s, x) {
        let t = tanh(s, s.mul(x, s.splat(0.5)));
        let below = s.div(s.add(t, t), s.sub(s.splat(1.0), t));
        s.select(s.lt(s.splat(0.0), x), x, below)
    }
    /// x σ(x).
    Silu(s, x) {
        s.mul(x, sigmoid(s, x))
    }
    /// x Φ(x).
    Gelu(s, x) {
        s.mul(x, normal_cdf(s, x))
    }
    /// σ(x), the logistic function: what gates are made of, and no activation of hidden units.
    Logistic(s, x) {
        sigmoid(s, x)
    }
}

/// Φ(x) as the module says.
#[inline(always)]
pub fn normal_cdf<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    let positive = s.lt(zero, x);
    let size = s.select(positive, x, s.sub(zero, x));
    let along = s.mul(size, s.splat(CDF_SCALE));
    let u = s.div(s.splat(1.0), s.add(s.splat(1.0), along));
    let square = s.mul(s.mul(size, size), s.splat(-0.5));
    let tail = s.mul(s.mul(u, polynomial(s, u, CDF_TAIL)), exp(s, square));
    // Φ(−|x|), or what is left of 1.
    s.select(positive, s.sub(s.splat(1.0), tail), tail)
}

/// 0.3275911 / √2.
pub const CDF_SCALE: f32 = 0.231_641_89;
/// Halves of the coefficients of P(u)/u, the lowest first.
pub const CDF_TAIL: [f32; 5] =
    [0.127_414_8, -0.142_248_37, 0.710_706_9, -0.726_576_01, 0.530_702_7];

/// An activation by its name, in a description; the kernel of a model that is read at run time.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnyActivation {
    /// [`Leaky`]
    #[default]
    Leaky,
    /// [`Relu`]
    Relu,
    /// [`Tanh`]
    Tanh,
    /// [`Elu`]
    Elu,
    /// [`Silu`]
    Silu,
    /// [`Gelu`]
    Gelu,
    /// [`Smoothstep`]
    Smoothstep,
}

#[cfg(feature = "model")]
impl AnyActivation {
    /// Every one of them.
    pub const ALL: [Self; 7] =
        [Self::Leaky, Self::Relu, Self::Tanh, Self::Elu, Self::Silu, Self::Gelu, Self::Smoothstep];

    /// Whether it changes its sign with its argument, to the bit.
    pub fn is_odd(self) -> bool {
        matches!(self, Self::Tanh | Self::Smoothstep)
    }

    /// Whether it is the default, which files do not name.
    pub(crate) fn is_leaky(&self) -> bool {
        *self == Self::Leaky
    }

    /// One unit; a leaky one is taken as it comes, its slope being the dense kernel's.
    #[inline(always)]
    pub fn unit<S: Simd>(self, s: S, x: S::F) -> S::F {
        match self {
            Self::Leaky => x,
            Self::Relu => Relu::unit(s, x),
            Self::Tanh => Tanh::unit(s, x),
            Self::Elu => Elu::unit(s, x),
            Self::Silu => Silu::unit(s, x),
            Self::Gelu => Gelu::unit(s, x),
            Self::Smoothstep => Smoothstep::unit(s, x),
        }
    }

    /// Its type, as source.
    pub(crate) fn source(self, sources: &mut crate::model::Sources) -> &'static str {
        let (ty, kib) = match self {
            Self::Leaky => ("Leaky", 0),
            Self::Relu => ("Relu", 1),
            Self::Tanh => ("Tanh", 1),
            Self::Elu => ("Elu", 1),
            Self::Silu => ("Silu", 1),
            Self::Gelu => ("Gelu", 1),
            Self::Smoothstep => ("Smoothstep", 1),
        };
        sources.code(ty, kib);
        ty
    }
}

#[cfg(feature = "model")]
impl Activation for AnyActivation {
    const READ: bool = true;

    #[inline(always)]
    fn slopes(&self, units: usize) -> usize {
        if self.is_leaky() { units } else { 0 }
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, units: &mut [L::V]) {
        if !self.is_leaky() {
            other(lanes, units, *self);
        }
    }
}

/// Out of the way of leaky units, whose walk costs some percent more with this in it.
#[cfg(feature = "model")]
#[cold]
#[inline(never)]
fn other<L: Lanes>(lanes: L, units: &mut [L::V], activation: AnyActivation) {
    lanes.call(RunAny { lanes, units, activation });
}

/// A layer's units of any kind, in a function of its own.
#[cfg(feature = "model")]
struct RunAny<'a, L: Lanes> {
    lanes: L,
    units: &'a mut [L::V],
    activation: AnyActivation,
}

#[cfg(feature = "model")]
impl<L: Lanes> Kernel for RunAny<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { lanes, units, activation } = self;
        let e = lanes.e();
        for i in 0..L::vectors(units.len()) {
            let x = lanes.get(units, i);
            lanes.put(units, i, activation.unit(e, x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Scalar;

    /// Φ(x) by its series and, far out, its continued fraction.
    fn normal_cdf(x: f64) -> f64 {
        let density = (-0.5 * x * x).exp() / (2.0 * core::f64::consts::PI).sqrt();
        if x.abs() < 3.0 {
            let (mut term, mut sum) = (x, x);
            for n in 1..100 {
                term *= x * x / f64::from(2 * n + 1);
                sum += term;
            }
            return 0.5 + density * sum;
        }
        let fraction = (1..200).rev().fold(0.0, |rest, n| f64::from(n) / (x.abs() + rest));
        let tail = density / (x.abs() + fraction);
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    #[test]
    fn units_are_within_their_stated_errors() {
        for i in -40_000..=40_000 {
            let x = i as f32 / 2000.0;
            let wide = f64::from(x);
            let close = |name: &str, found: f32, exact: f64| {
                let off = (f64::from(found) - exact).abs();
                assert!(off <= 4.0 * 1.2e-7 * exact.abs() + 1e-30, "{name}({x}): {found} {exact}");
            };
            close("relu", Relu::unit(Scalar, x), wide.max(0.0));
            close("tanh", Tanh::unit(Scalar, x), wide.tanh());
            let z = (wide / 1.5).clamp(-1.0, 1.0);
            close("smoothstep", Smoothstep::unit(Scalar, x), z * (3.0 - z * z) / 2.0);
            for odd in [Tanh::unit, Smoothstep::unit] {
                let (here, there): (f32, f32) = (odd(Scalar, x), odd(Scalar, -x));
                assert_eq!(here.to_bits(), (-there).to_bits());
            }
            close("elu", Elu::unit(Scalar, x), if x > 0.0 { wide } else { wide.exp_m1() });
            close("silu", Silu::unit(Scalar, x), wide / (1.0 + (-wide).exp()));
            let (found, exact) = (Gelu::unit(Scalar, x), wide * normal_cdf(wide));
            let off = (f64::from(found) - exact).abs();
            assert!(off <= 2.5e-7 * wide.abs().max(1.0), "gelu({x}): {found} {exact}");
        }
        for (unit, least) in [
            (Relu::unit(Scalar, -1e30), 0.0),
            (Tanh::unit(Scalar, -1e30), -1.0),
            (Smoothstep::unit(Scalar, -1e30), -1.0),
            (Elu::unit(Scalar, -1e30), -1.0),
            (Silu::unit(Scalar, -1e30), 0.0),
            (Gelu::unit(Scalar, -1e15), 0.0),
        ] {
            assert_eq!(unit, least);
        }
    }
}
