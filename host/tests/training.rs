//! Training: agreement of the devices, repeatability, what it learns, and its errors.

mod ops_common;

use std::process::ExitCode;
use std::sync::Arc;

use ops_common::models::*;
use ops_common::*;
use pushforward::base::{MixtureSpec, UniformSpec};
use pushforward::bijection::Direction;
use pushforward::model::{Arithmetic, Description, Model, Symmetry, preset};
use pushforward_host::device::Device;
use pushforward_host::energy::{DoubleWell, Energy, Phi4};
use pushforward_host::ops::StepInputs;
use pushforward_host::train::{
    Schedule, Target, TrainError, TrainOptions, Trainer, annealed, initialize,
};
use pushforward_oracle::Oracle;

/// Two far clusters: without layers, which means and scales alone can fit.
fn mixtures_learn_two_clusters() {
    let mut description = preset::flow(&[2], [], false);
    if let Description::Flow(flow) = &mut description {
        flow.base = MixtureSpec { components: 2 }.into();
    }
    let mut model = Model::new(description, Arithmetic::Fused).unwrap();
    initialize(&mut model, 1).unwrap();
    let mut rows = numbers(2 * 4000, 0.5 * 3f32.sqrt(), 4);
    for (i, row) in rows.chunks_mut(2).enumerate() {
        let [x, y] = if i % 4 == 0 { [-2.0, 1.0] } else { [2.0, 0.0] };
        (row[0], row[1]) = (row[0] + x, row[1] + y);
    }
    let learn = TrainOptions { learning_rate: 0.03, ..options(400) };
    let target = Target::Data { rows: rows.into() };
    let mut trainer = Trainer::new(model, target, learn, &cpu()).unwrap();
    trainer.step_block(400).unwrap();
    let model = trainer.model().unwrap();
    let [means, log_scales, logits] = ["mean", "log_scale", "logits"]
        .map(|name| &model.tensor(&format!("base.{name}")).unwrap().data);
    let few = if means[0] < means[2] { 0 } else { 1 };
    for (k, mean) in [(few, [-2.0, 1.0]), (1 - few, [2.0, 0.0])] {
        for d in 0..2 {
            let off = means[2 * k + d] - mean[d];
            assert!(off.abs() < 0.1, "{means:?}");
            let scale = log_scales[2 * k + d].exp();
            assert!((scale - 0.5).abs() < 0.05, "{scale}");
        }
    }
    let odds = (logits[1 - few] - logits[few]).exp();
    assert!((odds - 3.0).abs() < 0.4, "{odds}");
}

fn options(steps: u64) -> TrainOptions {
    TrainOptions { steps, batch: 200, learning_rate: 0.01, seed: 5, ..TrainOptions::default() }
}

fn small() -> Model {
    let mut model = Model::new(made(16, &[40], true, Symmetry::Z2), Arithmetic::Fused).unwrap();
    initialize(&mut model, 1).unwrap();
    model
}

fn small_flow() -> Model {
    let mut model = Model::new(flow(2, &[16], true), Arithmetic::Fused).unwrap();
    initialize(&mut model, 1).unwrap();
    model
}

fn training_agrees_across_devices(gpu: &Device) {
    let well = Target::Energy {
        energy: Arc::new(DoubleWell::new(0.0, -4.0, 1.0).unwrap()),
        beta: 1.0,
        anneal: Some(0.9),
        samples: None,
    };
    let data = Target::Data { rows: numbers(2 * 500, 1.5, 4).into() };
    let new = |description| {
        let mut model = Model::new(description, Arithmetic::Fused).unwrap();
        initialize(&mut model, 1).unwrap();
        model
    };
    for (model, target) in [
        (small(), ising([4, 4])),
        (small_flow(), well.clone()),
        (small_flow(), data.clone()),
        (new(nsf(2, &[16], true)), well.clone()),
        (new(nsf(2, &[16], true)), data.clone()),
        (new(maf(2, &[16], Direction::Sampling, true)), well),
        (new(maf(2, &[16], Direction::Density, false)), data),
    ] {
        let mut cpu = Trainer::new(model.clone(), target.clone(), options(30), &cpu()).unwrap();
        let mut gpu = Trainer::new(model, target, options(30), gpu).unwrap();
        for _ in 0..6 {
            // Rounding grows from step to step, tenfold where the loss is steep: each block starts
            // from equal states, and two steps are a block.
            gpu.restore(cpu.state().unwrap()).unwrap();
            let (c, g) = (cpu.step_block(2).unwrap(), gpu.step_block(2).unwrap());
            assert!((c.loss - g.loss).abs() < 2e-3 * c.loss.abs().max(1.0), "{c:?} {g:?}");
            assert!((c.grad_norm - g.grad_norm).abs() < 0.02 * c.grad_norm.max(0.1), "{c:?} {g:?}");
            assert!((c.loss_error - g.loss_error).abs() < 0.02 * c.loss_error, "{c:?} {g:?}");
            if let (Some(c), Some(g)) = (c.ess, g.ess) {
                assert!((c - g).abs() < 0.02, "{c} {g}");
            }
            cpu.step_block(3).unwrap();
        }
    }
}

