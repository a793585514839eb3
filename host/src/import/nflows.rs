//! nflows (Durkan et al.) 0.14: MAF, spline flows, RealNVP and NICE, and what sbi builds of them.
//!
//! A flow is `z = f(x)`, its transforms in order. Of each (class, keys within it):
//!
//! | transform | keys | here |
//! |---|---|---|
//! | `MaskedAffineAutoregressiveTransform`, `MaskedPiecewiseRationalQuadraticAutoregressiveTransform` | `autoregressive_net.*`, a MADE | autoregressive |
//! | `AffineCouplingTransform`, `AdditiveCouplingTransform`, `PiecewiseRationalQuadraticCouplingTransform` | `identity_features`, `transform_features`, `transform_net.*`, `unconditional_transform.unnormalized_{widths, heights, derivatives}` | coupling; autoregressive in two groups where the context gates or kept coordinates have a spline of their own |
//! | `MultiscaleCompositeTransform` | those of its transforms, of which each moves what the ones before have left: a `range` that ends with the last coordinate | partial |
//! | `SqueezeTransform` | none | permute |
//! | `OneByOneConvolution` | those of `LULinear`, `permutation._permutation` | permute, lu |
//! | `LULinear` | `lower_entries`, `upper_entries`, `unconstrained_upper_diag`, `bias` | lu |
//! | `Permutation` and its kinds | `_permutation` | permute |
//! | `PointwiseAffineTransform` | `_shift`, `_scale` | affine |
//! | `ActNorm` | `log_scale`, `shift` | affine |
//! | `BatchNorm` | `unconstrained_weight`, `bias`, `running_mean`, `running_var` | affine, as in evaluation |
//!
//! | network | keys | here |
//! |---|---|---|
//! | `MADE` | `initial_layer`, `blocks.{b}.linear_layers.{0, 1}` or `blocks.{b}.linear`, `final_layer`, each with its `mask`; `context_layer`, `blocks.{b}.context_layer` | masked, residual or not, conditioning `added` |
//! | `ResidualNet` | the same without masks; the first layer reads coordinates and context | mlp, or masked with conditioning `gated` |
//!
//! Parameters of a coordinate: a raw scale and a shift, softplus + 1/1000 (autoregressive); all shifts,
//! then all raw scales, σ(· + 2) + 1/1000 (coupling); K widths, K heights, K − 1 slopes, with the floors
//! of 1/1000 that ours have. Where a network has `hidden_features`, widths and heights are divided by
//! its root. Slopes are softplus without our shift. Both are factors and sums of the last layer's
//! weights and biases, in `f64`.
//!
//! What moves images says their `shape`; a row is their pixels, channel by channel. What nflows does to channels,
//! alike for all pixels, is a layer of all coordinates here: permutations and triangles are Kronecker products
//! with the identity over pixels.
//!
//! A spline of normflows may have tails of its own for each coordinate, of which some are angles: then there
//! are K + 1 slopes, and of these the ends are overwritten (1, or that of the other end). Networks read one
//! combination of an angle's sine and cosine, which is folded into the first layer's weights.
//!
//! Refused, with the reason: convolutional networks (networks are dense here), splines without tails (of the
//! unit interval), batch normalisation inside a network, inverse transforms, bases other than the standard
//! and a diagonal normal, and whatever else has no row above.

use std::collections::BTreeMap;

use pushforward::bijection::Direction;
use pushforward::layer::{AutoregressiveSpec, CouplingSpec, PermuteSpec};
use pushforward::model::{CausalNetworkSpec, UnivariateSpec};
use pushforward::network::PeriodicSpec;
use pushforward::network::conditioning::AnyConditioning;
use pushforward::univariate::rational_quadratic::{MIN_BIN, MIN_DERIVATIVE, Tails};
use pushforward::univariate::{LocationScaleSpec, RationalQuadraticSpec, ScaleSpec};

use super::linear::{Channels, affine, affine_of, lu, permute};
use super::network::{Causal, Column, Linear, Network, each};
use super::settings::{Of, Settings};
use super::{Layer, Parts, State, Tensors, embedding, standard_normal};
use crate::error::Result;

/// ε of the positive functions.
const LEAST: f32 = 1e-3;

