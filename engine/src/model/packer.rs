//! Packing: the tensors of a model in the order in which its kernels read them.
//!
//! Floats are packed as they are. The integers of a part are bytes, of as many to each as its tensor's type has,
//! and lie in the same block, in words of 32 bits.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::part::{TensorSpec, Tensors, WORD};
use super::{Dtype, Tensor};
use crate::kernel::{PANEL, STRIP};

/// Writes tensors in packed order; see [`crate::kernel`].
#[derive(Debug)]
pub struct Packer<'a> {
    path: String,
    tensors: &'a BTreeMap<String, Tensor>,
    pub(crate) out: Vec<f32>,
    /// Of a part of integers, what is packed of it.
    integers: Option<Integers>,
    /// Where its rectangles of bytes begin that have whole panels, with their inputs and outputs.
    pub(super) rectangles: Vec<[usize; 3]>,
}

/// A part's integers, and what its tensors are.
#[derive(Debug)]
struct Integers {
    bytes: Vec<u8>,
    tensors: Tensors,
}

impl Integers {
    fn find(&self, name: &str) -> Option<&TensorSpec> {
        self.tensors.all.iter().find(|spec| spec.name == name)
    }

    /// The type of a tensor's entries.
    fn dtype(&self, name: &str) -> Dtype {
        self.find(name).map_or(Dtype::F32, |spec| spec.dtype)
    }
}

impl<'a> Packer<'a> {
    /// Of these tensors; where there are none at all, zeros are packed in their place.
    pub(crate) fn new(tensors: &'a BTreeMap<String, Tensor>) -> Self {
        let (path, out, rectangles) = (String::new(), Vec::new(), Vec::new());
        Self { path, tensors, out, integers: None, rectangles }
    }

    /// Words that a part packs, whose integers lie closer than floats.
    pub(crate) fn words(pack: impl FnOnce(&mut Packer<'_>)) -> usize {
        let none = BTreeMap::new();
        let mut packer = Packer::new(&none);
        pack(&mut packer);
        packer.out.len()
    }

    /// A tensor of the part at hand.
    pub fn tensor(&self, name: &str) -> &'a Tensor {
        // A `Model` has every tensor that its parts name.
        self.tensors
            .get(&format!("{}{name}", self.path))
            .expect("validated when the model was built")
    }

    /// The same, if there are tensors.
    fn find(&self, name: &str) -> Option<&'a Tensor> {
        (!self.tensors.is_empty()).then(|| self.tensor(name))
    }

    /// Entries of a vector; of a range of none there need be no tensor.
    pub fn vector(&mut self, name: &str, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let tensor = self.find(name);
        self.write(name, range.map(|i| tensor.map_or(0.0, |tensor| tensor.data[i])));
    }

    /// The slopes of a layer's units, or their scales.
    pub fn slopes(&mut self, layer: &str, units: Range<usize>) {
        match self.integers {
            None => self.vector(&format!("{layer}.slope"), units),
            Some(_) => self.vector(&format!("{layer}.scales"), 4 * units.start..4 * units.end),
        }
    }

    /// The scales of outputs, if they have any.
    pub fn outputs(&mut self, outputs: Range<usize>) {
        if self.integers.as_ref().is_some_and(|of| of.find("output.scales").is_some()) {
            self.vector("output.scales", 4 * outputs.start..4 * outputs.end);
        }
    }

    /// A part of integers, whose tensors are these. Each rectangle begins a word.
    pub fn integers(&mut self, tensors: Tensors, pack: impl FnOnce(&mut Self)) {
        self.integers = Some(Integers { bytes: Vec::new(), tensors });
        pack(self);
        let bytes = self.integers.take().map(|integers| integers.bytes).unwrap_or_default();
        self.out.extend(bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)));
    }

    fn write(&mut self, name: &str, numbers: impl Iterator<Item = f32>) {
        let Some(integers) = &mut self.integers else { return self.out.extend(numbers) };
        let width = integers.dtype(name).bitsize() / 8;
        for number in numbers {
            integers.bytes.extend_from_slice(&(number as i32).to_le_bytes()[..width]);
        }
    }

    /// A rectangle of a matrix, in strips and panels.
    pub fn rectangle(&mut self, name: &str, outputs: Range<usize>, inputs: Range<usize>) {
        if let Some(integers) = &self.integers
            && integers.dtype(name) == Dtype::I8
            && outputs.len() >= PANEL
            && !inputs.is_empty()
        {
            let start = WORD * self.out.len() + integers.bytes.len();
            self.rectangles.push([start, inputs.len(), outputs.len()]);
        }
        let tensor = self.find(name);
        let stride = tensor.map_or(0, |tensor| tensor.shape[1]);
        let entry = |o: usize, i: usize| tensor.map_or(0.0, |tensor| tensor.data[o * stride + i]);
        for strip in inputs.clone().step_by(STRIP) {
            let strip = strip..inputs.end.min(strip + STRIP);
            let mut first = outputs.start;
            for width in [PANEL, 4, 1] {
                while outputs.end - first >= width {
                    for i in strip.clone() {
                        self.write(name, (first..first + width).map(|o| entry(o, i)));
                    }
                    first += width;
                }
            }
        }
        if let Some(integers) = &mut self.integers {
            integers.bytes.resize(integers.bytes.len().next_multiple_of(WORD), 0);
        }
    }

    /// The part whose tensors' names begin with `path` and a dot.
    pub fn within(&mut self, path: impl fmt::Display, pack: impl FnOnce(&mut Self)) {
        let end = self.path.len();
        self.path += &format!("{path}.");
        pack(self);
        self.path.truncate(end);
    }
}
