//! Bounds of coordinates: the real line carried to where a quantity can be.
//!
//! Each coordinate may have a lower bound `a`, an upper bound `b`, or both; the data lie between them and
//! not on them:
//!
//! ```text
//! lower:  z = ln(x − a)               x = a + eᶻ          ln f′ = −z
//! upper:  z = −ln(b − x)              x = b − e⁻ᶻ         ln f′ = z
//! both:   z = ln(x − a) − ln(b − x)   x = a + (b − a) σ(z)
//!         ln f′ = ln(b − a) − ln(x − a) − ln(b − x) = |z| + 2 ln(1 + e^−|z|) − ln(b − a)
//! ```
//!
//! As the last layer of a flow it makes a density of positive numbers or of fractions, of which a value
//! outside scores −∞. It has no parameters. These are Stan's transforms of constrained variables
//! (Carpenter et al. 2017, doi:10.18637/jss.v076.i01), but for the sign of z beneath an upper bound, which
//! ascends here.
//!
//! A draw never lies on a bound: where rounding would put it there, it is the float next to it. From both
//! bounds a value is measured from the nearer one.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::string::String;
#[cfg(feature = "model")]
use alloc::vec::Vec;

use crate::bijection::{Bijection, Direction, Tile};
use crate::kernel::Lanes;
use crate::math;
#[cfg(feature = "model")]
use crate::model::{Faults, LayerPart, Packer, Sizes, Source, Sources, Support, Tensors};
use crate::simd::{Kernel, Scalar, Simd};

/// The bounds of all coordinates, infinite where there are none; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    lower: &'a [f32],
    upper: &'a [f32],
}

/// Whether these are bounds of a coordinate: with some float between them, and as far apart as floats
/// can tell.
pub fn are_bounds(lower: f32, upper: f32) -> bool {
    let width = upper - lower;
    let finite = width.is_finite() || lower.is_infinite() || upper.is_infinite();
    // Nothing is less than NaN.
    finite
        && lower < f32::INFINITY
        && upper > f32::NEG_INFINITY
        && lower.next_up() < upper.next_down()
}

impl<'a> Bounds<'a> {
    /// With these bounds, −∞ and ∞ for none; `None` if there are not as many of one kind as of the other,
    /// or if some [are none](are_bounds).
    pub fn new(lower: &'a [f32], upper: &'a [f32]) -> Option<Self> {
        let mut pairs = lower.iter().zip(upper);
        let fits = lower.len() == upper.len() && pairs.all(|(a, b)| are_bounds(*a, *b));
        fits.then(|| Self::trusted(lower, upper))
    }

    /// Bounds that were checked before, by `model!` or when the model was read.
    #[doc(hidden)]
    pub const fn trusted(lower: &'a [f32], upper: &'a [f32]) -> Self {
        Self { lower, upper }
    }
}

impl Bijection for Bounds<'_> {
    fn fits(&self, dim: usize, _: usize) -> bool {
        self.lower.len() == dim && self.upper.len() == dim
    }

    fn scratch(&self) -> usize {
        0
    }

    #[inline(always)]
    fn apply<L: Lanes>(&self, lanes: L, direction: Direction, tile: &mut Tile<'_, L>) {
        lanes.call(Run { bounds: *self, lanes, direction, tile });
    }
}

/// The layer at work, in a function of its own.
struct Run<'r, 't, 'a, L: Lanes> {
    bounds: Bounds<'a>,
    lanes: L,
    direction: Direction,
    tile: &'r mut Tile<'t, L>,
}

impl<L: Lanes> Kernel for Run<'_, '_, '_, L> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { bounds: Bounds { lower, upper }, lanes, direction, tile } = self;
        let s = lanes.s();
        for (x, (lower, upper)) in tile.x.iter_mut().zip(lower.iter().zip(upper)) {
            let Some(bound) = Bound::of(*lower, *upper) else { continue };
            for (r, x) in x.as_mut().iter_mut().enumerate() {
                let (new, log_derivative) = match direction {
                    Direction::Sampling => bound.sampling(s, s.load(x)),
                    Direction::Density => bound.density(s, s.load(x)),
                };
                s.store(new, x);
                tile.log_prob.add(lanes, r, log_derivative);
            }
        }
    }
}