/// Puts a flow together.
pub(super) fn flow(state: &State, settings: &Settings) -> Result<Parts> {
    let embedding = embedding::read(state, settings)?;
    let given = embedding.as_ref().map_or(settings.context, |(spec, _)| spec.outputs);
    if settings.described() == 0 {
        return Err(settings.fault("no [[transforms]]: what each transform is, in order"));
    }
    let mut layers = Vec::new();
    for number in 0..settings.described() {
        let of = settings.of(number);
        let (path, made) = (of.path()?, Made::Added);
        let range = of.range()?;
        let n = range.map_or(settings.features, |[first, end]| end - first);
        let channels = match of.shape(n)? {
            None => Channels::of_vector(n),
            Some([n, height, width]) => Channels { n, pixels: height * width },
        };
        let place = Place { state, of, path, given, made, channels };
        let made_of = match of.kind().unwrap_or_default() {
            "OneByOneConvolution" => {
                let order = permute(state, &place.name("permutation._permutation"), channels)?;
                vec![order, lu_linear(state, path, channels)?]
            }
            kind => vec![place.kind(kind)?],
        };
        layers.extend(made_of.into_iter().map(|layer| Layer { range, ..layer }));
    }
    layers.extend(base(state, settings.features)?);
    Ok(Parts { embedding, base: standard_normal(), layers, lacks: 0.0 })
}

/// The base, as a layer from the standard normal distribution unless it is that.
fn base(state: &State, n: usize) -> Result<Option<Layer>> {
    state.ignore("_distribution._log_z");
    let names = ["_distribution.mean_", "_distribution.log_std_"];
    if !names.iter().all(|name| state.has(name)) {
        return Ok(None);
    }
    // Both are [1, n].
    let [shift, log_scale] = names.map(|name| state.numbers(name, &[1, n]));
    Ok(Some(affine_of(log_scale?.to_vec(), shift?.to_vec())))
}

/// What a coordinate's parameters are.
struct Parameters {
    univariate: UnivariateSpec,
    /// For each of the library's the number of ours.
    places: Vec<usize>,
}

/// What a MADE does with its context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// nflows': it is added.
    Added,
    /// normflows': the first layer reads it, and it gates what blocks add.
    Gated,
}

/// A transform, and where it stands.
pub(super) struct Place<'a> {
    pub(super) state: &'a State,
    pub(super) of: Of<'a>,
    pub(super) path: &'a str,
    /// Values of context that networks read.
    pub(super) given: usize,
    pub(super) made: Made,
    /// What it moves.
    pub(super) channels: Channels,
}

