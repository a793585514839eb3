//! The operations that training steps are made of, each on both devices.
//!
//! One operation is one file pair: `x.rs` has the formula, the CPU version and the launch of the
//! WGSL version, forward and backward; `x.wgsl` is that version. `tests/ops.rs` holds each pair to
//! 1e-5 of one another and to finite differences in `f64`. Some operations are made of others
//! ([`FlowLayer`]): on the CPU they run these, in WGSL they are fewer calls.
//!
//! # Memory
//! A [`Slot`] is a matrix `[rows][columns]`; a column is one sample. Symmetric models keep two
//! *copies* of each sample, x and −x, as columns `c` and `samples + c`. A matrix may also have the
//! *positions* of each sample as columns, the copies of one after those of another, so that weights
//! are shared over positions: [`Dense`] and [`Add`] run over them, and [`Select`] takes a matrix of
//! R rows and P positions for one of R P rows, which is the same memory. On the CPU a matrix is cut
//! into shards of [`SHARD`] samples that stay in a core's cache; on the GPU it is whole. An
//! operation sees only its [`Context`] and so need not know which.
//!
//! Parameters and their gradient are one flat array each. Gradients *add*: a parameter may belong to
//! several operations, and the gradient is 0 when a backward pass starts. On the CPU that zero is
//! written only for parameters that are [shared](Program::shared); others are given by one
//! operation, whose first shard replaces, which saves two passes over memory.
//!
//! # Backward
//! An operation of a forward pass is a [`Forward`]: asked by a [`Reverse`], it pushes its own backward
//! operation. A [`Program`] is what both lists end up as. Nothing here knows what runs a program, nor
//! what models there are.

mod activation;
mod add;
mod affine;
mod base;
mod bounds;
mod categories;
mod close;
mod convolution;
mod dense;
mod detach;
mod energy;
mod fixed;
mod flow_layer;
mod gate;
mod gaussian;
mod gemm;
mod leaky;
mod logistics;
mod loss;
mod lu;
mod made_sample;
mod mixture;
mod noise;
pub(crate) mod optimizer;
mod periodic;
mod program;
mod reverse;
mod rotation;
mod select;
pub(crate) mod shader;
mod simplex;
mod spins;
mod staged_sample;
mod step;
mod take_rows;
mod transform;
mod truncated_normal;
mod uniform;
mod von_mises;

use std::ops::Range;

use pushforward::simd::{Kernel, Level, Simd, dispatch};

pub use activation::{Activation, ActivationBackward};
pub use add::Add;
pub use affine::{Affine, AffineBackward};
pub use base::{Base, Density, Independent, IndependentBackward};
pub use bounds::{Bounds, BoundsBackward};
pub use categories::{Categories, CategoriesBackward, OneHot};
pub use close::{CLOSED, Close, Open};
pub(crate) use convolution::runs;
pub use convolution::{Convolution, ConvolutionBackward};
pub use dense::{Dense, DenseBackward};
pub use detach::{Detach, Scale};
pub use energy::{Energies, EnergyBackward};
pub use fixed::Fixed;
pub use flow_layer::{FlowLayer, FlowLayerBackward};
pub use gate::{Gate, GateBackward};
pub use leaky::{Leaky, LeakyUnits, LeakyUnitsBackward};
pub use logistics::{Centre, Logistics, LogisticsBackward};
pub use loss::{Loss, LossKind};
pub use lu::{Lu, LuBackward};
pub use made_sample::{MadeLayer, MadeSample};
pub use mixture::{Mixture, MixtureBackward};
pub use noise::Words;
pub use periodic::{Feature, Periodic, PeriodicBackward};
pub use program::Program;
pub use reverse::{Forward, Reverse, as_type};
pub use rotation::{Rotation, RotationBackward};
pub use select::{Select, SelectBackward};
pub use shader::{Arguments, Launch, Word};
pub(crate) use shader::{GROUP, NONE, arguments, constants};
pub use simplex::{Simplex, SimplexBackward};
pub use spins::{Spins, SpinsBackward};
pub use staged_sample::{
    ConvolvedLayer, Drawn, SampledStage, StageNetwork, StagedSample, Sums, Units,
};
pub(crate) use step::{
    BLOCK, READING_ENERGY, READING_ESS, READING_GRAD_NORM, READING_LOSS, READING_VARIANCE, READINGS,
};
pub use step::{Readings, StepInputs};
pub use take_rows::{TakeRows, picked};
pub use transform::{Direction, Transform, TransformBackward};
pub use uniform::Uniform;

