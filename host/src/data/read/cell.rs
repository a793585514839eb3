//! From a number in a file to one in a row.

use pushforward::domain::Kind;

/// What rows are read into.
pub trait Cell: Copy {
    /// A number with a fraction, rounded to the type.
    ///
    /// # Errors
    /// It is not finite in this type, or outside the domain.
    fn fraction(x: f64, kind: Kind) -> Result<Self, String>;
    /// A whole number.
    ///
    /// # Errors
    /// The type does not hold it exactly, or it is outside the domain.
    fn whole(n: i128, kind: Kind) -> Result<Self, String>;
}

macro_rules! cell {
    ($type:ty) => {
        impl Cell for $type {
            #[inline]
            fn fraction(x: f64, kind: Kind) -> Result<Self, String> {
                match kind {
                    Kind::Real if (x as $type).is_finite() => Ok(x as $type),
                    Kind::Real => Err(format!(
                        "found {x}, expected a finite number within {}'s range",
                        stringify!($type)
                    )),
                    // −0 is no category.
                    kind if kind.contains(x as f32) && f64::from(x as f32) == x => Ok(x as $type),
                    Kind::Spin => Err(no_spin(x)),
                    kind => Err(format!("found {x}, expected {kind}")),
                }
            }

            #[inline]
            fn whole(n: i128, kind: Kind) -> Result<Self, String> {
                match kind {
                    Kind::Real if (n as $type) as i128 == n => Ok(n as $type),
                    Kind::Real => Err(format!(
                        "found {n}, expected a number that {} holds exactly (as f64 it would be \
                         rounded)",
                        stringify!($type)
                    )),
                    kind if n.unsigned_abs() <= 1 << 16 && kind.contains(n as f32) => {
                        Ok(n as $type)
                    }
                    Kind::Spin => Err(no_spin(n)),
                    kind => Err(format!("found {n}, expected {kind}")),
                }
            }
        }
    };
}
cell!(f32);
cell!(f64);

/// A truth value, 0 or 1.
///
/// # Errors
/// As [`Cell::whole`].
pub(super) fn truth<T: Cell>(value: bool, kind: Kind) -> Result<T, String> {
    match kind {
        Kind::Spin => Err(no_spin(if value { "True" } else { "False" })),
        kind => T::whole(value.into(), kind),
    }
}

fn no_spin(found: impl std::fmt::Display) -> String {
    let found = found.to_string();
    // The usual other way to write spins.
    let hint = if matches!(&found[..], "0" | "False" | "True") {
        "; 2x - 1 makes spins of 0 and 1"
    } else {
        ""
    };
    format!("found {found}, expected a spin, -1 or 1{hint}")
}
