//! Writes the models whose instructions `benches/instructions-m4f.sh` counts:
//! `cargo run -p pushforward-codegen --example counted -- FOLDER`.
//!
//! They have the sizes that one would put on a microcontroller. Their weights are made up, for the
//! cost does not depend on them.

use std::path::Path;
use std::{env, error};

use pushforward::model::{
    Architecture, Arithmetic, AutoregressiveSpec, CouplingSpec, Fast, MadeSpec, MafSpec, NsfSpec,
    RealNvpSpec, Symmetry, TransformerSpec,
};

#[allow(dead_code, reason = "a program of its own")]
#[path = "models.rs"]
mod models;

fn main() -> Result<(), Box<dyn error::Error>> {
    use Arithmetic::{Fused, Plain};
    let folder = env::args().nth(1).ok_or("usage: counted FOLDER")?;
    for (name, architecture, arithmetic) in [
        ("spins-4x4", made(4, 64), Fused),
        ("spins-16x16", made(16, 64), Fused),
        ("spins-16x16-wide", made(16, 1024), Fused),
        ("realnvp-64", realnvp(64, 6), Fused),
        ("realnvp-64-plain", realnvp(64, 6), Plain),
        ("nsf-8", nsf(8, 8), Fused),
        ("maf-16", maf(16, 3), Fused),
    ] {
        let path = Path::new(&folder).join(name).with_extension("safetensors");
        models::write(&path, &models::model(architecture, arithmetic)?)?;
    }
    Ok(())
}

/// Spins on a square; with 16 rows and 64 units the network of the demo.
fn made(rows: usize, units: usize) -> Architecture {
    Architecture::Made(MadeSpec {
        sites: rows * rows,
        hidden: vec![units],
        pairwise: true,
        symmetry: Symmetry::Z2,
        shape: vec![rows, rows],
    })
}

fn couplings(dim: usize, n: usize) -> Vec<CouplingSpec> {
    let mask = |l| (0..dim).map(|d| (d + l) % 2 == 0).collect();
    (0..n).map(|l| CouplingSpec { mask: mask(l), hidden: vec![64, 64] }).collect()
}

fn realnvp(dim: usize, n: usize) -> Architecture {
    let (couplings, shape) = (couplings(dim, n), vec![dim]);
    Architecture::RealNvp(RealNvpSpec {
        dim,
        couplings,
        log_scale_bound: 2.0,
        affine: false,
        shape,
    })
}

fn nsf(dim: usize, n: usize) -> Architecture {
    let (couplings, shape) = (couplings(dim, n), vec![dim]);
    Architecture::Nsf(NsfSpec { dim, couplings, bins: 8, bound: 5.0, affine: false, shape })
}

fn maf(dim: usize, n: usize) -> Architecture {
    let order = |l: usize| {
        if l.is_multiple_of(2) { (0..dim).collect() } else { (0..dim).rev().collect() }
    };
    let layer = |l| AutoregressiveSpec { order: order(l), hidden: vec![64, 64] };
    Architecture::Maf(MafSpec {
        dim,
        layers: (0..n).map(layer).collect(),
        fast: Fast::Density,
        transformer: TransformerSpec::Affine { log_scale_bound: 3.0 },
        affine: false,
        shape: vec![dim],
    })
}
