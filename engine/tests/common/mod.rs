//! Models with made-up weights.
#![allow(dead_code)]

mod integers;

use std::f32::consts::PI;

use pushforward::activation::AnyActivation;
use pushforward::base::{
    MixtureSpec, NormalSpec, ProductSpec, TruncatedNormalSpec, UniformSpec, VonMisesSpec,
};
use pushforward::bijection::Direction;
use pushforward::conditional::logistics::Column;
use pushforward::conditional::{BernoulliSpec, CategoricalSpec, Categories};
use pushforward::constraint::{CountsSpec, IncreasingSpec, SuccessorsSpec};
use pushforward::distribution::Given;
use pushforward::domain::{Element, Kind};
use pushforward::layer::{
    AffineSpec as AffineLayerSpec, AutoregressiveSpec, BoundsSpec, CouplingSpec, LuSpec,
    PartialSpec, PermuteSpec, RotationSpec, SimplexSpec,
};
use pushforward::model::{
    Arithmetic, BaseSpec, ConstraintSpec, Description, EmbeddingSpec, FlowSpec, LayerSpec, Model,
    PlainBaseSpec, PlainLayerSpec, Sampler, SitesNetworkSpec, Symmetry, UnivariateSpec, preset,
};
use pushforward::network::conditioning::AnyConditioning;
use pushforward::network::{
    Bits, ConvolutionSpec, HeatBathSpec, MaskedSpec, MlpSpec, MultilevelSpec, PeriodicSpec,
};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward::symmetry::{GroupSpec, Values};
use pushforward::univariate::mixture_cdf::AnyCdf;
use pushforward::univariate::rational_quadratic::Tails;
use pushforward::univariate::{
    AffineSpec, CubicRationalSpec, KnotsSpec, LocationScaleSpec, MixtureCdfSpec,
    RationalQuadraticSpec, ScaleSpec, SinhSpec,
};
use pushforward_oracle::Oracle;

use integers::integers;
pub(crate) use integers::of_integers;

pub(crate) const ARITHMETICS: [Arithmetic; 2] = [Arithmetic::Fused, Arithmetic::Plain];

/// Parameters uniform in ±`size`, from a stream of their own.
pub(crate) fn randomised(description: Description, arithmetic: Arithmetic, size: f32) -> Model {
    // A model of integers has one arithmetic.
    let arithmetic = if description.is_integer() { Arithmetic::Integer } else { arithmetic };
    let mut model = Model::new(description, arithmetic).unwrap();
    let n = model.parameters().len();
    let uniform = |i: u64| block([0x5eed, 0], [i as u32, 0])[0] as f32 / 2147483648.0 - 1.0;
    let parameters: Vec<f32> = (0..n as u64).map(|i| uniform(i) * size).collect();
    let parameters = if model.description().holds_integers() {
        let numbers: Vec<f32> = parameters.iter().map(|x| x / size).collect();
        integers(model.description(), &numbers)
    } else {
        parameters
    };
    model.set_parameters(&parameters).unwrap();
    model
}

pub(crate) fn made(
    sites: usize,
    hidden: &[usize],
    pairwise: bool,
    symmetry: Symmetry,
) -> Description {
    preset::made(&[sites], hidden, pairwise, symmetry)
}

fn couplings(
    dim: usize,
    layers: usize,
    hidden: &[usize],
    univariate: UnivariateSpec,
    affine: bool,
) -> Description {
    let mask = |l: usize| (0..dim).map(move |d| (d + l) % 2 == 1);
    let layer = |l| preset::coupling(mask(l), hidden, univariate);
    preset::flow(&[dim], (0..layers).map(layer), affine)
}

pub(crate) fn realnvp(dim: usize, layers: usize, hidden: &[usize], affine: bool) -> Description {
    couplings(dim, layers, hidden, AffineSpec { log_scale_bound: 2.0 }.into(), affine)
}

pub(crate) fn nsf(
    dim: usize,
    layers: usize,
    hidden: &[usize],
    bins: usize,
    affine: bool,
) -> Description {
    couplings(dim, layers, hidden, RationalQuadraticSpec::linear(bins, 3.0).into(), affine)
}

pub(crate) const AFFINE: UnivariateSpec =
    UnivariateSpec::Affine(AffineSpec { log_scale_bound: 2.0 });
pub(crate) const SPLINE: UnivariateSpec =
    UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(5, 3.0));
/// Splines of the interval that [`SPLINE`] moves, and of a circle.
pub(crate) const BOX: UnivariateSpec = closed(Tails::Box);
pub(crate) const CIRCULAR: UnivariateSpec = closed(Tails::Circular);
const CIRCULAR_PI: UnivariateSpec = UnivariateSpec::RationalQuadratic(
    RationalQuadraticSpec::linear(5, PI).with_tails(Tails::Circular),
);
const fn closed(tails: Tails) -> UnivariateSpec {
    UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(5, 3.0).with_tails(tails))
}

/// Orders: ascending, descending, and one that is neither.
pub(crate) fn maf(
    dim: usize,
    layers: usize,
    hidden: &[usize],
    fast: Direction,
    univariate: UnivariateSpec,
    affine: bool,
) -> Description {
    let layers = (0..layers).map(|l| {
        let mut order: Vec<usize> = (0..dim).collect();
        match l % 3 {
            0 => {}
            1 => order.reverse(),
            _ => order.sort_by_key(|d| (d % 3, *d)),
        }
        preset::autoregressive(order, fast, hidden, univariate)
    });
    preset::flow(&[dim], layers, affine)
}

/// Whether the path of a draw and the score of its row are one.
pub(crate) fn is_scored_at_its_row(model: &Model) -> bool {
    matches!(model.description(), Description::Sites(_))
}

/// Whether values are discrete.
pub(crate) fn discrete(model: &Model) -> bool {
    !model.description().domain().is_real()
}

/// Scores rows that are handed over as the smallest elements that hold their values.
pub(crate) fn scored_small(
    given: Given<'_, Sampler>,
    element: Element,
    rows: &[f32],
    out: &mut [f32],
) {
    match element {
        Element::F32 => given.log_prob(rows, out),
        Element::I8 => given.log_prob(&rows.iter().map(|x| *x as i8).collect::<Vec<_>>(), out),
        Element::U8 => given.log_prob(&rows.iter().map(|x| *x as u8).collect::<Vec<_>>(), out),
        Element::U16 => given.log_prob(&rows.iter().map(|x| *x as u16).collect::<Vec<_>>(), out),
    }
}

