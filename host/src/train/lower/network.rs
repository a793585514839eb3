//! Networks of dense layers with units on top.

use pushforward::activation::AnyActivation;
use pushforward::model::{CausalNetworkSpec, EmbeddingSpec, NetworkSpec};
use pushforward::network::MaskedSpec;
use pushforward::network::conditioning::{AnyConditioning, Conditioning, Join};

use super::super::tape::Tape;
use super::{Tensors, TrainError};
use crate::ops::{Activation, Add, Dense, Feature, Gate, Leaky, MadeLayer, Periodic, Slot};

/// Pushes a network that reads `x`, and gives its outputs.
pub(super) fn run(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &NetworkSpec,
    path: &str,
    x: Slot,
) -> Result<Slot, TrainError> {
    match spec {
        NetworkSpec::Mlp(spec) => {
            let layers = Layers {
                sizes: &spec.hidden,
                activation: spec.activation,
                residual: spec.residual,
                conditioning: AnyConditioning::Read,
                context: None,
            };
            let (layers, last) = layers.on(tape, tensors, path, x)?;
            let output = tensors.dense(tape, &format!("{path}output"), last, None)?;
            layers.into_iter().for_each(|layer| layer.push(tape));
            tape.push(output);
            Ok(output.y)
        }
        NetworkSpec::Integer(_) => Err(integers()),
        NetworkSpec::Periodic(spec) => {
            let angle = |angle: &bool| if *angle { Feature::Angle } else { Feature::Same };
            let x = periodic(tape, spec.angles.iter().map(angle), spec.bound, x);
            run(tape, tensors, &spec.network.clone().into(), path, x)
        }
    }
}

/// Networks of integers come from networks of floats.
pub(super) fn integers() -> TrainError {
    let expected = "a network of floats, which `quantize` makes one of integers of".into();
    TrainError::Setting { field: "network", found: "integer".into(), expected }
}

/// Pushes what makes features of the rows of `x`, and gives them.
fn periodic(
    tape: &mut Tape,
    features: impl IntoIterator<Item = Feature>,
    bound: f32,
    from: Slot,
) -> Slot {
    let (table, rows) = Periodic::table(features);
    let (features, to) = (tape.table(table), tape.slot(rows));
    tape.push(Periodic { features, bound, from, to });
    to
}

/// Whether a causal network reads its context with its inputs.
pub(super) fn reads_context(spec: &CausalNetworkSpec) -> bool {
    match spec {
        CausalNetworkSpec::Masked(spec) => spec.conditioning.reads(),
        CausalNetworkSpec::Integer(_) => true,
        CausalNetworkSpec::Periodic(spec) => spec.network.conditioning.reads(),
    }
}

/// Pushes a causal network that reads `x`, given a context, and gives its outputs.
pub(super) fn causal(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &CausalNetworkSpec,
    path: &str,
    context: Option<Slot>,
    x: Slot,
) -> Result<Slot, TrainError> {
    match spec {
        CausalNetworkSpec::Masked(spec) => {
            let network = masked(tape, tensors, spec, path, context, x)?;
            let outputs = network.outputs;
            network.push(tape, 0);
            Ok(outputs)
        }
        CausalNetworkSpec::Integer(_) => Err(integers()),
        CausalNetworkSpec::Periodic(spec) => {
            let given = tape.rows(x) - spec.angles.len();
            let site = |angle: &bool| if *angle { Feature::Angle } else { Feature::Padded };
            let features =
                std::iter::repeat_n(Feature::Same, given).chain(spec.angles.iter().map(site));
            let x = periodic(tape, features, spec.bound, x);
            causal(tape, tensors, &spec.network.clone().into(), path, context, x)
        }
    }
}

/// Pushes the network that a model's context passes, if there is one, and gives what parts see.
pub(super) fn embedding(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: Option<&EmbeddingSpec>,
    context: Option<Slot>,
) -> Result<Option<Slot>, TrainError> {
    let (Some(spec), Some(context)) = (spec, context) else { return Ok(context) };
    run(tape, tensors, &spec.network, "embedding.", context).map(Some)
}

