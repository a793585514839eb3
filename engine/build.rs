//! Refuses targets whose arithmetic has other bits, and names those that have instructions of their
//! own here.

use std::env;

/// Cortex-M with a single-precision FPU, for which `simd::thumb` is written. Named one by one: the
/// compiler's stable `cfg`s cannot tell it from a Cortex-R, whose FPU may have no fused
/// multiply-add.
const CORTEX_M_FPU: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf"];

/// Cores with kernels of their own, which a board names by `--cfg pushforward_core="…"`, and how the
/// targets begin that are for them; see `simd::thumb` and `simd::bytes`. Another target's programs would
/// meet instructions that their core has not.
const CORES: [(&str, &str); 3] =
    [("m7", "thumbv7em"), ("m33", "thumbv8m.main"), ("m55", "thumbv8m.main-none-eabihf")];

/// Kernels of 8-bit weights; see `simd::bytes`.
const BYTES: [&str; 6] = ["rows", "rv32", "v6m", "v7m", "dsp", "m55"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(cortex_m_fpu)");
    println!("cargo::rustc-check-cfg=cfg(pushforward_bytes, values(\"{}\"))", BYTES.join("\", \""));
    let cores = CORES.map(|(core, _)| core);
    println!("cargo::rustc-check-cfg=cfg(pushforward_core, values(\"{}\"))", cores.join("\", \""));
    let of_target = |name: &str| env::var(name).unwrap_or_default();
    let target = of_target("TARGET");
    if CORTEX_M_FPU.contains(&target.as_str()) {
        println!("cargo::rustc-cfg=cortex_m_fpu");
    }
    let core = of_target("CARGO_CFG_PUSHFORWARD_CORE");
    let multiplies = of_target("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "m");
    let bytes = match core.as_str() {
        "m55" => "m55",
        "m33" | "m7" => "dsp",
        _ if target.starts_with("thumbv7em") => "dsp",
        _ if target.starts_with("thumbv6m") => "v6m",
        _ if target.starts_with("thumbv7m") || target.starts_with("thumbv8m.main") => "v7m",
        _ if of_target("CARGO_CFG_TARGET_ARCH") == "riscv32" && multiplies => "rv32",
        _ => "rows",
    };
    println!("cargo::rustc-cfg=pushforward_bytes=\"{bytes}\"");
    let is_for = |(name, begins): &(&str, &str)| *name == core && target.starts_with(begins);
    if !core.is_empty() && !CORES.iter().any(is_for) {
        let expected = CORES.map(|(core, target)| format!("{core} on {target}"));
        println!(
            "cargo::error=pushforward: found --cfg pushforward_core=\"{core}\" and target {target}; \
             expected {}, or no such flag: the kernels are then those that every core of the target \
             can run",
            expected.join(", ")
        );
    }
    let sse2 = of_target("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "sse2");
    if of_target("CARGO_CFG_TARGET_ARCH") == "x86" && !sse2 {
        println!(
            "cargo::error=pushforward: found target {target}, 32-bit x86 without SSE2: its x87 unit rounds \
             differently, so that samples and log-probabilities would have other bits than \
             everywhere else; expected one with SSE2, such as i686-unknown-linux-gnu, or \
             -Ctarget-feature=+sse2"
        );
    }
}
