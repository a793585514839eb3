//! The CPU device: shards of samples on a pool of threads.
//!
//! Shards are dealt to a fixed number of groups, and a group's shards run one after another into
//! the group's gradient. The groups' gradients are added in order. So the order of every sum is
//! fixed by the batch alone: one thread or many give the same bits.
//!
//! Where a sample's loss depends on that sample alone, a shard goes forward and backward at once
//! and the group's next shard takes its memory: it stays in the core's cache. The score function's
//! baseline needs the whole batch in between, so there every shard keeps its own.

use std::sync::Arc;

use pushforward::simd::Level;
use rayon::prelude::*;

use super::{DeviceError, Phase, Runner};
use crate::ops::{
    Context, Loss, Program, Readings, SHARD, Slot, StepInputs, dot_with, optimizer, wide,
};

/// Groups: an upper bound on useful threads, and a multiple of the gradient's memory.
const GROUPS: usize = 8;
/// Parameters that a thread updates at a time.
const CHUNK: usize = 1 << 14;

/// A shard's matrices.
struct Memory {
    slots: Vec<Vec<f32>>,
    scratch: Vec<f32>,
}

impl Memory {
    fn new(program: &Program) -> Self {
        let columns = SHARD * program.copies;
        let slots = program.shapes.iter().map(|s| vec![0.0; s.size() * columns]).collect();
        Self { slots, scratch: Vec::new() }
    }
}

/// Neighbouring samples of the batch.
struct Shard {
    first: usize,
    /// Samples that belong to the batch; columns beyond are computed and have no weight.
    real: usize,
    /// What the loss is made of.
    log_q: Vec<f32>,
    energy: Vec<f32>,
}

impl Shard {
    fn note(&mut self, loss: &Loss, slots: &[Vec<f32>]) {
        self.log_q.clone_from(&slots[loss.log_q.0]);
        if let Some(energy) = loss.energy {
            self.energy.clone_from(&slots[energy.0]);
        }
    }
}

struct Group {
    gradient: Vec<f32>,
    shards: Vec<Shard>,
    /// One for all shards, or one each.
    memory: Vec<Memory>,
}

/// A program on the CPU.
pub(crate) struct CpuRunner {
    pool: Arc<rayon::ThreadPool>,
    program: Program,
    batch: usize,
    groups: Vec<Group>,
    parameters: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    /// Empty where none is kept.
    average: Vec<f32>,
    gradient: Vec<f32>,
}

/// Parts of a step for all shards.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Forward,
    Both,
    Backward,
}

impl CpuRunner {
    /// The memory that a runner takes, with what checkpoints and the optimiser's state need.
    pub(crate) fn bytes(program: &Program, batch: usize) -> u128 {
        let shards = batch.div_ceil(SHARD);
        let groups = shards.min(GROUPS);
        let memories = if program.loss.is_local() { groups } else { shards };
        let slots = program.shapes.iter().map(|s| s.size() as u128).sum::<u128>();
        let slots = slots * (SHARD * program.copies * memories) as u128;
        size_of::<f32>() as u128 * (slots + program.parameters as u128 * (groups + 12) as u128)
    }

    pub(crate) fn new(pool: Arc<rayon::ThreadPool>, program: Program, batch: usize) -> Self {
        let shards = batch.div_ceil(SHARD);
        let groups = shards.min(GROUPS);
        let group = |g: usize| Group {
            gradient: vec![0.0; program.parameters],
            shards: (g * shards / groups..(g + 1) * shards / groups)
                .map(|i| Shard {
                    first: i * SHARD,
                    real: SHARD.min(batch - i * SHARD),
                    log_q: Vec::new(),
                    energy: Vec::new(),
                })
                .collect(),
            memory: vec![Memory::new(&program)],
        };
        let groups = (0..groups).map(group).collect();
        let zeros = vec![0.0; program.parameters];
        let (parameters, first_moment, second_moment) =
            (zeros.clone(), zeros.clone(), zeros.clone());
        Self {
            pool,
            program,
            batch,
            groups,
            parameters,
            first_moment,
            second_moment,
            average: Vec::new(),
            gradient: zeros,
        }
    }

    /// Gives every shard a memory of its own.
    fn separate(&mut self) {
        for group in &mut self.groups {
            let Group { memory, shards, .. } = group;
            memory.resize_with(shards.len(), || Memory::new(&self.program));
        }
    }

