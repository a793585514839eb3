//! Small models and targets, and what a step makes of them.

use std::sync::Arc;

use pushforward::activation::AnyActivation;
use pushforward::bijection::Direction;
use pushforward::conditional::{CategoricalSpec, Categories};
use pushforward::layer::AutoregressiveSpec;
use pushforward::model::{
    Arithmetic, BaseSpec, CausalNetworkSpec, Description, EmbeddingSpec, LayerSpec, Model,
    NetworkSpec, SitesNetworkSpec, Symmetry, UnivariateSpec, preset,
};
use pushforward::network::conditioning::AnyConditioning;
use pushforward::network::{
    ConvolutionSpec, HeatBathSpec, MaskedSpec, MlpSpec, MultilevelSpec, PeriodicSpec,
};
use pushforward::univariate::mixture_cdf::AnyCdf;
use pushforward::univariate::{
    AffineSpec, KnotsSpec, LocationScaleSpec, MixtureCdfSpec, RationalQuadraticSpec, ScaleSpec,
};
use pushforward_host::device::Device;
use pushforward_host::device::Phase::{Backward, Forward, Loss};
use pushforward_host::energy::{Boundary, Energy, Graph, Ising2d};
use pushforward_host::ops::{Program, Slot};
use pushforward_host::train::{Fusing, Objective, Target, initialize};

use super::{evaluate, numbers};

pub(crate) const BATCH: usize = 70;

pub(crate) const AFFINE: UnivariateSpec =
    UnivariateSpec::Affine(AffineSpec { log_scale_bound: 1.5 });
pub(crate) const SPLINE: UnivariateSpec =
    UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(5, 4.0));

/// The step that a trainer takes.
pub(crate) fn step_program(description: &Description, target: &Target) -> Program {
    pushforward_host::train::step_program(description, target, Objective::default(), Fusing::On)
        .unwrap()
}

pub(crate) fn made(
    sites: usize,
    hidden: &[usize],
    pairwise: bool,
    symmetry: Symmetry,
) -> Description {
    preset::made(&[2, sites / 2], hidden, pairwise, symmetry)
}

/// Three couplings, of which the second moves what the others keep.
pub(crate) fn couplings(
    dim: usize,
    hidden: &[usize],
    map: UnivariateSpec,
    affine: bool,
) -> Description {
    let mask = |k: usize| (0..dim).map(move |d| (d + k).is_multiple_of(2));
    preset::flow(&[dim], (0..3).map(|k| preset::coupling(mask(k), hidden, map)), affine)
}

pub(crate) fn flow(dim: usize, hidden: &[usize], affine: bool) -> Description {
    couplings(dim, hidden, AFFINE, affine)
}

pub(crate) fn nsf(dim: usize, hidden: &[usize], affine: bool) -> Description {
    couplings(dim, hidden, SPLINE, affine)
}

pub(crate) fn maf(dim: usize, hidden: &[usize], fast: Direction, spline: bool) -> Description {
    let map = if spline {
        UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(6, 5.0))
    } else {
        UnivariateSpec::Affine(AffineSpec { log_scale_bound: 2.0 })
    };
    let layer = |order| preset::autoregressive(order, fast, hidden, map);
    let layers = [layer((0..dim).collect()), layer((0..dim).rev().collect())];
    preset::flow(&[dim], layers, fast == Direction::Density)
}

/// Sites of other units.
pub(crate) fn with_units(
    mut sites: Description,
    activation: AnyActivation,
    residual: bool,
) -> Description {
    if let Description::Sites(spec) = &mut sites {
        let SitesNetworkSpec::Masked(network) = &mut spec.network else { panic!() };
        (network.activation, network.residual) = (activation, residual);
    }
    sites
}

/// A lattice from coarse to fine, with a heat bath for so many values of a site or none.
pub(crate) fn multilevel(
    hidden: &[usize],
    activation: AnyActivation,
    levels: usize,
    biased: bool,
    heat_bath: Option<usize>,
) -> MultilevelSpec {
    let bath =
        |n: usize| HeatBathSpec { couplings: numbers(n * n, 0.9, 5), field: numbers(n, 0.2, 6) };
    let heat_bath = heat_bath.map(bath);
    let hidden = hidden.to_vec();
    MultilevelSpec { hidden, activation, levels, reach: [10, 5], biased, heat_bath }
}

