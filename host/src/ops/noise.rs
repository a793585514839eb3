//! The noise of a training step: the engine's Threefry words, on both devices.

use pushforward::noise::threefry;
use pushforward::simd::{Kernel, Level, Simd, dispatch};

use super::{Context, Forward, Launch, Layout, Operation, Slot, arguments};

/// Word `word` of samples `first..`, one for each entry of `out`, whole vectors long.
pub(crate) fn fill_words(level: Level, key: [u32; 2], first: u64, word: usize, out: &mut [u32]) {
    dispatch(level, Fill { key, first, word, out });
}

struct Fill<'a> {
    key: [u32; 2],
    first: u64,
    word: usize,
    out: &'a mut [u32],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut bits = [0.0; 64];
        for (i, out) in self.out.chunks_mut(S::LANES).enumerate() {
            let lanes =
                s.add_u(s.splat_u(self.first as u32 + (i * S::LANES) as u32), s.lane_numbers());
            let block = threefry(s, self.key, [lanes, s.splat_u((self.word / 2) as u32)]);
            if let Some(bits) = S::chunks_mut(&mut bits).0.first_mut() {
                s.store(s.from_bits(block[self.word % 2]), bits);
            }
            for (out, bits) in out.iter_mut().zip(bits) {
                *out = bits.to_bits();
            }
        }
    }
}

/// Writes the words of each sample as exact floats, to compare devices: row w has the high 24 bits
/// of word w, as a float in [½, 2), row `count + w` its low 8 bits as an integer.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Words a sample.
    pub count: usize,
    /// `2 · count` rows.
    pub out: Slot,
}

impl Operation for Words {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, samples, count) = (context.columns(), context.samples, self.count);
        context.writing(self.out, |context, out| {
            let mut words = vec![0; samples];
            for w in 0..count {
                fill_words(context.level, context.step.key, context.first, w, &mut words);
                for (c, &word) in words.iter().enumerate() {
                    out[w * n + c] = f32::from_bits(word >> 8 | 0x3f00_0000);
                    out[(count + w) * n + c] = (word & 0xff) as f32;
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        vec![Launch {
            sources: vec![include_str!("noise.wgsl").into(), include_str!("words.wgsl").into()],
            entry: "words",
            arguments: arguments! { count: self.count, out: layout.offset(self.out) },
            groups: [Layout::groups(layout.samples), self.count as u32, 1],
        }]
    }
}

impl Forward for Words {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.out]
    }
}
