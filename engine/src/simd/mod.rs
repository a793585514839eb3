//! Vectors of `f32` and `u32`: the one door through which the engine meets the CPU.
//!
//! [`Simd`] is a zero-size token with the two dozen operations that the kernels need and no more.
//! Holding a token proves that the CPU has the feature, so kernels written over it contain no
//! `unsafe`; all of the engine's `unsafe` is in this folder. An algorithm is written once, generic
//! over `S: Simd`, and run by [`Simd::vectorize`] inside a function compiled for that feature.
//!
//! Why a trait of our own and not a SIMD crate: the numeric contract needs every operation to
//! have one rounding that is the same on all levels (`mul_add` is *always* fused, `min`/`max` do
//! not exist because their NaN rules differ), the scalar level has to be the oracle on targets
//! without an FPU, and detection has to work without `std`. That leaves about 25 one-line
//! operations a level, which is less code than the adapter would be.
//!
//! Memory is seen as arrays ([`Simd::Array`] is `[f32; LANES]`), which safe code cuts out of a
//! slice with [`Simd::chunks`]; registers are [`Simd::F`] and [`Simd::U`].

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod embed;
mod scalar;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
pub(crate) mod thumb;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use scalar::{Scalar, fma};

/// An algorithm to be compiled once for each level; see [`dispatch`].
pub trait Kernel {
    /// What the algorithm returns.
    type Output;
    /// Runs it. Mark the implementation `#[inline(always)]`, or the level's instructions are lost.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// A SIMD level: a token that proves the CPU has it, and its operations.
///
/// All floating-point operations round to nearest even and give IEEE 754 results, on every level,
/// including subnormals. Lanes are independent.
#[allow(clippy::wrong_self_convention, reason = "`self` is the level, not the thing converted")]
pub trait Simd: Copy + Send + Sync + 'static {
    /// `LANES` floats in a register.
    type F: Copy;
    /// `LANES` 32-bit words in a register.
    type U: Copy;
    /// `LANES` booleans in a register.
    type M: Copy;
    /// `[f32; LANES]`: the form in memory.
    type Array: Copy + AsRef<[f32]> + AsMut<[f32]> + Send + Sync + 'static;
    /// Floats in a vector.
    const LANES: usize;
    /// The level this token stands for.
    const LEVEL: Level;

    /// Runs `kernel` in a function compiled with this level's instructions. It is a real call and
    /// never inlined: kernels use it to keep one copy of a loop for all its callers.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    /// The same float in all lanes.
    fn splat(self, x: f32) -> Self::F;
    /// The same word in all lanes.
    fn splat_u(self, x: u32) -> Self::U;
    /// `0, 1, 2, …`: the number of each lane.
    fn lane_numbers(self) -> Self::U;
    /// The same float in a vector's form in memory.
    fn array(x: f32) -> Self::Array;
    /// From memory.
    fn load(self, a: &Self::Array) -> Self::F;
    /// To memory.
    fn store(self, x: Self::F, a: &mut Self::Array);
    /// A slice as whole vectors and the rest.
    fn chunks(xs: &[f32]) -> (&[Self::Array], &[f32]);
    /// A slice as whole vectors and the rest.
    fn chunks_mut(xs: &mut [f32]) -> (&mut [Self::Array], &mut [f32]);

    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `√x`, correctly rounded; NaN below zero, and `√−0 = −0`.
    fn sqrt(self, x: Self::F) -> Self::F;
    /// `a · b + c` with one rounding: fused on every level, emulated where the CPU has no such
    /// instruction.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a < b`, false with a NaN.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// `yes` where the mask is set, `no` elsewhere.
    fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F;

    /// The bits of a float.
    fn bits(self, x: Self::F) -> Self::U;
    /// The float with these bits.
    fn from_bits(self, x: Self::U) -> Self::F;
    /// Truncation towards zero to a signed integer; the input must lie in (-2^31, 2^31).
    /// Outside (and for NaN) the result is unspecified, but it is a result.
    fn trunc_to_i32(self, x: Self::F) -> Self::U;
    /// The word as a signed integer, rounded to float.
    fn i32_to_float(self, x: Self::U) -> Self::F;
    /// Wrapping sum of words.
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// Wrapping difference of words.
    fn sub_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise exclusive or.
    fn xor(self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise and.
    fn and(self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise or.
    fn or(self, a: Self::U, b: Self::U) -> Self::U;
    /// Words shifted left by `N` < 32 bits.
    fn shl<const N: u32>(self, a: Self::U) -> Self::U;
    /// Words shifted right by `N` < 32 bits, zeros coming in.
    fn shr<const N: u32>(self, a: Self::U) -> Self::U;
    /// `a < b` as unsigned words.
    fn lt_u(self, a: Self::U, b: Self::U) -> Self::M;

    /// One lane after another through `f`: the slow path for generators that have no lanes.
    fn from_words(self, f: impl FnMut() -> u32) -> Self::U;

    /// Weights as a vector: the `j`-th group of `LANES` of a panel row, zeros past its end.
    fn load_part<const W: usize>(self, row: &[f32; W], j: usize) -> Self::F;
}

/// What a CPU offers, from least to most; see [`Level::best`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// One lane, plain Rust: the oracle, and the level of microcontrollers.
    Scalar,
    /// Eight lanes with fused multiply-add.
    Avx2,
    /// Sixteen lanes.
    Avx512,
}

impl Level {
    /// Every level this CPU can run, the widest last.
    pub fn available() -> impl Iterator<Item = Level> {
        [Level::Scalar, Level::Avx2, Level::Avx512].into_iter().filter(|l| l.is_available())
    }

    /// The widest level this CPU can run: found once at run time with feature `std`, fixed by the
    /// compiler's target features without.
    pub fn best() -> Level {
        Self::available().last().unwrap_or(Level::Scalar)
    }

    /// Whether this CPU can run the level.
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Avx2::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Avx512::new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
        }
    }

    /// Samples or outputs in a vector.
    pub const fn lanes(self) -> usize {
        match self {
            Level::Scalar => 1,
            Level::Avx2 => 8,
            Level::Avx512 => 16,
        }
    }

    /// The name, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

/// Runs `kernel` at `level`, or at the scalar level where the CPU lacks it (the bits are equal).
#[inline]
pub fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            if let Some(s) = Avx512::new() {
                return s.vectorize(kernel);
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            if let Some(s) = Avx2::new() {
                return s.vectorize(kernel);
            }
        }
        _ => {}
    }
    Scalar.vectorize(kernel)
}
