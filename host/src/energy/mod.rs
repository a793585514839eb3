//! Targets known by their energy: p(x) ∝ exp(-β E(x)).
//!
//! A target is one object with three things: the energy of a configuration in `f64` for reports
//! and estimates, the energy and its gradient for many configurations in `f32` for training, and
//! the same two as WGSL for the GPU. Each Hamiltonian is one file pair `x.rs`, `x.wgsl`.
//!
//! Batches are stored feature by feature, `[dim][n]`: neighbouring numbers belong to neighbouring
//! samples, so a loop over samples is a loop over contiguous memory.

mod double_well;
mod eliminate;
mod graph;
mod ising2d;
mod pairs;
mod phi4;
mod ring2d;

pub use double_well::DoubleWell;
pub use graph::{Bonds, Disorder, Edge, Graph, Lattice, MOST_SITES};
pub use ising2d::{Boundary, Ising2d};
pub use pairs::{MOST_STATES, Pairs, States};
pub use phi4::Phi4;
pub use ring2d::Ring2d;

use std::sync::Arc;

use pushforward::domain::Kind;

/// ln Z as known without this program's sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LnZ {
    /// ln Z in nats.
    pub value: f64,
    /// Its standard error; 0 for a closed form or a converged quadrature.
    pub error: f64,
    /// Where it is from, in a few words.
    pub source: &'static str,
}

/// The WGSL side of an energy.
///
/// `source` defines `fn energy(c: u32) -> f32` and `fn energy_gradient(d: u32, c: u32) -> f32` for
/// the sample in column `c` and the coordinate `d`; it reads coordinates by `x(d, c)` and its
/// constants by `word(i)` and `number(i)`, `i` in 0..8, and its table by `entry(i)`.
#[derive(Clone, Debug)]
pub struct Shader {
    /// WGSL text.
    pub source: &'static str,
    /// Constants, floats as their bits.
    pub constants: [u32; 8],
    /// What more it reads, floats as their bits.
    pub table: Vec<u32>,
}

/// A parameter of a target is out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{energy}: {parameter} is {found}, expected {expected}")]
pub struct EnergyError {
    /// The target's name.
    pub energy: &'static str,
    /// The parameter's name.
    pub parameter: &'static str,
    /// What was given.
    pub found: String,
    /// What is allowed.
    pub expected: &'static str,
}

/// An energy function E(x); the target distribution is p(x) ∝ exp(-β E(x)).
pub trait Energy: std::fmt::Debug + Send + Sync {
    /// The name that configs use.
    fn name(&self) -> &'static str;

    /// The lattice, for example `[16, 16]`; its product is [`Energy::dim`].
    fn shape(&self) -> Vec<usize>;

    /// Number of coordinates.
    fn dim(&self) -> usize {
        self.shape().iter().product()
    }

    /// Spins, reals or categories.
    fn kind(&self) -> Kind;

    /// Whether E(−x) = E(x), as a Z2-symmetric model needs.
    fn even(&self) -> bool;

    /// The same over the states of so many spins of +1 alone, if there is such a thing.
    fn restricted(&self, _up: usize) -> Option<Arc<dyn Energy>> {
        None
    }

    /// Spins of +1 in each state, if that is given.
    fn up(&self) -> Option<usize> {
        None
    }

    /// E of one configuration of [`Energy::dim`] coordinates.
    fn energy(&self, x: &[f32]) -> f64;

    /// The sum over sites whose size is the order parameter, of discrete values: of spins their own.
    fn order(&self, x: &[f32]) -> f64 {
        x.iter().map(|x| f64::from(*x)).sum()
    }

    /// E of `n = out.len()` configurations stored as `[dim][n]`.
    fn energies(&self, x: &[f32], out: &mut [f32]);

    /// ∂E/∂x of `n` configurations; `x` and `out` are `[dim][n]`.
    fn gradients(&self, x: &[f32], n: usize, out: &mut [f32]);

    /// ln Z(β) = ln Σ exp(-β E) over the states that there are, or its integral, where it is known.
    fn ln_z(&self, beta: f64) -> Option<LnZ>;

    /// The same energy and gradient in WGSL.
    fn shader(&self) -> Shader;

    /// E of many configurations stored one row each, `[n][dim]`.
    fn energies_of_rows(&self, rows: &[f32]) -> Vec<f64> {
        rows.chunks_exact(self.dim()).map(|row| self.energy(row)).collect()
    }
}

