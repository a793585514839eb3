//! The CPU device: shards of samples on a pool of threads.
//!
//! Shards are dealt to a fixed number of groups, and a group's shards run one after another into
//! the group's gradient. The groups' gradients are added in order. So the order of every sum is
//! fixed by the batch alone: one thread or many give the same bits.

use std::sync::Arc;

use pushforward::simd::Level;
use rayon::prelude::*;

use super::{DeviceError, Phase, Readings, Runner, StepInputs};
use crate::ops::{Context, Operation, SHARD, Slot, optimizer};
use crate::train::Program;

/// Groups: an upper bound on useful threads, and a multiple of the gradient's memory.
const GROUPS: usize = 16;
/// Parameters that a thread updates at a time.
const CHUNK: usize = 1 << 14;

/// Neighbouring samples of the batch with all their matrices.
struct Shard {
    slots: Vec<Vec<f32>>,
    scratch: Vec<f32>,
    first: usize,
    /// Samples that belong to the batch; columns beyond are computed and have no weight.
    real: usize,
}

struct Group {
    gradient: Vec<f32>,
    shards: Vec<Shard>,
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
    gradient: Vec<f32>,
}

impl CpuRunner {
    pub(crate) fn new(pool: Arc<rayon::ThreadPool>, program: Program, batch: usize) -> Self {
        let columns = SHARD * program.copies;
        let shards = batch.div_ceil(SHARD);
        let groups = shards.min(GROUPS);
        let group = |g: usize| Group {
            gradient: vec![0.0; program.parameters],
            shards: (g * shards / groups..(g + 1) * shards / groups)
                .map(|i| Shard {
                    slots: program.rows.iter().map(|rows| vec![0.0; rows * columns]).collect(),
                    scratch: Vec::new(),
                    first: i * SHARD,
                    real: SHARD.min(batch - i * SHARD),
                })
                .collect(),
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
            gradient: zeros,
        }
    }

    fn operations(&mut self, step: &StepInputs, backward: bool) {
        let Self { pool, program, groups, parameters, .. } = self;
        let list: &[Box<dyn Operation>] =
            if backward { &program.backward } else { &program.forward };
        let level = Level::best();
        pool.install(|| {
            groups.par_iter_mut().for_each(|group| {
                for (i, shard) in group.shards.iter_mut().enumerate() {
                    let mut context = Context {
                        level,
                        parameters,
                        gradient: &mut group.gradient,
                        fresh: i == 0,
                        tables: &program.tables,
                        data: &program.data,
                        step: *step,
                        slots: &mut shard.slots,
                        samples: SHARD,
                        copies: program.copies,
                        first: shard.first as u64,
                        scratch: &mut shard.scratch,
                    };
                    for operation in list {
                        operation.cpu(&mut context);
                    }
                }
            });
        });
    }

    fn loss(&mut self, step: &StepInputs) -> Readings {
        let loss = self.program.loss;
        let log_q = self.gather(loss.log_q);
        let energy = loss
            .energy
            .map_or_else(|| vec![0.0; self.batch], |e| self.gather(e)[..self.batch].to_vec());
        let mut coefficient = vec![0.0; log_q.len()];
        let readings = loss.evaluate(step, &log_q, &energy, &mut coefficient);
        self.scatter(loss.coefficient, &coefficient);
        readings
    }

    /// A slot of the whole batch, `[rows][copies · batch]`.
    fn gather(&self, slot: Slot) -> Vec<f32> {
        let (copies, batch) = (self.program.copies, self.batch);
        let rows = self.program.rows[slot.0];
        let mut all = vec![0.0; rows * copies * batch];
        for shard in self.groups.iter().flat_map(|g| &g.shards) {
            for i in 0..rows * copies {
                let from = &shard.slots[slot.0][i * SHARD..][..shard.real];
                all[i * batch + shard.first..][..shard.real].copy_from_slice(from);
            }
        }
        all
    }

    fn scatter(&mut self, slot: Slot, all: &[f32]) {
        let (copies, batch) = (self.program.copies, self.batch);
        let rows = self.program.rows[slot.0];
        for shard in self.groups.iter_mut().flat_map(|g| &mut g.shards) {
            for i in 0..rows * copies {
                let to = &mut shard.slots[slot.0][i * SHARD..(i + 1) * SHARD];
                let (real, rest) = to.split_at_mut(shard.real);
                real.copy_from_slice(&all[i * batch + shard.first..][..real.len()]);
                rest.fill(0.0);
            }
        }
    }

    /// Adds the groups' gradients; returns the norm.
    fn add_groups(&mut self) -> f64 {
        let Self { pool, groups, gradient, .. } = self;
        let squares: Vec<f64> = pool.install(|| {
            let chunks = gradient.par_chunks_mut(CHUNK).enumerate();
            chunks
                .map(|(i, sum)| {
                    for (g, group) in groups.iter().enumerate() {
                        let part = &group.gradient[i * CHUNK..][..sum.len()];
                        if g == 0 {
                            sum.copy_from_slice(part);
                        } else {
                            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                        }
                    }
                    let blocks = sum.chunks(64);
                    blocks.map(|b| f64::from(b.iter().map(|g| g * g).sum::<f32>())).sum()
                })
                .collect()
        });
        squares.iter().sum::<f64>().sqrt()
    }

    fn update(&mut self, step: &StepInputs, norm: f64) {
        let scale = optimizer::clip_scale(step, norm);
        let Self { pool, gradient, parameters, first_moment, second_moment, .. } = self;
        pool.install(|| {
            let chunks = gradient.par_chunks(CHUNK).zip(parameters.par_chunks_mut(CHUNK));
            let moments =
                first_moment.par_chunks_mut(CHUNK).zip(second_moment.par_chunks_mut(CHUNK));
            chunks
                .zip(moments)
                .for_each(|((g, p), (m, v))| optimizer::adam(step, scale, g, p, m, v));
        });
    }
}

impl Runner for CpuRunner {
    fn run(&mut self, inputs: &[StepInputs]) -> Result<Vec<Readings>, DeviceError> {
        let mut all = Vec::with_capacity(inputs.len());
        for step in inputs {
            self.operations(step, false);
            let mut readings = self.loss(step);
            self.operations(step, true);
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
        match phase {
            Phase::Forward => self.operations(input, false),
            Phase::Loss => drop(self.loss(input)),
            Phase::Backward => {
                self.operations(input, true);
                self.add_groups();
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<[Vec<f32>; 3], DeviceError> {
        Ok([self.parameters.clone(), self.first_moment.clone(), self.second_moment.clone()])
    }

    fn set_state(&mut self, parameters: &[f32], first_moment: &[f32], second_moment: &[f32]) {
        self.parameters.copy_from_slice(parameters);
        self.first_moment.copy_from_slice(first_moment);
        self.second_moment.copy_from_slice(second_moment);
    }

    fn gradient(&mut self) -> Result<Vec<f32>, DeviceError> {
        Ok(self.gradient.clone())
    }

    fn read(&mut self, slot: Slot) -> Result<Vec<f32>, DeviceError> {
        Ok(self.gather(slot))
    }

    fn write(&mut self, slot: Slot, values: &[f32]) {
        self.scatter(slot, values);
    }
}
