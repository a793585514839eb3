//! φ⁴ theory on a periodic square lattice.

use pushforward::domain::Kind;

use super::{
    Energy, EnergyError, LnZ, Shader, add_bond_energies, add_bond_gradients, square_lattice_bonds,
};

/// S = Σ_i [(m² + 4) φ_i² + λ φ_i⁴] − 2 Σ_⟨ij⟩ φ_i φ_j, each bond once, periodic: the convention of
/// Albergo et al., arXiv:2101.08176.
#[derive(Clone, Debug)]
pub struct Phi4 {
    shape: [usize; 2],
    m2: f64,
    lambda: f64,
    bonds: Vec<(usize, usize)>,
}

/// (L, λ, ln Z, its error) at m² = −4: thermodynamic integration over the hopping term by hybrid
/// Monte Carlo, from the decoupled sites whose integral is 2 Γ(5/4) λ^(−1/4).
const LN_Z: [(usize, f64, f64, f64); 6] = [
    (8, 8.0, 9.2945, 0.0037),
    (6, 6.975, 6.9889, 0.0029),
    (8, 6.008, 15.9865, 0.0045),
    (10, 5.550, 28.2029, 0.0067),
    (12, 5.276, 43.744, 0.009),
    (14, 5.113, 62.303, 0.011),
];

impl Phi4 {
    /// A lattice of `shape = [height, width]` with mass squared `m2` and quartic coupling `lambda`.
    ///
    /// # Errors
    /// A side shorter than 2 or longer than 4096, `lambda` not above 0, or `m2` not finite.
    pub fn new(shape: [usize; 2], m2: f64, lambda: f64) -> Result<Self, EnergyError> {
        let error =
            |parameter, found, expected| EnergyError { energy: "phi4", parameter, found, expected };
        if let Some(side) = shape.iter().find(|&&s| !(2..=4096).contains(&s)) {
            return Err(error("size", side.to_string(), "2 to 4096"));
        }
        if !m2.is_finite() {
            return Err(error("m2", m2.to_string(), "a finite number"));
        }
        if !(lambda.is_finite() && lambda > 0.0) {
            return Err(error("lambda", lambda.to_string(), "a finite number above 0"));
        }
        Ok(Self { shape, m2, lambda, bonds: square_lattice_bonds(shape, true) })
    }
}

impl Energy for Phi4 {
    fn name(&self) -> &'static str {
        "phi4"
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn kind(&self) -> Kind {
        Kind::Real
    }

    fn even(&self) -> bool {
        true
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let site = |v: f64| (self.m2 + 4.0 + self.lambda * v * v) * v * v;
        let sites: f64 = x.iter().map(|&v| site(f64::from(v))).sum();
        let bonds: f64 = self.bonds.iter().map(|&(i, j)| f64::from(x[i]) * f64::from(x[j])).sum();
        sites - 2.0 * bonds
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        let (quadratic, quartic) = ((self.m2 + 4.0) as f32, self.lambda as f32);
        out.fill(0.0);
        for row in x.chunks_exact(out.len()) {
            for (o, v) in out.iter_mut().zip(row) {
                *o += (quadratic + quartic * v * v) * v * v;
            }
        }
        add_bond_energies(&self.bonds, -2.0, x, out);
    }

    fn gradients(&self, x: &[f32], n: usize, out: &mut [f32]) {
        let (quadratic, quartic) = ((self.m2 + 4.0) as f32, self.lambda as f32);
        for (o, v) in out.iter_mut().zip(x) {
            *o = (2.0 * quadratic + 4.0 * quartic * v * v) * v;
        }
        add_bond_gradients(&self.bonds, -2.0, x, n, out);
    }

    fn ln_z(&self, beta: f64) -> Option<LnZ> {
        let &(.., value, error) = LN_Z.iter().find(|&&(size, lambda, ..)| {
            beta == 1.0 && self.shape == [size; 2] && self.m2 == -4.0 && self.lambda == lambda
        })?;
        Some(LnZ { value, error, source: "thermodynamic integration by hybrid Monte Carlo" })
    }

    fn shader(&self) -> Shader {
        let [h, w] = self.shape.map(|s| s as u32);
        let constants =
            [h, w, ((self.m2 + 4.0) as f32).to_bits(), (self.lambda as f32).to_bits(), 0, 0, 0, 0];
        Shader { source: include_str!("phi4.wgsl"), constants, table: Vec::new() }
    }
}
