//! Where the tensors of a model lie among its parameters.

use std::collections::HashMap;

use pushforward::model::Description;

use super::super::tape::Tape;
use super::TrainError;
use crate::ops::{Dense, Slot};

/// A tensor's place.
struct Tensor {
    start: usize,
    shape: Vec<usize>,
    /// For a matrix, the inputs that each output sees: a prefix.
    limits: Vec<usize>,
}

/// All tensors, by name.
pub(in super::super) struct Tensors {
    all: HashMap<String, Tensor>,
    parameters: usize,
}

impl Tensors {
    /// The tensors of a model, in the order of its parameters.
    pub(in super::super) fn of(description: &Description) -> Self {
        let mut parameters = 0;
        let all = description.tensors().into_iter().map(|spec| {
            let start = parameters;
            parameters += spec.size();
            let limits = match spec.shape[..] {
                [outputs, _] => (0..outputs).map(|o| spec.visible(o)).collect(),
                _ => Vec::new(),
            };
            (spec.name, Tensor { start, shape: spec.shape, limits })
        });
        Self { all: all.collect(), parameters }
    }

    /// Parameters in all.
    pub(super) fn parameters(&self) -> usize {
        self.parameters
    }

    fn get(&self, name: &str) -> Result<&Tensor, TrainError> {
        self.all.get(name).ok_or_else(|| TrainError::Tensor { name: name.to_owned() })
    }

    /// Parameters of a vector, or rows of a matrix.
    pub(super) fn len(&self, name: &str) -> Result<usize, TrainError> {
        self.get(name).map(|tensor| tensor.shape[0])
    }

    /// First parameter of a tensor.
    pub(in super::super) fn start(&self, name: &str) -> Result<usize, TrainError> {
        self.get(name).map(|tensor| tensor.start)
    }

    /// The layer `{name}.weight` on top of `x`, with `{name}.bias` where there is one, and with a
    /// new matrix for what it writes unless `y` is one.
    pub(super) fn dense(
        &self,
        tape: &mut Tape,
        name: &str,
        x: Slot,
        y: Option<Slot>,
    ) -> Result<Dense, TrainError> {
        let weight = format!("{name}.weight");
        let tensor = self.get(&weight)?;
        let &[outputs, inputs] = &tensor.shape[..] else {
            return Err(TrainError::Tensor { name: weight });
        };
        Ok(Dense {
            weight: tensor.start,
            bias: self.start(&format!("{name}.bias")).ok(),
            limits: tape.table(Dense::table(&tensor.limits, inputs)),
            inputs,
            outputs,
            x,
            y: y.unwrap_or_else(|| tape.slot_beside(outputs, x)),
            units: None,
            from_copy: 0,
        })
    }
}
