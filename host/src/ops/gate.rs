//! Gates: what a layer made of a matrix, times the logistic function of another's.
//!
//! ```text
//! y = x σ(g)      dx = dy σ(g)      dg = dy x σ(g) (1 − σ(g))
//! ```

use pushforward::math::sigmoid;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::transform::LOGISTIC;
use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments};

/// y from x and g, of as many rows.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Sums.
    pub x: Slot,
    /// What gates them.
    pub g: Slot,
    /// Their product.
    pub y: Slot,
}

struct Run<'a> {
    g: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (g, x) = (S::chunks(self.g).0, S::chunks(self.x).0);
        for ((y, x), g) in S::chunks_mut(self.y).0.iter_mut().zip(x).zip(g) {
            s.store(s.mul(s.load(x), sigmoid(s, s.load(g))), y);
        }
    }
}

impl Gate {
    fn launch(&self, layout: &Layout, [dy, dg]: [Slot; 2], entry: &'static str) -> Vec<Launch> {
        let arguments = arguments! {
            x: layout.offset(self.x),
            g: layout.offset(self.g),
            y: layout.offset(self.y),
            dy: layout.offset(dy),
            dg: layout.offset(dg),
        };
        let shape = layout.shapes[self.x.0];
        let groups = [Layout::groups(layout.columns_of(self.x)), shape.rows as u32, 1];
        let sources = vec![LOGISTIC.into(), include_str!("gate.wgsl").into()];
        vec![Launch { sources, entry, arguments: arguments.over(shape.positions), groups }]
    }
}

impl Operation for Gate {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.y, |context, y| {
            let (g, x) = (context.slot(self.g), context.slot(self.x));
            dispatch(context.level, Run { g, x, y });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch(layout, [self.x; 2], "gate")
    }
}

impl Forward for Gate {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x, self.g]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let dy = reverse.take(self.y);
        let dg = reverse.gradient(self.g);
        reverse.give(self.x, dy);
        reverse.push(GateBackward { gate: *self, dy, dg });
    }
}

/// Turns dy into dx in place, and adds to dg.
#[derive(Clone, Copy, Debug)]
pub struct GateBackward {
    /// The forward operation.
    pub gate: Gate,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
    /// Gradient of g.
    pub dg: Slot,
}

struct RunBack<'a> {
    g: &'a [f32],
    x: &'a [f32],
    dy: &'a mut [f32],
    dg: &'a mut [f32],
}

impl Kernel for RunBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (g, x) = (S::chunks(self.g).0, S::chunks(self.x).0);
        let (dy, dg) = (S::chunks_mut(self.dy).0, S::chunks_mut(self.dg).0);
        for (((dy, dg), x), g) in dy.iter_mut().zip(dg).zip(x).zip(g) {
            let open = sigmoid(s, s.load(g));
            let dx = s.mul(s.load(dy), open);
            let rate = s.mul(dx, s.sub(s.splat(1.0), open));
            s.store(s.add(s.load(dg), s.mul(rate, s.load(x))), dg);
            s.store(dx, dy);
        }
    }
}

impl Operation for GateBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let gate = self.gate;
        context.writing(self.dy, |context, dy| {
            context.writing(self.dg, |context, dg| {
                let (g, x) = (context.slot(gate.g), context.slot(gate.x));
                dispatch(context.level, RunBack { g, x, dy, dg });
            });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.gate.launch(layout, [self.dy, self.dg], "gate_backward")
    }
}