    /// Forward, and where the loss is local backward too; or backward alone.
    fn pass(&mut self, step: &StepInputs, part: Part) {
        let Self { pool, program, groups, parameters, batch, .. } = self;
        let (program, batch) = (&*program, *batch);
        let level = Level::best();
        let one = |group: &mut Group| {
            let Group { gradient, shards, memory } = group;
            let separate = memory.len() == shards.len();
            if part != Part::Forward {
                program.shared.iter().for_each(|range| gradient[range.clone()].fill(0.0));
            }
            for (i, shard) in shards.iter_mut().enumerate() {
                let memory = &mut memory[if separate { i } else { 0 }];
                let mut context = Context {
                    level,
                    parameters,
                    gradient,
                    first_of_group: i == 0,
                    shared: &program.shared,
                    tables: &program.tables,
                    data: &program.data,
                    step: *step,
                    shapes: &program.shapes,
                    slots: &mut memory.slots,
                    samples: SHARD,
                    copies: program.copies,
                    first: shard.first as u64,
                    scratch: &mut memory.scratch,
                };
                if part != Part::Backward {
                    program.forward.iter().for_each(|o| o.cpu(&mut context));
                    shard.note(&program.loss, context.slots);
                }
                if part == Part::Both {
                    let (loss, log_q) = (&program.loss, &shard.log_q);
                    let coefficient = &mut context.slots[loss.coefficient.0];
                    loss.local(batch, log_q, SHARD, shard.real, coefficient);
                }
                if part != Part::Forward {
                    program.backward.iter().for_each(|o| o.cpu(&mut context));
                }
            }
        };
        pool.install(|| groups.par_iter_mut().for_each(one));
    }

    /// The loss of what the last forward pass left, and its derivative with respect to each ln q.
    fn loss(&mut self, step: &StepInputs) -> (Readings, Vec<f32>) {
        let loss = self.program.loss;
        let log_q = self.gather(1, |_, shard, _| &shard.log_q);
        let energy = match loss.energy {
            Some(_) => self.gather(1, |_, shard, _| &shard.energy)[..self.batch].to_vec(),
            None => vec![0.0; self.batch],
        };
        let mut coefficient = vec![0.0; log_q.len()];
        let readings = loss.evaluate(step, &log_q, &energy, &mut coefficient);
        (readings, coefficient)
    }

    /// A matrix of the whole batch, `[rows][copies · batch]`, from its shards; positions count as rows.
    fn gather<'a>(
        &'a self,
        rows: usize,
        part: impl Fn(&'a Group, &'a Shard, usize) -> &'a [f32],
    ) -> Vec<f32> {
        let (copies, batch) = (self.program.copies, self.batch);
        let mut all = vec![0.0; rows * copies * batch];
        for group in &self.groups {
            for (k, shard) in group.shards.iter().enumerate() {
                let from = part(group, shard, k);
                for i in 0..rows * copies {
                    all[i * batch + shard.first..][..shard.real]
                        .copy_from_slice(&from[i * SHARD..][..shard.real]);
                }
            }
        }
        all
    }

    fn scatter(&mut self, slot: Slot, all: &[f32]) {
        self.separate();
        let (copies, batch) = (self.program.copies, self.batch);
        let rows = self.program.shapes[slot.0].size();
        for Group { shards, memory, .. } in &mut self.groups {
            for (shard, memory) in shards.iter().zip(memory) {
                for i in 0..rows * copies {
                    let to = &mut memory.slots[slot.0][i * SHARD..(i + 1) * SHARD];
                    let (real, rest) = to.split_at_mut(shard.real);
                    real.copy_from_slice(&all[i * batch + shard.first..][..real.len()]);
                    rest.fill(0.0);
                }
            }
        }
    }

    /// Adds the groups' gradients; returns the norm.
    fn add_groups(&mut self) -> f64 {
        let Self { pool, groups, gradient, .. } = self;
        let level = Level::best();
        let squares: Vec<f64> = pool.install(|| {
            let chunks = gradient.par_chunks_mut(CHUNK).enumerate();
            chunks
                .map(|(i, sum)| {
                    wide(
                        level,
                        #[inline(always)]
                        || {
                            for (g, group) in groups.iter().enumerate() {
                                let part = &group.gradient[i * CHUNK..][..sum.len()];
                                if g == 0 {
                                    sum.copy_from_slice(part);
                                } else {
                                    for (s, p) in sum.iter_mut().zip(part) {
                                        *s += p;
                                    }
                                }
                            }
                            let mut squares = 0.0;
                            for b in sum.chunks(64) {
                                squares += f64::from(dot_with(
                                    b,
                                    b,
                                    #[inline(always)]
                                    |a, b| a * b,
                                ));
                            }
                            squares
                        },
                    )
                })
                .collect()
        });
        squares.iter().sum::<f64>().sqrt()
    }

    fn update(&mut self, step: &StepInputs, norm: f64) {
        let scale = optimizer::clip_scale(step, norm);
        let level = Level::best();
        let Self { pool, gradient, parameters, first_moment, second_moment, average, .. } = self;
        pool.install(|| {
            let chunks = gradient.par_chunks(CHUNK).zip(parameters.par_chunks_mut(CHUNK));
            let moments =
                first_moment.par_chunks_mut(CHUNK).zip(second_moment.par_chunks_mut(CHUNK));
            chunks.zip(moments).for_each(|((g, p), (m, v))| {
                wide(
                    level,
                    #[inline(always)]
                    || optimizer::adam(step, scale, g, p, m, v),
                );
            });
            let means = average.par_chunks_mut(CHUNK).zip(parameters.par_chunks(CHUNK));
            means.for_each(|(mean, p)| {
                wide(
                    level,
                    #[inline(always)]
                    || optimizer::average(step, p, mean),
                );
            });
        });
    }
}

