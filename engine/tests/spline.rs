//! The rational-quadratic spline against its textbook formula in `f64`, against itself in a round
//! trip, and on inputs that no network gives.

use proptest::prelude::*;
use pushforward::bijection::Direction;
use pushforward::noise::{block, normal};
use pushforward::simd::{Kernel, Level, Scalar, Simd, dispatch};
use pushforward::univariate::rational_quadratic::{Boxed, Circular, KnownTails, Tails};
use pushforward::univariate::{Parameters, RationalQuadratic, RationalQuadraticSpec, Univariate};
use pushforward_oracle::univariate;

const BINS: usize = 8;
const P: usize = 3 * BINS - 1;

/// One vector of each parameter.
struct Columns<S: Simd>(S, Vec<S::Array>);

impl<S: Simd> Parameters<S> for Columns<S> {
    fn get(&self, p: usize) -> S::F {
        self.0.load(&self.1[p])
    }
    fn set(&mut self, p: usize, value: S::F) {
        self.0.store(value, &mut self.1[p]);
    }
}

/// Applies a spline to points, each with parameters of its own, `[point][P]`.
struct Apply<'a, U> {
    spline: U,
    sampling: bool,
    at: &'a [f32],
    parameters: &'a [f32],
    value: &'a mut [f32],
    log_derivative: &'a mut [f32],
}

impl<U: Univariate> Kernel for Apply<'_, U> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let p = self.spline.parameters();
        let outputs = self.value.chunks_mut(S::LANES).zip(self.log_derivative.chunks_mut(S::LANES));
        let inputs = self.at.chunks(S::LANES).zip(self.parameters.chunks(S::LANES * p));
        for ((at, parameters), (value, log_derivative)) in inputs.zip(outputs) {
            let column = |f: &dyn Fn(usize) -> f32| {
                let mut a = S::array(0.0);
                for (i, a) in a.as_mut().iter_mut().enumerate().take(at.len()) {
                    *a = f(i);
                }
                a
            };
            let columns = (0..p).map(|k| column(&|i| parameters[i * p + k])).collect();
            let mut columns = Columns(s, columns);
            let x = s.load(&column(&|i| at[i]));
            let (y, l) = if self.sampling {
                self.spline.sampling(s, x, &mut columns)
            } else {
                self.spline.density(s, x, &mut columns)
            };
            let (mut a, mut b) = (S::array(0.0), S::array(0.0));
            s.store(y, &mut a);
            s.store(l, &mut b);
            value.copy_from_slice(&a.as_ref()[..at.len()]);
            log_derivative.copy_from_slice(&b.as_ref()[..at.len()]);
        }
    }
}

fn apply<U: Univariate>(
    level: Level,
    spline: U,
    sampling: bool,
    at: &[f32],
    parameters: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let (mut value, mut log_derivative) = (vec![0.0; at.len()], vec![0.0; at.len()]);
    let (v, l) = (&mut value, &mut log_derivative);
    dispatch(level, Apply { spline, sampling, at, parameters, value: v, log_derivative: l });
    (value, log_derivative)
}

/// Standard normal noise, `n` numbers of a stream.
fn noise(stream: u32, n: usize) -> impl Iterator<Item = f32> {
    (0..n as u32).map(move |i| normal(Scalar, block([0x5b1e, stream], [i, 0])[0]))
}

/// Points uniform in ±`bound`.
fn points(stream: u32, n: usize, bound: f32) -> Vec<f32> {
    let word = |i| block([0x901, stream], [i, 0])[0];
    (0..n as u32).map(|i| (word(i) as f32 / 2147483648.0 - 1.0) * bound).collect()
}

