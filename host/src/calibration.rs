//! Whether a model's distributions are as wide as its errors: ranks and coverage.
//!
//! If rows θ, given their contexts, come from the model q(θ | c), then the rank of a coordinate among L
//! draws from q(· | c) is uniform on 0 … L (Talts et al. 2018, arXiv:1804.06788, for posteriors), and so is
//! the rank of ln q(θ | c) among the draws' own, which says how often θ lies in a region of highest
//! density. Too many small and large ranks: the model is too narrow; too few: too wide; more on one side:
//! it is shifted. Equal values, which integers have, are put in order by lot, which keeps ranks uniform.
//!
//! Ranks of [`DRAWS`] draws fall into [`BINS`] equal bins, whose χ² has [`BINS`] − 1 degrees of freedom: an
//! even number, for which its distribution is a finite sum. The least of the p-values is multiplied by
//! their number (Bonferroni), so a calibrated model is called wrong with the probability that is asked for,
//! at most. With many rows any trained model is called wrong some day: the bins say by how much.

use pushforward::noise::block;
use rayon::prelude::*;

use crate::loaded::Loaded;

/// Bins of ranks.
pub const BINS: usize = 11;
/// Draws for each row: ranks are `0 … DRAWS`, as many in each bin.
pub const DRAWS: usize = 10 * BINS - 1;
/// The shares of the regions of highest density whose coverage is counted: whole numbers of ranks.
pub const LEVELS: [f64; 3] = [0.5, 0.8, 0.9];

/// The second word of the key of lots.
const LOTS: u32 = 0x1075;

/// The ranks of one quantity over all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranks {
    /// Rows whose rank is in each bin.
    pub bins: [u64; BINS],
}

impl Ranks {
    /// Pearson's χ² against equal bins, and the probability that it is as large by chance.
    pub fn chi_squared(&self) -> (f64, f64) {
        let rows: u64 = self.bins.iter().sum();
        let expected = rows as f64 / BINS as f64;
        let square = |n: &u64| (*n as f64 - expected).powi(2) / expected;
        let chi_squared = self.bins.iter().map(square).sum::<f64>();
        (chi_squared, tail(chi_squared))
    }
}

/// The probability that χ² of `BINS − 1` degrees of freedom is larger: Σ_{k < (BINS − 1)/2} e^(−x/2)
/// (x/2)ᵏ/k!.
fn tail(x: f64) -> f64 {
    let (mut term, mut sum) = ((-x / 2.0).exp(), 0.0);
    for k in 1..=(BINS - 1) / 2 {
        sum += term;
        term *= x / 2.0 / k as f64;
    }
    sum.min(1.0)
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The rows.
    pub rows: usize,
    /// The ranks of each coordinate.
    pub coordinates: Vec<Ranks>,
    /// The ranks of ln q: small ones are rows of low density.
    pub density: Ranks,
    /// The share of rows inside the regions of highest density of [`LEVELS`].
    pub coverage: [f64; LEVELS.len()],
}

impl Calibration {
    /// Holds rows, `[n, dim]`, and their contexts, `[n, context]` (none for a model that takes none)
    /// against draws of the stream `seed`.
    ///
    /// # Panics
    /// If the values are no whole rows, or there is not one context a row.
    pub fn measure(model: &Loaded, rows: &[f32], contexts: &[f32], seed: u64) -> Self {
        let (dim, one) = (model.dim(), model.model.description().context());
        let n = rows.len() / dim;
        assert!(rows.len() == n * dim && contexts.len() == n * one, "whole rows, a context each");
        let each = (0..n).into_par_iter().map(|i| {
            let (row, context) = (&rows[i * dim..][..dim], &contexts[i * one..][..one]);
            let (mut draws, mut scores) = (vec![0f32; DRAWS * dim], vec![0f32; DRAWS]);
            let given = model.sampler().given(context);
            let first = (i * DRAWS) as u64;
            // What overflowed has NaN as its score, which is below nothing.
            let _drawn = given.try_sample(seed, first, &mut draws, None);
            let mut own = [0f32];
            let _scored = given.try_log_prob(&draws, &mut scores);
            let _scored = given.try_log_prob(row, &mut own);
            let rank = |q: usize, values: &mut dyn Iterator<Item = f32>, own: f32| {
                let (mut below, mut equal) = (0, 0);
                for value in values {
                    below += usize::from(value < own);
                    equal += usize::from(value == own);
                }
                let [word, _] = block([seed as u32, LOTS], [i as u32, q as u32]);
                below + ((u64::from(word) * (equal + 1) as u64) >> 32) as usize
            };
            let coordinate =
                |d: usize| rank(d, &mut draws.iter().skip(d).step_by(dim).copied(), row[d]);
            let mut ranks: Vec<usize> = (0..dim).map(coordinate).collect();
            ranks.push(rank(dim, &mut scores.iter().copied(), own[0]));
            ranks
        });
        let each: Vec<Vec<usize>> = each.collect();
        let ranks = |q: usize| {
            let mut bins = [0; BINS];
            each.iter().for_each(|ranks| bins[ranks[q] * BINS / (DRAWS + 1)] += 1);
            Ranks { bins }
        };
        // A row is inside the region of a share s if less than s of the draws are denser.
        let inside = |share: f64| {
            let denser =
                |ranks: &&Vec<usize>| ((DRAWS - ranks[dim]) as f64) < share * (DRAWS + 1) as f64;
            each.iter().filter(denser).count() as f64 / n as f64
        };
        Self {
            rows: n,
            coordinates: (0..dim).map(ranks).collect(),
            density: ranks(dim),
            coverage: LEVELS.map(inside),
        }
    }

