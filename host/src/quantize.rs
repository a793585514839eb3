//! Quantisation: from a model of floats to one of smaller weights.
//!
//! `f16` rounds each weight. `i8` and `i16` make a spin model's network one of integers
//! ([`pushforward::network::Integer`]): post-training quantisation with a scale for each output and each
//! unit (Jacob et al. 2018, arXiv:1712.05877), as follows.
//!
//! - Inputs are ±1. Each row of a matrix is divided by its own largest entry, so that this becomes the
//!   largest integer.
//! - How large sums and units get is read off rows that the model draws. A unit's largest value there
//!   becomes the largest integer that a unit can be; what is larger is clamped. Since every unit has its
//!   own scale, the next layer's columns are multiplied by it first.
//! - A sum's `e` leaves room for eight times the largest sum that was met, or for the largest that there
//!   can be, if that is less.
//!
//! The result is another distribution, normalised as exactly as the first: [`divergence`] says how far it
//! is from it.

use pushforward::activation::AnyActivation;
use pushforward::conditional::tabulated::STEPS_A_NAT;
use pushforward::kernel::{OUTPUT_SHIFT, SUM_BITS};
use pushforward::model::{
    Arithmetic, ConditionalSpec, Description, Model, SitesNetworkSpec, SitesSpec, TensorSpec,
};
use pushforward::network::{Bits, IntegerSpec, MaskedSpec};

use crate::error::Result;
use crate::loaded::Loaded;

/// Rows that sums and units are measured on.
const ROWS: usize = 2048;
/// The stream that they are drawn from.
const SEED: u64 = 0x5ca1e;
/// How much larger a sum may get than the largest that was met.
const MARGIN: f64 = 8.0;
/// Bits of a rescaled sum, before it is divided.
const SUM: f64 = (1u32 << 30) as f64;
/// The largest multiplier.
const MOST_MULTIPLIER: f64 = i16::MAX as f64;

/// The model with its network in integers: weights of so many bits, direct terms of so many.
///
/// # Errors
/// What of the model has no counterpart in integers: found and expected.
pub fn integers(model: &Model, weights: Bits, direct: Bits) -> std::result::Result<Model, String> {
    let (sites, network) = quantisable(model.description())?;
    let spec = IntegerSpec {
        hidden: network.hidden.clone(),
        weights,
        direct: network.direct.then_some(direct),
    };
    let quantised = SitesSpec { network: spec.clone().into(), ..sites.clone() };
    let fault = |e: pushforward::model::ModelError| e.to_string();
    let mut out = Model::new(Description::Sites(quantised), Arithmetic::Integer).map_err(fault)?;
    let mut rows = vec![0.0; ROWS * model.description().dim()];
    model.sampler().map_err(fault)?.sample(SEED, 0, &mut rows, None);
    let tensors = Network::new(model, &spec, network).quantised(rows);
    let parameters: Vec<f32> =
        out.description().tensors().iter().flat_map(|spec| of_tensor(spec, &tensors)).collect();
    out.set_parameters(&parameters).map_err(fault)?;
    out.provenance = model.provenance.clone();
    out.with_names(model.names().cloned()).map_err(fault)
}

/// The part of a model that has a counterpart in integers.
fn quantisable(
    description: &Description,
) -> std::result::Result<(&SitesSpec, &MaskedSpec), String> {
    let wrong = |what: &str, found: &str, expected: &str| {
        Err(format!("{what}: found {found}, expected {expected} for integer weights"))
    };
    let Description::Sites(sites) = description else {
        return wrong("distribution", "a flow", "sites of spins");
    };
    let ConditionalSpec::Bernoulli(_) = &sites.conditional else {
        return wrong("sites", "other than spins", "spins");
    };
    let SitesNetworkSpec::Masked(network) = &sites.network else {
        return wrong("weights", "integers already", "floats");
    };
    if sites.context > 0 {
        return wrong("context", &format!("{} values", sites.context), "none");
    }
    if !matches!(network.activation, AnyActivation::Leaky | AnyActivation::Relu) {
        let found = format!("{:?}", network.activation).to_lowercase();
        return wrong("activation", &found, "leaky or relu");
    }
    if network.residual || !network.through.is_empty() {
        return wrong("network", "residual layers or listed units", "neither");
    }
    Ok((sites, network))
}

/// Integers by the name of their tensor.
type Integers = Vec<(String, Vec<f64>)>;

fn of_tensor(spec: &TensorSpec, tensors: &Integers) -> Vec<f32> {
    let found = tensors.iter().find(|(name, _)| *name == spec.name);
    found.map_or(vec![0.0; spec.size()], |(_, data)| data.iter().map(|x| *x as f32).collect())
}

/// A masked network's tensors, and what they are to become.
struct Network<'a> {
    model: &'a Model,
    spec: &'a IntegerSpec,
    is_leaky: bool,
}

