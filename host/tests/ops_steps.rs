//! Whole training steps: gradients against finite differences of the model written out in `f64`, and
//! the calls that a step is made of.

mod ops_common;

use std::process::ExitCode;
use std::sync::Arc;

use ops_common::models::*;
use ops_common::*;
use pushforward::activation::AnyActivation;
use pushforward::base::{
    MixtureSpec, NormalSpec, ProductSpec, TruncatedNormalSpec, UniformSpec, VonMisesSpec,
};
use pushforward::bijection::Direction;
use pushforward::conditional::logistics::Column;
use pushforward::conditional::{BernoulliSpec, CategoricalSpec, Categories};
use pushforward::constraint::{CountsSpec, IncreasingSpec, SuccessorsSpec};
use pushforward::domain::Kind;
use pushforward::layer::{
    AffineSpec as AffineLayerSpec, AutoregressiveSpec, BoundsSpec, CouplingSpec, LuSpec,
    PartialSpec, PermuteSpec, RotationSpec, SimplexSpec,
};
use pushforward::model::{
    Arithmetic, BaseSpec, Description, LayerSpec, Model, PlainBaseSpec, PlainLayerSpec, Symmetry,
    UnivariateSpec, preset,
};
use pushforward::network::conditioning::AnyConditioning;
use pushforward::network::{ConvolutionSpec, MaskedSpec, MlpSpec, MultilevelSpec};
use pushforward::univariate::rational_quadratic::Tails;
use pushforward::univariate::{AffineSpec, CubicRationalSpec, RationalQuadraticSpec, SinhSpec};
use pushforward_host::device::Phase::{Backward, Forward, Loss};
use pushforward_host::device::{Device, shader_text};
use pushforward_host::energy::{
    Boundary, DoubleWell, Energy, Lattice, Pairs, Phi4, Ring2d, States,
};
use pushforward_host::ops::{Add, Layout, LossKind, Program, Words, picked};
use pushforward_host::train::{Fusing, Gradient, Objective, Samples, Target};
use pushforward_oracle::Oracle;

const PATH: Objective = Objective { gradient: Gradient::Path, alpha: 1.0 };

fn free_energy_gradient_of_spins(device: &Device) {
    for description in [
        made(6, &[], true, Symmetry::None),
        made(6, &[], true, Symmetry::Z2),
        made(6, &[12], true, Symmetry::Z2),
        made(6, &[15], false, Symmetry::None),
        made(6, &[4], true, Symmetry::Z2),
        made(6, &[13, 8], true, Symmetry::Z2),
        made(6, &[8, 17], false, Symmetry::None),
        with_units(made(6, &[13, 8], true, Symmetry::Z2), AnyActivation::Tanh, false),
        with_units(made(6, &[9; 5], true, Symmetry::Z2), AnyActivation::Silu, true),
    ] {
        free_energy_gradient_of_sites(device, description, &ising([2, 3]));
    }
}

fn free_energy_gradient_of_sites(device: &Device, description: Description, target: &Target) {
    let model = model(description.clone());
    let Target::Energy { energy, .. } = target else { unreachable!() };
    let (x, found) = gradient(device, &model, target, SAMPLES);
    let x = samples(&x, description.dim());
    let at = f64s(&model.parameters());
    let oracle = |values: &[f64]| Oracle::with_parameters(&description, values);
    let of = |s: &[f64]| energy.energy(&s.iter().map(|&v| v as f32).collect::<Vec<_>>());
    let here = oracle(&at);
    let losses: Vec<f64> =
        x.iter().map(|s| here.log_prob(&[], s) + f64::from(step().beta) * of(s)).collect();
    let mean = losses.iter().sum::<f64>() / BATCH as f64;
    let score = |values: &[f64]| {
        let moved = oracle(values);
        let terms = x.iter().zip(&losses).map(|(s, l)| (l - mean) * moved.log_prob(&[], s));
        terms.sum::<f64>() / BATCH as f64
    };
    let expected = visible(&description, slopes(&at, score));
    assert_close(&format!("{} {description:?}", device.kind()), &found, &expected, 1e-5);
}

fn free_energy_gradient_of_constraints(device: &Device) {
    let half = CountsSpec { counts: vec![3, 3] };
    for (description, even) in [
        (made(6, &[12], true, Symmetry::Z2), true),
        (made(6, &[15], true, Symmetry::None), false),
        (with_units(made(6, &[13, 8], false, Symmetry::Z2), AnyActivation::Tanh, false), true),
    ] {
        let description = preset::within(description, half.clone());
        free_energy_gradient_of_sites(device, description, &half_up(6, even));
    }
}

/// Rows that keep to each constraint, of four sites.
fn likelihood_gradient_of_constraints(device: &Device) {
    let plain = |hidden: &[usize]| made(4, hidden, true, Symmetry::None);
    let next = [&[1, 2][..], &[0, 3], &[2], &[]].map(<[u16]>::to_vec).to_vec();
    let counts = |counts: &[u32]| CountsSpec { counts: counts.to_vec() };
    let cases: [(Description, &[[f32; 4]]); 6] = [
        (
            preset::within(categories(plain(&[9]), 3), counts(&[1, 2, 1])),
            &[[0.0, 1.0, 2.0, 1.0], [1.0, 1.0, 2.0, 0.0], [2.0, 1.0, 0.0, 1.0]],
        ),
        (
            preset::within(categories(plain(&[9]), 7), IncreasingSpec {}),
            &[[0.0, 1.0, 2.0, 3.0], [3.0, 4.0, 5.0, 6.0], [0.0, 2.0, 3.0, 6.0]],
        ),
        (
            preset::within(categories(plain(&[]), 4), SuccessorsSpec::new(vec![0, 1], next)),
            &[[0.0, 1.0, 0.0, 2.0], [1.0, 0.0, 1.0, 3.0], [0.0, 2.0, 2.0, 2.0]],
        ),
        (
            preset::within(given(plain(&[9, 8]), Some(4)), counts(&[1, 3])),
            &[[1.0, 1.0, 1.0, -1.0], [-1.0, 1.0, 1.0, 1.0]],
        ),
        (
            preset::within(made(4, &[9], true, Symmetry::Z2), counts(&[2, 2])),
            &[[1.0, 1.0, -1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]],
        ),
        (
            given(
                preset::within(
                    categories(
                        preset::sites(
                            &[2, 2],
                            convolution(2, &[5; 3], &[[1, 1]; 4], AnyActivation::Relu, true),
                            BernoulliSpec {},
                        ),
                        3,
                    ),
                    counts(&[1, 2, 1]),
                ),
                Some(4),
            ),
            &[[0.0, 1.0, 2.0, 1.0], [1.0, 1.0, 2.0, 0.0], [2.0, 1.0, 0.0, 1.0]],
        ),
    ];
    for (description, rows) in cases {
        let contexts = numbers(50 * description.context(), 1.0, 4);
        let mut contexts = contexts.chunks(description.context().max(1));
        let row = |i: usize| {
            let row = rows[i % rows.len()].to_vec();
            [row, contexts.next().unwrap_or_default().to_vec()].concat()
        };
        let rows: Vec<f32> = (0..50).flat_map(row).collect();
        agrees_on_rows(device, &model(description), rows);
    }
}

