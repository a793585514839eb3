//! The base of a flow on a box: independent coordinates, uniform on [−B, B].
//!
//! ln p(z) = −D ln 2B for every z of the box; that data lie in it is checked before a training
//! starts. Coordinate d of a sample is made of word d of its stream as the engine does it: a sign and
//! 31 bits. The density has no slope, so nothing flows back.

use super::base::Base;
use super::{Context, Forward, Launch, Layout, Operation, Slot, arguments};

/// The uniform distribution on a box.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    /// What it draws or scores.
    pub base: Base,
    /// B.
    pub bound: f32,
}

const NOISE: &str = include_str!("noise.wgsl");
const SHADER: &str = include_str!("uniform.wgsl");

impl Uniform {
    /// The width of a point of 2³².
    fn unit(&self) -> f32 {
        self.bound / (1u32 << 31) as f32
    }

    /// Of all coordinates.
    fn log_density(&self) -> f32 {
        (-(2.0 * f64::from(self.bound)).ln() * self.base.dim as f64) as f32
    }
}

impl Operation for Uniform {
    fn cpu(&self, context: &mut Context<'_>) {
        self.base.draw(context, |words, out| {
            for (out, word) in out.iter_mut().zip(words) {
                let magnitude = ((word & 0x7fff_ffff) as f32 + 0.5) * self.unit();
                *out = if word >> 31 == 1 { -magnitude } else { magnitude };
            }
        });
        for l in &mut context.slots[self.base.log_q.0] {
            *l = self.log_density() + if self.base.adds { *l } else { 0.0 };
        }
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let own = arguments! { unit: self.unit(), log_density: self.log_density() };
        let arguments = self.base.arguments(layout, [self.base.z; 2]).and(own);
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let sources = vec![NOISE.into(), SHADER.into()];
        vec![Launch { sources, entry: "uniform_base", arguments, groups }]
    }
}

impl Forward for Uniform {
    fn reads(&self) -> Vec<Slot> {
        self.base.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.base.writes()
    }
}
