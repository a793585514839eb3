//! Hamiltonians by name: their constants, how a config has them, and the energies that they are.

use std::path::Path;
use std::sync::Arc;

use pushforward::constraint::CountsSpec;
use pushforward::domain::{Domain, Kind};
use pushforward::model::ConstraintSpec;
use pushforward::network::HeatBathSpec;

use super::beside;
use super::section::Section;
use crate::data::Reader;
use crate::energy::{
    Bonds, Boundary, Disorder, DoubleWell, Edge, Energy, EnergyError, Graph, Ising2d, Lattice,
    MOST_SITES, MOST_STATES, Pairs, Phi4, Ring2d, States,
};
use crate::error::Result;

/// A Hamiltonian by name, with its constants.
#[derive(Clone, Debug, PartialEq)]
pub enum Hamiltonian {
    /// −J Σ s s' over neighbours.
    Ising2d {
        /// Side of the square lattice.
        size: usize,
        /// Inverse temperature.
        beta: f64,
        /// J.
        coupling: f64,
        /// Whether the lattice wraps around.
        periodic: bool,
    },
    /// −J Σ s s' − h Σ s on a lattice.
    Ising {
        /// Which sites are neighbours.
        lattice: Lattice,
        /// Sites along each side.
        size: usize,
        /// Inverse temperature.
        beta: f64,
        /// J and h.
        constants: [f32; 2],
        /// Whether the lattice wraps around.
        periodic: bool,
    },
    /// −Σ J s s' over edges − Σ h s over sites.
    Graph {
        /// How pictures show the sites.
        shape: Vec<usize>,
        /// Inverse temperature.
        beta: f64,
        /// Pairs of sites with their J.
        edges: Vec<Edge>,
        /// h of each site.
        fields: Vec<f32>,
    },
    /// −Σ K(s, s') over neighbours − Σ h(s) of sites of a few states.
    Pairs {
        /// What they are.
        states: States,
        /// Which sites are neighbours.
        lattice: Lattice,
        /// Sites along each side.
        size: usize,
        /// Inverse temperature.
        beta: f64,
        /// J.
        coupling: f32,
        /// Whether the lattice wraps around.
        periodic: bool,
    },
    /// Spins with couplings that are drawn once and for all.
    Glass {
        /// Which of them have one.
        bonds: Bonds,
        /// From which distribution.
        disorder: Disorder,
        /// By which stream.
        seed: u64,
        /// Inverse temperature.
        beta: f64,
    },
    /// Ideal fermions in a box: which plane waves are occupied.
    Fermions {
        /// How many there are.
        particles: usize,
        /// The most that m² is, of momenta m.
        cutoff: usize,
        /// What is added to m along each dimension.
        twist: Vec<f64>,
        /// Inverse temperature.
        beta: f64,
    },
    /// Scalar lattice field theory.
    Phi4 {
        /// Side of the square lattice, periodic.
        size: usize,
        /// Bare mass squared.
        m2: f64,
        /// Quartic coupling.
        lambda: f64,
    },
    /// A particle near a ring, with its momentum.
    Ring2d,
    /// Two wells in the plane.
    DoubleWell,
}

impl Hamiltonian {
    /// What its sites or coordinates are.
    pub fn kind(&self) -> Kind {
        match self {
            Hamiltonian::Ising2d { .. }
            | Hamiltonian::Ising { .. }
            | Hamiltonian::Glass { .. }
            | Hamiltonian::Fermions { .. }
            | Hamiltonian::Graph { .. } => Kind::Spin,
            Hamiltonian::Pairs { states, .. } => Kind::Category(states.count()),
            Hamiltonian::Phi4 { .. } | Hamiltonian::Ring2d | Hamiltonian::DoubleWell => Kind::Real,
        }
    }

    /// The true conditional of a site given its four neighbours, where the lattice is a square one that wraps
    /// around: how many times what of a neighbour, and what stands alone.
    pub fn heat_bath(&self) -> Option<HeatBathSpec> {
        let (beta, [coupling, field]) = match *self {
            Hamiltonian::Ising2d { beta, coupling, periodic: true, .. } => (beta, [coupling, 0.0]),
            Hamiltonian::Ising {
                lattice: Lattice::Square,
                beta,
                constants,
                periodic: true,
                ..
            } => (beta, constants.map(f64::from)),
            Hamiltonian::Pairs {
                states,
                lattice: Lattice::Square,
                beta,
                coupling,
                periodic: true,
                ..
            } => {
                let scaled =
                    |xs: Vec<f32>| xs.iter().map(|x| (beta * f64::from(*x)) as f32).collect();
                let [couplings, field] = states.tables(coupling).map(scaled);
                return Some(HeatBathSpec { couplings, field });
            }
            _ => return None,
        };
        let [coupling, field] = [coupling, field].map(|x| (2.0 * beta * x) as f32);
        Some(HeatBathSpec { couplings: vec![coupling], field: vec![field] })
    }

