//! A mixture of diagonal normals:
//!
//! ```text
//! p(z) = Σ_k w_k Π_d N(z_d; m_kd, exp(a_kd))        w = softmax(logits) in fixed point
//! ```
//!
//! A flow is continuous, so from one normal it reaches separate modes only with bridges of
//! probability between them; a component for each needs none (Izmailov et al. 2020,
//! arXiv:1912.13025). It is learned by maximum likelihood. What a component draws does not depend
//! smoothly on the weights, so there is no gradient along a draw, and a training against a
//! Hamiltonian refuses it.
//!
//! # Draws
//! Coordinate `d` is made of noise word `d` by [`crate::noise::normal`], which states its tail, times
//! `exp(a_kd)` plus `m_kd`. The component `k` is drawn by the word behind them, number D, against the
//! table of [`crate::conditional::categorical`]: whole numbers `n_k` that sum to 2³² exactly. The
//! density has the same `w_k = n_k / 2³²`.
//!
//! # Order and arithmetic
//! All operations are plain. The term of a component is a compensated sum: `ln w_k`, then
//! coordinates in ascending order, each `−u²/2 − (a_kd + ln √(2π))` with `u = (z_d − m_kd) exp(−a_kd)`.
//! Terms `t` enter in the order of components, relative to the largest so far, so that nothing
//! overflows:
//!
//! ```text
//! e = exp(−|t − most|);   if most < t: total = total e + 1, most = t;   else: total = total + e
//! ln p = most + ln total
//! ```
//!
//! Log-scales beyond ±[`MAX_LOG_SCALE`] count as that, so that a scale and its inverse are numbers.
//!
//! # Packed order
//! The logits; the means, component by component; the log-scales likewise.

#[cfg(feature = "model")]
use alloc::format;

use super::Base;
use crate::conditional::categorical;
use crate::distribution::Draws;
use crate::kernel::{Lanes, Plain, Single, Sum, Weight, next, take, take_mut};
use crate::math;
#[cfg(feature = "model")]
use crate::model::{BasePart, Faults, Packer, Source, Sources, Start, Tensors, Visible};
use crate::noise::{Noise, normal};
use crate::simd::{Kernel, Scalar, Simd};

/// Fewest and most components: four bytes of stack each.
pub const COMPONENTS: [usize; 2] = [2, 64];
/// Largest log-scale, and its least but for the sign.
pub const MAX_LOG_SCALE: f32 = 80.0;
/// ln √(2π).
const LN_SQRT_2PI: f32 = 0.918_938_5;

/// A mixture of diagonal normals; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Mixture<'a, T = f32> {
    components: usize,
    weights: &'a [T],
}

impl<'a, T: Weight> Mixture<'a, T> {
    /// Of so many components over weights in packed order; `None` unless there are 2 to 64
    /// ([`COMPONENTS`]).
    pub fn new(components: usize, weights: &'a [T]) -> Option<Self> {
        let [fewest, most] = COMPONENTS;
        (fewest..=most).contains(&components).then(|| Self::trusted(components, weights))
    }

    /// With a number of components that was checked before, by `model!` or when the model was read.
    /// Others give wrong values and no panic.
    #[doc(hidden)]
    pub const fn trusted(components: usize, weights: &'a [T]) -> Self {
        Self { components, weights }
    }

    /// Means and log-scales of each component over `dim` coordinates.
    #[inline(always)]
    fn parts(&self, dim: usize) -> [&'a [T]; 2] {
        let rest = take(self.weights, self.components).1;
        let (means, rest) = take(rest, self.components.wrapping_mul(dim));
        [means, take(rest, means.len()).0]
    }
}

/// Numbers `n_k` as bit patterns, 0 in place of one; which one, and the sum of the others.
struct Table {
    numbers: [[[f32; 1]; 1]; COMPONENTS[1]],
    first: f32,
    others: u32,
}

impl Table {
    #[inline(always)]
    fn of<T: Weight>(base: &Mixture<'_, T>) -> Self {
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let mut numbers = [lanes.splat(0.0); COMPONENTS[1]];
        let logits = take(base.weights, base.components).0;
        for (to, logit) in numbers.iter_mut().zip(logits) {
            *to = lanes.splat(logit.widen());
        }
        let used = take_mut(&mut numbers, base.components).0;
        let (first, others) = categorical::table::<false, _>(lanes, used, 0);
        Self { numbers, first, others }
    }

