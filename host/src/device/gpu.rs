//! The GPU device: a program as a list of compute dispatches, built once and replayed.
//!
//! All shaders see the same nine bindings (`prelude.wgsl`), so there is one bind group; what differs
//! from call to call (arguments) and from step to step (noise key, β, learning rate) is selected by
//! two dynamic offsets. A block of steps is submitted without waiting; its readings come back at
//! the end, one row a step.
//!
//! Command buffers of wgpu can be submitted once only, so what is kept from step to step is all that
//! goes into one: pipelines, the bind group, offsets, workgroup counts. A step sets them, dispatches
//! and submits; it compiles, allocates and uploads nothing. Gradients add, so it also clears them,
//! which is not a dispatch. The inputs of a block's steps are
//! uploaded together, before its first.
//!
//! What is left to a step of small networks is the number of dispatches, so units belong to their
//! layer (`ops/dense.rs`), and the layers of a flow are fused (`train/fuse.rs`):
//!
//! | step | dispatches | without fusing |
//! |---|---|---|
//! | NSF, D = 8, 8 couplings of 64 × 64, likelihood | 32 | 88 |
//! | RealNVP, D = 64, 8 couplings of 128 × 128, likelihood | 32 (88 with 16 KiB a workgroup) | 88 |
//! | MAF, D = 16, 3 layers of 64 × 64, likelihood | 17 | 38 |
//! | MADE over 16 × 16 spins, Z2, 3 hidden layers of 1024, free energy | 15 | 15 |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{DeviceError, DeviceInfo, Phase, Runner};
use crate::ops::{
    BLOCK, GROUP, HALF_LN_TAU, Launch, Layout, NONE, Program, READING_ENERGY, READING_ESS,
    READING_GRAD_NORM, READING_LOSS, READING_VARIANCE, READINGS, Readings, Slot, StepInputs,
    constants, optimizer,
};

const PRELUDE: &str = include_str!("prelude.wgsl");
/// Distance of uniform entries: the largest alignment that any adapter asks for.
const STRIDE: u64 = 256;

/// The backward operations among a program's phases.
const BACKWARD: usize = 2;

/// The full text of a launch's shader.
pub fn shader_text(launch: &Launch) -> String {
    let shared = constants![
        GROUP,
        NONE,
        HALF_LN_TAU,
        READINGS,
        READING_LOSS,
        READING_VARIANCE,
        READING_ENERGY,
        READING_ESS,
        READING_GRAD_NORM,
    ];
    let call = launch.arguments.wgsl();
    let first = [&shared, StepInputs::WGSL, &call, PRELUDE];
    first
        .into_iter()
        .chain(launch.sources.iter().map(|text| &**text))
        .collect::<Vec<_>>()
        .join("\n")
}

/// An open adapter.
#[derive(Debug)]
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    name: String,
    limits: wgpu::Limits,
    /// What the driver complained about, instead of wgpu's panic.
    complaint: Arc<Mutex<Option<String>>>,
}

fn found() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    adapters.sort_by_key(|a| rank(a.get_info().device_type));
    adapters
}

fn rank(kind: wgpu::DeviceType) -> u32 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::VirtualGpu => 1,
        wgpu::DeviceType::IntegratedGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn is_software(adapter: &wgpu::Adapter) -> bool {
    adapter.get_info().device_type == wgpu::DeviceType::Cpu
}

/// The adapters of this machine's graphics drivers.
pub(crate) fn adapters() -> Vec<DeviceInfo> {
    let describe = |a: wgpu::Adapter| {
        let (info, limits) = (a.get_info(), a.limits());
        DeviceInfo {
            kind: "gpu",
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            device_type: if is_software(&a) {
                "software".into()
            } else {
                format!("{:?}", info.device_type)
            },
            usable: !is_software(&a),
            limits: vec![
                ("max_buffer_size", limits.max_buffer_size),
                ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
                (
                    "max_compute_invocations_per_workgroup",
                    limits.max_compute_invocations_per_workgroup.into(),
                ),
                (
                    "max_compute_workgroup_storage_size",
                    limits.max_compute_workgroup_storage_size.into(),
                ),
                (
                    "max_compute_workgroups_per_dimension",
                    limits.max_compute_workgroups_per_dimension.into(),
                ),
            ],
        }
    };
    found().into_iter().map(describe).collect()
}

