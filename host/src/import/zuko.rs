//! zuko (Rozet et al.), 1.0 to 1.6: MAF, NSF with any number of passes, RealNVP and NICE, and what
//! sbi builds of them.
//!
//! A flow is `z = f(x)`, its transforms in the order of their numbers. Of each transform (class, keys):
//!
//! | transform | keys | here |
//! |---|---|---|
//! | `MaskedAutoregressiveTransform` | `order`, `hyper.{0, 2, …}.{weight, bias, mask}`; residual: `hyper.0`, `hyper.{1, 2, …}.{0, 2}`, and the last | autoregressive; masks are read, `order` is not needed |
//! | `GeneralCouplingTransform` | `mask` (true: kept), `hyper.{0, 2, …}.{weight, bias}` | coupling |
//! | `ElementWiseTransform` | `hyper.{0, 2, …}` of the context alone, or `phi.{0, 1, …}` | autoregressive, of nothing |
//! | `AffineTransform` | `loc`, `scale` or `_0`, `_1` | affine |
//! | `PermutationTransform` | `order` or `_0` | permute |
//! | `LULinearTransform` | `LU` or `_0` | lu |
//! | `RotationTransform` | `A` or `_0`, of the rotation exp(A − Aᵀ) | lu, permute |
//!
//! | univariate | parameters of a coordinate | here |
//! |---|---|---|
//! | `MonotonicAffineTransform` | shift, raw scale | location_scale `soft_exp`, multiplies in density |
//! | `MonotonicRQSTransform` | K widths, K heights, K − 1 slopes | rational_quadratic, knots `soft_clipped` |
//! | `AdditiveTransform` | shift | location_scale `exp` of 0 |
//! | `CircularRQSTransform` | as `MonotonicRQSTransform` | the same, tails `half_turn`, B = π |
//! | `GaussianizationTransform` | K shifts, K log-scales | mixture_cdf of normal distributions with weights that are alike |
//!
//! Inputs of a network are coordinates, then the context; outputs are coordinate after coordinate, in
//! couplings the moved ones. The base's `loc` and `scale` (`_0` and `_1` before 1.6) are a last affine
//! layer unless they are 0 and 1. That of circular splines (NCSF) is uniform from −h to h, h a little more
//! than π, though its layers give angles alone: its densities lack `n ln (h/π)` nats, which the source's
//! are given before they are compared.
//!
//! `GMM`, alone or as a base, is the base `mixture` where its covariances are diagonal (`phi.{0, 1, 2}`: logits,
//! means, raw scales `ln(s − ε)`) and it has no context.
//!
//! A residual block is `h + W₂ act(W₁ h)`, where ours has `act(h)` in place of h. Of ReLU these say the same of a
//! stream that holds h and −h: `h = ReLU(h) − ReLU(−h)`. So residual networks of ReLU come over with twice as many
//! units.
//!
//! Refused, with the reason: residual networks of other units or of several widths, normalised ones, and whatever
//! else has no row above.

use std::f32::consts::PI;

use pushforward::activation::AnyActivation;
use pushforward::base::{MixtureSpec, UniformSpec};
use pushforward::bijection::Direction;
use pushforward::layer::{AutoregressiveSpec, CouplingSpec};
use pushforward::model::{BaseSpec, PlainLayerSpec, UnivariateSpec};
use pushforward::univariate::mixture_cdf::AnyCdf;
use pushforward::univariate::rational_quadratic::Tails;
use pushforward::univariate::{
    KnotsSpec, LocationScaleSpec, MixtureCdfSpec, RationalQuadraticSpec, ScaleSpec,
};

use super::linear::{Channels, affine, dense, lu, permute, rotation};
use super::network::{Column, Linear, Network, each};
use super::settings::{Of, Settings};
use super::{Layer, Parts, State, Tensors, embedding, named, standard_normal};
use crate::error::Result;

/// Why a least slope has to be said.
const SLOPE: &str =
    "0.001 in zuko up to 1.0.0 and from 1.5.0 on, 0.0001 between, where none was given";

/// ε of `GaussianizationTransform`.
const SHRINK: f32 = 1e-6;

