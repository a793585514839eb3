//! Spins on any graph: E = −Σ_(ij) J_ij s_i s_j − Σ_i h_i s_i.
//!
//! Spin glasses, Hopfield networks and lattices are graphs; [`Lattice`] spells the usual ones out. ln Z is exact
//! where [`eliminate`] can sum over all spins.

mod eliminate;

use std::str::FromStr;

use pushforward::domain::Kind;

use super::{Boundary, Energy, EnergyError, LnZ, Shader, add_bond_energies, add_bond_gradients};

/// The most spins of a graph.
pub const MOST_SITES: usize = 1 << 20;

/// Two sites and their coupling J: sites are counted from 0.
pub type Edge = (usize, usize, f32);

/// Spins with a coupling for each edge and a field for each site.
#[derive(Clone, Debug)]
pub struct Graph {
    name: &'static str,
    shape: Vec<usize>,
    edges: Vec<Edge>,
    /// One a site.
    fields: Vec<f32>,
}

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

    /// Its bonds, on a lattice of `size` sites a side.
    fn bonds(self, size: usize, periodic: bool) -> Vec<(usize, usize)> {
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
        Ok(Self { name: "graph", shape, edges, fields })
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
        let most = if lattice == Lattice::Cubic { 101 } else { 1024 };
        if !(2..=most).contains(&size) {
            let expected = "2 to 1024, on a cubic lattice to 101";
            return error("size", size.to_string(), expected);
        }
        let periodic = boundary == Boundary::Periodic;
        if lattice == Lattice::Honeycomb && periodic && size % 2 == 1 {
            return error("size", size.to_string(), "an even number on a periodic honeycomb");
        }
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
        self.fields.iter().all(|field| *field == 0.0)
    }

    fn energy(&self, x: &[f32]) -> f64 {
        let edge = |(i, j, coupling): &Edge| f64::from(*coupling * x[*i] * x[*j]);
        let field = |(h, x): (&f32, &f32)| f64::from(h * x);
        let fields: f64 = self.fields.iter().zip(x).map(field).sum();
        -self.edges.iter().map(edge).sum::<f64>() - fields
    }

    fn energies(&self, x: &[f32], out: &mut [f32]) {
        out.fill(0.0);
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
        let edges = self.edges.iter().map(|(i, j, k)| ([*i, *j], beta * f64::from(*k)));
        let fields: Vec<f64> = self.fields.iter().map(|h| beta * f64::from(*h)).collect();
        let value = eliminate::ln_z(&edges.collect::<Vec<_>>(), &fields)?;
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
        let constants = [sites as u32, 0, 0, 0, 0, 0, 0, 0];
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
