//! The base of a flow on a box: independent coordinates, uniform on [−B, B].
//!
//! ln p(z) = −D ln 2B for every z of the box; that data lie in it is checked before a training
//! starts. Coordinate d of a sample is made of word d of its stream as the engine does it: a sign and
//! 31 bits. The density has no slope, so nothing flows back.

use super::noise::fill_words;
use super::{Context, Forward, Launch, Layout, Operation, Slot, arguments};

/// Draws z and sets ln q, or adds the log-density of a z that is there.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    /// Coordinates.
    pub dim: usize,
    /// B.
    pub bound: f32,
    /// The base point.
    pub z: Slot,
    /// One row: ln q.
    pub log_q: Slot,
    /// Whether z is drawn.
    pub draw: bool,
}

const NOISE: &str = include_str!("noise.wgsl");
const SHADER: &str = include_str!("uniform.wgsl");

impl Uniform {
    /// The width of a point of 2³².
    fn unit(&self) -> f32 {
        self.bound / (1u32 << 31) as f32
    }

    fn log_density(&self) -> f32 {
        (-(2.0 * f64::from(self.bound)).ln() * self.dim as f64) as f32
    }
}

impl Operation for Uniform {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        if self.draw {
            context.writing(self.z, |context, z| {
                let mut words = vec![0; n];
                for (d, out) in z.chunks_exact_mut(n).enumerate() {
                    fill_words(context.level, context.step.key, context.first, d, &mut words);
                    for (out, word) in out.iter_mut().zip(&words) {
                        let magnitude = ((word & 0x7fff_ffff) as f32 + 0.5) * self.unit();
                        *out = if word >> 31 == 1 { -magnitude } else { magnitude };
                    }
                }
            });
        }
        for l in &mut context.slots[self.log_q.0] {
            *l = self.log_density() + if self.draw { 0.0 } else { *l };
        }
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let arguments = arguments! {
            dim: self.dim,
            draw: self.draw,
            unit: self.unit(),
            log_density: self.log_density(),
            z: layout.offset(self.z),
            log_q: layout.offset(self.log_q),
        };
        let groups = [Layout::groups(layout.columns()), 1, 1];
        let sources = vec![NOISE.into(), SHADER.into()];
        vec![Launch { sources, entry: "uniform_base", arguments, groups }]
    }
}

impl Forward for Uniform {
    fn reads(&self) -> Vec<Slot> {
        if self.draw { Vec::new() } else { vec![self.z] }
    }

    fn writes(&self) -> Vec<Slot> {
        if self.draw { vec![self.z, self.log_q] } else { vec![self.log_q] }
    }
}
