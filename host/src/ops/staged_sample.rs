//! Ancestral sampling of a lattice whose sites share networks by stages.
//!
//! ```text
//! for each stage, for each of its sites p:
//!     h = units of W x[window of p], …; logits = V h        (or, of a heat bath, b + W Σ x[neighbours])
//!     x_p from the logits, by the next word of the sample's stream
//! ```
//! On the CPU it does so in the columns of position p of the matrices that the operations of a forward
//! pass write, which so need not run again ([`Drawn`]). On the GPU all sites are one dispatch: a few
//! threads draw a sample together, and each has its share of the units.

use std::borrow::Cow;

use super::noise::fill_words;
use super::shader::record;
use super::{
    Activation, Add, Context, Convolution, Dense, Fixed, Forward, Launch, Layout, LeakyUnits,
    MadeLayer, NONE, Operation, Reverse, Select, Slot, Table, activation, arguments, constants,
    dense, spins,
};

/// Threads of a sample.
const LANES: usize = 32;
/// Samples of a workgroup, at most.
const SAMPLES: usize = 8;

/// An operation that sampling does on its way, on the CPU; the GPU does it afterwards, for all positions
/// at once.
#[derive(Debug)]
pub struct Drawn(pub Box<dyn Forward>);

impl Operation for Drawn {
    fn cpu(&self, _: &mut Context<'_>) {}

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        self.0.gpu(layout)
    }
}

impl Forward for Drawn {
    fn reads(&self) -> Vec<Slot> {
        self.0.reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.0.writes()
    }

    fn parameters(&self) -> Vec<std::ops::Range<usize>> {
        self.0.parameters()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        self.0.backward(reverse);
    }
}

/// What makes the logits of a stage.
#[derive(Clone, Debug)]
pub enum StageNetwork {
    /// Layers, the last of which gives logits.
    Layers(Vec<MadeLayer>),
    /// A heat bath.
    Fixed(Fixed),
    /// Layers that read what others made of sites around: the first reads the window.
    Convolution(Vec<ConvolvedLayer>),
}

/// What makes the sums of a convolved layer.
#[derive(Clone, Copy, Debug)]
pub enum Sums {
    /// Of the window, without units.
    Dense(Dense),
    /// Of the layer below.
    Convolution(Convolution),
}

/// Units of their own.
#[derive(Clone, Copy, Debug)]
pub enum Units {
    /// With learned slopes.
    Leaky(LeakyUnits),
    /// Others.
    Other(Activation),
}

/// A layer of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct ConvolvedLayer {
    /// Its sums.
    pub sums: Sums,
    /// What is added to them.
    pub add: Option<Add>,
    /// What is made of them.
    pub units: Option<Units>,
}

impl ConvolvedLayer {
    /// The layer in numbers, and its bias.
    fn dense(&self) -> Dense {
        match self.sums {
            Sums::Dense(dense) => dense,
            Sums::Convolution(convolution) => convolution.dense,
        }
    }

    /// All that it writes.
    fn writes(&self) -> Vec<Slot> {
        let units = self.units.map(|units| match units {
            Units::Leaky(units) => units.leaky.y,
            Units::Other(units) => units.y,
        });
        [self.dense().y].into_iter().chain(units).collect()
    }

    /// Computes position `p` of the first copy.
    fn position(&self, context: &mut Context<'_>, p: usize) {
        let (from, to) = (p * context.columns(), p * context.columns() + context.samples);
        let rows = 0..self.dense().outputs;
        match self.sums {
            Sums::Dense(dense) => dense.rows(context, rows.clone(), from, to),
            Sums::Convolution(convolution) => convolution.position(context, p),
        }
        if let Some(add) = self.add {
            add.rows(context, rows.clone(), from, to);
        }
        match self.units {
            Some(Units::Leaky(units)) => units.leaky.forward(context, units.x, rows, from, to),
            Some(Units::Other(units)) => units.rows(context, rows, from, to),
            None => {}
        }
    }