#[test]
fn zero_parameters_are_the_identity() {
    for (bins, bound) in [(2, 1.0), (8, 5.0), (64, 3.0)] {
        let spline = RationalQuadratic::new(bins, bound).unwrap();
        let x = points(bins as u32, 10_000, 1.2 * bound);
        let parameters = vec![0.0; x.len() * spline.parameters()];
        for sampling in [false, true] {
            let (y, log_derivative) = apply(Level::best(), spline, sampling, &x, &parameters);
            for ((x, y), l) in x.iter().zip(&y).zip(&log_derivative) {
                assert!((x - y).abs() <= 4e-7 * bound, "{bins}: {x} {y}");
                assert!(l.abs() <= 1e-6, "{bins}: {l}");
            }
        }
    }
}

#[test]
fn values_and_derivatives_are_those_of_the_formula_in_f64() {
    for (bins, bound, sd) in [(2, 1.0, 1.0), (8, 5.0, 1.0), (8, 3.0, 4.0), (64, 10.0, 2.0)] {
        let spline = RationalQuadratic::new(bins, bound).unwrap();
        let p = spline.parameters();
        let x = points(1, 20_000, bound);
        let parameters: Vec<f32> = noise(2, x.len() * p).map(|u| sd * u).collect();
        let (y, log_derivative) = apply(Level::best(), spline, false, &x, &parameters);
        let (mut worst, mut worst_log) = (0.0f64, 0.0f64);
        for (i, x) in x.iter().enumerate() {
            let parameters: Vec<f64> =
                parameters[i * p..(i + 1) * p].iter().map(|u| f64::from(*u)).collect();
            let spec = RationalQuadraticSpec::linear(bins, bound).into();
            let (exact, log_slope) =
                univariate(&spec, &parameters, Direction::Density, f64::from(*x));
            let slope = log_slope.exp();
            // Knots carry a rounding a bin, which moves a steep curve by its slope.
            let error = (f64::from(y[i]) - exact).abs() / (f64::from(bound) * (1.0 + slope));
            let log_error = (f64::from(log_derivative[i]) - slope.ln()).abs();
            (worst, worst_log) = (worst.max(error), worst_log.max(log_error));
        }
        println!("{bins} bins, ±{bound}, sd {sd}: value {worst:.1e}, ln f′ {worst_log:.1e}");
        assert!(worst < 3e-6 && worst_log < 1e-2, "{bins} bins, sd {sd}: {worst} {worst_log}");
    }
}

/// The bounds that `rational_quadratic`'s documentation states: of the round trips in units of B and
/// of what the slope makes of a rounding, and the first of them as it is.
#[test]
fn round_trips_err_by_no_more_than_stated() {
    let n = 200_000;
    for (sd, most, most_y, most_x) in
        [(1.0, 1e-4, 2e-7, 2e-7), (4.0, 1e-3, 4e-7, 1e-6), (10.0, 1e-3, 6e-7, 1e-4)]
    {
        let parameters: Vec<f32> = noise(7, n * P).map(|u| sd * u).collect();
        let (mut y_error, mut x_error, mut log_error) = (0.0f32, 0.0f32, 0.0f32);
        let (mut y_scaled, mut x_scaled) = (0.0f32, 0.0f32);
        for bound in [3.0f32, 4.0, 5.0] {
            let spline = RationalQuadratic::new(BINS, bound).unwrap();
            let at = points(3, n, bound);
            for sampling in [true, false] {
                let (to, l) = apply(Level::best(), spline, sampling, &at, &parameters);
                let (back, l_back) = apply(Level::best(), spline, !sampling, &to, &parameters);
                for (((at, to), back), (l, l_back)) in
                    at.iter().zip(&to).zip(&back).zip(l.iter().zip(&l_back))
                {
                    assert!(to.abs() <= bound && back.abs() <= bound);
                    let error = (at - back).abs();
                    if sampling {
                        y_error = y_error.max(error);
                        y_scaled = y_scaled.max(error / (bound * (1.0 + l_back.exp())));
                        log_error = log_error.max((l - l_back).abs());
                    } else {
                        x_error = x_error.max(error);
                        x_scaled = x_scaled.max(error / (bound * (1.0 + (-l_back).exp())));
                    }
                }
            }
        }
        println!(
            "sd {sd}: y {y_error:.1e}, scaled {y_scaled:.1e}; x {x_error:.1e}, scaled \
             {x_scaled:.1e}; ln f′ {log_error:.1e}"
        );
        assert!(y_error <= most, "sd {sd}: {y_error}");
        assert!(y_scaled <= most_y, "sd {sd}: {y_scaled}");
        assert!(x_scaled <= most_x, "sd {sd}: {x_scaled}");
        assert!(log_error <= 1e-2, "sd {sd}: {log_error}");
    }
}

