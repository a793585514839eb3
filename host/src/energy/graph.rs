//! Spins on any graph: E = E_0 − Σ_(ij) J_ij s_i s_j − Σ_i h_i s_i.
//!
//! Spin glasses, Hopfield networks and lattices are graphs; [`Lattice`] spells the usual ones out. ln Z is exact
//! where [`eliminate`](super::eliminate) can sum over all spins.
//!
//! The states may be those of a given magnetisation, or number of particles, alone. Without couplings ln Z is then that of
//! the canonical recursion, site after site; with them it is known where all states can be listed.

use std::f64::consts::{PI, TAU};
use std::str::FromStr;
use std::sync::Arc;

use pushforward::domain::Kind;
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;

use super::{
    Boundary, Energy, EnergyError, LnZ, Shader, add_bond_energies, add_bond_gradients, eliminate,
};

/// The most spins of a graph.
pub const MOST_SITES: usize = 1 << 20;

/// Two sites and their coupling J: sites are counted from 0.
pub type Edge = (usize, usize, f32);

/// Which spins of a glass have a coupling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bonds {
    /// Neighbours of a lattice of so many sites a side, which wraps around or not (Edwards & Anderson 1975).
    Lattice(Lattice, usize, bool),
    /// All pairs of so many (Sherrington & Kirkpatrick 1975): couplings have the variance 1/N.
    All(usize),
}

impl Bonds {
    /// The name in configs.
    pub fn name(self) -> &'static str {
        match self {
            Bonds::Lattice(..) => "edwards_anderson",
            Bonds::All(_) => "sherrington_kirkpatrick",
        }
    }
}

/// The distribution of a glass's couplings, of variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disorder {
    /// −1 or 1.
    Bimodal,
    /// Normal.
    Normal,
}

/// Spins with a coupling for each edge and a field for each site.
#[derive(Clone, Debug)]
pub struct Graph {
    name: &'static str,
    shape: Vec<usize>,
    edges: Vec<Edge>,
    /// One a site.
    fields: Vec<f32>,
    /// E_0.
    constant: f64,
    /// Spins of +1, if that is given.
    up: Option<usize>,
}

/// The most spins whose states of a given magnetisation are listed.
const LISTED: usize = 20;

/// Where the sites of a lattice are, and which are beside each other; each bond is there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lattice {
    /// Rows and columns: 4 neighbours.
    Square,
    /// The square one with one diagonal, from (r, c) to (r + 1, c + 1): 6 neighbours.
    Triangular,
    /// As a brick wall: rows, and between them (r, c) with (r + 1, c) where r + c is even: 3 neighbours.
    Honeycomb,
    /// Layers of square ones: 6 neighbours.
    Cubic,
}

/// The words of a config.
impl FromStr for Lattice {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let place = Self::WORDS.iter().position(|known| *known == word).ok_or(())?;
        Ok([Self::Square, Self::Triangular, Self::Honeycomb, Self::Cubic][place])
    }
}

impl Lattice {
    /// Their names in configs.
    pub const WORDS: [&str; 4] = ["square", "triangular", "honeycomb", "cubic"];

    /// The name in configs.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// The sides of one of `size` sites each.
    pub fn shape(self, size: usize) -> Vec<usize> {
        vec![size; if self == Lattice::Cubic { 3 } else { 2 }]
    }

    /// What a side should be, if it is not.
    pub(super) fn refuses(self, size: usize, boundary: Boundary) -> Option<&'static str> {
        let most = if self == Lattice::Cubic { 101 } else { 1024 };
        if !(2..=most).contains(&size) {
            return Some("2 to 1024, on a cubic lattice to 101");
        }
        let open = self == Lattice::Honeycomb && boundary == Boundary::Periodic && size % 2 == 1;
        open.then_some("an even number on a periodic honeycomb")
    }

    /// Its bonds, on a lattice of `size` sites a side.
    pub(super) fn bonds(self, size: usize, periodic: bool) -> Vec<(usize, usize)> {
        let shape = self.shape(size);
        let sites: usize = shape.iter().product();
        // The site so many steps further along each axis, if there is one.
        let beside = |site: usize, steps: &[usize]| {
            let mut place = 0;
            let mut stride = sites;
            for (side, step) in shape.iter().zip(steps) {
                stride /= side;
                let at = site / stride % side + step;
                if at >= *side && !periodic {
                    return None;
                }
                place += at % side * stride;
            }
            Some(place)
        };
        let steps = |site: usize| -> Vec<&[usize]> {
            let [row, column] = [site / size, site % size];
            match self {
                Lattice::Square => vec![&[0, 1], &[1, 0]],
                Lattice::Triangular => vec![&[0, 1], &[1, 0], &[1, 1]],
                Lattice::Honeycomb if (row + column) % 2 == 1 => vec![&[0, 1]],
                Lattice::Honeycomb => vec![&[0, 1], &[1, 0]],
                Lattice::Cubic => vec![&[0, 0, 1], &[0, 1, 0], &[1, 0, 0]],
            }
        };
        let of = |site| steps(site).into_iter().filter_map(move |s| Some((site, beside(site, s)?)));
        (0..sites).flat_map(of).collect()
    }
}

