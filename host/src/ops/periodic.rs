//! Angles as the points of the plane that they stand for: what a periodic network reads.
//!
//! ```text
//! (c, s) = (cos a, sin a),  a = π x/B        dx = (π/B) (c ds − s dc)
//! ```

use std::f32::consts::PI;

use pushforward::math::cos_sin_pi;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, Table, arguments};

/// What becomes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// It stays as it is.
    Same,
    /// Its cosine and its sine.
    Angle,
    /// It stays, and a zero follows.
    Padded,
}

/// The features of each row, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Periodic {
    /// [`Periodic::table`]
    pub features: Table,
    /// Half the circumference of the circle.
    pub bound: f32,
    /// Inputs.
    pub from: Slot,
    /// Features.
    pub to: Slot,
}

const SHADER: &str = include_str!("periodic.wgsl");
/// The bits of an entry that say which feature it is; the others, where it is.
const KINDS: u32 = 2;

impl Periodic {
    /// For each input its feature and where that begins; and how many rows there are in all.
    pub fn table(features: impl IntoIterator<Item = Feature>) -> (Vec<u32>, usize) {
        let mut rows = 0;
        let entry = |feature: Feature| {
            let entry = rows << KINDS | feature as u32;
            rows += if feature == Feature::Same { 1 } else { 2 };
            entry
        };
        let table = features.into_iter().map(entry).collect();
        (table, rows as usize)
    }

    fn launch(&self, [from, to]: [Slot; 2], entry: &'static str, layout: &Layout) -> Vec<Launch> {
        let arguments = arguments! {
            features: self.features.start,
            x: layout.offset(self.from),
            dx: layout.offset(from),
            out: layout.offset(to),
            rate: PI / self.bound,
        };
        let groups = [Layout::groups(layout.columns()), self.features.len as u32, 1];
        vec![Launch { sources: vec![SHADER.into()], entry, arguments, groups }]
    }
}

/// An entry of the table: where the feature begins, and what it is.
fn read(entry: u32) -> (usize, Feature) {
    let feature = match entry & ((1 << KINDS) - 1) {
        1 => Feature::Angle,
        2 => Feature::Padded,
        _ => Feature::Same,
    };
    ((entry >> KINDS) as usize, feature)
}

struct Run<'a> {
    half_turn: f32,
    x: &'a [f32],
    cosine: &'a mut [f32],
    sine: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (cosine, sine) = (S::chunks_mut(self.cosine).0, S::chunks_mut(self.sine).0);
        for ((cosine, sine), x) in cosine.iter_mut().zip(sine).zip(S::chunks(self.x).0) {
            let [c, i] = cos_sin_pi(s, s.mul(s.load(x), s.splat(self.half_turn)));
            s.store(c, cosine);
            s.store(i, sine);
        }
    }
}

impl Operation for Periodic {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level, half_turn) = (context.columns(), context.level, 1.0 / self.bound);
        context.writing(self.to, |context, to| {
            let inputs = context.slot(self.from).chunks_exact(n);
            for (x, entry) in inputs.zip(context.table(self.features)) {
                let (row, feature) = read(*entry);
                let (first, rest) = to[row * n..].split_at_mut(n);
                match feature {
                    Feature::Same => first.copy_from_slice(x),
                    Feature::Padded => {
                        first.copy_from_slice(x);
                        rest[..n].fill(0.0);
                    }
                    Feature::Angle => {
                        let sine = &mut rest[..n];
                        dispatch(level, Run { half_turn, x, cosine: first, sine });
                    }
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.launch([self.from, self.to], "periodic", layout)
    }
}

impl Forward for Periodic {
    fn reads(&self) -> Vec<Slot> {
        vec![self.from]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.to]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if !reverse.wanted(self.from) {
            return;
        }
        let dto = reverse.take(self.to);
        let dfrom = reverse.gradient(self.from);
        reverse.release(dto);
        reverse.push(PeriodicBackward { periodic: *self, dfrom, dto });
    }
}

/// Adds to dfrom.
#[derive(Clone, Copy, Debug)]
pub struct PeriodicBackward {
    /// The forward operation.
    pub periodic: Periodic,
    /// Gradient of the inputs, added to.
    pub dfrom: Slot,
    /// Gradient of the features.
    pub dto: Slot,
}

impl Operation for PeriodicBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let Self { periodic, dfrom, dto } = *self;
        let (n, rate) = (context.columns(), PI / periodic.bound);
        context.writing(dfrom, |context, dfrom| {
            // The features are still there: the cosine of a sine's derivative need not be made again.
            let (features, dto) = (context.slot(periodic.to), context.slot(dto));
            let rows = dfrom.chunks_exact_mut(n).zip(context.table(periodic.features));
            for (dx, entry) in rows {
                let (row, feature) = read(*entry);
                let own = |all: &[f32], row: usize, c: usize| all[row * n + c];
                for (c, dx) in dx.iter_mut().enumerate() {
                    *dx += match feature {
                        Feature::Same | Feature::Padded => own(dto, row, c),
                        Feature::Angle => {
                            let [cosine, sine] = [0, 1].map(|k| own(features, row + k, c));
                            let [dc, ds] = [0, 1].map(|k| own(dto, row + k, c));
                            rate * (cosine * ds - sine * dc)
                        }
                    };
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.periodic.launch([self.dfrom, self.dto], "periodic_backward", layout)
    }
}
