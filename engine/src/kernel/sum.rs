//! Sums over features that keep their accuracy.

use super::Lanes;
use crate::simd::Simd;

/// A compensated running sum per lane (Neumaier's TwoSum form): the log-probability of hundreds
/// of sites keeps the accuracy of one addition.
#[derive(Clone, Copy, Debug)]
pub struct Sum<V> {
    high: V,
    low: V,
}

impl<V: Copy> Sum<V> {
    /// Zero.
    #[inline(always)]
    pub fn zero<L: Lanes<V = V>>(lanes: L) -> Self {
        Self { high: lanes.splat(0.0), low: lanes.splat(0.0) }
    }

    /// Adds `x` to vector `r` of the value.
    #[inline(always)]
    pub fn add<L: Lanes<V = V>>(&mut self, lanes: L, r: usize, x: <L::S as Simd>::F)
    where
        V: AsMut<[<L::S as Simd>::Array]>,
    {
        let s = lanes.s();
        let (Some(high), Some(low)) = (self.high.as_mut().get_mut(r), self.low.as_mut().get_mut(r))
        else {
            return;
        };
        let a = s.load(high);
        let sum = s.add(a, x);
        let t = s.sub(sum, a);
        let error = s.add(s.sub(a, s.sub(sum, t)), s.sub(x, t));
        s.store(sum, high);
        s.store(s.add(s.load(low), error), low);
    }

    /// The sum, rounded once more.
    #[inline(always)]
    pub fn value<L: Lanes<V = V>>(&self, lanes: L) -> V
    where
        V: AsRef<[<L::S as Simd>::Array]> + AsMut<[<L::S as Simd>::Array]>,
    {
        let s = lanes.s();
        let mut out = self.high;
        for (out, low) in out.as_mut().iter_mut().zip(self.low.as_ref()) {
            s.store(s.add(s.load(out), s.load(low)), out);
        }
        out
    }

    /// Adds integers to the lanes of vector `r`, in a sum that has been added to in this way only: 64 bits
    /// a lane, in its two words.
    #[inline(always)]
    pub fn add_integers<A: AsMut<[f32]>>(&mut self, r: usize, terms: impl Iterator<Item = i32>)
    where
        V: AsMut<[A]>,
    {
        let (Some(high), Some(low)) = (self.high.as_mut().get_mut(r), self.low.as_mut().get_mut(r))
        else {
            return;
        };
        for ((high, low), term) in high.as_mut().iter_mut().zip(low.as_mut()).zip(terms) {
            let sum = integer(*high, *low).wrapping_add(term.into());
            *high = f32::from_bits((sum >> 32) as u32);
            *low = f32::from_bits(sum as u32);
        }
    }

    /// The sum of integers, times `unit`.
    #[inline(always)]
    pub fn of_integers<A: AsRef<[f32]> + AsMut<[f32]>>(&self, unit: f32) -> V
    where
        V: AsRef<[A]> + AsMut<[A]>,
    {
        let mut out = self.high;
        for (out, low) in out.as_mut().iter_mut().zip(self.low.as_ref()) {
            for (out, low) in out.as_mut().iter_mut().zip(low.as_ref()) {
                *out = integer(*out, *low) as f32 * unit;
            }
        }
        out
    }
}

/// An integer of 64 bits in two words.
#[inline(always)]
fn integer(high: f32, low: f32) -> i64 {
    (u64::from(high.to_bits()) << 32 | u64::from(low.to_bits())) as i64
}
