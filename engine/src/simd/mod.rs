//! Vectors of `f32` and `u32`: the one door through which the engine meets the CPU.
//!
//! [`Simd`] is a zero-size token with the two dozen operations that the kernels need and no more.
//! Holding a token proves that the CPU has the feature, so kernels written over it contain no
//! `unsafe`; all of the engine's `unsafe` is in this folder. An algorithm is written once, generic
//! over `S: Simd`, and run by [`Simd::vectorize`] inside a function compiled for that feature.
//!
//! A level is a file with one line an operation (`level!`) and a line in `levels!`; the tests
//! `levels`, `laws` and `bits` then run on it, and `cross` runs them on processors that this machine
//! has not. SSE2 and `simd128` have no fused multiply-add: they emulate it in `f64`, 1.2 to 2.5
//! times as fast as the scalar level does (measured for MADE and RealNVP, alone and in batch), so
//! the widest level is the best one for either arithmetic. Where speed matters there, `plain`
//! models are 5 to 10 times as fast as `fused` ones.
//!
//! Why a trait of our own and not a SIMD crate: the numeric contract needs every operation to
//! have one rounding that is the same on all levels (`mul_add` is *always* fused, `min`/`max` do
//! not exist because their NaN rules differ), the scalar level has to be the oracle on targets
//! without an FPU, and detection has to work without `std`. Tried with `fearless_simd` 1.2.0 in
//! place of it, on [`exp`](crate::math::exp) and a dense tile of 16 outputs (Xeon, Sapphire
//! Rapids): its bits can be controlled as well, if `mul_add_precise` is always used and never
//! `mul_add`, which fuses or not as the CPU does, and they were equal; so was the speed at AVX2 and
//! AVX-512 (28 and 46 G multiply-adds/s), while its emulation reached 0.7 G/s against our 0.9, and
//! its tile took 537 and 1371 bytes of code against 343 and 526. Against it decided that its
//! AVX-512 is Ice Lake's (ours needs F, DQ and BW, which Skylake has), that its fallback has four lanes
//! where a microcontroller wants one, and that 125,000 generated lines take 9 s of compilation
//! where the tables here have 250.
//!
//! Integers are multiplied two at a time ([`Simd::dot`]) where lanes are samples: of 16 bits, which holds what
//! networks of integers read. x86 has had an instruction for it since SSE2, WebAssembly has it too; NEON
//! multiplies and adds words in one as it is. VNNI's `VPDPBUSD` and Arm's `SDOT` take four bytes, but want a weight's
//! neighbours beside it, unsigned inputs or a CPU that may lack them; `VPDPWSSD` would save the one addition.
//!
//! Memory is seen as arrays ([`Simd::Array`] is `[f32; LANES]`), which safe code cuts out of a
//! slice with [`Simd::chunks`]; registers are [`Simd::F`] and [`Simd::U`].