/// Puts a flow together.
pub(super) fn flow(state: &State, settings: &Settings) -> Result<Parts> {
    let embedding = embedding::read(state, settings)?;
    let given = embedding.as_ref().map_or(settings.context, |(spec, _)| spec.outputs);
    let mixture = ["base.phi", "phi"].into_iter().find(|path| state.has(&format!("{path}.0")));
    let transforms = match mixture {
        Some("phi") => Vec::new(),
        _ => transforms(state, settings)?,
    };
    let mut layers = Vec::with_capacity(transforms.len() + 1);
    for (number, path) in transforms.iter().enumerate() {
        let place = Place { state, settings, of: settings.of(number), path, given };
        layers.extend(place.layers()?);
    }
    if layers.iter().any(is_circular) {
        let (base, lacks) = circle(state, settings.features)?;
        return Ok(Parts { embedding, base, layers, lacks });
    }
    if let Some(path) = mixture {
        let base = gaussians(state, settings, path)?;
        return Ok(Parts { embedding, base, layers, lacks: 0.0 });
    }
    layers.extend(base(state, settings.features)?);
    Ok(Parts { embedding, base: standard_normal(), layers, lacks: 0.0 })
}

/// The paths of the transforms, each with a dot at its end.
fn transforms(state: &State, settings: &Settings) -> Result<Vec<String>> {
    let prefixes = ["transform.transforms.", "transforms."];
    let list = prefixes.into_iter().find(|prefix| state.has_within(&format!("{prefix}0.")));
    let Some(prefix) = list else {
        if state.has_within("transform.") {
            return Ok(vec!["transform.".into()]);
        }
        return Err(state.fault("no tensor of a transform: found none named `transform.…`"));
    };
    let paths: Vec<String> =
        (0..).map(|i| format!("{prefix}{i}.")).take_while(|path| state.has_within(path)).collect();
    let described = settings.described();
    if described > 0 && described != paths.len() {
        let found = paths.len();
        return Err(settings.fault(format!(
            "transforms: found {described}, expected {found}, as many as the state dict has"
        )));
    }
    Ok(paths)
}

/// A transform, and where it stands.
struct Place<'a> {
    state: &'a State,
    settings: &'a Settings,
    of: Of<'a>,
    path: &'a str,
    /// Values of context that networks read.
    given: usize,
}

