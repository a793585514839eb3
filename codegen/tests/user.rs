//! A user's package: another name for the engine, large models, the crate `rand`; and the bits of a
//! loaded model.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use pushforward::bijection::Direction;
use pushforward::model::{Arithmetic, Description, Model, preset};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward::univariate::AffineSpec;

const MANIFEST: &str = r#"
[package]
name = "user"
version = "0.0.0"
edition = "2024"

[dependencies]
pf = { package = "pushforward", path = "ENGINE", features = ["rand"] }
pushforward-codegen = { path = "CODEGEN" }
rand = { version = "0.10", default-features = false }

[workspace]
"#;

/// Prints the bits of a log-probability and of a row, drawn in two ways.
const SHOW: &str = r#"
macro_rules! show {
    ($model:ident) => {{
        let mut row = [0.0; $model::DIM];
        let mut scratch = $model::Scratch::new();
        let log_prob = $model::sample_with_log_prob(7, 3, &mut row, &mut scratch);
        print!("{} {:08x}", stringify!($model), log_prob.to_bits());
        row.iter().for_each(|x| print!(" {:08x}", x.to_bits()));
        println!();
        let again: [f32; $model::DIM] =
            rand::RngExt::sample(&mut pf::noise::SampleRng::new(7, 3), $model::DISTRIBUTION);
        assert_eq!(row.map(f32::to_bits), again.map(f32::to_bits));
    }};
}
"#;

/// A masked autoregressive flow of `n` layers of alternating order.
fn maf(dim: usize, n: usize, fast: Direction) -> Description {
    let layer = |l: usize| {
        let mut order: Vec<usize> = (0..dim).collect();
        if l % 2 == 1 {
            order.reverse();
        }
        preset::autoregressive(order, fast, &[24], AffineSpec { log_scale_bound: 2.0 })
    };
    preset::flow(&[dim], (0..n).map(layer), false)
}

/// 61 MB of weights.
fn large() -> Description {
    let mask = |l: usize| (0..64).map(move |d| (d + l).is_multiple_of(2));
    let layer = |l| preset::coupling(mask(l), &[1900, 1900], AffineSpec { log_scale_bound: 2.0 });
    preset::flow(&[64], (0..4).map(layer), true)
}

/// Normally distributed weights of width 0.05, so that deep flows stay finite.
fn random(description: Description) -> Result<Model, Box<dyn Error>> {
    let mut model = Model::new(description, Arithmetic::Fused)?;
    let weights: Vec<f32> = (0..model.parameters().len() as u32)
        .map(|i| 0.05 * normal(Scalar, block([1, 0], [i, 0])[0]))
        .collect();
    model.set_parameters(&weights)?;
    Ok(model)
}

/// Flows whose orders a constant cannot check quickly, and one with 61 MB of weights, which takes the
/// compiler some eight seconds.
#[test]
fn large_models_compile_under_another_name_of_the_engine() -> Result<(), Box<dyn Error>> {
    let models = [
        ("wide", maf(784, 4, Direction::Density)),
        ("wider", maf(1024, 2, Direction::Sampling)),
        ("deep", maf(256, 32, Direction::Density)),
        ("large", large()),
    ];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("user");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::create_dir_all(folder.join("src"))?;
    let (mut items, mut main, mut expected) = (String::new(), String::new(), String::new());
    for (name, description) in models {
        let model = random(description)?;
        fs::write(folder.join(format!("{name}.safetensors")), model.to_bytes()?)?;
        items += &format!("    mod {name} = \"{name}.safetensors\", crate = \"::pf\";\n");
        main += &format!("    show!({name});\n");
        let (mut row, mut log_prob) = (vec![0.0f32; model.description().dim()], [0.0]);
        model.sampler()?.sample(7, 3, &mut row, Some(&mut log_prob));
        expected += &format!("{name} {:08x}", log_prob[0].to_bits());
        row.iter().for_each(|x| expected += &format!(" {:08x}", x.to_bits()));
        expected += "\n";
    }
    let path = |name: &str| repository.join(name).to_string_lossy().replace('\\', "/");
    let manifest = MANIFEST.replace("ENGINE", &path("engine")).replace("CODEGEN", &path("codegen"));
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let program =
        format!("{SHOW}\npushforward_codegen::model! {{\n{items}}}\n\nfn main() {{\n{main}}}\n");
    fs::write(folder.join("src/main.rs"), program)?;

    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.current_dir(&folder).args(["run", "--quiet", "--target-dir"]);
    command.arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("user-target"));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.ends_with("RUSTFLAGS") || text.starts_with("CARGO_BUILD_") {
            command.env_remove(&name);
        }
    }
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    Ok(())
}