fn splines_learn_two_wells() {
    let energy: Arc<dyn Energy> = Arc::new(DoubleWell::new(0.0, -4.0, 1.0).unwrap());
    let ln_z = energy.ln_z(1.0).unwrap().value;
    for description in [nsf(2, &[16, 16], true), maf(2, &[16, 16], Direction::Sampling, true)] {
        let kind = description.kind();
        let mut model = Model::new(description, Arithmetic::Fused).unwrap();
        initialize(&mut model, 1).unwrap();
        let target = Target::Energy {
            energy: Arc::clone(&energy),
            beta: 1.0,
            anneal: Some(0.98),
            samples: None,
        };
        let mut trainer = Trainer::new(model, target, options(400), &cpu()).unwrap();
        let stats = trainer.step_block(400).unwrap();
        let kl = stats.loss + ln_z;
        assert!(kl < 0.1 && stats.ess.unwrap() > 0.8, "{kind}: KL {kl}, {stats:?}");
    }
}

fn training_learns_the_small_ising_model() {
    let target = ising([4, 4]);
    let Target::Energy { energy, beta, .. } = &target else { unreachable!() };
    let ln_z = energy.ln_z(*beta).unwrap().value;
    let target = Target::Energy {
        energy: Arc::clone(energy),
        beta: *beta,
        anneal: Some(0.98),
        samples: None,
    };
    let mut trainer = Trainer::new(small(), target, options(400), &cpu()).unwrap();
    let stats = trainer.step_block(400).unwrap();
    let kl = stats.loss + ln_z;
    assert!(kl < 0.05 && stats.ess.unwrap() > 0.9, "KL {kl}, {stats:?}");
}

fn annealing_arrives_half_way_for_any_budget() {
    let Target::Energy { energy, beta, .. } = ising([4, 4]) else { unreachable!() };
    for (steps, anneal) in [(1, 0.998), (2, 0.5), (40, 0.998), (41, 1.0 - 1e-9), (40, 1e-3)] {
        let target = Target::Energy {
            energy: Arc::clone(&energy),
            beta,
            anneal: Some(anneal),
            samples: None,
        };
        let options = TrainOptions { batch: 16, ..options(steps) };
        let mut trainer = Trainer::new(small(), target, options, &cpu()).unwrap();
        let betas: Vec<_> =
            (0..steps).map(|_| trainer.step_block(1).unwrap().beta.unwrap()).collect();
        let end = annealed(steps) as usize;
        assert!(betas[end - 1..].iter().all(|b| *b == beta), "{steps}, {anneal}: {betas:?}");
        assert!(betas[..end].is_sorted(), "{steps}, {anneal}: {betas:?}");
        // A slow factor rises evenly.
        if anneal > 0.9 && steps > 2 {
            assert!((betas[end / 2 - 1] - beta / 2.0).abs() < 0.01 * beta, "{betas:?}");
        }
    }
}

fn threads_and_pauses_do_not_change_a_bit() {
    for (model, target) in [
        (small(), ising([4, 4])),
        (small_flow(), Target::Data { rows: numbers(2 * 500, 1.5, 4).into() }),
    ] {
        let one = Device::cpu(Some(1)).unwrap();
        let start = |device: &Device| {
            Trainer::new(model.clone(), target.clone(), options(12), device).unwrap()
        };
        let mut whole = start(&one);
        whole.step_block(12).unwrap();
        let expected = whole.state().unwrap();

        for threads in [1, 2, 3] {
            let device = Device::cpu(Some(threads)).unwrap();
            let mut first = start(&device);
            first.step_block(4).unwrap();
            first.step_block(3).unwrap();
            let saved = first.state().unwrap();
            let mut second = start(&device);
            second.restore(saved).unwrap();
            second.step_block(5).unwrap();
            let found = second.state().unwrap();
            assert_eq!(found.step, 12);
            let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found.parameters), bits(&expected.parameters), "{threads} threads");
            assert_eq!(bits(&found.first_moment), bits(&expected.first_moment));
            assert_eq!(bits(&found.second_moment), bits(&expected.second_moment));
        }
    }
}

