#!/usr/bin/env bash
# Instructions of one call, counted by callgrind: they do not vary from run to run as times do.
#
#   benches/instructions.sh            compares with instructions.txt; fails where one is 2 % more
#   benches/instructions.sh --write    writes instructions.txt
#
# Needs valgrind (Debian and Ubuntu: apt install valgrind). Valgrind has no AVX-512, so the level is
# AVX2. A count depends on the compiler, which rust-toolchain.toml pins; it says nothing about
# cycles, only that a change made a loop longer.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v valgrind >/dev/null; then
    echo "error: valgrind is not installed; it counts the instructions" >&2
    exit 2
fi
cargo build --release -q -p pushforward-benches --example instructions
program="${CARGO_TARGET_DIR:-../target}/release/examples/instructions"

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect='instructions::measured*' "$program" "$@" avx2 2>&1 |
        sed -n 's/.*Collected : //p'
}

found=$(mktemp)
trap 'rm -f "$found"' EXIT
for model in van-3 van-2 van-1 realnvp-8 realnvp-64 nsf-8 maf-16; do
    for work in "sample 64" "log_prob 64" "sample+log_prob 1" "log_prob 1"; do
        # shellcheck disable=SC2086 # Work and batch are two words.
        echo "$model $work $(count "$model" $work)" >>"$found"
    done
done
if [ "${1:-}" = --write ]; then
    cp "$found" instructions.txt
    exit
fi
join <(sed 's/ /|/;s/ /|/' instructions.txt | sort) <(sed 's/ /|/;s/ /|/' "$found" | sort) |
    awk '{ change = 100 * ($3 / $2 - 1); worse += change > 2
           printf "%-36s %12d %12d %+7.2f %%%s\n", $1, $2, $3, change, (change > 2 ? "  MORE" : "") }
         END { exit worse > 0 }'