impl Place<'_> {
    fn layers(&self) -> Result<Vec<Layer>> {
        let (state, path) = (self.state, self.path);
        let kind = match self.of.kind() {
            Some(kind) => kind,
            None if state.has(&format!("{path}mask")) => "GeneralCouplingTransform",
            None if state.has(&format!("{path}hyper.0.mask")) => "MaskedAutoregressiveTransform",
            None if state.has_within(&format!("{path}phi.")) => "ElementWiseTransform",
            None => {
                let message = "`kind`: what the transform is, which its tensors do not say";
                return Err(self.settings.fault(format!("no {message} (`{path}…`)")));
            }
        };
        let one = |layer: Result<Layer>| layer.map(|layer| vec![layer]);
        match kind {
            "MaskedAutoregressiveTransform" | "ElementWiseTransform" => one(self.autoregressive()),
            "GeneralCouplingTransform" => one(self.coupling()),
            "AffineTransform" => one(self.affine()),
            "PermutationTransform" => one(self.permute()),
            "LULinearTransform" => one(self.lu()),
            "RotationTransform" => self.rotation(),
            other => Err(self.of.wrong(
                "kind",
                other,
                "MaskedAutoregressiveTransform, GeneralCouplingTransform, ElementWiseTransform, \
                 AffineTransform, PermutationTransform, LULinearTransform or RotationTransform",
            )),
        }
    }

    /// A tensor by the name of its argument, or by its number.
    fn argument(&self, name: &str, number: usize) -> String {
        let named = format!("{}{name}", self.path);
        if self.state.has(&named) { named } else { format!("{}_{number}", self.path) }
    }

    fn affine(&self) -> Result<Layer> {
        let n = self.settings.features;
        let (loc, scale) = (self.argument("loc", 0), self.argument("scale", 1));
        affine(self.state, [&loc, &scale], n, |loc, scale| [-scale.ln(), -loc / scale])
    }

    fn permute(&self) -> Result<Layer> {
        let of = Channels::of_vector(self.settings.features);
        permute(self.state, &self.argument("order", 0), of)
    }

    /// z = L U x, U with ones on its diagonal.
    fn lu(&self) -> Result<Layer> {
        let (state, n) = (self.state, self.settings.features);
        let name = self.argument("LU", 0);
        let matrix = &state.shaped(&name, &[n, n])?.data;
        let at = |i: usize, j: usize| matrix[i * n + j];
        if let Some(i) = (0..n).find(|i| at(*i, *i) <= 0.0) {
            let found = at(i, i);
            return Err(state.fault(format!(
                "`{name}`: found {found} at place {i} of the diagonal, expected numbers above 0"
            )));
        }
        // Ours has the ones in L, so what is on L's diagonal scales L's columns and U's rows.
        let lower = |i: usize, j: usize| at(i, j) / at(j, j);
        let upper = |i: usize, j: usize| at(i, i) * at(i, j);
        Ok(lu(n, lower, upper, |i| at(i, i), vec![0.0; n]))
    }

    /// z = exp(A − Aᵀ) x.
    fn rotation(&self) -> Result<Vec<Layer>> {
        let (state, n) = (self.state, self.settings.features);
        let name = self.argument("A", 0);
        let wrong = || state.fault(format!("`{name}`: found numbers of no rotation"));
        dense(n, rotation(n, &state.shaped(&name, &[n, n])?.data)).ok_or_else(wrong)
    }

    /// The map of a coordinate, and for each of the library's parameters the number of ours.
    fn univariate(&self, total: usize) -> Result<(UnivariateSpec, Vec<usize>)> {
        let slope = || self.of.slope(SLOPE);
        let name = self.of.univariate()?;
        let affine = |scale| LocationScaleSpec { scale, multiplies: Direction::Density }.into();
        let (spec, places, expected) = match name {
            "MonotonicAffineTransform" => {
                (affine(ScaleSpec::SoftExp { least: slope()? }), vec![1, 0], 2)
            }
            "AdditiveTransform" => (affine(ScaleSpec::Exp), vec![1], 1),
            "MonotonicRQSTransform" => {
                let bins = (total + 1) / 3;
                let knots = KnotsSpec::SoftClipped { least: slope()? };
                let spec = RationalQuadraticSpec::linear(bins, self.of.bound()?).with_knots(knots);
                (spec.into(), (0..total).collect(), (3 * bins).saturating_sub(1))
            }
            "CircularRQSTransform" => {
                let bins = (total + 1) / 3;
                let knots = KnotsSpec::SoftClipped { least: slope()? };
                let spec = RationalQuadraticSpec::linear(bins, PI).with_knots(knots);
                let spec = spec.with_tails(Tails::HalfTurn);
                (spec.into(), (0..total).collect(), (3 * bins).saturating_sub(1))
            }
            "GaussianizationTransform" => {
                let components = total / 2;
                let spec =
                    MixtureCdfSpec { cdf: AnyCdf::Normal, components, spread: 0.0, shrink: SHRINK };
                let (shifts, scales) = (2 * components..3 * components, components..2 * components);
                (spec.into(), shifts.chain(scales).collect(), 2 * components)
            }
            other => {
                let expected = "MonotonicAffineTransform, MonotonicRQSTransform, \
                                CircularRQSTransform, AdditiveTransform or GaussianizationTransform";
                return Err(self.of.wrong("univariate", other, expected));
            }
        };
        if total != expected {
            let path = self.path;
            return Err(self.state.fault(format!(
                "`{path}…`: found {total} parameters a coordinate, expected {expected} for {name}"
            )));
        }
        Ok((spec, places))
    }

    /// Layers of `hyper`, and whether they are residual.
    fn hyper(&self, masked: bool) -> Result<(Vec<Linear>, bool)> {
        let (state, path) = (self.state, format!("{}hyper", self.path));
        if !state.has_within(&format!("{path}.1.")) {
            return Ok((Linear::sequence(state, &path, masked)?, false));
        }
        let read = |name: String| Linear::read(state, &format!("{path}.{name}"), masked);
        let first = read("0".into())?;
        let (width, mut layers) = (first.rows, vec![first.with_opposites()]);
        let mut k = 1;
        while state.has_within(&format!("{path}.{k}.0.")) {
            let [inner, outer] = [read(format!("{k}.0"))?, read(format!("{k}.2"))?];
            if [inner.rows, inner.columns, outer.rows, outer.columns] != [width; 4] {
                return Err(state.fault(format!(
                    "`{path}.{k}`: a residual block of another width than {width} has no counterpart here"
                )));
            }
            layers.push(inner.of_opposites().with_idle_rows());
            layers.push(outer.with_idle_columns().with_opposites());
            k += 1;
        }
        let last = read(k.to_string())?;
        if last.columns != width || state.has_within(&format!("{path}.{}.", k + 1)) {
            return Err(state.fault(format!(
                "`{path}.{k}`: a residual network of several widths has no counterpart here"
            )));
        }
        let units = self.of.activation()?;
        if units != AnyActivation::Relu {
            let expected =
                "\"ReLU\" in a residual network, whose blocks here take units before weights";
            return Err(self.of.wrong("activation", &format!("{units:?}"), expected));
        }
        layers.push(last.with_idle_columns());
        Ok((layers, true))
    }

    fn activation(&self, layers: &[Linear]) -> Result<pushforward::activation::AnyActivation> {
        if layers.len() > 1 { self.of.activation() } else { Ok(Default::default()) }
    }

    fn autoregressive(&self) -> Result<Layer> {
        let (state, path, n) = (self.state, self.path, self.settings.features);
        state.ignore(&format!("{path}order"));
        let context = (0..self.given).map(Column::Context);
        let coordinates = (0..n).map(Column::Coordinate);
        let ((layers, residual), inputs): (_, Vec<Column>) =
            if state.has_within(&format!("{path}phi.")) {
                ((vec![self.phi(n)?], false), Vec::new())
            } else if state.has(&format!("{path}hyper.0.mask")) {
                (self.hyper(true)?, coordinates.chain(context).collect())
            } else {
                (self.hyper(false)?, context.collect())
            };
        let total = each(state, path, &layers, n)?;
        let (univariate, places) = self.univariate(total)?;
        let activation = self.activation(&layers)?;
        let outputs = (0..n).flat_map(|d| places.iter().map(move |p| [d, *p])).collect();
        let network = Network { residual, ..Network::plain(layers, activation, inputs, outputs) };
        let fault = |message: String| state.fault(format!("`{path}hyper`: {message}"));
        let causal = network
            .with_parameters(univariate.parameters())
            .causal(n, self.given, univariate.parameters())
            .map_err(fault)?;
        let spec = AutoregressiveSpec {
            order: causal.order,
            kept: 0,
            fast: Direction::Density,
            network: causal.network.into(),
            univariate,
        };
        Ok(Layer::new(spec, causal.tensors))
    }

    /// Parameters that depend on nothing, `phi.{k}` of shape [n] or [n, parameters]: a dense layer of no
    /// inputs.
    fn phi(&self, n: usize) -> Result<Linear> {
        let mut parts: Vec<&[f64]> = Vec::new();
        for k in 0.. {
            let name = format!("{}phi.{k}", self.path);
            if !self.state.has(&name) {
                break;
            }
            let array = self.state.get(&name)?;
            if array.shape.first() != Some(&n) || array.data.is_empty() {
                let found = &array.shape;
                return Err(self.state.fault(format!(
                    "`{name}`: found shape {found:?}, expected {n} coordinates with numbers for each"
                )));
            }
            parts.push(&array.data);
        }
        let of = |d: usize| {
            parts.iter().flat_map(move |part| part.chunks(part.len() / n).nth(d)).flatten().copied()
        };
        let bias: Vec<f64> = (0..n).flat_map(of).collect();
        Ok(Linear { rows: bias.len(), columns: 0, weight: Vec::new(), bias, mask: None })
    }

    fn coupling(&self) -> Result<Layer> {
        let (state, path, n) = (self.state, self.path, self.settings.features);
        let mask: Vec<bool> =
            state.vector(&format!("{path}mask"), n)?.iter().map(|x| *x != 0.0).collect();
        let among = |kept: bool| (0..n).filter(|d| mask[*d] == kept).collect::<Vec<_>>();
        let (kept, moved) = (among(true), among(false));
        let (layers, _) = self.hyper(false)?;
        let total = each(state, path, &layers, moved.len())?;
        let (univariate, places) = self.univariate(total)?;
        let context = (0..self.given).map(Column::Context);
        let inputs = kept.into_iter().map(Column::Coordinate).chain(context).collect();
        let outputs = moved.iter().flat_map(|d| places.iter().map(move |p| [*d, *p])).collect();
        let activation = self.activation(&layers)?;
        let network = Network::plain(layers, activation, inputs, outputs);
        let fault = |message: String| state.fault(format!("`{path}hyper`: {message}"));
        let (network, tensors) =
            network.with_parameters(univariate.parameters()).coupled(&moved).map_err(fault)?;
        let spec = CouplingSpec { mask, network: network.into(), univariate };
        Ok(Layer::new(spec, tensors))
    }
}