impl Graph {
    /// The graph with these edges, over as many sites as there are fields; `shape` is how pictures show them.
    ///
    /// # Errors
    /// An edge names a site that there is not, or one site twice; a number is not finite; the shape is not that of so
    /// many sites, or there are none or too many.
    pub fn new(shape: Vec<usize>, edges: Vec<Edge>, fields: Vec<f32>) -> Result<Self, EnergyError> {
        let error = |parameter, found, expected| {
            Err(EnergyError { energy: "graph", parameter, found, expected })
        };
        let sites = fields.len();
        if !(1..=MOST_SITES).contains(&sites) {
            return error("sites", sites.to_string(), "1 to 1048576");
        }
        if shape.iter().product::<usize>() != sites {
            let expected = "sizes whose product is the number of sites";
            return error("shape", format!("{shape:?} for {sites} sites"), expected);
        }
        for (i, j, coupling) in &edges {
            let found = format!("{i}, {j}, {coupling}");
            if *i >= sites || *j >= sites || i == j {
                return error("edges", found, "two different sites, counted from 0");
            }
            if !coupling.is_finite() {
                return error("edges", found, "a finite coupling");
            }
        }
        if let Some(field) = fields.iter().find(|field| !field.is_finite()) {
            return error("fields", field.to_string(), "finite numbers");
        }
        Ok(Self { name: "graph", shape, edges, fields, constant: 0.0, up: None })
    }

    /// A lattice of `size` sites a side with one coupling J and one field h.
    ///
    /// # Errors
    /// A side shorter than 2 or too long, odd where a periodic honeycomb would not close, or a number that is not finite.
    pub fn lattice(
        lattice: Lattice,
        size: usize,
        [coupling, field]: [f32; 2],
        boundary: Boundary,
    ) -> Result<Self, EnergyError> {
        let error = |parameter, found: String, expected| {
            Err(EnergyError { energy: "ising", parameter, found, expected })
        };
        if let Some(expected) = lattice.refuses(size, boundary) {
            return error("size", size.to_string(), expected);
        }
        let periodic = boundary == Boundary::Periodic;
        for (name, number) in [("coupling", coupling), ("field", field)] {
            if !number.is_finite() {
                return error(name, number.to_string(), "a finite number");
            }
        }
        let shape = lattice.shape(size);
        let fields = vec![field; shape.iter().product()];
        let bonds = lattice.bonds(size, periodic).into_iter();
        let edges = bonds.map(|(i, j)| (i, j, coupling)).collect();
        Ok(Self { name: "ising", ..Self::new(shape, edges, fields)? })
    }

