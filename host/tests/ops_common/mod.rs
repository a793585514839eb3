//! Devices and comparisons that the tests of the training operations share.
#![allow(dead_code)]

use std::sync::OnceLock;

use pushforward_host::device::{Device, Phase, Runner, StepInputs};
use pushforward_host::ops::Slot;
use pushforward_host::train::Program;

/// The GPU, software or not, if this machine has one. Without, the tests of the shaders do not run:
/// they say so, and on a build server they fail.
pub(crate) fn gpu() -> Option<&'static Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    let gpu = GPU.get_or_init(|| match Device::gpu(true) {
        Ok(device) => Some(device),
        Err(error) => {
            eprintln!("\n*** THE SHADERS WERE NOT TESTED: {error} ***");
            eprintln!("*** install mesa-vulkan-drivers for a software adapter ***\n");
            None
        }
    });
    assert!(
        gpu.is_some() || std::env::var_os("CI").is_none(),
        "the shaders must be tested under CI"
    );
    gpu.as_ref()
}

pub(crate) fn cpu() -> Device {
    Device::cpu(Some(2)).unwrap()
}

/// The CPU, and the GPU if there is one.
pub(crate) fn devices() -> Vec<Device> {
    std::iter::once(cpu()).chain(gpu().cloned()).collect()
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
        slot: 0,
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
    runner.set_state(parameters, &zeros, &zeros);
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
