//! {marker}
//!
//! The model `{name}` for C: `include/{name}.h` says what the functions do. Here what C gives is checked,
//! and becomes what the compiled model takes.

#![no_std]
#![allow(non_snake_case, reason = "the crate is called as the model")]

mod memory;

// `mod model`.
include!("model.rs");

use core::ffi::{c_int, c_void};

use memory::{CONTEXTS, DIFFERENT, LENGTH, Memory, NOT_FINITE, OK, SCRATCH, disjoint};
use model::{CONTEXT, DIM, Element, MODEL, SCRATCH_BYTES};
use pushforward::distribution::{self, Error, Given};
use pushforward::simd::{self, Level};

unsafe extern "C" {
    /// Defined nowhere. A library without a panic path does not refer to it; one with such a path does not
    /// link, and the linker's message has this name in it.
    fn pushforward_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: never runs, for a program that contains this call does not link.
    unsafe { pushforward_panic_is_reachable() }
}

/// What C is told of a call of the engine.
fn status(result: Result<(), Error>) -> c_int {
    match result {
        Ok(()) => OK,
        Err(Error::NotFinite { .. }) => NOT_FINITE,
        // Whether buffers fit each other was checked.
        Err(_) => LENGTH,
    }
}

/// A code, whichever way it came.
fn code(outcome: Result<c_int, c_int>) -> c_int {
    outcome.unwrap_or_else(|code| code)
}

/// The contexts of `n` rows: of one for all, or of one for each.
fn given(context: *const f32, contexts: usize, n: usize) -> Result<Memory<f32>, c_int> {
    if CONTEXT == 0 {
        return Ok(Memory::none());
    }
    if contexts != 1 && contexts != n {
        return Err(CONTEXTS);
    }
    Memory::new(context.cast_mut(), contexts.checked_mul(CONTEXT))
}

/// As much of the scratch as a call on `n` rows uses.
fn scratch_of(scratch: *mut c_void, bytes: usize, n: usize) -> Result<Memory<f32>, c_int> {
    if bytes < SCRATCH_BYTES {
        return Err(SCRATCH);
    }
    let floats = (bytes / size_of::<f32>()).min(model::scratch_len(n.max(1)));
    Memory::new(scratch.cast(), Some(floats))
}
{sample_rs}
/// Scores `rows`: the one call of the engine that scores.
#[inline(never)]
fn score(
    context: &[f32],
    rows: &[[Element; DIM]],
    log_prob: &mut [f32],
    scratch: &mut [f32],
) -> c_int {
    let model = Given { model: &MODEL, context };
    status(distribution::log_prob(model, Level::best(), rows.as_flattened(), log_prob, scratch))
}

/// `{name}_log_prob` of the header.
///
/// # Safety
/// Pointers that are not null point to as much memory as the header says, which nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn {name}_log_prob(
    n: usize,
    {parameters_rs}rows: *const Element,
    log_prob: *mut f32,
    scratch: *mut c_void,
    scratch_bytes: usize,
) -> c_int {
    let call = || {
        let context = given({arguments_rs}, n)?;
        let rows = Memory::<[Element; DIM]>::new(rows.cast_mut().cast(), Some(n))?;
        let log_prob = Memory::new(log_prob, Some(n))?;
        let scratch = scratch_of(scratch, scratch_bytes, n)?;
        disjoint(&[log_prob.span(), scratch.span()], &[context.span(), rows.span()])?;
        // SAFETY: the caller's; what is written overlaps nothing.
        unsafe { Ok(score(context.read(), rows.read(), log_prob.write(), scratch.write())) }
    };
    code(call())
}

/// `{name}_scratch_bytes` of the header.
#[unsafe(no_mangle)]
pub extern "C" fn {name}_scratch_bytes(n: usize) -> usize {
    model::scratch_len(n.max(1)).saturating_mul(size_of::<f32>())
}

/// `{name}_selftest` of the header.
///
/// # Safety
/// Pointers that are not null point to as much memory as the header says, which nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn {name}_selftest(
    row: *mut Element,
    scratch: *mut c_void,
    scratch_bytes: usize,
) -> c_int {
    let call = || {
        let row = Memory::<[Element; DIM]>::new(row.cast(), Some(1))?;
        let scratch = scratch_of(scratch, scratch_bytes, 1)?;
        disjoint(&[row.span(), scratch.span()], &[])?;
        // SAFETY: the caller's; the two do not overlap.
        let (row, scratch) = unsafe { (row.write(), scratch.write()) };
        if !simd::is_ieee() {
            return Ok(DIFFERENT);
        }
        let golden = model::GOLDEN_ROWS.as_chunks::<DIM>().0.iter().zip(model::GOLDEN_LOG_PROB);
        for (i, (values, log_prob)) in golden.enumerate() {
            let from = i.wrapping_mul(CONTEXT);
            let context = model::GOLDEN_CONTEXT.get(from..from.wrapping_add(CONTEXT));
            let context = context.unwrap_or(&[]);
            let mut found = [0.0];
{reproduce}
            let [found] = found;
            let mut bits = row.iter().flatten().zip(values);
            let same = bits.all(|(a, b)| f32::from(*a).to_bits() == b.to_bits());
            if done < OK || !same || found.to_bits() != log_prob.to_bits() {
                return Ok(DIFFERENT);
            }
        }
        Ok(OK)
    };
    code(call())
}