impl Runner for CpuRunner {
    fn run(&mut self, inputs: &[StepInputs]) -> Result<Vec<Readings>, DeviceError> {
        let mut all = Vec::with_capacity(inputs.len());
        let local = self.program.loss.is_local();
        if !local {
            self.separate();
        }
        for step in inputs {
            self.pass(step, if local { Part::Both } else { Part::Forward });
            let (mut readings, coefficient) = self.loss(step);
            if !local {
                self.scatter(self.program.loss.coefficient, &coefficient);
                self.pass(step, Part::Backward);
            }
            readings.grad_norm = self.add_groups();
            all.push(readings);
            if !(readings.loss.is_finite() && readings.grad_norm.is_finite()) {
                break;
            }
            self.update(step, readings.grad_norm);
        }
        Ok(all)
    }

    fn probe(&mut self, input: &StepInputs, phase: Phase) -> Result<(), DeviceError> {
        self.separate();
        match phase {
            Phase::Forward => self.pass(input, Part::Forward),
            Phase::Loss => {
                let loss = self.program.loss;
                for Group { shards, memory, .. } in &mut self.groups {
                    for (shard, memory) in shards.iter_mut().zip(memory) {
                        shard.note(&loss, &memory.slots);
                    }
                }
                let (_, coefficient) = self.loss(input);
                self.scatter(self.program.loss.coefficient, &coefficient);
            }
            Phase::Backward => {
                self.pass(input, Part::Backward);
                self.add_groups();
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<[Vec<f32>; 4], DeviceError> {
        let Self { parameters, first_moment, second_moment, average, .. } = self;
        Ok([parameters, first_moment, second_moment, average].map(|part| part.clone()))
    }

    fn set_state(&mut self, [parameters, first_moment, second_moment, average]: [&[f32]; 4]) {
        self.parameters.copy_from_slice(parameters);
        self.first_moment.copy_from_slice(first_moment);
        self.second_moment.copy_from_slice(second_moment);
        self.average = average.to_vec();
    }

    fn gradient(&mut self) -> Result<Vec<f32>, DeviceError> {
        Ok(self.gradient.clone())
    }

    fn set_data(&mut self, rows: Arc<Vec<f32>>) {
        self.program.data = rows;
    }

    fn read(&mut self, slot: Slot) -> Result<Vec<f32>, DeviceError> {
        self.separate();
        let rows = self.program.shapes[slot.0].size();
        Ok(self.gather(rows, |group, _, k| &group.memory[k].slots[slot.0]))
    }

    fn write(&mut self, slot: Slot, values: &[f32]) {
        self.scatter(slot, values);
    }
}