impl Gpu {
    pub(crate) fn open(software: bool) -> Result<Self, DeviceError> {
        let adapters = found();
        let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
        let Some(adapter) = adapters.into_iter().find(|a| software || !is_software(a)) else {
            let found = if names.is_empty() {
                "no adapter".into()
            } else {
                format!("only software ({})", names.join(", "))
            };
            return Err(DeviceError::NoGpu { found });
        };
        let name = adapter.get_info().name;
        let limits = adapter.limits();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("pushforward"),
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| DeviceError::Open { name: name.clone(), reason: e.to_string() })?;
        let complaint = Arc::new(Mutex::new(None));
        let told = Arc::clone(&complaint);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            told.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
        }));
        Ok(Self { device, queue, name, limits, complaint })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn buffer(
        &self,
        what: &'static str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, DeviceError> {
        let size = bytes.max(16).next_multiple_of(16);
        let limit = self.limits.max_buffer_size.min(self.limits.max_storage_buffer_binding_size);
        if size > limit {
            return Err(DeviceError::TooLarge { what, needed: size, limit });
        }
        let usage = usage | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        Ok(self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage,
            mapped_at_creation: false,
        }))
    }

    /// Whatever went wrong since the device was opened.
    fn check(&self) -> Result<(), DeviceError> {
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        complaint.clone().map_or(Ok(()), |text| Err(DeviceError::Failed(text)))
    }

    /// Reads `len` floats from `start`.
    fn read(
        &self,
        buffer: &wgpu::Buffer,
        start: usize,
        len: usize,
    ) -> Result<Vec<f32>, DeviceError> {
        let failed = |e: &dyn std::fmt::Display| DeviceError::Failed(e.to_string());
        let bytes = 4 * len as u64;
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: bytes.max(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder =
            self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, 4 * start as u64, &staging, 0, bytes);
        self.queue.submit([encoder.finish()]);
        self.check()?;
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| drop(sender.send(result)));
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(&e))?;
        receiver.recv().map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        let view = staging.get_mapped_range(..).map_err(|e| failed(&e))?;
        Ok(view[..].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }
}

/// A launch with its pipeline and the place of its arguments.
struct Call {
    pipeline: wgpu::ComputePipeline,
    offset: u32,
    groups: [u32; 3],
}

/// A program on a GPU.
pub(crate) struct GpuRunner {
    gpu: Arc<Gpu>,
    layout: Layout,
    parameters: wgpu::Buffer,
    gradient: wgpu::Buffer,
    /// Both of Adam's, then the running mean of the parameters.
    moments: wgpu::Buffer,
    averages: bool,
    arena: wgpu::Buffer,
    readings: wgpu::Buffer,
    data: wgpu::Buffer,
    steps: wgpu::Buffer,
    bindings: wgpu::BindGroup,
    /// Forward, loss, backward, optimiser.
    calls: [Vec<Call>; 4],
}