/// The bounds of a coordinate that has some.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// From below.
    Lower(f32),
    /// From above.
    Upper(f32),
    /// From both sides.
    Both(f32, f32),
}

impl Bound {
    /// That of these, −∞ and ∞ for none.
    #[inline(always)]
    pub fn of(lower: f32, upper: f32) -> Option<Self> {
        match (lower == f32::NEG_INFINITY, upper == f32::INFINITY) {
            (true, true) => None,
            (false, true) => Some(Self::Lower(lower)),
            (true, false) => Some(Self::Upper(upper)),
            (false, false) => Some(Self::Both(lower, upper)),
        }
    }

    /// A number, or the float next to the bound that it is not within.
    pub fn within(self, x: f32) -> f32 {
        match self {
            Self::Lower(lower) => x.max(lower.next_up()),
            Self::Upper(upper) => x.min(upper.next_down()),
            Self::Both(lower, upper) => x.clamp(lower.next_up(), upper.next_down()),
        }
    }

    /// f(x) and ln f′; 0 and −∞ of what is not between the bounds.
    #[inline(always)]
    pub fn density<S: Simd>(self, s: S, x: S::F) -> (S::F, S::F) {
        let (zero, outside) = (s.splat(0.0), s.splat(f32::NEG_INFINITY));
        let from = |lower| s.sub(x, s.splat(lower));
        let to = |upper| s.sub(s.splat(upper), x);
        match self {
            Self::Lower(lower) => {
                let (y, z) = (from(lower), math::ln(s, from(lower)));
                let inside = s.lt(zero, y);
                (s.select(inside, z, zero), s.select(inside, s.sub(zero, z), outside))
            }
            Self::Upper(upper) => {
                let (y, z) = (to(upper), s.sub(zero, math::ln(s, to(upper))));
                let inside = s.lt(zero, y);
                (s.select(inside, z, zero), s.select(inside, z, outside))
            }
            Self::Both(lower, upper) => {
                let (l, r) = (math::ln(s, from(lower)), math::ln(s, to(upper)));
                let log_width = s.splat(math::ln(Scalar, upper - lower));
                let (z, slope) = (s.sub(l, r), s.sub(s.sub(log_width, l), r));
                let within = |z, otherwise| {
                    let z = s.select(s.lt(zero, from(lower)), z, otherwise);
                    s.select(s.lt(zero, to(upper)), z, otherwise)
                };
                (within(z, zero), within(slope, outside))
            }
        }
    }

    /// x and ln f′(x).
    #[inline(always)]
    pub fn sampling<S: Simd>(self, s: S, z: S::F) -> (S::F, S::F) {
        let zero = s.splat(0.0);
        let minus = s.sub(zero, z);
        let at_least = |x, least: f32| {
            let least = s.splat(least.next_up());
            s.select(s.lt(x, least), least, x)
        };
        let at_most = |x, most: f32| {
            let most = s.splat(most.next_down());
            s.select(s.lt(most, x), most, x)
        };
        match self {
            Self::Lower(lower) => {
                let x = s.add(s.splat(lower), math::exp(s, z));
                (at_least(x, lower), minus)
            }
            Self::Upper(upper) => {
                let x = s.sub(s.splat(upper), math::exp(s, minus));
                (at_most(x, upper), z)
            }
            Self::Both(lower, upper) => {
                let (width, left) = (upper - lower, s.lt(z, zero));
                let size = s.select(left, minus, z);
                let part = math::sigmoid(s, s.sub(zero, size));
                let step = s.mul(s.splat(width), part);
                let x = s.select(left, s.add(s.splat(lower), step), s.sub(s.splat(upper), step));
                let bend = math::softplus(s, s.sub(zero, size));
                let log_width = s.splat(math::ln(Scalar, width));
                let slope = s.sub(s.add(size, s.add(bend, bend)), log_width);
                (at_most(at_least(x, lower), upper), slope)
            }
        }
    }
}

