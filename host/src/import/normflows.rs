//! normflows (Stimper et al.) 1.7: spline flows, RealNVP, NICE, MAF and IAF.
//!
//! A flow is `x = flows[n − 1](… flows[0](z))`; the density runs through it backwards, and so do the
//! settings. Of each part (class, keys within it):
//!
//! | flow | keys | here |
//! |---|---|---|
//! | `CoupledRationalQuadraticSpline` | `prqct.*`, nflows' coupling | coupling; autoregressive in two groups, as kept coordinates have a spline of their own |
//! | `AutoregressiveRationalQuadraticSpline` | `mprqat.autoregressive_net.*`, a MADE | autoregressive, conditioning `gated` |
//! | `CircularCoupledRationalQuadraticSpline`, `CircularAutoregressiveRationalQuadraticSpline` | the same, and `preprocessing.weights` of networks that read angles | the same with tails `circular`, or `free` where only some are angles; networks in a `periodic` one |
//! | `MaskedAffineAutoregressive` | `autoregressive_net.*`, a MADE | autoregressive, fast in sampling |
//! | `AffineCouplingBlock` | `flows.1.param_map.net.{0, 2, …}`; the first half of the coordinates is kept | coupling |
//! | `MaskedAffineFlow` | `b` (1: kept), `s.net.{0, 2, …}`, `t.net.{0, 2, …}` | coupling, of both networks side by side |
//! | `LULinearPermute` | `permutation._permutation`, `linear.*` | permute and lu |
//! | `Permute` | `perm` | permute |
//! | `InvertibleAffine` (a 1×1 convolution of vectors) | `P`, `L`, `U`, `log_S`, `sign_S`, or `W`; `z = x W` | lu, rotation where signs are negative, permute |
//! | `ActNorm`, `AffineConstFlow` | `s`, `t` | affine |
//!
//! Scales: σ(· + 2) + 1/1000 multiplies in sampling (`MaskedAffineAutoregressive`); `exp` multiplies in
//! sampling (`MaskedAffineFlow`, and `AffineCouplingBlock` of scale map `exp`), as do σ(· + 2) of scale
//! map `sigmoid_inv` and one over it, of scale map `sigmoid`. In a MADE the first layer reads the context, and what blocks add is gated by it.
//! The base is a diagonal normal, a mixture of them, or `UniformGaussian`: a product, behind it a permutation.
//!
//! Refused, with the reason: bounds that differ from coordinate to coordinate, splines without tails,
//! feed-forward MADEs (whose first layer has no units), and whatever else has no row above.

use std::cmp::Ordering;
use std::f32::consts::PI;

use pushforward::activation::AnyActivation;
use pushforward::base::{MixtureSpec, NormalSpec, ProductSpec, UniformSpec};
use pushforward::bijection::Direction;
use pushforward::layer::{CouplingSpec, PermuteSpec};
use pushforward::model::{BaseSpec, PlainBaseSpec};
use pushforward::univariate::{LocationScaleSpec, ScaleSpec};

use super::linear::{Channels, affine_of};
use super::network::{Column, Linear, Network};
use super::nflows::{Made, Place, lu_linear};
use super::settings::{Of, Settings};
use super::{Layer, Parts, State, Tensors, linear, named, standard_normal};
use crate::error::Result;

/// Puts a flow together.
pub(super) fn flow(state: &State, settings: &Settings) -> Result<Parts> {
    if settings.described() == 0 {
        return Err(settings.fault("no [[transforms]]: what each flow is, the last one first"));
    }
    let mut layers = Vec::new();
    for number in 0..settings.described() {
        let of = settings.of(number);
        let part = Part { state, settings, of, path: of.path()? };
        layers.extend(part.layers()?);
    }
    let n = settings.features;
    let mut lacks = 0.0;
    let base = if state.has("q0.weight_scores") {
        mixture(state, n)?
    } else if state.has("q0.ind") {
        let (base, order, of_width) = uniform_and_normal(state, n)?;
        layers.push(order);
        lacks = of_width;
        base
    } else if state.has("q0.loc") && state.has("q0.log_scale") {
        let flat = |name: &str| state.numbers(name, &[1, n]);
        layers.push(affine_of(flat("q0.log_scale")?.to_vec(), flat("q0.loc")?.to_vec()));
        standard_normal()
    } else {
        return Err(state.fault(
            "no `q0.loc` and `q0.log_scale`: a base that is no diagonal normal, no mixture of them \
             and no UniformGaussian has no counterpart here",
        ));
    };
    Ok(Parts { embedding: None, base, layers, lacks })
}