impl Place<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// The transform, by its class here or (of normflows) there.
    pub(super) fn kind(&self, kind: &str) -> Result<Layer> {
        let (state, of, n) = (self.state, self.channels, self.channels.coordinates());
        match kind {
            "MaskedAffineAutoregressiveTransform"
            | "MaskedAffineAutoregressive"
            | "MaskedPiecewiseRationalQuadraticAutoregressiveTransform" => {
                self.autoregressive(kind)
            }
            "AffineCouplingTransform"
            | "AdditiveCouplingTransform"
            | "PiecewiseRationalQuadraticCouplingTransform" => self.coupling(kind),
            "LULinear" => lu_linear(state, self.path, of),
            "Permutation" | "RandomPermutation" | "ReversePermutation" => {
                permute(state, &self.name("_permutation"), of)
            }
            "SqueezeTransform" => {
                let (image, factor) = (self.of.image(n)?, self.of.factor()?);
                let squeeze = PermuteSpec::squeeze(image, factor)
                    .map_err(|expected| self.of.wrong("factor", &factor.to_string(), &expected))?;
                Ok(Layer::new(squeeze, Tensors::new()))
            }
            "PointwiseAffineTransform" | "AffineTransform" => {
                let names = [&*self.name("_shift"), &self.name("_scale")];
                affine(state, names, n, |shift, scale| [-scale.ln(), -shift / scale])
            }
            "ActNorm" => {
                state.ignore(&self.name("initialized"));
                let logs = state.vector(&self.name("log_scale"), of.n)?;
                let shifts = state.vector(&self.name("shift"), of.n)?;
                let each = logs.iter().zip(shifts).map(|(log, shift)| -shift * (-log).exp());
                let shift = of.spread(each.collect());
                Ok(affine_of(of.spread(logs.iter().map(|log| -log).collect()), shift))
            }
            "BatchNorm" => {
                let of = |name: &str| state.vector(&self.name(name), n);
                let (raw, bias) = (of("unconstrained_weight")?, of("bias")?);
                let (mean, variance) = (of("running_mean")?, of("running_var")?);
                const EPSILON: f64 = 1e-5;
                let scale =
                    |i: usize| (softplus(raw[i]) + EPSILON) / (variance[i] + EPSILON).sqrt();
                let log_scale = (0..n).map(|i| -scale(i).ln()).collect();
                let shift = (0..n).map(|i| mean[i] - bias[i] / scale(i)).collect();
                Ok(affine_of(log_scale, shift))
            }
            other => Err(self.of.wrong(
                "kind",
                other,
                "MaskedAffineAutoregressiveTransform, \
                 MaskedPiecewiseRationalQuadraticAutoregressiveTransform, AffineCouplingTransform, \
                 AdditiveCouplingTransform, PiecewiseRationalQuadraticCouplingTransform, \
                 SqueezeTransform, OneByOneConvolution, LULinear, Permutation, RandomPermutation, \
                 ReversePermutation, PointwiseAffineTransform, ActNorm or BatchNorm",
            )),
        }
    }

    /// The direction in which an autoregressive network is one pass, and scales multiply.
    fn fast(&self, kind: &str) -> Direction {
        match kind {
            "MaskedAffineAutoregressive" => Direction::Sampling,
            _ => Direction::Density,
        }
    }

    /// The map of a coordinate that has `total` parameters.
    fn parameters(&self, kind: &str, total: usize) -> Result<Parameters> {
        let affine = |scale| LocationScaleSpec { scale, multiplies: self.fast(kind) }.into();
        let (univariate, places, expected): (UnivariateSpec, Vec<usize>, usize) = match kind {
            "MaskedAffineAutoregressiveTransform" => {
                let most = pushforward::univariate::location_scale::MOST[1];
                (affine(ScaleSpec::Softplus { least: LEAST, most }), vec![0, 1], 2)
            }
            "MaskedAffineAutoregressive" => {
                (affine(ScaleSpec::Sigmoid { least: LEAST }), vec![0, 1], 2)
            }
            "AffineCouplingTransform" => {
                let scale = match self.of.scale()? {
                    "sigmoid" => ScaleSpec::Sigmoid { least: LEAST },
                    "general" => ScaleSpec::Softplus { least: LEAST, most: 3.0 },
                    other => {
                        return Err(self.of.wrong("scale", other, "\"sigmoid\" or \"general\""));
                    }
                };
                (affine(scale), vec![1, 0], 2)
            }
            "AdditiveCouplingTransform" => (affine(ScaleSpec::Exp), vec![1], 1),
            _ if self.of.circular().is_some() => {
                let bins = total.saturating_sub(1) / 3;
                let tails = if self.all_circular() { Tails::Circular } else { Tails::Free };
                let spline = RationalQuadraticSpec::linear(bins, self.bound()?).with_tails(tails);
                (spline.into(), (0..total).collect(), 3 * bins + 1)
            }
            _ => {
                let tails = self.of.tails()?;
                if tails != "linear" {
                    let expected =
                        "\"linear\": a spline of the unit interval has no counterpart here";
                    return Err(self.of.wrong("tails", tails, expected));
                }
                let bins = (total + 1) / 3;
                let spline = RationalQuadraticSpec::linear(bins, self.of.bound()?);
                (spline.into(), (0..total).collect(), (3 * bins).saturating_sub(1))
            }
        };
        if total != expected {
            let path = self.path;
            return Err(self.state.fault(format!(
                "`{path}`: found {total} parameters a coordinate, expected {expected} for {kind}"
            )));
        }
        Ok(Parameters { univariate, places })
    }

    /// Whether a coordinate is an angle.
    fn is_circular(&self, d: usize) -> bool {
        self.of.circular().is_some_and(|angles| angles.contains(&d))
    }

    fn all_circular(&self) -> bool {
        (0..self.channels.n).all(|d| self.is_circular(d))
    }

    /// The bound of all coordinates.
    fn bound(&self) -> Result<f32> {
        let bound = self.of.bound()?;
        for name in ["tail_bound", "unconditional_transform.tail_bound"] {
            let name = self.name(name);
            if self.state.has(&name) {
                let all = &self.state.get(&name)?.data;
                if let Some(other) = all.iter().find(|own| **own as f32 != bound) {
                    return Err(self.state.fault(format!(
                        "`{name}`: found {other} beside {bound}: coordinates with bounds of their own \
                         have no counterpart here"
                    )));
                }
            }
        }
        Ok(bound)
    }

    /// What the first layer reads of the coordinates `features`, which are its first columns: of an angle one
    /// combination of its sine and its cosine.
    fn angles(
        &self,
        net: &str,
        features: &[usize],
        first: &mut Linear,
        inputs: &mut Vec<Column>,
    ) -> Result<()> {
        let (state, path) = (self.state, format!("{net}.preprocessing"));
        let expected: Vec<usize> =
            (0..features.len()).filter(|i| self.is_circular(features[*i])).collect();
        if self.of.circular().is_none() || (expected.is_empty() && !state.has_within(&path)) {
            return Ok(());
        }
        for name in ["ind_", "inv_perm", "scale"] {
            state.ignore(&format!("{path}.{name}"));
        }
        let numbers = &state.get(&format!("{path}.ind"))?.data;
        let numbers: Vec<usize> = numbers.iter().map(|i| *i as usize).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        if sorted != expected {
            return Err(state.fault(format!(
                "`{path}.ind`: found {numbers:?}, expected {expected:?}, as `circular` says"
            )));
        }
        let weights = &state.shaped(&format!("{path}.weights"), &[numbers.len(), 2])?.data;
        for (i, weights) in numbers.iter().zip(weights.chunks(2)) {
            first.turn_column(*i, [weights[1], weights[0]]);
            inputs.push(Column::Sine(features[*i]));
        }
        Ok(())
    }

    /// The slopes at the ends of splines whose coordinates have different tails: 1, or of an angle the same
    /// at both ends; where all are angles there is one.
    fn ends(&self, last: &mut Linear, outputs: &mut Vec<[usize; 2]>, univariate: &UnivariateSpec) {
        let UnivariateSpec::RationalQuadratic(spline) = univariate else { return };
        let (first, end) = (2 * spline.bins, 3 * spline.bins);
        match spline.tails {
            Tails::Circular => {
                let keep: Vec<bool> = outputs.iter().map(|[_, p]| *p != end).collect();
                last.retain_rows(&keep);
                outputs.retain(|[_, p]| *p != end);
            }
            Tails::Free => {
                for row in 0..outputs.len() {
                    let [d, p] = outputs[row];
                    if !self.is_circular(d) {
                        if p == first || p == end {
                            last.set_row(row, slope_shift());
                        }
                    } else if p == end
                        && let Some(from) = outputs.iter().position(|begin| *begin == [d, first])
                    {
                        last.copy_row(from, row);
                    }
                }
            }
            _ => {}
        }
    }

    /// The last layer's weights as our splines take them.
    fn normalised(&self, last: &mut Linear, outputs: &[[usize; 2]], univariate: &UnivariateSpec) {
        let UnivariateSpec::RationalQuadratic(spline) = univariate else { return };
        let factor = self.of.hidden_features().map_or(1.0, |n| 1.0 / (n as f64).sqrt());
        for (row, [_, p]) in outputs.iter().enumerate() {
            if *p < 2 * spline.bins {
                let weights = row * last.columns..(row + 1) * last.columns;
                last.weight[weights].iter_mut().for_each(|w| *w *= factor);
                last.bias[row] *= factor;
            } else {
                last.bias[row] -= slope_shift();
            }
        }
    }

    fn batch_norm(&self, path: &str) -> Result<()> {
        let names = ["batch_norm.weight", "batch_norm_layers.0.weight"];
        match names.iter().find(|name| self.state.has(&format!("{path}.{name}"))) {
            None => Ok(()),
            Some(name) => Err(self.state.fault(format!(
                "`{path}.{name}`: batch normalisation inside a network has no counterpart here"
            ))),
        }
    }

    /// The dense layers of a MADE or a ResidualNet, whether it is residual, and what is made of the
    /// context for each hidden layer.
    #[allow(clippy::type_complexity, reason = "three things of one network")]
    fn layers(
        &self,
        net: &str,
        masked: bool,
    ) -> Result<(Vec<Linear>, bool, BTreeMap<usize, Linear>)> {
        let state = self.state;
        let first = format!("{net}.initial_layer.weight");
        if state.has(&first) && state.get(&first)?.shape.len() > 2 {
            let shape = &state.get(&first)?.shape;
            return Err(state.fault(format!(
                "`{first}`: found shape {shape:?}: a convolution has no counterpart here, where networks are \
                 dense"
            )));
        }
        let mut layers = vec![Linear::read(state, &format!("{net}.initial_layer"), masked)?];
        let mut of_context = BTreeMap::new();
        let mut read = |l: usize, path: &str| -> Result<()> {
            if state.has_within(&format!("{path}.context_layer.")) {
                of_context.insert(l, Linear::read(state, &format!("{path}.context_layer"), false)?);
            }
            Ok(())
        };
        let adds = masked && self.made == Made::Added;
        if adds {
            read(0, net)?;
        }
        let mut residual = true;
        for b in 0.. {
            let block = format!("{net}.blocks.{b}");
            if !state.has_within(&format!("{block}.")) {
                break;
            }
            self.batch_norm(&block)?;
            if state.has_within(&format!("{block}.linear.")) {
                residual = false;
                layers.push(Linear::read(state, &format!("{block}.linear"), masked)?);
                continue;
            }
            // nflows' MADE adds it to the first of a pair; otherwise it gates what the second makes.
            read(layers.len() + usize::from(!adds), &block)?;
            for k in 0..2 {
                layers.push(Linear::read(state, &format!("{block}.linear_layers.{k}"), masked)?);
            }
        }
        layers.push(Linear::read(state, &format!("{net}.final_layer"), masked)?);
        if masked && !adds && state.has_within(&format!("{net}.context_layer.")) {
            // The first layer reads the context, by a layer of its own.
            let context = Linear::read(state, &format!("{net}.context_layer"), false)?;
            let path = format!("{net}.context_layer");
            let fault =
                || state.fault(format!("`{path}`: its rows are not those of the first layer"));
            layers[0] = layers[0].beside(&context).ok_or_else(fault)?;
        }
        if masked {
            // Degrees say again what the masks say.
            for name in state.names_within(&format!("{net}.")) {
                if name.ends_with(".degrees") {
                    state.ignore(&name);
                }
            }
        }
        Ok((layers, residual, of_context))
    }

    fn autoregressive(&self, kind: &str) -> Result<Layer> {
        let n = self.channels.coordinates();
        let (mut layers, residual, of_context) =
            self.layers(&self.name("autoregressive_net"), true)?;
        let Parameters { univariate, places } =
            self.parameters(kind, each(self.state, self.path, &layers, n)?)?;
        let mut outputs: Vec<[usize; 2]> =
            (0..n).flat_map(|d| places.iter().map(move |p| [d, *p])).collect();
        if let Some(last) = layers.last_mut() {
            self.ends(last, &mut outputs, &univariate);
            self.normalised(last, &outputs, &univariate);
        }
        let mut inputs: Vec<Column> = (0..n).map(Column::Coordinate).collect();
        let conditioning = match self.made {
            _ if of_context.is_empty() => AnyConditioning::Read,
            Made::Added => AnyConditioning::Added,
            Made::Gated => {
                inputs.extend((0..self.given).map(Column::Context));
                AnyConditioning::Gated
            }
        };
        if self.made == Made::Gated && !residual {
            let path = self.path;
            return Err(self.state.fault(format!(
                "`{path}`: a MADE without residual blocks, whose first layer has no units, has no \
                 counterpart here"
            )));
        }
        let features: Vec<usize> = (0..n).collect();
        self.angles(&self.name("autoregressive_net"), &features, &mut layers[0], &mut inputs)?;
        let activation = self.of.activation()?;
        let network =
            Network { layers, activation, residual, conditioning, of_context, inputs, outputs };
        self.walked(network, 0, self.fast(kind), univariate)
    }

    fn walked(
        &self,
        network: Network,
        kept: usize,
        fast: Direction,
        univariate: UnivariateSpec,
    ) -> Result<Layer> {
        let n = self.channels.coordinates();
        let fault = |message: String| self.state.fault(format!("`{}`: {message}", self.path));
        let parameters = univariate.parameters();
        let Causal { order, angles, network, tensors } =
            network.with_parameters(parameters).causal(n, self.given, parameters).map_err(fault)?;
        let network: CausalNetworkSpec = match angles.contains(&true) {
            true => PeriodicSpec { angles, bound: self.of.bound()?, network }.into(),
            false => network.into(),
        };
        let spec = AutoregressiveSpec { order, kept, fast, network, univariate };
        Ok(Layer::new(spec, tensors))
    }

    /// The numbers of `identity_features` or `transform_features`.
    fn features(&self, name: &str) -> Result<Vec<usize>> {
        let n = self.channels.n;
        let name = self.name(name);
        let array = self.state.get(&name)?;
        let numbers: Vec<usize> = array.data.iter().map(|d| *d as usize).collect();
        match numbers.iter().find(|d| **d >= n) {
            None => Ok(numbers),
            Some(d) => {
                Err(self.state.fault(format!("`{name}`: found {d}, expected less than {n}")))
            }
        }
    }

    fn coupling(&self, kind: &str) -> Result<Layer> {
        let (state, n) = (self.state, self.channels.n);
        let kept = self.features("identity_features")?;
        let moved = self.features("transform_features")?;
        let mut both = [&kept[..], &moved].concat();
        both.sort_unstable();
        if both != (0..n).collect::<Vec<_>>() {
            let path = self.path;
            return Err(state.fault(format!(
                "`{path}`: found {kept:?} as identity_features and {moved:?} as transform_features, \
                 expected each of {n} coordinates once"
            )));
        }
        let (of, channels) = (self.channels, moved);
        let (n, kept, moved) = (of.coordinates(), of.of(&kept), of.of(&channels));
        let net = self.name("transform_net");
        if !state.has_within(&format!("{net}.initial_layer.")) {
            return Err(state.fault(format!(
                "no tensor `{net}.initial_layer.weight`: networks other than nflows' ResidualNet have \
                 no counterpart here"
            )));
        }
        let (mut layers, residual, of_context) = self.layers(&net, false)?;
        let total = each(state, self.path, &layers, moved.len())?;
        let Parameters { univariate, places } = self.parameters(kind, total)?;
        let mut outputs: Vec<[usize; 2]> = if kind == "AffineCouplingTransform" {
            // All shifts, then all raw scales.
            places.iter().flat_map(|p| moved.iter().map(move |d| [*d, *p])).collect()
        } else {
            // All pixels of a channel's first parameter, then of the next.
            let of_channel = |c| places.iter().map(move |p| (c, p));
            let each = channels.iter().flat_map(of_channel);
            each.flat_map(|(c, p)| of.of(&[*c]).into_iter().map(|d| [d, *p])).collect()
        };
        let own = self.name("unconditional_transform");
        let has_own = state.has_within(&format!("{own}."));
        if let Some(last) = layers.last_mut() {
            self.ends(last, &mut outputs, &univariate);
            self.normalised(last, &outputs, &univariate);
            if has_own {
                self.unconditional(&own, &kept, &univariate, last, &mut outputs)?;
            }
        }
        let context = (0..self.given).map(Column::Context);
        let gated = !of_context.is_empty();
        let mut inputs = kept.iter().copied().map(Column::Coordinate).chain(context).collect();
        self.angles(&net, &kept, &mut layers[0], &mut inputs)?;
        let network = Network {
            layers,
            activation: self.of.activation()?,
            residual,
            conditioning: if gated { AnyConditioning::Gated } else { AnyConditioning::Read },
            of_context,
            inputs,
            outputs,
        };
        if gated || has_own || kept.is_empty() {
            let kept = if has_own { 0 } else { kept.len() };
            return self.walked(network, kept, Direction::Density, univariate);
        }
        let fault = |message: String| state.fault(format!("`{net}`: {message}"));
        let (network, tensors) =
            network.with_parameters(univariate.parameters()).coupled(&moved).map_err(fault)?;
        let mask = (0..n).map(|d| kept.contains(&d)).collect();
        let spec = CouplingSpec { mask, network: network.into(), univariate };
        Ok(Layer::new(spec, tensors))
    }

    /// Adds outputs for the kept coordinates, which depend on nothing.
    fn unconditional(
        &self,
        path: &str,
        kept: &[usize],
        univariate: &UnivariateSpec,
        last: &mut Linear,
        outputs: &mut Vec<[usize; 2]>,
    ) -> Result<()> {
        let UnivariateSpec::RationalQuadratic(spline) = univariate else {
            let message = format!("`{path}`: only splines have a transform of kept coordinates");
            return Err(self.state.fault(message));
        };
        let (bins, mut first) = (spline.bins, 0);
        let mut mask = vec![true; last.rows * last.columns];
        let slopes = if spline.tails == Tails::Linear { bins - 1 } else { bins + 1 };
        for (name, columns) in [("widths", bins), ("heights", bins), ("derivatives", slopes)] {
            let name = format!("{path}.unnormalized_{name}");
            let data = &self.state.shaped(&name, &[kept.len(), columns])?.data;
            let shift = if name.ends_with("derivatives") { slope_shift() } else { 0.0 };
            for (i, d) in kept.iter().enumerate() {
                for p in 0..columns {
                    let given = data[i * columns + p];
                    let value = match (spline.tails, p + first == 2 * bins, p + first == 3 * bins) {
                        (Tails::Circular, _, true) => continue,
                        (Tails::Free, _, true) if self.is_circular(*d) => data[i * columns],
                        (Tails::Free, true, _) | (Tails::Free, _, true)
                            if !self.is_circular(*d) =>
                        {
                            slope_shift()
                        }
                        _ => given,
                    };
                    outputs.push([*d, first + p]);
                    last.bias.push(value - shift);
                    last.weight.extend(std::iter::repeat_n(0.0, last.columns));
                    mask.extend(std::iter::repeat_n(false, last.columns));
                    last.rows += 1;
                }
            }
            first += columns;
        }
        last.mask = Some(mask);
        Ok(())
    }
}

