#!/usr/bin/env bash
# Instructions of one call, counted by callgrind: they do not vary from run to run as times do.
#
#   benches/instructions.sh            compares with instructions.txt; fails where one is 1 % more
#   benches/instructions.sh --write    writes instructions.txt
#
# Needs valgrind (Debian and Ubuntu: apt install valgrind). Valgrind has no AVX-512, so the level is
# AVX2. A count depends on the compiler, which rust-toolchain.toml pins, and by 0.3 % at most on the
# machine and on the C library, whose `memcpy` chooses by them; it says nothing about cycles, only
# that a change made a loop longer.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v valgrind >/dev/null; then
    echo "error: valgrind is not installed; it counts the instructions" >&2
    exit 2
fi
# As the tests are built, whose crates serve here too.
cargo build --release -q --workspace --example instructions
program="${CARGO_TARGET_DIR:-../target}/release/examples/instructions"

# MODEL WORK BATCH: what it prints is one line of instructions.txt.
count() {
    local collected
    collected=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect='instructions::measured*' "$program" "$@" avx2 2>&1 |
        sed -n 's/.*Collected : //p')
    [ -n "$collected" ] || { echo "error: valgrind counted nothing for $*" >&2; return 1; }
    echo "$* $collected"
}
export -f count
export program

found=$(mktemp)
trap 'rm -f "$found"' EXIT
for model in van-3 van-2 van-1 pixelcnn-16 lattice-16 fermions-49 realnvp-8 realnvp-64 nsf-8 maf-16 table-8; do
    for work in "sample 64" "log_prob 64" "sample+log_prob 1" "log_prob 1"; do
        echo "$model $work"
    done
done >"$found.list"
trap 'rm -f "$found" "$found.list"' EXIT
# As many at once as there are cores; the order is that of the list.
xargs -P "$(nproc)" -I{} bash -c 'set -o pipefail; count {}' <"$found.list" |
    awk 'NR == FNR { place[$1 " " $2 " " $3] = NR; next }
         { line[place[$1 " " $2 " " $3]] = $0 }
         END { for (i = 1; i in line; i++) print line[i] }' "$found.list" - >"$found"
if [ "${1:-}" = --write ]; then
    cp "$found" instructions.txt
    exit
fi
./compare.sh instructions.txt "$found"
