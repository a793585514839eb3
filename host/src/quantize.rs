//! Quantisation: from a model of floats to one of smaller weights.
//!
//! `f16` rounds each weight. `i8` and `i16` make the networks of a model of spins
//! ([`pushforward::network::Integer`]), or of a flow's couplings ([`pushforward::network::IntegerMlp`]), networks
//! of integers: post-training quantisation with a scale for each output and each unit (Jacob et al. 2018,
//! arXiv:1712.05877), as follows.
//!
//! - Spins are ±1. What a coupling reads is divided by the largest that it met, so that this becomes the
//!   largest integer; what is larger is clamped. Where weights have 16 bits there is room for half as much again.
//! - Each row of a matrix is divided by its own largest entry, so that this becomes the largest integer.
//! - How large inputs, sums and units get is read off rows that the model draws. A unit's largest value there
//!   becomes the largest integer that a unit can be, with the same room; what is larger is clamped. Since every input and unit has
//!   its own scale, the next layer's columns are multiplied by it first.
//! - [`tune`] can choose roundings so that they make good for each other.
//! - A sum's `e` leaves room for eight times the largest sum that was met, or for the largest that there
//!   can be, if that is less.
//!
//! The result is another distribution, normalised as exactly as the first: [`divergence`] says how far it
//! is from it.

mod tune;

use pushforward::activation::AnyActivation;
use pushforward::conditional::tabulated::STEPS_A_NAT;
use pushforward::kernel::{OUTPUT_SHIFT, SUM_BITS};
use pushforward::layer::{CouplingSpec, PartialSpec};
use pushforward::model::{
    Arithmetic, ConditionalSpec, Description, LayerSpec, Model, ModelError, NetworkSpec,
    PlainLayerSpec, SitesNetworkSpec, SitesSpec, TensorSpec,
};
use pushforward::network::{Bits, IntegerMlpSpec, IntegerSpec, MaskedSpec, MlpSpec};
use pushforward_oracle::Oracle;
use rayon::prelude::*;

use crate::error::Result;
use crate::loaded::Loaded;
use tune::{Columns, Integers};

/// Rows that sums and units are measured on.
const ROWS: usize = 8192;
/// The stream that they are drawn from.
const SEED: u64 = 0x5ca1e;
/// How much larger a sum may get than the largest that was met.
const MARGIN: f64 = 8.0;
/// How much larger a value may get than the largest that was met, before it is clamped, where units have 11 bits:
/// of 7 bits none can be spared.
const ROOM: f64 = 1.5;
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
                if let Some(part) = Coupling::of(l, layer, weights)? {
                    networks.push(part);
                }
            }
            if networks.is_empty() {
                return wrong("layers", "no coupling", "couplings");
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
    let SitesNetworkSpec::Masked(network) = &sites.network else {
        return wrong("weights", "integers already", "floats");
    };
    if sites.context > 0 {
        return wrong("context", &format!("{} values", sites.context), "none");
    }
    check_units(network.activation)?;
    if network.residual || !network.through.is_empty() {
        return wrong("network", "residual layers or listed units", "neither");
    }
    Ok(network)
}

/// A coupling whose network becomes one of integers.
struct Coupling {
    /// The number of its layer.
    layer: usize,
    /// The path of its network's tensors.
    path: String,
    mask: Vec<bool>,
    /// Where its coordinates begin.
    first: usize,
    network: MlpSpec,
}

impl Coupling {
    /// That of a layer, if it has one, whose network is replaced by one of integers.
    fn of(
        layer: usize,
        spec: &mut LayerSpec,
        weights: Bits,
    ) -> std::result::Result<Option<Self>, String> {
        let (first, within, coupling) = match spec {
            LayerSpec::Coupling(coupling) => (0, "", coupling),
            LayerSpec::Partial(PartialSpec {
                range: [first, _],
                layer: PlainLayerSpec::Coupling(coupling),
            }) => (*first, "layer.", coupling),
            other if other.autoregressive().is_some() => {
                return wrong(&format!("layers.{layer}"), "an autoregressive layer", "couplings");
            }
            _ => return Ok(None),
        };
        let CouplingSpec { mask, network, .. } = coupling;
        let path = format!("layers.{layer}.{within}");
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
        Ok(Some(Self { layer, path, mask: mask.clone(), first, network: mlp }))
    }