/// Which rows can be compared with another evaluation of the model: all, but for those of which something that a
/// network of integers reads is so near to the edge between two integers that roundings decide.
pub(crate) fn decided(model: &Model, contexts: &[f32], rows: &[f32]) -> Vec<bool> {
    let (dim, one) = (model.description().dim(), model.description().context());
    let oracle = Oracle::new(model);
    let context = |i: usize| wide(&contexts[i * one..(i + 1) * one]);
    let rows = rows.chunks(dim).enumerate();
    rows.map(|(i, row)| oracle.edge(&context(i), &wide(row)) >= 1e-3).collect()
}

/// ln q(row) in `f64`.
pub(crate) fn log_prob(model: &Model, row: &[f64]) -> f64 {
    Oracle::new(model).log_prob(&[], row)
}

/// Numbers in `f64`.
pub(crate) fn wide(xs: &[f32]) -> Vec<f64> {
    xs.iter().map(|x| f64::from(*x)).collect()
}

/// Descriptions that reach every branch: panels of 16, 4 and 1, several blocks, odd units, no
/// hidden layer, all wrappers.
/// Lattices from coarse to fine: with and without a heat bath, biases, a context, shared levels; spins and
/// categories.
pub(crate) fn multilevel() -> Vec<(String, Description)> {
    let bath = |inputs: usize| HeatBathSpec {
        couplings: (0..inputs * inputs).map(|i| 0.88 - 0.1 * i as f32).collect(),
        field: (0..inputs).map(|i| 0.05 * i as f32).collect(),
    };
    let network = |hidden: &[usize], activation, levels, biased, heat_bath| MultilevelSpec {
        hidden: hidden.to_vec(),
        activation,
        levels,
        reach: [20, 13],
        biased,
        heat_bath,
    };
    let (tanh, leaky) = (AnyActivation::Tanh, AnyActivation::Leaky);
    let cases = [
        (2, None, 0, network(&[3], leaky, 1, true, None)),
        (2, None, 0, network(&[3], tanh, 1, false, Some(bath(1)))),
        (4, None, 0, network(&[7], tanh, 2, false, Some(bath(1)))),
        (8, None, 2, network(&[20, 5], leaky, 2, true, None)),
        (8, None, 0, network(&[17], leaky, 2, false, Some(bath(1)))),
        (4, Some(3), 1, network(&[9], AnyActivation::Relu, 2, true, Some(bath(3)))),
    ];
    let case = |(side, categories, context, network): (usize, Option<usize>, _, _)| {
        let symmetry = Symmetry::None;
        let mut description = preset::made(&[side, side], &[], true, symmetry);
        let Description::Sites(sites) = &mut description else { unreachable!() };
        if let Some(n) = categories {
            sites.conditional = CategoricalSpec { categories: Categories::All(n as u32) }.into();
        }
        let MultilevelSpec { hidden, activation, levels, .. } = &network;
        let name = format!(
            "multilevel {side} {hidden:?} {activation:?} {levels} {categories:?} given {context}"
        );
        (sites.network, sites.context) = (MultilevelSpec::into(network), context);
        (name, description)
    };
    cases.into_iter().map(case).collect()
}

/// Masked convolutions in one and two dimensions, of few channels and of many: residual or not, also Z2, given a
/// context, of categories, and under a constraint.
pub(crate) fn convolutions() -> Vec<(String, Description)> {
    let (leaky, relu) = (AnyActivation::Leaky, AnyActivation::Relu);
    let case = |rows: usize, columns: usize, hidden: &[usize], reach: &[[usize; 2]], activation| {
        let shape = [rows, columns];
        let shape = if rows == 1 { &shape[1..] } else { &shape[..] };
        let (hidden, reach) = (hidden.to_vec(), reach.to_vec());
        let network = ConvolutionSpec { columns, hidden, reach, activation, ..Default::default() };
        let name = format!("convolution {rows} by {columns} {:?} {activation:?}", network.hidden);
        (name, preset::sites(shape, network, BernoulliSpec {}))
    };
    let with = |(name, mut description): (String, Description), what: &str| {
        let Description::Sites(sites) = &mut description else { unreachable!() };
        let SitesNetworkSpec::Convolution(network) = &mut sites.network else { unreachable!() };
        for what in what.split(", ") {
            match what {
                "residual" => network.residual = true,
                "uniform start" => network.uniform_start = true,
                "z2" => sites.symmetry = Symmetry::Z2,
                "given" => sites.context = 2,
                "categories" => {
                    sites.conditional = CategoricalSpec { categories: Categories::All(3) }.into();
                }
                _ => sites.constraint = Some(CountsSpec { counts: vec![7, 5] }.into()),
            }
        }
        (format!("{name}, {what}"), description)
    };
    let blocks = [[3, 3], [0, 0], [2, 1], [1, 1]];
    vec![
        case(1, 5, &[3], &[[0, 3], [0, 2]], leaky),
        case(4, 4, &[7], &[[2, 1], [1, 1]], AnyActivation::Tanh),
        with(case(3, 8, &[37, 5], &[[2, 5], [2, 2], [0, 0]], leaky), "uniform start"),
        case(3, 4, &[], &[[1, 2]], relu),
        with(case(8, 5, &[20, 16], &[[3, 2], [1, 4], [2, 1]], relu), "given"),
        with(case(6, 4, &[17, 17, 17], &blocks, leaky), "residual, z2"),
        with(case(4, 4, &[6, 6, 6], &blocks, relu), "residual, given, categories"),
        with(case(3, 4, &[16], &[[1, 0], [0, 3]], leaky), "counts"),
    ]
}