    /// A spin glass: couplings are words of the stream `seed`, sample 0, bond after bond.
    ///
    /// # Errors
    /// As [`Graph::lattice`], or fewer than 2 spins.
    pub fn glass(bonds: Bonds, disorder: Disorder, seed: u64) -> Result<Self, EnergyError> {
        let (shape, pairs, scale) = match bonds {
            Bonds::Lattice(lattice, size, periodic) => {
                let boundary = if periodic { Boundary::Periodic } else { Boundary::Open };
                if let Some(expected) = lattice.refuses(size, boundary) {
                    let (energy, parameter) = (bonds.name(), "size");
                    let found = size.to_string();
                    return Err(EnergyError { energy, parameter, found, expected });
                }
                (lattice.shape(size), lattice.bonds(size, periodic), 1.0)
            }
            Bonds::All(sites) => {
                let pairs = (0..sites).flat_map(|i| (i + 1..sites).map(move |j| (i, j))).collect();
                (vec![sites], pairs, 1.0 / (sites as f32).sqrt())
            }
        };
        let coupling = |bond: usize| {
            let key = [seed as u32, (seed >> 32) as u32];
            let word = block(key, [0, bond as u32 / 2])[bond % 2];
            match disorder {
                Disorder::Bimodal if word >> 31 == 1 => -scale,
                Disorder::Bimodal => scale,
                Disorder::Normal => scale * normal(Scalar, word),
            }
        };
        let sites = shape.iter().product();
        let edges = pairs.into_iter().enumerate().map(|(b, (i, j))| (i, j, coupling(b))).collect();
        Ok(Self { name: bonds.name(), ..Self::new(shape, edges, vec![0.0; sites])? })
    }

    /// Free fermions without spin in a box that wraps around with a twist: N particles in plane waves k of momenta m + t,
    /// t the twist, in one state each; those with m² at most `cutoff`, in the order of their energies
    ///
    /// ```text
    /// ε = (4π/N) (m + t)²  in two dimensions,   ε = (2π)² (3/4πN)^⅔ (m + t)²  in three
    /// ```
    ///
    /// in Ry/r_s². Spin s = 1 is an occupied state. The Fermi energy is 4 in two dimensions, (9π/2)^⅔ in three.
    ///
    /// # Errors
    /// A twist along neither two nor three dimensions, or far; no particles, or fewer states than these.
    pub fn fermions(particles: usize, cutoff: usize, twist: &[f64]) -> Result<Self, EnergyError> {
        let error = |parameter, found: String, expected| {
            Err(EnergyError { energy: "fermions", parameter, found, expected })
        };
        let dimension = twist.len();
        let far = twist.iter().any(|t| !t.is_finite() || t.abs() > 0.5);
        if !(2..=3).contains(&dimension) || far {
            let expected = "two or three numbers from -0.5 to 0.5, one for each dimension";
            return error("twist", format!("{twist:?}"), expected);
        }
        if !(1..=400).contains(&cutoff) {
            return error("cutoff", cutoff.to_string(), "1 to 400");
        }
        let n = particles as f64;
        let unit = match dimension {
            2 => 4.0 * PI / n,
            _ => TAU * TAU * (3.0 / (4.0 * PI * n)).powf(2.0 / 3.0),
        };
        let most = cutoff.isqrt() as i64;
        let mut energies = Vec::new();
        for cell in 0..(2 * most + 1).pow(dimension as u32) {
            let m =
                (0..dimension as u32).map(|d| cell / (2 * most + 1).pow(d) % (2 * most + 1) - most);
            let m: Vec<i64> = m.collect();
            if m.iter().map(|m| m * m).sum::<i64>() <= cutoff as i64 {
                let k = m.iter().zip(twist).map(|(m, t)| (*m as f64 + t).powi(2));
                energies.push(unit * k.sum::<f64>());
            }
        }
        energies.sort_by(f64::total_cmp);
        if particles == 0 || particles > energies.len() {
            let expected = "1 to as many as there are states of this cutoff";
            return error("particles", particles.to_string(), expected);
        }
        let fields: Vec<f32> = energies.iter().map(|e| (-0.5 * e) as f32).collect();
        // What the fields really are, so that an occupied state has the energy of two of them.
        let constant = -fields.iter().map(|h| f64::from(*h)).sum::<f64>();
        let free = Self::new(vec![fields.len()], Vec::new(), fields)?;
        Ok(Self { name: "fermions", constant, up: Some(particles), ..free })
    }