/// States of a few values on a square.
fn pairs(states: States, size: usize) -> Target {
    let energy = Pairs::new(states, Lattice::Square, size, 1.0, Boundary::Periodic).unwrap();
    Target::Energy { energy: Arc::new(energy), beta: 0.9, anneal: None, samples: None }
}

/// Lattices from coarse to fine: levels that share weights, a heat bath, spins and colours.
fn free_energy_gradient_of_lattices(device: &Device) {
    let spins = |network: MultilevelSpec| preset::sites(&[4, 4], network, BernoulliSpec {});
    let tanh = AnyActivation::Tanh;
    let mut mirrored = spins(multilevel(&[3], tanh, 2, true, None));
    if let Description::Sites(sites) = &mut mirrored {
        sites.symmetry = Symmetry::Z2;
    }
    for (description, target) in [
        (spins(multilevel(&[4], tanh, 2, false, Some(1))), ising([4, 4])),
        (spins(multilevel(&[3, 4], AnyActivation::Leaky, 1, true, None)), ising([4, 4])),
        (spins(multilevel(&[5], AnyActivation::Smoothstep, 2, false, Some(1))), ising([4, 4])),
        (mirrored, ising([4, 4])),
        (
            preset::sites(
                &[4, 4],
                multilevel(&[3], AnyActivation::Leaky, 2, true, Some(3)),
                CategoricalSpec { categories: Categories::All(3) },
            ),
            pairs(States::Potts { q: 3 }, 4),
        ),
        (
            preset::sites(
                &[2, 2],
                multilevel(&[3], tanh, 1, true, None),
                CategoricalSpec { categories: Categories::All(3) },
            ),
            pairs(States::BlumeCapel { crystal_field: 0.4, field: 0.1 }, 2),
        ),
    ] {
        free_energy_gradient_of_sites(device, description, &target);
    }
}

/// Masked convolutions: one layer and blocks of them, units with and without slopes, spins and categories.
fn free_energy_gradient_of_convolutions(device: &Device) {
    let (leaky, tanh) = (AnyActivation::Leaky, AnyActivation::Tanh);
    let spins = |network: ConvolutionSpec, shape: [usize; 2], symmetry| {
        let mut description = preset::sites(&shape, network, BernoulliSpec {});
        let Description::Sites(sites) = &mut description else { unreachable!() };
        sites.symmetry = symmetry;
        description
    };
    let blocks = [[2, 1], [0, 0], [1, 2], [1, 1]];
    for (description, target) in [
        (
            spins(convolution(3, &[], &[[1, 2]], leaky, false), [2, 3], Symmetry::None),
            ising([2, 3]),
        ),
        (
            spins(convolution(3, &[5], &[[1, 1], [1, 2]], leaky, false), [2, 3], Symmetry::Z2),
            ising([2, 3]),
        ),
        (
            spins(
                convolution(4, &[3, 4], &[[2, 3], [1, 0], [0, 2]], tanh, false),
                [4, 4],
                Symmetry::None,
            ),
            ising([4, 4]),
        ),
        (spins(convolution(4, &[3; 3], &blocks, leaky, true), [4, 4], Symmetry::Z2), ising([4, 4])),
        (
            spins(convolution(4, &[4; 3], &blocks, tanh, true), [4, 4], Symmetry::None),
            ising([4, 4]),
        ),
        (
            preset::sites(
                &[2, 2],
                convolution(2, &[4], &[[1, 1], [1, 0]], leaky, false),
                CategoricalSpec { categories: Categories::All(3) },
            ),
            pairs(States::Potts { q: 3 }, 2),
        ),
    ] {
        free_energy_gradient_of_sites(device, description, &target);
    }
}

/// The slopes of −mean ln q of rows, each with its context behind it.
fn likelihood_slopes(model: &Model, rows: &[Vec<f64>]) -> Vec<f64> {
    let description = model.description();
    let loss = |values: &[f64]| {
        let oracle = Oracle::with_parameters(description, values);
        let one = |row: &Vec<f64>| {
            let (x, context) = row.split_at(description.dim());
            oracle.log_prob(context, x)
        };
        -rows.iter().map(one).sum::<f64>() / rows.len() as f64
    };
    visible(description, slopes(&f64s(&model.parameters()), loss))
}

fn likelihood_gradient_of_spins(device: &Device) {
    for description in [made(6, &[13], true, Symmetry::Z2), made(6, &[7, 8], false, Symmetry::None)]
    {
        let model = model(description.clone());
        let rows: Vec<f32> = numbers(6 * 40, 1.0, 4).iter().map(|v| v.signum()).collect();
        let target = Target::Data { rows: rows.into() };
        let (x, found) = gradient(device, &model, &target, SAMPLES);
        let expected = likelihood_slopes(&model, &samples(&x, 6));
        assert_close(&format!("{} {description:?}", device.kind()), &found, &expected, 1e-5);
    }
}

/// The mean of ln q + βE over what these noises become, and its slopes.
fn free_energy_slopes(model: &Model, energy: &dyn Energy, z: &[Vec<f64>]) -> Vec<f64> {
    let description = model.description();
    let loss = |values: &[f64]| {
        let oracle = Oracle::with_parameters(description, values);
        let one = |z: &Vec<f64>| {
            let (x, log_det) = oracle.to_data(&[], z);
            let log_q = oracle.base_log_prob(z) + log_det;
            log_q + f64::from(step().beta) * energy_f64(energy.name(), &x)
        };
        z.iter().map(one).sum::<f64>() / z.len() as f64
    };
    visible(description, slopes(&f64s(&model.parameters()), loss))
}

fn free_energy_gradient_of_a_flow(device: &Device) {
    for (description, energy) in [
        (flow(4, &[6, 5], true), Arc::new(Ring2d::new()) as Arc<dyn Energy>),
        (flow(2, &[7], false), Arc::new(DoubleWell::new(0.2, -4.0, 1.0).unwrap())),
        (flow(6, &[], true), Arc::new(Phi4::new([2, 3], -4.0, 8.0).unwrap())),
    ] {
        let model = model(description.clone());
        let target =
            Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
        let (z, found) = gradient(device, &model, &target, SAMPLES);
        let expected = free_energy_slopes(&model, &*energy, &samples(&z, description.dim()));
        assert_close(&format!("{} {}", device.kind(), energy.name()), &found, &expected, 1e-5);
    }
}

