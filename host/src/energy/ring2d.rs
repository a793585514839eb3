//! A ring in the plane, with the momenta that phase-space flows carry along.

use std::f64::consts::TAU;

use pushforward::domain::Kind;

use super::{Energy, LnZ, Shader, ln_integral};

/// E = (|q| − 2)²/0.32 + |p|²/2 with q and p in the plane, x = (q₁, q₂, p₁, p₂): the target of Li
/// et al., Phys. Rev. X 10, 021020; or its first term alone, x = (q₁, q₂).
#[derive(Clone, Copy, Debug)]
pub struct Ring2d {
    momenta: bool,
}

impl Ring2d {
    /// Positions and momenta: four coordinates, ln Z = 4.371549 at β = 1.
    pub fn new() -> Self {
        Self { momenta: true }
    }

    /// Positions alone: two coordinates, ln Z = 2.533672 at β = 1.
    pub fn positions_only() -> Self {
        Self { momenta: false }
    }
}

impl Default for Ring2d {
    fn default() -> Self {
        Self::new()
    }
}

impl Energy for Ring2d {
    fn name(&self) -> &'static str {
        "ring2d"
    }

    fn shape(&self) -> Vec<usize> {
        vec![if self.momenta { 4 } else { 2 }]
    }

    fn kind(&self) -> Kind {
        Kind::Real
    }

    fn even(&self) -> bool {
        true
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let x = |d: usize| f64::from(x[d]);
        let kinetic = if self.momenta { 0.5 * (x(2) * x(2) + x(3) * x(3)) } else { 0.0 };
        (x(0).hypot(x(1)) - 2.0).powi(2) / 0.32 + kinetic
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        let n = out.len();
        for (c, o) in out.iter_mut().enumerate() {
            let x = |d: usize| x[d * n + c];
            let kinetic = if self.momenta { 0.5 * (x(2) * x(2) + x(3) * x(3)) } else { 0.0 };
            let stretch = (x(0) * x(0) + x(1) * x(1)).sqrt() - 2.0;
            *o = stretch * stretch / 0.32 + kinetic;
        }
    }

    fn gradients(&self, x: &[f32], n: usize, out: &mut [f32]) {
        for c in 0..n {
            let (q1, q2) = (x[c], x[n + c]);
            let radius = (q1 * q1 + q2 * q2).sqrt();
            // At the centre every direction is downhill; the choice made is none.
            let pull = if radius > 0.0 { (radius - 2.0) / (0.16 * radius) } else { 0.0 };
            out[c] = pull * q1;
            out[n + c] = pull * q2;
        }
        if self.momenta {
            out[2 * n..4 * n].copy_from_slice(&x[2 * n..4 * n]);
        }
    }

    /// 2π ∫ r exp(−β(r − 2)²/0.32) dr, times 2π/β with momenta.
    fn ln_z(&self, beta: f64) -> Option<LnZ> {
        let width = (0.16 / beta).sqrt();
        let (a, b) = ((2.0 - 12.0 * width).max(1e-300), 2.0 + 12.0 * width);
        let q = TAU.ln() + ln_integral(a, b, |r| beta * (r - 2.0).powi(2) / 0.32 - r.ln());
        let p = if self.momenta { (TAU / beta).ln() } else { 0.0 };
        (beta > 0.0).then_some(LnZ { value: q + p, error: 0.0, source: "quadrature" })
    }

    fn shader(&self) -> Shader {
        Shader {
            source: include_str!("ring2d.wgsl"),
            constants: [u32::from(self.momenta), 0, 0, 0, 0, 0, 0, 0],
            table: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_z_is_that_of_the_literature() {
        assert!((Ring2d::new().ln_z(1.0).unwrap().value - 4.371_549_13).abs() < 1e-8);
        assert!((Ring2d::positions_only().ln_z(1.0).unwrap().value - 2.533_672_06).abs() < 1e-8);
    }
}
