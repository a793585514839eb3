//! Writes the models whose instructions `benches/instructions-firmware.sh` counts:
//! `cargo run -p pushforward-codegen --example counted -- FOLDER`.
//!
//! They have the sizes that one would put on a microcontroller. Their weights are made up, for the
//! cost does not depend on them.

use std::path::Path;
use std::{env, error};

use pushforward::activation::AnyActivation;
use pushforward::bijection::Direction;
use pushforward::conditional::logistics::Column;
use pushforward::constraint::CountsSpec;
use pushforward::model::{Arithmetic, Description, Symmetry, UnivariateSpec, preset};
use pushforward::network::{Bits, HeatBathSpec};
use pushforward::univariate::{AffineSpec, RationalQuadraticSpec};

#[allow(dead_code, reason = "a program of its own")]
#[path = "models.rs"]
mod models;

fn main() -> Result<(), Box<dyn error::Error>> {
    use Arithmetic::{Fused, Integer, Plain};
    let folder = env::args().nth(1).ok_or("usage: counted FOLDER")?;
    for (name, description, arithmetic) in [
        ("spins-4x4", made(4, 64), Fused),
        ("spins-16x16", made(16, 64), Fused),
        ("spins-16x16-wide", made(16, 1024), Fused),
        ("spins-16x16-i8", models::of_integers(made(16, 64), Bits::I8, Some(Bits::I8)), Integer),
        ("lattice-16", lattice(16), Fused),
        ("lattice-32", lattice(32), Fused),
        ("pixelcnn-16", preset::pixelcnn([16, 16], &[8, 8], [3, 3]), Fused),
        ("fermions-49", fermions(113, 49), Fused),
        ("realnvp-64", realnvp(64, 6), Fused),
        ("realnvp-64-plain", realnvp(64, 6), Plain),
        ("nsf-8", nsf(8, 8), Fused),
        ("nsf-4-plain", nsf(4, 4), Plain),
        ("nsf-4-i8", models::of_integers(nsf(4, 4), Bits::I8, None), Plain),
        ("maf-16", maf(16, 3), Fused),
        ("table-8", table(8, &[64]), Fused),
    ] {
        let path = Path::new(&folder).join(name).with_extension("safetensors");
        models::write(&path, &models::model(description, arithmetic)?)?;
    }
    Ok(())
}

/// Spins on a square; with 16 rows and 64 units the network of the demo.
fn made(rows: usize, units: usize) -> Description {
    preset::made(&[rows, rows], &[units], true, Symmetry::Z2)
}

/// The Ising model on a square, from coarse to fine.
fn lattice(side: usize) -> Description {
    let heat_bath = HeatBathSpec { couplings: vec![0.88], field: vec![0.0] };
    preset::multilevel(side, 32, AnyActivation::Smoothstep, Some(heat_bath))
}

/// So many sites, of which so many are up.
fn fermions(sites: u32, up: u32) -> Description {
    let made = preset::made(&[sites as usize], &[256], false, Symmetry::None);
    preset::within(made, CountsSpec { counts: vec![sites - up, up] })
}

fn couplings(dim: usize, n: usize, univariate: UnivariateSpec) -> Description {
    let mask = |l: usize| (0..dim).map(move |d| (d + l).is_multiple_of(2));
    let layer = |l| preset::coupling(mask(l), &[64, 64], univariate);
    preset::flow(&[dim], (0..n).map(layer), false)
}

fn realnvp(dim: usize, n: usize) -> Description {
    couplings(dim, n, AffineSpec { log_scale_bound: 2.0 }.into())
}

fn nsf(dim: usize, n: usize) -> Description {
    couplings(dim, n, RationalQuadraticSpec::linear(8, 5.0).into())
}

/// Columns of a table, real numbers and integers in turn, each a mixture of eight.
fn table(dim: usize, hidden: &[usize]) -> Description {
    let column = |d: usize| match d % 2 {
        0 => Column::real(20.0, 10.0),
        _ => Column::integers(20.0, 10.0).between(0.0, f32::INFINITY),
    };
    preset::table((0..dim).map(column).collect(), 8, hidden, true)
}

fn maf(dim: usize, n: usize) -> Description {
    let order = |l: usize| {
        if l.is_multiple_of(2) { (0..dim).collect() } else { (0..dim).rev().collect() }
    };
    let map = AffineSpec { log_scale_bound: 3.0 };
    let layer = |l| preset::autoregressive(order(l), Direction::Density, &[64, 64], map);
    preset::flow(&[dim], (0..n).map(layer), false)
}