/// The path gradient is the total one without the slopes of ln q at samples that stay where they are.
fn path_gradients_have_no_score(device: &Device) {
    let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
    let target =
        Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
    for description in [
        flow(4, &[6, 5], true),
        nsf(4, &[7], true),
        among(LuSpec {}.into()),
        partial(Direction::Sampling, false),
    ] {
        let model = model(description.clone());
        let (z, found) = gradient_of(device, &model, &target, PATH, SAMPLES);
        let z = samples(&z, 4);
        let oracle = Oracle::new(&model);
        let x: Vec<Vec<f64>> = z.iter().map(|z| oracle.to_data(&[], z).0).collect();
        let total = free_energy_slopes(&model, &*energy, &z);
        // Those of −ln q.
        let score = likelihood_slopes(&model, &x);
        assert!(score.iter().any(|s| s.abs() > 1e-2));
        let expected: Vec<f64> = total.iter().zip(&score).map(|(t, s)| t + s).collect();
        let what = format!("{} {}", device.kind(), description.kind());
        assert_close(&what, &found, &expected, 2e-5);
    }
    for walked in [maf(4, &[9], Direction::Sampling, true), partial(Direction::Sampling, true)] {
        let found = pushforward_host::train::step_program(&walked, &target, PATH, Fusing::On);
        let message = found.unwrap_err().to_string();
        assert!(message.contains("gradient: found path, expected total"), "{message}");
    }
}

/// Of the free energy and the likelihood of samples beside it.
fn gradients_of_both_divergences(device: &Device) {
    let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
    let rows = numbers(4 * 50, 1.5, 4);
    let beside = Samples { rows: rows.clone().into(), weight: 0.6 };
    let target = Target::Energy {
        energy: Arc::clone(&energy),
        beta: 0.9,
        anneal: None,
        samples: Some(beside),
    };
    for description in [flow(4, &[6, 5], true), among(LuSpec {}.into())] {
        let model = model(description.clone());
        let taken: Vec<Vec<f64>> = (0..BATCH as u64)
            .map(|c| picked(step().key, c, 50) as usize)
            .map(|row| f64s(&rows[4 * row..][..4]))
            .collect();
        let forward = likelihood_slopes(&model, &taken);
        for objective in [Objective::default(), PATH] {
            let (z, found) = gradient_of(device, &model, &target, objective, SAMPLES);
            let z = samples(&z, 4);
            let mut expected = free_energy_slopes(&model, &*energy, &z);
            if objective == PATH {
                let oracle = Oracle::new(&model);
                let x: Vec<Vec<f64>> = z.iter().map(|z| oracle.to_data(&[], z).0).collect();
                let score = likelihood_slopes(&model, &x);
                expected.iter_mut().zip(score).for_each(|(total, score)| *total += score);
            }
            expected.iter_mut().zip(&forward).for_each(|(total, own)| *total += 0.6 * own);
            let what = format!("{} {objective:?}", device.kind());
            assert_close(&what, &found, &expected, 2e-5);
        }
    }
    let found = pushforward_host::train::step_program(
        &maf(4, &[9], Direction::Sampling, true),
        &target,
        Objective::default(),
        Fusing::On,
    );
    let message = found.unwrap_err().to_string();
    assert!(message.contains("samples: found some, expected none"), "{message}");
}

/// Rényi's bound of a batch, through its samples.
fn gradients_of_renyis_bound(device: &Device) {
    let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
    let target =
        Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
    for (alpha, description) in [
        (0.5, flow(4, &[6, 5], true)),
        (0.0, nsf(4, &[7], true)),
        (0.25, maf(4, &[9], Direction::Sampling, true)),
    ] {
        let model = model(description.clone());
        let objective = Objective { alpha, ..Objective::default() };
        let (z, found) = gradient_of(device, &model, &target, objective, SAMPLES);
        let z = samples(&z, 4);
        let bound = |values: &[f64]| {
            let oracle = Oracle::with_parameters(&description, values);
            let one = |z: &Vec<f64>| {
                let (x, log_det) = oracle.to_data(&[], z);
                let loss = oracle.base_log_prob(z)
                    + log_det
                    + f64::from(step().beta) * energy_f64(energy.name(), &x);
                (-(1.0 - alpha) * loss).exp()
            };
            let mean = z.iter().map(one).sum::<f64>() / z.len() as f64;
            -mean.ln() / (1.0 - alpha)
        };
        let expected = visible(&description, slopes(&f64s(&model.parameters()), bound));
        let what = format!("{} {alpha} {}", device.kind(), description.kind());
        assert_close(&what, &found, &expected, 2e-5);
    }
}

/// The energies of the test above with `f64` coordinates.
fn energy_f64(name: &str, x: &[f64]) -> f64 {
    match name {
        "ring2d" => (x[0].hypot(x[1]) - 2.0).powi(2) / 0.32 + 0.5 * (x[2] * x[2] + x[3] * x[3]),
        "double_well" => 0.2 * x[0] - 4.0 * x[0] * x[0] + x[0].powi(4) + 0.5 * x[1] * x[1],
        _ => {
            let site = |i: usize| 8.0 * x[i].powi(4);
            let bond = |i: usize| {
                let (r, c) = (i / 3, i % 3);
                x[i] * (x[r * 3 + (c + 1) % 3] + x[(r + 1) % 2 * 3 + c])
            };
            (0..6).map(|i| site(i) - 2.0 * bond(i)).sum()
        }
    }
}

/// A layer between others.
fn among(layer: LayerSpec) -> Description {
    let layers = [
        preset::coupling([true, false, true, false], &[7], AFFINE),
        layer.clone(),
        preset::coupling([true, true, false, false], &[6], AFFINE),
        layer,
    ];
    preset::flow(&[4], layers, true)
}

fn gradients_of_layers_among_others(device: &Device) {
    let layers: [LayerSpec; 3] = [
        PermuteSpec { order: vec![2, 0, 3, 1] }.into(),
        LuSpec {}.into(),
        RotationSpec { reflections: 3 }.into(),
    ];
    for layer in layers {
        let model = model(among(layer.clone()));
        let target = Target::Data { rows: numbers(4 * 50, 1.5, 4).into() };
        let (x, found) = gradient(device, &model, &target, SAMPLES);
        let expected = likelihood_slopes(&model, &samples(&x, 4));
        let what = format!("{} {layer:?}", device.kind());
        assert_close(&format!("{what} data"), &found, &expected, 1e-5);
        let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
        let target =
            Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
        let (z, found) = gradient(device, &model, &target, SAMPLES);
        let expected = free_energy_slopes(&model, &*energy, &samples(&z, 4));
        assert_close(&format!("{what} energy"), &found, &expected, 1e-5);
    }
}

