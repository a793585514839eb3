//! From named tensors to the packed order that the kernels stream; see [`crate::kernel`],
//! [`crate::masked`] and [`crate::coupling`] for the order itself.

use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Architecture, CouplingSpec, Model, Tensor};
use crate::kernel::{PANEL, STRIP};
use crate::masked::{BLOCK, Shape, units_before};

/// The model's weights in packed order: the block that [`crate::made::Made`],
/// [`crate::coupling::CouplingFlow`] and [`crate::maf::Maf`] read.
pub fn pack(model: &Model) -> Vec<f32> {
    let mut packer = Packer { model, out: Vec::new() };
    match model.architecture() {
        Architecture::Made(made) => packer.masked("", made.network()),
        Architecture::RealNvp(flow) => {
            packer.couplings(&flow.couplings);
            packer.affine(flow.affine, flow.dim);
        }
        Architecture::Nsf(flow) => {
            packer.couplings(&flow.couplings);
            packer.affine(flow.affine, flow.dim);
        }
        Architecture::Maf(flow) => {
            let parameters = flow.transformer.parameters();
            for (l, layer) in flow.layers().iter().enumerate() {
                packer.masked(&format!("autoregressive.{l}."), layer.network(parameters));
            }
            packer.affine(flow.affine, flow.dim);
        }
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
        for strip in inputs.clone().step_by(STRIP) {
            let strip = strip..inputs.end.min(strip + STRIP);
            let mut first = outputs.start;
            for width in [PANEL, 4, 1] {
                while outputs.end - first >= width {
                    for i in strip.clone() {
                        packed.extend((first..first + width).map(|o| tensor.data[o * stride + i]));
                    }
                    first += width;
                }
            }
        }
        self.out.extend(packed);
    }

    /// A masked network whose tensors are `{prefix}hidden.{l}…`, `{prefix}output…` and, for direct
    /// terms, `{prefix}pairwise.weight`.
    fn masked(&mut self, prefix: &str, shape: Shape<'_>) {
        let Shape { sites, hidden, outputs, direct } = shape;
        let depth = hidden.len();
        // Units of layer `layer` that sites before `site` own; layer `depth` is the outputs.
        let before = |layer: usize, site: usize| match hidden.get(layer) {
            Some(units) => units_before(*units, sites, site),
            None => site * outputs,
        };
        let name = |layer: usize, what: &str| match hidden.get(layer) {
            Some(_) => format!("{prefix}hidden.{layer}.{what}"),
            None => format!("{prefix}output.{what}"),
        };
        let pairwise = format!("{prefix}pairwise.weight");
        for start in (0..sites).step_by(BLOCK) {
            let end = (start + BLOCK).min(sites);
            for l in 0..=depth {
                let units = before(l, start)..before(l, end);
                self.vector(&name(l, "bias"), units.clone());
                match l.checked_sub(1) {
                    Some(below) => {
                        self.rectangle(&name(l, "weight"), units, 0..before(below, start));
                    }
                    None if depth > 0 => self.rectangle(&name(l, "weight"), units, 0..start),
                    None => {}
                }
            }
            if direct {
                self.rectangle(&pairwise, start * outputs..end * outputs, 0..start);
            }
            for site in start..end {
                for l in 0..depth {
                    let own = before(l, site)..before(l, site + 1);
                    self.vector(&name(l, "slope"), own.clone());
                    let readers = before(l + 1, site)..before(l + 1, end);
                    self.rectangle(&name(l + 1, "weight"), readers, own);
                }
                if depth > 0 {
                    let readers = before(0, site + 1)..before(0, end);
                    self.rectangle(&name(0, "weight"), readers, site..site + 1);
                }
                if direct {
                    let readers = (site + 1) * outputs..end * outputs;
                    self.rectangle(&pairwise, readers, site..site + 1);
                }
            }
        }
    }

    fn couplings(&mut self, couplings: &[CouplingSpec]) {
        for (l, coupling) in couplings.iter().enumerate() {
            let mut inputs = coupling.mask.iter().filter(|kept| **kept).count();
            for (k, units) in coupling.hidden.iter().enumerate() {
                let name = format!("coupling.{l}.hidden.{k}");
                self.vector(&format!("{name}.bias"), 0..*units);
                self.rectangle(&format!("{name}.weight"), 0..*units, 0..inputs);
                self.vector(&format!("{name}.slope"), 0..*units);
                inputs = *units;
            }
            let outputs = self.tensor(&format!("coupling.{l}.output.bias")).data.len();
            self.vector(&format!("coupling.{l}.output.bias"), 0..outputs);
            self.rectangle(&format!("coupling.{l}.output.weight"), 0..outputs, 0..inputs);
        }
    }

    fn affine(&mut self, affine: bool, dim: usize) {
        if affine {
            self.vector("affine.log_scale", 0..dim);
            self.vector("affine.shift", 0..dim);
        }
    }
}