impl GpuRunner {
    pub(crate) fn new(gpu: Arc<Gpu>, program: Program, batch: usize) -> Result<Self, DeviceError> {
        let memory = gpu.limits.max_compute_workgroup_storage_size;
        let mut layout = Layout::new(&program, batch, memory);
        let phases = program.phases(&mut layout);
        let limit = u64::from(gpu.limits.max_compute_workgroups_per_dimension);
        let most = phases.iter().flatten().flat_map(|l| l.groups).max().unwrap_or(0);
        if u64::from(most) > limit {
            let what = "units of a layer or columns of a batch";
            return Err(DeviceError::TooLarge { what, needed: most.into(), limit });
        }
        let count: usize = phases.iter().map(Vec::len).sum();

        let storage = wgpu::BufferUsages::STORAGE;
        let floats = |n: usize| 4 * n as u64;
        let n = layout.parameters;
        let parameters = gpu.buffer("bytes of parameters", floats(n), storage)?;
        let gradient = gpu.buffer("bytes of gradient", floats(layout.parts * n), storage)?;
        let moments = gpu.buffer("bytes of moments", floats(3 * n), storage)?;
        let arena = gpu.buffer("bytes of activations", floats(layout.len()), storage)?;
        let readings =
            gpu.buffer("bytes of readings", floats(READINGS * BLOCK + optimizer::PARTS), storage)?;
        let tables = gpu.buffer("bytes of tables", floats(layout.tables.len()), storage)?;
        let data = gpu.buffer("bytes of data", floats(program.data.len()), storage)?;
        let steps =
            gpu.buffer("bytes of steps", STRIDE * BLOCK as u64, wgpu::BufferUsages::UNIFORM)?;
        let arguments =
            gpu.buffer("bytes of arguments", STRIDE * count as u64, wgpu::BufferUsages::UNIFORM)?;
        gpu.queue.write_buffer(&tables, 0, bytemuck::cast_slice(&layout.tables));
        gpu.queue.write_buffer(&data, 0, bytemuck::cast_slice(&program.data));

        let storages = [&parameters, &gradient, &moments, &arena, &readings, &tables, &data];
        let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: binding >= 7,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = (0..9)
            .map(|b| match b {
                0..5 => entry(b, wgpu::BufferBindingType::Storage { read_only: false }),
                5 | 6 => entry(b, wgpu::BufferBindingType::Storage { read_only: true }),
                _ => entry(b, wgpu::BufferBindingType::Uniform),
            })
            .collect();
        let group_layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("program"),
            entries: &entries,
        });
        let window = |buffer| {
            let size = std::num::NonZeroU64::new(STRIDE);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
        };
        let resources = storages
            .iter()
            .map(|b| b.as_entire_binding())
            .chain([window(&steps), window(&arguments)]);
        let entries: Vec<_> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("program"),
            layout: &group_layout,
            entries: &entries,
        });
        let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("program"),
            bind_group_layouts: &[Some(&group_layout)],
            immediate_size: 0,
        });

        let mut pipelines: HashMap<(String, &'static str), wgpu::ComputePipeline> = HashMap::new();
        let mut next = 0;
        let calls = phases.map(|phase| {
            let prepare = |launch: Launch| {
                let words = launch.arguments.words(&layout);
                let offset = STRIDE * next;
                next += 1;
                gpu.queue.write_buffer(&arguments, offset, bytemuck::cast_slice(&words));
                let text = shader_text(&launch);
                let pipeline =
                    pipelines.entry((text, launch.entry)).or_insert_with_key(|(text, entry)| {
                        let source = wgpu::ShaderSource::Wgsl(text.as_str().into());
                        let module =
                            gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                                label: Some(entry),
                                source,
                            });
                        gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                            label: Some(entry),
                            layout: Some(&pipeline_layout),
                            module: &module,
                            entry_point: Some(entry),
                            compilation_options: wgpu::PipelineCompilationOptions {
                                zero_initialize_workgroup_memory: false,
                                ..Default::default()
                            },
                            cache: None,
                        })
                    });
                Call { pipeline: pipeline.clone(), offset: offset as u32, groups: launch.groups }
            };
            phase.into_iter().map(prepare).collect()
        });
        gpu.check()?;
        Ok(Self {
            gpu,
            layout,
            parameters,
            gradient,
            moments,
            averages: false,
            arena,
            readings,
            data,
            steps,
            bindings,
            calls,
        })
    }

    /// Submits some phases of the step whose inputs lie in place `place`.
    fn submit(&self, place: usize, phases: std::ops::Range<usize>) {
        let mut encoder =
            self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        if phases.contains(&BACKWARD) {
            encoder.clear_buffer(&self.gradient, 0, None);
        }
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let step = place as u32 * STRIDE as u32;
            for call in self.calls[phases].iter().flatten() {
                let [x, y, z] = call.groups;
                pass.set_pipeline(&call.pipeline);
                pass.set_bind_group(0, &self.bindings, &[step, call.offset]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        self.gpu.queue.submit([encoder.finish()]);
    }

    fn write_steps(&self, inputs: &[StepInputs]) {
        let mut bytes = vec![0; inputs.len() * STRIDE as usize];
        for (place, (bytes, input)) in
            bytes.chunks_exact_mut(STRIDE as usize).zip(inputs).enumerate()
        {
            let input = StepInputs { slot: place as u32, ..*input };
            bytes[..size_of::<StepInputs>()].copy_from_slice(bytemuck::bytes_of(&input));
        }
        self.gpu.queue.write_buffer(&self.steps, 0, &bytes);
    }
}

impl Runner for GpuRunner {
    fn run(&mut self, inputs: &[StepInputs]) -> Result<Vec<Readings>, DeviceError> {
        let mut all = Vec::with_capacity(inputs.len());
        for block in inputs.chunks(BLOCK) {
            self.write_steps(block);
            for place in 0..block.len() {
                self.submit(place, 0..4);
            }
            let rows = self.gpu.read(&self.readings, 0, READINGS * block.len())?;
            all.extend(rows.chunks_exact(READINGS).map(Readings::of_gpu));
        }
        Ok(all)
    }

    fn probe(&mut self, input: &StepInputs, phase: Phase) -> Result<(), DeviceError> {
        self.write_steps(std::slice::from_ref(input));
        let phase = match phase {
            Phase::Forward => 0,
            Phase::Loss => 1,
            Phase::Backward => BACKWARD,
        };
        self.submit(0, phase..phase + 1);
        Ok(())
    }

    fn state(&mut self) -> Result<[Vec<f32>; 4], DeviceError> {
        let n = self.layout.parameters;
        Ok([
            self.gpu.read(&self.parameters, 0, n)?,
            self.gpu.read(&self.moments, 0, n)?,
            self.gpu.read(&self.moments, n, n)?,
            if self.averages { self.gpu.read(&self.moments, 2 * n, n)? } else { Vec::new() },
        ])
    }

    fn set_state(&mut self, [parameters, first_moment, second_moment, average]: [&[f32]; 4]) {
        self.averages = !average.is_empty();
        let moments = [first_moment, second_moment, average].concat();
        self.gpu.queue.write_buffer(&self.parameters, 0, bytemuck::cast_slice(parameters));
        self.gpu.queue.write_buffer(&self.moments, 0, bytemuck::cast_slice(&moments));
    }

    fn gradient(&mut self) -> Result<Vec<f32>, DeviceError> {
        self.gpu.read(&self.gradient, 0, self.layout.parameters)
    }

    fn set_data(&mut self, rows: Arc<Vec<f32>>) {
        self.gpu.queue.write_buffer(&self.data, 0, bytemuck::cast_slice(&rows));
    }

    fn read(&mut self, slot: Slot) -> Result<Vec<f32>, DeviceError> {
        let len = self.layout.len_of(slot);
        self.gpu.read(&self.arena, self.layout.offset(slot) as usize, len)
    }

    fn write(&mut self, slot: Slot, values: &[f32]) {
        let offset = 4 * u64::from(self.layout.offset(slot));
        self.gpu.queue.write_buffer(&self.arena, offset, bytemuck::cast_slice(values));
    }
}
