//! From named tensors to the packed order that the kernels stream; see [`crate::kernel`],
//! [`crate::made`] and [`crate::realnvp`] for the order itself.

use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Architecture, MadeSpec, Model, RealNvpSpec, Tensor};
use crate::kernel::PANEL;
use crate::made::{BLOCK, units_before};

/// The model's weights in packed order: the block that [`crate::made::Made`] and
/// [`crate::realnvp::RealNvp`] read.
pub fn pack(model: &Model) -> Vec<f32> {
    let mut packer = Packer { model, out: Vec::new() };
    match model.architecture() {
        Architecture::Made(made) => packer.made(made),
        Architecture::RealNvp(flow) => packer.realnvp(flow),
        Architecture::Nsf(_) | Architecture::Maf(_) => {}
    }
    packer.out
}

struct Packer<'a> {
    model: &'a Model,
    out: Vec<f32>,
}

impl Packer<'_> {
    fn tensor(&self, name: &str) -> &Tensor {
        // A `Model` has every tensor that its architecture names.
        self.model.tensor(name).expect("validated when the model was built")
    }

    fn vector(&mut self, name: &str, range: Range<usize>) {
        let data = self.tensor(name).data[range].to_vec();
        self.out.extend(data);
    }

    fn rectangle(&mut self, name: &str, outputs: Range<usize>, inputs: Range<usize>) {
        let tensor = self.tensor(name);
        let stride = tensor.shape[1];
        let mut packed = Vec::with_capacity(outputs.len() * inputs.len());
        let mut first = outputs.start;
        for width in [PANEL, 4, 1] {
            while outputs.end - first >= width {
                for i in inputs.clone() {
                    packed.extend((first..first + width).map(|o| tensor.data[o * stride + i]));
                }
                first += width;
            }
        }
        self.out.extend(packed);
    }

    fn made(&mut self, made: &MadeSpec) {
        let sites = made.sites;
        let before = |layer: usize, site: usize| units_before(made.hidden[layer], sites, site);
        // Inputs of hidden layer `layer` (or of the logits) that sites before `site` own.
        let inputs_before = |layer: usize, site: usize| match layer.checked_sub(1) {
            None => site,
            Some(below) => before(below, site),
        };
        let depth = made.hidden.len();
        for start in (0..sites).step_by(BLOCK) {
            let end = (start + BLOCK).min(sites);
            for l in 0..depth {
                let units = before(l, start)..before(l, end);
                self.vector(&format!("hidden.{l}.bias"), units.clone());
                self.rectangle(&format!("hidden.{l}.weight"), units, 0..inputs_before(l, start));
            }
            self.vector("output.bias", start..end);
            if depth > 0 {
                self.rectangle("output.weight", start..end, 0..inputs_before(depth, start));
            }
            if made.pairwise {
                self.rectangle("pairwise.weight", start..end, 0..start);
            }
            for site in start..end {
                for l in 0..depth {
                    let units = before(l, site)..before(l, site + 1);
                    let through = if l == 0 { site } else { before(l - 1, site + 1) };
                    let inputs = inputs_before(l, start)..through;
                    self.rectangle(&format!("hidden.{l}.weight"), units.clone(), inputs);
                    self.vector(&format!("hidden.{l}.slope"), units);
                }
                if depth > 0 {
                    let inputs = inputs_before(depth, start)..before(depth - 1, site + 1);
                    self.rectangle("output.weight", site..site + 1, inputs);
                }
                if made.pairwise {
                    self.rectangle("pairwise.weight", site..site + 1, start..site);
                }
            }
        }
    }

    fn realnvp(&mut self, flow: &RealNvpSpec) {
        for (l, coupling) in flow.couplings.iter().enumerate() {
            let mut inputs = coupling.mask.iter().filter(|kept| **kept).count();
            let outputs = 2 * (coupling.mask.len() - inputs);
            for (k, units) in coupling.hidden.iter().enumerate() {
                let name = format!("coupling.{l}.hidden.{k}");
                self.vector(&format!("{name}.bias"), 0..*units);
                self.rectangle(&format!("{name}.weight"), 0..*units, 0..inputs);
                self.vector(&format!("{name}.slope"), 0..*units);
                inputs = *units;
            }
            self.vector(&format!("coupling.{l}.output.bias"), 0..outputs);
            self.rectangle(&format!("coupling.{l}.output.weight"), 0..outputs, 0..inputs);
        }
        if flow.affine {
            self.vector("affine.log_scale", 0..flow.dim);
            self.vector("affine.shift", 0..flow.dim);
        }
    }
}