    /// The side of its lattice, if it is on one.
    pub(super) fn side(&mut self) -> Option<&mut usize> {
        match self {
            Hamiltonian::Ising2d { size, .. }
            | Hamiltonian::Ising { size, .. }
            | Hamiltonian::Pairs { size, .. }
            | Hamiltonian::Phi4 { size, .. } => Some(size),
            Hamiltonian::Graph { .. }
            | Hamiltonian::Glass { .. }
            | Hamiltonian::Fermions { .. }
            | Hamiltonian::Ring2d
            | Hamiltonian::DoubleWell => None,
        }
    }

    /// What multiplies the energy in the exponent.
    pub fn beta(&self) -> f64 {
        match self {
            Hamiltonian::Ising2d { beta, .. }
            | Hamiltonian::Ising { beta, .. }
            | Hamiltonian::Pairs { beta, .. }
            | Hamiltonian::Glass { beta, .. }
            | Hamiltonian::Fermions { beta, .. }
            | Hamiltonian::Graph { beta, .. } => *beta,
            Hamiltonian::Phi4 { .. } | Hamiltonian::Ring2d | Hamiltonian::DoubleWell => 1.0,
        }
    }

    /// The energy function, shared by training and by estimates.
    ///
    /// # Errors
    /// A constant is outside the range of this Hamiltonian.
    pub fn energy(&self) -> std::result::Result<Arc<dyn Energy>, EnergyError> {
        let boundary = |periodic| if periodic { Boundary::Periodic } else { Boundary::Open };
        Ok(match *self {
            Hamiltonian::Ising2d { size, coupling, periodic, .. } => {
                Arc::new(Ising2d::new([size, size], coupling, boundary(periodic))?)
            }
            Hamiltonian::Ising { lattice, size, constants, periodic, .. } => {
                Arc::new(Graph::lattice(lattice, size, constants, boundary(periodic))?)
            }
            Hamiltonian::Graph { ref shape, ref edges, ref fields, .. } => {
                Arc::new(Graph::new(shape.clone(), edges.clone(), fields.clone())?)
            }
            Hamiltonian::Pairs { states, lattice, size, coupling, periodic, .. } => {
                Arc::new(Pairs::new(states, lattice, size, coupling, boundary(periodic))?)
            }
            Hamiltonian::Glass { bonds, disorder, seed, .. } => {
                Arc::new(Graph::glass(bonds, disorder, seed)?)
            }
            Hamiltonian::Fermions { particles, cutoff, ref twist, .. } => {
                Arc::new(Graph::fermions(particles, cutoff, twist)?)
            }
            Hamiltonian::Phi4 { size, m2, lambda } => {
                Arc::new(Phi4::new([size, size], m2, lambda)?)
            }
            Hamiltonian::Ring2d => Arc::new(Ring2d::new()),
            Hamiltonian::DoubleWell => Arc::new(DoubleWell::new(0.0, -4.0, 1.0)?),
        })
    }
}

impl Hamiltonian {
    /// The rows that the model is to have, where the states say which there are.
    pub fn constraint(&self) -> Option<ConstraintSpec> {
        let Hamiltonian::Fermions { .. } = self else { return None };
        let energy = self.energy().ok()?;
        let counts = |up: usize| CountsSpec { counts: vec![(energy.dim() - up) as u32, up as u32] };
        energy.up().map(|up| counts(up).into())
    }

    /// [`Hamiltonian::energy`] over the rows of a model's constraint.
    ///
    /// # Errors
    /// Also if it is not known over these.
    pub fn energy_within(
        &self,
        constraint: Option<&ConstraintSpec>,
    ) -> std::result::Result<Arc<dyn Energy>, String> {
        let energy = self.energy().map_err(|e| e.to_string())?;
        let name = energy.name();
        let wrong = |found: String, expected: String| {
            Err(format!("[model] constraint: found {found}, expected {expected}"))
        };
        match constraint {
            None if energy.up().is_some() => wrong("none".into(), format!("the counts of {name}")),
            None => Ok(energy),
            Some(ConstraintSpec::Counts(spec)) => match spec.counts[..] {
                [down, up] if u64::from(down) + u64::from(up) == energy.dim() as u64 => {
                    let restricted = energy.restricted(up as usize);
                    restricted.ok_or(()).or_else(|()| {
                        let found = format!("{down} and {up} spins");
                        wrong(
                            found,
                            format!("the counts of {name}, or none where it has no such states"),
                        )
                    })
                }
                _ => {
                    let found = format!("{:?}", spec.counts);
                    wrong(
                        found,
                        format!("two counts that add up to {}, the spins of {name}", energy.dim()),
                    )
                }
            },
            Some(_) => wrong("another kind".into(), format!("kind = 'counts' beside {name}")),
        }
    }
}

