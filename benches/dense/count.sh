#!/usr/bin/env bash
# Instructions a multiply-add of one dense network (64-64-64) on emulated cores, as a table:
#
#   benches/dense/count.sh CMSIS-NN      a checkout of https://github.com/ARM-software/CMSIS-NN,
#                                        counted at 99f736a63036613032f9b70de36b493bcd7802d4
#
# CMSIS-NN's layer of 8-bit weights and plain C loops are compiled by GCC at -O3, ours by rustc; all are linked
# into one program, which stops where their results are not equal. Instructions are not cycles. It needs
# qemu-system-arm and arm-none-eabi-gcc, without newlib; for RISC-V, which is left out where the compiler is
# missing, qemu-system-riscv32 and riscv64-unknown-elf-gcc.
set -euo pipefail
[ $# = 1 ] && [ -f "$1/Include/arm_nnfunctions.h" ] ||
    { echo "usage: count.sh CMSIS-NN (a checkout of https://github.com/ARM-software/CMSIS-NN)" >&2; exit 2; }
cmsis=$(realpath "$1")
cd "$(dirname "$0")"
boards=$(realpath ../../firmware/boards)
target_dir=${CARGO_TARGET_DIR:-$(realpath ../..)/target}/dense
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# All that the sources take of a C library, which the compiler makes itself, as it does where there is one.
printf '#include <stddef.h>\n#define memcpy __builtin_memcpy\n#define memset __builtin_memset\n' >"$work/string.h"

sources=(main.c loops.c cmsis.c ../../host/tests/c/board.c
    "$cmsis/Source/FullyConnectedFunctions/arm_fully_connected_s8.c"
    "$cmsis/Source/NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c"
    "$cmsis/Source/FullyConnectedFunctions/arm_vector_sum_s8.c")

echo "| core (machine) | CMSIS-NN int8 | plain loops int8 | ours int8 | plain loops f32 | ours f32 |"
echo "|---|---:|---:|---:|---:|---:|"
while read -r core board compiler flags; do
    if [ "$core" = RV32 ] && ! command -v "$compiler" >/dev/null; then
        echo "left out: $core, for which there is no $compiler" >&2
        continue
    fi
    folder=$boards/qemu-$board
    said() { sed -n "s/^$1 = \"\(.*\)\"$/\1/p" "$folder/config.toml"; }
    read -r n d < <(sed -n 's/.*per_tick: (\([0-9]*\), \([0-9]*\)).*/\1 \2/p' "$folder/board.rs")
    (cd ours && cargo build --release --quiet --target-dir "$target_dir" --config "$folder/config.toml")
    library=$target_dir/$(said target)/release/libours.a
    : >"$work/lines"
    # Floats that a core has not are Rust's, then, for the plain loops, libgcc's: the first that the linker meets.
    for libraries in "$library -lgcc" "-lgcc $library -lgcc"; do
        # shellcheck disable=SC2086 # flags and libraries are words
        "$compiler" -O3 -std=gnu11 $flags -ffreestanding -nostdlib -static \
            -DPER_TICK_N="$n" -DPER_TICK_D="$d" -I. -I"$work" -I"$cmsis/Include" "${sources[@]}" $libraries \
            -Wl,--gc-sections,-z,noexecstack -L "$folder" -T ../../host/tests/c/board.ld -o "$work/program"
        # shellcheck disable=SC2046 # the emulator's command is words
        $(said runner) "$work/program" </dev/null >>"$work/lines" || { cat "$work/lines" >&2; exit 1; }
    done
    awk -v name="$core (\`$board\`)" '
        $1 == "loops_float" || !($1 in count) { count[$1] = $2 }
        $1 == "done" { done++ }
        END { if (done != 2) { print "error: no end on " name >"/dev/stderr"; exit 1 }
              columns = split("cmsis_int8 loops_int8 ours_int8 loops_float ours_float", column, " ")
              line = "| " name
              for (c = 1; c <= columns; c++) line = line sprintf(" | %.2f", count[column[c]] / (2 * 64 * 64))
              print line " |" }' "$work/lines"
done <<'LIST'
Cortex-M0 microbit arm-none-eabi-gcc -mthumb -mcpu=cortex-m0
Cortex-M3 mps2-an385 arm-none-eabi-gcc -mthumb -mcpu=cortex-m3
Cortex-M4F mps2-an386 arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
Cortex-M7 mps2-an500 arm-none-eabi-gcc -mthumb -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16
Cortex-M33 mps2-an505 arm-none-eabi-gcc -mthumb -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16
Cortex-M55 mps3-an547 arm-none-eabi-gcc -mthumb -mcpu=cortex-m55 -mfloat-abi=hard
RV32 virt-rv32 riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32
LIST
for compiler in arm-none-eabi-gcc riscv64-unknown-elf-gcc qemu-system-arm rustc; do
    ! command -v "$compiler" >/dev/null || "$compiler" --version | head -1
done
git -C "$cmsis" log -1 --format='CMSIS-NN %H' || true
