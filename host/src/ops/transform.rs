//! Moving coordinates, once a layer's network has spoken: the univariate maps of couplings and of
//! autoregressive layers.
//!
//! The network gives each coordinate that is moved the parameters of a monotone function of one
//! variable ([`affine`] or [`rational_quadratic`]). Couplings and autoregressive layers differ in
//! which coordinates those are, and in the order of the network's rows: two strides say where a
//! parameter lies. A map is a file pair here ([`Map`]) and a line in [`each_map`]. Both directions add
//! ln |dz/dx| of the map from data x to noise z to ln q.
//!
//! `raw`, the network's output, is used up: the forward operation leaves there what is cheap to keep
//! and dear to compute again (exponentials), and the backward operation leaves the gradient.

mod affine;
mod cubic_rational;
mod location_scale;
mod mixture_cdf;
mod rational_quadratic;
mod sinh;

use std::borrow::Cow;

use pushforward::model::UnivariateSpec;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::{
    Arguments, Context, Forward, Launch, Layout, Operation, Reverse, Slot, Table, arguments,
    constants,
};

pub use pushforward::bijection::Direction;

/// A map of one coordinate.
trait Map: Copy {
    /// The value and ln |dz/dx|. What is kept replaces the parameters.
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F);

    /// dx from what came in and went out, the derivative c with respect to ln q, and dy; the
    /// gradients of the parameters in their places.
    fn backward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        ends: [S::F; 2],
        c: S::F,
        dy: S::F,
        p: &mut Parameters<'_, S>,
    ) -> S::F;

    /// What its shader is told.
    fn arguments(self) -> Arguments;

    /// WGSL text with `forward_of` and `backward_of`, which do the same.
    fn sources(self) -> Vec<Cow<'static, str>>;
}

/// Goes on with the map that a spec describes.
macro_rules! each_map {
    ($univariate:expr, $map:ident => $then:expr) => {
        match $univariate {
            UnivariateSpec::Affine($map) => $then,
            UnivariateSpec::RationalQuadratic($map) => $then,
            UnivariateSpec::LocationScale($map) => $then,
            UnivariateSpec::Sinh($map) => $then,
            UnivariateSpec::CubicRational($map) => $then,
            UnivariateSpec::MixtureCdf($map) => $then,
        }
    };
}

/// y from x and the network's output; adds ln |dz/dx| to ln q.
#[derive(Clone, Copy, Debug)]
pub struct Transform {
    /// The function of one variable.
    pub univariate: UnivariateSpec,
    /// Which way.
    pub direction: Direction,
    /// The coordinates that are moved, in the network's order.
    pub moved: Table,
    /// Those that are not.
    pub kept: Table,
    /// Rows of `raw` from one moved coordinate to the next, and from one parameter to the next.
    pub strides: [usize; 2],
    /// Input, all coordinates.
    pub x: Slot,
    /// The network's output, replaced.
    pub raw: Slot,
    /// Rows of it, the first, that move nothing.
    pub skip: usize,
    /// Output, all coordinates.
    pub y: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

/// The parameters of one coordinate, for one vector of samples.
struct Parameters<'a, S: Simd> {
    s: S,
    vectors: &'a mut [S::Array],
    first: usize,
    step: usize,
}

impl<S: Simd> Parameters<'_, S> {
    #[inline(always)]
    fn get(&self, p: usize) -> S::F {
        self.s.load(&self.vectors[self.first + p * self.step])
    }

    #[inline(always)]
    fn set(&mut self, p: usize, value: S::F) {
        self.s.store(value, &mut self.vectors[self.first + p * self.step]);
    }
}

/// As the engine sees them.
impl<S: Simd> pushforward::univariate::Parameters<S> for Parameters<'_, S> {
    #[inline(always)]
    fn get(&self, p: usize) -> S::F {
        Parameters::get(self, p)
    }

    #[inline(always)]
    fn set(&mut self, p: usize, value: S::F) {
        Parameters::set(self, p, value);
    }
}

