//! Supports: where the coordinates of a flow live between its layers.
//!
//! A base says where its noise lies ([`BasePart::support`](super::BasePart::support)), and each layer
//! what becomes of that ([`LayerPart::supports`](super::LayerPart::supports)): from noise to data, a
//! layer has to be a bijection of what the one before it gives. A part that says nothing of it works
//! on the real line alone, so a new one need not know of the others. Nothing of this runs with a
//! model: it is checked once, when a description is.

use alloc::vec::Vec;
use core::fmt;

use super::Faults;

/// Where a coordinate lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Support {
    /// All real numbers.
    Line,
    /// From `-bound` to `bound`.
    Interval {
        /// Half its length.
        bound: f32,
    },
    /// Between bounds, of which either may be infinite, and not on them.
    Bounded {
        /// The lower one.
        lower: f32,
        /// The upper one.
        upper: f32,
    },
    /// A circle cut open: from `-bound` to `bound`, which are one and the same point.
    Circle {
        /// Half its circumference.
        bound: f32,
    },
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Support::Line => f.write_str("the real line"),
            Support::Interval { bound } => write!(f, "the interval from -{bound} to {bound}"),
            Support::Circle { bound } => write!(f, "the circle from -{bound} to {bound}"),
            Support::Bounded { lower, upper: f32::INFINITY } => {
                write!(f, "numbers greater than {lower}")
            }
            Support::Bounded { lower: f32::NEG_INFINITY, upper } => {
                write!(f, "numbers less than {upper}")
            }
            Support::Bounded { lower, upper } => {
                write!(f, "numbers between {lower} and {upper}")
            }
        }
    }
}

impl Support {
    /// Whether a value lies on it.
    pub fn contains(self, value: f32) -> bool {
        match self {
            Support::Line => value.is_finite(),
            Support::Interval { bound } | Support::Circle { bound } => value.abs() <= bound,
            Support::Bounded { lower, upper } => {
                value.is_finite() && lower < value && value < upper
            }
        }
    }
}

/// Each of the supports that a part works on, once.
pub(super) fn distinct(supports: impl Iterator<Item = Support>) -> Vec<Support> {
    let mut all = Vec::new();
    for support in supports {
        if !all.contains(&support) {
            all.push(support);
        }
    }
    all
}

/// Notes a part that works on the real line alone and is given something else.
pub(crate) fn real_line(support: Support, faults: &mut Faults) {
    if support != Support::Line {
        faults.wrong("kind", support, "the real line, which is all that this part moves");
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::layer::{AffineSpec, PermuteSpec};
    use crate::model::LayerPart;

    #[test]
    fn layers_carry_supports_or_say_that_they_cannot() {
        let interval = Support::Interval { bound: 2.5 };
        let mut supports = [Support::Line, interval, interval];
        let mut faults = Faults::default();
        PermuteSpec { order: [1, 0, 2].into() }.supports(&mut supports, &mut faults);
        assert_eq!(supports, [interval, Support::Line, interval]);
        assert!(faults.is_empty());
        AffineSpec {}.supports(&mut [Support::Line; 3], &mut faults);
        assert!(faults.is_empty());
        faults.within("layers.1", |faults| AffineSpec {}.supports(&mut supports, faults));
        assert_eq!(
            format!("{faults}"),
            "`layers.1.kind`: found the interval from -2.5 to 2.5, expected the real line, which is \
             all that this part moves"
        );
    }
}