/// Samples in a shard.
pub const SHARD: usize = 64;

/// ½ ln 2π.
pub const HALF_LN_TAU: f32 = 0.918_938_5;

/// A matrix `[rows][columns]` of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(pub usize);

/// The size of a matrix: `[rows][positions · copies · samples]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub rows: usize,
    /// Columns for each copy of a sample.
    pub positions: usize,
}

impl Shape {
    /// Numbers for each copy of a sample.
    pub fn size(&self) -> usize {
        self.rows * self.positions
    }
}

/// A list of indices of a program: masks and their staircases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where it starts.
    pub start: usize,
    /// How many there are.
    pub len: usize,
}

/// What an operation works on, on the CPU: one shard.
#[derive(Debug)]
pub struct Context<'a> {
    /// The widest instructions of this CPU.
    pub level: Level,
    /// All parameters.
    pub parameters: &'a [f32],
    /// The gradient of the shard's group.
    pub gradient: &'a mut [f32],
    /// Whether the shard is its group's first.
    pub first_of_group: bool,
    /// Parameters that several operations give a gradient.
    pub shared: &'a [Range<usize>],
    /// All tables, one after another.
    pub tables: &'a [u32],
    /// Training rows.
    pub data: &'a [f32],
    /// The step's numbers.
    pub step: StepInputs,
    /// Their sizes.
    pub shapes: &'a [Shape],
    /// The shard's matrices.
    pub slots: &'a mut [Vec<f32>],
    /// Samples in the shard.
    pub samples: usize,
    /// 2 if each sample has a mirror image.
    pub copies: usize,
    /// Batch row of the shard's first sample.
    pub first: u64,
    /// Space for a transposed matrix.
    pub scratch: &'a mut Vec<f32>,
}

impl Context<'_> {
    /// Columns of a matrix of one position.
    pub fn columns(&self) -> usize {
        self.samples * self.copies
    }

    /// Columns of a matrix.
    pub fn columns_of(&self, s: Slot) -> usize {
        self.columns() * self.shapes[s.0].positions
    }

    /// The entries of a table.
    pub fn table(&self, t: Table) -> &[u32] {
        &self.tables[t.start..t.start + t.len]
    }

    /// Runs `f` with slot `s` taken out, so that it can be written while the others are read.
    pub fn writing<T>(&mut self, s: Slot, f: impl FnOnce(&mut Self, &mut [f32]) -> T) -> T {
        let mut taken = std::mem::take(&mut self.slots[s.0]);
        let result = f(self, &mut taken);
        self.slots[s.0] = taken;
        result
    }

    /// A slot's numbers.
    pub fn slot(&self, s: Slot) -> &[f32] {
        &self.slots[s.0]
    }

    /// Whether the gradient of a parameter, or of a tensor that starts there, holds nothing yet that
    /// is to be added to.
    pub fn fresh(&self, parameter: usize) -> bool {
        self.first_of_group && !self.shared.iter().any(|range| range.contains(&parameter))
    }

    /// Adds to one number of the gradient.
    pub fn give_gradient(&mut self, parameter: usize, value: f32) {
        let fresh = self.fresh(parameter);
        let g = &mut self.gradient[parameter];
        *g = if fresh { value } else { *g + value };
    }
}

/// Where a program's matrices lie on the GPU, and the tables that its calls read.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The size of each slot.
    pub shapes: Vec<Shape>,
    /// The program's tables, then those that only the GPU needs.
    pub tables: Vec<u32>,
    /// Samples of the batch.
    pub samples: usize,
    /// 2 if each sample has a mirror image.
    pub copies: usize,
    /// Rows of training data.
    pub data_rows: usize,
    /// Bytes that the threads of a workgroup may share.
    pub workgroup_memory: u32,
    /// Number of parameters.
    pub parameters: usize,
    /// Copies of the gradient: a sum over the columns of a batch is shared out among so many
    /// workgroups, or a layer of few weights would keep few of them busy. The last call of the
    /// backward pass adds them to the first.
    pub parts: usize,
}

