//! Refuses targets whose arithmetic has other bits, and names the one that has instructions of its
//! own here.

use std::env;

/// Cortex-M with a single-precision FPU, for which `simd::thumb` is written. Named one by one: the
/// compiler's stable `cfg`s cannot tell it from a Cortex-R, whose FPU may have no fused
/// multiply-add.
const CORTEX_M_FPU: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(cortex_m_fpu)");
    let of_target = |name: &str| env::var(name).unwrap_or_default();
    if CORTEX_M_FPU.contains(&of_target("TARGET").as_str()) {
        println!("cargo::rustc-cfg=cortex_m_fpu");
    }
    let sse2 = of_target("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "sse2");
    if of_target("CARGO_CFG_TARGET_ARCH") == "x86" && !sse2 {
        println!(
            "cargo::error=pushforward: found target {}, 32-bit x86 without SSE2: its x87 unit rounds \
             differently, so that samples and log-probabilities would have other bits than \
             everywhere else; expected one with SSE2, such as i686-unknown-linux-gnu, or \
             -Ctarget-feature=+sse2",
            of_target("TARGET")
        );
    }
}
