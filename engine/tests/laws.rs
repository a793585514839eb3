//! Laws that every model obeys at every SIMD level and in both arithmetics.

mod common;

use common::{
    ARITHMETICS, BOX, CIRCULAR, SPLINE, contexts, decided, descriptions, draw,
    is_scored_at_its_row, randomised, scored_small, wide,
};
use pushforward::base::{MixtureSpec, UniformSpec, VonMisesSpec};
use pushforward::bijection::Direction;
use pushforward::distribution::Error;
use pushforward::model::{BasePart, BaseSpec, Description, Model, Support, preset};
use pushforward::simd::Level;
use pushforward_oracle::Oracle;

fn each_model(mut check: impl FnMut(&str, &Model)) {
    for (name, description) in descriptions() {
        for arithmetic in ARITHMETICS {
            let model = randomised(description.clone(), arithmetic, 0.3);
            check(&format!("{name} {arithmetic:?}"), &model);
        }
    }
}

fn bits(xs: &[f32]) -> Vec<u32> {
    xs.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn levels_and_batches_give_the_same_bits() {
    each_model(|name, model| {
        let (dim, one) = (model.description().dim(), model.description().context());
        let n = 1000;
        let contexts = contexts(model, 5, n);
        let context = |row: usize, batch: usize| &contexts[row * one..(row + batch).min(n) * one];
        let scalar = model.sampler().unwrap().with_level(Level::Scalar);
        let mut rows = vec![0.0f32; n * dim];
        let mut lp = vec![0.0; n];
        scalar.given(&contexts).sample(3, 5, &mut rows, Some(&mut lp));
        let mut expected = vec![0.0; n];
        scalar.given(&contexts).log_prob(&rows, &mut expected);
        for level in Level::available() {
            let sampler = model.sampler().unwrap().with_level(level);
            for batch in [1, 7, 33, 64, 1000] {
                let mut again = vec![0.0f32; n * dim];
                let mut lp_again = vec![0.0; n];
                let mut row = 0;
                for (rows, lp) in again.chunks_mut(batch * dim).zip(lp_again.chunks_mut(batch)) {
                    let given = sampler.given(context(row, batch));
                    given.sample(3, 5 + row as u64, rows, Some(lp));
                    row += batch;
                }
                assert_eq!(bits(&rows), bits(&again), "{name} {level:?} batch {batch}");
                assert_eq!(bits(&lp), bits(&lp_again), "{name} {level:?} batch {batch}: log_prob");

                let mut scored = vec![0.0; n];
                let mut row = 0;
                for (rows, lp) in rows.chunks(batch * dim).zip(scored.chunks_mut(batch)) {
                    sampler.given(context(row, batch)).log_prob(rows, lp);
                    row += batch;
                }
                assert_eq!(bits(&scored), bits(&expected), "{name} {level:?} {batch}: scoring");
            }
            let mut without = vec![0.0f32; n * dim];
            sampler.given(&contexts).sample(3, 5, &mut without, None);
            assert_eq!(bits(&rows), bits(&without), "{name} {level:?}: without log_prob");
        }
    });
}

#[test]
fn one_context_for_all_rows_is_that_context_for_each() {
    each_model(|name, model| {
        let (n, dim, one) = (70, model.description().dim(), model.description().context());
        let context = contexts(model, 9, 1);
        let each = context.repeat(n);
        let sampler = model.sampler().unwrap();
        let draw = |context: &[f32]| {
            let (mut rows, mut lp) = (vec![0.0f32; n * dim], vec![0.0; n]);
            sampler.given(context).sample(1, 0, &mut rows, Some(&mut lp));
            let mut scored = vec![0.0; n];
            sampler.given(context).log_prob(&rows, &mut scored);
            [bits(&rows), bits(&lp), bits(&scored)]
        };
        assert_eq!(draw(&context), draw(&each), "{name}");
        if one > 0 {
            assert_ne!(draw(&context), draw(&contexts(model, 10, 1)), "{name}: it is read");
            let mut rows = vec![0.0f32; n * dim];
            let found = sampler.given(&context[1..]).try_sample(1, 0, &mut rows, None);
            assert_eq!(found, Err(Error::Context { found: one - 1, one, rows: n }), "{name}");
        }
    });
}

#[test]
fn sampling_path_and_density_path_agree() {
    each_model(|name, model| {
        let (rows, lp) = draw(model, 1, 0, 200);
        let contexts = contexts(model, 0, 200);
        let sampler = model.sampler().unwrap();
        let mut scored = vec![0.0; 200];
        sampler.given(&contexts).log_prob(&rows, &mut scored);
        if is_scored_at_its_row(model) {
            assert_eq!(bits(&lp), bits(&scored), "{name}: bit-equal over sites");
            let mut small = vec![0.0; 200];
            let element = model.description().domain().element();
            scored_small(sampler.given(&contexts), element, &rows, &mut small);
            assert_eq!(bits(&lp), bits(&small), "{name}: rows of small elements");
        } else {
            let (dim, decided) = (model.description().dim(), decided(model, &contexts, &rows));
            for ((a, b), _) in lp.iter().zip(&scored).zip(&decided).filter(|(_, decided)| **decided)
            {
                assert!((a - b).abs() <= 2e-6 * (dim as f32 + a.abs()), "{name}: {a} {b}");
            }
            let decided = decided.into_iter().filter(|decided| *decided).count();
            assert!(decided > 150, "{name}: {decided}");
        }
    });
}

#[test]
fn log_prob_agrees_with_the_formulas_in_f64() {
    each_model(|name, model| {
        let (dim, one) = (model.description().dim(), model.description().context());
        let (rows, lp) = draw(model, 2, 0, 100);
        let contexts = contexts(model, 0, 100);
        let (decided, oracle) = (decided(model, &contexts, &rows), Oracle::new(model));
        let contexts = wide(&contexts);
        let compared = rows.chunks(dim).zip(&lp).enumerate().filter(|(i, _)| decided[*i]);
        for (i, (row, lp)) in compared {
            let expected = oracle.log_prob(&contexts[i * one..(i + 1) * one], &wide(row));
            let error = (f64::from(*lp) - expected).abs();
            assert!(error <= 1e-5 * (1.0 + expected.abs()), "{name}: {lp} {expected}");
        }
    });
}

#[test]
fn log_det_is_that_of_a_dense_jacobian() {
    each_model(|name, model| {
        if is_scored_at_its_row(model) {
            return;
        }
        let (dim, one) = (model.description().dim(), model.description().context());
        let contexts = contexts(model, 0, 3);
        let (rows, _) = draw(model, 4, 0, 3);
        let (decided, oracle) = (decided(model, &contexts, &rows), Oracle::new(model));
        let contexts = wide(&contexts);
        for (i, row) in rows.chunks(dim).enumerate().filter(|(i, _)| decided[*i]) {
            let (row, context) = (wide(row), &contexts[i * one..(i + 1) * one]);
            let (z, log_det) = oracle.to_noise(context, &row);
            let [dense, error] = oracle.log_det_by_differences(context, &row);
            let allowed = 1e-5 * (1.0 + dim as f64) + error;
            assert!((dense - log_det).abs() < allowed, "{name}: {dense} {log_det}");
            let (again, back) = oracle.to_data(context, &z);
            assert!((back - log_det).abs() < 1e-9 * (1.0 + dim as f64), "{name}: {back} {log_det}");
            for (a, b) in again.iter().zip(&row) {
                assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{name}: {a} {b}");
            }
        }
    });
}

#[test]
fn densities_of_one_coordinate_integrate_to_one() {
    for map in [SPLINE, BOX, CIRCULAR] {
        let layer = || preset::autoregressive(vec![0], Direction::Density, &[3], map);
        let mut description = preset::flow(&[1], [layer(), layer()], false);
        if let Description::Flow(flow) = &mut description {
            flow.base = UniformSpec { bound: 3.0 }.into();
        }
        let model = randomised(description, ARITHMETICS[0], 2.0);
        let oracle = Oracle::new(&model);
        let n = 20_000;
        let at = |x: f64| oracle.log_prob(&[], &[x]).exp();
        let density: Vec<f64> =
            (0..n).map(|i| at(3.0 * ((2 * i + 1) as f64 / n as f64 - 1.0))).collect();
        let total = density.iter().sum::<f64>() * 6.0 / n as f64;
        assert!((total - 1.0).abs() < 1e-4, "{map:?}: {total}");
        let spread = density.iter().fold(0.0, |most: f64, p| most.max(p - 1.0 / 6.0));
        assert!(spread > 0.03, "{map:?}: no uniform density");
        assert_eq!([at(3.01), at(-3.01)], [0.0; 2], "{map:?}");
        if map == CIRCULAR {
            assert!((at(3.0) / at(-3.0) - 1.0).abs() < 1e-9, "no jump at the seam");
        }
    }
}

/// A base's density over one coordinate integrates to one, and its draws are distributed so.
#[test]
fn noise_is_distributed_as_its_density_says() {
    const CELLS: usize = 200;
    let von_mises = |concentration| VonMisesSpec { concentration }.into();
    let bases: [BaseSpec; 4] =
        [MixtureSpec { components: 4 }.into(), von_mises(0.01), von_mises(1.2), von_mises(30.0)];
    for base in bases {
        let bound = match base.support() {
            Support::Line | Support::Bounded { .. } => 30.0,
            Support::Interval { bound } | Support::Circle { bound } => f64::from(bound),
        };
        let mut description = preset::flow(&[1], [], false);
        if let Description::Flow(flow) = &mut description {
            flow.base = base.clone();
        }
        let model = randomised(description, ARITHMETICS[0], 1.5);
        let oracle = Oracle::new(&model);
        let (fine, width) = (200, 2.0 * bound / CELLS as f64);
        let share = |cell: usize| {
            let at = |i: usize| (cell as f64 + (i as f64 + 0.5) / fine as f64) * width - bound;
            let sum: f64 = (0..fine).map(|i| oracle.log_prob(&[], &[at(i)]).exp()).sum();
            sum * width / fine as f64
        };
        let shares: Vec<f64> = (0..CELLS).map(share).collect();
        let total: f64 = shares.iter().sum();
        assert!((total - 1.0).abs() < 1e-5, "{base:?}: {total}");
        let n = 1 << 18;
        let (rows, _) = draw(&model, 5, 0, n);
        let mut counts = [0.0; CELLS];
        for z in &rows {
            let cell = ((f64::from(*z) + bound) / width) as usize;
            counts[cell.min(CELLS - 1)] += 1.0;
        }
        // Cells of few draws together.
        let (mut chi2, mut cells, mut rest) = (0.0, 0, [0.0; 2]);
        for (share, count) in shares.iter().zip(counts) {
            rest = [rest[0] + share * n as f64, rest[1] + count];
            if rest[0] > 20.0 {
                chi2 += (rest[1] - rest[0]).powi(2) / rest[0];
                (cells, rest) = (cells + 1, [0.0; 2]);
            }
        }
        // Of c degrees of freedom: beyond c + 5 √(2c) once in 10⁵ seeds and rarer.
        let cells = f64::from(cells);
        assert!(cells > 20.0 && chi2 < cells + 5.0 * (2.0 * cells).sqrt(), "{base:?}: {chi2}");
    }
}

#[test]
fn rows_are_addressed_by_index() {
    each_model(|name, model| {
        let dim = model.description().dim();
        let (rows, _) = draw(model, 9, 0, 40);
        let (slice, _) = draw(model, 9, 23, 10);
        assert_eq!(bits(&rows[23 * dim..33 * dim]), bits(&slice), "{name}");
        // Across a page of 2^32 samples nothing breaks either.
        let far = (1u64 << 32) - 3;
        let (rows, _) = draw(model, 9, far, 70);
        for i in [0usize, 2, 3, 4, 69] {
            let (one, _) = draw(model, 9, far + i as u64, 1);
            assert_eq!(bits(&rows[i * dim..(i + 1) * dim]), bits(&one), "{name} {i}");
        }
    });
}

#[test]
fn z2_scores_a_configuration_and_its_mirror_alike() {
    each_model(|name, model| {
        if !name.contains("Z2") {
            return;
        }
        let (rows, lp) = draw(model, 6, 0, 50);
        let mirror: Vec<f32> = rows.iter().map(|s| -s).collect();
        let mut scored = vec![0.0; 50];
        model.sampler().unwrap().given(&contexts(model, 0, 50)).log_prob(&mirror, &mut scored);
        assert_eq!(bits(&lp), bits(&scored), "{name}");
    });
}

#[test]
fn any_generator_drives_a_sampler() {
    use pushforward::noise::{FromRng, SampleRng};
    each_model(|name, model| {
        let sampler = model.sampler().unwrap();
        let n = 100;
        let mut rows = vec![0.0f32; n * sampler.dim()];
        let mut lp = vec![0.0; n];
        let mut noise = FromRng(SampleRng::new(1, 2));
        let contexts = contexts(model, 0, n);
        let given = sampler.given(&contexts);
        given.try_sample_with(&mut noise, 0, &mut rows, Some(&mut lp)).unwrap();
        let mut scored = vec![0.0; n];
        given.log_prob(&rows, &mut scored);
        let decided = decided(model, &contexts, &rows);
        for ((a, b), _) in lp.iter().zip(&scored).zip(decided).filter(|(_, decided)| *decided) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{name}");
        }
    });
}

#[test]
fn wrong_buffers_are_errors_and_write_nothing() {
    let model = randomised(common::made(5, &[], true, Default::default()), ARITHMETICS[0], 0.3);
    let sampler = model.sampler().unwrap();
    let mut rows = [7i8; 9];
    let found = sampler.try_sample(0, 0, &mut rows, None).unwrap_err();
    assert_eq!(found.to_string(), "rows: found 9 values, expected a multiple of 5");
    assert_eq!(rows, [7; 9]);
    let found = sampler.try_log_prob(&[1i8; 10], &mut [0.0; 3]).unwrap_err();
    assert_eq!(found.to_string(), "log_prob: found 3 floats, expected one a row, 2");
}