/// Sites that a constraint takes rows from: spins of so many up, also Z2 and given a context; so many of each
/// category, permutations among them; increasing categories; tables of which may follow which, with ends from
/// which there is no way on.
pub(crate) fn constrained() -> Vec<(String, Description)> {
    let spins = |sites: usize, up: u32, hidden: &[usize], symmetry, context| {
        let mut description = made(sites, hidden, true, symmetry);
        let Description::Sites(spec) = &mut description else { unreachable!() };
        spec.context = context;
        let name = format!("counts {up} of {sites} {hidden:?} {symmetry:?} given {context}");
        (name, preset::within(description, CountsSpec { counts: vec![sites as u32 - up, up] }))
    };
    let categories = |name: &str, sites: usize, values: u32, constraint: ConstraintSpec| {
        let mut description = made(sites, &[21], true, Symmetry::None);
        let Description::Sites(spec) = &mut description else { unreachable!() };
        spec.conditional = CategoricalSpec { categories: Categories::All(values) }.into();
        (format!("{name} {sites} of {values}"), preset::within(description, constraint))
    };
    // 4 goes to 5 and that to 6, from where nothing goes on; 3 only to itself.
    let next: [&[u16]; 7] = [&[1, 2, 3], &[0, 2, 4], &[0, 1], &[3], &[5], &[6], &[]];
    let lists = |first: &[u16]| {
        SuccessorsSpec::new(first.to_vec(), next.iter().map(|list| list.to_vec()).collect())
    };
    vec![
        spins(6, 3, &[], Symmetry::None, 0),
        spins(10, 5, &[24], Symmetry::Z2, 0),
        spins(37, 9, &[60, 41], Symmetry::None, 0),
        spins(12, 7, &[17], Symmetry::None, 2),
        spins(5, 5, &[9], Symmetry::None, 0),
        categories("counts", 6, 3, CountsSpec { counts: vec![1, 3, 2] }.into()),
        categories("permutations", 5, 5, CountsSpec { counts: vec![1; 5] }.into()),
        categories("counts", 20, 4, CountsSpec { counts: vec![9, 0, 10, 1] }.into()),
        categories("increasing", 3, 7, IncreasingSpec {}.into()),
        categories("increasing", 13, 40, IncreasingSpec {}.into()),
        categories("successors", 4, 7, lists(&[]).into()),
        categories("successors", 17, 7, lists(&[1, 4]).into()),
        {
            let (name, floats) = spins(10, 5, &[24], Symmetry::Z2, 0);
            (format!("integer {name}"), of_integers(floats, Bits::I8, Some(Bits::I8)))
        },
    ]
}

/// Means over groups: of a chain, a square and another rectangle, of maps of values and both, around Z2, a context,
/// an embedding, categories, a constraint, each kind of network, and integers.
pub(crate) fn groups() -> Vec<(String, Description)> {
    let case = |shape: &[usize], hidden: &[usize], values: u32, moves: bool, maps: Values| {
        let mut description = preset::made(shape, hidden, true, Symmetry::None);
        let Description::Sites(sites) = &mut description else { unreachable!() };
        if values > 0 {
            sites.conditional = CategoricalSpec { categories: Categories::All(values) }.into();
        }
        sites.group = Some(GroupSpec { translations: moves, point: moves, values: maps });
        (format!("group of {shape:?} {hidden:?} {values} {moves} {maps:?}"), description)
    };
    let with = |(name, mut description): (String, Description), what: &str| {
        let Description::Sites(sites) = &mut description else { unreachable!() };
        match what {
            "z2" => sites.symmetry = Symmetry::Z2,
            "given" => sites.context = 2,
            "embedded" => {
                let network = MlpSpec { hidden: vec![5], ..Default::default() }.into();
                (sites.context, sites.embedding) = (1, Some(EmbeddingSpec { outputs: 3, network }));
            }
            "point alone" => sites.group = Some(GroupSpec { point: true, ..Default::default() }),
            "counts" => sites.constraint = Some(CountsSpec { counts: vec![5, 4] }.into()),
            "convolution" => {
                let network = ConvolutionSpec {
                    columns: 4,
                    hidden: vec![5],
                    reach: vec![[2, 2]; 2],
                    ..Default::default()
                };
                sites.network = network.into();
            }
            _ => description = of_integers(description, Bits::I8, Some(Bits::I8)),
        }
        (format!("{name}, {what}"), description)
    };
    let same = Values::Same;
    vec![
        case(&[5], &[9], 0, true, Values::Reversal),
        case(&[3, 3], &[20], 0, true, same),
        with(case(&[2, 3], &[12], 0, true, same), "z2"),
        with(case(&[3, 3], &[20], 0, true, same), "counts"),
        with(case(&[4, 4], &[], 0, true, Values::Reversal), "convolution"),
        with(case(&[3, 3], &[], 0, true, same), "point alone"),
        with(case(&[2, 5], &[12], 0, true, Values::Reversal), "embedded"),
        case(&[2, 2], &[11], 3, true, Values::Permutations),
        with(case(&[2, 2, 1], &[7], 6, false, Values::Cyclic), "given"),
        case(&[6], &[13], 4, true, Values::Reversal),
        with(case(&[3, 2], &[24], 0, true, Values::Reversal), "integer"),
    ]
}

