//! The ends of a panel whose words are multiplied as they are ([`Layout::Words`](super::Layout::Words)).

use super::{ANYWHERE, half};
use crate::kernel::PANEL;

/// How many inputs there are, and where raw sums start.
#[repr(C)]
pub(super) struct Inputs {
    k: usize,
    starts: [u32; 4],
}

impl Inputs {
    #[inline(always)]
    pub(super) fn new(x: &[i32]) -> Self {
        let sum = x.iter().fold(0, |sum: u32, x| sum.wrapping_add(*x as u32));
        // Less what weights that are 128 too large add to each output.
        let d = (sum << 7).wrapping_neg();
        let c = d.wrapping_add(d << 8);
        let b = d.wrapping_add(c << 8);
        let a = d.wrapping_add(b << 8);
        Self { k: x.len(), starts: [a, b, c, d] }
    }

    pub(super) fn panel(&self, weights: &[i8], x: &[i32], sums: &mut [i32; PANEL]) {
        let (k, w) = (x.len(), weights.as_ptr());
        if k > 0
            && k == self.k
            && weights.len() >= PANEL * k
            && (ANYWHERE || w.addr().is_multiple_of(4))
        {
            // SAFETY: there are k ≥ 1 inputs and 16 k weights, half of them for eight outputs, which
            // begin on a word where the core asks for it.
            unsafe {
                half(w, x.as_ptr(), sums.as_mut_ptr(), self);
                half(w.add(8 * k), x.as_ptr(), sums.as_mut_ptr().add(8), self);
            }
        } else {
            // Weights beside a word.
            for (i, sum) in sums.iter_mut().enumerate() {
                let mut weights = weights.iter().skip(i / 8 * 8 * k + i % 8).step_by(8);
                for (x, weight) in x.iter().zip(&mut weights) {
                    *sum = sum.wrapping_add(i32::from(*weight ^ -128).wrapping_mul(*x));
                }
            }
        }
    }
}
