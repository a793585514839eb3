//! Models that are the mean over a group.

use crate::{figures, lattice_is_learnt, ok, train_refuses};

const ISING: &str = "
[model]
kind = 'made'
hidden = [24]
[target]
hamiltonian = 'ising2d'
size = 4
beta = 0.44
[train]
steps = 150
batch = 256
learning_rate = 1e-2
anneal = 0.0
evaluate = 8192
";

#[test]
fn the_mean_over_a_group_is_nearer_to_what_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let ess = |found: &serde_json::Value| found["ess"].as_f64().unwrap();
    let alone = ess(&figures(path, ISING));
    std::fs::remove_dir_all(path.join("run")).unwrap();
    let config =
        ISING.replace("[target]", "group = { translations = true, point = true }\n[target]");
    let found = figures(path, &config);
    // The same network, step by step: the group is around it.
    assert!(ess(&found) > alone && ess(&found) > 0.975, "{alone}, {found}");
    lattice_is_learnt(path, &found, 0.975);
    let inspect = ok(path, &["inspect", "run/model.safetensors"]);
    assert!(inspect.contains("translations"), "{inspect}");
    ok(path, &["quantize", "run/model.safetensors", "--weights", "i8", "-o", "q.safetensors"]);
    ok(path, &["check", "q.safetensors"]);
}

#[test]
fn colours_are_permuted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let config = ISING
        .replace("'ising2d'\nsize = 4\nbeta = 0.44", "'potts'\nsize = 2\nstates = 3\nbeta = 1.0")
        .replace("'made'", "'multilevel'\nheat_bath = false\ngroup = { values = 'permutations' }");
    let found = figures(path, &config);
    lattice_is_learnt(path, &found, 0.9);
}

#[test]
fn what_has_no_such_symmetry_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let config = ISING.replace("[target]", "group = { point = true }\n[target]");
    for (change, words) in [
        (
            ["'ising2d'", "'ising'\nlattice = 'triangular'"],
            "group: found one, expected one under which ising does not change",
        ),
        (["point = true", "points = true"], "[model] group: unknown field `points`"),
        (["point = true", "values = 'reversal'"], "`group.values`: found reversal, expected same"),
        (["point = true", "values = 'cyclic'"], "`group.values`: found cyclic, expected reversal"),
        (["point = true", "point = false"], "`group.values`: found same, expected maps of values"),
    ] {
        train_refuses(path, &config, change, words);
    }
    let large = config.replace("point = true", "point = true, translations = true");
    train_refuses(
        path,
        &large,
        ["size = 4", "size = 64"],
        "`group.elements`: found 32768, expected",
    );
    std::fs::write(path.join("x.csv"), "1,1\n-1,1\n").unwrap();
    let data = ["hamiltonian = 'ising2d'\nsize = 4\nbeta = 0.44", "data = 'x.csv'"];
    train_refuses(path, &config, data, "[model] group: expected none, to learn from data");
}