/// A mixture of diagonal normals.
fn mixture(state: &State, n: usize) -> Result<(BaseSpec, Tensors)> {
    let components = state.get("q0.weight_scores")?.data.len();
    let each = |name: &str| state.numbers(name, &[1, components, n]);
    let tensors = named([
        ("logits", state.numbers("q0.weight_scores", &[1, components])?.to_vec()),
        ("mean", each("q0.loc")?.to_vec()),
        ("log_scale", each("q0.log_scale")?.to_vec()),
    ]);
    Ok((MixtureSpec { components }.into(), tensors))
}

/// A base of which some coordinates are uniform, between −w/2 and w/2 for a scale w, and the others normal:
/// a product, the permutation behind it, and what the source's densities lack because its π is of 32 bits.
fn uniform_and_normal(state: &State, n: usize) -> Result<((BaseSpec, Tensors), Layer, f64)> {
    for name in ["q0.ind_", "q0.inv_perm"] {
        state.ignore(name);
    }
    let uniform: Vec<usize> = state.get("q0.ind")?.data.iter().map(|d| *d as usize).collect();
    let normal: Vec<usize> = (0..n).filter(|d| !uniform.contains(d)).collect();
    let scales = state.vector("q0.scale", n)?;
    let both = [&uniform[..], &normal].concat();
    let width = uniform.first().and_then(|d| scales.get(*d)).copied();
    let Some(width) = width.filter(|_| both.len() == n) else {
        let found =
            format!("`q0.ind`: found {uniform:?}, expected some of {n} coordinates, each once");
        return Err(state.fault(found));
    };
    if let Some(d) = uniform.iter().find(|d| scales[**d] != width) {
        return Err(state.fault(format!(
            "`q0.scale`: found {} of coordinate {d} beside {width}, expected one width of all that are \
             uniform",
            scales[*d]
        )));
    }
    let bound = (0.5 * width) as f32;
    let extent = if bound == PI { std::f64::consts::PI } else { 0.5 * width };
    let lacks = uniform.len() as f64 * (0.5 * width / extent).ln();
    let first: PlainBaseSpec = UniformSpec { bound }.into();
    let mut place = vec![0; n];
    both.iter().enumerate().for_each(|(z, d)| place[*d] = z);
    let order = Layer::new(PermuteSpec { order: place }, Tensors::new());
    if normal.is_empty() {
        return Ok(((UniformSpec { bound }.into(), Tensors::new()), order, lacks));
    }
    let (rest, tensors) = if normal.iter().all(|d| scales[*d] == 1.0) {
        (NormalSpec {}.into(), Tensors::new())
    } else {
        // Two components that are one and the same: a diagonal normal distribution.
        let twice = |each: fn(f64) -> f64| {
            let one = normal.iter().map(|d| each(scales[*d]));
            one.clone().chain(one).collect()
        };
        let tensors = named([
            ("rest.logits", vec![0.0; 2]),
            ("rest.mean", twice(|_| 0.0)),
            ("rest.log_scale", twice(f64::ln)),
        ]);
        (MixtureSpec { components: 2 }.into(), tensors)
    };
    let base = ProductSpec { coordinates: uniform.len(), first, rest };
    Ok(((base.into(), tensors), order, lacks))
}

/// A part of the flow.
struct Part<'a> {
    state: &'a State,
    settings: &'a Settings,
    of: Of<'a>,
    path: &'a str,
}

