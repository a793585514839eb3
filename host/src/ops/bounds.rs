//! Coordinates between bounds: the engine's own map, and its way back.
//!
//! With l = x − a and r = b − x, the distances from the lower bound a and the upper bound b,
//! w = b − a, and c the derivative of the loss with respect to ln q, dz from dx in sampling and dx from
//! dz in density:
//!
//! ```text
//!         sampling                    density
//! lower   dx l − c                    (dz − c)/l
//! upper   dx r + c                    (dz + c)/r
//! both    dx l r/w + c (l − r)/w      dz (1/l + 1/r) + c (1/r − 1/l)
//! ```

use std::borrow::Cow;

use pushforward::layer::Bound;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::transform::LOG_1P;
use super::{
    Arguments, Context, Direction, Forward, Launch, Layout, Operation, Reverse, Slot, Table,
    arguments,
};

/// y from x, each of all coordinates; adds ln f′ to ln q.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Which way.
    pub direction: Direction,
    /// [`Bounds::table`]
    pub bounds: Table,
    /// Input.
    pub x: Slot,
    /// Output.
    pub y: Slot,
    /// One row: ln q.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("bounds.wgsl");

fn sources() -> Vec<Cow<'static, str>> {
    vec![LOG_1P.into(), SHADER.into()]
}

/// Numbers of a coordinate: the kind of bound, and the bits of both.
const EACH: usize = 3;

impl Bounds {
    /// The bounds of each coordinate, −∞ and ∞ for none.
    pub fn table(lower: &[f32], upper: &[f32]) -> Vec<u32> {
        let each = |(lower, upper): (&f32, &f32)| match Bound::of(*lower, *upper) {
            None => [0, 0, 0],
            Some(Bound::Lower(lower)) => [1, lower.to_bits(), 0],
            Some(Bound::Upper(upper)) => [2, 0, upper.to_bits()],
            Some(Bound::Both(lower, upper)) => [3, lower.to_bits(), upper.to_bits()],
        };
        lower.iter().zip(upper).flat_map(each).collect()
    }

    fn arguments(&self, layout: &Layout, [coefficient, dy]: [Slot; 2]) -> Arguments {
        arguments! {
            density: self.direction == Direction::Density,
            dim: self.bounds.len / EACH,
            bounds: self.bounds.start,
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dy: layout.offset(dy),
        }
    }
}

/// The bound of a coordinate.
fn read(entry: &[u32]) -> Option<Bound> {
    let [lower, upper] = [entry[1], entry[2]].map(f32::from_bits);
    match entry[0] {
        1 => Some(Bound::Lower(lower)),
        2 => Some(Bound::Upper(upper)),
        3 => Some(Bound::Both(lower, upper)),
        _ => None,
    }
}

struct Run<'a> {
    bound: Bound,
    direction: Direction,
    x: &'a [f32],
    y: &'a mut [f32],
    log_q: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let outputs = S::chunks_mut(self.y).0.iter_mut().zip(S::chunks_mut(self.log_q).0);
        for ((y, log_q), x) in outputs.zip(S::chunks(self.x).0) {
            let (value, log_derivative) = match self.direction {
                Direction::Sampling => self.bound.sampling(s, s.load(x)),
                Direction::Density => self.bound.density(s, s.load(x)),
            };
            s.store(value, y);
            s.store(s.add(s.load(log_q), log_derivative), log_q);
        }
    }
}

impl Operation for Bounds {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level, direction) = (context.columns(), context.level, self.direction);
        context.writing(self.y, |context, y| {
            context.writing(self.log_q, |context, log_q| {
                let coordinates = y.chunks_exact_mut(n).zip(context.slot(self.x).chunks_exact(n));
                let table = context.table(self.bounds).chunks_exact(EACH);
                for ((y, x), entry) in coordinates.zip(table) {
                    match read(entry) {
                        None => y.copy_from_slice(x),
                        Some(bound) => {
                            dispatch(level, Run { bound, direction, x, y, log_q });
                        }
                    }
                }
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let arguments = self.arguments(layout, [self.x; 2]);
        vec![Launch { sources: sources(), entry: "bounds", arguments, groups }]
    }
}

impl Forward for Bounds {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y, self.log_q]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if !reverse.wanted(self.x) {
            return;
        }
        let [coefficient, dy] = reverse.carried(self.x, self.y, self.log_q);
        reverse.push(BoundsBackward { bounds: *self, coefficient, dy });
    }
}

/// Turns dy into dx in place.
#[derive(Clone, Copy, Debug)]
pub struct BoundsBackward {
    /// The forward operation.
    pub bounds: Bounds,
    /// One row: c.
    pub coefficient: Slot,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for BoundsBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, f) = (context.columns(), self.bounds);
        let data = if f.direction == Direction::Density { f.x } else { f.y };
        context.writing(self.dy, |context, dy| {
            let coordinates = dy.chunks_exact_mut(n).zip(context.slot(data).chunks_exact(n));
            for ((dy, x), entry) in coordinates.zip(context.table(f.bounds).chunks_exact(EACH)) {
                let Some(bound) = read(entry) else { continue };
                for ((dy, x), c) in dy.iter_mut().zip(x).zip(context.slot(self.coefficient)) {
                    *dy = back(bound, f.direction, *x, *dy, *c);
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let arguments = self.bounds.arguments(layout, [self.coefficient, self.dy]);
        let rows = (self.bounds.bounds.len / EACH) as u32;
        let groups = [Layout::groups(layout.columns()), rows, 1];
        vec![Launch { sources: sources(), entry: "bounds_backward", arguments, groups }]
    }
}

/// The gradient on the other side; see the module.
fn back(bound: Bound, direction: Direction, x: f32, d: f32, c: f32) -> f32 {
    match (bound, direction) {
        (Bound::Lower(a), Direction::Sampling) => d * (x - a) - c,
        (Bound::Lower(a), Direction::Density) => (d - c) / (x - a),
        (Bound::Upper(b), Direction::Sampling) => d * (b - x) + c,
        (Bound::Upper(b), Direction::Density) => (d + c) / (b - x),
        (Bound::Both(a, b), Direction::Sampling) => {
            let (l, r) = ((x - a) / (b - a), b - x);
            d * l * r + c * (l - r / (b - a))
        }
        (Bound::Both(a, b), Direction::Density) => {
            let (l, r) = (1.0 / (x - a), 1.0 / (b - x));
            d * (l + r) + c * (r - l)
        }
    }
}