const SHADER: &str = include_str!("transform.wgsl");
/// The shader of tanh, for the maps that bound a parameter.
pub(super) const SQUASH: &str = include_str!("transform/squash.wgsl");
/// The shader of the logistic function.
pub(super) const LOGISTIC: &str = include_str!("transform/logistic.wgsl");
/// The shader of ln(1 + x).
pub(super) const LOG_1P: &str = include_str!("transform/log_1p.wgsl");
/// 1 + |r|/B: a raw parameter is divided by it where it is soft-clipped, and its slope is one over its square.
#[inline(always)]
pub(super) fn soft_clip_share<S: Simd>(s: S, raw: S::F, bound: f32) -> S::F {
    let zero = s.splat(0.0);
    let size = s.select(s.lt(raw, zero), s.sub(zero, raw), raw);
    s.add(s.splat(1.0), s.div(size, s.splat(bound)))
}

/// Data and noise, of what came in and what went out.
#[inline(always)]
fn sides<T>(direction: Direction, [x, y]: [T; 2]) -> [T; 2] {
    match direction {
        Direction::Density => [x, y],
        Direction::Sampling => [y, x],
    }
}

/// What reaches the parameters through the value of f at a place that stays, and dx, from f′ and c (ln f′)′: dy
/// for density; for sampling, the inverse, less dx = (dy + c (ln f′)′)/f′ by the implicit function theorem.
#[inline(always)]
fn through<S: Simd>(s: S, direction: Direction, dy: S::F, slope: S::F, log_x: S::F) -> [S::F; 2] {
    match direction {
        Direction::Density => [dy, s.add(s.mul(dy, slope), log_x)],
        Direction::Sampling => {
            let dx = s.div(s.add(dy, log_x), slope);
            [s.sub(s.splat(0.0), dx), dx]
        }
    }
}

/// Samples of a workgroup, here and where a whole layer is one call.
pub(crate) const SAMPLES: usize = 16;
/// Coordinates of each that a workgroup moves at a time.
const COORDINATES: usize = 4;

impl Transform {
    /// A call of an entry point in this text or in one that goes on from it.
    pub(crate) fn launch(
        &self,
        layout: &Layout,
        [coefficient, dy]: [Slot; 2],
        entry: &'static str,
        groups: [u32; 3],
    ) -> Launch {
        let arguments = arguments! {
            density: self.direction == Direction::Density,
            moved: self.moved.start,
            moved_count: self.moved.len,
            kept: self.kept.start,
            kept_count: self.kept.len,
            stride: self.strides[0],
            parameter_stride: self.strides[1],
            x: layout.offset(self.x),
            raw: layout.offset(self.raw) + (self.skip * layout.columns()) as u32,
            skip: self.skip,
            y: layout.offset(self.y),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dy: layout.offset(dy),
        };
        let (own, mut sources) =
            each_map!(self.univariate, map => (map.arguments(), map.sources()));
        sources.extend([constants![SAMPLES, COORDINATES], SHADER.into()]);
        Launch { sources, entry, arguments: arguments.and(own), groups }
    }
}

struct Move<'a> {
    transform: &'a Transform,
    moved: &'a [u32],
    n: usize,
    x: &'a [f32],
    raw: &'a mut [f32],
    y: &'a mut [f32],
    log_q: &'a mut [f32],
}

impl Kernel for Move<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Transform { univariate, direction, strides, skip, .. } = *self.transform;
        let width = self.n / S::LANES;
        let (x, vectors) = (S::chunks(self.x).0, S::chunks_mut(self.raw).0);
        let vectors = &mut vectors[skip * width..];
        let (y, log_q) = (S::chunks_mut(self.y).0, S::chunks_mut(self.log_q).0);
        for (j, &d) in self.moved.iter().enumerate() {
            for (i, log_q) in log_q.iter_mut().enumerate() {
                let first = j * strides[0] * width + i;
                let mut parameters =
                    Parameters { s, vectors: &mut *vectors, first, step: strides[1] * width };
                let at = d as usize * width + i;
                let x = s.load(&x[at]);
                let (value, log_det) =
                    each_map!(univariate, map => map.forward(s, direction, x, &mut parameters));
                s.store(value, &mut y[at]);
                s.store(s.add(s.load(log_q), log_det), log_q);
            }
        }
    }
}

