//! Quantisation: from a model of floats to one of smaller weights.
//!
//! `f16` rounds each weight. `i8` and `i16` make the networks of a model of spins
//! ([`pushforward::network::Integer`]), or of a flow's couplings and autoregressive layers
//! ([`pushforward::network::IntegerMlp`]), networks of integers: post-training quantisation with a scale for each
//! output and each unit (Jacob et al. 2018, arXiv:1712.05877), as follows.
//!
//! - Spins are ±1, beside a context ±[`SPIN`]. What a layer of a flow reads, and a context, is divided by the
//!   largest that it met, so that this becomes the largest integer; what is larger is clamped. Where weights have
//!   16 bits there is room for half as much again, and a context has twice the room, since all that is known of it
//!   may be those of the file's golden rows.
//! - Each row of a matrix is divided by its own largest entry, so that this becomes the largest integer.
//! - How large inputs, sums and units get is read off rows that the model draws. A unit's largest value there
//!   becomes the largest integer that a unit can be, with the same room; what is larger is clamped. Since every input and unit has
//!   its own scale, the next layer's columns are multiplied by it first.
//! - Direct terms of a flow share the unit of their row's sum; those of spins have one of their own.
//! - [`tune`] can choose roundings so that they make good for each other.
//! - A sum's `e` leaves room for eight times the largest sum that was met, or for the largest that there
//!   can be, if that is less.
//!
//! The result is another distribution, normalised as exactly as the first: [`divergence`] says how far it
//! is from it.

mod divergence;
mod tune;

use pushforward::activation::AnyActivation;
use pushforward::conditional::tabulated::STEPS_A_NAT;
use pushforward::kernel::{OUTPUT_SHIFT, SUM_BITS};
use pushforward::layer::{AutoregressiveSpec, CouplingSpec, PartialSpec};
use pushforward::model::{
    Arithmetic, CausalNetworkSpec, ConditionalSpec, Description, LayerSpec, Model, ModelError,
    NetworkSpec, PlainLayerSpec, SitesNetworkSpec, SitesSpec, TensorSpec,
};
use pushforward::network::conditioning::AnyConditioning;
use pushforward::network::{Bits, IntegerMlpSpec, IntegerSpec, MaskedSpec, SPIN};
use pushforward_oracle::Oracle;
use rayon::prelude::*;

use crate::loaded::Loaded;
pub use divergence::divergence;
use tune::Part;

/// Rows that sums and units are measured on.
const ROWS: usize = 8192;
/// The stream that they are drawn from.
const SEED: u64 = 0x5ca1e;
/// How much larger a sum may get than the largest that was met.
const MARGIN: f64 = 8.0;
/// How much larger a value may get than the largest that was met, before it is clamped, where units have 11 bits:
/// of 7 bits none can be spared.
const ROOM: f64 = 1.5;
/// The same of a context's values, of which a file has few.
const GIVEN_ROOM: f64 = 2.0;
/// Bits of a rescaled sum, before it is divided.
const SUM: f64 = (1u32 << 30) as f64;
/// The largest bias.
const MOST_BIAS: f64 = (1u32 << 24) as f64;
/// The largest multiplier.
const MOST_MULTIPLIER: f64 = i16::MAX as f64;

/// The model with its networks in integers: weights of so many bits, direct terms, which networks of spins may
/// have, of so many, or of as many; roundings are chosen by at most `steps` passes over each matrix ([`tune`]), to
/// the nearest integer by none.
///
/// # Errors
/// What of the model has no counterpart in integers: found and expected.
pub fn integers(
    model: &Loaded,
    weights: Bits,
    direct: Option<Bits>,
    steps: u32,
) -> std::result::Result<Model, String> {
    let parent = &model.model;
    let (description, arithmetic, tensors) = match parent.description() {
        Description::Sites(sites) => {
            let network = quantisable(sites)?;
            let hidden = network.hidden.clone();
            let direct = network.direct.then_some(direct.unwrap_or(weights));
            let spec = IntegerSpec { hidden, weights, direct };
            let tensors = of_sites(model, network, &spec, steps);
            let sites = SitesSpec { network: spec.into(), ..sites.clone() };
            (Description::Sites(sites), Arithmetic::Integer, tensors)
        }
        Description::Flow(_) if direct.is_some() => {
            return Err("--direct: found for a flow, expected a model of spins".into());
        }
        Description::Flow(flow) => {
            let mut child = flow.clone();
            let mut networks = Vec::new();
            for (l, layer) in child.layers.iter_mut().enumerate() {
                networks.extend(Conditioner::of(l, layer, weights)?);
            }
            if networks.is_empty() {
                return wrong(
                    "layers",
                    "none with a network",
                    "couplings or autoregressive layers",
                );
            }
            // Integers have no arithmetic of floats, and `plain` runs on every core.
            (Description::Flow(child), Arithmetic::Plain, of_flow(model, &networks, weights, steps))
        }
    };
    let fault = |e: ModelError| e.to_string();
    let mut out = Model::new(description, arithmetic).map_err(fault)?;
    let specs = out.description().tensors();
    let parameters = specs.iter().flat_map(|spec| of_tensor(parent, spec, &tensors));
    out.set_parameters(&parameters.collect::<Vec<f32>>()).map_err(fault)?;
    out.provenance = parent.provenance.clone();
    out.with_names(parent.names().cloned()).map_err(fault)
}

