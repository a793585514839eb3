//! The edges of a distribution: what it cannot draw scores −∞, a draw that overflowed says so, and
//! a value at the rounded row is that of the row; for every family, arithmetic, level and batch.

mod common;

use common::{
    AFFINE, ARITHMETICS, contexts, descriptions, discrete, is_scored_at_its_row, randomised, wide,
};
use pushforward::base::{NormalSpec, UniformSpec};
use pushforward::distribution::{Error, Given};
use pushforward::domain::Element;
use pushforward::layer::{AffineSpec, PartialSpec};
use pushforward::model::{
    BasePart, BaseSpec, Description, LayerSpec, Model, Sampler, Support, UnivariateSpec, preset,
};
use pushforward::simd::Level;
use pushforward::univariate::RationalQuadraticSpec;
use pushforward::univariate::rational_quadratic::Tails;
use pushforward_oracle::Oracle;

const N: usize = 67;
const BATCHES: [usize; 4] = [1, 3, 33, N];

/// Every model at every level.
fn each_sampler(size: f32, mut check: impl FnMut(&str, &Model, Given<'_, Sampler>)) {
    for (name, description) in descriptions() {
        for arithmetic in ARITHMETICS {
            let model = randomised(description.clone(), arithmetic, size);
            let context = contexts(&model, 0, 1);
            for level in Level::available() {
                let sampler = model.sampler().unwrap().with_level(level);
                // One context for all rows.
                let given = sampler.given(&context);
                check(&format!("{name} {arithmetic:?} {level:?}"), &model, given);
            }
        }
    }
}

fn bits(xs: &[f32]) -> Vec<u32> {
    xs.iter().map(|x| x.to_bits()).collect()
}

/// Scores in pieces of `batch` rows.
fn scored<X: pushforward::domain::Value>(
    s: Given<'_, Sampler>,
    rows: &[X],
    batch: usize,
) -> Vec<f32> {
    let mut out = vec![7.0; rows.len() / s.model.dim()];
    for (rows, out) in rows.chunks(batch * s.model.dim()).zip(out.chunks_mut(batch)) {
        s.try_log_prob(rows, out).unwrap();
    }
    out
}

/// Rows of which every third has one value of `bad`, and whether it has.
fn spoilt<X: Copy>(rows: &[X], dim: usize, bad: &[X], shift: usize) -> (Vec<X>, Vec<bool>) {
    let mut rows = rows.to_vec();
    let mut spoilt = Vec::new();
    for (i, row) in rows.chunks_mut(dim).enumerate() {
        spoilt.push(i % 3 == shift % 3);
        if i % 3 == shift % 3 {
            row[(i + shift) * 7 % dim] = bad[(i / 3 + shift) % bad.len()];
        }
    }
    (rows, spoilt)
}

fn is_minus_infinity_where_spoilt(name: &str, clean: &[f32], found: &[f32], spoilt: &[bool]) {
    for (i, ((clean, found), spoilt)) in clean.iter().zip(found).zip(spoilt).enumerate() {
        let expected = if *spoilt { f32::NEG_INFINITY } else { *clean };
        assert_eq!(found.to_bits(), expected.to_bits(), "{name} row {i}: {found}, not {expected}");
    }
}

#[test]
fn rows_outside_the_support_score_minus_infinity() {
    let signalling = f32::from_bits(0x7f80_0001);
    let no_real = [f32::NAN, -f32::NAN, signalling, f32::INFINITY, f32::NEG_INFINITY];
    let below_one = f32::from_bits(1f32.to_bits() - 1);
    let no_spin = [
        [0.0, -0.0, 0.5, -0.5, 2.0, -3.0, 1e-45, below_one, 1.0 + f32::EPSILON, -1e38].as_slice(),
        &no_real,
    ]
    .concat();
    let no_category = [
        [-0.0, 0.5, -0.5, -1.0, 1.5, 700.0, 65_536.0, 4_294_967_296.0, 1e-45, -1e38].as_slice(),
        &no_real,
    ]
    .concat();
    let no_spin_in_bytes = [0i8, 2, -2, 3, 127, -127, -128];
    each_sampler(0.3, |name, model, sampler| {
        let dim = sampler.model.dim();
        let (mut rows, mut path) = (vec![0.0f32; N * dim], vec![0.0; N]);
        sampler.try_sample(2, 0, &mut rows, Some(&mut path)).unwrap();
        let clean = scored(sampler, &rows, N);
        assert!(clean.iter().all(|p| p.is_finite()), "{name}");
        let element = model.description().domain().element();
        let bad = match element {
            Element::I8 => no_spin.as_slice(),
            Element::F32 => &no_real,
            Element::U8 | Element::U16 => &no_category,
        };
        for (shift, batch) in BATCHES.into_iter().enumerate() {
            let name = format!("{name} batch {batch}");
            let (rows, spoilt_rows) = spoilt(&rows, dim, bad, shift);
            let found = scored(sampler, &rows, batch);
            is_minus_infinity_where_spoilt(&name, &clean, &found, &spoilt_rows);
        }
        if element == Element::U16 {
            let categories: Vec<u16> = rows.iter().map(|x| *x as u16).collect();
            let (rows, spoilt_rows) = spoilt(&categories, dim, &[700, 701, u16::MAX], 1);
            let found = scored(sampler, &rows, 33);
            is_minus_infinity_where_spoilt(name, &clean, &found, &spoilt_rows);
        }
        if element != Element::I8 {
            return;
        }
        let spins: Vec<i8> = rows.iter().map(|s| *s as i8).collect();
        for (shift, batch) in BATCHES.into_iter().enumerate() {
            let name = format!("{name} batch {batch} of i8");
            let (rows, spoilt_rows) = spoilt(&spins, dim, &no_spin_in_bytes, shift);
            let found = scored(sampler, &rows, batch);
            is_minus_infinity_where_spoilt(&name, &clean, &found, &spoilt_rows);
        }
    });
}

/// −B and B are one point, and a density of points has one value there: what networks read of it has the
/// same bits, and the slopes of splines are equal but for rounding.
#[test]
fn the_seam_of_a_torus_does_not_show() {
    let (name, torus) = common::periodic().swap_remove(1);
    for arithmetic in ARITHMETICS {
        let model = randomised(torus.clone(), arithmetic, 0.7);
        let (dim, sampler) = (model.description().dim(), model.sampler().unwrap());
        let mut rows = vec![0.0f32; N * dim];
        sampler.sample(3, 0, &mut rows, None);
        let at = |end: f32| {
            let mut rows = rows.clone();
            rows.chunks_mut(dim).enumerate().for_each(|(i, row)| row[i % dim] = end);
            scored(sampler.given(&[]), &rows, N)
        };
        for (low, high) in at(-3.0).into_iter().zip(at(3.0)) {
            assert!((low - high).abs() < 1e-5, "{name} {arithmetic:?}: {low} and {high}");
        }
        // Where networks read the numbers themselves, it does.
        let mut raw = torus.clone();
        let Description::Flow(flow) = &mut raw else { panic!() };
        let LayerSpec::Autoregressive(layer) = &mut flow.layers[0] else { panic!() };
        let pushforward::model::CausalNetworkSpec::Periodic(periodic) = &layer.network else {
            panic!()
        };
        layer.network = periodic.network.clone().into();
        let model = randomised(raw, arithmetic, 0.7);
        let sampler = model.sampler().unwrap();
        let mut ends = [[-3.0f32; 21], [-3.0; 21]];
        ends[1][20] = 3.0;
        let scores = scored(sampler.given(&[]), ends.as_flattened(), 2);
        assert!((scores[0] - scores[1]).abs() > 1e-2, "{scores:?}");
    }
}

#[test]
fn rows_outside_bounds_score_minus_infinity_and_draws_are_within() {
    for (name, description) in common::bounded() {
        let Description::Flow(flow) = &description else { panic!() };
        let Some(LayerSpec::Bounds(bounds)) = flow.layers.last() else { panic!() };
        let (dim, supports) = (description.dim(), flow.supports());
        // Far out, where a rounding would put a draw on its bound.
        for (arithmetic, size) in ARITHMETICS.into_iter().zip([0.3, 3.0]) {
            let model = randomised(description.clone(), arithmetic, size);
            for level in Level::available() {
                let sampler = model.sampler().unwrap().with_level(level);
                let mut rows = vec![0.0f32; N * dim];
                sampler.sample(2, 0, &mut rows, None);
                for row in rows.chunks(dim).filter(|row| row.iter().all(|x| x.is_finite())) {
                    for (x, support) in row.iter().zip(&supports) {
                        assert!(support.contains(*x), "{name}: {x} outside {support}");
                    }
                }
            }
        }
        let model = randomised(description.clone(), ARITHMETICS[0], 0.3);
        let sampler = model.sampler().unwrap();
        let mut rows = vec![0.0f32; N * dim];
        sampler.sample(2, 0, &mut rows, None);
        let clean = scored(sampler.given(&[]), &rows, N);
        assert!(clean.iter().all(|p| p.is_finite()), "{name}");
        let ends =
            bounds.lower.iter().map(|a| (*a, -1.0)).chain(bounds.upper.iter().map(|b| (*b, 1.0)));
        for (at, (bound, side)) in ends.enumerate().filter(|(_, (bound, _))| bound.is_finite()) {
            for beyond in [bound, bound + side * 0.125, bound + side * 1e4, side * f32::MAX] {
                let mut rows = rows.clone();
                rows.chunks_mut(dim).step_by(3).for_each(|row| row[at % dim] = beyond);
                let spoilt: Vec<bool> = (0..N).map(|i| i % 3 == 0).collect();
                let found = scored(sampler.given(&[]), &rows, 33);
                is_minus_infinity_where_spoilt(&name, &clean, &found, &spoilt);
            }
        }
    }
}

#[test]
fn draws_are_parts_of_a_whole_and_other_rows_score_minus_infinity() {
    for (name, description) in common::parts() {
        let Description::Flow(flow) = &description else { panic!() };
        let Some(LayerSpec::Simplex(simplex)) = flow.layers.last() else { panic!() };
        let dim = description.dim();
        let parts: Vec<usize> = (0..dim).filter(|d| simplex.parts[*d]).collect();
        let rest = |row: &[f32]| parts.iter().fold(simplex.total, |rest, d| rest - row[*d]);
        for (arithmetic, size) in ARITHMETICS.into_iter().zip([0.3, 2.0]) {
            let model = randomised(description.clone(), arithmetic, size);
            let context = contexts(&model, 0, 1);
            for level in Level::available() {
                let sampler = model.sampler().unwrap().with_level(level);
                let given = sampler.given(&context);
                let (mut rows, mut path) = (vec![0.0f32; N * dim], vec![0.0; N]);
                given.sample(2, 0, &mut rows, Some(&mut path));
                let inside = |row: &[f32]| parts.iter().all(|d| row[*d] > 0.0) && rest(row) > 0.0;
                assert!(rows.chunks(dim).all(inside), "{name} {level:?}");
                assert!(path.iter().all(|p| p.is_finite()), "{name} {level:?}");
                let clean = scored(given, &rows, N);
                for (at, wrong) in [(0, 0.0), (1, -1e-3), (0, simplex.total), (1, f32::MAX)] {
                    let mut rows = rows.clone();
                    let d = parts[at];
                    rows.chunks_mut(dim).step_by(3).for_each(|row| row[d] = wrong);
                    // What is left for the last part is nothing.
                    let last = parts[parts.len() - 1];
                    rows.chunks_mut(dim)
                        .skip(1)
                        .step_by(3)
                        .for_each(|row| row[last] += 2.0 * rest(row));
                    let spoilt: Vec<bool> = (0..N).map(|i| i % 3 < 2).collect();
                    let found = scored(given, &rows, 33);
                    is_minus_infinity_where_spoilt(&name, &clean, &found, &spoilt);
                }
            }
        }
    }
}

#[test]
fn rows_outside_a_bounded_support_score_minus_infinity() {
    each_sampler(0.3, |name, model, sampler| {
        let Description::Flow(flow) = model.description() else { return };
        let bound = match flow.base.support() {
            Support::Line | Support::Bounded { .. } => return,
            Support::Interval { bound } | Support::Circle { bound } => bound,
        };
        let dim = sampler.model.dim();
        assert!(flow.supports().iter().all(|support| *support == flow.base.support()), "{name}");
        let (mut rows, mut path) = (vec![0.0f32; N * dim], vec![0.0; N]);
        sampler.try_sample(2, 0, &mut rows, Some(&mut path)).unwrap();
        assert!(rows.iter().all(|x| x.abs() <= bound), "{name}");
        let clean = scored(sampler, &rows, N);
        let beyond = f32::from_bits(bound.to_bits() + 1);
        let bad = [beyond, -beyond, 1.01 * bound, -2.0 * bound, 1e10, -1e30, f32::MAX];
        for (shift, batch) in BATCHES.into_iter().enumerate() {
            let (rows, spoilt_rows) = spoilt(&rows, dim, &bad, shift);
            let found = scored(sampler, &rows, batch);
            is_minus_infinity_where_spoilt(name, &clean, &found, &spoilt_rows);
        }
        // The bounds themselves belong to it.
        let edges = scored(sampler, &[bound, -bound].repeat(dim), 2);
        assert!(edges.iter().all(|p| p.is_finite()), "{name}");
    });
}

#[test]
fn layers_that_move_their_support_are_refused() {
    let wrong = |base: BaseSpec, layer: LayerSpec| {
        let mut description = preset::flow(&[2], [layer], false);
        if let Description::Flow(flow) = &mut description {
            flow.base = base;
        }
        description.validate().unwrap_err().to_string()
    };
    let on_three = BaseSpec::from(UniformSpec { bound: 3.0 });
    let coupling = |map| preset::coupling([true, false], &[], map);
    let up_to = |bound| UnivariateSpec::from(RationalQuadraticSpec::linear(4, bound));
    let closed = |bound, tails| {
        UnivariateSpec::from(RationalQuadraticSpec::linear(4, bound).with_tails(tails))
    };
    for (base, layer, expected) in [
        (
            on_three.clone(),
            LayerSpec::from(AffineSpec {}),
            "`layers.0.kind`: found the interval from -3 to 3, expected the real line",
        ),
        (
            on_three.clone(),
            PartialSpec { range: [1, 2], layer: AffineSpec {}.into() }.into(),
            "`layers.0.layer.kind`: found the interval from -3 to 3, expected the real line",
        ),
        (
            on_three.clone(),
            coupling(AFFINE),
            "`layers.0.univariate.kind`: found the interval from -3 to 3, expected the real line",
        ),
        (
            on_three.clone(),
            coupling(up_to(3.5)),
            "`layers.0.univariate.bound`: found 3.5, on the interval from -3 to 3, expected at most 3",
        ),
        (
            on_three.clone(),
            coupling(closed(3.5, Tails::Box)),
            "`layers.0.univariate.bound`: found 3.5, on the interval from -3 to 3, expected 3",
        ),
        (
            on_three,
            coupling(closed(2.5, Tails::Circular)),
            "`layers.0.univariate.bound`: found 2.5, on the interval from -3 to 3, expected 3",
        ),
        (
            NormalSpec {}.into(),
            coupling(closed(3.0, Tails::Box)),
            "`layers.0.univariate.tails`: found box, on the real line, expected tails that leave it",
        ),
        (
            UniformSpec { bound: 0.0 }.into(),
            coupling(up_to(3.0)),
            "`base.bound`: found 0, expected 0.0009765625 to 10000",
        ),
    ] {
        let found = wrong(base, layer);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn far_rows_of_flows_score_a_number_that_is_right_or_minus_infinity() {
    let far = [1e3, 1e6, 1e10, 1e15, 1e18, 1e19, 2e19, 1e25, 1e30, 1e35, f32::MAX];
    for (name, description) in descriptions() {
        if !description.domain().is_real() {
            continue;
        }
        for arithmetic in ARITHMETICS {
            let model = randomised(description.clone(), arithmetic, 0.3);
            let dim = description.dim();
            let (context, oracle) = (contexts(&model, 0, 1), Oracle::new(&model));
            let (mut rows, _) = common::draw(&model, 3, 0, 4 * far.len());
            for (i, row) in rows.chunks_mut(dim).enumerate() {
                let x = far[i / 4] * if i % 2 == 0 { 1.0 } else { -1.0 };
                // One coordinate, or all of them.
                if i % 4 < 2 { row[i % dim] = x } else { row.fill(x) }
            }
            let expected: Vec<f64> = rows
                .chunks(dim)
                .map(|row| {
                    let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
                    oracle.log_prob(&wide(&context), &row)
                })
                .collect();
            for level in Level::available() {
                let sampler = model.sampler().unwrap().with_level(level);
                for batch in [1, rows.len()] {
                    for (i, found) in
                        scored(sampler.given(&context), &rows, batch).iter().enumerate()
                    {
                        let text = format!("{name} {level:?} row {i}: {found}, {}", expected[i]);
                        assert!(!found.is_nan() && *found < f32::INFINITY, "{text}");
                        if expected[i] < -4e38 {
                            assert_eq!(*found, f32::NEG_INFINITY, "{text}");
                        } else if expected[i] > -1e36 {
                            let error = (f64::from(*found) / expected[i] - 1.0).abs();
                            // Far out, where the map is steep, a rounding costs more than usual.
                            // A map that divides by what its network says, and a mixture, have a density
                            // so far out that the network's own sums are no numbers any more.
                            let has_density =
                                name == "location_scale over_sigmoid" || name.starts_with("table");
                            // What the normal distribution is asked about is infinite from 5·10¹⁸ on, as its
                            // square is an exponent.
                            let squares = name == "mixture_cdf maf" && far[i / 4] > 1e18;
                            let overflows = (has_density && far[i / 4] > 1e30 || squares)
                                && *found == f32::NEG_INFINITY;
                            assert!(error < 2e-2 || overflows, "{text}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_draw_that_overflowed_has_no_log_probability_and_says_so() {
    let mut failed = std::collections::BTreeSet::new();
    each_sampler(1e22, |name, model, sampler| {
        let (dim, first) = (sampler.model.dim(), 11);
        let (mut rows, mut path) = (vec![0.0f32; N * dim], vec![7.0; N]);
        let drawn = sampler.try_sample(5, first, &mut rows, Some(&mut path));
        let finite: Vec<bool> =
            rows.chunks(dim).map(|row| row.iter().all(|x| x.is_finite())).collect();
        for (i, (p, finite)) in path.iter().zip(&finite).enumerate() {
            assert_eq!(p.is_finite(), *finite, "{name} row {i}: {p}");
            assert!(p.is_finite() || p.is_nan(), "{name} row {i}: {p}");
        }
        let expected = finite.iter().position(|finite| !finite);
        let expected = match expected {
            None => Ok(()),
            Some(i) => Err(Error::NotFinite { sample: first + i as u64 }),
        };
        assert_eq!(drawn, expected, "{name}");
        if let Err(error) = &drawn {
            failed.insert(name.split(' ').next().unwrap_or_default().to_owned());
            let Error::NotFinite { sample } = error else { unreachable!() };
            assert!(error.to_string().starts_with(&format!("sample {sample}: ")), "{error}");
            assert!(!discrete(model), "{name}: a discrete value is always one");
        }
        // Whatever the cut, whether log-probabilities are asked for or not, and also where a call
        // cannot return an error.
        let (mut again, mut at_row) = (vec![0.0f32; N * dim], vec![0.0; N]);
        assert_eq!(sampler.try_sample(5, first, &mut again, None), expected, "{name}");
        assert_eq!(bits(&again), bits(&rows), "{name}");
        sampler.sample(5, first, &mut again, Some(&mut at_row));
        assert_eq!(bits(&at_row), bits(&path), "{name}");
        for (i, finite) in finite.iter().enumerate() {
            let at = first + i as u64;
            let one = sampler.try_sample(5, at, &mut again[..dim], None);
            assert_eq!(one.is_ok(), *finite, "{name} row {i}");
        }
        // At the row: a number or −∞ for a finite row, as for any, and NaN for others.
        let drawn = sampler.try_sample_scored(5, first, &mut again, &mut at_row);
        assert_eq!(drawn, expected, "{name}");
        let scores = scored(sampler, &rows, N);
        for (i, finite) in finite.iter().enumerate() {
            let expected = if *finite { scores[i] } else { f32::NAN };
            assert_eq!(at_row[i].to_bits(), expected.to_bits(), "{name} row {i}");
        }
    });
    // Weights as large as these are too much for every flow; integers are never as large.
    let floats = |d: &Description| d.domain().is_real() && !d.holds_integers();
    let flows = descriptions().into_iter().filter(|(_, d)| floats(d));
    let names = flows.map(|(name, _)| name.split(' ').next().unwrap_or_default().to_owned());
    assert_eq!(failed, names.collect());
}

#[test]
fn a_value_at_the_row_is_the_score_of_the_row() {
    each_sampler(0.3, |name, model, sampler| {
        let dim = sampler.model.dim();
        let (mut rows, mut path) = (vec![0.0f32; N * dim], vec![0.0; N]);
        sampler.sample(8, 3, &mut rows, Some(&mut path));
        for batch in BATCHES {
            let (mut again, mut at_row) = (vec![0.0f32; N * dim], vec![0.0; N]);
            let pieces = again.chunks_mut(batch * dim).zip(at_row.chunks_mut(batch));
            for (i, (rows, out)) in pieces.enumerate() {
                sampler.try_sample_scored(8, 3 + (i * batch) as u64, rows, out).unwrap();
            }
            assert_eq!(bits(&again), bits(&rows), "{name} batch {batch}");
            let expected = if is_scored_at_its_row(model) {
                path.clone()
            } else {
                scored(sampler, &rows, batch)
            };
            assert_eq!(bits(&at_row), bits(&expected), "{name} batch {batch}");
        }
        let found = sampler.try_sample_scored(8, 3, &mut rows, &mut [0.0; 2]).unwrap_err();
        assert_eq!(found, Error::LogProb { found: 2, expected: N }, "{name}");
    });
}

#[test]
fn real_numbers_are_not_cut_off_to_bytes() {
    each_sampler(0.3, |name, model, sampler| {
        let dim = sampler.model.dim();
        let mut rows = vec![77i8; 3 * dim];
        let drawn = sampler.try_sample(1, 0, &mut rows, None);
        if discrete(model) {
            let expected = model.description().domain().element();
            let held = if expected == Element::I8 {
                Ok(())
            } else {
                Err(Error::Element { found: Element::I8, expected })
            };
            assert_eq!(drawn, held, "{name}");
            return;
        }
        assert_eq!(
            drawn,
            Err(Error::Element { found: Element::I8, expected: Element::F32 }),
            "{name}"
        );
        assert_eq!(rows, vec![77; 3 * dim], "{name}: nothing is written");
        // Whole numbers are real numbers: they score as such.
        let bytes: Vec<i8> = (0..3 * dim as i32).map(|i| (i % 5 - 2) as i8).collect();
        let wide: Vec<f32> = bytes.iter().map(|x| f32::from(*x)).collect();
        assert_eq!(bits(&scored(sampler, &bytes, 3)), bits(&scored(sampler, &wide, 3)), "{name}");
    });
}
