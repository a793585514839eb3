#!/usr/bin/env bash
# Runs each fuzz target on a number of inputs, 20,000 if not given, on the pinned toolchain: coverage
# is instrumented by the compiler's own pass, without a sanitizer, which safe code does not need.
# It wants a C++ compiler for libFuzzer, and nothing else. `host/fuzz/short.sh 1000000` for more.
set -euo pipefail
cd "$(dirname "$0")"
runs="${1:-20000}"
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(model_file config npy csv frames)

host="$(rustc -vV | sed -n 's/^host: //p')"
target_dir="${CARGO_TARGET_DIR:-target}/fuzz"
coverage="-Cpasses=sancov-module -Ccodegen-units=1 --cfg=fuzzing"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage+=" -Cllvm-args=-sanitizer-coverage-$option"
done
# With --target, so that build scripts and macros are not instrumented.
CARGO_INCREMENTAL=0 RUSTFLAGS="$coverage" \
    cargo build --release --locked --target "$host" --target-dir "$target_dir"

corpus="$(mktemp -d)"
trap 'rm -rf "$corpus" "${TMPDIR:-/tmp}"/pushforward-fuzz-*' EXIT
for target in "${targets[@]}"; do
    case $target in
        model_file) seeds=../../codegen/tests/models ;;
        config) seeds=../configs ;;
        *) seeds=seeds/$target ;;
    esac
    mkdir "$corpus/$target"
    # A fixed seed: a run that fails fails again. What fails is left as crash-… here.
    "$target_dir/$host/release/$target" -runs="$runs" -seed=1 -max_len=32768 -timeout=10 \
        -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 "$corpus/$target" "$seeds"
    echo "fuzz $target: $runs inputs without a fault"
done