pub(crate) fn descriptions() -> Vec<(String, Description)> {
    let mut all = Vec::new();
    for symmetry in [Symmetry::None, Symmetry::Z2] {
        for (sites, hidden, pairwise) in [
            (1, vec![3], false),
            (5, vec![], true),
            (16, vec![64], true),
            (37, vec![111, 50], true),
            (40, vec![160, 160], false),
        ] {
            let name = format!("made {sites} {hidden:?} {pairwise} {symmetry:?}");
            all.push((name, made(sites, &hidden, pairwise, symmetry)));
        }
    }
    for (dim, layers, hidden, affine) in [
        (1, 1, vec![4], true),
        (2, 4, vec![24], false),
        (7, 3, vec![33, 21], true),
        (64, 2, vec![48, 16], false),
        (3, 0, vec![], true),
    ] {
        let name = format!("realnvp {dim} {layers} {hidden:?} {affine}");
        all.push((name, realnvp(dim, layers, &hidden, affine)));
    }
    for (dim, layers, hidden, bins, affine) in [
        (1, 1, vec![4], 2, true),
        (2, 4, vec![24], 8, false),
        (7, 3, vec![33, 21], 5, true),
        (33, 2, vec![16], 3, false),
    ] {
        let name = format!("nsf {dim} {layers} {hidden:?} {bins} {affine}");
        all.push((name, nsf(dim, layers, &hidden, bins, affine)));
    }
    for (dim, layers, hidden, fast, univariate, affine) in [
        (1, 1, vec![4], Direction::Density, AFFINE, true),
        (7, 3, vec![33, 21], Direction::Density, AFFINE, false),
        (7, 3, vec![33, 21], Direction::Sampling, AFFINE, true),
        (37, 2, vec![50], Direction::Density, AFFINE, false),
        (5, 3, vec![24], Direction::Density, SPLINE, true),
        (18, 2, vec![40, 19], Direction::Sampling, SPLINE, false),
    ] {
        let kind = if univariate == AFFINE { "affine" } else { "spline" };
        let name = format!("maf {dim} {layers} {hidden:?} {fast:?} {kind} {affine}");
        all.push((name, maf(dim, layers, &hidden, fast, univariate, affine)));
    }
    all.extend(conditional());
    let permute = LayerSpec::from(PermuteSpec { order: vec![2, 4, 1, 0, 3] });
    all.push(("permute".into(), among(permute)));
    all.extend(categories());
    all.extend(multilevel());
    all.extend(convolutions());
    all.extend(constrained());
    all.extend(groups());
    all.extend(activations());
    all.extend(residual());
    all.push(("lu".into(), among(LuSpec {}.into())));
    // Columns of all widths of panels.
    all.push(("lu 37".into(), preset::flow(&[37], [LuSpec {}.into()], true)));
    all.push(("rotation".into(), among(RotationSpec { reflections: 3 }.into())));
    all.push((
        "rotation 37".into(),
        preset::flow(&[37], [RotationSpec { reflections: 2 }.into()], true),
    ));
    let sinh = UnivariateSpec::from(SinhSpec { bound: 3.0 });
    all.push(("sinh couplings".into(), couplings(7, 3, &[33, 21], sinh, true)));
    all.push(("sinh maf".into(), maf(5, 3, &[24], Direction::Density, sinh, false)));
    all.extend(location_scales());
    let cubic = UnivariateSpec::from(CubicRationalSpec {});
    all.push(("cubic couplings".into(), couplings(7, 3, &[33, 21], cubic, true)));
    all.push(("cubic maf".into(), maf(5, 3, &[24], Direction::Density, cubic, false)));
    let mixture_cdf = |cdf, components| -> UnivariateSpec {
        MixtureCdfSpec { cdf, components, spread: 1.0, shrink: 0.0 }.into()
    };
    let (logistics, normals) = (mixture_cdf(AnyCdf::Logistic, 4), mixture_cdf(AnyCdf::Normal, 3));
    all.push(("mixture_cdf couplings".into(), couplings(7, 3, &[33, 21], logistics, true)));
    all.push(("mixture_cdf maf".into(), maf(5, 2, &[24], Direction::Density, normals, false)));
    for (name, map) in [("uniform", SPLINE), ("box", BOX), ("circular", CIRCULAR)] {
        all.push((name.into(), from_base(UniformSpec { bound: 3.0 }, map)));
    }
    let mixture = MixtureSpec { components: 3 };
    let mut on_circle = RationalQuadraticSpec::linear(5, PI).with_tails(Tails::Circular);
    let von_mises = VonMisesSpec { concentration: 2.0 };
    all.push(("von_mises".into(), from_base(von_mises, on_circle.into())));
    on_circle.bins = 2;
    let von_mises = VonMisesSpec { concentration: 1e-2 };
    all.push(("von_mises nearly uniform".into(), from_base(von_mises, on_circle.into())));
    all.push(("mixture".into(), with_base(realnvp(7, 3, &[33, 21], true), mixture)));
    all.extend(listed());
    all.extend(conditioned());
    all.extend(periodic());
    all.extend(bounded());
    all.extend(tables());
    all.push(truncated_normal());
    all.extend(products());
    all.extend(parts());
    all.extend(partial());
    all.extend(integer());
    all.extend(integer_flows());
    all
}

/// Flows whose layers read integers, of all widths of panels and bits of weights, also of a context, of some
/// coordinates and with direct terms.
fn integer_flows() -> Vec<(String, Description)> {
    let given = |description, context| {
        let mut description = description;
        let Description::Flow(flow) = &mut description else { unreachable!() };
        flow.context = context;
        description
    };
    let with =
        |description, weights, context| given(of_integers(description, weights, None), context);
    let part = |description, range| {
        let Description::Flow(FlowSpec { layers, .. }) = description else { unreachable!() };
        let layer = match layers.into_iter().next() {
            Some(LayerSpec::Coupling(coupling)) => coupling.into(),
            Some(LayerSpec::Autoregressive(layer)) => layer.into(),
            _ => unreachable!(),
        };
        LayerSpec::from(PartialSpec { range, layer })
    };
    let spline = RationalQuadraticSpec::linear(4, 3.0).into();
    let some = part(with(couplings(9, 1, &[20], spline, false), Bits::I8, 0), [2, 11]);
    let (density, sampling) = (Direction::Density, Direction::Sampling);
    let direct = of_integers(maf(5, 2, &[], density, AFFINE, false), Bits::I8, Some(Bits::I16));
    let mut kept = with(maf(9, 1, &[20], sampling, SPLINE, false), Bits::I8, 0);
    if let Description::Flow(flow) = &mut kept
        && let Some(LayerSpec::Autoregressive(layer)) = flow.layers.first_mut()
    {
        layer.kept = 2;
    }
    vec![
        ("integer realnvp".into(), with(realnvp(7, 3, &[33, 21], true), Bits::I8, 0)),
        ("integer nsf, given".into(), with(nsf(33, 2, &[48, 16], 3, false), Bits::I8, 3)),
        ("integer nsf of 16 bits".into(), with(nsf(5, 3, &[24], 5, true), Bits::I16, 0)),
        ("integer, without hidden layers".into(), with(realnvp(4, 2, &[], false), Bits::I8, 0)),
        ("integer, of some".into(), preset::flow(&[12], [some], true)),
        ("integer maf".into(), with(maf(7, 3, &[33, 21], density, AFFINE, true), Bits::I8, 0)),
        (
            "integer iaf, given".into(),
            with(maf(18, 2, &[40, 19], sampling, SPLINE, false), Bits::I8, 3),
        ),
        (
            "integer maf of 16 bits".into(),
            with(maf(5, 3, &[24], density, SPLINE, true), Bits::I16, 0),
        ),
        ("integer maf, direct terms alone, given".into(), given(direct, 2)),
        (
            "integer iaf, of some, of which some are kept".into(),
            preset::flow(&[12], [part(kept, [2, 11])], true),
        ),
    ]
}