fn wrong<T>(what: &str, found: &str, expected: &str) -> std::result::Result<T, String> {
    Err(format!("{what}: found {found}, expected {expected} for integer weights"))
}

/// Whether units are made of sums by a slope.
fn check_units(activation: AnyActivation) -> std::result::Result<(), String> {
    if matches!(activation, AnyActivation::Leaky | AnyActivation::Relu) {
        return Ok(());
    }
    wrong("activation", &format!("{activation:?}").to_lowercase(), "leaky or relu")
}

/// The network of sites, if it has a counterpart in integers.
fn quantisable(sites: &SitesSpec) -> std::result::Result<&MaskedSpec, String> {
    let ConditionalSpec::Bernoulli(_) = &sites.conditional else {
        return wrong("sites", "other than spins", "spins");
    };
    let network = match &sites.network {
        SitesNetworkSpec::Masked(network) => network,
        SitesNetworkSpec::Integer(_) => return wrong("weights", "integers already", "floats"),
        SitesNetworkSpec::Multilevel(_) => return wrong("network", "multilevel", "masked"),
        SitesNetworkSpec::Convolution(_) => return wrong("network", "convolution", "masked"),
    };
    check_masked(network)?;
    Ok(network)
}

/// Whether a masked network has a counterpart in integers.
fn check_masked(network: &MaskedSpec) -> std::result::Result<(), String> {
    check_units(network.activation)?;
    if network.residual || !network.through.is_empty() {
        return wrong("network", "residual layers or listed units", "neither");
    }
    if network.conditioning != AnyConditioning::Read {
        return wrong("network", "a context that is added or gates", "one that is read");
    }
    Ok(())
}

/// A layer of a flow whose network becomes one of integers.
struct Conditioner {
    /// The number of its layer.
    layer: usize,
    /// The path of its network's tensors.
    path: String,
    hidden: Vec<usize>,
    activation: AnyActivation,
    direct: bool,
}