/// Layers of some coordinates of each kind that learns, at either end and between; and, if it is to be
/// there, one with an autoregressive network.
fn partial(fast: Direction, walked: bool) -> Description {
    let partial = |range, layer| LayerSpec::from(PartialSpec { range, layer });
    let coupling = |mask: Vec<bool>, hidden: Vec<usize>, univariate| -> PlainLayerSpec {
        let network = MlpSpec { hidden, ..Default::default() }.into();
        CouplingSpec { mask, network, univariate }.into()
    };
    let mut layers = vec![
        partial([1, 4], coupling(vec![false, true, false], vec![7], AFFINE)),
        partial([0, 3], LuSpec {}.into()),
        partial([2, 4], RotationSpec { reflections: 1 }.into()),
        preset::coupling([true, true, false, false], &[6], AFFINE),
        partial([0, 2], coupling(vec![true, false], vec![], AFFINE)),
        partial([1, 3], PermuteSpec { order: vec![1, 0] }.into()),
        partial([3, 4], AffineLayerSpec {}.into()),
        partial([0, 4], coupling(vec![false, true, true, false], vec![5], AFFINE)),
    ];
    if walked {
        let network = MaskedSpec { hidden: vec![8], direct: true, ..Default::default() }.into();
        let layer =
            AutoregressiveSpec { order: vec![2, 0, 1], kept: 0, fast, network, univariate: AFFINE };
        layers.insert(3, partial([1, 4], layer.into()));
    }
    preset::flow(&[4], layers, true)
}

fn gradients_of_layers_of_some_coordinates(device: &Device) {
    let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
    let target =
        Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
    let model_of_noise = model(partial(Direction::Sampling, true));
    let (z, found) = gradient(device, &model_of_noise, &target, SAMPLES);
    let expected = free_energy_slopes(&model_of_noise, &*energy, &samples(&z, 4));
    assert_close(&format!("{} energy", device.kind()), &found, &expected, 2e-5);
    let of_data = partial(Direction::Density, true);
    agrees_on_rows(device, &model(of_data.clone()), numbers(4 * 50, 1.5, 4));
    // A context reaches them, one that is learnt too.
    let rows = numbers((4 + 3) * 50, 1.5, 4);
    agrees_on_rows(device, &model(given(of_data.clone(), None)), rows.clone());
    agrees_on_rows(device, &model(given(of_data, Some(2))), rows);
    // Places of their own.
    let bounds = BoundsSpec { lower: vec![-2.0, 0.1], upper: vec![2.5, f32::INFINITY] };
    let parts = SimplexSpec { parts: vec![true, true], total: 10.0 };
    let layers: [LayerSpec; 3] = [
        preset::coupling([true, false, true, false], &[7], AFFINE),
        PartialSpec { range: [2, 4], layer: parts.into() }.into(),
        PartialSpec { range: [0, 2], layer: bounds.into() }.into(),
    ];
    let rows: Vec<f32> = numbers(4 * 50, 1.9, 5).iter().map(|x| 0.2 + x.abs()).collect();
    agrees_on_rows(device, &model(preset::flow(&[4], layers, false)), rows);
}

/// The gradient of a step on rows of data, four values and a context, is that of the oracle.
fn agrees_on_rows(device: &Device, model: &Model, rows: Vec<f32>) {
    let description = model.description();
    let program = step_program(description, &Target::Data { rows: rows.into() });
    let slots = if description.context() > 0 { vec![SAMPLES, CONTEXTS] } else { vec![SAMPLES] };
    let phases = [Forward, Loss, Backward];
    let mut found = evaluate(device, program, BATCH, &model.parameters(), &[], &phases, &slots);
    let gradient = found.pop().unwrap();
    let mut rows = samples(&found[0], 4);
    if let Some(contexts) = found.get(1) {
        let contexts = samples(contexts, description.context());
        rows.iter_mut().zip(contexts).for_each(|(row, context)| row.extend(context));
    }
    let expected = likelihood_slopes(model, &rows);
    assert_close(&format!("{} {description:?}", device.kind()), &gradient, &expected, 1e-5);
}

fn gradients_of_conditional_models(device: &Device) {
    let layer = preset::autoregressive(vec![1, 3, 0, 2], Direction::Density, &[7, 8], AFFINE);
    for (description, spins) in [
        (given(among(layer.clone()), None), false),
        (given(among(layer), Some(4)), false),
        (given(flow(4, &[], false), None), false),
        (given(conditioned(AnyConditioning::Added, false), None), false),
        (given(conditioned(AnyConditioning::Added, true), Some(4)), false),
        (given(conditioned(AnyConditioning::Gated, true), None), false),
        (given(conditioned(AnyConditioning::Gated, true), Some(4)), false),
        (given(made(4, &[], true, Symmetry::None), None), true),
        (given(made(4, &[9], true, Symmetry::Z2), Some(2)), true),
        (given(made(4, &[9, 8], false, Symmetry::Z2), None), true),
    ] {
        let model = model(description.clone());
        let mut rows = numbers((4 + 3) * 50, 1.5, 4);
        for row in rows.chunks_mut(7).filter(|_| spins) {
            row[..4].iter_mut().for_each(|v| *v = v.signum());
        }
        agrees_on_rows(device, &model, rows);
    }
}

fn gradients_of_categories(device: &Device) {
    let each = [2, 5, 3, 4].map(Kind::Category).to_vec();
    for (categories, hidden, context) in [
        (Categories::All(3), vec![13], false),
        (Categories::Each(each.clone()), vec![], false),
        (Categories::Each(each), vec![9, 8], true),
    ] {
        let mut description = made(4, &hidden, true, Symmetry::None);
        if let Description::Sites(spec) = &mut description {
            spec.conditional = CategoricalSpec { categories }.into();
        }
        if context {
            description = given(description, Some(4));
        }
        let model = model(description.clone());
        let width = 4 + description.context();
        let mut rows = numbers(width * 50, 1.0, 4);
        for row in rows.chunks_mut(width) {
            for (site, v) in row[..4].iter_mut().enumerate() {
                let Kind::Category(n) = description.domain().kind(site) else { unreachable!() };
                *v = ((*v * 0.5 + 0.5) * n as f32).floor().clamp(0.0, n as f32 - 1.0);
            }
        }
        agrees_on_rows(device, &model, rows);
    }
}