/// Networks of integers, over more sites than a block, of all widths of panels and bits of weights, with
/// direct terms and without.
pub(crate) fn integer() -> Vec<(String, Description)> {
    let mut all = Vec::new();
    for (sites, hidden, weights, direct, symmetry) in [
        (16, vec![64], Bits::I8, Some(Bits::I8), Symmetry::None),
        (37, vec![111, 50], Bits::I8, Some(Bits::I16), Symmetry::Z2),
        (21, vec![30], Bits::I16, Some(Bits::I16), Symmetry::None),
        (40, vec![80], Bits::I8, None, Symmetry::None),
        (5, vec![], Bits::I8, Some(Bits::I8), Symmetry::None),
    ] {
        let name = format!("integer {sites} {hidden:?} {weights:?} {direct:?} {symmetry:?}");
        let floats = made(sites, &hidden, direct.is_some(), symmetry);
        all.push((name, of_integers(floats, weights, direct)));
    }
    for (sites, hidden, weights, direct, context, symmetry) in [
        (16, vec![64], Bits::I8, Some(Bits::I8), 2, Symmetry::None),
        (37, vec![50, 21], Bits::I8, Some(Bits::I16), 3, Symmetry::Z2),
        (21, vec![30], Bits::I16, None, 1, Symmetry::None),
    ] {
        let floats = made(sites, &hidden, direct.is_some(), symmetry);
        let mut description = of_integers(floats, weights, direct);
        if let Description::Sites(sites) = &mut description {
            sites.context = context;
        }
        let name = format!(
            "integer {sites} {hidden:?} {weights:?} {direct:?} {symmetry:?} given {context}"
        );
        all.push((name, description));
    }
    let mut embedded = of_integers(made(9, &[12], true, Symmetry::Z2), Bits::I8, Some(Bits::I8));
    if let Description::Sites(sites) = &mut embedded {
        sites.context = 3;
        let network = MlpSpec { hidden: vec![6], ..Default::default() }.into();
        sites.embedding = Some(EmbeddingSpec { outputs: 4, network });
    }
    all.push(("integer 9 given 3, embedded in 4".into(), embedded));
    all
}

/// Networks with lists of each site's units, of which some sites have none: in groups, each for itself,
/// residual, with a context and direct terms, over more sites than a block; and soft-clipped splines.
fn listed() -> Vec<(String, Description)> {
    let soft = |tails| {
        let spline = RationalQuadraticSpec::linear(5, 3.0).with_tails(tails);
        spline.with_knots(KnotsSpec::SoftClipped { least: 1e-3 }).into()
    };
    let layer = |order: Vec<usize>, network: MaskedSpec, univariate| -> LayerSpec {
        let fast = Direction::Density;
        AutoregressiveSpec { order, kept: 0, fast, network: network.into(), univariate }.into()
    };
    let activation = AnyActivation::Relu;
    let groups = MaskedSpec {
        hidden: vec![9, 12],
        activation,
        through: vec![vec![2, 2, 9, 9, 9], vec![0, 0, 5, 5, 12]],
        ..Default::default()
    };
    let residual = MaskedSpec {
        hidden: vec![11; 3],
        activation: AnyActivation::Tanh,
        residual: true,
        through: vec![vec![1, 1, 4, 10, 11]; 3],
        ..Default::default()
    };
    let layers = [
        layer(vec![0, 3, 1, 4, 2], groups, soft(Tails::Linear)),
        layer(vec![4, 3, 2, 1, 0], residual, AFFINE),
    ];
    let mut flow = preset::flow(&[5], layers, true);
    if let Description::Flow(flow) = &mut flow {
        flow.context = 2;
    }
    let sites = 21;
    let many = MaskedSpec {
        hidden: vec![36],
        direct: true,
        through: vec![(0..sites).map(|site| 2 * (site - site % 3)).collect()],
        ..Default::default()
    };
    let order = (0..sites).rev().collect();
    let closed = [layer(order, many, soft(Tails::Box))];
    let closed = with_base(preset::flow(&[sites], closed, false), UniformSpec { bound: 3.0 });
    vec![("listed units".into(), flow), ("listed units, soft-clipped box".into(), closed)]
}

/// Coordinates with each kind of bound, behind a flow and alone.
pub(crate) fn bounded() -> Vec<(String, Description)> {
    let bounds = BoundsSpec {
        lower: vec![f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, -2.0, 0.25],
        upper: vec![f32::INFINITY, f32::INFINITY, 3.0, 0.5, f32::INFINITY],
    };
    let layers = [
        preset::coupling([true, false, true, false, false], &[20, 17], SPLINE),
        preset::autoregressive(vec![1, 3, 0, 2, 4], Direction::Density, &[15], AFFINE),
        AffineLayerSpec {}.into(),
        bounds.clone().into(),
    ];
    let flow = preset::flow(&[5], layers, false);
    vec![
        ("bounds".into(), flow),
        ("bounds alone".into(), preset::flow(&[5], [bounds.into()], false)),
    ]
}

/// Which of some inputs are angles.
fn angles(text: &str) -> Vec<bool> {
    text.chars().map(|angle| angle == '1').collect()
}

