//! An autoregressive layer: coordinates before it in an order say how each one is moved. The
//! network reads what the step starts from, so a layer trains in the direction that is one pass. Its
//! outputs come position after position, each with all its parameters.

use pushforward::layer::AutoregressiveSpec;

use super::conditioned::Conditioned;
use super::{Lowering, TrainError, network};
use crate::ops::Slot;

pub(super) fn lower(
    l: &mut Lowering<'_>,
    spec: &AutoregressiveSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    let order: Vec<u32> = spec.order.iter().map(|&d| d as u32).collect();
    let (kept, moved) = order.split_at(spec.kept);
    let parameters = spec.univariate.parameters();
    let layer = Conditioned {
        univariate: &spec.univariate,
        strides: [parameters, 1],
        skip: spec.kept * parameters,
        reads_context: network::reads_context(&spec.network),
        moved: moved.to_vec(),
        kept: kept.to_vec(),
        read: order,
    };
    layer.lower(l, x, |l, x| network::causal(l.tape, l.tensors, &spec.network, path, l.context, x))
}
