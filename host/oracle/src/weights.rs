//! Tensors by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use pushforward::model::Description;

/// The tensors of a part of a model.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    path: String,
    tensors: Arc<BTreeMap<String, Vec<f64>>>,
}

impl Weights {
    pub(crate) fn new(description: &Description, parameters: &[f64]) -> Self {
        let mut rest = parameters;
        let mut tensors = BTreeMap::new();
        for spec in description.tensors() {
            let (now, later) = rest.split_at(spec.size());
            rest = later;
            let mut data = now.to_vec();
            if let &[rows, columns] = &spec.shape[..] {
                for row in 0..rows {
                    data[row * columns + spec.visible(row)..(row + 1) * columns].fill(0.0);
                }
            }
            tensors.insert(spec.name, data);
        }
        Self { path: String::new(), tensors: Arc::new(tensors) }
    }

    /// Those whose names begin with `path` and a dot.
    pub(crate) fn within(&self, path: &str) -> Self {
        Self { path: format!("{}{path}.", self.path), tensors: Arc::clone(&self.tensors) }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&[f64]> {
        self.tensors.get(&format!("{}{name}", self.path)).map(|tensor| &tensor[..])
    }

    pub(crate) fn get(&self, name: &str) -> &[f64] {
        self.find(name).unwrap_or_else(|| panic!("the model has no tensor {}{name}", self.path))
    }

    /// `b + W x` of the tensors `{name}.bias` and `{name}.weight`; b is 0 where there is no such tensor.
    pub(crate) fn dense(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.get(&format!("{name}.weight"));
        let row = |o: usize| &weight[o * x.len()..(o + 1) * x.len()];
        let none = || vec![0.0; weight.len() / x.len()];
        let bias = self.find(&format!("{name}.bias")).map_or_else(none, <[f64]>::to_vec);
        let each = bias.iter().enumerate();
        each.map(|(o, b)| b + row(o).iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
    }
}
