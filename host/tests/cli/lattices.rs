//! Lattices from coarse to fine, of spins and of states.

use crate::{figures, lattice_is_learnt, ok, refused, run, train_refuses};

const ISING: &str = "
[model]
kind = 'multilevel'
hidden = [16]
[target]
hamiltonian = 'ising2d'
size = 4
beta = 0.44
[train]
grow = [[2, 50]]
steps = 400
batch = 256
learning_rate = 1e-2
anneal = 0.0
evaluate = 20000
";

#[test]
fn a_lattice_is_learnt_after_a_smaller_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let found = figures(path, ISING);
    lattice_is_learnt(path, &found, 0.99);
    let [small, model] = ["run/side-2/model.safetensors", "run/model.safetensors"];
    assert!(path.join(small).exists());
    let inspect = ok(path, &["inspect", model]);
    assert!(inspect.contains("multilevel") && inspect.contains("heat_bath"), "{inspect}");
    // Every row and its mirror image are as likely.
    ok(path, &["sample", model, "-n", "50", "-o", "rows.csv"]);
    let rows = std::fs::read_to_string(path.join("rows.csv")).unwrap();
    let flip = |spin: &str| if spin.starts_with('-') { "1" } else { "-1" };
    let mirror = |row: &str| row.split(',').map(flip).collect::<Vec<_>>().join(",") + "\n";
    let mirrored: String = rows.lines().map(mirror).collect();
    std::fs::write(path.join("mirrored.csv"), mirrored).unwrap();
    let scores = |file| ok(path, &["log-prob", model, file]);
    assert_eq!(scores("rows.csv"), scores("mirrored.csv"));
    // A smaller model starts a larger one; one of another kind does not.
    let larger = ["train", "x.toml", "--device", "cpu", "--out", "larger", "--from", small];
    ok(path, &[&larger[..], &["--set", "train.steps=3"]].concat());
    let other = [&larger[..], &["--set", "model.hidden=[17]"]].concat();
    assert!(refused(path, &other).contains("hidden"));
    // Its weights are no integers yet, and the message says so.
    let quantize = ["quantize", model, "--weights", "i8", "-o", "q.safetensors"];
    assert!(refused(path, &quantize).contains("multilevel"));
}

/// The heat bath follows the temperature.
#[test]
fn a_sweep_of_a_lattice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("x.toml"), ISING).unwrap();
    let sweep = ["sweep", "x.toml", "--beta", "0.2,0.4", "--out", "all", "--device", "cpu"];
    ok(path, &[&sweep[..], &["--set", "train.steps=200"]].concat());
    let table = std::fs::read_to_string(path.join("all/sweep.csv")).unwrap();
    let head: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let ess = head.iter().position(|name| *name == "ess").unwrap();
    for row in table.lines().skip(1) {
        assert!(row.split(',').nth(ess).unwrap().parse::<f64>().unwrap() > 0.98, "{table}");
    }
}

const POTTS: &str = "
[model]
kind = 'multilevel'
hidden = [16]
[target]
hamiltonian = 'potts'
states = 3
size = 4
beta = 1.0
[train]
steps = 600
batch = 256
learning_rate = 1e-2
anneal = 0.0
evaluate = 20000
";

#[test]
fn states_on_a_lattice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let found = figures(path, POTTS);
    let of = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert!(of("ess") > 0.95, "{found}");
    // Exact by a sum over 43 million states.
    assert!((of("ln_z") - of("ln_z_exact")).abs() < 5.0 * of("ln_z_error"), "{found}");
    assert!((0.0..1.0).contains(&of("magnetisation")), "{found}");
    for hamiltonian in ["'clock'", "'blume_capel'\ncrystal_field = 0.5\nfield = 0.1"] {
        let states = if hamiltonian.starts_with("'clock") { "states = 4" } else { "" };
        let config = POTTS
            .replace("'potts'", hamiltonian)
            .replace("states = 3", states)
            .replace("size = 4", "size = 2")
            .replace("beta = 1.0", "beta = 0.4");
        let found = figures(path, &config);
        let of = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
        let [off, error] = [of("ln_z") - of("ln_z_exact"), of("ln_z_error")];
        assert!(off.abs() < 5.0 * error + 1e-6, "{hamiltonian}: {found}");
    }
    let drawn = run(path, &["sample", "run/model.safetensors", "-n", "3"]);
    assert!(drawn.status.success());
}

#[test]
fn what_is_no_such_lattice_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    for (change, words) in [
        (["size = 4", "size = 6"], "a square whose side is a power of two"),
        (["hidden = [16]", "levels = 3"], "`network.levels`: found 3, expected 2 to 2"),
        (["hidden = [16]", "reach = [1, 1]"], "reach"),
        (["hidden = [16]", "reach = 4"], "[model] reach"),
        (["hidden = [16]", "activation = 'relu'"], "[model] activation: expected one that is odd"),
        (["beta = 0.44", "beta = 0.44\nboundary = 'open'"], ""),
        (["grow = [[2, 50]]", "grow = [[1, 50]]"], "[train] grow: found [1, 50]"),
        (["grow = [[2, 50]]", "grow = [[3, 50]]"], "expected sides that are powers of two"),
        (["kind = 'multilevel'", "kind = 'made'"], "[train] grow: expected none"),
        (["hidden = [16]", "domain = 'category'\ncategories = 3"], "the target is over spins"),
        (["'ising2d'", "'ising'\nfield = 0.3"], ""),
    ] {
        match words {
            // Without a heat bath, or with biases, it is learnt too.
            "" => {
                let config = ISING.replace(change[0], change[1]).replace("400", "20");
                figures(path, &config);
            }
            words => train_refuses(path, ISING, change, words),
        }
    }
    let open = ISING.replace("beta = 0.44", "beta = 0.44\nboundary = 'open'");
    let bath = ["hidden = [16]", "hidden = [16]\nheat_bath = true"];
    train_refuses(path, &open, bath, "[model] heat_bath: found true, expected false unless");
    let field = ISING.replace("'ising2d'", "'ising'\nfield = 0.3");
    let z2 = ["hidden = [16]", "hidden = [16]\nsymmetry = 'z2'"];
    train_refuses(path, &field, z2, "[model] symmetry: found 'z2', expected 'none'");
    train_refuses(path, POTTS, ["'multilevel'", "'made'"], "the target is over 3 categories");
    train_refuses(path, POTTS, ["states = 3", "states = 1"], "[target] states: found 1");
    train_refuses(path, POTTS, ["states = 3", ""], "[target] states: is missing");
    let graph = ISING.replace("'ising2d'\nsize = 4", "'graph'\nedges = [[0, 1]]");
    let error = {
        std::fs::write(path.join("wrong.toml"), graph).unwrap();
        refused(path, &["train", "wrong.toml", "--out", "other"])
    };
    assert!(error.contains("[train] grow: expected none"), "{error}");
}