/// Networks that read angles, and splines of a circle that is cut at the other end: given a context, in
/// couplings and autoregressive layers, one with a site that is read as it is; over more sites than a block,
/// in the other direction.
pub(crate) fn periodic() -> Vec<(String, Description)> {
    let bound = 3.0;
    let on_circle = |tails| RationalQuadraticSpec::linear(5, bound).with_tails(tails);
    let mlp = |hidden: &[usize]| MlpSpec { hidden: hidden.to_vec(), ..Default::default() };
    let coupling: LayerSpec = CouplingSpec {
        mask: angles("10100"),
        network: PeriodicSpec { angles: angles("0011"), bound, network: mlp(&[20, 17]) }.into(),
        univariate: on_circle(Tails::Circular).into(),
    }
    .into();
    let autoregressive = |order: Vec<usize>, fast, text: &str, network, univariate| -> LayerSpec {
        let network = PeriodicSpec { angles: angles(text), bound, network }.into();
        AutoregressiveSpec { order, kept: 0, fast, network, univariate }.into()
    };
    let direct = MaskedSpec { hidden: vec![19], direct: true, ..Default::default() };
    let soft = on_circle(Tails::HalfTurn).with_knots(KnotsSpec::SoftClipped { least: 1e-3 });
    let layers = [
        coupling,
        autoregressive(vec![1, 3, 0, 2, 4], Direction::Density, "11011", direct, soft.into()),
        preset::coupling(angles("01011"), &[11], on_circle(Tails::HalfTurn)),
    ];
    let mut torus = with_base(preset::flow(&[5], layers, false), UniformSpec { bound });
    if let Description::Flow(flow) = &mut torus {
        flow.context = 2;
    }
    let sites = 21;
    let residual = MaskedSpec {
        hidden: vec![42; 3],
        activation: AnyActivation::Silu,
        residual: true,
        ..Default::default()
    };
    let order = (0..sites).rev().collect();
    let text = "1".repeat(sites);
    let many = [autoregressive(
        order,
        Direction::Sampling,
        &text,
        residual,
        on_circle(Tails::Circular).into(),
    )];
    let many = with_base(preset::flow(&[sites], many, false), UniformSpec { bound });
    vec![("periodic".into(), torus), ("periodic 21".into(), many)]
}

/// Networks that do more with their context than read it, and kept coordinates: added to a network and to
/// a residual one, gating a residual one that moves two coordinates of five by the three others; behind an
/// embedding.
fn conditioned() -> Vec<(String, Description)> {
    let network = |hidden: &[usize], residual, conditioning| MaskedSpec {
        hidden: hidden.to_vec(),
        activation: AnyActivation::Tanh,
        residual,
        conditioning,
        ..Default::default()
    };
    let (added, gated) = (AnyConditioning::Added, AnyConditioning::Gated);
    let two_groups = |units| vec![vec![0, 0, 0, units, units]; 5];
    let gate = MaskedSpec { through: two_groups(14), ..network(&[14; 5], true, gated) };
    let layer = |order: &[usize], kept, network: MaskedSpec, univariate| -> LayerSpec {
        let (order, fast, network) = (order.to_vec(), Direction::Density, network.into());
        AutoregressiveSpec { order, kept, fast, network, univariate }.into()
    };
    let flow = |layers: Vec<LayerSpec>| {
        let mut description = preset::flow(&[5], layers, true);
        if let Description::Flow(flow) = &mut description {
            let network = MlpSpec { hidden: vec![6], ..Default::default() }.into();
            (flow.context, flow.embedding) = (2, Some(EmbeddingSpec { outputs: 3, network }));
        }
        description
    };
    let added = flow(vec![
        layer(&[1, 3, 0, 2, 4], 0, network(&[17, 12], false, added), SPLINE),
        layer(&[0, 1, 2, 3, 4], 1, network(&[13; 3], true, added), AFFINE),
    ]);
    let gated = flow(vec![
        layer(&[3, 0, 2, 1, 4], 3, gate, SPLINE),
        layer(&[4, 3, 2, 1, 0], 0, network(&[12; 3], true, gated), AFFINE),
    ]);
    vec![("context added".into(), added), ("context gates".into(), gated)]
}

/// The maps of other libraries, in couplings and autoregressive layers.
fn location_scales() -> impl Iterator<Item = (String, Description)> {
    use Direction::{Density, Sampling};
    let maps = [
        ("exp", ScaleSpec::Exp, Density),
        ("soft_exp", ScaleSpec::SoftExp { least: 1e-3 }, Sampling),
        ("softplus", ScaleSpec::Softplus { least: 1e-3, most: 3.0 }, Density),
        ("sigmoid", ScaleSpec::Sigmoid { least: 1e-3 }, Sampling),
        ("over_sigmoid", ScaleSpec::OverSigmoid, Sampling),
    ];
    maps.into_iter().map(|(name, scale, multiplies)| {
        let map = LocationScaleSpec { scale, multiplies };
        let layers = [
            preset::coupling([true, false, true, false, false], &[20, 17], map),
            preset::autoregressive(vec![1, 3, 0, 2, 4], Direction::Density, &[19], map),
        ];
        (format!("location_scale {name}"), preset::flow(&[5], layers, false))
    })
}

/// Networks of each kind of unit: in a flow that reads both ways, in an embedding and over sites.
fn activations() -> Vec<(String, Description)> {
    let mut all = Vec::new();
    for activation in AnyActivation::ALL.into_iter().filter(|a| *a != AnyActivation::Leaky) {
        let mlp =
            |hidden: &[usize]| MlpSpec { hidden: hidden.to_vec(), activation, residual: false };
        let masked = MaskedSpec {
            hidden: vec![19],
            direct: true,
            activation,
            residual: false,
            ..Default::default()
        };
        let layers: [LayerSpec; 2] = [
            CouplingSpec {
                mask: vec![true, false, true, false, false],
                network: mlp(&[20, 17]).into(),
                univariate: SPLINE,
            }
            .into(),
            AutoregressiveSpec {
                order: vec![1, 3, 0, 2, 4],
                kept: 0,
                fast: Direction::Density,
                network: masked.clone().into(),
                univariate: AFFINE,
            }
            .into(),
        ];
        let mut description = preset::flow(&[5], layers, true);
        if let Description::Flow(flow) = &mut description {
            let network = mlp(&[6]).into();
            (flow.context, flow.embedding) = (2, Some(EmbeddingSpec { outputs: 3, network }));
        }
        all.push((format!("flow {activation:?}"), description));
        let mut description = made(21, &[], true, Symmetry::Z2);
        if let Description::Sites(sites) = &mut description {
            sites.network = MaskedSpec { hidden: vec![42, 30], ..masked }.into();
        }
        all.push((format!("sites {activation:?}"), description));
    }
    all
}