    /// ln Z over the states of so many spins of +1.
    fn restricted_ln_z(&self, beta: f64, up: usize) -> Option<LnZ> {
        let sites = self.fields.len();
        if self.edges.is_empty() {
            // ln of the sum over the sites so far, by how many of them are up.
            let mut ln = vec![f64::NEG_INFINITY; up + 1];
            ln[0] = -beta * self.constant;
            for h in &self.fields {
                let h = beta * f64::from(*h);
                for n in (0..=up).rev() {
                    let risen = if n > 0 { ln[n - 1] + h } else { f64::NEG_INFINITY };
                    ln[n] = ln_sum_exp(ln[n] - h, risen);
                }
            }
            return Some(LnZ { value: ln[up], error: 0.0, source: "the canonical recursion" });
        }
        if sites > LISTED {
            return None;
        }
        let mut value = f64::NEG_INFINITY;
        for state in (0u32..1 << sites).filter(|state| state.count_ones() as usize == up) {
            let spin = |i| if state >> i & 1 == 1 { 1.0 } else { -1.0 };
            let s: Vec<f32> = (0..sites).map(spin).collect();
            value = ln_sum_exp(value, -beta * self.energy(&s));
        }
        Some(LnZ { value, error: 0.0, source: "a sum over all states" })
    }

    /// For each site the sites beside it, with their couplings.
    fn beside(&self) -> Vec<Vec<(usize, f32)>> {
        let mut beside = vec![Vec::new(); self.fields.len()];
        for (i, j, coupling) in &self.edges {
            beside[*i].push((*j, *coupling));
            beside[*j].push((*i, *coupling));
        }
        beside
    }
}