/// Columns that a part has at least, and parts at most.
const PART: usize = 64;
const PARTS: usize = 64;
/// Numbers of all copies of the gradient together at most, where there are several.
const COPIES: usize = 1 << 24;

impl Layout {
    /// The layout of a batch of `samples`.
    pub fn new(program: &Program, samples: usize, workgroup_memory: u32) -> Self {
        let parameters = program.parameters;
        let parts = (samples * program.copies / PART).min(PARTS).min(COPIES / parameters.max(1));
        Self {
            shapes: program.shapes.clone(),
            tables: program.tables.clone(),
            samples,
            copies: program.copies,
            data_rows: program.data.len() / program.width.max(1),
            workgroup_memory,
            parameters,
            parts: parts.max(1),
        }
    }

    /// Adds a table; returns where it starts.
    pub fn table(&mut self, entries: impl IntoIterator<Item = u32>) -> u32 {
        let start = self.tables.len();
        self.tables.extend(entries);
        start as u32
    }

    /// Columns of a matrix of one position.
    pub fn columns(&self) -> usize {
        self.samples * self.copies
    }

    /// Columns of a matrix.
    pub fn columns_of(&self, s: Slot) -> usize {
        self.columns() * self.shapes[s.0].positions
    }

    /// Numbers of a matrix.
    pub fn len_of(&self, s: Slot) -> usize {
        self.columns() * self.shapes[s.0].size()
    }

    /// Numbers of all matrices.
    pub(crate) fn len(&self) -> usize {
        self.shapes.iter().map(Shape::size).sum::<usize>() * self.columns()
    }

    /// Index of a slot's first number in the arena.
    pub fn offset(&self, s: Slot) -> u32 {
        (0..s.0).map(|i| self.len_of(Slot(i))).sum::<usize>() as u32
    }

    /// Workgroups of `GROUP` threads for `n` threads.
    pub fn groups(n: usize) -> u32 {
        n.div_ceil(GROUP) as u32
    }
}

/// One operation.
pub trait Operation: std::any::Any + std::fmt::Debug + Send + Sync {
    /// Runs it on a shard.
    fn cpu(&self, context: &mut Context<'_>);

    /// Its WGSL calls, in order.
    fn gpu(&self, layout: &mut Layout) -> Vec<Launch>;
}

/// Runs `f`, a plain loop, compiled for `level`: the compiler makes the vectors. `f` must be
/// `#[inline(always)]`, or the level's instructions are lost.
pub(crate) fn wide<T>(level: Level, f: impl FnOnce() -> T) -> T {
    struct Wide<F>(F);
    impl<T, F: FnOnce() -> T> Kernel for Wide<F> {
        type Output = T;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> T {
            (self.0)()
        }
    }
    dispatch(level, Wide(f))
}

/// Sum with 16 fixed partial sums, which the compiler turns into vectors.
#[inline(always)]
pub(crate) fn sum(xs: &[f32]) -> f32 {
    dot_with(
        xs,
        xs,
        #[inline(always)]
        |x, _| x,
    )
}

/// Σ x y, in the order of [`sum`].
#[inline(always)]
pub(crate) fn dot(xs: &[f32], ys: &[f32]) -> f32 {
    dot_with(
        xs,
        ys,
        #[inline(always)]
        |x, y| x * y,
    )
}

/// Σ f(x, y), in the order of [`sum`].
#[inline(always)]
pub(crate) fn dot_with(xs: &[f32], ys: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (xs, x_rest) = xs.as_chunks::<16>();
    let (ys, y_rest) = ys.as_chunks::<16>();
    let mut lanes = [0.0; 16];
    for (x, y) in xs.iter().zip(ys) {
        for ((l, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *l += f(*x, *y);
        }
    }
    for ((l, x), y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
        *l += f(*x, *y);
    }
    lanes.iter().sum()
}