/// `[target]` with a Hamiltonian.
pub(super) fn read(section: &Section<'_>, path: &Path) -> Result<Hamiltonian> {
    let kinds = [
        "ising2d",
        "ising",
        "potts",
        "clock",
        "blume_capel",
        "lattice_gas",
        "edwards_anderson",
        "sherrington_kirkpatrick",
        "graph",
        "fermions",
        "phi4",
        "ring2d",
        "double_well",
    ];
    let kind = section.kind("hamiltonian", &kinds)?;
    section.known(kind)?;
    let finite = f64::MIN..=f64::MAX;
    let hamiltonian = match kind {
        "ising2d" => Hamiltonian::Ising2d {
            size: side(section)?,
            beta: beta(section)?,
            coupling: section.number("coupling", finite)?.unwrap_or(1.0),
            periodic: is_periodic(section)?,
        },
        "ising" => {
            let number = |key| constant(section, key);
            Hamiltonian::Ising {
                lattice: lattice(section)?,
                size: side(section)?,
                beta: beta(section)?,
                constants: [number("coupling")?.unwrap_or(1.0), number("field")?.unwrap_or(0.0)],
                periodic: is_periodic(section)?,
            }
        }
        "potts" | "clock" | "blume_capel" | "lattice_gas" => pairs(section, kind)?,
        "edwards_anderson" | "sherrington_kirkpatrick" => glass(section, kind)?,
        "graph" => graph(section, path)?,
        "fermions" => fermions(section)?,
        "phi4" => {
            let m2 = section.need("m2", section.number("m2", finite.clone())?)?;
            let lambda = section.need("lambda", section.number("lambda", 0.0..=f64::MAX)?)?;
            if lambda == 0.0 && m2 <= 0.0 {
                return Err(section.fault(
                    "lambda",
                    "found 0, expected more (or m2 > 0): the weight is not normalisable",
                ));
            }
            Hamiltonian::Phi4 { size: side(section)?, m2, lambda }
        }
        "ring2d" => Hamiltonian::Ring2d,
        _ => Hamiltonian::DoubleWell,
    };
    hamiltonian.energy().map_err(|e| {
        section.fault(e.parameter, format!("found {}, expected {}", e.found, e.expected))
    })?;
    Ok(hamiltonian)
}

/// The side of a lattice.
fn side(section: &Section<'_>) -> Result<usize> {
    section.need("size", section.within("size", 2..=1024)?)
}

/// Which sites are neighbours.
fn lattice(section: &Section<'_>) -> Result<Lattice> {
    let word = section.choice("lattice", &Lattice::WORDS)?;
    Ok(word.and_then(|word| word.parse().ok()).unwrap_or(Lattice::Square))
}

/// A constant of a Hamiltonian.
fn constant(section: &Section<'_>, key: &str) -> Result<Option<f32>> {
    Ok(section.number(key, f64::MIN..=f64::MAX)?.map(|x| x as f32))
}

/// An inverse temperature.
fn beta(section: &Section<'_>) -> Result<f64> {
    section.need("beta", section.number("beta", f64::MIN_POSITIVE..=f64::MAX)?)
}

/// Whether a lattice wraps around, as it does if nothing else is said.
fn is_periodic(section: &Section<'_>) -> Result<bool> {
    let boundary = section.choice("boundary", &["periodic", "open"])?;
    Ok(boundary.unwrap_or("periodic") == "periodic")
}

/// `fermions`.
fn fermions(section: &Section<'_>) -> Result<Hamiltonian> {
    let dimension = section.within("dimension", 2..=3)?.unwrap_or(2);
    let twist = section.get("twist")?.unwrap_or_else(|| vec![0.0; dimension]);
    if twist.len() != dimension {
        let message = format!("found {} numbers, expected {dimension}", twist.len());
        return Err(section.fault("twist", message));
    }
    Ok(Hamiltonian::Fermions {
        particles: section.need("particles", section.within("particles", 1..=MOST_SITES)?)?,
        cutoff: section.need("cutoff", section.within("cutoff", 1..=400)?)?,
        twist,
        beta: beta(section)?,
    })
}