/// A masked convolution of so many channels; reach is that of its layers.
pub(crate) fn convolution(
    columns: usize,
    hidden: &[usize],
    reach: &[[usize; 2]],
    activation: AnyActivation,
    residual: bool,
) -> ConvolutionSpec {
    let (hidden, reach) = (hidden.to_vec(), reach.to_vec());
    ConvolutionSpec { columns, hidden, reach, activation, residual, uniform_start: false }
}

/// Sites of so many categories each in place of spins.
pub(crate) fn categories(mut description: Description, n: u32) -> Description {
    if let Description::Sites(sites) = &mut description {
        sites.conditional = CategoricalSpec { categories: Categories::All(n) }.into();
    }
    description
}

/// Spins of which half are up, with couplings and, if they are to be more than even, fields.
pub(crate) fn half_up(sites: usize, even: bool) -> Target {
    let edges = (1..sites).map(|i| (i / 2, i, 0.9 - 0.1 * i as f32)).collect();
    let fields = (0..sites).map(|i| if even { 0.0 } else { 0.2 - 0.1 * i as f32 }).collect();
    let energy = Graph::new(vec![sites], edges, fields).unwrap().restricted(sites / 2).unwrap();
    Target::Energy { energy, beta: 0.9, anneal: None, samples: None }
}

/// A flow as it comes from zuko: units as many a site as lists say, and soft-clipped splines.
pub(crate) fn listed(dim: usize) -> Description {
    let network = MaskedSpec {
        hidden: vec![9, 7],
        activation: AnyActivation::Silu,
        through: vec![vec![2, 2, 9, 9], vec![0, 3, 7, 7]],
        ..Default::default()
    };
    let spline = RationalQuadraticSpec::linear(6, 5.0);
    let layer = AutoregressiveSpec {
        order: (0..dim).rev().collect(),
        kept: 0,
        fast: Direction::Density,
        network: network.into(),
        univariate: spline.with_knots(KnotsSpec::SoftClipped { least: 1e-3 }).into(),
    };
    preset::flow(&[dim], [LayerSpec::from(layer)], true)
}

/// A flow whose networks do more with their context than read it, the second of which moves one half of the
/// coordinates by the other.
pub(crate) fn conditioned(conditioning: AnyConditioning, residual: bool) -> Description {
    let network = |through: Vec<usize>| MaskedSpec {
        hidden: vec![9; 3],
        activation: AnyActivation::Tanh,
        residual,
        through: vec![through; 3],
        conditioning,
        ..Default::default()
    };
    let layer = |kept, through, univariate| -> LayerSpec {
        let (order, fast) = (vec![1, 3, 0, 2], Direction::Density);
        let network = network(through).into();
        AutoregressiveSpec { order, kept, fast, network, univariate }.into()
    };
    let layers = [layer(0, vec![2, 2, 9, 9], AFFINE), layer(2, vec![0, 0, 9, 9], SPLINE)];
    preset::flow(&[4], layers, true)
}

/// The same flow with networks that read all coordinates but the last as angles.
pub(crate) fn periodic(mut description: Description, bound: f32) -> Description {
    let Description::Flow(flow) = &mut description else { panic!() };
    let angles = |n: usize| (1..=n).map(|i| i < n).collect();
    for layer in &mut flow.layers {
        match layer {
            LayerSpec::Coupling(layer) => {
                let NetworkSpec::Mlp(network) = layer.network.clone() else { panic!() };
                let kept = layer.mask.iter().filter(|kept| **kept).count();
                let angles = angles(kept);
                layer.network = PeriodicSpec { angles, bound, network }.into();
            }
            LayerSpec::Autoregressive(layer) => {
                let CausalNetworkSpec::Masked(network) = layer.network.clone() else { panic!() };
                let angles = angles(layer.order.len());
                layer.network = PeriodicSpec { angles, bound, network }.into();
            }
            _ => {}
        }
    }
    description
}

