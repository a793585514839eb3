//! Hidden units without weights: y = f(x), element by element, for the activations of
//! [`pushforward::activation`] but the leaky one, which belongs to [`Dense`](super::Dense). Forward it
//! is the engine's own function.
//!
//! Backward: dx = f′(x) dy, with f′ = 1 or 0 for `relu`, 1 − y² for `tanh`, 1 or y + 1 for `elu`,
//! σ (1 + x (1 − σ)) for `silu`, Φ + x φ for `gelu` and 1 − z² or 0 for `smoothstep`.

use std::borrow::Cow;
use std::ops::Range;

use pushforward::activation::{AnyActivation, CDF_SCALE, CDF_TAIL, normal_cdf};
use pushforward::math::{exp, sigmoid};
use pushforward::simd::{Kernel, Simd, dispatch};

use super::transform::{LOGISTIC, SQUASH};
use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, arguments, constants};

/// y from x.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    /// Which.
    pub activation: AnyActivation,
    /// Sums.
    pub x: Slot,
    /// Units.
    pub y: Slot,
}

/// The text of one unit and its slope.
pub(crate) fn sources(activation: AnyActivation) -> [Cow<'static, str>; 4] {
    let constants = constants![
        KIND = activation as u32,
        RELU = AnyActivation::Relu as u32,
        TANH = AnyActivation::Tanh as u32,
        ELU = AnyActivation::Elu as u32,
        SILU = AnyActivation::Silu as u32,
        SMOOTHSTEP = AnyActivation::Smoothstep as u32,
        CDF_SCALE,
        DENSITY,
        P0 = CDF_TAIL[0],
        P1 = CDF_TAIL[1],
        P2 = CDF_TAIL[2],
        P3 = CDF_TAIL[3],
        P4 = CDF_TAIL[4],
    ];
    [constants, SQUASH.into(), LOGISTIC.into(), include_str!("activation.wgsl").into()]
}

/// 1/√(2π).
const DENSITY: f32 = 0.398_942_3;

/// f′(x).
#[inline(always)]
fn slope<S: Simd>(s: S, activation: AnyActivation, x: S::F) -> S::F {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let positive = s.lt(zero, x);
    match activation {
        AnyActivation::Leaky => one,
        AnyActivation::Relu => s.select(positive, one, zero),
        AnyActivation::Tanh => {
            let y = activation.unit(s, x);
            s.sub(one, s.mul(y, y))
        }
        AnyActivation::Elu => s.select(positive, one, s.add(activation.unit(s, x), one)),
        AnyActivation::Silu => {
            let p = sigmoid(s, x);
            s.mul(p, s.add(one, s.mul(x, s.sub(one, p))))
        }
        AnyActivation::Gelu => {
            let density = s.mul(exp(s, s.mul(s.mul(x, x), s.splat(-0.5))), s.splat(DENSITY));
            s.add(normal_cdf(s, x), s.mul(x, density))
        }
        AnyActivation::Smoothstep => {
            let z = s.mul(x, s.splat(2.0 / 3.0));
            let left = s.sub(one, s.mul(z, z));
            s.select(s.lt(zero, left), left, zero)
        }
    }
}

struct Run<'a> {
    activation: AnyActivation,
    x: &'a [f32],
    /// Units, or the gradient of them.
    y: &'a mut [f32],
    backward: bool,
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // One loop for each, so that the choice is outside.
        macro_rules! each {
            ($($name:ident),+) => {
                match self.activation {
                    $(AnyActivation::$name => {
                        for (y, x) in S::chunks_mut(self.y).0.iter_mut().zip(S::chunks(self.x).0) {
                            let (this, x) = (AnyActivation::$name, s.load(x));
                            let new = if self.backward {
                                s.mul(slope(s, this, x), s.load(y))
                            } else {
                                this.unit(s, x)
                            };
                            s.store(new, y);
                        }
                    })+
                }
            };
        }
        each!(Leaky, Relu, Tanh, Elu, Silu, Gelu, Smoothstep);
    }
}

impl Activation {
    /// Computes rows `rows` and columns `first..end`.
    pub(crate) fn rows(
        &self,
        context: &mut Context<'_>,
        rows: Range<usize>,
        first: usize,
        end: usize,
    ) {
        let (n, activation) = (context.columns_of(self.x), self.activation);
        context.writing(self.y, |context, y| {
            for start in rows.map(|row| row * n) {
                let columns = start + first..start + end;
                let (x, y) = (&context.slot(self.x)[columns.clone()], &mut y[columns]);
                dispatch(context.level, Run { activation, x, y, backward: false });
            }
        });
    }

    fn launch(&self, layout: &Layout, dy: Slot, entry: &'static str) -> Vec<Launch> {
        let arguments = arguments! {
            x: layout.offset(self.x),
            y: layout.offset(self.y),
            dy: layout.offset(dy),
            rows: layout.shapes[self.x.0].rows,
        };
        let positions = layout.shapes[self.x.0].positions;
        let rows = layout.shapes[self.x.0].rows as u32;
        let groups = [Layout::groups(layout.columns_of(self.x)), rows, 1];
        let mut sources = sources(self.activation).to_vec();
        sources.push(include_str!("activation_calls.wgsl").into());
        vec![Launch { sources, entry, arguments: arguments.over(positions), groups }]
    }
}

impl Operation for Activation {
    fn cpu(&self, context: &mut Context<'_>) {
        let (rows, columns) = (context.shapes[self.x.0].rows, context.columns_of(self.x));
        self.rows(context, 0..rows, 0, columns);
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch(layout, self.x, "activation")
    }
}

impl Forward for Activation {
    fn reads(&self) -> Vec<Slot> {
        vec![self.x]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if !reverse.wanted(self.x) {
            return;
        }
        let dy = reverse.take(self.y);
        reverse.give(self.x, dy);
        reverse.push(ActivationBackward { activation: *self, dy });
    }
}

/// Turns dy into dx in place.
#[derive(Clone, Copy, Debug)]
pub struct ActivationBackward {
    /// The forward operation.
    pub activation: Activation,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
}

impl Operation for ActivationBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let Activation { activation, x, .. } = self.activation;
        context.writing(self.dy, |context, y| {
            let x = context.slot(x);
            dispatch(context.level, Run { activation, x, y, backward: true });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.activation.launch(layout, self.dy, "activation_backward")
    }
}
