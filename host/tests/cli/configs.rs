//! Sixty wrong configs: each one clear message, exit code 2, no file.

use crate::refused;

const MODEL: &str = "[model]\nkind = 'made'\n";
const TARGET: &str = "[target]\nhamiltonian = 'ising2d'\nsize = 4\nbeta = 0.4\n";
const FLOW: &str = "[model]\nkind = 'realnvp'\n";
const WELL: &str = "[target]\nhamiltonian = 'double_well'\n";

#[test]
fn each_wrong_config_is_refused() {
    let made = |text: &str| format!("{MODEL}{text}\n{TARGET}");
    let ising = |text: &str| format!("{MODEL}[target]\nhamiltonian = 'ising2d'\n{text}\n");
    let flow = |text: &str| format!("{FLOW}{text}\n{WELL}");
    let nsf = |text: &str| format!("[model]\nkind = 'nsf'\n{text}\n{WELL}");
    let maf = |text: &str| format!("[model]\nkind = 'maf'\n{text}\n{WELL}");
    let train = |text: &str| format!("{MODEL}{TARGET}[train]\n{text}\n");
    let phi4 = |text: &str| format!("{FLOW}[target]\nhamiltonian = 'phi4'\n{text}\n");
    let data = |text: &str| format!("{FLOW}[target]\n{text}\n");
    let cases = [
        (String::new(), "[target]"),
        ("[model".into(), "line 1"),
        ("model = 3".into(), "expected a table"),
        ("kind = 'made'".into(), "kind: unknown at the top level: it belongs in [model]"),
        (format!("{MODEL}{TARGET}[trian]\nsteps = 3"), "did you mean [train]?"),
        (format!("{MODEL}{TARGET}[zzz]\n"), "expected the tables"),
        (format!("{MODEL}{MODEL}{TARGET}"), "line 3"),
        (MODEL.into(), "has no [target]"),
        (TARGET.into(), "has no [model]"),
        (
            format!("[model]\n{TARGET}"),
            "kind: is missing, expected one of made, multilevel, pixelcnn, realnvp, nsf, maf, flow, table",
        ),
        (
            format!("[model]\nkind = 'mede'\n{TARGET}"),
            "found 'mede', expected one of made, multilevel, pixelcnn, realnvp, nsf, maf, flow, table (did you mean 'made'?)",
        ),
        (format!("[model]\nkind = 7\n{TARGET}"), "found 7, expected a string"),
        (made("hidden = 0"), "found 0, expected whole numbers from 1"),
        (made("hidden = [16, -4]"), "found -4"),
        (made("hidden = 'many'"), "found \"many\""),
        (made("hidden = [1.5]"), "found 1.5"),
        (made("hidden = [99999999]"), "found 99999999"),
        (made("hidden = []\npairwise = false"), "pairwise"),
        (made("symmetry = 'z3'"), "found 'z3', expected one of none, z2"),
        (made("pairwise = 'yes'"), "[model] pairwise: invalid type"),
        (made("layers = 4"), "'made' does not take it"),
        (made("hiden = 16"), "did you mean 'hidden' in [model]?"),
        (made("steps = 16"), "it belongs in [train]"),
        (made("arithmetic = 'exact'"), "expected one of fused, plain"),
        (made("context = 4"), "context"),
        (ising("beta = 0.4"), "[target] size: is missing"),
        (ising("size = 4"), "[target] beta: is missing"),
        (ising("size = 1\nbeta = 0.4"), "found 1, expected 2 to"),
        (ising("size = 4.5\nbeta = 0.4"), "[target] size: invalid type"),
        (ising("size = 4\nbeta = nan"), "found NaN"),
        (ising("size = 4\nbeta = -0.1"), "found -0.1, expected a number above 0"),
        (ising("size = 4\nbeta = 0.4\nboundary = 'closed'"), "expected one of periodic, open"),
        (ising("size = 4\nbeta = 0.4\ncoupling = inf"), "found inf, expected a finite number"),
        (ising("size = 4\nbeta = 0.4\nlambda = 1"), "'ising2d' does not take it"),
        (format!("{MODEL}[target]\nhamiltonian = 'ising3d'\n"), "did you mean 'ising'?"),
        (format!("{MODEL}{WELL}"), "found 'made', but the target is over real numbers"),
        (format!("{FLOW}{TARGET}"), "found 'realnvp', but the target is over spins"),
        (nsf("bins = 1"), "[model] bins: found 1, expected 2 to 64"),
        (nsf("bound = 0"), "[model] bound: found 0, expected 0.0009765625 to 10000"),
        (nsf("mode = 'couplings'"), "expected one of coupling, autoregressive"),
        (nsf("fast = 'sampling'"), "fast: mode 'coupling' does not take it"),
        (nsf("mode = 'autoregressive'\nmask = 'halves'"), "mask: mode 'autoregressive' does"),
        (maf("bins = 8"), "bins: unknown key: 'maf' does not take it"),
        (maf("fast = 'both'"), "expected one of density, sampling"),
        (
            maf("fast = 'density'"),
            "[model] fast: found 'density', expected 'sampling' to learn from a Hamiltonian",
        ),
        (
            "[model]\nkind = 'maf'\nfast = 'sampling'\n[target]\ndata = 'x.csv'\n".into(),
            "[model] fast: found 'sampling', expected 'density' to learn from data",
        ),
        (format!("[model]\nkind = 'nsf'\n{TARGET}"), "found 'nsf', but the target is over spins"),
        (flow("layers = 0"), "found 0, expected 1 to 256"),
        (flow("log_scale_bound = 0"), "found 0"),
        (flow("mask = 'random'"), "expected one of checkerboard, halves"),
        (phi4("size = 4\nm2 = -4.0"), "[target] lambda: is missing"),
        (phi4("size = 4\nm2 = -4.0\nlambda = 0"), "not normalisable"),
        (data("data = 'nowhere.csv'"), "nowhere.csv: cannot be read: no such file"),
        (data("data = 'x.csv'\nhamiltonian = 'phi4'"), "expected one of the two"),
        (data("data = 'x.csv'\nvalidation = 1.5"), "found 1.5, expected 0 to 0.9"),
        (data("data = 'x.csv'\nvalidation = []"), "[target] validation: expected the part of"),
        (train("steps = 0"), "found 0, expected 1"),
        (train("batch = 1"), "found 1, expected 2"),
        (train("learning_rate = 0.0"), "[train] learning_rate: found 0, expected a number above 0"),
        (train("anneal = 1.0"), "[train] anneal: found 1"),
        (train("lerning_rate = 0.1"), "did you mean 'learning_rate' in [train]?"),
    ];
    assert_eq!(cases.len(), 61);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.toml");
    let mut unclear = Vec::new();
    for (text, expected) in cases {
        std::fs::write(&path, &text).unwrap();
        let message =
            refused(dir.path(), &["train", "bad.toml", "--device", "cpu", "--out", "run"]);
        if !message.contains(expected) || message.lines().count() != 1 {
            unclear.push(format!("{text}\n{message}expected: {expected}\n"));
        }
        assert_eq!(crate::files(dir.path()), [path.as_path()], "{text}");
    }
    assert!(unclear.is_empty(), "{}", unclear.join("\n"));
}

#[test]
fn overrides_are_checked_like_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.toml"), format!("{MODEL}{TARGET}")).unwrap();
    for (setting, expected) in [
        ("steps", "expected key=value"),
        ("step=3", "did you mean 'steps' in [train]?"),
        ("model.steps=3", "did you mean 'steps'"),
        ("steps=many", "invalid type"),
        ("kind=realnvp", "over spins"),
    ] {
        let message =
            refused(dir.path(), &["train", "good.toml", "--out", "run", "--set", setting]);
        assert!(message.contains(expected), "{setting}: {message}");
    }
    assert_eq!(crate::files(dir.path()).len(), 1);
}
