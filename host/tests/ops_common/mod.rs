//! Devices and comparisons that the tests of the training operations share.
#![allow(dead_code)]

#[path = "../../../engine/tests/needs/mod.rs"]
mod needs;

pub(crate) mod models;

use std::process::ExitCode;
use std::sync::OnceLock;

use needs::Test;
use pushforward_host::device::{Device, Phase, Runner};
use pushforward_host::ops::{Program, Slot, StepInputs};

/// The GPU, software or not, if this machine has one.
fn gpu() -> Result<&'static Device, &'static str> {
    static GPU: OnceLock<Result<Device, String>> = OnceLock::new();
    let gpu = GPU.get_or_init(|| Device::gpu(true).map_err(|error| error.to_string()));
    gpu.as_ref().map_err(String::as_str)
}

pub(crate) fn cpu() -> Device {
    Device::cpu(Some(2)).unwrap()
}

/// A test's name and its function, which takes a device or nothing.
pub(crate) type Named<F> = (&'static str, F);
pub(crate) type OnDevice = fn(&Device);

macro_rules! named {
    ($($test:ident),* $(,)?) => { &[$((stringify!($test), $test)),*] };
}
pub(crate) use named;

/// Runs tests of a device on the CPU and on the GPU, others on the GPU only, and others still that
/// need no device.
pub(crate) fn run(
    source: &str,
    on_each: &[Named<OnDevice>],
    on_gpu: &[Named<OnDevice>],
    without: &[Named<fn()>],
) -> ExitCode {
    let driver = "a GPU driver (install mesa-vulkan-drivers for one in software)";
    let missing = || gpu().err().map(|_| driver.to_owned());
    let shaders = on_each.iter().chain(on_gpu).map(|&(name, test)| {
        Test::needing("gpu", missing(), name, move || {
            test(gpu()?);
            Ok(())
        })
    });
    let cpu = on_each.iter().map(|&(name, test)| Test::new(name, move || test(&cpu())));
    let others = without.iter().map(|&(name, test)| Test::new(name, test));
    needs::run(source, shaders.chain(cpu).chain(others).collect())
}

pub(crate) fn step() -> StepInputs {
    StepInputs {
        key: [0x1234_5678, 0x9abc_def0],
        beta: 0.7,
        beta_full: 0.9,
        rate: 0.01,
        correction_1: 1.0,
        correction_2: 1.0,
        clip: 1.0,
        decay: 0.0,
        average: 0.0,
        slot: 0,
        first_row: 100,
    }
}

/// Numbers in (−size, size) without a pattern.
pub(crate) fn numbers(n: usize, size: f32, seed: u32) -> Vec<f32> {
    let word = |i| pushforward::noise::block([seed, 77], [i as u32, 0])[0];
    (0..n).map(|i| (word(i) as f32 / u32::MAX as f32 * 2.0 - 1.0) * size).collect()
}

pub(crate) fn f64s(xs: &[f32]) -> Vec<f64> {
    xs.iter().map(|&x| f64::from(x)).collect()
}

/// Asserts ‖found − expected‖ ≤ tolerance ‖expected‖.
#[track_caller]
pub(crate) fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let (mut off, mut size) = (0.0, 1e-30);
    for (f, e) in found.iter().zip(expected) {
        off += (f64::from(*f) - e).powi(2);
        size += e * e;
    }
    let relative = (off / size).sqrt();
    assert!(
        relative <= tolerance,
        "{what}: relative difference {relative:.2e}, {:?} against {:?}",
        head(found),
        head(expected)
    );
}

fn head<T: std::fmt::Debug>(xs: &[T]) -> &[T] {
    &xs[..xs.len().min(8)]
}

/// The slope of `f` along every coordinate of `at`, by central differences.
pub(crate) fn slopes(at: &[f64], mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let mut x = at.to_vec();
    (0..x.len())
        .map(|i| {
            x[i] = at[i] + h;
            let up = f(&x);
            x[i] = at[i] - h;
            let down = f(&x);
            x[i] = at[i];
            (up - down) / (2.0 * h)
        })
        .collect()
}

pub(crate) fn start(
    device: &Device,
    program: Program,
    batch: usize,
    parameters: &[f32],
) -> Box<dyn Runner> {
    let mut runner = device.runner(program, batch).unwrap();
    let zeros = vec![0.0; parameters.len()];
    runner.set_state([parameters, &zeros, &zeros, &[]]);
    runner
}

/// Writes `inputs`, runs the phases, and reads `outputs`; the gradient comes last.
pub(crate) fn evaluate(
    device: &Device,
    program: Program,
    batch: usize,
    parameters: &[f32],
    inputs: &[(Slot, Vec<f32>)],
    phases: &[Phase],
    outputs: &[Slot],
) -> Vec<Vec<f32>> {
    let mut runner = start(device, program, batch, parameters);
    for (slot, values) in inputs {
        runner.write(*slot, values);
    }
    for phase in phases {
        runner.probe(&step(), *phase).unwrap();
    }
    let mut all: Vec<Vec<f32>> = outputs.iter().map(|s| runner.read(*s).unwrap()).collect();
    all.push(runner.gradient().unwrap());
    all
}
