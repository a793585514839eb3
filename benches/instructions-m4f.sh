#!/usr/bin/env bash
# Instructions a row of compiled models on the emulated Cortex-M4F, and bytes of flash of the program
# that draws: neither varies from run to run.
#
#   benches/instructions-m4f.sh            compares with instructions-m4f.txt; fails where one is 1 % more
#   benches/instructions-m4f.sh --write    writes instructions-m4f.txt
#
# Instructions are not cycles. A count depends on the compiler, which rust-toolchain.toml pins, and
# not on the machine.
set -euo pipefail
cd "$(dirname "$0")"
board=boards/qemu-mps2-an386/config.toml
# The board's folder says what it needs.
emulator=$(sed -n 's/^runner = "\([^ ]*\).*/\1/p' ../firmware/$board)
target=$(sed -n 's/^target = "\(.*\)"/\1/p' ../firmware/$board)
missing=()
command -v "$emulator" >/dev/null ||
    missing+=("$emulator, which runs the firmware (Debian and Ubuntu: apt install $emulator)")
[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] ||
    missing+=("the Rust target $target (rustup toolchain install, in the checkout)")
for what in "${missing[@]}"; do
    echo "error: missing $what" >&2
done
[ ${#missing[@]} = 0 ] || exit 2

# The firmware is a workspace of its own; its builds lie beside those of the other one.
models="${CARGO_TARGET_DIR:-$(cd .. && pwd)/target}/counted"
# As the tests are built, whose crates serve here too.
cargo build --release -q --workspace --example counted
"${CARGO_TARGET_DIR:-../target}/release/examples/counted" "$models" >/dev/null
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/firmware"

found=$(mktemp)
trap 'rm -f "$found"' EXIT
# NAME MODEL FEATURES
while read -r name model features; do
    export PUSHFORWARD_MODEL="$models/$model.safetensors"
    for program in sample log_prob; do
        (cd ../firmware && cargo run --release -q --config "$board" --features "$features" \
            --bin "$program" -- -append "seed=1 n=8" </dev/null) |
            awk -v name="$name" -v program="$program" '
                BEGIN { row["sample instructions_draw_only"] = "draw"
                        row["sample instructions"] = "draw+log_prob"
                        row["log_prob instructions"] = "log_prob"
                        row["sample flash"] = "flash" }
                program " " $1 in row { print name, row[program " " $1], $2 }
                $1 == "done" { done = 1 }
                END { if (!done) { print "error: " program " of " name " did not end" >"/dev/stderr"; exit 1 } }'
    done
done >"$found" <<'LIST'
spins-4x4 spins-4x4
spins-4x4-f16 spins-4x4 f16
spins-16x16 spins-16x16
spins-16x16-f16 spins-16x16 f16
spins-16x16-wide spins-16x16-wide
realnvp-64 realnvp-64
realnvp-64-f16 realnvp-64 f16
realnvp-64-plain realnvp-64-plain
nsf-8 nsf-8
maf-16 maf-16
table-8 table-8
LIST
if [ "${1:-}" = --write ]; then
    cp "$found" instructions-m4f.txt
    exit
fi
./compare.sh instructions-m4f.txt "$found"
