//! Sites in stages, whose positions share weights.

use super::super::tape::Tape;
use crate::ops::{Add, ConvolvedLayer, MadeLayer, SampledStage, Slot, StageNetwork, Sums, Units};

/// A network's stages.
pub(super) struct Staged {
    /// In the order in which they are drawn.
    pub(super) stages: Vec<SampledStage>,
    pub(super) sites: usize,
    pub(super) outputs: usize,
}

impl Staged {
    /// Pushes the forward pass, which sampling has done where `drawn`, and gives the logits: those of a site
    /// after those of the one before, in the order of the rows.
    pub(super) fn push(&self, tape: &mut Tape, drawn: bool) -> Slot {
        let outputs = self.outputs as u32;
        let mut all = None;
        // Where the first output of each site is, and how far the next is from it.
        let (mut places, mut next) = (vec![[0; 2]; self.sites], 0);
        for stage in &self.stages {
            if stage.window.indices.len > 0 {
                tape.push_drawn(stage.window, drawn);
            }
            match &stage.network {
                StageNetwork::Fixed(fixed) => tape.push_drawn(*fixed, drawn),
                StageNetwork::Convolution(layers) => {
                    for ConvolvedLayer { sums, add, units } in layers {
                        match sums {
                            Sums::Dense(dense) => tape.push_drawn(*dense, drawn),
                            Sums::Convolution(convolution) => tape.push_drawn(*convolution, drawn),
                        }
                        if let Some(add) = add {
                            tape.push_drawn(*add, drawn);
                        }
                        match units {
                            Some(Units::Leaky(units)) => tape.push_drawn(*units, drawn),
                            Some(Units::Other(units)) => tape.push_drawn(*units, drawn),
                            None => {}
                        }
                    }
                }
                StageNetwork::Layers(layers) => {
                    for MadeLayer { dense, activation, .. } in layers {
                        if dense.bias.is_none() {
                            tape.push_drawn(Add { from: None, to: dense.y }, drawn);
                        }
                        tape.push_drawn(*dense, drawn);
                        if let Some(activation) = activation {
                            tape.push_drawn(*activation, drawn);
                        }
                    }
                }
            }
            let sites = tape.entries(stage.sites).to_vec();
            let positions = tape.positions(stage.logits()) as u32;
            for (first, site) in (next..).zip(sites) {
                places[site as usize] = [first, positions];
            }
            next += outputs * positions;
            all = Some(tape.select(all, 0..outputs * positions, stage.logits()));
        }
        let row = |[first, step]: [u32; 2]| (0..outputs).map(move |o| first + o * step);
        let rows: Vec<u32> = places.into_iter().flat_map(row).collect();
        tape.select(None, rows, all.unwrap_or(self.stages[0].logits()))
    }
}
