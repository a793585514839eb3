//! Importance weights against known answers: Pareto k̂ against another implementation, error bars
//! against the spread of many runs, warnings against weights without a variance.

use pushforward::correct::{
    ImportanceWeights, IndependenceMetropolis, Tail, TailFit, WeightedMean, most_k_hat,
};
use pushforward::noise::Stream;

/// The weights of `reference/pareto.py`, in its order.
fn reference_weights(law: &str, parameter: f64, n: u64) -> Vec<f64> {
    let mut x = 1u64;
    let mut uniform = || {
        x = 48_271 * x % 2_147_483_647;
        x as f64 / 2_147_483_647.0
    };
    let ln_weight = |u: f64| match law {
        "pareto" => -parameter * u.ln(),
        "exponential" => (-parameter * u.ln()).ln_1p(),
        "uniform" => u.ln(),
        "ties" => (1.0 + (parameter * u * u).floor()).ln(),
        "zeros" if u < 0.5 => -parameter * (2.0 * u).ln(),
        "zeros" => f64::NEG_INFINITY,
        "wide" => parameter * u,
        _ => panic!("{law}"),
    };
    (0..n).map(|_| ln_weight(uniform())).collect()
}

fn weigh(ln_w: &[f64], lent: usize) -> (ImportanceWeights, Option<TailFit>) {
    let mut largest = vec![0.0; lent];
    let (mut weights, mut tail) = (ImportanceWeights::new(), Tail::new(&mut largest));
    for &ln_w in ln_w {
        weights.push(ln_w);
        tail.push(ln_w);
    }
    (weights, tail.fit())
}

#[test]
fn k_hat_is_that_of_arviz() {
    let mut fitted = 0;
    for row in include_str!("reference/pareto.csv").lines().skip(1) {
        let fields: Vec<_> = row.split(',').collect();
        let [law, parameter, n, k] = fields[..] else { panic!("{row}") };
        let [parameter, k] = [parameter, k].map(|x| x.parse::<f64>().unwrap());
        let ln_w = reference_weights(law, parameter, n.parse().unwrap());
        let (_, fit) = weigh(&ln_w, Tail::lent(ln_w.len() as u64));
        match fit {
            Some(fit) => {
                assert!((fit.k_hat() - k).abs() < 1e-8 * k.abs().max(1.0), "{row}: {fit:?}");
                fitted += 1;
            }
            None => assert_eq!(k, f64::INFINITY, "{row}"),
        }
    }
    assert!(fitted > 30, "{fitted}");
}