    /// Of so many components.
    #[inline(always)]
    fn numbers(&self, components: usize) -> impl Iterator<Item = u32> {
        take(&self.numbers, components).0.iter().map(|[[n]]| n.to_bits())
    }
}

/// A log-scale within its bounds.
#[inline(always)]
fn bounded(log_scale: f32) -> f32 {
    let log_scale = if log_scale < MAX_LOG_SCALE { log_scale } else { MAX_LOG_SCALE };
    if log_scale > -MAX_LOG_SCALE { log_scale } else { -MAX_LOG_SCALE }
}

/// Words to coordinates, in a function of its own.
struct Draw<'r, 'a, L: Lanes, T> {
    base: &'r Mixture<'a, T>,
    lanes: L,
    component: L::V,
    z: &'r mut [L::V],
}

impl<L: Lanes, T: Weight> Kernel for Draw<'_, '_, L, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { base, lanes, mut component, z } = self;
        let (s, table) = (lanes.s(), Table::of(base));
        for word in component.as_mut() {
            let numbers = table.numbers(base.components).map(|n| s.splat_u(n));
            let rest = (s.splat(table.first), s.splat_u(table.others));
            s.store(categorical::pick(s, s.bits(s.load(word)), numbers, rest), word);
        }
        let dim = z.len();
        for (d, z) in z.iter_mut().enumerate() {
            for (component, z) in component.as_ref().iter().zip(z.as_mut()) {
                let component = s.bits(s.load(component));
                let (mut mean, mut log_scale) = (s.splat(0.0), s.splat(0.0));
                let [mut means, mut log_scales] = base.parts(dim);
                for k in 0..base.components {
                    let (Some(m), Some(a)) =
                        (next(&mut means, dim).get(d), next(&mut log_scales, dim).get(d))
                    else {
                        return;
                    };
                    let here = s.xor(component, s.splat_u((k as f32).to_bits()));
                    let here = s.lt_u(here, s.splat_u(1));
                    mean = s.select(here, s.splat(m.widen()), mean);
                    log_scale = s.select(here, s.splat(bounded(a.widen())), log_scale);
                }
                let standard = normal(s, s.bits(s.load(z)));
                s.store(s.add(s.mul(standard, math::exp(s, log_scale)), mean), z);
            }
        }
    }
}

/// The density, in a function of its own.
struct Density<'r, 'a, L: Lanes, T> {
    base: &'r Mixture<'a, T>,
    lanes: L,
    z: &'r [L::V],
    log_prob: &'r mut Sum<L::V>,
}

impl<L: Lanes, T: Weight> Kernel for Density<'_, '_, L, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { base, lanes, z, log_prob } = self;
        let (s, table, dim) = (lanes.s(), Table::of(base), z.len());
        let [mut means, mut log_scales] = base.parts(dim);
        let (mut most, mut total) = (lanes.splat(f32::MIN), lanes.splat(0.0));
        for n in table.numbers(base.components) {
            let n = if n == 0 { table.others.wrapping_neg() } else { n };
            let weight = s.splat(categorical::ln(Scalar, n));
            let mut term = Sum::zero(lanes);
            for r in 0..total.as_ref().len() {
                term.add(lanes, r, weight);
            }
            for ((z, mean), log_scale) in
                z.iter().zip(next(&mut means, dim)).zip(next(&mut log_scales, dim))
            {
                let log_scale = bounded(log_scale.widen());
                let (mean, inverse) =
                    (s.splat(mean.widen()), s.splat(math::exp(Scalar, -log_scale)));
                let norm = s.splat(log_scale + LN_SQRT_2PI);
                for (r, z) in z.as_ref().iter().enumerate() {
                    let u = s.mul(s.sub(s.load(z), mean), inverse);
                    let square = s.mul(s.mul(u, u), s.splat(-0.5));
                    term.add(lanes, r, s.sub(square, norm));
                }
            }
            let term = term.value(lanes);
            let all = most.as_mut().iter_mut().zip(total.as_mut());
            for (term, (most, total)) in term.as_ref().iter().zip(all) {
                let (term, before, sum) = (s.load(term), s.load(most), s.load(total));
                // A square that overflowed left no number.
                let number = s.lt(s.splat(f32::MIN), term);
                let term = s.select(number, term, s.splat(f32::NEG_INFINITY));
                let larger = s.lt(before, term);
                let off = s.select(larger, s.sub(before, term), s.sub(term, before));
                let e = math::exp(s, off);
                let risen = s.add(s.mul(sum, e), s.splat(1.0));
                s.store(s.select(larger, risen, s.add(sum, e)), total);
                s.store(s.select(larger, term, before), most);
            }
        }
        for (r, (most, total)) in most.as_ref().iter().zip(total.as_ref()).enumerate() {
            log_prob.add(lanes, r, s.add(s.load(most), math::ln(s, s.load(total))));
        }
    }
}