/// Residual networks: in a flow with a context, in an embedding, and over sites, with direct terms and
/// without, of units that are as many a site or not.
fn residual() -> Vec<(String, Description)> {
    let (activation, residual) = (AnyActivation::Elu, true);
    let mlp = |units, layers| MlpSpec { hidden: vec![units; layers], activation, residual };
    let masked = |units, layers, direct| {
        let hidden = vec![units; layers];
        MaskedSpec {
            hidden,
            direct,
            activation: AnyActivation::Tanh,
            residual,
            ..Default::default()
        }
    };
    let layers: [LayerSpec; 2] = [
        CouplingSpec {
            mask: vec![true, false, true, false, false],
            network: mlp(20, 5).into(),
            univariate: SPLINE,
        }
        .into(),
        AutoregressiveSpec {
            order: vec![1, 3, 0, 2, 4],
            kept: 0,
            fast: Direction::Density,
            network: masked(19, 3, false).into(),
            univariate: AFFINE,
        }
        .into(),
    ];
    let mut flow = preset::flow(&[5], layers, true);
    if let Description::Flow(flow) = &mut flow {
        let network = mlp(6, 1).into();
        (flow.context, flow.embedding) = (2, Some(EmbeddingSpec { outputs: 3, network }));
    }
    let mut all = vec![("residual flow".into(), flow)];
    for (units, layers, direct) in [(42, 5, true), (50, 3, false)] {
        let mut description = made(21, &[], true, Symmetry::Z2);
        if let Description::Sites(sites) = &mut description {
            sites.network = masked(units, layers, direct).into();
        }
        all.push((format!("residual sites {units} {layers} {direct}"), description));
    }
    all
}

/// Sites of categories, alike or not, few or many.
fn categories() -> Vec<(String, Description)> {
    let each = [2, 7, 3, 300, 2, 5].map(Kind::Category);
    [
        ("categories 3", 9, vec![27], true, Categories::All(3)),
        ("categories 4, no hidden layer", 5, vec![], true, Categories::All(4)),
        ("categories 700", 2, vec![5], false, Categories::All(700)),
        ("categories of each site", 6, vec![13, 8], false, Categories::Each(each.to_vec())),
    ]
    .map(|(name, sites, hidden, direct, categories)| {
        let mut description = made(sites, &hidden, direct, Symmetry::None);
        if let Description::Sites(spec) = &mut description {
            spec.conditional = CategoricalSpec { categories }.into();
        }
        (name.into(), description)
    })
    .into()
}

/// Columns of a table: real numbers, integers and circles, with bounds and without; over more sites than a block,
/// given two values.
fn tables() -> Vec<(String, Description)> {
    let columns = [
        Column::real(3.0, 2.0),
        Column::integers(4.5, 3.0).between(0.0, 12.0),
        Column::real(0.5, 1.5).between(0.0, 1.0),
        Column::integers(-100.0, 40.0),
        Column::real(1.0, 0.5).between(-2.0, f32::INFINITY),
    ];
    let table = |n: usize, hidden: &[usize], direct, components, context| {
        let columns = columns.iter().copied().cycle().take(n).collect();
        let mut description = preset::table(columns, components, hidden, direct);
        if let Description::Sites(spec) = &mut description {
            spec.context = context;
        }
        description
    };
    let on_circles = [
        Column::circle(-3.0, 21.0),
        columns[1],
        Column::circle(-PI, PI),
        columns[4],
        Column::circle(0.0, 1.0),
    ];
    vec![
        ("table 5".into(), table(5, &[17, 12], true, 3, 0)),
        ("table 21, given".into(), table(21, &[30], false, 5, 2)),
        ("table of circles".into(), preset::table(on_circles.into(), 4, &[19], true)),
    ]
}

/// A flow on a box, from noise that is cut off.
fn truncated_normal() -> (String, Description) {
    let base = TruncatedNormalSpec { bound: 3.0 };
    ("truncated normal".into(), from_base(base, BOX))
}

/// Angles among real numbers: noise of two kinds, layers that move one kind, and layers of both with free
/// tails; noise that is drawn by attempts, behind noise that is not.
fn products() -> Vec<(String, Description)> {
    let bound = 3.0;
    let spline = |tails| RationalQuadraticSpec::linear(5, bound).with_tails(tails);
    let network = MlpSpec { hidden: vec![17], ..Default::default() };
    let on_circle: LayerSpec = CouplingSpec {
        mask: angles("01111"),
        network: PeriodicSpec { angles: angles("1000"), bound, network }.into(),
        univariate: spline(Tails::Circular).into(),
    }
    .into();
    let network = MaskedSpec { hidden: vec![19], direct: true, ..Default::default() };
    let network = PeriodicSpec { angles: angles("01010"), bound, network };
    let of_both: LayerSpec = AutoregressiveSpec {
        order: vec![0, 1, 2, 3, 4],
        kept: 0,
        fast: Direction::Density,
        network: network.into(),
        univariate: spline(Tails::Free).into(),
    }
    .into();
    let base = |coordinates, first: PlainBaseSpec, rest: PlainBaseSpec| ProductSpec {
        coordinates,
        first,
        rest,
    };
    let permute = LayerSpec::from(PermuteSpec { order: vec![2, 0, 3, 1, 4] });
    let flow = preset::flow(&[5], [on_circle, permute, of_both], false);
    let flow = with_base(flow, base(2, UniformSpec { bound }.into(), NormalSpec {}.into()));
    let tried = VonMisesSpec { concentration: 3.0 };
    let attempts =
        preset::flow(&[5], [preset::coupling(angles("11100"), &[9], CIRCULAR_PI)], false);
    let mixture = MixtureSpec { components: 2 };
    let attempts = with_base(attempts, base(3, mixture.into(), tried.into()));
    vec![("product".into(), flow), ("product, attempts".into(), attempts)]
}

/// Coordinates that are parts of a whole, behind a flow with a context and alone.
pub(crate) fn parts() -> Vec<(String, Description)> {
    let simplex = |parts, total| LayerSpec::from(SimplexSpec { parts: angles(parts), total });
    let layers = [
        preset::coupling([true, false, true, false, false], &[20, 17], SPLINE),
        AffineLayerSpec {}.into(),
        simplex("10110", 100.0),
    ];
    let mut flow = preset::flow(&[5], layers, false);
    if let Description::Flow(flow) = &mut flow {
        flow.context = 2;
    }
    let alone = preset::flow(&[4], [simplex("1111", 1.0)], false);
    vec![("simplex".into(), flow), ("simplex alone".into(), alone)]
}

