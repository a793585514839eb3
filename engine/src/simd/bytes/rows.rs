//! Panels that lie by rows, in Rust.

use super::by_rows;
use crate::kernel::PANEL;

/// A strip's inputs, as they are.
pub(super) struct Inputs;

impl Inputs {
    #[inline(always)]
    pub(super) fn new(_: &[i32]) -> Self {
        Self
    }

    #[inline(always)]
    pub(super) fn panel(&self, weights: &[i8], x: &[i32], sums: &mut [i32; PANEL]) {
        by_rows(weights, x, sums);
    }
}
