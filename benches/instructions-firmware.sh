#!/usr/bin/env bash
# Instructions a row of compiled models on every emulated core, and what the program that draws takes
# of flash and memory: none of it varies from run to run.
#
#   benches/instructions-firmware.sh            compares with instructions-firmware.txt, fails where one is
#                                               1 % more or the table of firmware/README.md another
#   benches/instructions-firmware.sh --write    writes both
#
# Instructions are not cycles; those of a draw are estimated from what it executes (cycles.awk), on the cores of
# which cycles.txt has the costs. A count depends on the compiler, which rust-toolchain.toml pins, and not on the
# machine.
set -euo pipefail
cd "$(dirname "$0")"

# BOARD NAME MODEL FEATURES; the default board, whose rows are scored too, has the most.
read -r -d '' list <<'LIST' || true
qemu-mps2-an386 spins-4x4 spins-4x4
qemu-mps2-an386 spins-4x4-f16 spins-4x4 f16
qemu-mps2-an386 spins-16x16 spins-16x16
qemu-mps2-an386 spins-16x16-f16 spins-16x16 f16
qemu-mps2-an386 spins-16x16-wide spins-16x16-wide
qemu-mps2-an386 lattice-16 lattice-16
qemu-mps2-an386 lattice-32-f16 lattice-32 f16
qemu-mps2-an386 pixelcnn-16 pixelcnn-16
qemu-mps2-an386 fermions-49 fermions-49
qemu-mps2-an386 realnvp-64 realnvp-64
qemu-mps2-an386 realnvp-64-f16 realnvp-64 f16
qemu-mps2-an386 realnvp-64-plain realnvp-64-plain
qemu-mps2-an386 nsf-8 nsf-8
qemu-mps2-an386 maf-16 maf-16
qemu-mps2-an386 table-8 table-8
LIST
# On all of them: what every core takes, and so small that a Cortex-M0 holds it; on those that fuse, `fused`.
for board in qemu-microbit qemu-mps2-an385 qemu-mps2-an386 qemu-mps2-an500 qemu-mps2-an505 \
    qemu-mps3-an547 qemu-virt-rv32; do
    for model in spins-16x16-i8 nsf-4-plain; do
        list+=$'\n'"$board $model $model"
    done
done
for board in qemu-mps2-an500 qemu-mps3-an547; do
    list+=$'\n'"$board nsf-8 nsf-8"
done
# The same flow with its networks in integers.
for board in qemu-microbit qemu-mps2-an386 qemu-virt-rv32; do
    list+=$'\n'"$board nsf-4-i8 nsf-4-i8"
done

# A board's folder says what it needs.
said() { sed -n "s/^$2 = \"\(.*\)\"$/\1/p" "../firmware/boards/$1/config.toml"; }
missing=()
sysroot=$(rustc --print sysroot)
for board in $(cut -d' ' -f1 <<<"$list" | sort -u); do
    emulator=$(said "$board" runner | cut -d' ' -f1) target=$(said "$board" target)
    case $emulator in
    qemu-system-riscv32) package=qemu-system-misc ;;
    *) package=$emulator ;;
    esac
    command -v "$emulator" >/dev/null ||
        missing+=("$emulator, which runs the firmware (Debian and Ubuntu: apt install $package)")
    [ -d "$sysroot/lib/rustlib/$target" ] ||
        missing+=("the Rust target $target (rustup toolchain install, in the checkout)")
