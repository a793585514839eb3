//! Von Mises noise on a circle, `ln p(z) = κ cos z − ln (2π I₀(κ))` a coordinate where `|z| ≤ π`, and
//! `−∞` beyond: the normal distribution of angles, with the concentration κ as its inverse variance.
//!
//! Circular splines carry it to any density on the torus: with `"bound": 3.1415927` they leave the
//! circle [−π, π], whose ends are one point, in place.
//!
//! # Draws
//! By the ratio of uniforms (Kinderman & Monahan, ACM Trans. Math. Softw. 3, 1977, 257–260; for this
//! density Barabesi, Statistica Applicata 7, 1995, 417–426): of points `(u, v)` uniform in
//! `(0, 1) × (−v*, v*)`, those with `u² < p(z)/p(0)` have a ratio `z = v/u` of density p:
//!
//! ```text
//! |v/u| ≤ π  and  u < exp(−κ sin²(v/2u))        v* = max z exp(−κ sin²(z/2)), 0 ≤ z ≤ π
//! ```
//!
//! Attempt `a` of coordinate `d` of D takes the noise words of block `b = a D + d`: word `2b` is v, its
//! top bit the sign and the other 31 its magnitude, and the upper 31 bits of word `2b + 1` are u. An
//! attempt succeeds with probability `π e^−κ I₀(κ) / 2v*`, which is ½ for small κ, 0.73 for large
//! ones and never less than ½. All coordinates go on until all have succeeded; the first success of
//! each counts, so what a row is does not depend on others.
//!
//! After [`ATTEMPTS`] attempts a coordinate is 0, the likeliest value. That happens with probability
//! 2⁻¹²⁷ or less, and is the one thing in which the draws are not those of the density but for
//! rounding: u and v have 31 bits, the ratio and both sides of the comparison are rounded to `f32`.

#[cfg(feature = "model")]
use alloc::format;
use core::f32::consts::PI;

use super::{Base, score_each, within};
use crate::distribution::Draws;
use crate::kernel::{Lanes, Sum};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{BasePart, Faults, Source, Sources, Support};
use crate::noise::Noise;
use crate::simd::{Kernel, Simd};

/// Least concentration: below it the density is uniform to 0.1 %.
pub const MIN_CONCENTRATION: f32 = 1.0 / 1024.0;
/// Largest concentration, a standard deviation of 0.01.
pub const MAX_CONCENTRATION: f32 = 1e4;
/// Attempts that a coordinate is given.
pub const ATTEMPTS: u32 = 128;

/// Independent coordinates on the circle [−π, π]; see the module.
#[derive(Clone, Copy, Debug)]
pub struct VonMises {
    concentration: f32,
    extent: f32,
    log_density: f32,
}

impl VonMises {
    /// With the concentration κ; `None` unless it is from [`MIN_CONCENTRATION`] to
    /// [`MAX_CONCENTRATION`].
    pub fn new(concentration: f32) -> Option<Self> {
        let allowed = MIN_CONCENTRATION..=MAX_CONCENTRATION;
        allowed.contains(&concentration).then(|| {
            let kappa = f64::from(concentration);
            let log_density = -(ln_scaled_bessel(kappa) + libm::log(core::f64::consts::TAU));
            Self::trusted(concentration, extent(kappa) as f32, log_density as f32)
        })
    }

    /// With what [`VonMises::new`] finds for the concentration: v* and ln p(0). Others give wrong
    /// values and no panic.
    #[doc(hidden)]
    pub const fn trusted(concentration: f32, extent: f32, log_density: f32) -> Self {
        Self { concentration, extent, log_density }
    }

    /// κ.
    pub fn concentration(&self) -> f32 {
        self.concentration
    }

    /// v*, the bound of v.
    pub fn extent(&self) -> f32 {
        self.extent
    }

    /// ln p(0).
    pub fn log_density(&self) -> f32 {
        self.log_density
    }

    /// `−κ sin²(z/2)`, which is half of ln p(z)/p(0).
    #[inline(always)]
    fn half<S: Simd>(&self, s: S, z: S::F) -> S::F {
        let sine = math::sin_reduced(s, s.mul(z, s.splat(0.5)));
        s.mul(s.mul(sine, sine), s.splat(-self.concentration))
    }