/// A mixture of diagonal normals, alone or as the base of a flow.
fn gaussians(state: &State, settings: &Settings, path: &str) -> Result<(BaseSpec, Tensors)> {
    let n = settings.features;
    let name = |k: usize| format!("{path}.{k}");
    if state.has(&name(3)) {
        return Err(state.fault(format!(
            "`{}`: found covariances that are not diagonal, which have no counterpart here",
            name(3)
        )));
    }
    let components = state.get(&name(0))?.data.len();
    let logits = state.vector(&name(0), components)?.to_vec();
    let mean = state.numbers(&name(1), &[components, n])?.to_vec();
    let ([rows, columns], raw) = state.matrix(&name(2))?;
    if ![1, components].contains(&rows) || ![1, n].contains(&columns) {
        return Err(state.fault(format!(
            "`{}`: found shape [{rows}, {columns}], expected [{components}, {n}], or 1 where scales are \
             alike",
            name(2)
        )));
    }
    let epsilon = settings.base_epsilon()?;
    let scale = |c: usize, d: usize| raw[(c % rows) * columns + d % columns].exp() + epsilon;
    let each = (0..components).flat_map(|c| (0..n).map(move |d| (c, d)));
    let log_scale = each.map(|(c, d)| scale(c, d).ln()).collect();
    let tensors = named([("logits", logits), ("mean", mean), ("log_scale", log_scale)]);
    Ok((MixtureSpec { components }.into(), tensors))
}