/// ln(eᵃ + eᵇ).
fn ln_sum_exp(a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

impl Energy for Graph {
    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn kind(&self) -> Kind {
        Kind::Spin
    }

    fn even(&self) -> bool {
        let up = self.up.is_none_or(|up| 2 * up == self.fields.len());
        up && self.fields.iter().all(|field| *field == 0.0)
    }

    fn restricted(&self, up: usize) -> Option<Arc<dyn Energy>> {
        let same = self.up.is_none_or(|own| own == up) && up <= self.fields.len();
        same.then(|| Arc::new(Self { up: Some(up), ..self.clone() }) as Arc<dyn Energy>)
    }

    fn up(&self) -> Option<usize> {
        self.up
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let edge = |(i, j, coupling): &Edge| f64::from(*coupling * x[*i] * x[*j]);
        let field = |(h, x): (&f32, &f32)| f64::from(h * x);
        let fields: f64 = self.fields.iter().zip(x).map(field).sum();
        self.constant - self.edges.iter().map(edge).sum::<f64>() - fields
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        out.fill(self.constant as f32);
        for (i, j, coupling) in &self.edges {
            add_bond_energies(&[(*i, *j)], -coupling, x, out);
        }
        for (field, x) in self.fields.iter().zip(x.chunks_exact(out.len())) {
            if *field != 0.0 {
                out.iter_mut().zip(x).for_each(|(out, x)| *out -= field * x);
            }
        }
    }

    fn gradients(&self, x: &[f32], n: usize, out: &mut [f32]) {
        for (field, out) in self.fields.iter().zip(out.chunks_exact_mut(n)) {
            out.fill(-field);
        }
        for (i, j, coupling) in &self.edges {
            add_bond_gradients(&[(*i, *j)], -coupling, x, n, out);
        }
    }

    fn ln_z(&self, beta: f64) -> Option<LnZ> {
        if let Some(up) = self.up {
            return self.restricted_ln_z(beta, up);
        }
        let edge = |(i, j, coupling): &Edge| {
            let k = beta * f64::from(*coupling);
            ([*i, *j], vec![k, -k, -k, k])
        };
        let field = |h: &f32| vec![-beta * f64::from(*h), beta * f64::from(*h)];
        let edges: Vec<_> = self.edges.iter().map(edge).collect();
        let fields: Vec<_> = self.fields.iter().map(field).collect();
        let value = eliminate::ln_z(2, &edges, &fields)?;
        Some(LnZ { value, error: 0.0, source: "a sum over all states" })
    }

    fn shader(&self) -> Shader {
        let sites = self.fields.len();
        let beside = self.beside();
        let mut table = Vec::new();
        let mut first = 0;
        for beside in &beside {
            table.push(first);
            first += beside.len() as u32;
        }
        table.push(first);
        table.extend(self.fields.iter().map(|field| field.to_bits()));
        table.extend(beside.iter().flatten().flat_map(|(j, k)| [*j as u32, k.to_bits()]));
        let constant = (self.constant as f32).to_bits();
        let constants = [sites as u32, constant, 0, 0, 0, 0, 0, 0];
        Shader { source: include_str!("graph.wgsl"), constants, table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Ising2d;

    const BETA_C: f64 = 0.440_686_793_509_77;

    #[test]
    fn the_square_lattice_is_that_of_ising2d() {
        let field = |field| Graph::lattice(Lattice::Square, 4, [0.7, field], Boundary::Periodic);
        let (graph, ising) = (field(0.0).unwrap(), Ising2d::new([4, 4], 0.7, Boundary::Periodic));
        let ising = ising.unwrap();
        for state in [0u32, 0x1234, 0xffff, 0x8421] {
            let s: Vec<f32> =
                (0..16).map(|i| if state >> i & 1 == 1 { 1.0 } else { -1.0 }).collect();
            assert!((graph.energy(&s) - ising.energy(&s)).abs() < 1e-5);
            let magnetisation: f32 = s.iter().sum();
            let shifted = field(0.25).unwrap().energy(&s);
            assert!((shifted - graph.energy(&s) + f64::from(0.25 * magnetisation)).abs() < 1e-5);
        }
        assert!(graph.even() && !field(0.25).unwrap().even());
        // Kaufman's formula, on lattices too large to enumerate.
        for size in [6, 8] {
            let graph = Graph::lattice(Lattice::Square, size, [1.0, 0.0], Boundary::Periodic);
            let kaufman = Ising2d::new([size, size], 1.0, Boundary::Periodic).unwrap();
            let (found, exact) = (graph.unwrap().ln_z(BETA_C), kaufman.ln_z(BETA_C));
            assert!((found.unwrap().value - exact.unwrap().value).abs() < 1e-9, "{size}");
        }
    }

    /// Every state of every lattice of some 16 spins.
    #[test]
    fn the_sum_over_states_is_that_of_enumeration() {
        for lattice in [Lattice::Square, Lattice::Triangular, Lattice::Honeycomb, Lattice::Cubic] {
            for boundary in [Boundary::Periodic, Boundary::Open] {
                let size = if lattice == Lattice::Cubic { 2 } else { 4 };
                let graph = Graph::lattice(lattice, size, [-0.8, 0.3], boundary).unwrap();
                let n = graph.dim();
                let weight = |state: u32| {
                    let spin = |i| if state >> i & 1 == 1 { 1.0 } else { -1.0 };
                    let s: Vec<f32> = (0..n).map(spin).collect();
                    (-0.6 * graph.energy(&s)).exp()
                };
                let sum: f64 = (0..1u32 << n).map(weight).sum();
                let found = graph.ln_z(0.6).unwrap().value;
                assert!((found - sum.ln()).abs() < 1e-5, "{lattice:?} {boundary:?} {found}");
            }
        }
    }

    /// Wannier's antiferromagnet on the periodic triangular lattice, by the Pfaffian.
    #[test]
    fn the_triangular_antiferromagnet_keeps_its_entropy() {
        for (size, beta, f) in [
            (4, 1.0, -1.289_664_045),
            (4, 5.0, -1.046_720_872),
            (8, 1.0, -1.344_678_777),
            (8, 5.0, -1.064_452_148),
        ] {
            let graph = Graph::lattice(Lattice::Triangular, size, [-1.0, 0.0], Boundary::Periodic);
            let found = -graph.unwrap().ln_z(beta).unwrap().value / (beta * (size * size) as f64);
            assert!((found - f).abs() < 1e-8, "{size} {beta}: {found}");
        }
    }

    #[test]
    fn lattices_have_their_neighbours() {
        for (lattice, size, neighbours) in [
            (Lattice::Square, 5, 4),
            (Lattice::Triangular, 5, 6),
            (Lattice::Honeycomb, 6, 3),
            (Lattice::Cubic, 4, 6),
        ] {
            let graph = Graph::lattice(lattice, size, [1.0, 0.0], Boundary::Periodic).unwrap();
            assert!(graph.beside().iter().all(|beside| beside.len() == neighbours), "{lattice:?}");
            assert_eq!(lattice.word().parse(), Ok(lattice));
        }
    }

    /// Figures of the canonical recursion in exact arithmetic: F = −ln Z / β, n fermions at Θ = 0.15.
    #[test]
    fn fermions_have_the_free_energy_of_the_canonical_recursion() {
        let beta = 1.0 / (4.0 * 0.15);
        for (particles, cutoff, orbitals, f) in [
            (13, 25, 81, 24.811_051_764_3),
            (29, 25, 81, 54.701_204_628_6),
            (49, 36, 113, 91.902_173_776_4),
            (57, 49, 149, 106.762_999_017),
        ] {
            let graph = Graph::fermions(particles, cutoff, &[0.25, 0.25]).unwrap();
            assert_eq!(graph.dim(), orbitals);
            let found = -graph.ln_z(beta).unwrap().value / beta;
            assert!((found / f - 1.0).abs() < 3e-8, "{particles}: {found} {f}");
        }
        // Three dimensions: the volume of the unit cell in r_s is that of so many spheres.
        let graph = Graph::fermions(1, 1, &[0.0; 3]).unwrap();
        let side = (4.0 * PI / 3.0f64).cbrt();
        let mut s = vec![-1.0; 7];
        s[6] = 1.0;
        assert!((graph.energy(&s) - (TAU / side).powi(2)).abs() < 1e-5);
        assert!(Graph::fermions(14, 1, &[0.0; 2]).is_err());
        assert!(Graph::fermions(1, 1, &[0.0; 4]).is_err());
    }

    #[test]
    fn states_of_one_magnetisation_are_summed_alone() {
        let graph = |edges: &[Edge]| {
            let fields = (0..9).map(|i| 0.1 * i as f32 - 0.3).collect();
            Graph::new(vec![9], edges.to_vec(), fields).unwrap()
        };
        for edges in [&[(0, 1, 0.7), (3, 8, -1.2), (1, 4, 0.4)][..], &[]] {
            let all = graph(edges);
            let parts = (0..=9).map(|up| all.restricted(up).unwrap().ln_z(0.8).unwrap().value);
            let sum = parts.fold(f64::NEG_INFINITY, ln_sum_exp);
            assert!((sum - all.ln_z(0.8).unwrap().value).abs() < 1e-9, "{edges:?}");
        }
        assert!(graph(&[]).restricted(10).is_none());
    }

    #[test]
    fn a_glass_is_its_seed() {
        let of = |bonds, disorder, seed| Graph::glass(bonds, disorder, seed).unwrap().edges;
        let lattice = Bonds::Lattice(Lattice::Cubic, 4, true);
        let bimodal = of(lattice, Disorder::Bimodal, 7);
        assert_eq!(bimodal.len(), 3 * 64);
        assert!(bimodal.iter().all(|(.., k)| k.abs() == 1.0));
        assert_eq!(bimodal, of(lattice, Disorder::Bimodal, 7));
        assert_ne!(bimodal, of(lattice, Disorder::Bimodal, 8));
        // 4,950 couplings of variance 1/100: mean and variance within four of their errors.
        let all = of(Bonds::All(100), Disorder::Normal, 3);
        let n = all.len() as f64;
        let mean = all.iter().map(|(.., k)| f64::from(*k)).sum::<f64>() / n;
        let variance = all.iter().map(|(.., k)| f64::from(*k).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 4.0 * 0.1 / n.sqrt(), "{mean}");
        assert!((variance - 0.01).abs() < 4.0 * 0.01 * (2.0 / n).sqrt(), "{variance}");
    }

    #[test]
    fn what_is_no_graph_is_refused() {
        let refused = |edges: &[Edge], fields: &[f32]| {
            Graph::new(vec![fields.len()], edges.to_vec(), fields.to_vec()).unwrap_err().to_string()
        };
        for (edge, expected) in [
            ((0, 3, 1.0), "edges is 0, 3, 1, expected two different sites"),
            ((1, 1, 1.0), "edges is 1, 1, 1, expected two different sites"),
            ((0, 1, f32::NAN), "expected a finite coupling"),
        ] {
            let message = refused(&[edge], &[0.0; 3]);
            assert!(message.contains(expected), "{message}");
        }
        assert!(refused(&[], &[f32::INFINITY]).contains("fields is inf"));
        assert!(refused(&[], &[]).contains("sites is 0"));
        let shape = Graph::new(vec![2, 2], vec![], vec![0.0; 3]).unwrap_err();
        assert_eq!(shape.parameter, "shape");
        let odd = Graph::lattice(Lattice::Honeycomb, 5, [1.0, 0.0], Boundary::Periodic);
        assert_eq!(odd.unwrap_err().parameter, "size");
    }
}