/// A spline with nothing beyond its interval, `sd` the spread of its parameters.
fn closed<T: KnownTails>(bins: usize, bound: f32, sd: f32) {
    let n = 50_000;
    let spline = RationalQuadratic::<T>::with_tails(bins, bound).unwrap();
    let spec = RationalQuadraticSpec::linear(bins, bound).with_tails(T::TAILS).into();
    let p = spline.parameters();
    assert_eq!(p, T::TAILS.parameters(bins));
    let mut at = points(3, n, bound);
    at[..2].copy_from_slice(&[-bound, bound]);
    let mut parameters: Vec<f32> = noise(7, n * p).map(|u| sd * u).collect();
    parameters.copy_within(..p, p);
    let (mut scaled, mut log_error, mut exact_error) = (0.0f32, 0.0f32, 0.0f64);
    for sampling in [false, true] {
        let (to, l) = apply(Level::best(), spline, sampling, &at, &parameters);
        let (back, l_back) = apply(Level::best(), spline, !sampling, &to, &parameters);
        assert_eq!(to[..2], [-bound, bound], "ends stay where they are");
        if T::TAILS == Tails::Circular {
            assert!((l[0] - l[1]).abs() < 3e-6, "one slope at the seam: {} {}", l[0], l[1]);
        } else {
            assert!((l[0] - l[1]).abs() > 1e-3, "a slope at each end: {} {}", l[0], l[1]);
        }
        for i in 0..n {
            assert!(to[i].abs() <= bound && back[i].abs() <= bound, "{} {}", to[i], back[i]);
            assert!(l[i].is_finite(), "{}", l[i]);
            if sampling {
                scaled = scaled.max((at[i] - back[i]).abs() / (bound * (1.0 + l_back[i].exp())));
                log_error = log_error.max((l[i] - l_back[i]).abs());
            } else {
                let raw: Vec<f64> =
                    parameters[i * p..(i + 1) * p].iter().map(|u| f64::from(*u)).collect();
                let (exact, log_slope) =
                    univariate(&spec, &raw, Direction::Density, f64::from(at[i]));
                let size = f64::from(bound) * (1.0 + log_slope.exp());
                exact_error = exact_error.max((f64::from(to[i]) - exact).abs() / size);
            }
        }
        let beyond = [-1.001 * bound, 1.001 * bound, 1e20, f32::MIN];
        let (_, l) = apply(Level::best(), spline, sampling, &beyond, &parameters[..4 * p]);
        assert_eq!(l, [f32::NEG_INFINITY; 4]);
    }
    println!(
        "{:?} {bins}, ±{bound}, sd {sd}: round trip {scaled:.1e}, ln f′ {log_error:.1e}, off f64 \
         {exact_error:.1e}",
        T::TAILS
    );
    assert!(scaled < 2e-6 && log_error < 2e-2 && exact_error < 3e-6);
}

#[test]
fn splines_of_a_box_and_of_a_circle() {
    for (bins, bound, sd) in [(2, 1.0, 1.0), (8, std::f32::consts::PI, 1.0), (5, 3.0, 4.0)] {
        closed::<Boxed>(bins, bound, sd);
        closed::<Circular>(bins, bound, sd);
    }
}

