//! A column of a table: what its values are, its units and its bounds.

#[cfg(feature = "model")]
use alloc::format;
#[cfg(feature = "model")]
use alloc::string::String;

use core::f32::consts::TAU;

use crate::layer::Bound;
#[cfg(feature = "model")]
use crate::layer::are_bounds;
use crate::math;
#[cfg(feature = "model")]
use crate::model::Faults;
use crate::simd::Simd;

/// Integers lie between this and its negative, also where they have no bounds.
pub const MAX_INTEGER: f32 = 4_194_303.0;

/// What values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Real numbers.
    Real,
    /// Integers.
    Integer,
    /// Points of a circle.
    Circle,
}

/// A column; see the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// What its values are.
    pub values: Values,
    /// The middle of its values, on their line.
    pub location: f32,
    /// The width of their distribution; of a circle its radius.
    pub scale: f32,
    /// What they are greater than, if they are real, their least if they are integers, and where a circle
    /// begins; −∞ for none.
    pub lower: f32,
    /// What they are less than, or their largest, and where a circle ends; ∞ for none.
    pub upper: f32,
}

impl Column {
    /// Real numbers without bounds.
    pub const fn real(location: f32, scale: f32) -> Self {
        let (lower, upper) = (f32::NEG_INFINITY, f32::INFINITY);
        Self { values: Values::Real, location, scale, lower, upper }
    }

    /// Integers without bounds.
    pub const fn integers(location: f32, scale: f32) -> Self {
        Self { values: Values::Integer, ..Self::real(location, scale) }
    }

    /// A circle of which these are one point.
    pub const fn circle(lower: f32, upper: f32) -> Self {
        let (location, scale) = (0.5 * lower + 0.5 * upper, (upper - lower) / TAU);
        Self { values: Values::Circle, location, scale, lower, upper }
    }

    /// The same with these bounds, −∞ and ∞ for none.
    pub const fn between(self, lower: f32, upper: f32) -> Self {
        Self { lower, upper, ..self }
    }

    /// The least and the largest of its integers.
    #[inline(always)]
    pub fn ends(&self) -> [f32; 2] {
        [self.lower.max(-MAX_INTEGER), self.upper.min(MAX_INTEGER)]
    }

    /// The bounds of its real numbers, if it has any.
    #[inline(always)]
    pub fn bound(&self) -> Option<Bound> {
        match self.values {
            Values::Real => Bound::of(self.lower, self.upper),
            Values::Integer | Values::Circle => None,
        }
    }

    /// The value at `y`.
    #[inline(always)]
    pub(super) fn value<S: Simd>(&self, s: S, y: S::F) -> S::F {
        let y = if self.values == Values::Circle { shorter(s, y) } else { y };
        let x = s.add(s.splat(self.location), s.mul(s.splat(self.scale), y));
        let within = |[least, most]: [f32; 2]| {
            let x = s.select(s.lt(s.splat(least), x), x, s.splat(least));
            s.select(s.lt(x, s.splat(most)), x, s.splat(most))
        };
        match (self.values, self.bound()) {
            (Values::Integer, _) => math::round(s, within(self.ends())),
            (Values::Circle, _) => within([self.lower, self.upper]),
            (Values::Real, None) => x,
            (Values::Real, Some(bound)) => bound.sampling(s, x).0,
        }
    }

    /// `y` of a value, which may lie between integers, and what ln p has more for the value than for its
    /// place on its line (nats).
    #[inline(always)]
    pub(super) fn place<S: Simd>(&self, s: S, x: S::F) -> (S::F, S::F) {
        let (x, slope) = match self.bound() {
            None => (x, s.splat(0.0)),
            Some(bound) => bound.density(s, x),
        };
        (s.div(s.sub(x, s.splat(self.location)), s.splat(self.scale)), slope)
    }
}

/// The shorter way round to the same point: what differs from `y` by whole turns and is nearest to 0.
#[inline(always)]
pub(super) fn shorter<S: Simd>(s: S, y: S::F) -> S::F {
    let turns = math::round(s, s.mul(y, s.splat(1.0 / TAU)));
    s.sub(y, s.mul(turns, s.splat(TAU)))
}

/// As files have it.
#[cfg(feature = "model")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "crate::model::is_false")]
    integer: bool,
    #[serde(default, skip_serializing_if = "crate::model::is_false")]
    circle: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lower: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upper: Option<f32>,
}

#[cfg(feature = "model")]
impl serde::Serialize for Column {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Column { values, location, scale, lower, upper } = *self;
        let (integer, circle) = (values == Values::Integer, values == Values::Circle);
        let unit = |x: f32| (!circle).then_some(x);
        let (location, scale) = (unit(location), unit(scale));
        let some = |x: f32| x.is_finite().then_some(x);
        let (lower, upper) = (some(lower), some(upper));
        Written { integer, circle, location, scale, lower, upper }.serialize(serializer)
    }
}

#[cfg(feature = "model")]
impl<'de> serde::Deserialize<'de> for Column {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { integer, circle, location, scale, lower, upper } =
            Written::deserialize(deserializer)?;
        let lower = lower.unwrap_or(f32::NEG_INFINITY);
        let upper = upper.unwrap_or(f32::INFINITY);
        let missing = serde::de::Error::missing_field;
        if circle {
            if integer || location.is_some() || scale.is_some() {
                let message = "a circle has `lower` and `upper`, and nothing else";
                return Err(serde::de::Error::custom(message));
            }
            return Ok(Self::circle(lower, upper));
        }
        let location = location.ok_or_else(|| missing("location"))?;
        let scale = scale.ok_or_else(|| missing("scale"))?;
        let own = if integer { Self::integers } else { Self::real };
        Ok(own(location, scale).between(lower, upper))
    }
}

#[cfg(feature = "model")]
impl Column {
    /// Notes what is wrong with it.
    pub(super) fn check(&self, faults: &mut Faults) {
        let Column { values, location, scale, lower, upper } = *self;
        if values == Values::Circle && !(lower.is_finite() && upper.is_finite()) {
            faults.wrong("upper", upper, "a circle with two ends");
            return;
        }
        if !location.is_finite() {
            faults.wrong("location", location, "a finite number");
        }
        if !scale.is_normal() || scale < 0.0 {
            faults.wrong("scale", scale, "a positive number");
        }
        let [least, most] = self.ends();
        let whole = |x: f32| x == x.trunc();
        if values != Values::Integer && !are_bounds(lower, upper) {
            faults.wrong("upper", upper, format!("more than the lower bound, {lower}"));
        }
        // Nothing is less than NaN.
        if values == Values::Integer && !(least < most && whole(least) && whole(most)) {
            let found = format!("integers from {lower} to {upper}");
            let expected = format!("two at least, between -{MAX_INTEGER} and {MAX_INTEGER}");
            faults.wrong("upper", found, expected);
        }
    }

    pub(super) fn source(&self) -> String {
        let Column { values, location, scale, lower, upper } = *self;
        let bound = |x: f32| match x {
            f32::NEG_INFINITY => "f32::NEG_INFINITY".into(),
            f32::INFINITY => "f32::INFINITY".into(),
            x => format!("{x:?}"),
        };
        let (lower, upper) = (bound(lower), bound(upper));
        let path = "engine::conditional::logistics";
        format!(
            "{path}::Column {{ values: {path}::Values::{values:?}, location: {location:?}, \
             scale: {scale:?}, lower: {lower}, upper: {upper} }}"
        )
    }
}
