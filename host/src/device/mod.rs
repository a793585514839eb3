//! What trains: all cores of the CPU, or a GPU through wgpu.
//!
//! Both run the same [`Program`]; a [`Runner`] is a program on its device, with the parameters and
//! the optimiser's memory.

mod cpu;
mod gpu;

use std::sync::Arc;

use pushforward::simd::Level;

use crate::error::affordable;
use crate::ops::{Program, Readings, Slot, StepInputs};

pub use gpu::shader_text;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No adapter of the wanted kind.
    #[error("no GPU found: {found}; train on the CPU with --device cpu")]
    NoGpu {
        /// What there is instead.
        found: String,
    },
    /// The adapter would not open.
    #[error("the GPU {name} cannot be opened: {reason}")]
    Open {
        /// The adapter.
        name: String,
        /// What the driver says.
        reason: String,
    },
    /// A buffer or a layer beyond the adapter's limits.
    #[error(
        "{what}: {needed} is more than the {limit} that the GPU allows; use a smaller batch or the CPU"
    )]
    TooLarge {
        /// What, and in which unit.
        what: &'static str,
        /// Its size.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The system refuses the memory that a step needs.
    #[error(
        "a training step needs {bytes} bytes, more memory than there is; use a smaller batch or model"
    )]
    Memory {
        /// How much it is.
        bytes: u128,
    },
    /// The GPU failed while running.
    #[error("the GPU failed: {0}")]
    Failed(String),
    /// The thread pool would not start.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many.
        threads: usize,
        /// Why.
        reason: String,
    },
}

/// A place to train.
#[derive(Clone, Debug)]
pub enum Device {
    /// Threads of this machine.
    Cpu(Arc<rayon::ThreadPool>),
    /// An open adapter.
    Gpu(Arc<gpu::Gpu>),
}

/// Parts of a step, for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The forward operations.
    Forward,
    /// The loss.
    Loss,
    /// The backward operations.
    Backward,
}

/// A program on its device.
pub trait Runner: Send {
    /// Takes one step for each of `inputs`, reading nothing back in between.
    ///
    /// # Errors
    /// If the device fails.
    fn run(&mut self, inputs: &[StepInputs]) -> Result<Vec<Readings>, DeviceError>;

    /// Replaces the training rows by as many numbers.
    fn set_data(&mut self, rows: Arc<Vec<f32>>);

    /// Runs one part of a step, without the optimiser.
    ///
    /// # Errors
    /// If the device fails.
    fn probe(&mut self, input: &StepInputs, phase: Phase) -> Result<(), DeviceError>;

    /// Parameters, both of Adam's moments, and the parameters' running mean; nothing for that where none
    /// is kept.
    ///
    /// # Errors
    /// If the device fails.
    fn state(&mut self) -> Result<[Vec<f32>; 4], DeviceError>;

    /// Replaces them.
    fn set_state(&mut self, state: [&[f32]; 4]);

    /// The gradient of the last backward phase.
    ///
    /// # Errors
    /// If the device fails.
    fn gradient(&mut self) -> Result<Vec<f32>, DeviceError>;

    /// A slot, `[rows][positions · copies · batch]`.
    ///
    /// # Errors
    /// If the device fails.
    fn read(&mut self, slot: Slot) -> Result<Vec<f32>, DeviceError>;

    /// Replaces a slot.
    fn write(&mut self, slot: Slot, values: &[f32]);
}

impl Device {
    /// `threads` threads of this machine; all cores if `None`.
    ///
    /// # Errors
    /// If the threads do not start.
    pub fn cpu(threads: Option<usize>) -> Result<Self, DeviceError> {
        let threads = threads.unwrap_or(0);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map(|p| Device::Cpu(Arc::new(p)))
            .map_err(|e| DeviceError::Threads { threads, reason: e.to_string() })
    }

    /// The fastest real GPU. `software` also accepts an adapter that is a program on the CPU, which
    /// is for testing the shaders.
    ///
    /// # Errors
    /// If there is none or it does not open.
    pub fn gpu(software: bool) -> Result<Self, DeviceError> {
        gpu::Gpu::open(software).map(|g| Device::Gpu(Arc::new(g)))
    }

    /// The GPU if there is a real one, else the CPU.
    ///
    /// # Errors
    /// If the CPU's threads do not start.
    pub fn auto() -> Result<Self, DeviceError> {
        Self::gpu(false).or_else(|_| Self::cpu(None))
    }

    /// `cpu` or `gpu`.
    pub fn kind(&self) -> &'static str {
        match self {
            Device::Cpu(_) => "cpu",
            Device::Gpu(_) => "gpu",
        }
    }

    /// Threads of this machine that work; one waits for a GPU.
    pub fn threads(&self) -> usize {
        match self {
            Device::Cpu(pool) => pool.current_num_threads(),
            Device::Gpu(_) => 1,
        }
    }

    /// A line for people: what it is.
    pub fn description(&self) -> String {
        match self {
            Device::Cpu(pool) => {
                format!("{} threads, {}", pool.current_num_threads(), Level::best().name())
            }
            Device::Gpu(gpu) => gpu.name().to_owned(),
        }
    }

    /// Puts a program on the device.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn runner(&self, program: Program, batch: usize) -> Result<Box<dyn Runner>, DeviceError> {
        Ok(match self {
            Device::Cpu(pool) => {
                let bytes = cpu::CpuRunner::bytes(&program, batch);
                affordable("", bytes).map_err(|_| DeviceError::Memory { bytes })?;
                Box::new(cpu::CpuRunner::new(Arc::clone(pool), program, batch))
            }
            Device::Gpu(gpu) => Box::new(gpu::GpuRunner::new(Arc::clone(gpu), program, batch)?),
        })
    }
}

/// One device that [`devices`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceInfo {
    /// `cpu` or `gpu`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Programming interface: `rayon`, `Vulkan`, `Metal`, `Dx12`.
    pub backend: String,
    /// For a GPU discrete, integrated or software.
    pub device_type: String,
    /// Whether training takes it without being asked: false for software adapters.
    pub usable: bool,
    /// Limits by name: threads and lanes, or the GPU's largest buffer and so on.
    pub limits: Vec<(&'static str, u64)>,
}

/// Everything that could train here: the CPU, then the adapters of the graphics drivers.
pub fn devices() -> Vec<DeviceInfo> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let cpu = DeviceInfo {
        kind: "cpu",
        name: format!("{} ({})", std::env::consts::ARCH, Level::best().name()),
        backend: "rayon".into(),
        device_type: "cpu".into(),
        usable: true,
        limits: vec![("threads", threads)],
    };
    std::iter::once(cpu).chain(gpu::adapters()).collect()
}