impl Operation for Transform {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.y, |context, y| {
            context.writing(self.log_q, |context, log_q| {
                context.writing(self.raw, |context, raw| {
                    let x = context.slot(self.x);
                    for &d in context.table(self.kept) {
                        let row = d as usize * n..(d as usize + 1) * n;
                        y[row.clone()].copy_from_slice(&x[row]);
                    }
                    let moved = context.table(self.moved);
                    let kernel = Move { transform: self, moved, n, x, raw, y, log_q };
                    dispatch(context.level, kernel);
                });
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [layout.columns().div_ceil(SAMPLES) as u32, 1, 1];
        vec![self.launch(layout, [self.x; 2], "transform", groups)]
    }
}

impl Transform {
    /// The backward operation; it leaves the gradient of the network's output in its place.
    pub(crate) fn reversed(&self, reverse: &mut Reverse<'_>) -> TransformBackward {
        let [coefficient, dy] = reverse.carried(self.x, self.y, self.log_q);
        reverse.give(self.raw, self.raw);
        TransformBackward { transform: *self, coefficient, dy }
    }
}

impl Forward for Transform {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x, self.raw]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y, self.log_q]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let backward = self.reversed(reverse);
        reverse.push(backward);
    }
}

/// dx and the gradient of the network's output from dy.
#[derive(Clone, Copy, Debug)]
pub struct TransformBackward {
    /// The forward operation.
    pub transform: Transform,
    /// One row: the derivative c of the loss with respect to ln q.
    pub coefficient: Slot,
    /// Gradient of y, replaced by that of x (without the part through the network).
    pub dy: Slot,
}

struct MoveBack<'a> {
    transform: &'a Transform,
    moved: &'a [u32],
    n: usize,
    x: &'a [f32],
    y: &'a [f32],
    coefficient: &'a [f32],
    raw: &'a mut [f32],
    dy: &'a mut [f32],
}

impl Kernel for MoveBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Transform { univariate, direction, strides, skip, .. } = *self.transform;
        let width = self.n / S::LANES;
        let (unused, raw) = self.raw.split_at_mut(skip * self.n);
        unused.fill(0.0);
        let (x, y, c) = (S::chunks(self.x).0, S::chunks(self.y).0, S::chunks(self.coefficient).0);
        let (vectors, dy) = (S::chunks_mut(raw).0, S::chunks_mut(self.dy).0);
        for (j, &d) in self.moved.iter().enumerate() {
            for (i, c) in c.iter().enumerate() {
                let first = j * strides[0] * width + i;
                let mut parameters =
                    Parameters { s, vectors: &mut *vectors, first, step: strides[1] * width };
                let at = d as usize * width + i;
                let ends = [s.load(&x[at]), s.load(&y[at])];
                let (c, up) = (s.load(c), s.load(&dy[at]));
                let down = each_map!(
                    univariate,
                    map => map.backward(s, direction, ends, c, up, &mut parameters)
                );
                s.store(down, &mut dy[at]);
            }
        }
    }
}

impl Operation for TransformBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        let transform = &self.transform;
        context.writing(self.dy, |context, dy| {
            context.writing(transform.raw, |context, raw| {
                let kernel = MoveBack {
                    transform,
                    moved: context.table(transform.moved),
                    n,
                    x: context.slot(transform.x),
                    y: context.slot(transform.y),
                    coefficient: context.slot(self.coefficient),
                    raw,
                    dy,
                };
                dispatch(context.level, kernel);
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), self.transform.moved.len as u32, 1];
        let others = [self.coefficient, self.dy];
        vec![self.transform.launch(layout, others, "transform_backward", groups)]
    }
}
