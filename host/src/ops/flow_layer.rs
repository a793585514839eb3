//! A layer of a flow: coordinates are picked, a network reads them, its outputs move coordinates.
//!
//! It is nothing but [`Select`], [`Dense`] and [`Transform`], one after another, and on the CPU it
//! runs just these. In WGSL, where a call costs more than most of these operations, it is one call
//! forward and two backward: a workgroup takes 16 samples through the whole network and keeps their
//! units in its own memory. What the backward pass needs is written out on the way; the second
//! backward call makes the gradients of all the network's parameters, which are sums over all
//! samples. A network too wide for a workgroup's memory is run operation by operation.

use std::ops::Range;

use super::dense::{SHADER as DENSE, tiles};
use super::{
    Context, Dense, DenseBackward, Forward, Launch, Layout, Operation, Reverse, Select,
    SelectBackward, Slot, Transform, TransformBackward,
};

/// Picks, network and transformer.
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
/// Samples of a workgroup.
const SAMPLES: usize = 16;
/// Most units that a workgroup keeps of each sample, and the text that says so. The first fits the
/// memory that every adapter has, 16 KiB.
const WIDTHS: [(usize, &str); 3] = [
    (64, "const WIDTH: u32 = 64u;"),
    (128, "const WIDTH: u32 = 128u;"),
    (256, "const WIDTH: u32 = 256u;"),
];

impl FlowLayer {
    /// The text for the narrowest memory that holds the units of two neighbouring layers, beside the
    /// tile of weights; `None` if that is more than a workgroup has.
    fn width(&self, layout: &Layout) -> Option<&'static str> {
        let widest = self.network.iter().map(|dense| dense.inputs).max()?;
        let (width, text) = *WIDTHS.iter().find(|(width, _)| widest <= *width)?;
        let bytes = 4 * (2 * width * SAMPLES + 1024);
        (bytes <= layout.workgroup_memory as usize).then_some(text)
    }

    /// The table of the network's descriptions.
    fn description(&self, layout: &mut Layout) -> u32 {
        let layers: Vec<u32> =
            self.network.iter().flat_map(|dense| dense.description(layout)).collect();
        layout.table(layers)
    }

    fn launch(
        &self,
        layout: &Layout,
        width: &'static str,
        others: [Slot; 2],
        entry: &'static str,
        tables: [u32; 3],
    ) -> Launch {
        let groups = [layout.columns().div_ceil(SAMPLES) as u32, 1, 1];
        let mut launch = self.transform.launch(layout, others, entry, groups);
        let [description, rows, wanted] = tables;
        launch.sources.extend([DENSE, width, SHADER]);
        launch.arguments.resize(18, 0);
        launch.arguments.extend([
            description,
            self.network.len() as u32,
            self.select.indices.start as u32,
            rows,
            wanted,
        ]);
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
        let tables = [self.description(layout), 0, 0];
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
        let description = self.layer.description(layout);
        let inputs = self.network.iter().map(|dense| dense.dx.map_or(0, |dx| layout.row(dx)));
        let rows: Vec<u32> =
            inputs.chain([layout.row(self.layer.transform.raw)]).map(|row| row as u32).collect();
        let rows = layout.table(rows);
        let tables = [description, rows, u32::from(self.select.is_some())];
        let others = [self.transform.coefficient, self.transform.dy];
        vec![
            self.layer.launch(layout, width, others, "flow_layer_backward", tables),
            Launch {
                sources: vec![DENSE],
                entry: "parameter_gradients",
                arguments: vec![description, rows],
                groups: [most(|d| d.inputs).max(1), most(|d| d.outputs), network.len() as u32],
            },
        ]
    }
}
