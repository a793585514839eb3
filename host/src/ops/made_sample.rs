//! Ancestral sampling of a masked autoregressive network, each weight once.
//!
//! Units are sorted by site, so site i needs only its own units, whose inputs are complete by then:
//! ```text
//! for site i:
//!     for each hidden layer: z[units of i] = b + W x[sites < i] (+ stream), h = unit(z)
//!     logit = b_i + W_i h[units of sites ≤ i] + P_i s[sites < i]
//!     s_i = +1 with probability σ(logit), by word i of the sample's stream
//! ```
//! What it leaves behind, the activations and logits of the first copy, is the forward pass of that
//! copy, which need not be run again. On the GPU all sites are one dispatch: a few threads draw
//! a sample together, and each has its share of every sum.

use pushforward::conditional::bernoulli;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::noise::fill_words;
use super::shader::record;
use super::{
    Activation, Add, Context, Dense, Forward, Launch, Layout, NONE, Operation, Slot, arguments,
    constants,
};
use super::{activation, dense};

/// Samples of a workgroup, and threads of a sample.
const SAMPLES: usize = 8;
const LANES: usize = 32;

/// A hidden layer, whose units are its own if they are leaky.
#[derive(Clone, Copy, Debug)]
pub struct MadeLayer {
    /// Its sums.
    pub dense: Dense,
    /// What is added to them, in a residual network.
    pub add: Option<Add>,
    /// The units that the next layer reads, where they are not leaky.
    pub activation: Option<Activation>,
}

record! {
    /// Where the matrix that is added to a layer's sums is, and the one of units that are not its own.
    Ends, ends_at { added, units }
}

/// Draws x, and leaves activations and logits of the first copy; the second copy is −x.
#[derive(Clone, Debug)]
pub struct MadeSample {
    /// Number of spins.
    pub sites: usize,
    /// Hidden layers, the first first.
    pub layers: Vec<MadeLayer>,
    /// Last units, or spins without hidden layers, to logits.
    pub output: Option<Dense>,
    /// Spins to logits.
    pub pairwise: Option<Dense>,
    /// Bias of the logits where there is no hidden layer.
    pub bias: usize,
    /// Spins.
    pub x: Slot,
    /// Logits.
    pub logits: Slot,
}

/// First unit of site `i` among `units` units, if sites are spread evenly: those with
/// ⌊u · sites / units⌋ = i.
pub(crate) fn first_unit(i: usize, units: usize, sites: usize) -> usize {
    (i * units).div_ceil(sites)
}

struct Draw<'a> {
    logits: &'a [f32],
    words: &'a [u32],
    x: &'a mut [f32],
}

impl Kernel for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut words = self.words.iter().copied();
        for (x, a) in S::chunks_mut(self.x).0.iter_mut().zip(S::chunks(self.logits).0) {
            let word = s.from_words(|| words.next().unwrap_or(0));
            s.store(bernoulli::draw(s, s.load(a), word), x);
        }
    }
}

impl Operation for MadeSample {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, samples) = (context.columns(), context.samples);
        let mut words = vec![0; samples];
        for i in 0..self.sites {
            for MadeLayer { dense, add, activation } in &self.layers {
                let [first, end] = [i, i + 1].map(|i| first_unit(i, dense.outputs, self.sites));
                dense.rows(context, first..end, 0, samples);
                if let Some(add) = add {
                    add.rows(context, first..end, samples);
                }
                if let Some(activation) = activation {
                    activation.rows(context, first..end, samples);
                }
            }
            let bias = context.parameters[self.bias + i];
            context.slots[self.logits.0][i * n..i * n + samples].fill(bias);
            for dense in self.output.iter().chain(&self.pairwise) {
                Dense { bias: None, ..*dense }.rows(context, i..i + 1, 0, samples);
            }
            fill_words(context.level, context.step.key, context.first, i, &mut words);
            context.writing(self.x, |context, x| {
                let logits = &context.slot(self.logits)[i * n..i * n + samples];
                let (x, mirror) = x[i * n..(i + 1) * n].split_at_mut(samples);
                dispatch(context.level, Draw { logits, words: &words, x });
                for (m, x) in mirror.iter_mut().zip(x) {
                    *m = -*x;
                }
            });
        }
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let weight = |d: &Option<Dense>| d.map_or(NONE, |d| d.weight as u32);
        let layers: Vec<Dense> = self.layers.iter().map(|layer| layer.dense).collect();
        let place = |slot: Option<Slot>| slot.map_or(NONE, |slot| layout.offset(slot));
        let ends = self.layers.iter().flat_map(|MadeLayer { add, activation, .. }| {
            let added = place(add.and_then(|add| add.from));
            Ends { added, units: place(activation.map(|activation| activation.y)) }.words()
        });
        let ends: Vec<u32> = ends.collect();
        let units = self.layers.iter().find_map(|layer| layer.activation);
        let arguments = arguments! {
            sites: self.sites,
            layers: self.layers.len(),
            network: dense::table(&layers, layout),
            ends: layout.table(ends),
            x: layout.offset(self.x),
            logits: layout.offset(self.logits),
            bias: self.bias,
            output: weight(&self.output),
            output_x: self.output.map_or(0, |d| layout.offset(d.x)),
            output_inputs: self.output.map_or(0, |d| d.inputs),
            output_limits: self.output.map_or(0, |d| d.limits.start),
            pairwise: weight(&self.pairwise),
        };
        let mut sources = dense::sources();
        sources.extend(activation::sources(units.map_or_else(Default::default, |u| u.activation)));
        sources.extend([
            Ends::wgsl(),
            constants![SAMPLES, LANES],
            include_str!("noise.wgsl").into(),
            include_str!("made_sample.wgsl").into(),
        ]);
        vec![Launch {
            sources,
            entry: "made_sample",
            arguments,
            groups: [layout.samples.div_ceil(SAMPLES) as u32, 1, 1],
        }]
    }
}

impl Forward for MadeSample {
    /// Nothing: what it draws are integers, and its layers' gradients are those of the forward pass.
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        let layers = self.layers.iter().flat_map(|layer| {
            layer.dense.writes().into_iter().chain(layer.activation.map(|units| units.y))
        });
        [self.x, self.logits].into_iter().chain(layers).collect()
    }
}