fn gradients_of_tables(device: &Device) {
    let columns = vec![
        Column::integers(1.0, 2.0).between(-1.0, 4.0),
        Column::real(0.5, 0.75),
        Column::real(-1.0, 1.5).between(-4.0, f32::INFINITY),
        Column::integers(0.0, 0.5),
    ];
    for (components, context) in [(2, false), (5, true)] {
        let mut description = preset::table(columns.clone(), components, &[9, 8], true);
        if context {
            description = given(description, Some(4));
        }
        let model = model(description.clone());
        let width = 4 + description.context();
        let mut rows = numbers(width * 50, 3.0, 4);
        for row in rows.chunks_mut(width) {
            row[0] = row[0].round().clamp(-1.0, 4.0);
            row[3] = row[3].round();
        }
        agrees_on_rows(device, &model, rows);
    }
    // A network reads two numbers of each value where one is on a circle.
    let columns = vec![
        Column::circle(-3.0, 3.0),
        Column::real(0.5, 0.75),
        Column::circle(-4.0, 5.0),
        Column::integers(0.0, 0.5),
    ];
    for components in [2, 5] {
        let model = model(preset::table(columns.clone(), components, &[9, 8], true));
        let mut rows = numbers(4 * 50, 3.0, 4);
        rows.iter_mut().skip(3).step_by(4).for_each(|x| *x = x.round());
        agrees_on_rows(device, &model, rows);
    }
}

fn gradients_of_activations(device: &Device) {
    let others = AnyActivation::ALL.into_iter().filter(|a| *a != AnyActivation::Leaky);
    let plain = others.map(|activation| (activation, false));
    let residual = [AnyActivation::Relu, AnyActivation::Gelu].map(|activation| (activation, true));
    for (activation, residual) in plain.chain(residual) {
        // Two blocks, and two layers.
        let deep = |plain: [usize; 2]| if residual { vec![plain[0]; 5] } else { plain.to_vec() };
        let network = MlpSpec { hidden: deep([6, 5]), activation, residual }.into();
        let mask = vec![true, false, true, false];
        let coupling = CouplingSpec { mask, network, univariate: AFFINE };
        let masked = |hidden: Vec<usize>| MaskedSpec {
            hidden,
            direct: true,
            activation,
            residual,
            ..Default::default()
        };
        let spins = made(4, &deep([9, 8]), true, Symmetry::Z2);
        let spins = with_units(spins, activation, residual);
        let (order, fast) = (vec![1, 3, 0, 2], Direction::Density);
        let network = masked(vec![7]).into();
        let autoregressive =
            AutoregressiveSpec { order, kept: 0, fast, network, univariate: AFFINE };
        let layers: [LayerSpec; 2] = [coupling.into(), autoregressive.into()];
        for (description, discrete) in [(preset::flow(&[4], layers, true), false), (spins, true)] {
            let model = model(description.clone());
            let mut rows = numbers(4 * 50, 1.5, 4);
            if discrete {
                rows.iter_mut().for_each(|v| *v = v.signum());
            }
            let target = Target::Data { rows: rows.into() };
            let (x, found) = gradient(device, &model, &target, SAMPLES);
            let expected = likelihood_slopes(&model, &samples(&x, 4));
            assert_close(
                &format!("{} {activation:?} {residual}", device.kind()),
                &found,
                &expected,
                1e-5,
            );
        }
    }
}

fn gradients_of_direct_terms(device: &Device) {
    for hidden in [vec![], vec![9]] {
        let with = |fast| {
            let network =
                MaskedSpec { hidden: hidden.clone(), direct: true, ..Default::default() }.into();
            let order = vec![1, 3, 0, 2];
            let layer = AutoregressiveSpec { order, kept: 0, fast, network, univariate: AFFINE };
            model(among(layer.into()))
        };
        let what = format!("{} {hidden:?}", device.kind());
        let model = with(Direction::Density);
        let target = Target::Data { rows: numbers(4 * 50, 1.5, 4).into() };
        let (x, found) = gradient(device, &model, &target, SAMPLES);
        let expected = likelihood_slopes(&model, &samples(&x, 4));
        assert_close(&format!("{what} data"), &found, &expected, 1e-5);
        let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
        let model = with(Direction::Sampling);
        let target =
            Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
        let (z, found) = gradient(device, &model, &target, SAMPLES);
        let expected = free_energy_slopes(&model, &*energy, &samples(&z, 4));
        assert_close(&format!("{what} energy"), &found, &expected, 1e-5);
    }
}

/// A flow on a torus.
fn circles(fast: Direction) -> Description {
    let (bound, tails) = (std::f32::consts::PI, Tails::Circular);
    let map = RationalQuadraticSpec::linear(4, bound).with_tails(tails).into();
    from_base(VonMisesSpec { concentration: 2.0 }, map, fast)
}

fn gradients_of_other_bases(device: &Device) {
    let closed = |tails, bound| RationalQuadraticSpec::linear(6, bound).with_tails(tails).into();
    let on_box = BaseSpec::from(UniformSpec { bound: 4.0 });
    let on_circle = |concentration| BaseSpec::from(VonMisesSpec { concentration });
    let product =
        |first: PlainBaseSpec, rest| BaseSpec::from(ProductSpec { coordinates: 3, first, rest });
    let pi = std::f32::consts::PI;
    let cases = [
        (on_box.clone(), SPLINE, 3.9),
        (on_box.clone(), closed(Tails::Box, 4.0), 3.9),
        (on_box.clone(), closed(Tails::Circular, 4.0), 3.9),
        (on_circle(1.7), closed(Tails::Circular, pi), 3.1),
        (on_circle(0.2), closed(Tails::Circular, pi), 3.1),
        (product(UniformSpec { bound: 4.0 }.into(), NormalSpec {}.into()), SPLINE, 3.9),
        (
            product(NormalSpec {}.into(), UniformSpec { bound: 4.0 }.into()),
            closed(Tails::Free, 4.0),
            3.9,
        ),
        (TruncatedNormalSpec { bound: 4.0 }.into(), closed(Tails::Box, 4.0), 3.9),
        (
            product(NormalSpec {}.into(), VonMisesSpec { concentration: 1.7 }.into()),
            closed(Tails::Linear, 3.0),
            3.1,
        ),
    ];
    let same: fn(Description) -> Description = |flow| flow;
    let angles: fn(Description) -> Description = |flow| periodic(flow, 4.0);
    let cases = cases.map(|(base, map, size)| (base, map, size, same)).into_iter().chain([
        (on_box.clone(), closed(Tails::Circular, 4.0), 3.9, angles),
        (on_box, closed(Tails::HalfTurn, 4.0), 3.9, angles),
    ]);
    for (base, map, size, networks) in cases {
        let what = format!("{} {base:?} {map:?}", device.kind());
        let from_base = |base, map, fast| networks(from_base(base, map, fast));
        let density = model(from_base(base.clone(), map, Direction::Density));
        // Rows none of which is so near a knot, where slopes jump, that a difference crosses it.
        let target = Target::Data { rows: numbers(4 * 50, size, 5).into() };
        let (x, found) = gradient(device, &density, &target, SAMPLES);
        let expected = likelihood_slopes(&density, &samples(&x, 4));
        assert_close(&format!("{what} data"), &found, &expected, 2e-5);
        let sampling = model(from_base(base, map, Direction::Sampling));
        let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
        let target =
            Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
        let (z, found) = gradient(device, &sampling, &target, SAMPLES);
        let expected = free_energy_slopes(&sampling, &*energy, &samples(&z, 4));
        assert_close(&format!("{what} energy"), &found, &expected, 2e-5);
        // The noise is the engine's.
        let Description::Flow(mut flow) = sampling.description().clone() else { unreachable!() };
        flow.layers.clear();
        let noise = Model::new(Description::Flow(flow), Arithmetic::Fused).unwrap();
        let [low, high] = step().key;
        let mut rows = vec![0.0; 4 * BATCH];
        let seed = u64::from(high) << 32 | u64::from(low);
        noise.sampler().unwrap().sample(seed, 0, &mut rows, None);
        let z: Vec<f64> = samples(&z, 4).concat();
        let z: Vec<f32> = z.into_iter().map(|z| z as f32).collect();
        assert_close(&format!("{what} noise"), &z, &f64s(&rows), 1e-6);
    }
}

