//! Writes the model files of this crate's tests.
//!
//! `cargo run -p pushforward-codegen --example models` from the repository's root. The weights are
//! noise of the engine's own stream, so the files are the same wherever they are written; a test
//! checks that they are what this program writes.

use std::path::Path;
use std::{env, error, fs, io, result};

use pushforward::activation::AnyActivation;
use pushforward::base::{MixtureSpec, NormalSpec, ProductSpec, UniformSpec, VonMisesSpec};
use pushforward::bijection::Direction;
use pushforward::conditional::logistics::Column;
use pushforward::conditional::{BernoulliSpec, CategoricalSpec, Categories};
use pushforward::constraint::{CountsSpec, IncreasingSpec, SuccessorsSpec};
use pushforward::domain::Kind;
use pushforward::layer::{
    AutoregressiveSpec, BoundsSpec, CouplingSpec, LuSpec, PartialSpec, PermuteSpec, RotationSpec,
    SimplexSpec,
};
use pushforward::model::{
    Arithmetic, Description, EmbeddingSpec, LayerSpec, Model, PlainLayerSpec, SitesNetworkSpec,
    SitesSpec, Symmetry, UnivariateSpec, preset,
};
use pushforward::network::{
    Bits, ConvolutionSpec, HeatBathSpec, MaskedSpec, MlpSpec, MultilevelSpec, PeriodicSpec,
};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward::symmetry::{GroupSpec, Values};
use pushforward::univariate::mixture_cdf::AnyCdf;
use pushforward::univariate::rational_quadratic::Tails;
use pushforward::univariate::{
    AffineSpec, CubicRationalSpec, LocationScaleSpec, MixtureCdfSpec, RationalQuadraticSpec,
    ScaleSpec, SinhSpec,
};

#[path = "../../engine/tests/common/integers.rs"]
mod integers;

pub(crate) use integers::of_integers;

pub(crate) type Result<T> = result::Result<T, Box<dyn error::Error>>;
/// A path from the repository's root, and the file's bytes.
type File = (&'static str, Vec<u8>);

fn main() -> Result<()> {
    let root = env::args().nth(1).unwrap_or_else(|| ".".into());
    for (path, bytes) in files()? {
        write(&Path::new(&root).join(path), &bytes)?;
    }
    Ok(())
}

/// Writes a file and says so.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, bytes)?;
    println!("{} ({} bytes)", path.display(), bytes.len());
    Ok(())
}