/// A hidden layer: leaky units belong to the dense layer, others are an operation of their own, which
/// comes before the weights where the network is residual.
#[derive(Clone, Copy)]
pub(super) struct Hidden {
    before: Option<Activation>,
    pub(super) dense: Dense,
    /// What is made of the context, and what its sums do with that.
    made: Option<Made>,
    after: Option<Activation>,
    /// The stream that is added to what the layer makes.
    stream: Option<Add>,
}

impl Hidden {
    fn push(self, tape: &mut Tape) {
        self.before.into_iter().for_each(|activation| tape.push(activation));
        tape.push(self.dense);
        self.made.into_iter().for_each(|made| made.push(tape));
        self.after.into_iter().for_each(|activation| tape.push(activation));
        self.stream.into_iter().for_each(|add| tape.push(add));
    }
}

/// What a layer makes of a context.
#[derive(Clone, Copy)]
struct Made {
    dense: Dense,
    unit: Option<Activation>,
    join: Joined,
}

/// What sums do with it.
#[derive(Clone, Copy)]
enum Joined {
    Add(Add),
    Gate(Gate),
}

impl Made {
    fn push(self, tape: &mut Tape) {
        tape.push(self.dense);
        self.unit.into_iter().for_each(|unit| tape.push(unit));
        match self.join {
            Joined::Add(add) => tape.push(add),
            Joined::Gate(gate) => tape.push(gate),
        }
    }
}

/// The layers as ancestral sampling takes them: each with the units that are read of it, which may be
/// the next layer's to make.
pub(super) fn sampled(hidden: &[Hidden]) -> Vec<MadeLayer> {
    let next = hidden.iter().skip(1).map(|layer| layer.before).chain([None]);
    let layer = |(layer, before): (&Hidden, Option<Activation>)| MadeLayer {
        dense: layer.dense,
        add: layer.stream,
        activation: layer.after.or(before),
    };
    hidden.iter().zip(next).map(layer).collect()
}

/// The layers of a perceptron of positions that share it, as sampling takes them; the last gives outputs. They
/// are not pushed.
pub(super) fn shared(
    tape: &mut Tape,
    tensors: &Tensors,
    sizes: &[usize],
    activation: AnyActivation,
    path: &str,
    x: Slot,
) -> Result<Vec<MadeLayer>, TrainError> {
    let (residual, conditioning, context) = (false, AnyConditioning::Read, None);
    let hidden = Layers { sizes, activation, residual, conditioning, context };
    let (hidden, last) = hidden.on(tape, tensors, path, x)?;
    let dense = tensors.dense(tape, &format!("{path}output"), last, None)?;
    let output = MadeLayer { dense, add: None, activation: None };
    Ok(sampled(&hidden).into_iter().chain([output]).collect())
}

/// A masked network.
pub(super) struct Masked {
    /// Its hidden layers.
    pub(super) hidden: Vec<Hidden>,
    /// What makes outputs of the last of them; there is none without hidden layers.
    pub(super) output: Option<Dense>,
    /// The direct terms, which are added to the outputs, or are all that they have.
    pub(super) direct: Option<Dense>,
    /// The outputs, and their biases.
    pub(super) outputs: Slot,
    pub(super) bias: usize,
}

impl Masked {
    /// Pushes all layers, for copies from `from_copy` on.
    pub(super) fn push(self, tape: &mut Tape, from_copy: usize) {
        for layer in self.hidden {
            Hidden { dense: Dense { from_copy, ..layer.dense }, ..layer }.push(tape);
        }
        for dense in self.output.into_iter().chain(self.direct) {
            tape.push(Dense { from_copy, ..dense });
        }
    }
}

