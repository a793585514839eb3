//! A layer of a flow: coordinates are picked, a network reads them, its outputs move coordinates.
//!
//! It is nothing but [`Select`], [`Dense`] and [`Transform`], one after another, and on the CPU it
//! runs just these. In WGSL, where a call costs more than most of these operations, it is one call
//! forward and two backward: a workgroup takes 16 samples through the whole network and keeps their
//! units in its own memory. What the backward pass needs is written out on the way; the second
//! backward call makes the gradients of all the network's parameters, which are sums over all
//! samples. A network too wide for a workgroup's memory is run operation by operation.

use std::ops::Range;

use super::dense::{self, PIECE, PITCH, tiles};
use super::transform::SAMPLES;
use super::{
    Context, Dense, DenseBackward, Forward, Launch, Layout, Operation, Reverse, Select,
    SelectBackward, Slot, Transform, TransformBackward, arguments, constants,
};

/// Picks, network and univariate.
#[derive(Clone, Debug)]
pub struct FlowLayer {
    /// What the network reads.
    pub select: Select,
    /// The network: hidden layers, then the output layer, each with a bias.
    pub network: Vec<Dense>,
    /// What its outputs do.
    pub transform: Transform,
}

const SHADER: &str = include_str!("flow_layer.wgsl");
/// Most units that a workgroup keeps of each sample. The first fits the memory that every adapter
/// has, 16 KiB.
const WIDTHS: [usize; 3] = [64, 128, 256];

impl FlowLayer {
    /// The narrowest memory that holds the units of two neighbouring layers, beside the tile of
    /// weights; `None` if that is more than a workgroup has.
    fn width(&self, layout: &Layout) -> Option<usize> {
        let widest = self.network.iter().map(|dense| dense.inputs).max()?;
        let width = *WIDTHS.iter().find(|width| widest <= **width)?;
        let bytes = size_of::<f32>() * (2 * width * SAMPLES + 4 * PITCH * PIECE);
        (bytes <= layout.workgroup_memory as usize).then_some(width)
    }

    fn launch(
        &self,
        layout: &Layout,
        width: usize,
        others: [Slot; 2],
        entry: &'static str,
        [network, gradients, wanted]: [u32; 3],
    ) -> Launch {
        let groups = [layout.columns().div_ceil(SAMPLES) as u32, 1, 1];
        let mut launch = self.transform.launch(layout, others, entry, groups);
        launch.sources.extend(dense::sources());
        launch.sources.extend([constants![WIDTH = width], SHADER.into()]);
        launch.arguments = launch.arguments.and(arguments! {
            network: network,
            layers: self.network.len(),
            read: self.select.indices.start,
            context: self.select.context.map_or(0, |context| layout.offset(context)),
            context_rows: self.select.context_rows(&layout.shapes),
            gradients: gradients,
            wanted: wanted,
        });
        launch
    }

    /// The operations that it stands for.
    fn parts(&self) -> impl Iterator<Item = &dyn Operation> {
        let network = self.network.iter().map(|dense| dense as &dyn Operation);
        std::iter::once(&self.select as &dyn Operation).chain(network).chain([&self.transform as _])
    }
}

impl Operation for FlowLayer {
    fn cpu(&self, context: &mut Context<'_>) {
        self.parts().for_each(|part| part.cpu(context));
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let Some(width) = self.width(layout) else {
            return self.parts().flat_map(|part| part.gpu(layout)).collect();
        };
        let tables = [dense::table(&self.network, layout), 0, 0];
        vec![self.launch(layout, width, [self.transform.x; 2], "flow_layer", tables)]
    }
}

impl Forward for FlowLayer {
    fn reads(&self) -> Vec<Slot> {
        vec![self.transform.x]
    }

    fn writes(&self) -> Vec<Slot> {
        let network = self.network.iter().flat_map(Forward::writes);
        self.select.writes().into_iter().chain(network).chain(self.transform.writes()).collect()
    }

    fn parameters(&self) -> Vec<Range<usize>> {
        self.network.iter().flat_map(Forward::parameters).collect()
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        let backward = reverse.together(|reverse| {
            let transform = self.transform.reversed(reverse);
            let network = self.network.iter().rev().map(|dense| dense.reversed(reverse));
            let mut network: Vec<DenseBackward> = network.collect();
            network.reverse();
            let select = self.select.reversed(reverse);
            FlowLayerBackward { layer: self.clone(), transform, network, select }
        });
        reverse.push(backward);
    }
}

/// dx and the gradients of the network's parameters from dy.
#[derive(Clone, Debug)]
pub struct FlowLayerBackward {
    /// The forward operation.
    pub layer: FlowLayer,
    /// What turns dy into dx and into the gradient of the network's output.
    pub transform: TransformBackward,
    /// The network's backward operations, in the order of its layers. All gradients on the way have
    /// memory of their own.
    pub network: Vec<DenseBackward>,
    /// What adds the part of dx through the network: a flow's first layer needs none.
    pub select: Option<SelectBackward>,
}

impl FlowLayerBackward {
    /// The operations that it stands for.
    fn parts(&self) -> impl Iterator<Item = &dyn Operation> {
        let network = self.network.iter().rev().map(|dense| dense as &dyn Operation);
        let select = self.select.iter().map(|select| select as &dyn Operation);
        std::iter::once(&self.transform as &dyn Operation).chain(network).chain(select)
    }
}

impl Operation for FlowLayerBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        self.parts().for_each(|part| part.cpu(context));
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let Some(width) = self.layer.width(layout) else {
            return self.parts().flat_map(|part| part.gpu(layout)).collect();
        };
        let network = &self.layer.network;
        let most = |size: fn(&Dense) -> usize| tiles(network.iter().map(size).max().unwrap_or(0));
        let inputs = self.network.iter().map(|dense| dense.dx.map_or(0, |dx| layout.offset(dx)));
        let gradients: Vec<u32> = inputs.chain([layout.offset(self.layer.transform.raw)]).collect();
        let (network_table, gradients) = (dense::table(network, layout), layout.table(gradients));
        let tables = [network_table, gradients, u32::from(self.select.is_some())];
        let others = [self.transform.coefficient, self.transform.dy];
        let mut sources = dense::sources();
        sources.push(include_str!("parameter_gradients.wgsl").into());
        vec![
            self.layer.launch(layout, width, others, "flow_layer_backward", tables),
            Launch {
                sources,
                entry: "parameter_gradients",
                arguments: arguments! {
                    network: network_table,
                    gradients: gradients,
                    parts: layout.parts,
                    copy: layout.parameters,
                },
                groups: [
                    most(|d| d.inputs).max(1),
                    most(|d| d.outputs),
                    (network.len() * layout.parts) as u32,
                ],
            },
        ]
    }
}
