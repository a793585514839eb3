//! z = F⁻¹(Σ w F(exp(a) x + b + c)), and its inverse by halving the bracket that all components agree on.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, TAU};

use pushforward::bijection::Direction;
use pushforward::univariate::MixtureCdfSpec;
use pushforward::univariate::mixture_cdf::AnyCdf;

use super::{softplus, written};

pub(crate) fn apply(
    spec: &MixtureCdfSpec,
    raw: &[f64],
    direction: Direction,
    value: f64,
) -> (f64, f64) {
    let mixture = Mixture::new(spec, raw);
    match direction {
        Direction::Density => mixture.map(value),
        Direction::Sampling => {
            let x = mixture.inverse(value);
            (x, mixture.map(x).1)
        }
    }
}

struct Mixture {
    cdf: AnyCdf,
    shrink: f64,
    /// ln w, a and b + c of each component.
    components: Vec<[f64; 3]>,
}

impl Mixture {
    fn new(spec: &MixtureCdfSpec, raw: &[f64]) -> Self {
        let n = spec.components;
        let total = log_sum(raw[..n].iter().copied());
        let spread = written(spec.spread);
        let start = |k: usize| match n {
            1 => 0.0,
            _ => spread * (2.0 * k as f64 / (n as f64 - 1.0) - 1.0),
        };
        let component =
            |k: usize| [raw[k] - total, raw[n + k].clamp(-20.0, 20.0), raw[2 * n + k] + start(k)];
        let components = (0..n).map(component).collect();
        Self { cdf: spec.cdf, shrink: written(spec.shrink), components }
    }

    /// f(x) and ln f′.
    fn map(&self, x: f64) -> (f64, f64) {
        let sum = |term: &dyn Fn(f64) -> f64, scaled: f64| {
            log_sum(self.components.iter().map(|[w, a, b]| w + scaled * a + term(a.exp() * x + b)))
        };
        let upper = sum(&|u| log_tail(self.cdf, u), 0.0);
        let lower = sum(&|u| log_tail(self.cdf, -u), 0.0);
        let mut tail = upper.min(lower);
        if self.shrink > 0.0 {
            tail = (tail.exp() * (1.0 - self.shrink) + 0.5 * self.shrink).ln();
        }
        let size = quantile(self.cdf, tail);
        let z = if upper < lower { size } else { -size };
        let density = sum(&|u| log_density(self.cdf, u), 1.0);
        (z, density + (-self.shrink).ln_1p() - log_density(self.cdf, z))
    }

    fn inverse(&self, z: f64) -> f64 {
        // Where components would put a z that is this far from zero once it is no longer shrunk, at most.
        let reach = if self.shrink > 0.0 { z.signum() * (z.abs() + 8.0) } else { z };
        let places =
            || self.components.iter().flat_map(|[_, a, b]| [z, reach].map(|z| (z - b) / a.exp()));
        let (mut low, mut high) =
            places().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        for _ in 0..200 {
            let middle = low + 0.5 * (high - low);
            if self.map(middle).0 < z {
                low = middle;
            } else {
                high = middle;
            }
        }
        low + 0.5 * (high - low)
    }
}

fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = terms.clone().fold(f64::MIN, f64::max);
    most + terms.map(|term| (term - most).exp()).sum::<f64>().ln()
}

/// ln (1 − F(u)).
fn log_tail(cdf: AnyCdf, u: f64) -> f64 {
    match cdf {
        AnyCdf::Logistic => -softplus(u),
        AnyCdf::Normal if u < 25.0 => (0.5 * libm::erfc(u * FRAC_1_SQRT_2)).ln(),
        AnyCdf::Normal => {
            // Mills' ratio, of which the terms that follow are less than 10⁻¹².
            let s = 1.0 / (u * u);
            let series = 1.0 - s * (1.0 - s * (3.0 - s * (15.0 - s * (105.0 - s * 945.0))));
            log_density(cdf, u) - u.ln() + series.ln()
        }
    }
}

/// ln F′(u).
fn log_density(cdf: AnyCdf, u: f64) -> f64 {
    match cdf {
        AnyCdf::Logistic => -softplus(u) - softplus(-u),
        AnyCdf::Normal => -0.5 * u * u - 0.5 * TAU.ln(),
    }
}

/// The u ≥ 0 whose tail has this logarithm.
fn quantile(cdf: AnyCdf, tail: f64) -> f64 {
    match cdf {
        AnyCdf::Logistic => ((-tail.exp()).ln_1p() - tail).max(0.0),
        AnyCdf::Normal => {
            let mut u = (2.0 * (-LN_2 - tail)).max(0.0).sqrt();
            for _ in 0..30 {
                let found = log_tail(cdf, u);
                // Mills' ratio, which far out is no difference of logarithms any more.
                let ratio = if u < 25.0 { (found - log_density(cdf, u)).exp() } else { 1.0 / u };
                u = (u + (found - tail) * ratio).max(0.0);
            }
            u
        }
    }
}