fn the_optimiser_follows_its_formula(device: &Device) {
    let model = small();
    let target = ising([4, 4]);
    let at = model.parameters();
    let n = at.len();
    let (m, v) =
        (numbers(n, 0.01, 2), numbers(n, 1e-3, 3).iter().map(|v| v * v).collect::<Vec<_>>());
    for (clip, average) in [(0.01f32, 0.2), (f32::MAX, 0.0)] {
        let (correction_1, correction_2, decay) = (1.7, 30.0, 0.01);
        let input = StepInputs { clip, correction_1, correction_2, decay, average, ..step() };
        let mean = if average > 0.0 { numbers(n, 0.5, 4) } else { Vec::new() };
        let mut runner = start(device, step_program(model.description(), &target), BATCH, &at);
        runner.set_state([&at, &m, &v, &mean]);
        let readings = runner.run(&[input]).unwrap();
        let g = f64s(&runner.gradient().unwrap());
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!((readings[0].grad_norm - norm).abs() < 1e-5 * norm);
        let scale = (f64::from(clip) / norm).min(1.0);
        let [p_found, m_found, v_found, mean_found] = runner.state().unwrap();
        let (mut p, mut m, mut v) = (f64s(&at), f64s(&m), f64s(&v));
        for i in 0..n {
            let g = g[i] * scale;
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let direction = m[i] * 1.7 / ((v[i] * 30.0).sqrt() + 1e-8);
            p[i] -= f64::from(input.rate) * direction + f64::from(input.decay) * p[i];
        }
        assert_close("parameters", &p_found, &p, 1e-5);
        assert_close("first moment", &m_found, &m, 1e-5);
        assert_close("second moment", &v_found, &v, 1e-5);
        let share = f64::from(average);
        let mean: Vec<f64> =
            f64s(&mean).iter().zip(&p).map(|(mean, p)| mean + share * (p - mean)).collect();
        assert_close("running mean", &mean_found, &mean, 1e-5);
    }
}

fn statistics_follow_their_formulas(device: &Device) {
    let model = small();
    let target = ising([4, 4]);
    let Target::Energy { energy, .. } = &target else { unreachable!() };
    let (oracle, at) = (Oracle::new(&model), model.parameters());
    let mut runner = start(device, step_program(model.description(), &target), BATCH, &at);
    let r = runner.run(&[step()]).unwrap()[0];
    let x = samples(&runner.read(SAMPLES).unwrap(), 16);
    let q: Vec<f64> = x.iter().map(|s| oracle.log_prob(&[], s)).collect();
    let of = |s: &Vec<f64>| energy.energy(&s.iter().map(|&v| v as f32).collect::<Vec<_>>());
    let e: Vec<f64> = x.iter().map(of).collect();
    let n = BATCH as f64;
    let loss: Vec<f64> = q.iter().zip(&e).map(|(q, e)| q + f64::from(step().beta) * e).collect();
    let mean = loss.iter().sum::<f64>() / n;
    let variance = loss.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let w: Vec<f64> =
        q.iter().zip(&e).map(|(q, e)| (-f64::from(step().beta_full) * e - q).exp()).collect();
    let ess = w.iter().sum::<f64>().powi(2) / (n * w.iter().map(|w| w * w).sum::<f64>());
    let expected = [mean, variance, e.iter().sum::<f64>() / n, ess];
    let found = [r.loss, r.variance, r.energy, r.ess];
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 2e-5 * e.abs(), "{}: {found:?} {expected:?}", device.kind());
    }
}