    /// The least p-value of all ranks, times their number, and what it is of: a coordinate, or ln q.
    pub fn p_value(&self) -> (f64, Option<usize>) {
        let coordinates = self.coordinates.iter().enumerate().map(|(d, ranks)| (ranks, Some(d)));
        let all = coordinates.chain([(&self.density, None)]);
        let each = all.map(|(ranks, of)| (ranks.chi_squared().1, of));
        let (least, of) = each.fold((1.0, None), |a, b| if b.0 < a.0 { b } else { a });
        ((least * (self.coordinates.len() + 1) as f64).min(1.0), of)
    }
}

#[cfg(test)]
mod tests {
    use pushforward::bijection::Direction;
    use pushforward::conditional::logistics::Column;
    use pushforward::model::{Arithmetic, Description, Model, preset};
    use pushforward::univariate::AffineSpec;

    use super::*;

    /// A flow of three coordinates, given two values, of some weights.
    fn model() -> Loaded {
        let map = AffineSpec { log_scale_bound: 2.0 };
        let layer = preset::autoregressive(vec![1, 2, 0], Direction::Density, &[9], map);
        let mut description = preset::flow(&[3], [layer], true);
        if let Description::Flow(flow) = &mut description {
            flow.context = 2;
        }
        filled(description)
    }

    fn filled(description: Description) -> Loaded {
        let mut model = Model::new(description, Arithmetic::Fused).unwrap();
        let n = model.parameters().len();
        let weights: Vec<f32> = (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 60.0).collect();
        model.set_parameters(&weights).unwrap();
        Loaded::new(model).unwrap()
    }

    /// Rows of the model, and contexts that were drawn too.
    fn rows(model: &Loaded, n: usize, seed: u64) -> [Vec<f32>; 2] {
        let contexts: Vec<f32> =
            (0..2 * n).map(|i| (i as f32 * 0.37 + seed as f32).sin()).collect();
        let mut rows = vec![0f32; 3 * n];
        model.given(&contexts).sample(seed, 0, &mut rows, None);
        [rows, contexts]
    }

    #[test]
    fn a_model_is_calibrated_on_its_own_rows_and_on_no_others() {
        let model = model();
        let (mut low, mut coverage) = (0, [0.0; LEVELS.len()]);
        const SEEDS: u64 = 40;
        for seed in 0..SEEDS {
            let [rows, contexts] = rows(&model, 330, seed);
            let found = Calibration::measure(&model, &rows, &contexts, 1000 + seed);
            low += u32::from(found.p_value().0 < 0.1);
            std::iter::zip(&mut coverage, found.coverage).for_each(|(sum, share)| *sum += share);
        }
        // Called wrong at most one time in ten: more than 10 of 40 has probability 1e-3.
        assert!(low <= 10, "{low} of {SEEDS}");
        for (level, sum) in std::iter::zip(LEVELS, coverage) {
            let (share, n) = (sum / SEEDS as f64, 330.0 * SEEDS as f64);
            let error = (level * (1.0 - level) / n).sqrt();
            assert!((share - level).abs() < 4.0 * error, "{share} in {level}");
        }

        let [rows, contexts] = rows(&model, 2000, 7);
        let wrong = |rows: &[f32], contexts: &[f32]| {
            Calibration::measure(&model, rows, contexts, 1).p_value()
        };
        // Shifted along one coordinate; given the contexts of other rows; too wide.
        let mut shifted = rows.clone();
        shifted.iter_mut().skip(1).step_by(3).for_each(|x| *x += 0.3);
        let (p, of) = wrong(&shifted, &contexts);
        assert!(p < 1e-6 && of == Some(1), "{p} {of:?}");
        let mut others = contexts.clone();
        others.rotate_left(2 * 700);
        assert!(wrong(&rows, &others).0 < 1e-6);
        let wide: Vec<f32> = rows.iter().map(|x| 1.4 * x).collect();
        assert!(wrong(&wide, &contexts).0 < 1e-6);
        assert!(wrong(&rows, &contexts).0 > 1e-3);
    }

    #[test]
    fn the_tail_of_chi_squared_is_its_tables() {
        // Ten degrees of freedom.
        for (x, p) in [(18.307, 0.05), (23.209, 0.01), (3.940, 0.95), (29.588, 0.001)] {
            assert!((tail(x) - p).abs() < 2e-5, "{x}: {} for {p}", tail(x));
        }
    }

    /// Two integers, of few values and of more.
    fn integers() -> Loaded {
        let columns = vec![
            Column::integers(1.0, 0.7).between(0.0, 2.0),
            Column::integers(10.0, 3.0).between(0.0, 20.0),
        ];
        filled(preset::table(columns, 3, &[7], true))
    }

    #[test]
    fn integers_that_are_equal_have_uniform_ranks_too() {
        let model = integers();
        const SEEDS: u64 = 40;
        let low = (0..SEEDS).filter(|seed| {
            let mut rows = vec![0f32; 2 * 500];
            model.sampler().sample(1000 + seed, 0, &mut rows, None);
            Calibration::measure(&model, &rows, &[], *seed).p_value().0 < 0.05
        });
        // Of 40 seeds, 2 in the mean at most; 8 and more once in 10³ runs.
        let low = low.count();
        assert!(low < 8, "{low} of {SEEDS} seeds");
        let rows = [2.0, 0.0].repeat(500);
        assert!(Calibration::measure(&model, &rows, &[], 1).p_value().0 < 1e-6);
    }
}
