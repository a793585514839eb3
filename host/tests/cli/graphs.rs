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

fn energy(s: &[f64]) -> f64 {
    let bonds: f64 = (0..4).map(|i| s[i] * s[i + 1]).sum();
    1.5 * s[4] * s[0] - bonds - 0.5 * s[2]
}

/// State `k` of 32.
fn state(k: usize) -> Vec<f64> {
    (0..5).map(|i| if k >> i & 1 == 1 { 1.0 } else { -1.0 }).collect()
}

/// ln Z of the ring, over its 32 states.
fn ln_z() -> f64 {
    (0..32).map(|k| (-0.9 * energy(&state(k))).exp()).sum::<f64>().ln()
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
        (["'edges.csv'", "[[0]]"], "[target] edges: found 1 numbers in a row, expected [2, 3, 4]"),
        (["edges = 'edges.csv'", ""], "[target] edges: is missing"),
        (["[[2, 0.5]]", "[[2, 0.5, 1, 1]]"], "[target] fields: found 4 numbers"),
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
fn a_glass_draws_its_couplings() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let config = "[model]\nkind = 'made'\nhidden = []\n[target]\nhamiltonian = 'edwards_anderson'\n\
                  size = 4\nbeta = 0.5\ndisorder_seed = 3\n[train]\nsteps = 200\nbatch = 200\n\
                  evaluate = 4000\n";
    let ln_z = |config: &str| figures(path, config)["ln_z_exact"].as_f64().unwrap();
    let one = ln_z(config);
    assert_eq!(
        one,
        ln_z(&config.replace("disorder_seed = 3", "disorder_seed = 3\ndisorder = 'bimodal'"))
    );
    assert_ne!(one, ln_z(&config.replace("disorder_seed = 3", "disorder_seed = 4")));
    let all =
        config.replace("'edwards_anderson'\nsize = 4", "'sherrington_kirkpatrick'\nsites = 10");
    ln_z(&all);
    train_refuses(path, &all, ["sites = 10", ""], "[target] sites: is missing");
    train_refuses(path, config, ["seed = 3", "seed = -3"], "[target] disorder_seed: found -3");
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

/// Rows of five spins by the probabilities of all states of the ring at beta = 0.8.
fn rows_of_the_ring(n: u32) -> String {
    let ends: Vec<f64> = (0..32)
        .scan(0.0, |sum, k| {
            *sum += (-0.8 * energy(&state(k))).exp();
            Some(*sum)
        })
        .collect();
    let row = |i: u32| {
        let word = pushforward::noise::block([3, 1], [i, 0])[0];
        let at = f64::from(word) / 2f64.powi(32) * ends[31];
        let k = ends.partition_point(|end| *end <= at);
        state(k).iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n"
    };
    (0..n).map(row).collect()
}

#[test]
fn couplings_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("rows.csv"), rows_of_the_ring(20_000)).unwrap();
    let config = "[model]\nkind = 'made'\nhidden = [16]\nsymmetry = 'none'\n[target]\nhamiltonian = 'graph'\nsites = 5\n\
                  edges = 'all'\nbeta = 0.8\n[train]\nsteps = 200\nbatch = 200\nlearning_rate = 0.01\nevaluate = 4000\n";
    std::fs::write(path.join("x.toml"), config).unwrap();
    let search = ["couplings", "x.toml", "--data", "rows.csv", "--out", "run", "--device", "cpu"];
    let settings = ["--rounds", "8", "--steps", "40", "-n", "20000", "--json"];
    let text = ok(path, &[&search[..], &settings].concat());
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(found["ess"].as_f64().unwrap() > 0.9, "{found}");
    // Every coupling and field within five of its errors, those that are none too.
    let read = |file: &str| -> Vec<Vec<f64>> {
        let text = std::fs::read_to_string(path.join("run").join(file)).unwrap();
        text.lines().map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect()
    };
    let (edges, fields) = (read("edges.csv"), read("fields.csv"));
    assert_eq!((edges.len(), fields.len()), (10, 5));
    let of = |i: usize, j: usize| {
        let flipped = |spins: &[usize]| {
            let s: Vec<f64> = (0..5).map(|k| if spins.contains(&k) { -1.0 } else { 1.0 }).collect();
            energy(&s)
        };
        // E(i and j flipped) − E(i) − E(j) + E(none) = −4 J.
        (flipped(&[i]) + flipped(&[j]) - flipped(&[i, j]) - flipped(&[])) / 4.0
    };
    for row in &edges {
        let (i, j, expected) =
            (row[0] as usize, row[1] as usize, of(row[0] as usize, row[1] as usize));
        assert!((row[2] - expected).abs() < 5.0 * row[3], "{i} {j}: {row:?}, not {expected}");
        assert!(row[3] < 0.05, "{row:?}");
    }
    let field = |i: usize| {
        let alone: Vec<f64> = (0..5).map(|k| if k == i { 1.0 } else { 0.0 }).collect();
        -energy(&alone)
    };
    for row in &fields {
        let expected = field(row[0] as usize);
        assert!((row[1] - expected).abs() < 5.0 * row[2], "{row:?}, not {expected}");
    }
    // What was written is read again.
    let again =
        config.replace("edges = 'all'", "edges = 'run/edges.csv'\nfields = 'run/fields.csv'");
    std::fs::write(path.join("again.toml"), again).unwrap();
    ok(path, &["estimate", "run/model.safetensors", "--energy", "again.toml", "-n", "2000"]);

    let ising = config.replace(
        "hamiltonian = 'graph'\nsites = 5\nedges = 'all'",
        "hamiltonian = 'ising'\nsize = 4",
    );
    std::fs::write(path.join("ising.toml"), ising).unwrap();
    let refused = |config: &str, data: &str| {
        refused(path, &["couplings", config, "--data", data, "--device", "cpu"])
    };
    assert!(refused("ising.toml", "rows.csv").contains("expected 'graph'"));
    std::fs::write(path.join("four.csv"), "1,1,-1,1\n").unwrap();
    assert!(refused("x.toml", "four.csv").contains("four.csv"));
    std::fs::write(path.join("odd.csv"), "1,1,-1,1,2\n").unwrap();
    assert!(refused("x.toml", "odd.csv").contains("odd.csv"));
    train_refuses(path, config, ["sites = 5", ""], "[target] sites: is missing");
}
