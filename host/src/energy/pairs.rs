//! Sites of a few states on a lattice: E = −Σ_(ij) K(s_i, s_j) − Σ_i h(s_i).
//!
//! | | states | K(a, b) | h(a) |
//! |---|---|---|---|
//! | `potts` | q colours | J where a = b | 0 |
//! | `clock` | q angles 2πa/q | J cos(2π(a − b)/q) | 0 |
//! | `blume_capel` | spins S = a − 1 ∈ {−1, 0, 1} | J S_a S_b | H S_a − Δ S_a² |
//! | `lattice_gas` | empty or taken, a ∈ {0, 1} | J a b | μ a |
//!
//! The sites are categories, numbered from 0. ln Z is exact where [`eliminate`] can sum over all of them; of the
//! infinite Potts model the critical point of the square lattice is β_c J = ln(1 + √q).

use std::f64::consts::TAU;

use pushforward::domain::Kind;

use super::{Boundary, Energy, EnergyError, Lattice, LnZ, Shader, eliminate};

/// What the states are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum States {
    /// Colours, of which equal ones attract each other.
    Potts {
        /// How many.
        q: u32,
    },
    /// Directions, evenly around a circle.
    Clock {
        /// How many.
        q: u32,
    },
    /// Spins −1, 0 and 1.
    BlumeCapel {
        /// Δ, what a spin costs.
        crystal_field: f32,
        /// H.
        field: f32,
    },
    /// Empty or taken.
    LatticeGas {
        /// μ, what a particle is worth.
        chemical_potential: f32,
    },
}

/// The most states of a site.
pub const MOST_STATES: usize = 64;

impl States {
    /// Its name in configs.
    pub fn name(self) -> &'static str {
        match self {
            States::Potts { .. } => "potts",
            States::Clock { .. } => "clock",
            States::BlumeCapel { .. } => "blume_capel",
            States::LatticeGas { .. } => "lattice_gas",
        }
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        match self {
            States::Potts { q } | States::Clock { q } => q,
            States::BlumeCapel { .. } => 3,
            States::LatticeGas { .. } => 2,
        }
    }

    /// K(a, b) at J = 1.
    fn pair(self, a: u32, b: u32) -> f64 {
        match self {
            States::Potts { .. } => f64::from(u8::from(a == b)),
            States::Clock { q } => (TAU * (f64::from(a) - f64::from(b)) / f64::from(q)).cos(),
            States::BlumeCapel { .. } => (f64::from(a) - 1.0) * (f64::from(b) - 1.0),
            States::LatticeGas { .. } => f64::from(a * b),
        }
    }

    /// h(a).
    fn alone(self, a: u32) -> f64 {
        match self {
            States::Potts { .. } | States::Clock { .. } => 0.0,
            States::BlumeCapel { crystal_field, field } => {
                let spin = f64::from(a) - 1.0;
                f64::from(field) * spin - f64::from(crystal_field) * spin * spin
            }
            States::LatticeGas { chemical_potential } => {
                f64::from(chemical_potential) * f64::from(a)
            }
        }
    }

    /// −E of a pair at coupling J, `[q][q]`, and of a site alone, `[q]`.
    pub fn tables(self, coupling: f32) -> [Vec<f32>; 2] {
        let q = self.count();
        let pair = |a| (0..q).map(move |b| (f64::from(coupling) * self.pair(a, b)) as f32);
        [(0..q).flat_map(pair).collect(), (0..q).map(|a| self.alone(a) as f32).collect()]
    }

    /// N times the order parameter of a row: (q ρ − 1)/(q − 1) with ρ the part of the commonest colour, the length
    /// of the mean direction, the mean spin, the density.
    fn order(self, row: &[f32]) -> f64 {
        let n = row.len() as f64;
        match self {
            States::Potts { q } => {
                let count = |a: u32| row.iter().filter(|x| **x == a as f32).count();
                let most = (0..q).map(count).max().unwrap_or(0) as f64;
                (f64::from(q) * most - n) / (f64::from(q) - 1.0)
            }
            States::Clock { q } => {
                let angle = |x: &f32| TAU * f64::from(*x) / f64::from(q);
                let [c, s] =
                    row.iter().fold([0.0; 2], |[c, s], x| [c + angle(x).cos(), s + angle(x).sin()]);
                c.hypot(s)
            }
            States::BlumeCapel { .. } => row.iter().map(|x| f64::from(*x) - 1.0).sum(),
            States::LatticeGas { .. } => row.iter().map(|x| f64::from(*x)).sum(),
        }
    }
}