    /// What the network reads of a context and of the layer's values.
    fn read(&self, context: &[f64], values: &[f64]) -> Vec<f64> {
        let own = values[self.first..].iter().zip(&self.mask);
        let kept = own.filter(|(_, kept)| **kept).map(|(x, _)| x);
        context.iter().chain(kept).copied().collect()
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

/// A network that is being quantised, from its inputs on.
struct Network<'a> {
    model: &'a Model,
    path: &'a str,
    activation: AnyActivation,
    bits: Bits,
    /// Passes that choose roundings.
    steps: u32,
    /// Values of the layer that was come to, for each of the rows.
    x: Vec<f64>,
    /// The integers in their place.
    read: Vec<f64>,
    /// What one unit of the integer is that stands for each.
    units: Vec<f64>,
    /// The largest of these integers.
    most: f64,
    out: Numbers,
}

/// Sums of a matrix, measured: for each row of it the integers, and what one unit of their sum is.
struct Row {
    weights: Vec<f64>,
    bias: f64,
    unit: f64,
    /// The largest sum that was met, in such units.
    met: f64,
}

impl Row {
    /// The largest sum that there can be of inputs no larger than `input`.
    fn bound(&self, input: f64) -> f64 {
        self.weights.iter().map(|w| w.abs()).sum::<f64>() * input + self.bias.abs()
    }

    /// The largest sum that is reckoned with.
    fn most(&self, input: f64) -> f64 {
        self.bound(input).min(MARGIN * self.met).max(1.0)
    }
}

impl Network<'_> {
    /// The largest integer that a unit can be.
    fn largest(bits: Bits) -> f64 {
        f64::from((1 << bits.of_unit()) - 1)
    }

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

    /// The rows of a matrix, and the sums that they make.
    fn rows(&self, name: &str) -> (Vec<Row>, Vec<f64>) {
        let [weights, bias] = ["weight", "bias"].map(|of| self.tensor(&format!("{name}.{of}")));
        let sums = dense(&weights, &bias, &self.x, self.units.len());
        let mut rows = layer(&weights, &bias, &sums, &self.units, self.most, self.bits);
        if self.steps > 0 {
            let columns = Columns::beside(&[(&self.read, self.units.len())], ROWS);
            let n = rows.len();
            rows.par_iter_mut().enumerate().for_each(|(i, row)| {
                let wanted: Vec<f64> = sums.iter().skip(i).step_by(n).copied().collect();
                let floats = weights.chunks(self.units.len()).nth(i).unwrap_or_default();
                let part = Part { row, floats, bits: self.bits, input: self.most };
                tuned(&columns, &mut [part], &wanted, None, self.steps);
            });
        }
        (rows, sums)
    }

    /// The hidden layers, one after another.
    fn hidden(&mut self, layers: &[usize]) {
        for (l, n) in layers.iter().enumerate() {
            let name = format!("hidden.{l}");
            let slopes = match self.activation {
                AnyActivation::Leaky => self.tensor(&format!("{name}.slope")),
                _ => vec![0.0; *n],
            };
            let (rows, sums) = self.rows(&name);
            let unit = |(sum, slope): (&f64, &f64)| if *sum < 0.0 { sum * slope } else { *sum };
            self.x = sums.chunks(*n).flat_map(|sums| sums.iter().zip(&slopes).map(unit)).collect();
            let input = self.most;
            let sums = integer_sums(&rows, &self.read, self.units.len());
            self.measure(*n);
            let read = sums.chunks(*n).flat_map(|sums| {
                sums.iter().zip(&rows).zip(&self.units).zip(&slopes).map(
                    |(((sum, row), unit), slope)| {
                        let slope = if *sum < 0.0 { *slope } else { 1.0 };
                        (sum * row.unit * slope / unit).round().clamp(-self.most, self.most)
                    },
                )
            });
            self.read = read.collect();
            let shift = 26 - self.bits.of_unit();
            let scales =
                rows.iter().zip(&self.units).zip(&slopes).flat_map(|((row, unit), slope)| {
                    let ratio = row.unit / unit;
                    let [e, m] = scale(ratio, row.most(input), shift);
                    let [below, other] = scale(ratio * slope, row.most(input), shift);
                    [e, m, below, other]
                });
            let scales: Vec<f64> = scales.collect();
            self.add(format!("{name}.scales"), scales);
            self.add_rows(&name, &rows);
        }
    }