/// Uniform in (0, 1) and normal numbers of a run.
fn noise(run: u64) -> impl FnMut() -> (f64, f64) {
    let (mut stream, mut i) = (Stream::new(run), 0);
    move || {
        let words = stream.block(i, 0);
        i += 1;
        let [u, v] = words.map(|word| (f64::from(word) + 0.5) / 4_294_967_296.0);
        (v, (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos())
    }
}

/// A law of weights with ⟨w⟩ = 1.
#[derive(Clone, Copy, Debug)]
enum Law {
    /// ln w is normal with this deviation: all moments exist.
    LogNormal(f64),
    /// w ∝ u^−k: moments below 1/k exist.
    Pareto(f64),
}

impl Law {
    fn ln_w(self, (uniform, normal): (f64, f64)) -> f64 {
        match self {
            Law::LogNormal(s) => s * normal - 0.5 * s * s,
            Law::Pareto(k) => -k * uniform.ln() + (1.0 - k).ln(),
        }
    }

    fn elbo(self) -> f64 {
        match self {
            Law::LogNormal(s) => -0.5 * s * s,
            Law::Pareto(k) => k + (1.0 - k).ln(),
        }
    }
}

/// Over many runs: ⟨z²⟩ of ln Z and of the bound, z = (estimate − truth)/error, and how many runs'
/// k̂ asks for a warning.
fn runs(law: Law, n: u64, runs: u64) -> ([f64; 2], f64) {
    let (mut squares, mut warned) = ([0.0; 2], 0.0);
    for run in 0..runs {
        let mut draw = noise(run);
        let ln_w: Vec<_> = (0..n).map(|_| law.ln_w(draw())).collect();
        let (weights, fit) = weigh(&ln_w, Tail::lent(n));
        let fit = fit.unwrap();
        let z = [
            weights.ln_z() / weights.ln_z_error_with(&fit),
            (weights.elbo() - law.elbo()) / weights.elbo_error(),
        ];
        squares = [0, 1].map(|i| squares[i] + z[i] * z[i] / runs as f64);
        warned += f64::from(u8::from(fit.k_hat() > most_k_hat(n))) / runs as f64;
        assert!(weights.ln_z_error_with(&fit) >= weights.ln_z_error(), "{law:?} {run}");
    }
    (squares, warned)
}

#[test]
fn error_bars_cover_where_the_tail_is_light() {
    let laws =
        [0.1, 0.5, 1.0, 1.5].map(Law::LogNormal).into_iter().chain([0.2, 0.4].map(Law::Pareto));
    for law in laws {
        for (n, repeat) in [(1000, 400), (10_000, 200)] {
            let ([ln_z, elbo], warned) = runs(law, n, repeat);
            for (name, square) in [("ln Z", ln_z), ("ELBO", elbo)] {
                assert!((0.7..1.4).contains(&square), "{law:?} n = {n}: {name} {square}");
            }
            assert!(warned < 0.12, "{law:?} n = {n}: {warned}");
        }
    }
}

#[test]
fn a_heavy_tail_is_seen() {
    for k in [1.0, 1.5] {
        // Pareto(1) has no mean: no error bar can be right, and the warning has to come.
        let law = |noise| Law::Pareto(0.5).ln_w(noise) * k / 0.5;
        let mut warned = 0;
        for run in 0..100 {
            let mut draw = noise(run);
            let ln_w: Vec<_> = (0..10_000).map(|_| law(draw())).collect();
            let (_, fit) = weigh(&ln_w, Tail::lent(10_000));
            warned += u32::from(fit.unwrap().k_hat() > most_k_hat(10_000));
        }
        assert!(warned >= 98, "k = {k}: {warned} of 100");
    }
    let (_, warned) = runs(Law::Pareto(0.9), 10_000, 100);
    assert!(warned > 0.9, "{warned}");
}

#[test]
fn a_small_buffer_fits_a_smaller_tail() {
    let ln_w = reference_weights("pareto", 0.5, 20_000);
    let whole = weigh(&ln_w, Tail::lent(20_000)).1.unwrap().k_hat();
    let part = weigh(&ln_w, 65).1.unwrap().k_hat();
    assert!(whole != part && (whole - part).abs() < 0.3, "{whole} {part}");
    assert!((0..=5).all(|lent| weigh(&ln_w, lent).1.is_none()));
}

#[test]
fn odd_weights_do_no_harm() {
    let zero = f64::NEG_INFINITY;
    let (weights, fit) = weigh(&[zero, 0.0], 10);
    assert_eq!((weights.elbo(), weights.elbo_error()), (zero, f64::INFINITY));
    assert!((weights.ln_z() - 0.5f64.ln()).abs() < 1e-15 && weights.ess() == 0.5);
    assert_eq!((weights.zeros(), weights.largest_weight(), fit.is_none()), (1, 1.0, true));
    // The order does not matter, nor whether a draw outside is −∞ or no number.
    for ln_w in [[0.0, zero, 1.0], [f64::NAN, 1.0, 0.0]] {
        let (weights, _) = weigh(&ln_w, 10);
        assert!((weights.ln_z() - ((1.0 + 1f64.exp()) / 3.0).ln()).abs() < 1e-15);
        assert_eq!(weights.elbo(), zero);
    }
    let (weights, fit) = weigh(&[zero; 100], 30);
    assert_eq!((weights.ln_z(), weights.ess(), fit.is_none()), (zero, 0.0, true));
    let (weights, fit) = weigh(&[&[f64::INFINITY; 2][..], &[0.0; 98]].concat(), 30);
    assert_eq!((weights.ln_z(), weights.ess(), fit.is_none()), (f64::INFINITY, 0.02, true));
    let (weights, fit) = weigh(&[0.25; 1000], 100);
    assert_eq!((weights.ess(), weights.largest_weight(), fit.is_none()), (1.0, 0.001, true));
    // A thousand nats between neighbours.
    let steep: Vec<_> = (0..100).map(|i| 1000.0 * f64::from(i)).collect();
    let (weights, fit) = weigh(&steep, Tail::lent(100));
    assert!((weights.largest_weight() - 1.0).abs() < 1e-12 && fit.is_none());
    // Weights that differ by rounding alone, as those of a nearly exact model do.
    let rounded: Vec<_> = (0..1000).map(|i| f64::EPSILON * f64::from(i % 7)).collect();
    let (_, fit) = weigh(&rounded, Tail::lent(1000));
    assert!(fit.is_none_or(|fit| fit.k_hat() < 0.5), "{fit:?}");
}

#[test]
fn a_chain_never_stays_at_a_weight_that_is_none() {
    for first in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut chain = IndependenceMetropolis::new();
        assert!(!chain.step(first, 0), "{first}");
        assert!(chain.step(0.0, u32::MAX), "{first}");
        assert!(!chain.step(first, 0), "{first}");
        assert!(chain.step(1.0, u32::MAX), "{first}");
        assert_eq!(chain.acceptance(), 0.5, "{first}");
    }
}

#[test]
fn the_error_of_a_mean_does_not_cancel() {
    let mut draw = noise(3);
    let values: Vec<_> = (0..100_000).map(|_| (draw().0, draw().1)).collect();
    for offset in [0.0, 1e8, -1e12] {
        // The first value is far off, too, and then a value without a weight is no number.
        let mut mean = WeightedMean::new();
        mean.push(-50.0, 0.0);
        mean.push(f64::NEG_INFINITY, f64::NAN);
        for (uniform, normal) in &values {
            mean.push(0.1 * normal, offset + uniform);
        }
        // 1/√12 over √n, and 1 % for the spread of the weights; f64 keeps 1e-4 at 1e12.
        let expected = (1.0f64 / 12.0 * 1.01 / 1e5).sqrt();
        assert!((mean.error() / expected - 1.0).abs() < 0.02, "{offset}: {}", mean.error());
        assert!((mean.mean() - offset - 0.5).abs() < 5.0 * expected + 1e-16 * offset.abs() * 10.0);
    }
}