fn divergence_is_an_error_with_its_step(device: &Device) {
    let energy = Arc::new(Phi4::new([2, 2], -4.0, 8.0).unwrap());
    let target = Target::Energy { energy, beta: 1.0, anneal: None, samples: None };
    let mut model = Model::new(flow(4, &[8], true), Arithmetic::Fused).unwrap();
    initialize(&mut model, 1).unwrap();
    let wild =
        TrainOptions { learning_rate: 1e6, schedule: Schedule::Constant, clip: 0.0, ..options(50) };
    let mut trainer = Trainer::new(model, target, wild, device).unwrap();
    let error = trainer.step_block(50).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 1..50, .. }), "{error}");
}

fn wrong_settings_are_errors() {
    let device = cpu();
    let o = options(10);
    let wrong = |model: Model, target: Target, o: TrainOptions| {
        Trainer::new(model, target, o, &device).unwrap_err().to_string()
    };
    assert!(wrong(small(), ising([4, 3]), o.clone()).contains("16"));
    assert!(wrong(small_flow(), ising([4, 4]), o.clone()).contains("2"));
    assert!(
        wrong(small(), ising([4, 4]), TrainOptions { batch: 0, ..o.clone() }).contains("batch")
    );
    assert!(
        wrong(small(), ising([4, 4]), TrainOptions { learning_rate: f64::NAN, ..o.clone() })
            .contains("learning_rate")
    );
    assert!(wrong(small(), Target::Data { rows: vec![0.5; 16].into() }, o.clone()).contains("0.5"));
    let boxed = from_base(UniformSpec { bound: 4.0 }, SPLINE, Direction::Density);
    let boxed = Model::new(boxed, Arithmetic::Fused).unwrap();
    assert_eq!(
        wrong(boxed, Target::Data { rows: vec![1.0, 4.5, 2.0, -4.0].into() }, o.clone()),
        "data: found 4.5 in row 0, column 1, expected the interval from -4 to 4"
    );
    assert!(wrong(small(), Target::Data { rows: vec![1.0; 15].into() }, o.clone()).contains("row"));
    let autoregressive = |fast| Model::new(maf(2, &[8], fast, false), Arithmetic::Fused).unwrap();
    let well = Arc::new(DoubleWell::new(0.0, -4.0, 1.0).unwrap());
    let (data, well) = (
        Target::Data { rows: vec![0.5; 16].into() },
        Target::Energy { energy: well, beta: 1.0, anneal: None, samples: None },
    );
    assert_eq!(
        wrong(autoregressive(Direction::Density), well.clone(), o.clone()),
        "fast: found density, expected sampling, to learn from a Hamiltonian"
    );
    assert_eq!(
        wrong(autoregressive(Direction::Sampling), data, o.clone()),
        "fast: found sampling, expected density, to learn from data"
    );
    let mut mixture = flow(2, &[8], true);
    if let Description::Flow(flow) = &mut mixture {
        flow.base = MixtureSpec { components: 2 }.into();
    }
    assert_eq!(
        wrong(Model::new(mixture, Arithmetic::Fused).unwrap(), well.clone(), o.clone()),
        "base: found mixture, expected noise without components, to learn from a Hamiltonian: \
         which one is drawn has no gradient"
    );
    let conditional = || Model::new(given(flow(2, &[8], true), None), Arithmetic::Fused).unwrap();
    assert_eq!(
        wrong(conditional(), Target::Data { rows: vec![0.5; 16].into() }, o.clone()),
        "data: found 16 numbers, expected at least one row of 5"
    );
    assert_eq!(
        wrong(conditional(), well.clone(), o.clone()),
        "context: found 3 values, expected none: a Hamiltonian gives no context"
    );
    let lopsided = Arc::new(DoubleWell::new(0.5, -4.0, 1.0).unwrap());
    assert!(
        wrong(
            small(),
            Target::Energy { energy: lopsided, beta: 1.0, anneal: None, samples: None },
            o
        )
        .contains("double_well")
    );
}

fn main() -> ExitCode {
    let on_each: &[Named<OnDevice>] = named![
        the_optimiser_follows_its_formula,
        statistics_follow_their_formulas,
        divergence_is_an_error_with_its_step,
    ];
    let without: &[Named<fn()>] = named![
        splines_learn_two_wells,
        mixtures_learn_two_clusters,
        training_learns_the_small_ising_model,
        annealing_arrives_half_way_for_any_budget,
        threads_and_pauses_do_not_change_a_bit,
        wrong_settings_are_errors,
    ];
    run(include_str!("training.rs"), on_each, named![training_agrees_across_devices], without)
}