impl Conditioner {
    /// That of a layer, if it has one, whose network is replaced by one of integers.
    fn of(
        layer: usize,
        spec: &mut LayerSpec,
        bits: Bits,
    ) -> std::result::Result<Option<Self>, String> {
        let path = format!("layers.{layer}.");
        let inner = format!("{path}layer.");
        let found = match spec {
            LayerSpec::Coupling(spec) => Self::coupling(layer, path, spec, bits),
            LayerSpec::Autoregressive(spec) => Self::autoregressive(layer, path, spec, bits),
            LayerSpec::Partial(PartialSpec { layer: spec, .. }) => match spec {
                PlainLayerSpec::Coupling(spec) => Self::coupling(layer, inner, spec, bits),
                PlainLayerSpec::Autoregressive(spec) => {
                    Self::autoregressive(layer, inner, spec, bits)
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        found.map(Some)
    }

    fn coupling(
        layer: usize,
        path: String,
        CouplingSpec { network, .. }: &mut CouplingSpec,
        weights: Bits,
    ) -> std::result::Result<Self, String> {
        let mlp = match network {
            NetworkSpec::Mlp(mlp) => mlp.clone(),
            NetworkSpec::Integer(_) => return wrong(&path, "integers already", "floats"),
            NetworkSpec::Periodic(_) => return wrong(&path, "a network of angles", "an mlp"),
        };
        check_units(mlp.activation)?;
        if mlp.residual {
            return wrong(&path, "residual layers", "none");
        }
        *network = IntegerMlpSpec { hidden: mlp.hidden.clone(), weights }.into();
        Ok(Self { layer, path, hidden: mlp.hidden, activation: mlp.activation, direct: false })
    }

    fn autoregressive(
        layer: usize,
        path: String,
        AutoregressiveSpec { network, .. }: &mut AutoregressiveSpec,
        weights: Bits,
    ) -> std::result::Result<Self, String> {
        let masked = match network {
            CausalNetworkSpec::Masked(masked) => masked.clone(),
            CausalNetworkSpec::Integer(_) => return wrong(&path, "integers already", "floats"),
            CausalNetworkSpec::Periodic(_) => {
                return wrong(&path, "a network of angles", "a masked one");
            }
        };
        check_masked(&masked)?;
        let MaskedSpec { hidden, activation, direct, .. } = masked;
        let of_direct = direct.then_some(weights);
        let spec = IntegerSpec::<true> { hidden: hidden.clone(), weights, direct: of_direct };
        *network = spec.into();
        Ok(Self { layer, path, hidden, activation, direct })
    }
}

/// Numbers by the name of their tensor.
type Numbers = Vec<(String, Vec<f64>)>;

/// What becomes of a tensor: numbers that were found for it, or those that it has.
fn of_tensor(parent: &Model, spec: &TensorSpec, found: &Numbers) -> Vec<f32> {
    let found = found.iter().find(|(name, _)| *name == spec.name);
    match (found, parent.tensor(&spec.name)) {
        (Some((_, data)), _) => data.iter().map(|x| *x as f32).collect(),
        (None, Some(tensor)) if !spec.is_integer() => tensor.data.clone(),
        _ => vec![0.0; spec.size()],
    }
}

/// Rows that the model draws.
fn drawn(model: &Loaded) -> Vec<f64> {
    let mut rows = vec![0f32; ROWS * model.dim()];
    model.given(&model.contexts(0, ROWS)).sample(SEED, 0, &mut rows, None);
    wide(&rows)
}

fn wide(xs: &[f32]) -> Vec<f64> {
    xs.iter().map(|x| f64::from(*x)).collect()
}

/// Values that a matrix reads, for each of the rows, and the integers that stand for them.
#[derive(Clone, Default)]
struct Values {
    x: Vec<f64>,
    /// What one unit of the integer is that stands for each.
    units: Vec<f64>,
    /// The largest of these integers.
    most: Vec<f64>,
    /// The integers, for each of the rows.
    read: Vec<f64>,
}

impl Values {
    /// The largest of each of `n` values, of which the first so many are `given`, becomes the largest integer,
    /// or two thirds of it; of those half of that.
    fn measured(x: Vec<f64>, n: usize, given: usize, bits: Bits) -> Self {
        let largest = f64::from((1 << bits.of_unit()) - 1);
        let room = match bits {
            Bits::I8 => 1.0,
            Bits::I16 => ROOM,
        };
        let unit = |(i, most): (usize, f64)| match (i < given, most > 0.0) {
            (false, true) => most * room / largest,
            (false, false) => 1.0,
            (true, true) => GIVEN_ROOM * most * room / largest,
            (true, false) => GIVEN_ROOM / largest,
        };
        let units: Vec<f64> = columns(&x, n).enumerate().map(unit).collect();
        let read = x.iter().zip(units.iter().cycle()).map(|(x, unit)| x / unit);
        let read = read.map(|n| n.round().clamp(-largest, largest)).collect();
        Self { units, most: vec![largest; n], read, x }
    }

    /// Values that are there, spins or none, of which each is one integer.
    fn of_size(x: Vec<f64>, n: usize, integer: f64) -> Self {
        let read = x.iter().map(|x| x * integer).collect();
        Self { x, units: vec![1.0 / integer; n], most: vec![integer; n], read }
    }

    /// These and others.
    fn and(&self, others: &Self) -> Self {
        let n = [self.units.len(), others.units.len()];
        Self {
            x: rows_of([&self.x, &others.x], n),
            read: rows_of([&self.read, &others.read], n),
            units: [&self.units[..], &others.units].concat(),
            most: [&self.most[..], &others.most].concat(),
        }
    }
}

/// Two matrices of so many columns side by side.
fn rows_of([a, b]: [&[f64]; 2], n: [usize; 2]) -> Vec<f64> {
    match n {
        [0, _] => b.to_vec(),
        [_, 0] => a.to_vec(),
        [n, m] => a.chunks(n).zip(b.chunks(m)).flat_map(|(a, b)| [a, b].concat()).collect(),
    }
}

/// A network that is being quantised.
struct Network<'a> {
    model: &'a Model,
    path: &'a str,
    activation: AnyActivation,
    bits: Bits,
    /// Passes that choose roundings.
    steps: u32,
    out: Numbers,
}

/// Sums of a matrix, measured: for each row of it the integers, and what one unit of their sum is.
#[derive(Clone)]
struct Row {
    weights: Vec<f64>,
    bias: f64,
    unit: f64,
    /// The largest sum that was met, in such units.
    met: f64,
}

impl Row {
    /// The largest sum that there can be.
    fn bound(&self, read: &Values) -> f64 {
        let products = self.weights.iter().zip(&read.most).map(|(w, most)| w.abs() * most);
        products.sum::<f64>() + self.bias.abs()
    }

    /// The largest sum that is reckoned with.
    fn most(&self, read: &Values) -> f64 {
        self.bound(read).min(MARGIN * self.met).max(1.0)
    }
}

impl Network<'_> {
    fn tensor(&self, name: &str) -> Vec<f64> {
        let tensor = self.model.tensor(&format!("{}{name}", self.path));
        tensor.map_or(Vec::new(), |tensor| wide(&tensor.data))
    }

    fn add(&mut self, name: impl std::fmt::Display, data: impl IntoIterator<Item = f64>) {
        self.out.push((format!("{}{name}", self.path), data.into_iter().collect()));
    }

    fn add_rows(&mut self, name: &str, rows: &[Row]) {
        self.add(format!("{name}.weight"), rows.iter().flat_map(|row| row.weights.clone()));
        self.add(format!("{name}.bias"), rows.iter().map(|row| row.bias));
    }

    /// The scales of floats that enter.
    fn add_inputs(&mut self, read: &Values) {
        self.add("input.scale", read.units.iter().map(|unit| 1.0 / unit));
    }

    /// A matrix and its biases.
    fn matrix(&self, name: &str) -> [Vec<f64>; 2] {
        ["weight", "bias"].map(|of| self.tensor(&format!("{name}.{of}")))
    }

    /// The rows of a matrix, and the sums that they make.
    fn rounded(&self, weights: &[f64], bias: &[f64], read: &Values) -> (Vec<Row>, Vec<f64>) {
        let sums = dense(weights, bias, &read.x);
        let mut rows = layer(weights, bias, &sums, read, self.bits);
        if self.steps > 0 {
            let part = Part { rows: &mut rows, floats: weights, bits: self.bits, read };
            tune::choose(vec![part], &sums, false, self.steps);
        }
        (rows, sums)
    }

    /// The hidden layers, one after another, and the units of the last; no values if there are no layers.
    fn hidden(&mut self, layers: &[usize], mut read: Values) -> Values {
        for (l, n) in layers.iter().enumerate() {
            let name = format!("hidden.{l}");
            let slopes = match self.activation {
                AnyActivation::Leaky => self.tensor(&format!("{name}.slope")),
                _ => vec![0.0; *n],
            };
            let [weights, bias] = self.matrix(&name);
            let (rows, sums) = self.rounded(&weights, &bias, &read);
            let unit = |(sum, slope): (&f64, &f64)| if *sum < 0.0 { sum * slope } else { *sum };
            let x = sums.chunks(*n).flat_map(|sums| sums.iter().zip(&slopes).map(unit)).collect();
            let before = std::mem::replace(&mut read, Values::measured(x, *n, 0, self.bits));
            if self.steps > 0 {
                let sums = integer_sums(&rows, &before);
                let units = sums.chunks(*n).flat_map(|sums| sums.iter().zip(0..));
                let units = units.map(|(sum, i)| {
                    let slope = if *sum < 0.0 { slopes[i] } else { 1.0 };
                    let unit = (sum * rows[i].unit * slope / read.units[i]).round();
                    unit.clamp(-read.most[i], read.most[i])
                });
                read.read = units.collect();
            }
            let shift = 26 - self.bits.of_unit();
            let scales =
                rows.iter().zip(&read.units).zip(&slopes).flat_map(|((row, unit), slope)| {
                    let ratio = row.unit / unit;
                    let [e, m] = scale(ratio, row.most(&before), shift);
                    let [below, other] = scale(ratio * slope, row.most(&before), shift);
                    [e, m, below, other]
                });
            let scales: Vec<f64> = scales.collect();
            self.add(format!("{name}.scales"), scales);
            self.add_rows(&name, &rows);
        }
        if layers.is_empty() { Values::default() } else { read }
    }
}

/// The tensors of a network of spins.
fn of_sites(model: &Loaded, masked: &MaskedSpec, spec: &IntegerSpec, steps: u32) -> Numbers {
    let (spins, sites) = (drawn(model), model.dim());
    let mut network = Network {
        model: &model.model,
        path: "network.",
        activation: masked.activation,
        bits: spec.weights,
        steps,
        out: Numbers::new(),
    };
    let inputs = match model.model.description().context() {
        0 => Values::of_size(spins, sites, 1.0),
        one => {
            let (oracle, contexts) = (Oracle::new(&model.model), wide(&model.contexts(0, ROWS)));
            let seen = contexts.chunks(one).flat_map(|context| oracle.embedded(context));
            let seen: Vec<f64> = seen.collect();
            let n = seen.len() / ROWS;
            let context = Values::measured(seen, n, n, spec.weights);
            network.add_inputs(&context);
            context.and(&Values::of_size(spins, sites, SPIN.into()))
        }
    };
    let last = network.hidden(&spec.hidden, inputs.clone());
    let [weights, bias] = network.matrix("output");
    let mut sums = dense(&weights, &bias, &last.x);
    let mut outputs = layer(&weights, &bias, &sums, &last, spec.weights);
    let of_direct = network.tensor("direct.weight");
    let mut direct = spec.direct.map(|bits| {
        let none = vec![0.0; outputs.len()];
        let more = dense(&of_direct, &none, &inputs.x);
        sums.iter_mut().zip(&more).for_each(|(sum, x)| *sum += x);
        (bits, layer(&of_direct, &none, &more, &inputs, bits))
    });
    if steps > 0 {
        let (bits, rows) = (spec.weights, &mut outputs[..]);
        let mut parts = vec![Part { rows, floats: &weights, bits, read: &last }];
        if let Some((bits, rows)) = &mut direct {
            parts.push(Part { rows, floats: &of_direct, bits: *bits, read: &inputs });
        }
        tune::choose(parts, &sums, true, steps);
    }
    let direct = direct.map(|(_, rows)| rows);
    let steps = f64::from(STEPS_A_NAT);
    let scales = outputs.iter().enumerate().flat_map(|(i, row)| {
        let [e, m] = scale(row.unit * steps, row.most(&last), OUTPUT_SHIFT);
        let of_direct = direct.as_ref().map(|rows| &rows[i]);
        let [direct_e, direct_m] = of_direct
            .map_or([0.0; 2], |row| scale(row.unit * steps, row.most(&inputs), OUTPUT_SHIFT));
        [e, m, direct_e, direct_m]
    });
    network.add("output.scales", scales);
    network.add_rows("output", &outputs);
    if let Some(rows) = direct {
        network.add("direct.weight", rows.into_iter().flat_map(|row| row.weights));
    }
    network.out
}

/// The tensors of the networks of a flow's layers.
fn of_flow(model: &Loaded, layers: &[Conditioner], bits: Bits, steps: u32) -> Numbers {
    let (oracle, dim) = (Oracle::new(&model.model), model.dim());
    let description = model.model.description();
    let one = description.context();
    let given = description.embedding().map_or(one, |embedding| embedding.outputs);
    let (rows, contexts) = (drawn(model), wide(&model.contexts(0, ROWS)));
    // What each network reads of a row, on its way to the noise.
    let read = |(i, row): (usize, &[f64])| {
        let mut all = vec![Vec::new(); layers.len()];
        oracle.each_network(&contexts[i * one..(i + 1) * one], row, |l, given, read| {
            if let Some(c) = layers.iter().position(|conditioner| conditioner.layer == l) {
                all[c] = [given, read].concat();
            }
        });
        all
    };
    let read: Vec<_> = rows.par_chunks(dim).enumerate().map(read).collect();
    let mut out = Numbers::new();
    for (c, Conditioner { path, hidden, activation, direct, .. }) in layers.iter().enumerate() {
        let x: Vec<f64> = read.iter().flat_map(|all| all[c].iter().copied()).collect();
        let n = x.len() / ROWS;
        let inputs = Values::measured(x, n, given, bits);
        let activation = *activation;
        let mut network =
            Network { model: &model.model, path, activation, bits, steps, out: Numbers::new() };
        network.add_inputs(&inputs);
        let last = network.hidden(hidden, inputs.clone());
        let (bias, columns) = (network.tensor("output.bias"), last.units.len());
        let read = if *direct { last.and(&inputs) } else { last };
        let both = ["output.weight", "direct.weight"].map(|name| network.tensor(name));
        let weights = rows_of([&both[0], &both[1]], [columns, read.units.len() - columns]);
        let (outputs, _) = network.rounded(&weights, &bias, &read);
        network.add("output.scale", outputs.iter().map(|row| row.unit));
        network.add("output.bias", outputs.iter().map(|row| row.bias));
        let parts = outputs.iter().map(|row| row.weights.split_at(columns));
        let (of_last, of_inputs): (Vec<_>, Vec<_>) = parts.unzip();
        network.add("output.weight", of_last.concat());
        network.add("direct.weight", of_inputs.concat());
        out.extend(network.out);
    }
    out
}

/// The integer sums of a layer for each row of integers.
fn integer_sums(rows: &[Row], read: &Values) -> Vec<f64> {
    let weights: Vec<f64> = rows.iter().flat_map(|row| row.weights.iter().copied()).collect();
    let bias: Vec<f64> = rows.iter().map(|row| row.bias).collect();
    dense(&weights, &bias, &read.read)
}

/// The sums of a matrix for each row of values.
fn dense(weights: &[f64], bias: &[f64], x: &[f64]) -> Vec<f64> {
    let inputs = x.len() / ROWS;
    if inputs == 0 {
        return bias.repeat(ROWS);
    }
    let one = |x: &[f64]| -> Vec<f64> {
        let rows = weights.chunks(inputs).zip(bias);
        rows.map(|(row, b)| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
    };
    x.par_chunks(inputs).flat_map_iter(one).collect()
}

/// The largest size in each of `n` columns.
fn columns(x: &[f64], n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |i| x.iter().skip(i).step_by(n).fold(0.0, |most: f64, x| most.max(x.abs())))
}

/// The rows of a matrix in integers.
fn layer(weights: &[f64], bias: &[f64], sums: &[f64], read: &Values, bits: Bits) -> Vec<Row> {
    let units = &read.units;
    let most = columns(sums, bias.len());
    let row = |((i, bias), most): ((usize, &f64), f64)| {
        let row = weights.get(i * units.len()..(i + 1) * units.len()).unwrap_or_default();
        let scaled: Vec<f64> = row.iter().zip(units).map(|(w, unit)| w * unit).collect();
        let largest = scaled.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
        // A row that is all bias takes 20 bits for it.
        let least = bias.abs().max(f64::MIN_POSITIVE) / f64::from(1 << 20);
        let mut unit = (largest / f64::from(bits.most())).max(least);
        loop {
            let weights: Vec<f64> = scaled.iter().map(|w| (w / unit).round()).collect();
            let rounded = (bias / unit).round();
            let row = Row { weights, bias: rounded, unit, met: most / unit };
            if row.bound(read) <= SUM && rounded.abs() <= MOST_BIAS {
                return row;
            }
            unit *= 1.25;
        }
    };
    bias.iter().enumerate().zip(most).map(row).collect()
}

/// e and m that multiply a sum of at most `most` by `ratio`, before it is shifted right by `shift`.
fn scale(ratio: f64, most: f64, shift: u32) -> [f64; 2] {
    let multiplier = |e: i32| (ratio * 2f64.powi((shift + SUM_BITS) as i32 - e)).round();
    let room = (SUM / most).log2().floor().clamp(0.0, 30.0) as i32;
    let e = (room..30).find(|e| multiplier(*e).abs() <= MOST_MULTIPLIER).unwrap_or(30);
    [f64::from(e), multiplier(e).clamp(-MOST_MULTIPLIER, MOST_MULTIPLIER)]
}