/// Whether a layer moves angles.
fn is_circular(layer: &Layer) -> bool {
    let univariate = match &layer.spec {
        PlainLayerSpec::Autoregressive(spec) => &spec.univariate,
        PlainLayerSpec::Coupling(spec) => &spec.univariate,
        _ => return false,
    };
    matches!(univariate, UnivariateSpec::RationalQuadratic(spline) if spline.tails == Tails::HalfTurn)
}

/// The base of a flow of angles, and the nats that the source's densities lack.
fn circle(state: &State, n: usize) -> Result<((BaseSpec, Tensors), f64)> {
    let named = ["base.lower", "base.upper"];
    let [lower, upper] = if state.has(named[0]) { named } else { ["base._0", "base._1"] };
    let ends = [state.vector(lower, n)?, state.vector(upper, n)?];
    let half = ends[1][0];
    let is_circle = (half - std::f64::consts::PI).abs() < 1e-3
        && ends[0].iter().all(|x| *x == -half)
        && ends[1].iter().all(|x| *x == half);
    if !is_circle {
        let found = format!("{:?} and {:?}", ends[0], ends[1]);
        return Err(state.fault(format!(
            "`{lower}` and `{upper}`: found {found}, expected −π and π, but for 10⁻³: the layers give \
             angles"
        )));
    }
    let lacks = n as f64 * (half / std::f64::consts::PI).ln();
    Ok(((UniformSpec { bound: PI }.into(), Tensors::new()), lacks))
}

/// The base: a normal distribution, as a layer from the standard one unless it is that.
fn base(state: &State, n: usize) -> Result<Option<Layer>> {
    for names in [["base.loc", "base.scale"], ["base._0", "base._1"]] {
        if names.iter().all(|name| state.has(name)) {
            let layer = affine(state, names, n, |loc, scale| [scale.ln(), loc])?;
            let moves = layer.tensors.values().flatten().any(|x| *x != 0.0);
            return Ok(moves.then_some(layer));
        }
    }
    Err(state.fault(
        "no `base.loc` and `base.scale` (`base._0` and `base._1` before 1.6): a base that is no \
         diagonal normal has no counterpart here",
    ))
}