/// `edwards_anderson` or `sherrington_kirkpatrick`.
fn glass(section: &Section<'_>, kind: &str) -> Result<Hamiltonian> {
    let bonds = match kind {
        "edwards_anderson" => {
            Bonds::Lattice(lattice(section)?, side(section)?, is_periodic(section)?)
        }
        _ => Bonds::All(section.need("sites", section.within("sites", 2..=4096)?)?),
    };
    let usual = if kind == "edwards_anderson" { "bimodal" } else { "normal" };
    let disorder = section.choice("disorder", &["bimodal", "normal"])?.unwrap_or(usual);
    Ok(Hamiltonian::Glass {
        bonds,
        disorder: if disorder == "bimodal" { Disorder::Bimodal } else { Disorder::Normal },
        seed: section.within("disorder_seed", 0..=i64::MAX as usize)?.unwrap_or(1) as u64,
        beta: beta(section)?,
    })
}

/// `potts`, `clock`, `blume_capel` or `lattice_gas`.
fn pairs(section: &Section<'_>, kind: &str) -> Result<Hamiltonian> {
    let number = |key| constant(section, key);
    let states = || {
        let q = section.within("states", 2..=MOST_STATES)?;
        Ok(section.need("states", q)? as u32)
    };
    let states = match kind {
        "potts" => States::Potts { q: states()? },
        "clock" => States::Clock { q: states()? },
        "lattice_gas" => {
            let chemical_potential = number("chemical_potential")?.unwrap_or(0.0);
            States::LatticeGas { chemical_potential }
        }
        _ => {
            let crystal_field = number("crystal_field")?.unwrap_or(0.0);
            States::BlumeCapel { crystal_field, field: number("field")?.unwrap_or(0.0) }
        }
    };
    Ok(Hamiltonian::Pairs {
        states,
        lattice: lattice(section)?,
        size: side(section)?,
        beta: beta(section)?,
        coupling: number("coupling")?.unwrap_or(1.0),
        periodic: is_periodic(section)?,
    })
}

/// Most sites of a graph of all pairs.
const MOST_OF_ALL: usize = 1024;

/// `edges`: i, j and, where it is not 1, J; `fields`: i and h; errors may stand behind them. Both are a file of rows, or the
/// rows themselves; edges may be `all`, without couplings yet.
fn graph(section: &Section<'_>, path: &Path) -> Result<Hamiltonian> {
    let rows = |key: &str, widths: &[usize]| -> Result<Vec<Vec<f32>>> {
        let rows = match section.value(key) {
            None => return Ok(Vec::new()),
            Some(toml::Value::String(all)) if key == "edges" && all == "all" => {
                let sites = section.need("sites", section.within("sites", 2..=MOST_OF_ALL)?)?;
                let pairs = (0..sites).flat_map(|i| (i + 1..sites).map(move |j| [i, j]));
                pairs.map(|[i, j]| vec![i as f32, j as f32, 0.0]).collect()
            }
            Some(toml::Value::String(file)) if file == "-" => {
                return Err(section.fault(key, "found '-', expected a file or rows"));
            }
            Some(toml::Value::String(file)) => {
                let file = beside(path, file);
                let mut reader = Reader::open(&file, None, Domain::Uniform(Kind::Real))?;
                let width = reader.width();
                reader.all()?.chunks(width).map(<[f32]>::to_vec).collect()
            }
            Some(_) => section.get::<Vec<Vec<f32>>>(key)?.unwrap_or_default(),
        };
        match rows.iter().find(|row| !widths.contains(&row.len())) {
            Some(row) => {
                let found = format!("found {} numbers in a row, expected {widths:?}", row.len());
                Err(section.fault(key, found))
            }
            None => Ok(rows),
        }
    };
    let site = |key: &str, x: f32| {
        let whole = x >= 0.0 && x < MOST_SITES as f32 && x.fract() == 0.0;
        let message =
            || format!("found site {x}, expected a whole number from 0 to {}", MOST_SITES - 1);
        whole.then_some(x as usize).ok_or_else(|| section.fault(key, message()))
    };
    if section.value("edges").is_none() {
        return section.need("edges", None);
    }
    let mut edges = Vec::new();
    for row in rows("edges", &[2, 3, 4])? {
        let coupling = row.get(2).copied().unwrap_or(1.0);
        edges.push((site("edges", row[0])?, site("edges", row[1])?, coupling));
    }
    let mut given = Vec::new();
    for row in rows("fields", &[2, 3])? {
        given.push((site("fields", row[0])?, row[1]));
    }
    let named = edges.iter().map(|(i, j, _)| *i.max(j)).chain(given.iter().map(|(i, _)| *i));
    let most = named.max().map_or(1, |last| last + 1);
    let sites = section.within("sites", most..=MOST_SITES)?.unwrap_or(most);
    let mut fields = vec![0.0; sites];
    for (i, h) in given {
        fields[i] += h;
    }
    Ok(Hamiltonian::Graph {
        shape: section.sizes("shape", 1)?.unwrap_or_else(|| vec![sites]),
        beta: beta(section)?,
        edges,
        fields,
    })
}
