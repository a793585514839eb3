//! Masked convolutions.

use crate::{figures, lattice_is_learnt, ok, refused, train_refuses};

const ISING: &str = "
[model]
kind = 'pixelcnn'
hidden = [8, 8, 8]
residual = true
reach = [2, 2]
[target]
hamiltonian = 'ising2d'
size = 4
beta = 0.44
[train]
steps = 400
batch = 256
learning_rate = 1e-2
anneal = 0.0
evaluate = 20000
";

#[test]
fn a_lattice_is_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let found = figures(path, ISING);
    lattice_is_learnt(path, &found, 0.97);
    let model = "run/model.safetensors";
    let inspect = ok(path, &["inspect", model]);
    assert!(inspect.contains("convolution"), "{inspect}");
    let quantize = ["quantize", model, "--weights", "i8", "-o", "q.safetensors"];
    assert!(refused(path, &quantize).contains("convolution"));
}

#[test]
fn letters_are_learnt_from_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    // Each letter is the one before or the next of three, at a chance that a column says.
    let mut state = 1u32;
    let mut word = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut rows = "chance,a,b,c,d,e,f,g,h\n".to_owned();
    for i in 0..6000 {
        let chance = f64::from(i % 3) * 0.4 + 0.1;
        let mut letter = (word() * 3.0) as u32;
        rows += &format!("{chance}");
        for _ in 0..8 {
            rows += &format!(",{letter}");
            letter = (letter + u32::from(word() < chance)) % 3;
        }
        rows += "\n";
    }
    std::fs::write(path.join("rows.csv"), rows).unwrap();
    let config = "
        [model]
        kind = 'pixelcnn'
        hidden = [12]
        reach = [0, 2]
        domain = 'category'
        categories = 3
        [target]
        data = 'rows.csv'
        context = ['chance']
        [train]
        steps = 1500
        batch = 256
        learning_rate = 1e-2
    ";
    let found = figures(path, config);
    // ln 3, and seven times the entropy of a change at chances 0.1, 0.5 and 0.9.
    let entropy = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    let exact = 3f64.ln() + 7.0 * (2.0 * entropy(0.1) + entropy(0.5)) / 3.0;
    let loss = found["held_out_nll"].as_f64().unwrap_or_else(|| panic!("{found}"));
    assert!((loss - exact).abs() < 0.12, "{loss} for {exact}: {found}");
}

#[test]
fn what_it_cannot_be_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let cases = [
        (["[8, 8, 8]", "[8, 8]"], "an odd number of equal layers"),
        (["reach = [2, 2]", "reach = [0, 0]"], "expected rows or columns"),
        (["reach = [2, 2]", "heat_bath = true"], "heat_bath"),
    ];
    for (change, message) in cases {
        train_refuses(path, ISING, change, message);
    }
    let half = "constraint = { kind = 'counts', counts = [8, 8] }";
    train_refuses(path, ISING, ["reach = [2, 2]", half], "expected 'made'");
    let potts = ISING.replace("'ising2d'", "'potts'\nstates = 3");
    train_refuses(path, &potts, ["reach = [2, 2]", "symmetry = 'z2'"], "'none' for categories");
}