/// A flow of which some coordinates lie between bounds.
fn gradients_of_bounded_flows(device: &Device) {
    let bounds = BoundsSpec {
        lower: vec![f32::NEG_INFINITY, -4.5, f32::NEG_INFINITY, -5.0],
        upper: vec![f32::INFINITY, f32::INFINITY, 4.5, 6.0],
    };
    let layers = [
        preset::coupling([true, false, true, false], &[7], AFFINE),
        preset::coupling([false, true, false, true], &[6], AFFINE),
        bounds.into(),
    ];
    let model = model(preset::flow(&[4], layers, false));
    let target = Target::Data { rows: numbers(4 * 50, 4.0, 5).into() };
    let (x, found) = gradient(device, &model, &target, SAMPLES);
    let expected = likelihood_slopes(&model, &samples(&x, 4));
    assert_close(&format!("{} data", device.kind()), &found, &expected, 2e-5);
    let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
    let target =
        Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
    let (z, found) = gradient(device, &model, &target, SAMPLES);
    let expected = free_energy_slopes(&model, &*energy, &samples(&z, 4));
    assert_close(&format!("{} energy", device.kind()), &found, &expected, 2e-5);
}

/// A flow of which some coordinates are parts of a whole.
fn gradients_of_parts(device: &Device) {
    let parts = vec![true, false, true, true];
    let layers = [
        preset::coupling([true, false, true, false], &[7], AFFINE),
        preset::coupling([false, true, false, true], &[6], AFFINE),
        SimplexSpec { parts, total: 10.0 }.into(),
    ];
    let model = model(preset::flow(&[4], layers, false));
    let rows = numbers(4 * 50, 3.0, 5).into_iter().map(|x| 0.1 + x.abs()).collect();
    agrees_on_rows(device, &model, rows);
    let energy: Arc<dyn Energy> = Arc::new(Ring2d::new());
    let target =
        Target::Energy { energy: Arc::clone(&energy), beta: 0.9, anneal: None, samples: None };
    let (z, found) = gradient(device, &model, &target, SAMPLES);
    let expected = free_energy_slopes(&model, &*energy, &samples(&z, 4));
    assert_close(&format!("{} energy", device.kind()), &found, &expected, 2e-5);
}

/// Of components, by the density alone: with a map before them, and as the only thing that learns.
fn gradients_of_mixtures(device: &Device) {
    let base = MixtureSpec { components: 3 };
    let mut alone = preset::flow(&[4], [], false);
    if let Description::Flow(flow) = &mut alone {
        flow.base = base.into();
    }
    for description in [from_base(base, SPLINE, Direction::Density), alone] {
        let model = model(description);
        let target = Target::Data { rows: numbers(4 * 50, 3.9, 5).into() };
        let (x, found) = gradient(device, &model, &target, SAMPLES);
        let expected = likelihood_slopes(&model, &samples(&x, 4));
        assert_close(&format!("{} mixture", device.kind()), &found, &expected, 2e-5);
    }
}

fn likelihood_gradient_of_a_flow(device: &Device) {
    let mut all_moved = flow(3, &[5], true);
    if let Description::Flow(flow) = &mut all_moved
        && let LayerSpec::Coupling(coupling) = &mut flow.layers[1]
    {
        coupling.mask = vec![false; 3];
    }
    for description in [flow(5, &[9, 6], true), flow(2, &[8], false), all_moved] {
        let model = model(description.clone());
        let target = Target::Data { rows: numbers(description.dim() * 50, 1.5, 4).into() };
        let (x, found) = gradient(device, &model, &target, SAMPLES);
        let expected = likelihood_slopes(&model, &samples(&x, description.dim()));
        assert_close(&format!("{} {description:?}", device.kind()), &found, &expected, 1e-5);
    }
}

/// The mean loss of a model in `f64`, at the noise or data that a step started from.
fn mean_loss(model: &Model, target: &Target, start: &[Vec<f64>]) -> f64 {
    let oracle = Oracle::new(model);
    let one = |at: &Vec<f64>| match target {
        Target::Data { .. } => -oracle.log_prob(&[], at),
        Target::Energy { energy, .. } => {
            let (x, log_det) = oracle.to_data(&[], at);
            let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let log_q = oracle.base_log_prob(at) + log_det;
            log_q + f64::from(step().beta) * energy.energy(&narrow)
        }
    };
    start.iter().map(one).sum::<f64>() / start.len() as f64
}

