//! A coupling: coordinates that are kept say how the others are moved. The network's outputs come
//! parameter after parameter, each for all moved coordinates.

use pushforward::layer::CouplingSpec;

use super::conditioned::Conditioned;
use super::{Lowering, TrainError, network};
use crate::ops::Slot;

pub(super) fn lower(
    l: &mut Lowering<'_>,
    spec: &CouplingSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    let among = |wanted: bool| -> Vec<u32> {
        (0..).zip(&spec.mask).filter(|(_, kept)| **kept == wanted).map(|(d, _)| d).collect()
    };
    let (kept, moved) = (among(true), among(false));
    let layer = Conditioned {
        univariate: &spec.univariate,
        strides: [1, moved.len()],
        skip: 0,
        reads_context: true,
        read: kept.clone(),
        moved,
        kept,
    };
    layer.lower(l, x, |l, x| network::run(l.tape, l.tensors, &spec.network, path, x))
}
