//! Whether this target computes the bits of every other one: the engine's pinned table, and the golden rows
//! that the model file carries.

use crate::{given, model};

#[path = "../../engine/tests/bits/pinned.rs"]
mod pinned;

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is compared.
    pub name: &'static str,
    /// Which of them, where there are several.
    pub index: u64,
    /// Whether the bits are equal.
    pub passed: bool,
}

/// Comparison number `step`; `None` after the last.
pub fn step(step: usize, scratch: &mut given::Scratch) -> Option<Step> {
    if let Some((name, expected, compute)) = pinned::TABLE.get(step) {
        return Some(Step { name, index: 0, passed: compute() == *expected });
    }
    let i = step.checked_sub(pinned::TABLE.len())?;
    let golden = model::GOLDEN_ROWS.as_chunks::<{ model::DIM }>().0.get(i)?;
    let log_prob = model::GOLDEN_LOG_PROB.get(i)?;
    let mut context: given::Context = [0.0; _];
    // None are left where the model takes no context.
    let mut contexts = model::GOLDEN_CONTEXT.iter().skip(i.wrapping_mul(model::CONTEXT));
    context.iter_mut().zip(&mut contexts).for_each(|(value, golden)| *value = *golden);
    let mut row = [model::Element::default(); model::DIM];
    let index = i as u64;
    let lp = given::sample_with_log_prob(model::GOLDEN_SEED, index, &context, &mut row, scratch);
    let same_row = row.iter().zip(golden).all(|(a, b)| f32::from(*a).to_bits() == b.to_bits());
    let same_log_prob = lp.to_bits() == log_prob.to_bits();
    let name = if same_row { "golden_log_prob" } else { "golden_row" };
    Some(Step { name, index, passed: same_row && same_log_prob })
}