/// ln ∫ exp(-u(x)) dx over `[a, b]` by Simpson's rule with 20,000 intervals: converged to 1e-12
/// for the smooth one-dimensional integrands used here.
fn ln_integral(a: f64, b: f64, u: impl Fn(f64) -> f64) -> f64 {
    let n = 20_000;
    let h = (b - a) / n as f64;
    let u: Vec<f64> = (0..=n).map(|i| u(a + h * i as f64)).collect();
    let least = u.iter().copied().fold(f64::INFINITY, f64::min);
    let sum: f64 = u
        .iter()
        .enumerate()
        .map(|(i, u)| {
            let weight = match i {
                _ if i == 0 || i == n => 1.0,
                _ if i % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * (least - u).exp()
        })
        .sum();
    (sum * h / 3.0).ln() - least
}

/// The bonds of an h × w square lattice, each once; on a periodic lattice of width 2 the bond
/// around the edge is a second bond between the same sites.
fn square_lattice_bonds([h, w]: [usize; 2], periodic: bool) -> Vec<(usize, usize)> {
    let mut bonds = Vec::with_capacity(2 * h * w);
    for r in 0..h {
        for c in 0..w {
            if periodic || c + 1 < w {
                bonds.push((r * w + c, r * w + (c + 1) % w));
            }
            if periodic || r + 1 < h {
                bonds.push((r * w + c, ((r + 1) % h) * w + c));
            }
        }
    }
    bonds
}

/// `out[c] += k · Σ_bonds x_i[c] x_j[c]` for `n` columns.
fn add_bond_energies(bonds: &[(usize, usize)], k: f32, x: &[f32], out: &mut [f32]) {
    let n = out.len();
    for &(i, j) in bonds {
        let (a, b) = (&x[i * n..(i + 1) * n], &x[j * n..(j + 1) * n]);
        for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
            *o += k * a * b;
        }
    }
}

/// `out[i][c] += k · Σ_{j beside i} x_j[c]` for `n` columns.
fn add_bond_gradients(bonds: &[(usize, usize)], k: f32, x: &[f32], n: usize, out: &mut [f32]) {
    for &(i, j) in bonds {
        for (to, from) in [(i, j), (j, i)] {
            let from = &x[from * n..(from + 1) * n];
            for (o, v) in out[to * n..(to + 1) * n].iter_mut().zip(from) {
                *o += k * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_the_slope_of_the_energy() {
        let triangular = Lattice::Triangular;
        let energies: [Box<dyn Energy>; 7] = [
            Box::new(Graph::lattice(triangular, 3, [-0.7, 0.2], Boundary::Open).unwrap()),
            Box::new(Ising2d::new([3, 4], 0.7, Boundary::Periodic).unwrap()),
            Box::new(Ising2d::new([2, 3], 1.0, Boundary::Open).unwrap()),
            Box::new(Phi4::new([4, 4], -4.0, 8.0).unwrap()),
            Box::new(Ring2d::new()),
            Box::new(Ring2d::positions_only()),
            Box::new(DoubleWell::new(0.3, -4.0, 1.0).unwrap()),
        ];
        for e in energies {
            let (dim, n) = (e.dim(), 3);
            let x: Vec<f32> = (0..dim * n).map(|i| ((i * 37 % 19) as f32 - 9.0) * 0.11).collect();
            let row = |c: usize| (0..dim).map(|d| x[d * n + c]).collect::<Vec<_>>();
            let (mut energies, mut gradients) = (vec![0.0; n], vec![0.0; dim * n]);
            e.energies(&x, &mut energies);
            e.gradients(&x, n, &mut gradients);
            for c in 0..n {
                let here = e.energy(&row(c));
                assert!(
                    (here - f64::from(energies[c])).abs() < 1e-5 * here.abs().max(1.0),
                    "{}",
                    e.name()
                );
                for d in 0..dim {
                    let h = 1.0 / 512.0;
                    let (mut up, mut down) = (row(c), row(c));
                    up[d] += h;
                    down[d] -= h;
                    let slope = (e.energy(&up) - e.energy(&down)) / f64::from(up[d] - down[d]);
                    let found = f64::from(gradients[d * n + c]);
                    assert!(
                        (slope - found).abs() < 2e-3 * slope.abs().max(1.0),
                        "{} {slope} {found}",
                        e.name()
                    );
                }
            }
        }
    }
}