    /// Chooses the roundings of logits, which are sums of hidden units and of direct terms, of `inputs`.
    fn tune_logits(
        &self,
        outputs: &mut [Row],
        direct: Option<&mut [Row]>,
        spec: &IntegerSpec,
        inputs: &[f64],
        sums: &[f64],
        steps: u32,
    ) {
        let (n, sites) = (outputs.len(), inputs.len() / ROWS);
        let hidden = if spec.hidden.is_empty() { 0 } else { self.units.len() };
        let groups = [(&self.read[..], hidden), (inputs, sites)];
        let groups = if direct.is_some() { &groups[..] } else { &groups[..1] };
        let columns = Columns::beside(groups, ROWS);
        let [weights, of_direct] = ["output.weight", "direct.weight"].map(|of| self.tensor(of));
        let row_of =
            |weights: &[f64], n, i: usize| weights.get(i * n..(i + 1) * n).map(<[f64]>::to_vec);
        let mut direct: Vec<Option<&mut Row>> = match direct {
            Some(rows) => rows.iter_mut().map(Some).collect(),
            None => outputs.iter().map(|_| None).collect(),
        };
        let each = outputs.par_iter_mut().zip(&mut direct).enumerate();
        each.for_each(|(i, (row, direct))| {
            let wanted: Vec<f64> = sums.iter().skip(i).step_by(n).copied().collect();
            let p = wanted.iter().map(|x| 1.0 / (1.0 + (-x).exp()));
            let omega: Vec<f64> = p.map(|p| p * (1.0 - p)).collect();
            let floats = row_of(&weights, hidden, i).unwrap_or_default();
            let terms = row_of(&of_direct, sites, i).unwrap_or_default();
            let mut parts =
                vec![Part { row, floats: &floats, bits: spec.weights, input: self.most }];
            if let (Some(row), Some(bits)) = (direct, spec.direct) {
                parts.push(Part { row, floats: &terms, bits, input: 1.0 });
            }
            tuned(&columns, &mut parts, &wanted, Some(&omega), steps);
        });
    }

    /// The largest of each of `n` values becomes the largest integer, or two thirds of it.
    fn measure(&mut self, n: usize) {
        self.most = Self::largest(self.bits);
        let room = match self.bits {
            Bits::I8 => 1.0,
            Bits::I16 => ROOM,
        };
        let unit = |most: f64| if most > 0.0 { most * room / self.most } else { 1.0 };
        self.units = columns(&self.x, n).map(unit).collect();
    }
}

