//! Energy, entropy, specific heat and magnetisation of the target, from weighted samples.
//!
//! All are functions of a few weighted sums, some of them differences of squares, so that their errors are those of a
//! jackknife: of each figure without one of [`BLOCKS`] blocks of the samples.

use crate::energy::{Energy, LnZ};

/// Parts of the samples.
const BLOCKS: usize = 64;

/// Of the weighted samples of a part: Σ w and Σ w x for x = E − E₀, (E − E₀)², |M|, M², and their number.
type Sums = [f64; 6];

/// Weighted sums, part by part, in constant memory.
#[derive(Debug)]
pub(super) struct Sampled {
    n: u64,
    /// Samples that came.
    done: u64,
    /// What weights are divided by, as a logarithm: the largest so far.
    ln_scale: f64,
    /// E₀, the first energy: differences keep their digits.
    origin: f64,
    blocks: Vec<Sums>,
}

/// Figures per site, each with its standard error. Energies are in the unit of the Hamiltonian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thermodynamics {
    /// ⟨E⟩ / N.
    pub energy: [f64; 2],
    /// S / N = (β ⟨E⟩ + ln Z) / N, nats.
    pub entropy: [f64; 2],
    /// β² (⟨E²⟩ − ⟨E⟩²) / N.
    pub specific_heat: [f64; 2],
    /// ⟨|M|⟩ / N, M what [`Energy::order`] says.
    pub magnetisation: [f64; 2],
    /// β (⟨M²⟩ − ⟨|M|⟩²) / N.
    pub susceptibility: [f64; 2],
}

impl Sampled {
    /// For `n` samples.
    pub(super) fn new(n: u64) -> Self {
        let blocks = BLOCKS.min(usize::try_from(n).unwrap_or(BLOCKS)).max(1);
        let blocks = vec![[0.0; 6]; blocks];
        Self { n, done: 0, ln_scale: f64::NEG_INFINITY, origin: 0.0, blocks }
    }

    /// The next sample: its weight (nats), its energy, its order.
    pub(super) fn push(&mut self, ln_w: f64, energy: f64, sum: f64) {
        let blocks = self.blocks.len() as u128;
        let block = (u128::from(self.done) * blocks / u128::from(self.n.max(1))) as usize;
        self.done += 1;
        let Some(at) = self.blocks.get_mut(block) else { return };
        at[5] += 1.0;
        if !ln_w.is_finite() || !energy.is_finite() {
            return;
        }
        if ln_w > self.ln_scale {
            if self.ln_scale == f64::NEG_INFINITY {
                self.origin = energy;
            }
            let shrink = (self.ln_scale - ln_w).exp();
            self.blocks.iter_mut().flat_map(|sums| &mut sums[..5]).for_each(|x| *x *= shrink);
            self.ln_scale = ln_w;
        }
        let Some(at) = self.blocks.get_mut(block) else { return };
        let w = (ln_w - self.ln_scale).exp();
        let e = energy - self.origin;
        let more = [w, w * e, w * e * e, w * sum.abs(), w * sum * sum];
        at.iter_mut().zip(more).for_each(|(at, more)| *at += more);
    }

    /// The figures, over `sites` at `beta`; `None` without any weight.
    pub(super) fn figures(&self, beta: f64, sites: f64) -> Option<Thermodynamics> {
        let mut total = [0.0; 6];
        self.blocks.iter().flatten().zip((0..6).cycle()).for_each(|(x, i)| total[i] += x);
        let of = |sums: &Sums| -> [f64; 5] {
            let [w, e, squares, sum, sum_squares, n] = *sums;
            let [e, squares, sum, sum_squares] = [e, squares, sum, sum_squares].map(|x| x / w);
            let energy = self.origin + e;
            let ln_z = self.ln_scale + (w / n).ln();
            let spread = squares - e * e;
            [
                energy,
                beta * energy + ln_z,
                beta * beta * spread,
                sum,
                beta * (sum_squares - sum * sum),
            ]
            .map(|x| x / sites)
        };
        let all = of(&total);
        let without = |block: &Sums| of(&std::array::from_fn(|i| total[i] - block[i]));
        let without: Vec<[f64; 5]> = self.blocks.iter().map(without).collect();
        let b = without.len() as f64;
        let figure = |i: usize| {
            let mean = without.iter().map(|x| x[i]).sum::<f64>() / b;
            let squares: f64 = without.iter().map(|x| (x[i] - mean).powi(2)).sum();
            [all[i], ((b - 1.0) / b * squares).sqrt()]
        };
        (total[0] > 0.0).then(|| Thermodynamics {
            energy: figure(0),
            entropy: figure(1),
            specific_heat: figure(2),
            magnetisation: figure(3),
            susceptibility: figure(4),
        })
    }
}