    fn record(&self, layout: &Layout) -> Convolved {
        let (dense, or_none) =
            (self.dense(), |slot: Option<Slot>| slot.map_or(NONE, |slot| layout.offset(slot)));
        let (columns, [up, beside]) = match self.sums {
            Sums::Dense(_) => (1, [0; 2]),
            Sums::Convolution(convolution) => (convolution.lattice[1], convolution.reach),
        };
        let (slope, units) = match self.units {
            Some(Units::Leaky(units)) => (units.leaky.slope as u32, Some(units.leaky.y)),
            Some(Units::Other(units)) => (NONE, Some(units.y)),
            None => (NONE, None),
        };
        Convolved {
            weight: dense.weight as u32,
            bias: dense.bias.map_or(NONE, |bias| bias as u32),
            inputs: dense.inputs as u32,
            outputs: dense.outputs as u32,
            x: layout.offset(dense.x),
            y: layout.offset(dense.y),
            columns: columns as u32,
            up: up as u32,
            beside: beside as u32,
            added: or_none(self.add.and_then(|add| add.from)),
            slope,
            units: or_none(units),
        }
    }
}

/// A stage.
#[derive(Clone, Debug)]
pub struct SampledStage {
    /// What its sites read.
    pub window: Select,
    /// What is made of it.
    pub network: StageNetwork,
    /// Its sites, one a position, as rows of x. There may be more positions, of none.
    pub sites: Table,
}

impl SampledStage {
    /// `[outputs]` of each position.
    pub fn logits(&self) -> Slot {
        match &self.network {
            StageNetwork::Layers(layers) => layers.last().map_or(self.window.to, |l| l.dense.y),
            StageNetwork::Fixed(fixed) => fixed.y,
            StageNetwork::Convolution(layers) => {
                layers.last().map_or(self.window.to, |layer| layer.dense().y)
            }
        }
    }
}

/// Draws x, and on the CPU leaves what its stages' forward pass does, of the first copy; the second
/// copy is −x.
#[derive(Clone, Debug)]
pub struct StagedSample {
    /// Stages in the order in which they are drawn.
    pub stages: Vec<SampledStage>,
    /// Categories of a site; none of spins.
    pub categories: usize,
    /// Values.
    pub x: Slot,
    /// What networks read of them: x itself, or a row for each category.
    pub read: Slot,
}

/// The category that a word picks.
fn pick(logits: impl Iterator<Item = f32> + Clone, word: u32) -> usize {
    let most = logits.clone().fold(f32::MIN, f32::max);
    let each = logits.map(|a| (a - most).exp());
    let total: f32 = each.clone().sum();
    let at = (word >> 8) as f32 * (1.0 / (1 << 24) as f32) * total;
    let mut end = 0.0;
    let mut passed = 0;
    let mut last = 0;
    for e in each {
        end += e;
        passed += usize::from(at >= end);
        last += 1;
    }
    passed.min(last - 1)
}

impl StagedSample {
    /// Draws the site of a position, from logits that are there.
    fn draw(&self, context: &mut Context<'_>, logits: Slot, p: usize, site: usize, words: &[u32]) {
        let (n, samples) = (context.columns(), context.samples);
        let all = context.columns_of(logits);
        context.writing(self.x, |context, x| {
            let x = &mut x[site * n..(site + 1) * n];
            let logits = &context.slot(logits)[p * n..];
            if self.categories == 0 {
                return spins::draw(context.level, logits, words, x);
            }
            for (c, (x, word)) in x.iter_mut().zip(words).enumerate() {
                let row = (0..self.categories).map(|k| logits[k * all + c]);
                *x = pick(row, *word) as f32;
            }
        });
        if self.categories > 0 {
            context.writing(self.read, |context, read| {
                let x = &context.slot(self.x)[site * n..][..samples];
                for k in 0..self.categories {
                    let to = &mut read[(site * self.categories + k) * n..][..samples];
                    to.iter_mut().zip(x).for_each(|(to, x)| *to = f32::from(*x == k as f32));
                }
            });
        }
    }
}

record! {
    /// A stage: what its window, its sites and its layers are, or the weights of its heat bath.
    Stage, stage_at { count, positions, window, window_rows, sites, layers, convolved, network, units, weight, bias }
}

record! {
    /// A layer of a convolution.
    Convolved, convolved_at {
        weight, bias, inputs, outputs, x, y, columns, up, beside, added, slope, units
    }
}

