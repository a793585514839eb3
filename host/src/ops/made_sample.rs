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

use std::ops::Range;

use pushforward::domain::Kind;

use super::close::{CLOSED, Left, close};
use super::noise::fill_words;
use super::shader::record;
use super::{
    Activation, Add, Context, Dense, Forward, Launch, Layout, NONE, Operation, Slot, Table,
    arguments, constants,
};
use super::{activation, dense, spins};

/// Samples of a workgroup, and threads of a sample.
const SAMPLES: usize = 8;
const LANES: usize = 32;

/// A layer, whose units are its own if they are leaky. Its sums begin at 0 where it has no bias.
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
    /// How many spins there are to be of −1 and of +1, if that is given.
    pub counts: Option<Table>,
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

impl MadeLayer {
    /// Computes rows `rows` and columns `from..to`.
    pub(super) fn rows(
        &self,
        context: &mut Context<'_>,
        rows: Range<usize>,
        from: usize,
        to: usize,
    ) {
        let Self { dense, add, activation } = self;
        if dense.bias.is_none() {
            Add { from: None, to: dense.y }.rows(context, rows.clone(), from, to);
        }
        dense.rows(context, rows.clone(), from, to);
        if let Some(add) = add {
            add.rows(context, rows.clone(), from, to);
        }
        if let Some(activation) = activation {
            activation.rows(context, rows, from, to);
        }
    }
}

impl Operation for MadeSample {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, samples) = (context.columns(), context.samples);
        let mut words = vec![0; samples];
        let mut left = self.counts.map(|counts| Left::new(context.table(counts), samples));
        for i in 0..self.sites {
            for layer in &self.layers {
                let units = layer.dense.outputs;
                let [first, end] = [i, i + 1].map(|i| first_unit(i, units, self.sites));
                layer.rows(context, first..end, 0, samples);
            }
            let bias = context.parameters[self.bias + i];
            context.slots[self.logits.0][i * n..i * n + samples].fill(bias);
            for dense in self.output.iter().chain(&self.pairwise) {
                Dense { bias: None, ..*dense }.rows(context, i..i + 1, 0, samples);
            }
            fill_words(context.level, context.step.key, context.first, i, &mut words);
            if let Some(left) = &left {
                let logits = &mut context.slots[self.logits.0][i * n..i * n + samples];
                for c in 0..samples {
                    for k in (0..2).filter(|k| !left.is_open(c, *k)) {
                        close(logits, samples, c, k);
                    }
                }
            }
            context.writing(self.x, |context, x| {
                let logits = &context.slot(self.logits)[i * n..i * n + samples];
                let x = &mut x[i * n..(i + 1) * n];
                spins::draw(context.level, logits, &words, x);
                if let Some(left) = &mut left {
                    x[..samples]
                        .iter()
                        .enumerate()
                        .for_each(|(c, x)| left.take(c, Kind::Spin.number(*x)));
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
            counts: self.counts.map_or(NONE, |counts| counts.start as u32),
        };
        let mut sources = dense::sources();
        sources.extend(activation::sources(units.map_or_else(Default::default, |u| u.activation)));
        sources.extend([
            Ends::wgsl(),
            constants![SAMPLES, LANES, CLOSED],
            include_str!("noise.wgsl").into(),
            include_str!("made_sample.wgsl").into(),
        ]);
        sources.extend(spins::draw_in_wgsl());
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
