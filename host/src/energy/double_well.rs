//! Two wells in the plane.

use std::f64::consts::TAU;

use pushforward::domain::Kind;

use super::{Energy, EnergyError, LnZ, Shader, ln_integral};

/// E = a x + b x² + c x⁴ + y²/2: the double well of Noé et al., Science 365, eaaw1147, in the form
/// of bgflow's `DoubleWellEnergy(dim = 2)`.
#[derive(Clone, Copy, Debug)]
pub struct DoubleWell {
    a: f64,
    b: f64,
    c: f64,
}

impl DoubleWell {
    /// The well with these coefficients; a = 0, b = −4, c = 1 has ln Z = 5.211940 at β = 1.
    ///
    /// # Errors
    /// A coefficient that is not finite, or `c` not above 0 (the integral would not exist).
    pub fn new(a: f64, b: f64, c: f64) -> Result<Self, EnergyError> {
        let error = |parameter, found: f64, expected| EnergyError {
            energy: "double_well",
            parameter,
            found: found.to_string(),
            expected,
        };
        for (name, value) in [("a", a), ("b", b)] {
            if !value.is_finite() {
                return Err(error(name, value, "a finite number"));
            }
        }
        if !(c.is_finite() && c > 0.0) {
            return Err(error("c", c, "a finite number above 0"));
        }
        Ok(Self { a, b, c })
    }
}

impl Energy for DoubleWell {
    fn name(&self) -> &'static str {
        "double_well"
    }

    fn shape(&self) -> Vec<usize> {
        vec![2]
    }

    fn kind(&self) -> Kind {
        Kind::Real
    }

    fn even(&self) -> bool {
        self.a == 0.0
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let (x, y) = (f64::from(x[0]), f64::from(x[1]));
        self.a * x + self.b * x * x + self.c * x.powi(4) + 0.5 * y * y
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        let (a, b, c) = (self.a as f32, self.b as f32, self.c as f32);
        let (x, y) = x.split_at(out.len());
        for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
            *o = (a + (b + c * x * x) * x) * x + 0.5 * y * y;
        }
    }

    fn gradients(&self, x: &[f32], n: usize, out: &mut [f32]) {
        let (a, b, c) = (self.a as f32, self.b as f32, self.c as f32);
        for (o, x) in out[..n].iter_mut().zip(x) {
            *o = a + (2.0 * b + 4.0 * c * x * x) * x;
        }
        out[n..2 * n].copy_from_slice(&x[n..2 * n]);
    }

    fn ln_z(&self, beta: f64) -> Option<LnZ> {
        // Beyond this distance the quartic term outweighs the others by at least 60 nats.
        let scale = (self.a.abs() + self.b.abs()) / self.c;
        let reach =
            (2.0 * scale).sqrt().max((2.0 * scale).cbrt()) + (120.0 / (beta * self.c)).powf(0.25);
        let x = ln_integral(-reach, reach, |x| {
            beta * (self.a * x + self.b * x * x + self.c * x.powi(4))
        });
        (beta > 0.0).then_some(LnZ {
            value: x + 0.5 * (TAU / beta).ln(),
            error: 0.0,
            source: "quadrature",
        })
    }

    fn shader(&self) -> Shader {
        let [a, b, c] = [self.a, self.b, self.c].map(|v| (v as f32).to_bits());
        Shader {
            source: include_str!("double_well.wgsl"),
            constants: [a, b, c, 0, 0, 0, 0, 0],
            table: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_z_is_that_of_the_literature() {
        let e = DoubleWell::new(0.0, -4.0, 1.0).unwrap();
        assert!((e.ln_z(1.0).unwrap().value - 5.211_940_27).abs() < 1e-8);
        assert!(DoubleWell::new(0.0, -4.0, 0.0).is_err());
    }
}
