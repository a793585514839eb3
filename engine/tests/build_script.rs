//! The build script on targets whose standard library need not be here: the compiler says what a
//! target has, cargo's variables are made of that, and the script is run with them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The script, compiled to a program of this name.
fn script(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    let mut compiler = Command::new("rustc");
    assert!(compiler.arg("--edition=2024").arg(source).arg("-o").arg(&program).status()?.success());
    Ok(program)
}

/// What the script tells cargo about a target.
fn said(script: &Path, target: &str, flags: &[&str]) -> Result<String, Box<dyn Error>> {
    let printed =
        Command::new("rustc").args(["--print", "cfg", "--target", target]).args(flags).output()?;
    let printed = String::from_utf8(printed.stdout)?;
    let value = |name: &str| {
        let values = printed.lines().filter_map(|line| {
            line.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"').map(str::to_owned)
        });
        values.collect::<Vec<_>>().join(",")
    };
    assert!(!value("target_arch").is_empty(), "{target}: {printed}");
    let output = Command::new(script)
        .env_clear()
        .env("TARGET", target)
        .env("CARGO_CFG_TARGET_ARCH", value("target_arch"))
        .env("CARGO_CFG_TARGET_FEATURE", value("target_feature"))
        .env("CARGO_CFG_PUSHFORWARD_CORE", value("pushforward_core"))
        .output()?;
    assert!(output.status.success(), "{target}");
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn x87_is_refused_and_nothing_else_is() -> Result<(), Box<dyn Error>> {
    let script = script("build_script_x87")?;
    for (target, flags, refused) in [
        ("i586-unknown-linux-gnu", &[][..], true),
        ("i586-unknown-linux-gnu", &["-Ctarget-feature=+sse2"], false),
        ("i686-unknown-linux-gnu", &[], false),
        ("x86_64-unknown-linux-gnu", &[], false),
        // Floats in software: IEEE 754 all the same.
        ("x86_64-unknown-none", &[], false),
        ("aarch64-unknown-linux-gnu", &[], false),
        ("wasm32-unknown-unknown", &[], false),
        ("thumbv6m-none-eabi", &[], false),
        ("riscv32imac-unknown-none-elf", &[], false),
    ] {
        let said = said(&script, target, flags)?;
        assert_eq!(said.contains("cargo::error="), refused, "{target}: {said}");
        assert_eq!(said.contains(target), refused, "{target}: {said}");
    }
    Ok(())
}

#[test]
fn only_a_cortex_m_with_an_fpu_is_taken_for_one() -> Result<(), Box<dyn Error>> {
    let script = script("build_script_cortex")?;
    for (target, expected) in [
        ("thumbv7em-none-eabihf", true),
        ("thumbv8m.main-none-eabihf", true),
        ("thumbv7em-none-eabi", false),
        ("thumbv7m-none-eabi", false),
        ("armv7r-none-eabihf", false),
        ("armv8r-none-eabihf", false),
        ("armv7a-none-eabihf", false),
        ("armv7-unknown-linux-gnueabihf", false),
    ] {
        let said = said(&script, target, &[])?;
        assert_eq!(said.contains("rustc-cfg=cortex_m_fpu"), expected, "{target}: {said}");
    }
    Ok(())
}

#[test]
fn a_core_is_taken_for_what_a_board_calls_it() -> Result<(), Box<dyn Error>> {
    let script = script("build_script_core")?;
    for (target, core, kernels) in [
        ("x86_64-unknown-linux-gnu", None, Some("rows")),
        ("riscv32imac-unknown-none-elf", None, Some("rv32")),
        ("riscv32i-unknown-none-elf", None, Some("rows")),
        ("thumbv6m-none-eabi", None, Some("v6m")),
        ("thumbv7m-none-eabi", None, Some("v7m")),
        ("thumbv7em-none-eabihf", None, Some("dsp")),
        ("thumbv7em-none-eabihf", Some("m7"), Some("dsp")),
        ("thumbv8m.main-none-eabihf", None, Some("v7m")),
        ("thumbv8m.main-none-eabihf", Some("m33"), Some("dsp")),
        ("thumbv8m.main-none-eabihf", Some("m55"), Some("m55")),
        // None of these has the instructions.
        ("thumbv7em-none-eabihf", Some("m55"), None),
        ("thumbv8m.main-none-eabi", Some("m55"), None),
        ("x86_64-unknown-linux-gnu", Some("m7"), None),
        ("thumbv7em-none-eabihf", Some("m9"), None),
    ] {
        let flag = core.map(|core| format!("--cfg=pushforward_core=\"{core}\""));
        let flags: Vec<_> = flag.iter().map(String::as_str).collect();
        let said = said(&script, target, &flags)?;
        assert_eq!(said.contains("cargo::error="), kernels.is_none(), "{target}: {said}");
        if let Some(kernels) = kernels {
            let expected = format!("rustc-cfg=pushforward_bytes=\"{kernels}\"");
            assert!(said.contains(&expected), "{target}: {said}");
        }
    }
    Ok(())
}