/// Layers of some coordinates, of each kind and with a context, at either end and between; of more
/// coordinates than a vector; and of those that are angles, where the others are none.
fn partial() -> Vec<(String, Description)> {
    let partial = |range, layer| LayerSpec::from(PartialSpec { range, layer });
    let coupling = |mask: &str, hidden: usize, univariate| -> PlainLayerSpec {
        let network = MlpSpec { hidden: vec![hidden], ..Default::default() }.into();
        CouplingSpec { mask: angles(mask), network, univariate }.into()
    };
    let walked = |order: Vec<usize>, fast, hidden, univariate| -> PlainLayerSpec {
        let network =
            MaskedSpec { hidden: vec![hidden], direct: true, ..Default::default() }.into();
        AutoregressiveSpec { order, kept: 0, fast, network, univariate }.into()
    };
    let bounds = BoundsSpec {
        lower: vec![f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY],
        upper: vec![f32::INFINITY, f32::INFINITY, 3.0],
    };
    let layers = [
        partial([2, 7], coupling("01001", 20, SPLINE)),
        partial([0, 4], LuSpec {}.into()),
        partial([3, 6], walked(vec![2, 0, 1], Direction::Density, 15, AFFINE)),
        partial([0, 7], RotationSpec { reflections: 2 }.into()),
        partial([1, 5], PermuteSpec { order: vec![2, 3, 1, 0] }.into()),
        preset::coupling(angles("1010100"), &[17], AFFINE),
        partial([6, 7], AffineLayerSpec {}.into()),
        partial([4, 7], bounds.into()),
        partial([0, 3], SimplexSpec { parts: angles("101"), total: 2.0 }.into()),
    ];
    let mut flow = preset::flow(&[7], layers, false);
    if let Description::Flow(flow) = &mut flow {
        flow.context = 2;
    }
    let (order, fast) = ((0..17).rev().collect(), Direction::Sampling);
    let wide = [
        partial([2, 19], walked(order, fast, 30, AFFINE)),
        partial([5, 22], coupling(&"01".repeat(9)[..17], 24, SPLINE)),
        partial([1, 20], AffineLayerSpec {}.into()),
    ];
    let circular = [
        partial([1, 4], coupling("001", 9, CIRCULAR)),
        PermuteSpec { order: vec![4, 0, 1, 2, 3] }.into(),
        partial([1, 5], coupling("0101", 12, CIRCULAR)),
        partial([0, 1], walked(vec![0], Direction::Density, 4, AFFINE)),
    ];
    let (first, rest) = (UniformSpec { bound: 3.0 }.into(), NormalSpec {}.into());
    let base = ProductSpec { coordinates: 4, first, rest };
    let circular = with_base(preset::flow(&[5], circular, false), base);
    vec![
        ("partial".into(), flow),
        ("partial 22".into(), preset::flow(&[22], wide, true)),
        ("partial, angles".into(), circular),
    ]
}

/// A flow with other noise than it had.
fn with_base(mut description: Description, base: impl Into<BaseSpec>) -> Description {
    if let Description::Flow(flow) = &mut description {
        flow.base = base.into();
    }
    description
}

/// A flow from noise that is not on the real line, with maps that leave it where it is.
pub(crate) fn from_base(base: impl Into<BaseSpec>, univariate: UnivariateSpec) -> Description {
    let mask = [true, false, true, false, false];
    let layers = [
        preset::coupling(mask, &[20], univariate),
        PermuteSpec { order: vec![2, 4, 1, 0, 3] }.into(),
        preset::autoregressive(vec![1, 3, 0, 2, 4], Direction::Density, &[15], univariate),
    ];
    with_base(preset::flow(&[5], layers, false), base)
}

/// A layer over five coordinates between others.
fn among(layer: LayerSpec) -> Description {
    let mask = [true, false, true, false, false];
    let layers = [
        preset::coupling(mask, &[20], SPLINE),
        layer.clone(),
        preset::autoregressive(vec![1, 3, 0, 2, 4], Direction::Density, &[15], AFFINE),
        layer,
    ];
    preset::flow(&[5], layers, true)
}

/// The same with a context, embedded or not, and with layers of several kinds in one flow.
fn conditional() -> Vec<(String, Description)> {
    let flow = |embedding| {
        let order = vec![3, 0, 4, 1, 2];
        let mask = [true, false, true, false, false];
        let layers = [
            preset::coupling(mask, &[20], SPLINE),
            preset::autoregressive(order, Direction::Density, &[14, 9], AFFINE),
            preset::coupling(mask.map(|kept| !kept), &[], AFFINE),
        ];
        let mut description = preset::flow(&[5], layers, true);
        if let Description::Flow(flow) = &mut description {
            (flow.context, flow.embedding) = (3, embedding);
        }
        description
    };
    let sites = |hidden: &[usize], symmetry, embedding| {
        let mut description = preset::made(&[3, 7], hidden, true, symmetry);
        if let Description::Sites(sites) = &mut description {
            (sites.context, sites.embedding) = (2, embedding);
        }
        description
    };
    let embedding = |outputs| {
        let network = MlpSpec { hidden: vec![6], ..Default::default() }.into();
        Some(EmbeddingSpec { outputs, network })
    };
    vec![
        ("flow given 3".into(), flow(None)),
        ("flow given 3, embedded in 4".into(), flow(embedding(4))),
        ("sites [] given 2".into(), sites(&[], Symmetry::None, None)),
        ("sites [42, 21] given 2 Z2".into(), sites(&[42, 21], Symmetry::Z2, None)),
        ("sites [30] given 2, embedded in 5".into(), sites(&[30], Symmetry::None, embedding(5))),
    ]
}

/// The contexts of rows `first, first + 1, …`; none for a model without.
pub(crate) fn contexts(model: &Model, first: u64, n: usize) -> Vec<f32> {
    let one = model.description().context();
    let value = |row: u64, i: usize| normal(Scalar, block([77, row as u32], [i as u32, 0])[0]);
    (first..first + n as u64).flat_map(|row| (0..one).map(move |i| value(row, i))).collect()
}

/// Draws rows, given their contexts, and log-probabilities.
pub(crate) fn draw(model: &Model, seed: u64, first: u64, n: usize) -> (Vec<f32>, Vec<f32>) {
    let sampler = model.sampler().unwrap();
    let mut rows = vec![0.0; n * sampler.dim()];
    let mut log_prob = vec![0.0; n];
    let contexts = contexts(model, first, n);
    sampler.given(&contexts).sample(seed, first, &mut rows, Some(&mut log_prob));
    (rows, log_prob)
}