/// States on a lattice.
#[derive(Clone, Debug)]
pub struct Pairs {
    states: States,
    shape: Vec<usize>,
    bonds: Vec<(usize, usize)>,
    /// −E of a pair, `[q][q]`.
    pair: Vec<f32>,
    /// −E of a site alone.
    alone: Vec<f32>,
}

impl Pairs {
    /// On a lattice of `size` sites a side, with one coupling J.
    ///
    /// # Errors
    /// A side shorter than 2 or too long, odd where a periodic honeycomb would not close, fewer than 2 or more than
    /// [`MOST_STATES`] states, or a number that is not finite.
    pub fn new(
        states: States,
        lattice: Lattice,
        size: usize,
        coupling: f32,
        boundary: Boundary,
    ) -> Result<Self, EnergyError> {
        let error = |parameter, found: String, expected| {
            Err(EnergyError { energy: states.name(), parameter, found, expected })
        };
        if let Some(expected) = lattice.refuses(size, boundary) {
            return error("size", size.to_string(), expected);
        }
        if !(2..=MOST_STATES as u32).contains(&states.count()) {
            return error("states", states.count().to_string(), "2 to 64");
        }
        let [pair, alone] = states.tables(coupling);
        if !coupling.is_finite() {
            return error("coupling", coupling.to_string(), "a finite number");
        }
        if !alone.iter().all(|x| x.is_finite()) {
            return error("field", format!("{alone:?}"), "finite numbers");
        }
        let (shape, bonds) =
            (lattice.shape(size), lattice.bonds(size, boundary == Boundary::Periodic));
        Ok(Self { states, shape, bonds, pair, alone })
    }
}

impl Energy for Pairs {
    fn name(&self) -> &'static str {
        self.states.name()
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn kind(&self) -> Kind {
        Kind::Category(self.states.count())
    }

    fn even(&self) -> bool {
        false
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let q = self.alone.len();
        let pair = |(i, j): &(usize, usize)| self.pair[x[*i] as usize * q + x[*j] as usize];
        let pairs: f64 = self.bonds.iter().map(|bond| f64::from(pair(bond))).sum();
        -pairs - x.iter().map(|x| f64::from(self.alone[*x as usize])).sum::<f64>()
    }

    fn order(&self, x: &[f32]) -> f64 {
        self.states.order(x)
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        let (q, n) = (self.alone.len(), out.len());
        out.fill(0.0);
        for (i, j) in &self.bonds {
            let pairs = x[i * n..(i + 1) * n].iter().zip(&x[j * n..(j + 1) * n]);
            for (out, (a, b)) in out.iter_mut().zip(pairs) {
                *out -= self.pair[*a as usize * q + *b as usize];
            }
        }
        if self.alone.iter().any(|h| *h != 0.0) {
            for x in x.chunks_exact(n) {
                out.iter_mut().zip(x).for_each(|(out, x)| *out -= self.alone[*x as usize]);
            }
        }
    }

    /// 0: states are no numbers that move.
    fn gradients(&self, _: &[f32], _: usize, out: &mut [f32]) {
        out.fill(0.0);
    }

    fn ln_z(&self, beta: f64) -> Option<LnZ> {
        let scaled = |xs: &[f32]| xs.iter().map(|x| beta * f64::from(*x)).collect::<Vec<f64>>();
        let (pair, alone) = (scaled(&self.pair), scaled(&self.alone));
        let sites = self.shape.iter().product();
        let edges: Vec<_> = self.bonds.iter().map(|(i, j)| ([*i, *j], pair.clone())).collect();
        let value = eliminate::ln_z(alone.len(), &edges, &vec![alone; sites])?;
        Some(LnZ { value, error: 0.0, source: "a sum over all states" })
    }

