//! The engine's dense kernels as functions for C, and the weights of all networks that are counted.

#![no_std]

use pushforward::activation::Relu;
use pushforward::kernel::{Arith, Fused, Lanes, PANEL, Plain, Single};
use pushforward::network::{Mlp, Network};
use pushforward::simd::Scalar;
use pushforward::simd::bytes::{Layout, rectangle};

/// Inputs, units and outputs.
const UNITS: usize = 64;
const LAYERS: usize = 2;
/// As `dense.h` has them.
const MULTIPLIER: i64 = 1_518_500_250;
const SHIFT: u32 = 8;

unsafe extern "C" {
    /// Defined nowhere: see `firmware/src/proof.rs`.
    fn pushforward_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: never runs, for a program that contains this call does not link.
    unsafe { pushforward_panic_is_reachable() }
}

/// A word without a pattern for each number.
const fn hash(n: usize) -> u32 {
    let x = (n as u32).wrapping_mul(0x9e37_79b1) ^ 0x7f4a_7c15;
    let x = (x ^ x >> 15).wrapping_mul(0x2c1b_3c6d);
    x ^ x >> 13
}

/// −127 to 127.
const fn weight(layer: usize, input: usize, output: usize) -> i8 {
    ((hash((layer * UNITS + input) * UNITS + output) % 255) as i32 - 127) as i8
}

const fn bias(layer: usize, output: usize) -> i32 {
    hash(1 << 20 | (layer * UNITS + output)) as i32 >> 20
}

/// A table of layer, input and output.
macro_rules! table {
    ([$rows:expr; $columns:expr] of $start:expr, |$l:ident, $row:ident, $column:ident| $value:expr) => {{
        let mut table = [[[$start; $columns]; $rows]; LAYERS];
        let mut $l = 0;
        while $l < LAYERS {
            let mut $row = 0;
            while $row < $rows {
                let mut $column = 0;
                while $column < $columns {
                    table[$l][$row][$column] = $value;
                    $column += 1;
                }
                $row += 1;
            }
            $l += 1;
        }
        table
    }};
}

type Table<T> = [[[T; UNITS]; UNITS]; LAYERS];

/// For the plain loops.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "as C calls it")]
pub static weights_by_input: Table<i8> = table!([UNITS; UNITS] of 0, |l, i, o| weight(l, i, o));
/// For CMSIS-NN.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "as C calls it")]
pub static weights_by_output: Table<i8> = table!([UNITS; UNITS] of 0, |l, o, i| weight(l, i, o));
/// For all.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "as C calls it")]
pub static biases: [[[i32; UNITS]; 1]; LAYERS] = table!([1; UNITS] of 0, |l, _one, o| bias(l, o));
/// For the plain loops.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "as C calls it")]
pub static float_weights: Table<f32> =
    table!([UNITS; UNITS] of 0.0, |l, i, o| weight(l, i, o) as f32 / 128.0);
/// For the plain loops.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "as C calls it")]
pub static float_biases: [[[f32; UNITS]; 1]; LAYERS] =
    table!([1; UNITS] of 0.0, |l, _one, o| bias(l, o) as f32 / 128.0);

/// Panels of outputs, in each of them inputs: the order in which kernels read.
const PANELS: [[[i8; PANEL * UNITS]; UNITS / PANEL]; LAYERS] = table!([UNITS / PANEL; PANEL * UNITS] of 0, |l, panel, at| {
    weight(l, at / PANEL, panel * PANEL + at % PANEL)
});

/// On a boundary, as compiled models have them.
#[repr(align(16))]
struct Aligned<T>(T);

static BYTES: Aligned<[[i8; UNITS * UNITS]; LAYERS]> = {
    let mut packed = [[0; UNITS * UNITS]; LAYERS];
    let mut l = 0;
    while l < LAYERS {
        Layout::TARGET.pack(PANELS[l].as_flattened(), UNITS, UNITS, &mut packed[l]);
        l += 1;
    }
    Aligned(packed)
};

/// Biases and weights of a layer, then of the next.
static FLOATS: Aligned<[[[f32; UNITS + UNITS * UNITS]; 1]; LAYERS]> =
    Aligned(table!([1; UNITS + UNITS * UNITS] of 0.0, |l, _one, at| {
        let value = match at.checked_sub(UNITS) {
            None => bias(l, at),
            Some(at) => PANELS[l][at / (PANEL * UNITS)][at % (PANEL * UNITS)] as i32,
        };
        value as f32 / 128.0
    }));

/// The byte of a sum, as `loops.c` has it.
fn unit(sum: i32, least: i32) -> i32 {
    let high = ((i64::from(sum) * MULTIPLIER + (1 << 30)) >> 31) as i32;
    let (rest, half) = (high & ((1 << SHIFT) - 1), (1 << (SHIFT - 1)) - 1 + i32::from(high < 0));
    ((high >> SHIFT) + i32::from(rest > half)).clamp(least, 127)
}

/// A pass in integers.
#[unsafe(no_mangle)]
pub extern "C" fn ours_int8(input: &[i8; UNITS], output: &mut [i8; UNITS]) {
    let mut units = input.map(i32::from);
    for ((l, weights), [start]) in BYTES.0.iter().enumerate().zip(&biases) {
        let mut sums = *start;
        rectangle(weights, &units, &mut sums);
        units = sums.map(|sum| unit(sum, if l == 0 { 0 } else { -128 }));
    }
    *output = units.map(|unit| unit as i8);
}

/// Fused where the core has an instruction for it, as the C compiler makes of the plain loops.
fn pass<A: Arith>(input: &[f32; UNITS], output: &mut [f32; UNITS]) {
    let network =
        Mlp::<_, _>::trusted(UNITS, &[UNITS], UNITS, Relu, FLOATS.0.as_flattened().as_flattened());
    let lanes = Single::<Scalar, A>::new(Scalar);
    let mut scratch = [0.0; 2 * UNITS];
    for (to, from) in scratch.iter_mut().zip(input) {
        *to = *from;
    }
    let (found, _) = network.run(lanes, Single::<Scalar, A>::values(&mut scratch));
    for (to, [[from]]) in output.iter_mut().zip(found) {
        *to = *from;
    }
}

/// A pass in floats.
#[unsafe(no_mangle)]
pub extern "C" fn ours_float(input: &[f32; UNITS], output: &mut [f32; UNITS]) {
    if Fused::IS_NATIVE { pass::<Fused>(input, output) } else { pass::<Plain>(input, output) }
}