/// Maps of other libraries.
pub(crate) const MIXTURE_CDF: UnivariateSpec = UnivariateSpec::MixtureCdf(MixtureCdfSpec {
    cdf: AnyCdf::Logistic,
    components: 3,
    spread: 1.0,
    shrink: 0.0,
});
pub(crate) const EXP: UnivariateSpec = UnivariateSpec::LocationScale(LocationScaleSpec {
    scale: ScaleSpec::Exp,
    multiplies: Direction::Density,
});
pub(crate) const SOFTPLUS: UnivariateSpec = UnivariateSpec::LocationScale(LocationScaleSpec {
    scale: ScaleSpec::Softplus { least: 1e-3, most: 1e6 },
    multiplies: Direction::Density,
});

/// A model with no parameter at rest: the usual start plus a little of everything.
pub(crate) fn model(description: Description) -> Model {
    let mut model = Model::new(description, Arithmetic::Fused).unwrap();
    initialize(&mut model, 3).unwrap();
    let mut parameters = model.parameters();
    let extra = numbers(parameters.len(), 0.15, 8);
    parameters.iter_mut().zip(extra).for_each(|(p, e)| *p += e);
    model.set_parameters(&parameters).unwrap();
    model
}

pub(crate) fn ising(shape: [usize; 2]) -> Target {
    let energy = Arc::new(Ising2d::new(shape, 1.0, Boundary::Periodic).unwrap());
    Target::Energy { energy, beta: 0.9, anneal: None, samples: None }
}

/// Runs a step's forward, loss and backward; returns slot `slot` and the gradient.
pub(crate) fn gradient(
    device: &Device,
    model: &Model,
    target: &Target,
    slot: Slot,
) -> (Vec<f32>, Vec<f32>) {
    gradient_of(device, model, target, Objective::default(), slot)
}

/// The same of another objective.
pub(crate) fn gradient_of(
    device: &Device,
    model: &Model,
    target: &Target,
    objective: Objective,
    slot: Slot,
) -> (Vec<f32>, Vec<f32>) {
    let program =
        pushforward_host::train::step_program(model.description(), target, objective, Fusing::On)
            .unwrap();
    let parameters = model.parameters();
    let mut found =
        evaluate(device, program, BATCH, &parameters, &[], &[Forward, Loss, Backward], &[slot]);
    let gradient = found.pop().unwrap();
    (found.remove(0), gradient)
}

/// Columns of the first copy, as samples in `f64`.
pub(crate) fn samples(x: &[f32], dim: usize) -> Vec<Vec<f64>> {
    let n = x.len() / dim;
    (0..BATCH).map(|c| (0..dim).map(|d| f64::from(x[d * n + c])).collect()).collect()
}

/// Unmasked slopes only: the models never move the others.
pub(crate) fn visible(description: &Description, mut slopes: Vec<f64>) -> Vec<f64> {
    let mut start = 0;
    for spec in description.tensors() {
        if let &[rows, columns] = &spec.shape[..] {
            for row in 0..rows {
                let row_start = start + row * columns;
                slopes[row_start + spec.visible(row)..row_start + columns].fill(0.0);
            }
        }
        start += spec.size();
    }
    slopes
}

/// The first slot behind ln q and its coefficient: the samples.
pub(crate) const SAMPLES: Slot = Slot(2);
/// The one behind them: their contexts, of a conditional model.
pub(crate) const CONTEXTS: Slot = Slot(3);

/// A model given three values, embedded or not.
pub(crate) fn given(mut description: Description, embedded: Option<usize>) -> Description {
    let embedding = embedded.map(|outputs| {
        let network = MlpSpec { hidden: vec![5], ..Default::default() }.into();
        EmbeddingSpec { outputs, network }
    });
    match &mut description {
        Description::Flow(spec) => (spec.context, spec.embedding) = (3, embedding),
        Description::Sites(spec) => (spec.context, spec.embedding) = (3, embedding),
    }
    description
}

/// A flow from noise that is not normal, over four coordinates.
pub(crate) fn from_base(
    base: impl Into<BaseSpec>,
    map: UnivariateSpec,
    fast: Direction,
) -> Description {
    let layers = [
        preset::coupling([true, false, true, false], &[6], map),
        preset::autoregressive(vec![2, 0, 3, 1], fast, &[5], map),
    ];
    let mut description = preset::flow(&[4], layers, false);
    if let Description::Flow(flow) = &mut description {
        flow.base = base.into();
    }
    description
}