    fn shader(&self) -> Shader {
        let bits = |xs: &[f32]| xs.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
        let mut table = [bits(&self.pair), bits(&self.alone)].concat();
        table.extend(self.bonds.iter().flat_map(|(i, j)| [*i as u32, *j as u32]));
        let sites = self.shape.iter().product::<usize>();
        let [q, sites, bonds] = [self.alone.len(), sites, self.bonds.len()].map(|n| n as u32);
        let constants = [q, sites, bonds, 0, 0, 0, 0, 0];
        Shader { source: include_str!("pairs.wgsl"), constants, table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Graph, Ising2d};

    const STATES: [States; 5] = [
        States::LatticeGas { chemical_potential: -0.4 },
        States::Potts { q: 3 },
        States::Clock { q: 4 },
        States::BlumeCapel { crystal_field: 0.6, field: 0.2 },
        States::Potts { q: 2 },
    ];

    /// Every state of a lattice of 9 sites.
    #[test]
    fn the_sum_over_states_is_that_of_enumeration() {
        for states in STATES {
            for boundary in [Boundary::Periodic, Boundary::Open] {
                let pairs = Pairs::new(states, Lattice::Square, 3, 0.8, boundary).unwrap();
                let q = states.count() as usize;
                let weight = |mut state: usize| {
                    let mut digit = || {
                        let x = state % q;
                        state /= q;
                        x as f32
                    };
                    let x: Vec<f32> = (0..9).map(|_| digit()).collect();
                    let mut out = [0.0; 1];
                    pairs.energies(&x, &mut out);
                    assert!((f64::from(out[0]) - pairs.energy(&x)).abs() < 1e-4);
                    (-0.7 * pairs.energy(&x)).exp()
                };
                let sum: f64 = (0..q.pow(9)).map(weight).sum();
                let found = pairs.ln_z(0.7).unwrap().value;
                assert!((found - sum.ln()).abs() < 1e-6, "{states:?} {boundary:?} {found}");
            }
        }
    }

    /// n = (1 + s)/2: a gas is an Ising model in a field.
    #[test]
    fn a_gas_is_spins_in_a_field() {
        let (j, mu) = (4.0, -7.0);
        let states = States::LatticeGas { chemical_potential: mu };
        let gas = Pairs::new(states, Lattice::Square, 4, j, Boundary::Periodic).unwrap();
        let constants = [j / 4.0, mu / 2.0 + j];
        let spins = Graph::lattice(Lattice::Square, 4, constants, Boundary::Periodic).unwrap();
        let shift = 0.5 * (f64::from(mu) / 2.0 * 16.0 + f64::from(j) / 4.0 * 32.0);
        let [gas, spins] = [gas.ln_z(0.5).unwrap(), spins.ln_z(0.5).unwrap()].map(|z| z.value);
        assert!((gas - spins - shift).abs() < 1e-6, "{gas} {spins} {shift}");
    }

    /// Two colours are Ising spins of half the coupling, two directions those of the whole.
    #[test]
    fn two_states_are_ising_spins() {
        let ising = |k| Ising2d::new([6, 6], k, Boundary::Periodic).unwrap().ln_z(0.44).unwrap();
        let of = |states| {
            let pairs = Pairs::new(states, Lattice::Square, 6, 1.0, Boundary::Periodic).unwrap();
            pairs.ln_z(0.44).unwrap().value
        };
        // δ = (1 + s s')/2.
        let potts = of(States::Potts { q: 2 }) - 0.44 * 0.5 * 72.0;
        assert!((potts - ising(0.5).value).abs() < 1e-6, "{potts}");
        assert!((of(States::Clock { q: 2 }) - ising(1.0).value).abs() < 1e-6);
    }

    #[test]
    fn order_is_that_of_the_rows() {
        let row = [0.0, 1.0, 1.0, 1.0];
        assert_eq!(States::Potts { q: 3 }.order(&row), 2.5);
        assert!((States::Clock { q: 2 }.order(&row) - 2.0).abs() < 1e-12);
        let blume_capel = States::BlumeCapel { crystal_field: 0.0, field: 0.0 };
        assert_eq!(blume_capel.order(&[0.0, 0.0, 1.0, 2.0]), -1.0);
    }

    #[test]
    fn what_is_no_such_lattice_is_refused() {
        let of = |states, size, coupling| {
            let boundary = Boundary::Periodic;
            Pairs::new(states, Lattice::Square, size, coupling, boundary).unwrap_err().parameter
        };
        assert_eq!(of(States::Potts { q: 1 }, 4, 1.0), "states");
        assert_eq!(of(States::Clock { q: 65 }, 4, 1.0), "states");
        assert_eq!(of(States::Potts { q: 3 }, 1, 1.0), "size");
        assert_eq!(of(States::Potts { q: 3 }, 4, f32::NAN), "coupling");
        let crystal_field = f32::INFINITY;
        assert_eq!(of(States::BlumeCapel { crystal_field, field: 0.0 }, 4, 1.0), "field");
    }
}