#[allow(unused_macros, reason = "there are targets without vectors")]
#[macro_use]
mod vector;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod bytes;
pub mod embed;
mod integers;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2;
#[cfg(cortex_m_fpu)]
pub(crate) mod thumb;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use integers::Integers;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub use neon::Neon;
pub use scalar::{Scalar, fma};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use simd128::Simd128;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub use sse2::Sse2;

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
    /// One lane with the same arithmetic.
    type One: Simd<Array = [f32; 1]>;
    /// Floats in a vector.
    const LANES: usize;
    /// The level this token stands for.
    const LEVEL: Level;

    /// Runs `kernel` in a function compiled with this level's instructions. It is a real call and
    /// never inlined: kernels use it to keep one copy of a loop for all its callers.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    /// The level of one lane.
    fn one(self) -> Self::One;
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

    /// The lanes of two vectors in turn, `a₀ b₀ a₁ b₁ …`: the first half of them and the second.
    /// Repeated over the rows of a square block it transposes the block.
    #[inline(always)]
    fn interleave(self, a: Self::F, b: Self::F) -> [Self::F; 2] {
        let (mut from_a, mut from_b) = (Self::array(0.0), Self::array(0.0));
        self.store(a, &mut from_a);
        self.store(b, &mut from_b);
        let turns = from_a.as_ref().iter().zip(from_b.as_ref()).flat_map(|(a, b)| [*a, *b]);
        let (mut first, mut second) = (Self::array(0.0), Self::array(0.0));
        for (to, lane) in first.as_mut().iter_mut().chain(second.as_mut()).zip(turns) {
            *to = lane;
        }
        [self.load(&first), self.load(&second)]
    }

    /// The bits of a float.
    fn bits(self, x: Self::F) -> Self::U;
    /// The float with these bits.
    fn from_bits(self, x: Self::U) -> Self::F;
    /// Truncation towards zero to a signed integer; the input must lie in (-2^31, 2^31).
    /// Outside (and for NaN) the result is unspecified, but it is a result.
    fn trunc_to_i32(self, x: Self::F) -> Self::U;
    /// The word as a signed integer, rounded to float.
    fn i32_to_float(self, x: Self::U) -> Self::F;
    /// Wrapping product of words, the lower half.
    fn mul_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// Whether [`Simd::dot`] takes fewer instructions than what it is made of.
    const DOT: bool = false;
    /// `c` and two products, of the lower halves of `a` and `b` and of the upper ones, as signed integers of 16 bits;
    /// sums wrap.
    #[inline(always)]
    fn dot(self, a: Self::U, b: Self::U, c: Self::U) -> Self::U {
        let low = |x| self.sar::<16>(self.shl::<16>(x));
        let products = self
            .add_u(self.mul_u(low(a), low(b)), self.mul_u(self.sar::<16>(a), self.sar::<16>(b)));
        self.add_u(c, products)
    }
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
    /// Words shifted right by `N` < 32 bits, copies of the sign coming in.
    #[inline(always)]
    fn sar<const N: u32>(self, a: Self::U) -> Self::U {
        let top = 0x8000_0000;
        let shifted = self.shr::<N>(self.xor(a, self.splat_u(top)));
        self.sub_u(shifted, self.splat_u(top >> N))
    }
    /// `a < b` as unsigned words.
    fn lt_u(self, a: Self::U, b: Self::U) -> Self::M;

    /// One lane after another through `f`: the slow path for generators that have no lanes.
    #[inline(always)]
    fn from_words(self, mut f: impl FnMut() -> u32) -> Self::U {
        let mut words = Self::array(0.0);
        for word in words.as_mut() {
            *word = f32::from_bits(f());
        }
        self.bits(self.load(&words))
    }

    /// The first floats of a slice, zeros past its end.
    #[inline(always)]
    fn load_first(self, xs: &[f32]) -> Self::F {
        if let Some(a) = Self::chunks(xs).0.first() {
            return self.load(a);
        }
        let mut a = Self::array(0.0);
        for (to, from) in a.as_mut().iter_mut().zip(xs) {
            *to = *from;
        }
        self.load(&a)
    }
    /// To the front of a slice, as many lanes as it holds.
    #[inline(always)]
    fn store_first(self, x: Self::F, xs: &mut [f32]) {
        if let Some(a) = Self::chunks_mut(xs).0.first_mut() {
            return self.store(x, a);
        }
        let mut a = Self::array(0.0);
        self.store(x, &mut a);
        for (to, from) in xs.iter_mut().zip(a.as_ref()) {
            *to = *from;
        }
    }
}

/// [`Level`] and [`dispatch`] from one line a level, from least to most.
macro_rules! levels {
    ($(
        $(#[$doc:meta])*
        $level:ident = $name:literal, $lanes:literal lanes, fuses: $fuses:literal, on $target:meta;
    )+) => {
        /// What a CPU offers, from least to most; see [`Level::best`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Level {
            /// One lane, plain Rust: the oracle, and the level of microcontrollers.
            Scalar,
            $($(#[$doc])* $level,)+
        }

        impl Level {
            /// Every level this CPU can run, the widest last.
            pub fn available() -> impl Iterator<Item = Level> {
                [Level::Scalar, $(Level::$level),+].into_iter().filter(|l| l.is_available())
            }

            /// Whether this CPU can run the level.
            pub fn is_available(self) -> bool {
                match self {
                    Level::Scalar => true,
                    $(
                        #[cfg($target)]
                        Level::$level => $level::new().is_some(),
                        #[cfg(not($target))]
                        Level::$level => false,
                    )+
                }
            }

            /// Samples or outputs in a vector.
            pub const fn lanes(self) -> usize {
                match self {
                    Level::Scalar => 1,
                    $(Level::$level => $lanes,)+
                }
            }

            /// Whether a fused multiply-add of a dense kernel is one instruction at this level. At
            /// the others it is emulated, with the same bits, many times slower than a
            /// multiplication and an addition.
            pub const fn fuses(self) -> bool {
                match self {
                    Level::Scalar => {
                        cfg!(cortex_m_fpu)
                    }
                    $(Level::$level => $fuses,)+
                }
            }

            /// The name, as reports print it.
            pub fn name(self) -> &'static str {
                match self {
                    Level::Scalar => "scalar",
                    $(Level::$level => $name,)+
                }
            }
        }

        /// Runs `kernel` at `level`, or at the scalar level where the CPU lacks it (the bits are
        /// equal).
        #[inline]
        pub fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
            match level {
                $(
                    #[cfg($target)]
                    Level::$level => {
                        if let Some(s) = $level::new() {
                            return s.vectorize(kernel);
                        }
                    }
                )+
                _ => {}
            }
            Scalar.vectorize(kernel)
        }
    };
}