/// ⟨E⟩ / N, S / N and the specific heat as an exact ln Z has them, whose derivatives they are: to some 10⁻⁷ and, of the
/// second derivative, 10⁻⁵.
pub fn known(energy: &dyn Energy, beta: f64, exact: LnZ) -> Option<[f64; 3]> {
    let LnZ { value: at, error, .. } = exact;
    if error > 0.0 {
        return None;
    }
    // Central differences of two steps, extrapolated to none (Richardson).
    let differences = |h: f64| {
        let [up, down] =
            [beta + h, beta - h].map(|beta| energy.ln_z(beta).map(|found| found.value));
        let (up, down) = (up?, down?);
        Some([(up - down) / (2.0 * h), (up - 2.0 * at + down) / (h * h)])
    };
    let h = 4e-3 * beta;
    let (coarse, fine) = (differences(h)?, differences(0.5 * h)?);
    let [first, second] = [0, 1].map(|i| (4.0 * fine[i] - coarse[i]) / 3.0);
    let sites = energy.dim() as f64;
    Some([-first / sites, (at - beta * first) / sites, beta * beta * second / sites])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Boundary, Ising2d};

    /// Every state of the 4 × 4 lattice, as if drawn by a uniform sampler.
    #[test]
    fn all_states_give_the_exact_figures() {
        let (ising, beta) = (Ising2d::new([4, 4], 1.0, Boundary::Periodic).unwrap(), 0.4);
        let n = 1u64 << 16;
        let mut sampled = Sampled::new(n);
        for k in 0..n {
            // In an order without a pattern.
            let state = k * 40_503 % n;
            let s: Vec<f32> =
                (0..16).map(|i| if state >> i & 1 == 1 { 1.0 } else { -1.0 }).collect();
            let energy = ising.energy(&s);
            let ln_w = 16.0 * std::f64::consts::LN_2 - beta * energy;
            sampled.push(ln_w, energy, s.iter().map(|x| f64::from(*x)).sum());
        }
        let found = sampled.figures(beta, 16.0).unwrap();
        let [energy, entropy, heat] = known(&ising, beta, ising.ln_z(beta).unwrap()).unwrap();
        // The table of exact averages of the 4 × 4 lattice at β = 0.4: E/N, C/N, ⟨|m|⟩.
        for (found, exact, known) in
            [(found.energy, -1.379_116_482, energy), (found.specific_heat, 0.812_515, heat)]
        {
            assert!(
                (found[0] - exact).abs() < 1e-6 && (known - exact).abs() < 1e-5,
                "{found:?} {known}"
            );
        }
        assert!((found.entropy[0] - entropy).abs() < 1e-7, "{found:?} {entropy}");
        assert!(found.magnetisation[0] > 0.7 && found.susceptibility[0] > 0.0, "{found:?}");
        // A uniform sampler has few samples where the weight is.
        assert!((0.05..0.5).contains(&found.energy[1]), "{found:?}");
    }

    /// Of 400 runs of 2,000 weighted samples about 68 % lie within one error of the truth.
    #[test]
    fn error_bars_cover() {
        use pushforward::noise::Stream;
        // x = 0 or 1 with equal odds, reweighted to odds of 3 : 1, E = x: ⟨E⟩ = 1/4.
        let (runs, n) = (400, 2000);
        let mut within = [0; 2];
        for run in 0..runs {
            let mut stream = Stream::new(run);
            let mut sampled = Sampled::new(n);
            for i in 0..n {
                let x = f64::from(stream.block(i, 0)[0] & 1);
                sampled.push(if x == 0.0 { 1.5f64.ln() } else { 0.5f64.ln() }, x, x);
            }
            let found = sampled.figures(1.0, 1.0).unwrap();
            let exact = [0.25, 0.25 * 0.75];
            for (i, [value, error]) in [found.energy, found.specific_heat].into_iter().enumerate() {
                within[i] += i32::from((value - exact[i]).abs() < error);
            }
        }
        for within in within {
            let share = f64::from(within) / f64::from(runs as u32);
            assert!((0.60..0.76).contains(&share), "{share}");
        }
    }

    #[test]
    fn samples_without_weight_give_nothing() {
        let mut sampled = Sampled::new(3);
        (0..3).for_each(|_| sampled.push(f64::NEG_INFINITY, 1.0, 0.0));
        assert!(sampled.figures(1.0, 1.0).is_none());
    }
}
