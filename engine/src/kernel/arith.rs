//! The two ways to round a multiply-add, as a value and as a type.

use crate::simd::Simd;

/// How a dense multiply-add is rounded.
///
/// The two give different bits, so a model file names its own; each is the same on every target
/// that supports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "model", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "model", serde(rename_all = "lowercase"))]
pub enum Arithmetic {
    /// `a·b + c` rounds once: what AVX2, AVX-512, NEON and Cortex-M4F do in one instruction.
    Fused,
    /// `a·b` rounds, then the sum rounds: identical on every target.
    Plain,
    /// Products and sums of integers, which do not round: a quantised model's
    /// ([`Integer`](crate::network::Integer)). What such a model has beside them is [`Plain`].
    Integer,
}

impl Arithmetic {
    /// The name, as files have it and reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Arithmetic::Fused => "fused",
            Arithmetic::Plain => "plain",
            Arithmetic::Integer => "integer",
        }
    }
}

/// [`Arithmetic`] as a type, so that a compiled model links one copy of its kernels.
pub trait Arith: Copy + Send + Sync + 'static {
    /// The value of this type.
    const ARITHMETIC: Arithmetic;
    /// Whether a multiply-add rounds once.
    const FUSES: bool = matches!(Self::ARITHMETIC, Arithmetic::Fused);
    /// `a·b + c`, rounded as the arithmetic says.
    fn mul_add<S: Simd>(s: S, a: S::F, b: S::F, c: S::F) -> S::F;
}

/// Fused multiply-adds; see [`Arithmetic::Fused`].
#[derive(Clone, Copy, Debug)]
pub struct Fused;

impl Fused {
    /// Whether the target has an instruction for it, as far as the compiler was told. Elsewhere it
    /// is emulated, with the same bits, unless the CPU turns out to have one
    /// ([`Level::fuses`](crate::simd::Level::fuses)); firmware has no such surprises, and `model!`
    /// refuses a fused model there.
    pub const IS_NATIVE: bool = cfg!(any(
        cortex_m_fpu,
        all(target_arch = "aarch64", target_feature = "neon"),
        all(target_arch = "x86_64", target_feature = "fma"),
    ));
}

/// Multiplications and additions that round apart; see [`Arithmetic::Plain`].
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// Integers; see [`Arithmetic::Integer`]. What floats there are multiply and add as under [`Plain`].
#[derive(Clone, Copy, Debug)]
pub struct Integer;

impl Arith for Integer {
    const ARITHMETIC: Arithmetic = Arithmetic::Integer;
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
        Plain::mul_add(s, a, b, c)
    }
}

impl Arith for Fused {
    const ARITHMETIC: Arithmetic = Arithmetic::Fused;
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
        s.mul_add(a, b, c)
    }
}

impl Arith for Plain {
    const ARITHMETIC: Arithmetic = Arithmetic::Plain;
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
        s.add(s.mul(a, b), c)
    }
}