/// Every file.
pub(crate) fn files() -> Result<Vec<File>> {
    use Arithmetic::{Fused, Integer, Plain};
    let tiny = model(made([2, 2], vec![8], true, Symmetry::Z2), Fused)?;
    let nan = {
        let last = tiny.len() - 4;
        let mut bytes = tiny.clone();
        bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        bytes
    };
    Ok(vec![
        (
            "codegen/tests/models/spins_fused.safetensors",
            model(made([4, 5], vec![80, 37], true, Symmetry::Z2), Fused)?,
        ),
        (
            "codegen/tests/models/spins_plain.safetensors",
            golden(11, 33, &model(made([3, 6], vec![18], false, Symmetry::None), Plain)?)?,
        ),
        ("codegen/tests/models/flow_fused.safetensors", model(flow(6, true), Fused)?),
        ("codegen/tests/models/flow_plain.safetensors", model(flow(3, false), Plain)?),
        ("codegen/tests/models/nsf_fused.safetensors", model(nsf(5, true), Fused)?),
        ("codegen/tests/models/nsf_plain.safetensors", model(nsf(5, true), Plain)?),
        ("codegen/tests/models/maf_plain.safetensors", golden(5, 3, &model(maf(4), Plain)?)?),
        (
            "codegen/tests/models/iaf_fused.safetensors",
            golden(1 << 40, 1, &model(iaf_spline(3), Fused)?)?,
        ),
        ("codegen/tests/models/linear_fused.safetensors", model(linear(), Fused)?),
        ("codegen/tests/models/given_fused.safetensors", model(given(), Fused)?),
        ("codegen/tests/models/given_plain.safetensors", model(given(), Plain)?),
        ("codegen/tests/models/boxed_fused.safetensors", model(boxed(), Fused)?),
        ("codegen/tests/models/residual_fused.safetensors", model(residual(), Fused)?),
        ("codegen/tests/models/spins_residual_plain.safetensors", model(spins_residual(), Plain)?),
        ("codegen/tests/models/mixture_fused.safetensors", model(mixture(), Fused)?),
        ("codegen/tests/models/circle_fused.safetensors", model(circle(), Fused)?),
        ("codegen/tests/models/analytic_plain.safetensors", model(analytic(), Plain)?),
        ("codegen/tests/models/scales_fused.safetensors", model(scales(), Fused)?),
        (
            "codegen/tests/models/gaussianisation_plain.safetensors",
            model(gaussianisation(), Plain)?,
        ),
        ("codegen/tests/models/torus_fused.safetensors", model(torus(), Fused)?),
        ("codegen/tests/models/bounded_plain.safetensors", model(bounded(), Plain)?),
        ("codegen/tests/models/spins_given_plain.safetensors", model(spins_given(), Plain)?),
        ("codegen/tests/models/categories_fused.safetensors", model(categories(), Fused)?),
        ("codegen/tests/models/table_fused.safetensors", model(table(), Fused)?),
        ("codegen/tests/models/clock_plain.safetensors", model(clock(), Plain)?),
        ("codegen/tests/models/mixed_fused.safetensors", model(mixed(), Fused)?),
        ("codegen/tests/models/multiscale_fused.safetensors", model(multiscale(), Fused)?),
        (
            "codegen/tests/models/spins_8.safetensors",
            model(
                of_integers(
                    made([4, 5], vec![80, 37], true, Symmetry::Z2),
                    Bits::I8,
                    Some(Bits::I16),
                ),
                Integer,
            )?,
        ),
        (
            "codegen/tests/models/spins_16.safetensors",
            model(
                of_integers(made([4, 5], vec![80, 37], false, Symmetry::None), Bits::I16, None),
                Integer,
            )?,
        ),
        (
            "codegen/tests/models/nsf_8.safetensors",
            model(of_integers(nsf(5, true), Bits::I8, None), Plain)?,
        ),
        (
            "codegen/tests/models/flow_given_16.safetensors",
            model(of_integers(flow_given(), Bits::I16, None), Plain)?,
        ),
        (
            "codegen/tests/models/spins_given_8.safetensors",
            model(of_integers(spins_given(), Bits::I8, Some(Bits::I8)), Integer)?,
        ),
        (
            "codegen/tests/models/maf_given_8.safetensors",
            model(of_integers(maf_given(), Bits::I8, None), Plain)?,
        ),
        ("codegen/tests/models/multilevel_fused.safetensors", model(lattice(2), Fused)?),
        ("codegen/tests/models/multilevel_plain.safetensors", model(colours(), Plain)?),
        ("codegen/tests/models/convolution_fused.safetensors", model(blocks(), Fused)?),
        ("codegen/tests/models/convolution_plain.safetensors", model(sequence(), Plain)?),
        ("codegen/tests/models/counts_fused.safetensors", model(counts(), Fused)?),
        (
            "codegen/tests/models/counts_8.safetensors",
            model(of_integers(counts(), Bits::I8, Some(Bits::I8)), Integer)?,
        ),
        ("codegen/tests/models/increasing_plain.safetensors", model(increasing(), Plain)?),
        ("codegen/tests/models/successors_fused.safetensors", model(successors(), Fused)?),
        ("codegen/tests/models/orbit_fused.safetensors", model(orbit(), Fused)?),
        ("codegen/tests/models/orbit_plain.safetensors", model(painted(), Plain)?),
        ("codegen/tests/models/truncated.safetensors", tiny[..tiny.len() - 1].to_vec()),
        ("codegen/tests/models/shape.safetensors", edited(&tiny, br#"[8]"#, br#"[9]"#)),
        ("codegen/tests/models/nan.safetensors", nan),
        ("codegen/tests/models/tiny.safetensors", tiny),
    ])
}

fn made(shape: [usize; 2], hidden: Vec<usize>, pairwise: bool, symmetry: Symmetry) -> Description {
    preset::made(&shape, &hidden, pairwise, symmetry)
}

/// Ten spins up and ten down.
fn counts() -> Description {
    let made = made([4, 5], vec![60], true, Symmetry::Z2);
    preset::within(made, CountsSpec { counts: vec![10, 10] })
}

/// Spins that are as likely wherever the lattice begins, and as their mirror image.
fn orbit() -> Description {
    let group = GroupSpec { translations: true, ..Default::default() };
    of_group(made([3, 3], vec![10], true, Symmetry::Z2), group)
}

/// Three colours of which none is before another, in a square that may be turned.
fn painted() -> Description {
    let mut colours = made([2, 2], vec![13], true, Symmetry::None);
    if let Description::Sites(sites) = &mut colours {
        sites.conditional = CategoricalSpec { categories: Categories::All(3) }.into();
    }
    let values = Values::Permutations;
    of_group(colours, GroupSpec { point: true, values, ..Default::default() })
}

fn of_group(mut description: Description, group: GroupSpec) -> Description {
    if let Description::Sites(sites) = &mut description {
        sites.group = Some(group);
    }
    description
}

/// Four of seven, in ascending order.
fn increasing() -> Description {
    preset::within(alike([2, 2], 13, 7), IncreasingSpec {})
}

/// A walk that may end in 3, from where there is no way on.
fn successors() -> Description {
    let next = [&[1, 2][..], &[0, 2, 3], &[0, 1, 2], &[]].map(<[u16]>::to_vec).to_vec();
    preset::within(alike([1, 9], 25, 4), SuccessorsSpec::new(vec![0, 1], next))
}

/// Sites of so many categories each, by so many units.
fn alike(shape: [usize; 2], units: usize, categories: u32) -> Description {
    let network = MaskedSpec { hidden: vec![units], direct: true, ..Default::default() };
    preset::sites(&shape, network, CategoricalSpec { categories: Categories::All(categories) })
}

/// Sites of few categories and of many.
fn categories() -> Description {
    let mut description = made([2, 3], vec![17], true, Symmetry::None);
    if let Description::Sites(sites) = &mut description {
        let each = [2, 5, 3, 4, 2, 7].map(Kind::Category).to_vec();
        sites.conditional = CategoricalSpec { categories: Categories::Each(each) }.into();
    }
    description
}

/// Columns of real numbers and of integers, given a value.
fn table() -> Description {
    let columns = vec![
        Column::integers(2.5, 2.0).between(0.0, f32::INFINITY),
        Column::real(-1.0, 0.25),
        Column::real(0.3, 1.2).between(0.0, 1.0),
        Column::integers(3.0, 1.0).between(1.0, 6.0),
    ];
    let mut description = preset::table(columns, 3, &[14], true);
    if let Description::Sites(sites) = &mut description {
        sites.context = 1;
    }
    description
}

/// Columns of circles, of real numbers and of integers.
fn clock() -> Description {
    let columns = vec![
        Column::circle(0.0, 24.0),
        Column::real(2.0, 0.5).between(0.0, f32::INFINITY),
        Column::circle(-180.0, 180.0),
        Column::integers(3.0, 1.5),
    ];
    preset::table(columns, 3, &[13], true)
}

/// Angles among real numbers, of which two are parts of a whole.
fn mixed() -> Description {
    let bound = std::f32::consts::PI;
    let spline = |tails| RationalQuadraticSpec::linear(4, bound).with_tails(tails);
    let angles = |text: &str| text.chars().map(|angle| angle == '1').collect();
    let network = MlpSpec { hidden: vec![12], ..Default::default() };
    let masked = MaskedSpec { hidden: vec![14], ..Default::default() };
    let layers = [
        CouplingSpec {
            mask: angles("01011"),
            network: PeriodicSpec { angles: angles("100"), bound, network }.into(),
            univariate: spline(Tails::Free).into(),
        }
        .into(),
        PermuteSpec { order: vec![2, 0, 3, 1, 4] }.into(),
        AutoregressiveSpec {
            order: vec![4, 1, 0, 3, 2],
            kept: 0,
            fast: Direction::Density,
            network: PeriodicSpec { angles: angles("01010"), bound, network: masked }.into(),
            univariate: spline(Tails::Free).into(),
        }
        .into(),
        SimplexSpec { parts: angles("10001"), total: 1.0 }.into(),
    ];
    let mut description = preset::flow(&[5], layers, false);
    if let Description::Flow(flow) = &mut description {
        let (first, rest) = (UniformSpec { bound }.into(), NormalSpec {}.into());
        flow.base = ProductSpec { coordinates: 2, first, rest }.into();
    }
    description
}

/// A flow of two scales over an image of 2 × 4 pixels: all of it, squeezed to four channels, and two channels
/// of these.
fn multiscale() -> Description {
    let map = AffineSpec { log_scale_bound: 2.0 };
    let partial = |range, layer: PlainLayerSpec| LayerSpec::from(PartialSpec { range, layer });
    let coupling = |mask: [bool; 4]| -> PlainLayerSpec {
        let network = MlpSpec { hidden: vec![10], ..Default::default() }.into();
        CouplingSpec { mask: mask.to_vec(), network, univariate: map.into() }.into()
    };
    let checkers = (0..8usize).map(|d| (d / 4 + d).is_multiple_of(2));
    let channel = [true, true, false, false];
    let network = MaskedSpec { hidden: vec![9], ..Default::default() }.into();
    let (order, fast) = (vec![1, 0], Direction::Density);
    let layers = [
        partial([4, 8], coupling(channel)),
        partial([4, 8], coupling(channel.map(|kept| !kept))),
        partial([4, 8], LuSpec {}.into()),
        partial(
            [5, 7],
            AutoregressiveSpec { order, kept: 0, fast, network, univariate: map.into() }.into(),
        ),
        // Where each pixel is after the squeeze.
        PermuteSpec { order: vec![0, 2, 1, 3, 4, 6, 5, 7] }.into(),
        preset::coupling(checkers, &[14], map),
    ];
    preset::flow(&[2, 4], layers, true)
}

fn couplings(dim: usize, n: usize, univariate: UnivariateSpec) -> impl Iterator<Item = LayerSpec> {
    let mask = move |l: usize| (0..dim).map(move |d| (d + l).is_multiple_of(2));
    (0..n).map(move |l| preset::coupling(mask(l), &[24, 10 + l], univariate))
}

fn flow(dim: usize, affine: bool) -> Description {
    let map = AffineSpec { log_scale_bound: 2.5 };
    preset::flow(&[dim], couplings(dim, 4, map.into()), affine)
}

fn nsf(dim: usize, affine: bool) -> Description {
    let map = RationalQuadraticSpec::linear(6, 4.0);
    preset::flow(&[dim], couplings(dim, 3, map.into()), affine)
}

/// Affine couplings, given a context as it is.
fn flow_given() -> Description {
    let mut description = flow(4, false);
    if let Description::Flow(flow) = &mut description {
        flow.context = 2;
    }
    description
}

/// Layers of alternating order.
fn layers(
    dim: usize,
    hidden: [usize; 2],
    fast: Direction,
    univariate: UnivariateSpec,
) -> [LayerSpec; 2] {
    let (up, down) = ((0..dim).collect(), (0..dim).rev().collect());
    [up, down].map(|order| preset::autoregressive(order, fast, &hidden, univariate))
}

fn maf(dim: usize) -> Description {
    let map = AffineSpec { log_scale_bound: 2.5 };
    preset::flow(&[dim], layers(dim, [20, 17], Direction::Density, map.into()), true)
}

/// The same given a context.
fn maf_given() -> Description {
    let mut description = maf(4);
    if let Description::Flow(flow) = &mut description {
        flow.context = 2;
    }
    description
}

fn iaf_spline(dim: usize) -> Description {
    let map = RationalQuadraticSpec::linear(4, 3.0);
    preset::flow(&[dim], layers(dim, [18, 9], Direction::Sampling, map.into()), false)
}

/// Linear layers around a coupling.
fn linear() -> Description {
    let mask = [true, false, true, false, false];
    let map = AffineSpec { log_scale_bound: 2.5 };
    let layers = [
        LuSpec {}.into(),
        preset::coupling(mask, &[16], map),
        RotationSpec { reflections: 3 }.into(),
        PermuteSpec { order: vec![1, 4, 0, 3, 2] }.into(),
        LuSpec {}.into(),
    ];
    preset::flow(&[5], layers, true)
}

/// A flow of several kinds of layers, given three values that a network embeds.
fn given() -> Description {
    let [spline, affine]: [UnivariateSpec; 2] =
        [RationalQuadraticSpec::linear(5, 4.0).into(), AffineSpec { log_scale_bound: 2.0 }.into()];
    let mask = [true, false, false, true];
    let layers = [
        preset::coupling(mask, &[16], spline),
        preset::autoregressive(vec![2, 0, 3, 1], Direction::Sampling, &[12, 9], affine),
        preset::coupling(mask.map(|kept| !kept), &[16], spline),
    ];
    let mut description = preset::flow(&[4], layers, true);
    if let Description::Flow(flow) = &mut description {
        let network = MlpSpec { hidden: vec![7], ..Default::default() }.into();
        flow.context = 3;
        flow.embedding = Some(EmbeddingSpec { outputs: 4, network });
    }
    description
}

/// A lattice of spins from coarse to fine with the heat bath of the Ising model, of which so many levels have
/// weights of their own.
fn lattice(levels: usize) -> Description {
    let heat_bath = HeatBathSpec { couplings: vec![0.88], field: vec![0.0] };
    let mut lattice = preset::multilevel(8, 16, AnyActivation::Smoothstep, Some(heat_bath));
    if let Description::Sites(SitesSpec {
        network: SitesNetworkSpec::Multilevel(network), ..
    }) = &mut lattice
    {
        network.levels = levels;
    }
    lattice
}

/// A lattice of three colours with biases, two hidden layers and a heat bath in a field.
fn colours() -> Description {
    let couplings = vec![1.0, -0.1, 0.0, -0.1, 0.9, 0.2, 0.0, 0.2, 1.1];
    let network = MultilevelSpec {
        hidden: vec![7, 5],
        activation: AnyActivation::Leaky,
        levels: 2,
        reach: [10, 5],
        biased: true,
        heat_bath: Some(HeatBathSpec { couplings, field: vec![0.1, 0.0, -0.2] }),
    };
    preset::sites(&[4, 4], network, CategoricalSpec { categories: Categories::All(3) })
}

/// Rows and columns of spins, as likely as their mirror image, by a residual convolution.
fn blocks() -> Description {
    let network = ConvolutionSpec {
        columns: 6,
        hidden: vec![17; 3],
        reach: vec![[2, 2], [0, 0], [1, 2], [1, 1]],
        residual: true,
        ..Default::default()
    };
    let mut blocks = preset::sites(&[5, 6], network, BernoulliSpec {});
    if let Description::Sites(sites) = &mut blocks {
        sites.symmetry = Symmetry::Z2;
    }
    blocks
}

/// A sequence of four letters, three of each.
fn sequence() -> Description {
    let network = ConvolutionSpec {
        columns: 12,
        hidden: vec![9],
        reach: vec![[0, 5], [0, 3]],
        activation: AnyActivation::Tanh,
        ..Default::default()
    };
    let letters = CategoricalSpec { categories: Categories::All(4) };
    preset::within(preset::sites(&[12], network, letters), CountsSpec { counts: vec![3; 4] })
}

/// A flow on a box, from uniform noise.
fn boxed() -> Description {
    let closed = |tails| RationalQuadraticSpec::linear(4, 3.0).with_tails(tails);
    let order = vec![2, 0, 3, 1];
    let layers = [
        preset::coupling([true, false, false, true], &[16], RationalQuadraticSpec::linear(5, 2.5)),
        PermuteSpec { order: order.clone() }.into(),
        preset::autoregressive(order, Direction::Density, &[12, 9], closed(Tails::Box)),
        preset::coupling([false, true, true, false], &[11], closed(Tails::Circular)),
    ];
    let mut description = preset::flow(&[4], layers, false);
    if let Description::Flow(flow) = &mut description {
        flow.base = UniformSpec { bound: 3.0 }.into();
    }
    description
}

/// A flow of which some coordinates lie between bounds.
fn bounded() -> Description {
    let bounds = BoundsSpec {
        lower: vec![f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, -2.0],
        upper: vec![f32::INFINITY, f32::INFINITY, 3.0, 0.5],
    };
    let map = AffineSpec { log_scale_bound: 2.5 };
    let layers = couplings(4, 2, map.into()).chain([bounds.into()]);
    preset::flow(&[4], layers, false)
}

/// A flow on a torus whose networks read angles, and whose splines are cut at either end of the circle.
fn torus() -> Description {
    let bound = std::f32::consts::PI;
    let closed = |tails| RationalQuadraticSpec::linear(4, bound).with_tails(tails);
    let angles = |text: &str| text.chars().map(|angle| angle == '1').collect();
    let network = MlpSpec { hidden: vec![12], ..Default::default() };
    let masked = MaskedSpec { hidden: vec![12, 9], ..Default::default() };
    let layers = [
        CouplingSpec {
            mask: angles("101"),
            network: PeriodicSpec { angles: angles("11"), bound, network }.into(),
            univariate: closed(Tails::Circular).into(),
        }
        .into(),
        AutoregressiveSpec {
            order: vec![2, 0, 1],
            kept: 0,
            fast: Direction::Density,
            network: PeriodicSpec { angles: angles("111"), bound, network: masked }.into(),
            univariate: closed(Tails::HalfTurn).into(),
        }
        .into(),
    ];
    let mut description = preset::flow(&[3], layers, false);
    if let Description::Flow(flow) = &mut description {
        flow.base = VonMisesSpec { concentration: 0.5 }.into();
    }
    description
}

/// A flow of residual networks.
fn residual() -> Description {
    let (activation, residual) = (AnyActivation::Silu, true);
    let univariate: UnivariateSpec = AffineSpec { log_scale_bound: 2.0 }.into();
    let hidden = vec![12; 3];
    let masked = MaskedSpec {
        hidden: hidden.clone(),
        direct: false,
        activation,
        residual,
        ..Default::default()
    };
    let (order, fast) = (vec![2, 0, 3, 1], Direction::Density);
    let mask = vec![true, false, false, true];
    let network = MlpSpec { hidden, activation, residual }.into();
    let layers: [LayerSpec; 2] = [
        CouplingSpec { mask, network, univariate }.into(),
        AutoregressiveSpec { order, kept: 0, fast, network: masked.into(), univariate }.into(),
    ];
    preset::flow(&[4], layers, true)
}

/// Spins of a residual network, whose units are not as many a site.
fn spins_residual() -> Description {
    let mut description = made([2, 9], vec![], true, Symmetry::None);
    if let Description::Sites(sites) = &mut description {
        let activation = AnyActivation::Tanh;
        let network = MaskedSpec {
            hidden: vec![25; 5],
            direct: true,
            activation,
            residual: true,
            ..Default::default()
        };
        sites.network = network.into();
    }
    description
}

/// A flow of analytic maps, each made by a network of other units.
fn analytic() -> Description {
    let mask = [true, false, false, true, false];
    let coupling = |mask: [bool; 5], activation, univariate| -> LayerSpec {
        let network = MlpSpec { hidden: vec![11, 7], activation, residual: false }.into();
        CouplingSpec { mask: mask.to_vec(), network, univariate }.into()
    };
    let autoregressive = |fast, activation, univariate| -> LayerSpec {
        let network = MaskedSpec {
            hidden: vec![13],
            direct: true,
            activation,
            residual: false,
            ..Default::default()
        };
        let (network, order) = (network.into(), vec![2, 0, 4, 3, 1]);
        AutoregressiveSpec { order, kept: 0, fast, network, univariate }.into()
    };
    let sinh: UnivariateSpec = SinhSpec { bound: 2.0 }.into();
    let cubic: UnivariateSpec = CubicRationalSpec {}.into();
    let layers = [
        coupling(mask, AnyActivation::Relu, sinh),
        autoregressive(Direction::Density, AnyActivation::Elu, cubic),
        coupling(mask.map(|kept| !kept), AnyActivation::Gelu, cubic),
        autoregressive(Direction::Sampling, AnyActivation::Tanh, sinh),
    ];
    preset::flow(&[5], layers, false)
}

/// A flow of distribution functions of mixtures, which has no exact sampler.
fn gaussianisation() -> Description {
    let map = |cdf, shrink| MixtureCdfSpec { cdf, components: 3, spread: 1.0, shrink };
    let mask = [true, false, false];
    let layers = [
        preset::coupling(mask, &[8], map(AnyCdf::Logistic, 0.0)),
        preset::autoregressive(vec![2, 0, 1], Direction::Density, &[9], map(AnyCdf::Normal, 1e-6)),
    ];
    preset::flow(&[3], layers, true)
}

/// A flow of the affine maps of other libraries.
fn scales() -> Description {
    use Direction::{Density, Sampling};
    let map = |scale, multiplies| LocationScaleSpec { scale, multiplies };
    let mask = [true, false, false, true, false];
    let (exp, sigmoid) = (ScaleSpec::Exp, ScaleSpec::Sigmoid { least: 1e-3 });
    let soft = ScaleSpec::SoftExp { least: 1e-3 };
    let softplus = ScaleSpec::Softplus { least: 1e-3, most: 3.0 };
    let layers = [
        preset::coupling(mask, &[12], map(exp, Sampling)),
        preset::autoregressive(vec![2, 0, 4, 3, 1], Density, &[12], map(softplus, Density)),
        preset::coupling(mask.map(|kept| !kept), &[12], map(sigmoid, Density)),
        preset::autoregressive(vec![1, 3, 2, 0, 4], Density, &[12], map(soft, Density)),
    ];
    preset::flow(&[5], layers, false)
}

/// A flow from a mixture.
fn mixture() -> Description {
    let mut description = flow(4, true);
    if let Description::Flow(flow) = &mut description {
        flow.base = MixtureSpec { components: 3 }.into();
    }
    description
}

/// A flow on a torus, from von Mises noise.
fn circle() -> Description {
    let (bound, tails) = (std::f32::consts::PI, Tails::Circular);
    let map = RationalQuadraticSpec::linear(4, bound).with_tails(tails);
    let mask = [true, false, true];
    let layers =
        [preset::coupling(mask, &[12], map), preset::coupling(mask.map(|kept| !kept), &[9], map)];
    let mut description = preset::flow(&[3], layers, false);
    if let Description::Flow(flow) = &mut description {
        flow.base = VonMisesSpec { concentration: 3.0 }.into();
    }
    description
}

/// Spins given two values.
fn spins_given() -> Description {
    let mut description = preset::made(&[2, 9], &[36], true, Symmetry::Z2);
    if let Description::Sites(sites) = &mut description {
        sites.context = 2;
    }
    description
}

/// A model file with normally distributed weights of width 0.3.
pub(crate) fn model(description: Description, arithmetic: Arithmetic) -> Result<Vec<u8>> {
    let mut model = Model::new(description, arithmetic)?;
    let weights: Vec<f32> = (0..model.parameters().len() as u32)
        .map(|i| 0.3 * normal(Scalar, block([0, 0], [i, 0])[0]))
        .collect();
    let weights = if model.description().holds_integers() {
        let numbers: Vec<f32> = weights.iter().map(|x| x.clamp(-1.0, 1.0)).collect();
        integers::integers(model.description(), &numbers)
    } else {
        weights
    };
    model.set_parameters(&weights)?;
    model.provenance.insert("weights".into(), "noise of width 0.3, for tests".into());
    Ok(model.to_bytes()?)
}

/// The model file with `n` golden rows of the stream `seed`.
fn golden(seed: u64, n: usize, bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(Model::from_bytes(bytes)?.with_golden_rows(seed, n)?.to_bytes()?)
}

/// `bytes` with the first `from` replaced by `to`, of the same length.
fn edited(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}