/// Slopes so unlike that a distance from the nearer knot is rounded up past the farther one.
#[test]
fn no_rounding_leaves_the_box() {
    fn stays<T: KnownTails>() {
        let (n, bound) = (200_000, 3.0);
        let spline = RationalQuadratic::<T>::with_tails(BINS, bound).unwrap();
        let at = points(9, n, bound);
        let parameters: Vec<f32> =
            noise(8, n * spline.parameters()).map(|u| 1000.0 * u * u * u).collect();
        for sampling in [false, true] {
            let (y, _) = apply(Level::best(), spline, sampling, &at, &parameters);
            assert!(y.iter().all(|y| y.abs() <= bound));
        }
    }
    stays::<Boxed>();
    stays::<Circular>();
}

#[test]
fn bits_are_equal_at_every_level() {
    let spline = RationalQuadratic::new(BINS, 3.0).unwrap();
    let x = points(5, 5000, 3.3);
    let parameters: Vec<f32> = noise(6, x.len() * P).map(|u| 3.0 * u).collect();
    let bits = |xs: &[f32]| xs.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for sampling in [false, true] {
        let (y, l) = apply(Level::Scalar, spline, sampling, &x, &parameters);
        for level in Level::available() {
            let (a, b) = apply(level, spline, sampling, &x, &parameters);
            assert_eq!((bits(&a), bits(&b)), (bits(&y), bits(&l)), "{level:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// No input makes it panic; a NaN point stays one, and outside the bound nothing moves.
    #[test]
    fn any_bits_are_taken(
        bins in 2usize..=64,
        bound in 1e-3f32..1e4,
        at in any::<u32>(),
        seed in any::<u32>(),
        extreme in 0u32..4,
    ) {
        let spline = RationalQuadratic::new(bins, bound).unwrap();
        let at = f32::from_bits(at);
        let parameters: Vec<f32> = (0..spline.parameters() as u32)
            .map(|i| {
                let word = block([seed, 1], [i, 0])[0];
                if word % 4 < extreme { f32::from_bits(word) } else { normal(Scalar, word) }
            })
            .collect();
        for sampling in [false, true] {
            let (y, l) = apply(Level::Scalar, spline, sampling, &[at], &parameters);
            if at.is_nan() {
                prop_assert!(y[0].is_nan() && l[0].is_nan());
            } else if at.abs() > bound {
                prop_assert!(y[0] == at && l[0] == 0.0);
            } else if extreme == 0 {
                prop_assert!(y[0].abs() <= bound && l[0].is_finite());
            }
            let no_number = parameters[..2 * bins].iter().any(|u| u.is_nan());
            if no_number && at.abs() < bound {
                prop_assert!(y[0].is_nan() && l[0].is_nan());
            }
        }
    }
}

#[test]
fn no_permitted_bound_gives_nan() {
    use pushforward::univariate::rational_quadratic::{MAX_BINS, MAX_BOUND, MIN_BOUND};
    for bound in [MIN_BOUND, MAX_BOUND] {
        for bins in [2, BINS, MAX_BINS] {
            let spline = RationalQuadratic::new(bins, bound).unwrap();
            let p = spline.parameters();
            let mut x = points(3, 2_000, 1.1 * bound);
            x.extend([-bound, 0.0, bound, -f32::MAX, f32::MAX]);
            for sd in [1.0, 30.0, 1e15] {
                let parameters: Vec<f32> = noise(4, x.len() * p).map(|u| sd * u).collect();
                for sampling in [false, true] {
                    let (y, l) = apply(Level::best(), spline, sampling, &x, &parameters);
                    for (i, x) in x.iter().enumerate() {
                        let text = format!("{bins} {bound} {sd} {sampling} {x}: {} {}", y[i], l[i]);
                        assert!(y[i].is_finite() && !l[i].is_nan(), "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let wrong = [
        (1, 1.0),
        (65, 1.0),
        (8, 0.0),
        (8, -1.0),
        (8, 9e-4),
        (8, 1.1e4),
        (8, 3e38),
        (8, f32::NAN),
        (8, f32::INFINITY),
    ];
    for (bins, bound) in wrong {
        assert!(RationalQuadratic::new(bins, bound).is_none(), "{bins} {bound}");
    }
}
