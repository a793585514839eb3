//! Hamiltonians over the spins of any graph.

use crate::{figures, ok, refused, train_refuses};

/// A frustrated ring of five spins, one of them in a field.
const RING: &str = "
[model]
kind = 'made'
hidden = [10]
[target]
hamiltonian = 'graph'
edges = 'edges.csv'
fields = [[2, 0.5]]
beta = 0.9
[train]
steps = 600
batch = 500
learning_rate = 1e-2
evaluate = 20000
";

const EDGES: &str = "i,j,J\n0,1,1\n1,2,1\n2,3,1\n3,4,1\n4,0,-1.5\n";

/// ln Z of the ring, over its 32 states.
fn ln_z() -> f64 {
    let weight = |state: u32| {
        let s: Vec<f64> = (0..5).map(|i| f64::from(state >> i & 1) * 2.0 - 1.0).collect();
        let bonds: f64 = (0..4).map(|i| s[i] * s[i + 1]).sum();
        (0.9 * (bonds - 1.5 * s[4] * s[0] + 0.5 * s[2])).exp()
    };
    (0..32).map(weight).sum::<f64>().ln()
}

#[test]
fn a_graph_is_read_from_a_file_and_its_model_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("edges.csv"), EDGES).unwrap();
    let found = figures(path, RING);
    let exact = found["ln_z_exact"].as_f64().unwrap_or_else(|| panic!("{found}"));
    assert!((exact - ln_z()).abs() < 1e-6, "{exact} {}", ln_z());
    assert!(found["ess"].as_f64().unwrap() > 0.95, "{found}");
    // What the run keeps has the edges in it, and needs the file no more.
    std::fs::remove_file(path.join("edges.csv")).unwrap();
    ok(path, &["report", "run", "-o", "again.html"]);
}

#[test]
fn what_is_no_graph_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("edges.csv"), EDGES).unwrap();
    for (change, words) in [
        (["'edges.csv'", "'other.csv'"], "other.csv"),
        (["'edges.csv'", "'-'"], "[target] edges: found '-', expected a file or rows"),
        (["'edges.csv'", "[[0, 1], [1, 1.5]]"], "[target] edges: found site 1.5"),
        (["'edges.csv'", "[[0, 0]]"], "[target] edges: found 0, 0, 1, expected two different"),
        (["'edges.csv'", "[[0]]"], "[target] edges: found 1 numbers in a row, expected [2, 3]"),
        (["edges = 'edges.csv'", ""], "[target] edges: is missing"),
        (["[[2, 0.5]]", "[[2, 0.5, 1]]"], "[target] fields: found 3 numbers"),
        (["beta = 0.9", "beta = 0.9\nsites = 3"], "[target] sites: found 3, expected 5 to"),
        (["beta = 0.9", "beta = 0.9\nshape = [2, 3]"], "[target] shape: found [2, 3] for 5"),
        (["beta = 0.9", "beta = 0.9\nlattice = 'square'"], "lattice"),
        (["hidden = [10]", "hidden = [10]\nsymmetry = 'z2'"], "symmetry"),
    ] {
        train_refuses(path, RING, change, words);
    }
    std::fs::write(path.join("edges.csv"), "0,1,one\n").unwrap();
    std::fs::write(path.join("x.toml"), RING).unwrap();
    let error = refused(path, &["train", "x.toml", "--out", "other"]);
    assert!(error.contains("edges.csv") && error.contains("one"), "{error}");
}

#[test]
fn lattices_have_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let config = "[model]\nkind = 'made'\nhidden = []\n[target]\nhamiltonian = 'ising'\n\
                  lattice = 'triangular'\nsize = 4\ncoupling = -1.0\nbeta = 0.5\n\
                  [train]\nsteps = 300\nbatch = 200\nevaluate = 4000\n";
    let found = figures(path, config);
    assert!(found["ln_z_exact"].is_f64(), "{found}");
    train_refuses(path, config, ["triangular", "kagome"], "expected one of square, triangular");
    train_refuses(path, config, ["size = 4", "size = 1"], "[target] size: found 1");
}

#[test]
fn a_sweep_goes_from_one_temperature_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("edges.csv"), EDGES).unwrap();
    std::fs::write(path.join("x.toml"), RING).unwrap();
    let sweep = ["sweep", "x.toml", "--beta", "0.3:0.9:0.3", "--out", "all", "--device", "cpu"];
    let settings = ["--set", "train.steps=300", "--set", "train.evaluate=4000"];
    let text = ok(path, &[&sweep[..], &settings].concat());
    assert_eq!(text.lines().count(), 5, "{text}");
    let table = std::fs::read_to_string(path.join("all/sweep.csv")).unwrap();
    let last: Vec<&str> = table.lines().last().unwrap().split(',').collect();
    let at = |name: &str| {
        let place = table.lines().next().unwrap().split(',').position(|head| head == name);
        last[place.unwrap()].parse::<f64>().unwrap()
    };
    let (exact, error) = (-ln_z() / (0.9 * 5.0), at("free_energy_per_site_corrected_error"));
    let found = at("free_energy_per_site_corrected");
    assert!((found - exact).abs() < 5.0 * error + 1e-6, "{found} {error} {exact}");
    assert!((at("free_energy_per_site_exact") - exact).abs() < 1e-6);
    // S = β (E − F).
    let entropy = 0.9 * (at("energy_per_site") - found);
    assert!((at("entropy_per_site") - entropy).abs() < 1e-6, "{table}");
    // Runs that are there are gone on with if asked.
    assert_eq!(ok(path, &[&sweep[..], &settings, &["--resume"]].concat()), text);
    let message = refused(path, &["sweep", "x.toml", "--beta", "0.3;0.4"]);
    assert!(message.contains("--beta"), "{message}");
}