/// A masked network that reads `x`, given a context. Its layers are not pushed.
pub(super) fn masked(
    tape: &mut Tape,
    tensors: &Tensors,
    spec: &MaskedSpec,
    path: &str,
    context: Option<Slot>,
    x: Slot,
) -> Result<Masked, TrainError> {
    let name = format!("{path}output");
    let outputs = tape.slot(tensors.len(&format!("{name}.bias"))?);
    let layers = Layers {
        sizes: &spec.hidden,
        activation: spec.activation,
        residual: spec.residual,
        conditioning: spec.conditioning,
        context,
    };
    let (hidden, last) = layers.on(tape, tensors, path, x)?;
    let bias = tensors.start(&format!("{name}.bias"))?;
    let mut output = None;
    if !hidden.is_empty() {
        output = Some(tensors.dense(tape, &name, last, Some(outputs))?);
    }
    let mut direct = None;
    if spec.direct {
        let dense = tensors.dense(tape, &format!("{path}direct"), x, Some(outputs))?;
        // What comes first sets the outputs, what comes second adds to them.
        let bias = output.is_none().then_some(bias);
        direct = Some(Dense { bias, ..dense });
    }
    Ok(Masked { hidden, output, direct, outputs, bias })
}

/// Hidden layers, of these sizes, with an activation, residual or not.
struct Layers<'a> {
    sizes: &'a [usize],
    activation: AnyActivation,
    residual: bool,
    conditioning: AnyConditioning,
    context: Option<Slot>,
}

impl Layers<'_> {
    /// `{path}hidden.{k}` on top of `x`, and the last one's units, or the stream. They are not pushed.
    fn on(
        &self,
        tape: &mut Tape,
        tensors: &Tensors,
        path: &str,
        mut x: Slot,
    ) -> Result<(Vec<Hidden>, Slot), TrainError> {
        let Self { sizes, activation, residual, .. } = *self;
        let mut layers = Vec::with_capacity(sizes.len());
        let mut stream = x;
        for (k, units) in sizes.iter().enumerate() {
            let name = format!("{path}hidden.{k}");
            let mut before = None;
            if residual && k > 0 {
                let y = tape.slot_beside(*units, x);
                before = Some(Activation { activation, x, y });
                x = y;
            }
            let dense = tensors.dense(tape, &name, x, None)?;
            let made = self.made(tape, tensors, path, k, dense.y)?;
            let mut layer = Hidden { before, dense, made, after: None, stream: None };
            x = match made {
                Some(Made { join: Joined::Gate(gate), .. }) => gate.y,
                _ => dense.y,
            };
            if residual {
                if k % 2 == 0 {
                    layer.stream = (k > 0).then_some(Add { from: Some(stream), to: x });
                    stream = x;
                }
            } else {
                let y = tape.slot_beside(dense.outputs, x);
                if activation == AnyActivation::Leaky {
                    let slope = tensors.start(&format!("{name}.slope"))?;
                    layer.dense.units = Some(Leaky { slope, y });
                } else {
                    layer.after = Some(Activation { activation, x, y });
                }
                x = y;
            }
            layers.push(layer);
        }
        Ok((layers, x))
    }

    /// What layer `k` makes of the context for its sums.
    fn made(
        &self,
        tape: &mut Tape,
        tensors: &Tensors,
        path: &str,
        k: usize,
        sums: Slot,
    ) -> Result<Option<Made>, TrainError> {
        let joins = self.conditioning.join(k, self.residual);
        let (Some(context), Some(join)) = (self.context, joins) else { return Ok(None) };
        let dense = tensors.dense(tape, &format!("{path}context.{k}"), context, None)?;
        let mut unit = None;
        let mut from = dense.y;
        if join == Join::AddUnit {
            let y = tape.slot(dense.outputs);
            unit = Some(Activation { activation: self.activation, x: from, y });
            from = y;
        }
        let join = match join {
            Join::AddUnit | Join::Add => Joined::Add(Add { from: Some(from), to: sums }),
            Join::Gate => {
                let y = tape.slot(dense.outputs);
                Joined::Gate(Gate { x: sums, g: from, y })
            }
        };
        Ok(Some(Made { dense, unit, join }))
    }
}