    /// What an attempt with these two words makes: a value of the circle, or ∞ where it fails.
    #[inline(always)]
    pub fn attempt<S: Simd>(&self, s: S, [v, u]: [S::U; 2]) -> S::F {
        let unit = |word| s.add(s.i32_to_float(word), s.splat(0.5));
        // Both in units of 2⁻³¹.
        let magnitude = s.mul(unit(s.and(v, s.splat_u(0x7fff_ffff))), s.splat(self.extent));
        let u = unit(s.shr::<1>(u));
        let z = s.div(magnitude, u);
        let below = s.lt(s.mul(u, s.splat(1.0 / 2_147_483_648.0)), math::exp(s, self.half(s, z)));
        let sign = s.and(v, s.splat_u(0x8000_0000));
        let failed = s.splat(f32::INFINITY);
        let drawn = s.select(below, s.from_bits(s.or(s.bits(z), sign)), failed);
        s.select(s.lt(s.splat(PI), z), failed, drawn)
    }
}

/// ln(e^−κ I₀(κ)), to 10⁻¹⁵ relative: by the power series, or by the asymptotic one where its least
/// term is small.
fn ln_scaled_bessel(kappa: f64) -> f64 {
    let series = |terms: u32, ratio: &dyn Fn(f64) -> f64| {
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..=terms {
            term *= ratio(f64::from(k));
            sum += term;
        }
        libm::log(sum)
    };
    if kappa < 32.0 {
        series(120, &|k| kappa * kappa / (4.0 * k * k)) - kappa
    } else {
        let odd = |k: f64| 2.0 * k - 1.0;
        series(20, &|k| odd(k) * odd(k) / (8.0 * kappa * k))
            - 0.5 * libm::log(core::f64::consts::TAU * kappa)
    }
}

/// v*, and a little more for roundings.
fn extent(kappa: f64) -> f64 {
    let at = |z: f64| {
        let sine = libm::sin(0.5 * z);
        z * libm::exp(-kappa * sine * sine)
    };
    // The slope vanishes where z sin z = 2/κ, of which z sin z rises up to here.
    let (mut low, mut high) = (0.0, 2.028_757_838_110_434);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if middle * libm::sin(middle) * kappa < 2.0 { low = middle } else { high = middle }
    }
    at(low).max(at(core::f64::consts::PI)) * (1.0 + 1e-6)
}

/// Attempts until all coordinates have succeeded, in a function of its own.
struct Draw<'r, 'd, 'n, L: Lanes, N> {
    base: &'r VonMises,
    lanes: L,
    draws: &'d mut Draws<'n, L, N>,
    z: &'r mut [L::V],
}

impl<L: Lanes, N: Noise> Kernel for Draw<'_, '_, '_, L, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { base, lanes, draws, z } = self;
        let s = lanes.s();
        // What is to be drawn yet is ∞.
        let pending = s.splat(f32::INFINITY);
        z.fill(lanes.splat(f32::INFINITY));
        let mut word = 0u32;
        for _ in 0..ATTEMPTS {
            let mut left = false;
            for z in z.iter_mut() {
                let (v, u) = (draws.words(lanes, word), draws.words(lanes, word.wrapping_add(1)));
                word = word.wrapping_add(2);
                for ((v, u), z) in v.as_ref().iter().zip(u.as_ref()).zip(z.as_mut()) {
                    let words = [v, u].map(|word| s.bits(s.load(word)));
                    let (before, now) = (s.load(z), base.attempt(s, words));
                    s.store(s.select(s.lt(before, pending), before, now), z);
                    left |= !z.as_ref().iter().all(|z| *z < f32::INFINITY);
                }
            }
            if !left {
                return;
            }
        }
        for z in z.iter_mut().flat_map(|z| z.as_mut()) {
            let drawn = s.load(z);
            s.store(s.select(s.lt(drawn, pending), drawn, s.splat(0.0)), z);
        }
    }
}