/// Sums of a matrix, measured: for each row of it the integers, and what one unit of their sum is.
struct Row {
    weights: Vec<f64>,
    bias: f64,
    unit: f64,
    /// The largest sum that is reckoned with.
    most: f64,
}

impl<'a> Network<'a> {
    fn new(model: &'a Model, spec: &'a IntegerSpec, network: &MaskedSpec) -> Self {
        Self { model, spec, is_leaky: network.activation == AnyActivation::Leaky }
    }

    fn tensor(&self, name: &str) -> Vec<f64> {
        let tensor = self.model.tensor(&format!("network.{name}"));
        tensor.map_or(Vec::new(), |tensor| tensor.data.iter().map(|x| f64::from(*x)).collect())
    }

    fn quantised(&self, rows: Vec<f32>) -> Integers {
        let Self { spec, .. } = self;
        let mut out = Integers::new();
        let mut add = |name: String, data: Vec<f64>| out.push((format!("network.{name}"), data));
        let inputs: Vec<f64> = rows.iter().map(|x| f64::from(*x)).collect();
        let sites = self.model.description().dim();
        // Values as reals, and what one unit of the integer is that stands for each.
        let (mut x, mut units) = (inputs.clone(), vec![1.0; sites]);
        let mut most_input = 1.0;
        let largest = f64::from((1 << spec.weights.of_unit()) - 1);
        for (l, n) in spec.hidden.iter().enumerate() {
            let name = format!("hidden.{l}");
            let (weights, bias) =
                (self.tensor(&format!("{name}.weight")), self.tensor(&format!("{name}.bias")));
            let slopes = match self.is_leaky {
                true => self.tensor(&format!("{name}.slope")),
                false => vec![0.0; *n],
            };
            let sums = dense(&weights, &bias, &x, units.len());
            let layer = layer(&weights, &bias, &sums, &units, most_input, spec.weights);
            let unit = |(sum, slope): (&f64, &f64)| if *sum < 0.0 { sum * slope } else { *sum };
            x = sums.chunks(*n).flat_map(|sums| sums.iter().zip(&slopes).map(unit)).collect();
            units =
                columns(&x, *n).map(|most| if most > 0.0 { most / largest } else { 1.0 }).collect();
            let shift = 26 - spec.weights.of_unit();
            let scales = layer.iter().zip(&units).zip(&slopes).flat_map(|((row, unit), slope)| {
                let ratio = row.unit / unit;
                let [e, m] = scale(ratio, row.most, shift);
                let [below, other] = scale(ratio * slope, row.most, shift);
                [e, m, below, other]
            });
            add(format!("{name}.scales"), scales.collect());
            add(
                format!("{name}.weight"),
                layer.iter().flat_map(|row| row.weights.clone()).collect(),
            );
            add(format!("{name}.bias"), layer.iter().map(|row| row.bias).collect());
            most_input = largest;
        }
        let bias = self.tensor("output.bias");
        let weights = self.tensor("output.weight");
        let outputs = match spec.hidden.is_empty() {
            true => layer(&[], &bias, &bias, &[], 0.0, spec.weights),
            false => {
                let sums = dense(&weights, &bias, &x, units.len());
                layer(&weights, &bias, &sums, &units, most_input, spec.weights)
            }
        };
        let none = vec![0.0; bias.len()];
        let direct = spec.direct.map(|bits| {
            let weights = self.tensor("direct.weight");
            let sums = dense(&weights, &none, &inputs, sites);
            layer(&weights, &none, &sums, &vec![1.0; sites], 1.0, bits)
        });
        let steps = f64::from(STEPS_A_NAT);
        let scales = outputs.iter().enumerate().flat_map(|(i, row)| {
            let [e, m] = scale(row.unit * steps, row.most, OUTPUT_SHIFT);
            let of_direct = direct.as_ref().map(|rows| &rows[i]);
            let [direct_e, direct_m] =
                of_direct.map_or([0.0; 2], |row| scale(row.unit * steps, row.most, OUTPUT_SHIFT));
            [e, m, direct_e, direct_m]
        });
        add("output.scales".into(), scales.collect());
        add("output.weight".into(), outputs.iter().flat_map(|row| row.weights.clone()).collect());
        add("output.bias".into(), outputs.iter().map(|row| row.bias).collect());
        if let Some(rows) = direct {
            add("direct.weight".into(), rows.into_iter().flat_map(|row| row.weights).collect());
        }
        out
    }
}

/// The sums of a matrix for each row of values.
fn dense(weights: &[f64], bias: &[f64], x: &[f64], inputs: usize) -> Vec<f64> {
    use rayon::prelude::*;
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
            let bound = weights.iter().map(|w| w.abs()).sum::<f64>() * most_input + rounded.abs();
            if bound <= SUM && rounded.abs() <= f64::from(1 << 24) {
                let most = bound.min(MARGIN * most / unit).max(1.0);
                return Row { weights, bias: rounded, unit, most };
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