impl<T: Weight> Base for Mixture<'_, T> {
    #[inline(always)]
    fn blocks(&self, dim: usize) -> Option<u32> {
        // One word is the component's.
        Some(dim.saturating_add(1).div_ceil(2) as u32)
    }

    fn fits(&self, dim: usize) -> bool {
        self.weights.len() == self.components * (1 + 2 * dim)
    }

    #[inline(always)]
    fn draw<L: Lanes, N: Noise>(&self, lanes: L, draws: &mut Draws<L, N>, z: &mut [L::V]) {
        for (d, z) in z.iter_mut().enumerate() {
            *z = draws.words(lanes, d as u32);
        }
        let component = draws.words(lanes, z.len() as u32);
        lanes.call(Draw { base: self, lanes, component, z });
    }

    #[inline(always)]
    fn log_prob<L: Lanes>(&self, lanes: L, z: &[L::V], log_prob: &mut Sum<L::V>) {
        lanes.call(Density { base: self, lanes, z, log_prob });
    }
}

/// `{"kind": "mixture", "components": K}`: tensors `logits`, `[K]`, and `mean` and `log_scale`,
/// `[K, dim]`. Means start as standard normal numbers, so that no two components are alike.
#[cfg(feature = "model")]
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureSpec {
    /// How many.
    pub components: usize,
}

#[cfg(feature = "model")]
impl BasePart for MixtureSpec {
    type Built<'a> = Mixture<'a>;

    fn check(&self, _: usize, faults: &mut Faults) {
        let [fewest, most] = COMPONENTS;
        if Mixture::<f32>::new(self.components, &[]).is_none() {
            faults.wrong("components", self.components, format!("{fewest} to {most}"));
        }
    }

    fn tensors(&self, dim: usize, tensors: &mut Tensors) {
        // Variance 1: what a matrix starts with is divided by its inputs.
        let apart = Start::Normal { factor: Scalar.sqrt(dim as f32), slope: 1.0 };
        let shape = [self.components, dim];
        tensors.vector("logits", self.components, Start::Value(0.0));
        tensors.matrix("mean", shape, Visible::All, apart);
        tensors.matrix("log_scale", shape, Visible::All, Start::Value(0.0));
    }

    fn pack(&self, dim: usize, packer: &mut Packer<'_>) {
        packer.vector("logits", 0..self.components);
        packer.vector("mean", 0..self.components * dim);
        packer.vector("log_scale", 0..self.components * dim);
    }

    fn build<'a>(&'a self, _: usize, weights: &'a [f32]) -> Mixture<'a> {
        Mixture::trusted(self.components, weights)
    }