impl Base for VonMises {
    /// As many as attempts are made.
    fn blocks(&self, _: usize) -> Option<u32> {
        None
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
        lanes.call(Draw { base: self, lanes, draws, z });
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
        let e = lanes.e();
        score_each(
            lanes,
            z,
            log_prob,
            #[inline(always)]
            |x| {
                let half = self.half(e, x);
                within(e, PI, x, e.add(e.add(half, half), e.splat(self.log_density)))
            },
        );
    }
}

/// `{"kind": "von_mises", "concentration": κ}`: no tensors.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VonMisesSpec {
    /// κ of every coordinate.
    pub concentration: f32,
}

#[cfg(feature = "model")]
impl VonMisesSpec {
    /// Its kernel; for a concentration that `check` refuses, one that is never run.
    pub fn kernel(&self) -> VonMises {
        let wrong = VonMises::trusted(self.concentration, 0.0, 0.0);
        VonMises::new(self.concentration).unwrap_or(wrong)
    }
}

#[cfg(feature = "model")]
impl BasePart for VonMisesSpec {
    type Built<'a> = VonMises;

    fn check(&self, _: usize, faults: &mut Faults) {
        if VonMises::new(self.concentration).is_none() {
            let expected = format!("{MIN_CONCENTRATION} to {MAX_CONCENTRATION}");
            faults.wrong("concentration", self.concentration, expected);
        }
    }

    fn support(&self) -> Support {
        Support::Circle { bound: PI }
    }