/// The tensors of a network of spins.
fn of_sites(model: &Loaded, masked: &MaskedSpec, spec: &IntegerSpec, steps: u32) -> Numbers {
    let inputs = drawn(model);
    let sites = model.dim();
    let mut network = Network {
        model: &model.model,
        path: "network.",
        activation: masked.activation,
        bits: spec.weights,
        steps,
        x: inputs.clone(),
        read: inputs.clone(),
        units: vec![1.0; sites],
        most: 1.0,
        out: Numbers::new(),
    };
    network.hidden(&spec.hidden);
    // Nothing of direct terms is rounded before they are there to make good for it.
    let tuned = std::mem::take(&mut network.steps);
    let bias = network.tensor("output.bias");
    let (mut outputs, mut sums) = match spec.hidden.is_empty() {
        true => (layer(&[], &bias, &bias, &[], 0.0, spec.weights), bias.repeat(ROWS)),
        false => network.rows("output"),
    };
    let (weights, none) = (network.tensor("direct.weight"), vec![0.0; bias.len()]);
    let mut direct = spec.direct.map(|bits| {
        let of_direct = dense(&weights, &none, &inputs, sites);
        sums.iter_mut().zip(&of_direct).for_each(|(sum, x)| *sum += x);
        layer(&weights, &none, &of_direct, &vec![1.0; sites], 1.0, bits)
    });
    if tuned > 0 {
        network.tune_logits(&mut outputs, direct.as_deref_mut(), spec, &inputs, &sums, tuned);
    }
    let input = network.most;
    let steps = f64::from(STEPS_A_NAT);
    let scales = outputs.iter().enumerate().flat_map(|(i, row)| {
        let [e, m] = scale(row.unit * steps, row.most(input), OUTPUT_SHIFT);
        let of_direct = direct.as_ref().map(|rows| &rows[i]);
        let [direct_e, direct_m] =
            of_direct.map_or([0.0; 2], |row| scale(row.unit * steps, row.most(1.0), OUTPUT_SHIFT));
        [e, m, direct_e, direct_m]
    });
    network.add("output.scales", scales);
    network.add_rows("output", &outputs);
    if let Some(rows) = direct {
        network.add("direct.weight", rows.into_iter().flat_map(|row| row.weights));
    }
    network.out
}

/// The tensors of the networks of a flow's couplings.
fn of_flow(model: &Loaded, couplings: &[Coupling], bits: Bits, steps: u32) -> Numbers {
    let (oracle, dim) = (Oracle::new(&model.model), model.dim());
    let one = model.model.description().context();
    let (rows, contexts) = (drawn(model), wide(&model.contexts(0, ROWS)));
    // What each network reads of a row, on its way to the noise.
    let read = |(i, row): (usize, &[f64])| {
        let mut all = vec![Vec::new(); couplings.len()];
        oracle.each_layer(&contexts[i * one..(i + 1) * one], row, |l, given, values| {
            if let Some(c) = couplings.iter().position(|coupling| coupling.layer == l) {
                all[c] = couplings[c].read(given, values);
            }
        });
        all
    };
    let read: Vec<_> = rows.par_chunks(dim).enumerate().map(read).collect();
    let mut out = Numbers::new();
    for (c, Coupling { path, network: spec, .. }) in couplings.iter().enumerate() {
        let x: Vec<f64> = read.iter().flat_map(|all| all[c].iter().copied()).collect();
        let inputs = x.len() / ROWS;
        let mut network = Network {
            model: &model.model,
            path,
            activation: spec.activation,
            bits,
            steps,
            x,
            read: Vec::new(),
            units: Vec::new(),
            most: 0.0,
            out: Numbers::new(),
        };
        network.measure(inputs);
        let read = network.x.iter().zip(network.units.iter().cycle());
        network.read =
            read.map(|(x, unit)| (x / unit).round().clamp(-network.most, network.most)).collect();
        let scales: Vec<f64> = network.units.iter().map(|unit| 1.0 / unit).collect();
        network.add("input.scale", scales);
        network.hidden(&spec.hidden);
        let (outputs, _) = network.rows("output");
        network.add("output.scale", outputs.iter().map(|row| row.unit));
        network.add_rows("output", &outputs);
        out.extend(network.out);
    }
    out
}

/// A row of a matrix, whose roundings are chosen.
struct Part<'a> {
    row: &'a mut Row,
    /// Its weights before they were rounded; of those that are zero nothing is known to the network.
    floats: &'a [f64],
    bits: Bits,
    /// The largest integer that it reads.
    input: f64,
}