fn gradients_of_splines_and_autoregressive_layers(device: &Device) {
    // Small, because the slope of a spline has a kink at each knot.
    const STEP: f64 = 2e-4;
    let data = Target::Data { rows: numbers(4 * 300, 2.0, 4).into() };
    let ring = Target::Energy {
        energy: Arc::new(Ring2d::new()),
        beta: f64::from(step().beta),
        anneal: None,
        samples: None,
    };
    let sinh: UnivariateSpec = SinhSpec { bound: 2.0 }.into();
    let autoregressive = |fast| {
        let order = vec![1, 3, 0, 2];
        preset::flow(&[4], [preset::autoregressive(order, fast, &[9], sinh)], true)
    };
    for (description, target) in [
        (couplings(4, &[9, 8], sinh, true), &data),
        (couplings(4, &[9, 8], sinh, false), &ring),
        (couplings(4, &[9, 8], CubicRationalSpec {}.into(), true), &data),
        (couplings(4, &[9, 8], CubicRationalSpec {}.into(), false), &ring),
        (couplings(4, &[9, 8], MIXTURE_CDF, true), &data),
        (couplings(4, &[9, 8], MIXTURE_CDF, false), &ring),
        (couplings(4, &[9, 8], EXP, true), &data),
        (couplings(4, &[9, 8], SOFTPLUS, false), &ring),
        (listed(4), &data),
        (autoregressive(Direction::Density), &data),
        (autoregressive(Direction::Sampling), &ring),
        (nsf(4, &[9, 8], true), &data),
        (nsf(4, &[9, 8], false), &ring),
        (maf(4, &[9, 11], Direction::Density, false), &data),
        (maf(4, &[9], Direction::Density, true), &data),
        (maf(4, &[8, 9], Direction::Sampling, false), &ring),
        (maf(4, &[9], Direction::Sampling, true), &ring),
    ] {
        let model = model(description);
        let (x, found) = gradient(device, &model, target, SAMPLES);
        let start = samples(&x, 4);
        // Along any direction the loss rises by its product with the gradient.
        for (seed, unit) in [(1, true), (2, false), (3, false)] {
            let direction = match unit {
                true => found.clone(),
                false => numbers(found.len(), 1.0, seed),
            };
            let seen = visible(model.description(), f64s(&direction));
            let size = seen.iter().map(|v| v * v).sum::<f64>().sqrt();
            let at = |sign: f64| {
                let mut moved = model.clone();
                let mut parameters = model.parameters();
                for (p, d) in parameters.iter_mut().zip(&seen) {
                    *p += (sign * STEP * d / size) as f32;
                }
                // What the parameters moved by, after rounding.
                let rounded = parameters.iter().zip(model.parameters());
                let change: f64 = rounded
                    .zip(&found)
                    .map(|((a, b), g)| (f64::from(*a) - f64::from(b)) * f64::from(*g))
                    .sum();
                moved.set_parameters(&parameters).unwrap();
                (mean_loss(&moved, target, &start), change)
            };
            let ((up, rise), (down, fall)) = (at(1.0), at(-1.0));
            let norm = f64s(&found).iter().map(|g| g * g).sum::<f64>().sqrt();
            let off = ((up - down) - (rise - fall)).abs();
            assert!(
                off < 3e-3 * 2.0 * STEP * norm,
                "{} {}: {} against {}",
                model.description().kind(),
                device.kind(),
                up - down,
                rise - fall
            );
        }
    }
}

fn sampling_draws_the_rows_of_the_engine(device: &Device) {
    let of = |hidden: &[usize], activation, residual| {
        with_units(made(16, hidden, true, Symmetry::None), activation, residual)
    };
    let lattice = multilevel(&[9], AnyActivation::Tanh, 2, true, None);
    let reach = [[2, 3], [0, 0], [1, 2], [2, 2]];
    let blocks = convolution(4, &[6; 3], &reach, AnyActivation::Leaky, true);
    for description in [
        of(&[32], AnyActivation::Leaky, false),
        of(&[32, 21], AnyActivation::Gelu, false),
        of(&[40; 3], AnyActivation::Relu, true),
        preset::sites(&[4, 4], lattice, BernoulliSpec {}),
        preset::sites(&[4, 4], blocks, BernoulliSpec {}),
        preset::within(of(&[32], AnyActivation::Leaky, false), CountsSpec { counts: vec![8, 8] }),
    ] {
        let target = match &description {
            Description::Sites(spec) if spec.constraint.is_some() => half_up(16, true),
            _ => ising([4, 4]),
        };
        let model = model(description);
        let [low, high] = step().key;
        let seed = u64::from(high) << 32 | u64::from(low);
        let mut rows = vec![0i8; 16 * BATCH];
        model.sampler().unwrap().sample(seed, 0, &mut rows, None);
        let (x, _) = gradient(device, &model, &target, SAMPLES);
        // Same words, same conditionals: rows differ only where a probability differs in its last bits.
        let equal = (0..BATCH)
            .filter(|c| (0..16).all(|d| x[d * BATCH + c] == f32::from(rows[c * 16 + d])))
            .count();
        assert!(equal >= BATCH - 1, "{}: {equal} of {BATCH} rows are equal", device.kind());
    }
}

/// The models of the table in `device/gpu.rs`.
fn published() -> Vec<(&'static str, Description, Target)> {
    let couplings = |dim: usize, hidden: &[usize], map: UnivariateSpec| {
        let mask = |l: usize| (0..dim).map(move |d| (d + l).is_multiple_of(2));
        preset::flow(&[dim], (0..8).map(|l| preset::coupling(mask(l), hidden, map)), true)
    };
    let spline = RationalQuadraticSpec::linear(8, 5.0).into();
    let affine: UnivariateSpec = AffineSpec { log_scale_bound: 3.0 }.into();
    let layer =
        |_| preset::autoregressive((0..16).collect(), Direction::Density, &[64, 64], affine);
    let data = Target::Data { rows: vec![1.0; 64].into() };
    vec![
        ("nsf", couplings(8, &[64, 64], spline), data.clone()),
        ("real_nvp", couplings(64, &[128, 128], affine), data.clone()),
        ("maf", preset::flow(&[16], (0..3).map(layer), true), data),
        ("van", preset::made(&[16, 16], &[1024; 3], false, Symmetry::Z2), ising([16, 16])),
    ]
}

/// With 48 KiB a workgroup, with 16, and operation by operation.
fn steps_are_few_calls() {
    let found: Vec<(&str, [usize; 3])> = published()
        .iter()
        .map(|(name, description, target)| {
            let calls = |(fusing, memory)| {
                let program = pushforward_host::train::step_program(
                    description,
                    target,
                    Objective::default(),
                    fusing,
                )
                .unwrap();
                program.launches(&mut Layout::new(&program, 1000, memory)).len()
            };
            let cases = [(Fusing::On, 48 << 10), (Fusing::On, 16 << 10), (Fusing::Off, 48 << 10)];
            (*name, cases.map(calls))
        })
        .collect();
    let expected = [
        ("nsf", [32, 32, 88]),
        ("real_nvp", [32, 88, 88]),
        ("maf", [17, 17, 38]),
        ("van", [15, 15, 15]),
    ];
    assert_eq!(found, expected);
}

