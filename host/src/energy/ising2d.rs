//! The Ising model on a square lattice: E = −J Σ_⟨ij⟩ s_i s_j.

use std::f64::consts::PI;

use pushforward::domain::Kind;

use super::{
    Energy, EnergyError, LnZ, Shader, add_bond_energies, add_bond_gradients, square_lattice_bonds,
};

/// What lies beyond the edge of a lattice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The opposite edge.
    Periodic,
    /// Nothing.
    Open,
}

/// E = −J Σ_⟨ij⟩ s_i s_j over the bonds of an h × w square lattice, each once.
///
/// On a periodic lattice two sites wide the bond inside and the bond around are two bonds.
#[derive(Clone, Debug)]
pub struct Ising2d {
    shape: [usize; 2],
    coupling: f64,
    boundary: Boundary,
    bonds: Vec<(usize, usize)>,
}

impl Ising2d {
    /// A lattice of `shape = [height, width]` with J = `coupling` (J > 0 is ferromagnetic).
    ///
    /// # Errors
    /// A side shorter than 2 or longer than 4096, or a coupling that is not finite.
    pub fn new(shape: [usize; 2], coupling: f64, boundary: Boundary) -> Result<Self, EnergyError> {
        let error = |parameter, found, expected| EnergyError {
            energy: "ising2d",
            parameter,
            found,
            expected,
        };
        if let Some(side) = shape.iter().find(|&&s| !(2..=4096).contains(&s)) {
            return Err(error("size", side.to_string(), "2 to 4096"));
        }
        if !coupling.is_finite() {
            return Err(error("coupling", coupling.to_string(), "a finite number"));
        }
        let bonds = square_lattice_bonds(shape, boundary == Boundary::Periodic);
        Ok(Self { shape, coupling, boundary, bonds })
    }
}

impl Energy for Ising2d {
    fn name(&self) -> &'static str {
        "ising2d"
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn kind(&self) -> Kind {
        Kind::Spin
    }

    fn even(&self) -> bool {
        true
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let sum: f64 = self.bonds.iter().map(|&(i, j)| f64::from(x[i]) * f64::from(x[j])).sum();
        -self.coupling * sum
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        add_bond_energies(&self.bonds, -self.coupling as f32, x, out);
    }

    fn gradients(&self, x: &[f32], n: usize, out: &mut [f32]) {
        out.fill(0.0);
        add_bond_gradients(&self.bonds, -self.coupling as f32, x, n, out);
    }

    /// Kaufman's four products for the periodic lattice (Phys. Rev. 76, 1232, 1949); unknown for
    /// open edges, and for an antiferromagnet with an odd side, which is frustrated.
    fn ln_z(&self, beta: f64) -> Option<LnZ> {
        let k = beta * self.coupling;
        let bipartite = self.shape.iter().all(|s| s % 2 == 0);
        let known = self.boundary == Boundary::Periodic && (k >= 0.0 || bipartite);
        known.then(|| LnZ {
            value: kaufman(self.shape, k.abs()),
            error: 0.0,
            source: "Kaufman's formula",
        })
    }

    fn shader(&self) -> Shader {
        let [h, w] = self.shape.map(|s| s as u32);
        let periodic = u32::from(self.boundary == Boundary::Periodic);
        let coupling = (self.coupling as f32).to_bits();
        Shader {
            source: include_str!("ising2d.wgsl"),
            constants: [h, w, periodic, coupling, 0, 0, 0, 0],
            table: Vec::new(),
        }
    }
}