/// Chooses the roundings of parts that make a sum together, the first with its bias; as they were if the sum
/// could get too large.
fn tuned(
    columns: &Columns,
    parts: &mut [Part<'_>],
    wanted: &[f64],
    omega: Option<&[f64]>,
    steps: u32,
) {
    let mut integers = Integers::default();
    for Part { row, floats, bits, .. } in &*parts {
        for (q, float) in row.weights.iter().zip(*floats) {
            integers.push(*q, row.unit, bits.most().into(), *float != 0.0);
        }
    }
    let Some(Part { row, .. }) = parts.first() else { return };
    integers.push(row.bias, row.unit, MOST_BIAS, true);
    columns.fit(&mut integers, wanted, omega, steps);
    let mut found = integers.q.into_iter();
    let mut rows = Vec::new();
    for Part { row, .. } in &*parts {
        let weights = found.by_ref().take(row.weights.len()).collect();
        rows.push(Row { weights, ..**row });
    }
    if let (Some(row), Some(bias)) = (rows.first_mut(), found.next()) {
        row.bias = bias;
    }
    if parts.iter().zip(&rows).all(|(part, row)| row.bound(part.input) <= SUM) {
        parts.iter_mut().zip(rows).for_each(|(part, row)| *part.row = row);
    }
}

/// The integer sums of a layer for each row of integers.
fn integer_sums(rows: &[Row], read: &[f64], inputs: usize) -> Vec<f64> {
    let weights: Vec<f64> = rows.iter().flat_map(|row| row.weights.iter().copied()).collect();
    let bias: Vec<f64> = rows.iter().map(|row| row.bias).collect();
    dense(&weights, &bias, read, inputs)
}

/// The sums of a matrix for each row of values.
fn dense(weights: &[f64], bias: &[f64], x: &[f64], inputs: usize) -> Vec<f64> {
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

/// The rows of a matrix in integers, whose inputs have these units and are no larger than `most_input`.
fn layer(
    weights: &[f64],
    bias: &[f64],
    sums: &[f64],
    units: &[f64],
    most_input: f64,
    bits: Bits,
) -> Vec<Row> {
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
            if row.bound(most_input) <= SUM && rounded.abs() <= MOST_BIAS {
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

/// KL(model ‖ other) a site and its standard error (nats), from `n` rows of the model's stream `seed`.
///
/// Each row contributes `r − 1 − ln r`, with r the ratio of the two probabilities: nowhere negative, and
/// of the divergence's mean because both distributions are normalised.
///
/// # Errors
/// Those of `go_on`.
pub fn divergence(
    model: &Loaded,
    other: &Loaded,
    n: u64,
    seed: u64,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<[f64; 2]> {
    let dim = model.dim();
    let chunk = model.chunk_rows().min(usize::try_from(n).unwrap_or(usize::MAX));
    let (mut rows, mut ln_p, mut ln_q) =
        (vec![0f32; chunk * dim], vec![0.0; chunk], vec![0.0; chunk]);
    let (mut sum, mut squares, mut done) = (0.0, 0.0, 0);
    while done < n {
        go_on()?;
        let m = usize::try_from(n - done).unwrap_or(usize::MAX).min(chunk);
        let rows = &mut rows[..m * dim];
        let context = model.contexts(done, m);
        model.given(&context).sample(seed, done, rows, Some(&mut ln_p[..m]));
        // A flow's density is taken at the row for both.
        if model.domain().is_real() {
            model.given(&context).log_prob(rows, &mut ln_p[..m]);
        }
        other.given(&context).log_prob(rows, &mut ln_q[..m]);
        for (p, q) in ln_p[..m].iter().zip(&ln_q) {
            let ln_r = f64::from(*q) - f64::from(*p);
            let term = ln_r.exp_m1() - ln_r;
            sum += term;
            squares += term * term;
        }
        done += m as u64;
    }
    let n = n as f64;
    let mean = sum / n;
    let error = ((squares / n - mean * mean).max(0.0) / (n - 1.0).max(1.0)).sqrt();
    Ok([mean, error].map(|x| x / dim as f64))
}