impl Part<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// A part that nflows has too, in its place here.
    fn of_nflows(&self, path: &str, kind: &str) -> Result<Layer> {
        let Self { state, settings, of, .. } = *self;
        let given = settings.context;
        let channels = Channels::of_vector(settings.features);
        Place { state, of, path, given, made: Made::Gated, channels }.kind(kind)
    }

    /// The layers, in the direction of the density.
    fn layers(&self) -> Result<Vec<Layer>> {
        let (state, n) = (self.state, self.settings.features);
        let of = Channels::of_vector(n);
        let one = |layer: Result<Layer>| layer.map(|layer| vec![layer]);
        match self.of.kind().unwrap_or_default() {
            "CoupledRationalQuadraticSpline" | "CircularCoupledRationalQuadraticSpline" => one(self.of_nflows(
                &self.name("prqct"),
                "PiecewiseRationalQuadraticCouplingTransform",
            )),
            "AutoregressiveRationalQuadraticSpline"
            | "CircularAutoregressiveRationalQuadraticSpline" => one(self.of_nflows(
                &self.name("mprqat"),
                "MaskedPiecewiseRationalQuadraticAutoregressiveTransform",
            )),
            "MaskedAffineAutoregressive" => {
                one(self.of_nflows(self.path, "MaskedAffineAutoregressive"))
            }
            "AffineCouplingBlock" => one(self.affine_coupling()),
            "MaskedAffineFlow" => one(self.masked_affine()),
            "LULinearPermute" => Ok(vec![
                linear::permute(state, &self.name("permutation._permutation"), of)?,
                lu_linear(state, &self.name("linear"), of)?,
            ]),
            "InvertibleAffine" => self.invertible_affine(),
            "Permute" => {
                // x_i = z_perm(i), so z_i = x_inverse(i).
                state.ignore(&self.name("perm"));
                one(linear::permute(state, &self.name("inv_perm"), of))
            }
            "ActNorm" | "AffineConstFlow" => {
                state.ignore(&self.name("data_dep_init_done"));
                let of = |name| state.numbers(&self.name(name), &[1, n]);
                Ok(vec![affine_of(of("s")?.to_vec(), of("t")?.to_vec())])
            }
            other => Err(self.of.wrong(
                "kind",
                other,
                "CoupledRationalQuadraticSpline, CircularCoupledRationalQuadraticSpline, \
                 AutoregressiveRationalQuadraticSpline, CircularAutoregressiveRationalQuadraticSpline, \
                 MaskedAffineAutoregressive, AffineCouplingBlock, MaskedAffineFlow, LULinearPermute, \
                 Permute, InvertibleAffine, ActNorm or AffineConstFlow",
            )),
        }
    }

    /// z = x W, W a matrix or a product of triangles.
    fn invertible_affine(&self) -> Result<Vec<Layer>> {
        let (state, n) = (self.state, self.settings.features);
        let square = |name: &str| state.shaped(&self.name(name), &[n, n]).map(|array| &array.data);
        let whole = if state.has(&self.name("W")) {
            square("W")?.clone()
        } else {
            state.ignore(&self.name("eye"));
            let (first, lower, upper) = (square("P")?, square("L")?, square("U")?);
            let logs = state.vector(&self.name("log_S"), n)?;
            let signs = state.vector(&self.name("sign_S"), n)?;
            let l = |i: usize, j: usize| match i.cmp(&j) {
                Ordering::Greater => lower[i * n + j],
                Ordering::Equal => 1.0,
                Ordering::Less => 0.0,
            };
            let u = |i: usize, j: usize| match i.cmp(&j) {
                Ordering::Less => upper[i * n + j],
                Ordering::Equal => signs[i] * logs[i].exp(),
                Ordering::Greater => 0.0,
            };
            let product = |a: &dyn Fn(usize, usize) -> f64, b: &dyn Fn(usize, usize) -> f64| {
                let entry = |at: usize| (0..n).map(|k| a(at / n, k) * b(k, at % n)).sum::<f64>();
                (0..n * n).map(entry).collect::<Vec<f64>>()
            };
            let triangles = product(&l, &u);
            product(&|i, j| first[i * n + j], &|i, j| triangles[i * n + j])
        };
        let transposed = (0..n * n).map(|at| whole[at % n * n + at / n]).collect();
        linear::dense(n, transposed).ok_or_else(|| {
            state.fault(format!("`{}`: found a matrix that has no inverse", self.path))
        })
    }

    /// The dense layers of an `MLP`.
    fn mlp(&self, path: &str) -> Result<Vec<Linear>> {
        Linear::sequence(self.state, &format!("{}.net", self.name(path)), false)
    }

    /// A coupling of affine maps.
    fn coupled(&self, mask: Vec<bool>, network: Network, scale: ScaleSpec) -> Result<Layer> {
        let among: Vec<usize> = (0..mask.len()).filter(|d| !mask[*d]).collect();
        let fault = |message: String| self.state.fault(format!("`{}`: {message}", self.path));
        let univariate = LocationScaleSpec { scale, multiplies: Direction::Sampling };
        let (network, mut tensors): (_, Tensors) =
            network.with_parameters(2).coupled(&among).map_err(fault)?;
        if network.activation == AnyActivation::Leaky {
            let slope = self.of.leaky()?;
            for (l, units) in network.hidden.iter().enumerate() {
                tensors.insert(format!("hidden.{l}.slope"), vec![slope; *units]);
            }
        }
        let spec = CouplingSpec { mask, network: network.into(), univariate: univariate.into() };
        Ok(Layer::new(spec, tensors))
    }

    /// Outputs are shift and raw scale of one coordinate after another, or shifts alone.
    fn affine_coupling(&self) -> Result<Layer> {
        let n = self.settings.features;
        let half = n.div_ceil(2);
        let layers = self.mlp("flows.1.param_map")?;
        let rows = layers.last().map_or(0, |layer| layer.rows);
        let (scale, places): (_, &[usize]) = match self.of.scale()? {
            "none" => (ScaleSpec::Exp, &[1]),
            "exp" => (ScaleSpec::Exp, &[1, 0]),
            "sigmoid" => (ScaleSpec::OverSigmoid, &[1, 0]),
            "sigmoid_inv" => (ScaleSpec::Sigmoid { least: 0.0 }, &[1, 0]),
            other => {
                let expected = "\"exp\", \"sigmoid\", \"sigmoid_inv\" or \"none\"";
                return Err(self.of.wrong("scale", other, expected));
            }
        };
        let expected = places.len() * (n - half);
        if rows != expected {
            let path = self.path;
            return Err(self
                .state
                .fault(format!("`{path}`: found {rows} outputs, expected {expected}")));
        }
        let inputs = (0..half).map(Column::Coordinate).collect();
        let outputs = (half..n).flat_map(|d| places.iter().map(move |p| [d, *p])).collect();
        let network = Network::plain(layers, self.of.mlp_activation()?, inputs, outputs);
        self.coupled((0..n).map(|d| d < half).collect(), network, scale)
    }

    /// Two networks that read all coordinates, the moved ones as 0, and give one number for each.
    fn masked_affine(&self) -> Result<Layer> {
        let (state, n) = (self.state, self.settings.features);
        let mask = state.shaped(&self.name("b"), &[1, n])?;
        let mask: Vec<bool> = mask.data.iter().map(|b| *b != 0.0).collect();
        let parts: Vec<(usize, Vec<Linear>)> = [(0, "s"), (1, "t")]
            .into_iter()
            .filter(|(_, name)| state.has_within(&format!("{}.", self.name(name))))
            .map(|(p, name)| Ok((p, self.mlp(name)?)))
            .collect::<Result<_>>()?;
        let depth = parts.first().map_or(0, |(_, layers)| layers.len());
        let fits = parts.iter().all(|(_, layers)| {
            layers.len() == depth
                && layers.first().is_some_and(|layer| layer.columns == n)
                && layers.last().is_some_and(|layer| layer.rows == n)
        });
        if depth == 0 || !fits {
            let path = self.path;
            return Err(state.fault(format!(
                "`{path}`: networks `s` and `t` of other depths or widths than {n} have no counterpart \
                 here"
            )));
        }
        // Side by side, over the kept coordinates, for the moved ones.
        let kept: Vec<usize> = (0..n).filter(|d| mask[*d]).collect();
        let moved: Vec<usize> = (0..n).filter(|d| !mask[*d]).collect();
        let mut layers = Vec::with_capacity(depth);
        for l in 0..depth {
            let of_parts: Vec<Linear> = parts
                .iter()
                .map(|(_, layers)| {
                    let layer =
                        if l == 0 { layers[l].with_columns(&kept) } else { layers[l].clone() };
                    if l + 1 == depth { layer.with_rows(&moved) } else { layer }
                })
                .collect();
            layers.push(if l == 0 {
                Linear::stacked(&of_parts)
            } else {
                Linear::blocks(&of_parts)
            });
        }
        let inputs = kept.iter().copied().map(Column::Coordinate).collect();
        let outputs = parts.iter().flat_map(|(p, _)| moved.iter().map(move |d| [*d, *p])).collect();
        let network = Network::plain(layers, self.of.mlp_activation()?, inputs, outputs);
        self.coupled(mask, network, ScaleSpec::Exp)
    }
}