impl Operation for StagedSample {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, samples) = (context.columns(), context.samples);
        let mut words = vec![0; samples];
        let mut word = 0;
        for stage in &self.stages {
            for p in 0..stage.sites.len {
                let (from, to) = (p * n, p * n + samples);
                let positions = context.shapes[stage.window.to.0].positions;
                stage.window.position(context, p, positions);
                match &stage.network {
                    StageNetwork::Fixed(fixed) => fixed.columns(context, from, to),
                    StageNetwork::Layers(layers) => {
                        for layer in layers {
                            layer.rows(context, 0..layer.dense.outputs, from, to);
                        }
                    }
                    StageNetwork::Convolution(layers) => {
                        layers.iter().for_each(|layer| layer.position(context, p));
                    }
                }
                let site = context.table(stage.sites)[p] as usize;
                fill_words(context.level, context.step.key, context.first, word, &mut words);
                self.draw(context, stage.logits(), p, site, &words);
                word += 1;
            }
        }
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let mut records = Vec::new();
        // The most values that a site's layers read or make.
        let mut width = 1;
        let mut units = None;
        for SampledStage { window, network, sites } in &self.stages {
            let positions = layout.shapes[window.to.0].positions;
            let rows = window.indices.len / positions.max(1);
            width = width.max(rows);
            let mut stage = Stage {
                count: sites.len as u32,
                positions: positions as u32,
                window: window.indices.start as u32,
                window_rows: rows as u32,
                sites: sites.start as u32,
                layers: 0,
                convolved: 0,
                network: 0,
                units: 0,
                weight: NONE,
                bias: NONE,
            };
            match network {
                StageNetwork::Fixed(fixed) => {
                    stage.weight = fixed.weight.start as u32;
                    stage.bias = fixed.bias.start as u32;
                    stage.layers = 1;
                    stage.units = fixed.bias.len as u32;
                    width = width.max(fixed.bias.len);
                }
                StageNetwork::Layers(layers) => {
                    let denses: Vec<Dense> = layers.iter().map(|layer| layer.dense).collect();
                    width = denses.iter().map(|dense| dense.outputs).fold(width, usize::max);
                    stage.layers = layers.len() as u32;
                    stage.network = dense::table(&denses, layout);
                    units = layers.iter().find_map(|layer| layer.activation).or(units);
                }
                StageNetwork::Convolution(layers) => {
                    let layer = |layer: &ConvolvedLayer| layer.record(layout).words();
                    let words: Vec<u32> = layers.iter().flat_map(layer).collect();
                    width = layers.last().map_or(width, |last| width.max(last.dense().outputs));
                    stage.convolved = layers.len() as u32;
                    stage.network = layout.table(words);
                    let other = layers.iter().find_map(|layer| match layer.units {
                        Some(Units::Other(units)) => Some(units),
                        _ => None,
                    });
                    units = other.or(units);
                }
            }
            records.extend(stage.words());
        }
        let samples = (layout.workgroup_memory as usize / (2 * 4 * width)).clamp(1, SAMPLES);
        let arguments = arguments! {
            stages: layout.table(records),
            count: self.stages.len(),
            categories: self.categories,
            x: layout.offset(self.x),
            read: layout.offset(self.read),
        };
        let mut sources: Vec<Cow<'static, str>> = dense::sources();
        sources.extend(activation::sources(units.map_or(Default::default(), |u| u.activation)));
        sources.extend([
            Stage::wgsl(),
            Convolved::wgsl(),
            constants![SAMPLES = samples, LANES, WIDTH = width, HAS_UNITS = units.is_some()],
            include_str!("noise.wgsl").into(),
            include_str!("staged_sample.wgsl").into(),
        ]);
        sources.extend(spins::draw_in_wgsl());
        let groups = [layout.samples.div_ceil(samples) as u32, 1, 1];
        vec![Launch { sources, entry: "staged_sample", arguments, groups }]
    }
}

impl Forward for StagedSample {
    /// Nothing: what it draws are integers, and its layers' gradients are those of the forward pass.
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        let of = |stage: &SampledStage| match &stage.network {
            StageNetwork::Fixed(fixed) => vec![stage.window.to, fixed.y],
            StageNetwork::Layers(layers) => {
                let writes = layers.iter().flat_map(|layer| {
                    layer.dense.writes().into_iter().chain(layer.activation.map(|units| units.y))
                });
                [stage.window.to].into_iter().chain(writes).collect()
            }
            StageNetwork::Convolution(layers) => {
                let writes = layers.iter().flat_map(ConvolvedLayer::writes);
                [stage.window.to].into_iter().chain(writes).collect()
            }
        };
        let stages = self.stages.iter().flat_map(of);
        [self.x, self.read].into_iter().chain(stages).collect()
    }
}