done
objdump=$(echo "$sysroot"/lib/rustlib/*/bin/llvm-objdump)
[ -x "$objdump" ] ||
    missing+=("llvm-objdump, of the component llvm-tools (rustup toolchain install, in the checkout)")
[ ${#missing[@]} = 0 ] || { printf 'error: missing %s\n' "${missing[@]}" | sort -u >&2; exit 2; }

# The firmware is a workspace of its own; its builds lie beside those of the other one.
models="${CARGO_TARGET_DIR:-$(cd .. && pwd)/target}/counted"
# As the tests are built, whose crates serve here too.
cargo build --release -q --workspace --example counted
"${CARGO_TARGET_DIR:-../target}/release/examples/counted" "$models" >/dev/null
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/firmware"

found=$(mktemp)
trap 'rm -f "$found" "$found.readme" "$found.program" "$found.cycles"' EXIT

# BOARD NAME: the line of a draw's cycles, where cycles.txt has the board's core. The method is right if it sees as
# many instructions as the clock counts, within the four that two ticks are.
estimate() {
    grep -qw "^board .*$1" cycles.txt || return 0
    local program counted filter traced cycles
    program=${CARGO_TARGET_DIR:-../firmware/target}/$(said "$1" target)/release/sample
    # shellcheck disable=SC2206 # words
    local run=($(said "$1" runner) "$program" -append "seed=1 n=1")
    counted=$("${run[@]}" </dev/null | awk '$1 == "instructions_draw_only" { print $2 }')
    "$objdump" -d --demangle --no-show-raw-insn "$program" >"$found.program"
    # All of the program but its start, which paints the stack.
    filter=$(awk 'function range(to) { if (from != "") { printf "%s0x%s..0x%s", comma, from, to; comma = "," } }
                  /^[0-9a-f]+ <(__stext|_start_rust)>:$/ { range($1); from = ""; next }
                  /^[0-9a-f]+ <.*>:$/ { if (from == "") from = $1 }
                  /^ *[0-9a-f]+:/ { last = $1 }
                  END { sub(/:/, "", last); range(last) }' "$found.program")
    exec 3< <(exec "${run[@]}" -singlestep -d exec,nochain -dfilter "$filter" </dev/null 2>&1 >/dev/null)
    awk -v board="$1" -f cycles.awk cycles.txt "$found.program" FS=/ - <&3 >"$found.cycles"
    # What the program does after the draw is of no use.
    kill $! 2>/dev/null || true
    exec 3<&-
    read -r traced cycles <"$found.cycles"
    [ $((traced - counted)) -le 4 ] && [ $((counted - traced)) -le 4 ] || {
        echo "error: a draw of $2 on $1: $traced instructions are traced, $counted counted" >&2
        return 1
    }
    echo "$1 $2 draw_cycles $cycles"
}

while read -r board name model features; do
    export PUSHFORWARD_MODEL="$models/$model.safetensors"
    programs=(sample)
    [ "$board" != qemu-mps2-an386 ] || programs+=(log_prob)
    cargo=(--release -q --config "boards/$board/config.toml" --features "$features")
    (cd ../firmware && cargo build "${cargo[@]}" "${programs[@]/#/--bin=}")
    for program in "${programs[@]}"; do
        (cd ../firmware && cargo run "${cargo[@]}" --bin "$program" -- -append "seed=1 n=8" </dev/null) |
            awk -v name="$board $name" -v program="$program" '
                BEGIN { row["sample instructions_draw_only"] = "draw"
                        row["sample instructions"] = "draw+log_prob"
                        row["log_prob instructions"] = "log_prob"
                        row["sample multiply_adds"] = "multiply_adds"
                        row["sample flash"] = "flash"
                        row["sample ram"] = "ram"
                        row["sample stack"] = "stack" }
                program " " $1 in row { print name, row[program " " $1], $2 }
                $1 == "done" { done = 1 }
                END { if (!done) { print "error: " program " of " name " did not end" >"/dev/stderr"; exit 1 } }'
    done
    estimate "$board" "$name"
done <<<"$list" >"$found"

# README COUNTS: the page with a table of the counts between its markers.
with_table() {
    awk 'NR == FNR { name = $1 " " $2; if (!(name in seen)) { seen[name]; order[++n] = name }
                     count[name, $3] = $4; next }
         /<!-- end of the table/ { inside = 0 }
         !inside { print }
         /<!-- the table/ {
             inside = 1
             print "| board | model | multiply-adds | flash | static RAM | stack | draw | draw with ln q |" \
                 " cycles of a draw, estimated |"
             print "|---|---|---|---|---|---|---|---|---|"
             for (i = 1; i <= n; i++) {
                 name = order[i]; line = name; sub(/ /, " | ", line)
                 split("multiply_adds flash ram stack draw draw+log_prob draw_cycles", columns, " ")
                 for (c = 1; c in columns; c++) line = line " | " grouped(count[name, columns[c]])
                 print "| " line " |"
             } }
         function grouped(number) {
             if (number == "") return "–"
             if (number < 1000) return number
             return grouped(int(number / 1000)) sprintf(",%03d", number % 1000)
         }' "$2" "$1"
}
readme=../firmware/README.md
if [ "${1:-}" = --write ]; then
    cp "$found" instructions-firmware.txt
    with_table "$readme" "$found" >"$found.readme"
    cp "$found.readme" "$readme"
    exit
fi
./compare.sh instructions-firmware.txt "$found"
with_table "$readme" instructions-firmware.txt | diff "$readme" - ||
    { echo "error: $readme has not the table of instructions-firmware.txt" >&2; exit 1; }