/// ln Z of the periodic m × n lattice at K = βJ ≥ 0.
///
/// Z = ½ (2 sinh 2K)^{mn/2} [Π 2cosh(mγ_{2r+1}/2) + Π 2sinh(mγ_{2r+1}/2) + Π 2cosh(mγ_{2r}/2)
/// ± Π 2sinh(mγ_{2r}/2)], r = 0..n, where cosh γ_q = cosh 2K coth 2K − cos(πq/n) and
/// γ_0 = 2K + ln tanh K keeps its sign, which makes the last product negative above the critical
/// temperature. Every product is kept as its logarithm.
fn kaufman([m, n]: [usize; 2], k: f64) -> f64 {
    let sites = (m * n) as f64;
    if k == 0.0 {
        return sites * std::f64::consts::LN_2;
    }
    let gamma = |q: usize| {
        if q == 0 {
            return 2.0 * k + k.tanh().ln();
        }
        // cosh γ − 1 without cancellation: (sinh 2K − 1)² / sinh 2K + 2 sin²(πq/2n).
        let s = (2.0 * k).sinh();
        let excess = (s - 1.0).powi(2) / s + 2.0 * (PI * q as f64 / (2.0 * n as f64)).sin().powi(2);
        (excess + (excess * (excess + 2.0)).sqrt()).ln_1p()
    };
    let (mut cosh, mut sinh) = ([0.0; 2], [0.0; 2]);
    for q in 0..2 * n {
        let x = 0.5 * m as f64 * gamma(q).abs();
        cosh[q % 2] += x + (-2.0 * x).exp().ln_1p();
        sinh[q % 2] += x + (-(-2.0 * x).exp()).ln_1p();
    }
    let sign = gamma(0).signum();
    let largest =
        [cosh[0], cosh[1], sinh[0], sinh[1]].into_iter().fold(f64::NEG_INFINITY, f64::max);
    let sum = (cosh[0] - largest).exp()
        + (cosh[1] - largest).exp()
        + (sinh[1] - largest).exp()
        + sign * (sinh[0] - largest).exp();
    0.5 * sites * (2.0 * (2.0 * k).sinh()).ln() + largest + (0.5 * sum).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kaufman_gives_the_free_energies_of_the_literature() {
        let beta_c = 0.440_686_793_509_77;
        for (size, beta, f) in [
            (4, 0.2, -3.678_584_487_044_2),
            (4, 1.0, -2.043_670_087_617_5),
            (4, beta_c, -2.201_381_412_966_5),
            (8, 0.3, -2.635_902_630_113_8),
            (8, beta_c, -2.132_388_214_643_4),
            (16, 0.2, -3.672_654_061_640_3),
            (16, 0.440_686_8, -2.115_326_178_164_9),
            (16, beta_c, -2.115_326_187_918_4),
            (16, 0.5, -2.057_001_644_015_8),
            (16, 1.0, -2.003_055_889_874_8),
            (128, 0.44, -2.110_824_886_21),
        ] {
            let e = Ising2d::new([size, size], 1.0, Boundary::Periodic).unwrap();
            let found = -e.ln_z(beta).unwrap().value / (beta * (size * size) as f64);
            assert!((found - f).abs() < 1e-11, "L={size} beta={beta}: {found} against {f}");
        }
    }

    #[test]
    fn kaufman_equals_enumeration() {
        for (shape, coupling) in [
            ([2, 2], 1.0),
            ([2, 3], 0.8),
            ([4, 3], 1.0),
            ([3, 3], 1.3),
            ([4, 4], 1.0),
            ([4, 4], -0.6),
        ] {
            let e = Ising2d::new(shape, coupling, Boundary::Periodic).unwrap();
            let n = e.dim();
            let mut counts = std::collections::BTreeMap::new();
            for state in 0..1u32 << n {
                let s: Vec<f32> =
                    (0..n).map(|i| if state >> i & 1 == 1 { 1.0 } else { -1.0 }).collect();
                *counts.entry((e.energy(&s) / coupling).round() as i64).or_insert(0u32) += 1;
            }
            for beta in [0.1, 0.44, 0.9] {
                let z: f64 = counts
                    .iter()
                    .map(|(&e, &g)| f64::from(g) * (-beta * coupling * e as f64).exp())
                    .sum();
                let found = e.ln_z(beta).unwrap().value;
                assert!(
                    (found - z.ln()).abs() < 1e-10,
                    "{shape:?} {coupling} {beta}: {found} against {}",
                    z.ln()
                );
            }
            if shape == [4, 4] && coupling == 1.0 {
                let below: Vec<_> = counts.into_iter().take(8).collect();
                assert_eq!(
                    below,
                    [
                        (-32, 2),
                        (-24, 32),
                        (-20, 64),
                        (-16, 424),
                        (-12, 1728),
                        (-8, 6688),
                        (-4, 13568),
                        (0, 20524)
                    ]
                );
            }
        }
    }

    #[test]
    fn what_is_not_known_is_not_given() {
        assert!(Ising2d::new([4, 4], 1.0, Boundary::Open).unwrap().ln_z(0.4).is_none());
        assert!(Ising2d::new([3, 4], -1.0, Boundary::Periodic).unwrap().ln_z(0.4).is_none());
        assert!(Ising2d::new([1, 4], 1.0, Boundary::Periodic).is_err());
        assert!(Ising2d::new([4, 4], f64::NAN, Boundary::Periodic).is_err());
    }
}