/// Fusing changes nothing on the CPU, and nothing beyond rounding on a GPU.
fn fused_steps_are_the_others(device: &Device) {
    let rows_given_three = Target::Data { rows: numbers(7 * 300, 2.0, 4).into() };
    let data = Target::Data { rows: numbers(4 * 300, 2.0, 4).into() };
    let ring =
        Target::Energy { energy: Arc::new(Ring2d::new()), beta: 0.9, anneal: None, samples: None };
    for (description, target) in [
        (flow(4, &[9, 8], true), &ring),
        (flow(4, &[300], true), &data),
        (nsf(4, &[9, 8], true), &data),
        (maf(4, &[9, 11], Direction::Density, false), &data),
        (maf(4, &[9], Direction::Sampling, true), &ring),
        (made(4, &[9, 8], true, Symmetry::Z2), &ising([2, 2])),
        (given(flow(4, &[9, 8], true), None), &rows_given_three),
        (given(nsf(4, &[9], true), Some(2)), &rows_given_three),
        (partial(Direction::Density, true), &data),
        (partial(Direction::Sampling, true), &ring),
        (given(partial(Direction::Density, true), None), &rows_given_three),
    ] {
        let model = model(description.clone());
        let of = |fusing| {
            let program = pushforward_host::train::step_program(
                &description,
                target,
                Objective::default(),
                fusing,
            )
            .unwrap();
            let (log_q, phases) = (program.loss.log_q, [Forward, Loss, Backward]);
            evaluate(device, program, BATCH, &model.parameters(), &[], &phases, &[log_q])
        };
        let (fused, single) = (of(Fusing::On), of(Fusing::Off));
        if device.kind() == "cpu" {
            assert_eq!(fused, single, "{}", description.kind());
        }
        for (f, s) in fused.iter().zip(&single) {
            assert_close(&format!("{} {}", description.kind(), device.kind()), f, &f64s(s), 1e-5);
        }
    }
}

/// Operations that no published step has.
fn others() -> Program {
    let mut p = Program::new(1, 1, LossKind::Path);
    let [x, y] = [p.slot(1), p.slot(2)];
    p.forward.push(Box::new(Words { count: 1, out: y }));
    p.forward.push(Box::new(Add { from: None, to: x }));
    p
}

fn every_shader_is_valid() {
    let data = Target::Data { rows: vec![1.0; 24].into() };
    let on =
        |energy: Arc<dyn Energy>| Target::Energy { energy, beta: 1.0, anneal: None, samples: None };
    let programs: Vec<Program> = vec![
        step_program(&made(6, &[12], true, Symmetry::Z2), &ising([2, 3])),
        step_program(&made(6, &[12], true, Symmetry::Z2), &data),
        step_program(&flow(4, &[8], true), &on(Arc::new(Phi4::new([2, 2], -4.0, 8.0).unwrap()))),
        step_program(&flow(4, &[8], true), &on(Arc::new(Ring2d::new()))),
        step_program(&flow(2, &[8], true), &on(Arc::new(DoubleWell::new(0.0, -4.0, 1.0).unwrap()))),
        step_program(&flow(4, &[8], true), &data),
        step_program(&nsf(4, &[8], true), &data),
        step_program(&maf(4, &[8], Direction::Density, false), &data),
        step_program(&couplings(4, &[8], CubicRationalSpec {}.into(), false), &data),
        step_program(&couplings(4, &[8], SinhSpec { bound: 2.0 }.into(), false), &data),
        step_program(&couplings(4, &[8], EXP, false), &data),
        step_program(&couplings(4, &[8], MIXTURE_CDF, false), &data),
        step_program(&among(LuSpec {}.into()), &data),
        step_program(&among(RotationSpec { reflections: 2 }.into()), &data),
        step_program(&from_base(MixtureSpec { components: 3 }, SPLINE, Direction::Density), &data),
        step_program(&circles(Direction::Density), &data),
        step_program(&circles(Direction::Sampling), &on(Arc::new(Ring2d::new()))),
        step_program(
            &preset::sites(
                &[2, 2],
                multilevel(&[3], AnyActivation::Smoothstep, 1, true, None),
                CategoricalSpec { categories: Categories::All(3) },
            ),
            &on(Arc::new(
                Pairs::new(States::Potts { q: 3 }, Lattice::Square, 2, 1.0, Boundary::Open)
                    .unwrap(),
            )),
        ),
        step_program(
            &preset::sites(
                &[4, 4],
                multilevel(&[3], AnyActivation::Leaky, 2, false, Some(1)),
                BernoulliSpec {},
            ),
            &ising([4, 4]),
        ),
        step_program(
            &preset::sites(
                &[4, 4],
                convolution(4, &[3; 3], &[[1, 2]; 4], AnyActivation::Leaky, true),
                BernoulliSpec {},
            ),
            &ising([4, 4]),
        ),
        step_program(
            &preset::within(made(6, &[12], true, Symmetry::Z2), CountsSpec { counts: vec![3, 3] }),
            &half_up(6, true),
        ),
        others(),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (program, workgroup_memory) in programs.iter().flat_map(|p| [(p, 16 << 10), (p, 0)]) {
        let mut layout = Layout::new(program, 5, workgroup_memory);
        for launch in program.launches(&mut layout) {
            let text = shader_text(&launch);
            if !seen.insert((launch.entry, text.clone())) {
                continue;
            }
            // The uniform's window is as wide as its alignment.
            assert!(launch.arguments.words(&layout).len() <= 64, "{}", launch.entry);
            let module = naga::front::wgsl::parse_str(&text)
                .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
            naga::valid::Validator::new(
                naga::valid::ValidationFlags::all(),
                naga::valid::Capabilities::empty(),
            )
            .validate(&module)
            .unwrap_or_else(|e| panic!("{}: {}", launch.entry, e.emit_to_string(&text)));
            assert!(module.entry_points.iter().any(|e| e.name == launch.entry), "{}", launch.entry);
        }
    }
    assert!(seen.len() > 25, "{}", seen.len());
}

fn main() -> ExitCode {
    let on_each: &[Named<OnDevice>] = named![
        free_energy_gradient_of_spins,
        free_energy_gradient_of_lattices,
        free_energy_gradient_of_convolutions,
        free_energy_gradient_of_constraints,
        likelihood_gradient_of_spins,
        likelihood_gradient_of_constraints,
        free_energy_gradient_of_a_flow,
        likelihood_gradient_of_a_flow,
        gradients_of_layers_among_others,
        gradients_of_conditional_models,
        gradients_of_other_bases,
        gradients_of_bounded_flows,
        gradients_of_parts,
        gradients_of_layers_of_some_coordinates,
        path_gradients_have_no_score,
        gradients_of_renyis_bound,
        gradients_of_both_divergences,
        gradients_of_mixtures,
        gradients_of_direct_terms,
        gradients_of_categories,
        gradients_of_tables,
        gradients_of_activations,
        gradients_of_splines_and_autoregressive_layers,
        sampling_draws_the_rows_of_the_engine,
        fused_steps_are_the_others,
    ];
    let without: &[Named<fn()>] = named![steps_are_few_calls, every_shader_is_valid,];
    run(include_str!("ops_steps.rs"), on_each, &[], without)
}