/// `{"kind": "bounds", "lower": [null, 0.0, …], "upper": [null, null, …]}`: a number for each coordinate,
/// or `null` where it has no such bound.
#[cfg(feature = "model")]
#[derive(Clone, Debug, PartialEq)]
pub struct BoundsSpec {
    /// Lower bounds, −∞ for none.
    pub lower: Vec<f32>,
    /// Upper bounds, ∞ for none.
    pub upper: Vec<f32>,
}

/// As files have it.
#[cfg(feature = "model")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    lower: Vec<Option<f32>>,
    upper: Vec<Option<f32>>,
}

#[cfg(feature = "model")]
impl serde::Serialize for BoundsSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let some = |x: &f32| x.is_finite().then_some(*x);
        let lower = self.lower.iter().map(some).collect();
        let upper = self.upper.iter().map(some).collect();
        Written { lower, upper }.serialize(serializer)
    }
}

#[cfg(feature = "model")]
impl<'de> serde::Deserialize<'de> for BoundsSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { lower, upper } = Written::deserialize(deserializer)?;
        let or = |all: Vec<Option<f32>>, none: f32| {
            all.into_iter().map(|bound| bound.unwrap_or(none)).collect()
        };
        Ok(Self { lower: or(lower, f32::NEG_INFINITY), upper: or(upper, f32::INFINITY) })
    }
}

#[cfg(feature = "model")]
impl LayerPart for BoundsSpec {
    type Built<'a> = Bounds<'a>;

    fn check(&self, sizes: Sizes, faults: &mut Faults) {
        for (field, bounds) in [("lower", &self.lower), ("upper", &self.upper)] {
            if bounds.len() != sizes.dim {
                let found = format!("{} coordinates", bounds.len());
                faults.wrong(field, found, sizes.dim);
                return;
            }
        }
        let mut pairs = self.lower.iter().zip(&self.upper).enumerate();
        if let Some((d, (lower, upper))) = pairs.find(|(_, (a, b))| !are_bounds(**a, **b)) {
            let found = format!("{upper} of coordinate {d}");
            faults.wrong("upper", found, format!("more than its lower bound, {lower}"));
        }
    }

    fn supports(&self, supports: &mut [Support], faults: &mut Faults) {
        for (support, (lower, upper)) in supports.iter_mut().zip(self.lower.iter().zip(&self.upper))
        {
            if Bound::of(*lower, *upper).is_none() {
                continue;
            }
            if *support != Support::Line {
                faults.wrong("kind", *support, "the real line where there are bounds");
                return;
            }
            *support = Support::Bounded { lower: *lower, upper: *upper };
        }
    }

    fn tensors(&self, _: Sizes, _: &mut Tensors) {}

    fn pack(&self, _: Sizes, _: &mut Packer<'_>) {}

    fn build<'a>(&'a self, _: Sizes, _: &'a [f32]) -> Bounds<'a> {
        Bounds::trusted(&self.lower, &self.upper)
    }

    fn source(&self, sizes: Sizes, sources: &mut Sources) -> Source {
        sources.table(4 + 2 * sizes.dim);
        let list = |bounds: &[f32]| -> String {
            let each = |x: &f32| match *x {
                f32::NEG_INFINITY => "f32::NEG_INFINITY, ".into(),
                f32::INFINITY => "f32::INFINITY, ".into(),
                x => format!("{x:?}, "),
            };
            bounds.iter().map(each).collect()
        };
        let ty = "engine::layer::Bounds";
        sources.code(ty, 3);
        let (lower, upper) = (list(&self.lower), list(&self.upper));
        Source {
            ty: format!("{ty}<'static>"),
            value: format!("{ty}::trusted(&[{lower}], &[{upper}])"),
        }
    }
}
