//! A layer of a flow: coordinates are picked, a network reads them, its outputs move coordinates.
//!
//! It is nothing but [`Select`], [`Dense`] and [`Transform`], one after another, and on the CPU it
//! runs just these. In WGSL, where a call costs more than most of these operations, it is one call
//! forward and two backward: a workgroup takes 16 samples through the whole network and keeps their
//! units in its own memory. What the backward pass needs is written out on the way; the second
//! backward call makes the gradients of all the network's parameters, which are sums over all
//! samples. A network too wide for a workgroup's memory is run operation by operation.

use super::dense::{SHADER as DENSE, tiles};
use super::{
    Context, Dense, DenseBackward, Launch, Layout, Operation, Select, SelectBackward, Slot, Table,
    Transform, TransformBackward,
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
    /// The network's [descriptions](Dense::description).
    pub description: Table,
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

    fn launch(
        &self,
        layout: &Layout,
        width: &'static str,
        others: [Slot; 2],
        entry: &'static str,
        gradients: [u32; 2],
    ) -> Launch {
        let groups = [layout.columns().div_ceil(SAMPLES) as u32, 1, 1];
        let mut launch = self.transform.launch(layout, others, entry, groups);
        launch.sources.extend([DENSE, width, SHADER]);
        launch.arguments.resize(18, 0);
        launch.arguments.extend([
            self.description.start as u32,
            self.network.len() as u32,
            self.select.indices.start as u32,
        ]);
        launch.arguments.extend(gradients);
        launch
    }
}

impl Operation for FlowLayer {
    fn cpu(&self, context: &mut Context<'_>) {
        self.select.cpu(context);
        for dense in &self.network {
            dense.cpu(context);
        }
        self.transform.cpu(context);
    }

    fn gpu(&self, layout: &Layout) -> Vec<Launch> {
        let Some(width) = self.width(layout) else {
            let network = self.network.iter().flat_map(|dense| dense.gpu(layout));
            let picked = self.select.gpu(layout).into_iter().chain(network);
            return picked.chain(self.transform.gpu(layout)).collect();
        };
        vec![self.launch(layout, width, [self.transform.x; 2], "flow_layer", [0, 0])]
    }
}

/// dx and the gradients of the network's parameters from dy.
#[derive(Clone, Debug)]
pub struct FlowLayerBackward {
    /// The forward operation.
    pub layer: FlowLayer,
    /// One row: the derivative c of the loss with respect to ln q.
    pub coefficient: Slot,
    /// Gradient of y, replaced by that of x.
    pub dy: Slot,
    /// Room for the gradients of the network's inputs, dense layer by dense layer.
    pub gradients: Vec<Slot>,
    /// Their first rows, and that of the network's output.
    pub rows: Table,
    /// Whether dx is to have the part through the network: a flow's first layer needs none.
    pub wanted: bool,
}

impl FlowLayerBackward {
    /// The operations that it stands for.
    fn parts(&self) -> Vec<Box<dyn Operation>> {
        let FlowLayer { select, network, transform, .. } = &self.layer;
        let (transform, coefficient) = (*transform, self.coefficient);
        let mut parts: Vec<Box<dyn Operation>> =
            vec![Box::new(TransformBackward { transform, coefficient, dy: self.dy })];
        let mut dy = transform.raw;
        for (l, (dense, &dx)) in network.iter().zip(&self.gradients).enumerate().rev() {
            let wanted = l > 0 || self.wanted;
            parts.push(Box::new(DenseBackward { dense: *dense, dy, dx: wanted.then_some(dx) }));
            dy = dx;
        }
        if self.wanted {
            parts.push(Box::new(SelectBackward { select: *select, dfrom: self.dy, dto: dy }));
        }
        parts
    }
}

impl Operation for FlowLayerBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        for part in self.parts() {
            part.cpu(context);
        }
    }

    fn gpu(&self, layout: &Layout) -> Vec<Launch> {
        let Some(width) = self.layer.width(layout) else {
            return self.parts().iter().flat_map(|part| part.gpu(layout)).collect();
        };
        let network = &self.layer.network;
        let most = |size: fn(&Dense) -> usize| tiles(network.iter().map(size).max().unwrap_or(0));
        let others = [self.coefficient, self.dy];
        let gradients = [self.rows.start as u32, u32::from(self.wanted)];
        vec![
            self.layer.launch(layout, width, others, "flow_layer_backward", gradients),
            Launch {
                sources: vec![DENSE],
                entry: "parameter_gradients",
                arguments: vec![self.layer.description.start as u32, self.rows.start as u32],
                groups: [most(|d| d.inputs).max(1), most(|d| d.outputs), network.len() as u32],
            },
        ]
    }
}