    fn source(&self, dim: usize, sources: &mut Sources) -> Source {
        sources.code("mixture", 6);
        sources.table(3);
        let components = self.components;
        let weights = sources.weights(components * (1 + 2 * dim));
        Source {
            ty: format!("engine::base::Mixture<'static, {}>", sources.weight()),
            value: format!("engine::base::Mixture::trusted({components}, {weights})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The same words again and again, the first for even words and the second for odd ones.
    struct Words([u32; 2]);
    impl Noise for Words {
        fn words<S: Simd>(&mut self, s: S, _: u64, _: u32) -> [S::U; 2] {
            self.0.map(|word| s.splat_u(word))
        }
    }

    /// Three components over one coordinate.
    const WEIGHTS: [f32; 9] = [0.5, -1.0, 0.0, -4.0, 0.0, 5.0, -1.0, 0.5, 0.1];

    fn draw(weights: &[f32], words: [u32; 2]) -> (f32, f32) {
        let base = Mixture::new(3, weights).unwrap();
        assert!(base.fits(1) && !base.fits(2));
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let (mut z, mut log_prob) = ([lanes.splat(0.0)], Sum::zero(lanes));
        base.draw(lanes, &mut Draws::new(lanes, &mut Words(words), 0), &mut z);
        base.log_prob(lanes, &z, &mut log_prob);
        let ([[[z]]], [[log_prob]]) = (z, log_prob.value(lanes));
        (z, log_prob)
    }

    fn exact(weights: &[f32], z: f32) -> f64 {
        let of = |i: usize| f64::from(weights[i]);
        let whole: f64 = (0..3).map(|k| of(k).exp()).sum();
        let term = |k: usize| {
            let log_scale = of(6 + k).clamp(-80.0, 80.0);
            let u = (f64::from(z) - of(3 + k)) * (-log_scale).exp();
            of(k) - whole.ln() - 0.5 * (u * u + core::f64::consts::TAU.ln()) - log_scale
        };
        let most = (0..3).map(term).fold(f64::MIN, f64::max);
        most + (0..3).map(|k| (term(k) - most).exp()).sum::<f64>().ln()
    }

    #[test]
    fn numbers_of_components_that_make_no_mixture_are_refused() {
        let made: Vec<bool> =
            [0, 1, 2, 64, 65].map(|n| Mixture::<f32>::new(n, &[]).is_some()).into();
        assert_eq!(made, [false, false, true, true, false]);
    }

    #[test]
    fn words_draw_components_and_coordinates() {
        // In ascending order, but the likeliest, which is the first here, is behind the others.
        let share = |k: usize| {
            let e = WEIGHTS.map(|a| f64::from(a).exp());
            e[k] / e.iter().take(3).sum::<f64>() * 4_294_967_296.0
        };
        let second = share(1) as u32;
        let third = second + share(2) as u32;
        for (word, k) in [
            (0, 1),
            (second - 200, 1),
            (second + 200, 2),
            (third - 200, 2),
            (third + 200, 0),
            (u32::MAX, 0),
        ] {
            for coordinate in [0, 1 << 20, 681_419_126, 1 << 31, u32::MAX] {
                let (z, log_prob) = draw(&WEIGHTS, [coordinate, word]);
                let scale = math::exp(Scalar, WEIGHTS[6 + k]);
                assert_eq!(z, normal(Scalar, coordinate) * scale + WEIGHTS[3 + k], "{word} {k}");
                let exact = exact(&WEIGHTS, z);
                let error = (f64::from(log_prob) - exact).abs();
                assert!(error < 1e-6 * (1.0 + exact.abs()), "{z}: {log_prob} {exact}");
            }
        }
    }

    #[test]
    fn far_values_and_odd_weights_make_no_nan() {
        let lanes = Single::<Scalar, Plain>::new(Scalar);
        let at = |weights: &[f32], z: f32| {
            let mut log_prob = Sum::zero(lanes);
            Mixture::new(3, weights).unwrap().log_prob(lanes, &[lanes.splat(z)], &mut log_prob);
            log_prob.value(lanes)[0][0]
        };
        // One component has so narrow a scale that its square overflows: the others remain.
        let mut narrow = WEIGHTS;
        narrow[6] = -1e30;
        assert!((f64::from(at(&narrow, 0.5)) - exact(&narrow, 0.5)).abs() < 1e-6);
        for log_scale in [-1e30, 1e30, f32::NAN] {
            let odd = [0.0, 1.0, 2.0, 1e22, -1e22, 3.0, log_scale, log_scale, log_scale];
            for words in [[0, 0], [7, u32::MAX], [u32::MAX, 1 << 31]] {
                let (z, log_prob) = draw(&odd, words);
                assert!(z.is_finite() && log_prob.is_finite(), "{log_scale}: {z} {log_prob}");
            }
        }
        // Where no component reaches, the density is 0, or no number where z is none.
        for z in [3e20, -1e30, f32::MAX, f32::INFINITY, f32::NAN] {
            assert!(!at(&WEIGHTS, z).is_finite(), "{z}");
        }
        for z in [-1e4, 1e10, 1e15] {
            assert!((f64::from(at(&WEIGHTS, z)) / exact(&WEIGHTS, z) - 1.0).abs() < 1e-6, "{z}");
        }
    }
}