levels! {
    /// Four lanes, on every x86-64 CPU; fused multiply-adds are emulated.
    Sse2 = "sse2", 4 lanes, fuses: false, on all(target_arch = "x86_64", target_feature = "sse2");
    /// Four lanes, on every 64-bit Arm CPU.
    Neon = "neon", 4 lanes, fuses: true, on all(target_arch = "aarch64", target_feature = "neon");
    /// Four lanes, in WebAssembly compiled with `simd128`; fused multiply-adds are emulated.
    Simd128 = "simd128", 4 lanes, fuses: false, on all(target_arch = "wasm32", target_feature = "simd128");
    /// Eight lanes.
    Avx2 = "avx2", 8 lanes, fuses: true, on target_arch = "x86_64";
    /// Sixteen lanes.
    Avx512 = "avx512", 16 lanes, fuses: true, on target_arch = "x86_64";
}

impl Level {
    /// The widest level this CPU can run: found once at run time with feature `std`, fixed by the
    /// compiler's target features without.
    pub fn best() -> Level {
        Self::available().last().unwrap_or(Level::Scalar)
    }
}

/// Whether this thread's arithmetic is the one that bits are promised for: subnormal numbers are
/// neither read nor written as zero, and results are rounded to nearest.
///
/// A thread has it unless something changed it: a C library compiled with `-ffast-math` may, when
/// it is loaded. Without it, samples and log-probabilities have other bits, and nothing else says
/// so. A dozen operations.
///
/// ```
/// assert!(pushforward::simd::is_ieee());
/// ```
pub fn is_ieee() -> bool {
    use core::hint::black_box;
    let tiny = black_box(f32::MIN_POSITIVE);
    let one = black_box(1.0f32);
    let up = black_box(f32::EPSILON * 0.75);
    let down = black_box(f32::EPSILON * 0.25);
    let halved = black_box(tiny * black_box(0.5));
    // A result is not flushed, nor an operand.
    let subnormal = halved.to_bits() == 0x0040_0000 && halved + halved == tiny;
    // Up, down and towards zero each miss one of these.
    let nearest = one + up == 1.0 + f32::EPSILON && one + down == 1.0 && -one - down == -1.0;
    subnormal && nearest
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use core::arch::asm;
    use core::hint::black_box;

    use super::*;

    const FLUSH_TO_ZERO: u32 = 0x8000;
    const DENORMALS_ARE_ZERO: u32 = 0x0040;

    /// Runs `then` with more bits set in this thread's MXCSR.
    fn under<T>(bits: u32, then: impl FnOnce() -> T) -> T {
        let mut before = 0u32;
        // SAFETY: stores a word to a place that is borrowed mutably.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut before, options(nostack)) };
        let changed = before | bits;
        // SAFETY: loads a valid MXCSR, exceptions still masked. Rust assumes the default one, so
        // nothing runs under this but `then`, whose operands the compiler cannot see.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const changed, options(nostack)) };
        let result = black_box(then)();
        // SAFETY: restores the word from before.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const before, options(nostack)) };
        result
    }

    #[test]
    fn flush_to_zero_and_other_roundings_are_noticed() {
        assert!(is_ieee());
        let (down, up, to_zero) = (0x2000, 0x4000, 0x6000);
        for bits in [FLUSH_TO_ZERO, DENORMALS_ARE_ZERO, down, up, to_zero] {
            assert!(!under(bits, is_ieee), "{bits:#x}");
        }
        assert!(under(0, is_ieee));
    }

    /// The limit of the promise, as the crate's documentation states it.
    #[test]
    fn flush_to_zero_changes_bits() {
        let tail = || crate::math::exp(Scalar, black_box(-100.0f32)).to_bits();
        assert!(tail() > 0);
        assert_eq!(under(FLUSH_TO_ZERO, tail), 0);
    }
}