    fn build<'a>(&'a self, _: usize, _: &'a [f32]) -> VonMises {
        self.kernel()
    }

    fn source(&self, _: usize, sources: &mut Sources) -> Source {
        sources.code("von Mises", 2);
        sources.table(3);
        let VonMises { concentration, extent, log_density } = self.kernel();
        Source {
            ty: "engine::base::VonMises".into(),
            value: format!(
                "engine::base::VonMises::trusted({concentration:?}, {extent:?}, {log_density:?})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw_row;
    use super::*;
    use crate::noise::{Stream, block};
    use crate::simd::Scalar;

    const CONCENTRATIONS: [f32; 10] =
        [MIN_CONCENTRATION, 0.1, 0.5, 1.0, 1.2, 2.0, 10.0, 40.0, 700.0, MAX_CONCENTRATION];

    /// e^−κ I₀(κ) as the mean of exp(κ (cos − 1)) over the circle.
    fn scaled_bessel(kappa: f64) -> f64 {
        let n = 64 + 16 * kappa.sqrt() as u32;
        let angle = |i| core::f64::consts::TAU * f64::from(i) / f64::from(n);
        (0..n).map(|i| (kappa * (angle(i).cos() - 1.0)).exp()).sum::<f64>() / f64::from(n)
    }

    #[test]
    fn concentrations_out_of_bounds_are_refused() {
        for concentration in [f32::NAN, 0.0, -1.0, 1e-4, 1.1e4, f32::INFINITY] {
            assert!(VonMises::new(concentration).is_none(), "{concentration}");
        }
    }

    #[test]
    fn densities_are_normalised() {
        // Abramowitz & Stegun, table 9.8: e^−κ I₀(κ).
        for (kappa, known) in
            [(0.5, 0.645_035_270_5), (1.0, 0.465_759_607_6), (5.0, 0.183_540_812_6)]
        {
            assert!((libm::exp(ln_scaled_bessel(kappa)) - known).abs() < 1e-10, "{kappa}");
        }
        for kappa in CONCENTRATIONS.map(f64::from).into_iter().chain([31.999, 32.0, 100.0]) {
            let (found, exact) = (ln_scaled_bessel(kappa), scaled_bessel(kappa).ln());
            assert!(
                (found - exact).abs() < 1e-13 * (1.0 + exact.abs()),
                "{kappa}: {found} {exact}"
            );
        }
    }

    #[test]
    fn attempts_succeed_at_least_every_second_time() {
        for concentration in CONCENTRATIONS {
            let base = VonMises::new(concentration).unwrap();
            let kappa = f64::from(concentration);
            // The bound of v is one, and no larger than need be.
            let ends = (0..=100_000).map(|i| {
                let z = core::f64::consts::PI * f64::from(i) / 100_000.0;
                z * (-kappa * (0.5 * z).sin().powi(2)).exp()
            });
            let most = ends.fold(0.0, f64::max);
            let ratio = f64::from(base.extent) / most;
            assert!((1.0..1.001).contains(&ratio), "{concentration}: {ratio}");
            let expected =
                core::f64::consts::PI * scaled_bessel(kappa) / (2.0 * f64::from(base.extent));
            assert!(expected > 0.4999, "{concentration}: {expected}");
            let n = 1 << 16;
            let tried = (0..n).filter(|i| base.attempt(Scalar, block([1, 2], [*i, 0])) < 4.0);
            let share = tried.count() as f64 / f64::from(n);
            assert!((share - expected).abs() < 0.01, "{concentration}: {share} {expected}");
        }
    }

    /// The same words again and again, and how often.
    struct Words([u32; 2], u32);
    impl Noise for Words {
        fn words<S: Simd>(&mut self, s: S, _: u64, block: u32) -> [S::U; 2] {
            assert_eq!(block, self.1, "in ascending order, none twice");
            self.1 += 1;
            self.0.map(|word| s.splat_u(word))
        }
    }

    #[test]
    fn what_never_succeeds_is_zero_after_the_last_attempt() {
        let base = VonMises::new(2.0).unwrap();
        for never in [[0x7fff_ffff, 0], [0xffff_ffff, u32::MAX], [1 << 30, 1 << 16]] {
            let mut words = Words(never, 0);
            assert_eq!(draw_row(base, &mut words, 0, 3).0, [0.0; 3], "{never:?}");
            assert_eq!(words.1, 3 * ATTEMPTS);
        }
        // v = v*/2 and u = ½.
        for (word, sign) in [(1 << 30, 1.0), (3 << 30, -1.0)] {
            let mut words = Words([word, 1 << 31], 0);
            let (z, log_prob) = draw_row(base, &mut words, 0, 2);
            let (z, exact) = (f64::from(z[0]), f64::from(base.extent) * sign);
            assert!((z - exact).abs() < 1e-6, "{z} {exact}");
            let exact =
                2.0 * (2.0 * (z.cos() - 1.0) - (core::f64::consts::TAU * scaled_bessel(2.0)).ln());
            assert!((f64::from(log_prob) - exact).abs() < 1e-6, "{log_prob} {exact}");
            assert_eq!(words.1, 2);
        }
    }

    #[test]
    fn moments_are_those_of_the_density() {
        for concentration in CONCENTRATIONS {
            let (n, kappa) = (1 << 16, f64::from(concentration));
            let (z, _) = draw_row(VonMises::new(concentration).unwrap(), &mut Stream::new(3), 0, n);
            assert!(z.iter().all(|z| z.abs() <= PI));
            let of =
                |f: &dyn Fn(f64) -> f64| z.iter().map(|z| f(f64::from(*z))).sum::<f64>() / n as f64;
            // E 1 − cos z = 1 − I₁/I₀ and its variance, by the same mean over the circle.
            let m = 64 + 16 * kappa.sqrt() as u32;
            let grid = |f: &dyn Fn(f64) -> f64| {
                let angle = |i| core::f64::consts::TAU * f64::from(i) / f64::from(m);
                let p = |z: f64| (kappa * (z.cos() - 1.0)).exp();
                (0..m).map(|i| p(angle(i)) * f(angle(i))).sum::<f64>()
                    / (f64::from(m) * scaled_bessel(kappa))
            };
            let drop = |z: f64| 2.0 * (0.5 * z).sin().powi(2);
            let (mean, square) = (grid(&drop), grid(&|z| drop(z).powi(2)));
            let allowed = 5.0 * ((square - mean * mean) / n as f64).sqrt();
            assert!((of(&drop) - mean).abs() < allowed, "{concentration}: {} {mean}", of(&drop));
            let allowed = 5.0 * (grid(&|z| z.sin().powi(2)) / n as f64).sqrt();
            assert!(of(&f64::sin).abs() < allowed, "{concentration}: {}", of(&f64::sin));
        }
    }
}