/// z = L (U x) + b, with ones on the diagonal of L, of the channels of each pixel.
pub(super) fn lu_linear(state: &State, path: &str, of: Channels) -> Result<Layer> {
    let Channels { n, pixels } = of;
    let vector = |name: &str, len| state.vector(&format!("{path}.{name}"), len);
    let entries = n * (n - 1) / 2;
    let (lower, upper) = (vector("lower_entries", entries)?, vector("upper_entries", entries)?);
    let (diagonal, bias) = (vector("unconstrained_upper_diag", n)?, vector("bias", n)?);
    // Row by row, those before the diagonal and those behind it.
    let below = |i: usize, j: usize| lower[i * i.saturating_sub(1) / 2 + j];
    let above = |i: usize, j: usize| upper[i * (2 * n - i - 1) / 2 + j - i - 1];
    let on = |i: usize| softplus(diagonal[i]) + LEAST_F64;
    let of_pixel =
        |entry: &dyn Fn(usize, usize) -> f64, i: usize, j: usize| match i % pixels == j % pixels {
            true => entry(i / pixels, j / pixels),
            false => 0.0,
        };
    let (lower, upper) = (|i, j| of_pixel(&below, i, j), |i, j| of_pixel(&above, i, j));
    Ok(lu(of.coordinates(), lower, upper, |i| on(i / pixels), of.spread(bias.to_vec())))
}

/// ln(1 + eˣ), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// What our splines add to the parameter of a slope, so that 0 gives the slope 1.
fn slope_shift() -> f64 {
    (1.0 - LEAST_F64).exp_m1().ln()
}

/// The floors of both are 1/1000.
const LEAST_F64: f64 = 1e-3;
const _: () = assert!(MIN_BIN == LEAST && MIN_DERIVATIVE == LEAST);
