//! Fusing: operations that have a WGSL call in common become one operation.

use std::ops::Range;

use super::tape::shared;
use crate::ops::{Dense, FlowLayer, Forward, Select, Shape, Slot, Transform, as_type};

/// Makes a [`FlowLayer`] of every [`Select`], [`Dense`]s and [`Transform`] of which each reads what
/// the one before it wrote, if nothing else reads what passes between them, nor what they start
/// from: its gradients are then made in one place. A context that is learnt itself has a gradient
/// that no such call makes. `behind` says behind which slots lie parameters, and `outside` are slots
/// whose gradient comes from outside.
pub(super) fn flow_layers(
    operations: &mut Vec<Box<dyn Forward>>,
    shapes: &[Shape],
    behind: &[bool],
    outside: &[Slot],
) {
    let reads = operations.iter().flat_map(|operation| operation.reads());
    let reads: Vec<Slot> = reads.chain(outside.iter().copied()).collect();
    let mut i = 0;
    while i < operations.len() {
        let layer = flow_layer(&operations[i..], &reads);
        let fits = |layer: &FlowLayer| {
            let learnt = layer.select.context.is_some_and(|context| behind[context.0]);
            shapes[layer.select.to.0].positions == 1 && !learnt
        };
        if let Some(layer) = layer.filter(fits) {
            let fused: Box<dyn Forward> = Box::new(layer.clone());
            operations.splice(i..i + layer.network.len() + 2, [fused]);
        }
        i += 1;
    }
}

/// The layer that `operations` begin with.
fn flow_layer(operations: &[Box<dyn Forward>], reads: &[Slot]) -> Option<FlowLayer> {
    let (first, rest) = operations.split_first()?;
    let select = *as_type::<Select>(&**first)?;
    let network: Vec<Dense> = rest.iter().map_while(|o| as_type::<Dense>(&**o)).copied().collect();
    let transform = *as_type::<Transform>(&**rest.get(network.len())?)?;

    let readers = |s: Slot| reads.iter().filter(|r| **r == s).count();
    let mut passed = select.to;
    for (l, dense) in network.iter().enumerate() {
        let hidden = l + 1 < network.len();
        let whole = dense.bias.is_some() && dense.from_copy == 0 && dense.units.is_some() == hidden;
        if !whole || dense.x != passed || readers(passed) != 1 {
            return None;
        }
        passed = dense.units.map_or(dense.y, |units| units.y);
    }
    // The gradients of all its parameters are made at the same time.
    let parameters: Vec<Range<usize>> = network.iter().flat_map(Forward::parameters).collect();
    let apart = shared(&parameters).is_empty();
    let moves = transform.raw == passed && transform.skip == 0 && readers(passed) == 1;
    let alone = transform.x == select.from && readers(select.from) == 2;
    (!network.is_empty() && apart && moves && alone).then_some(FlowLayer {
        select,
        network,
        transform,
    })
}
