//! Integers in the lanes: the arithmetic of quantised networks.

use super::{Kernel, Level, Simd};

/// The level `S` with signed 32-bit integers where it has floats: sums, products and comparisons are
/// those of integers and wrap. In memory a lane holds an integer's bits.
///
/// So the dense kernels and the walks of networks, which add, multiply and compare, are the same code
/// for floats and for integers. What is no operation of integers (division, square root, the
/// conversions) gives back its argument, or the first of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Integers<S>(pub S);

/// A kernel that is run with integers.
struct OnIntegers<K>(K);

impl<K: Kernel> Kernel for OnIntegers<K> {
    type Output = K::Output;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> K::Output {
        self.0.run(Integers(s))
    }
}

impl<S: Simd> Simd for Integers<S> {
    type F = S::U;
    type U = S::U;
    type M = S::M;
    type Array = S::Array;
    type One = Integers<S::One>;
    const LANES: usize = S::LANES;
    const LEVEL: Level = S::LEVEL;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        self.0.vectorize(OnIntegers(kernel))
    }
    #[inline(always)]
    fn one(self) -> Self::One {
        Integers(self.0.one())
    }
    #[inline(always)]
    fn splat(self, x: f32) -> S::U {
        self.0.splat_u(x.to_bits())
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> S::U {
        self.0.splat_u(x)
    }
    #[inline(always)]
    fn lane_numbers(self) -> S::U {
        self.0.lane_numbers()
    }
    #[inline(always)]
    fn array(x: f32) -> S::Array {
        S::array(x)
    }
    #[inline(always)]
    fn load(self, a: &S::Array) -> S::U {
        self.0.bits(self.0.load(a))
    }
    #[inline(always)]
    fn store(self, x: S::U, a: &mut S::Array) {
        self.0.store(self.0.from_bits(x), a);
    }
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[S::Array], &[f32]) {
        S::chunks(xs)
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [S::Array], &mut [f32]) {
        S::chunks_mut(xs)
    }
    #[inline(always)]
    fn add(self, a: S::U, b: S::U) -> S::U {
        self.0.add_u(a, b)
    }
    #[inline(always)]
    fn sub(self, a: S::U, b: S::U) -> S::U {
        self.0.sub_u(a, b)
    }
    #[inline(always)]
    fn mul(self, a: S::U, b: S::U) -> S::U {
        self.0.mul_u(a, b)
    }
    #[inline(always)]
    fn div(self, a: S::U, _: S::U) -> S::U {
        a
    }
    #[inline(always)]
    fn sqrt(self, x: S::U) -> S::U {
        x
    }
    #[inline(always)]
    fn mul_add(self, a: S::U, b: S::U, c: S::U) -> S::U {
        self.0.add_u(self.0.mul_u(a, b), c)
    }
    #[inline(always)]
    fn lt(self, a: S::U, b: S::U) -> S::M {
        let top = self.0.splat_u(0x8000_0000);
        self.0.lt_u(self.0.xor(a, top), self.0.xor(b, top))
    }
    #[inline(always)]
    fn select(self, mask: S::M, yes: S::U, no: S::U) -> S::U {
        let s = self.0;
        s.bits(s.select(mask, s.from_bits(yes), s.from_bits(no)))
    }
    #[inline(always)]
    fn bits(self, x: S::U) -> S::U {
        x
    }
    #[inline(always)]
    fn from_bits(self, x: S::U) -> S::U {
        x
    }
    #[inline(always)]
    fn trunc_to_i32(self, x: S::U) -> S::U {
        x
    }
    #[inline(always)]
    fn i32_to_float(self, x: S::U) -> S::U {
        x
    }
    #[inline(always)]
    fn mul_u(self, a: S::U, b: S::U) -> S::U {
        self.0.mul_u(a, b)
    }
    const DOT: bool = S::DOT;
    #[inline(always)]
    fn dot(self, a: S::U, b: S::U, c: S::U) -> S::U {
        self.0.dot(a, b, c)
    }
    #[inline(always)]
    fn add_u(self, a: S::U, b: S::U) -> S::U {
        self.0.add_u(a, b)
    }
    #[inline(always)]
    fn sub_u(self, a: S::U, b: S::U) -> S::U {
        self.0.sub_u(a, b)
    }
    #[inline(always)]
    fn xor(self, a: S::U, b: S::U) -> S::U {
        self.0.xor(a, b)
    }
    #[inline(always)]
    fn and(self, a: S::U, b: S::U) -> S::U {
        self.0.and(a, b)
    }
    #[inline(always)]
    fn or(self, a: S::U, b: S::U) -> S::U {
        self.0.or(a, b)
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: S::U) -> S::U {
        self.0.shl::<N>(a)
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: S::U) -> S::U {
        self.0.shr::<N>(a)
    }
    #[inline(always)]
    fn lt_u(self, a: S::U, b: S::U) -> S::M {
        self.0.lt_u(a, b)
    }
    #[inline(always)]
    fn load_first(self, xs: &[f32]) -> S::U {
        self.0.bits(self.0.load_first(xs))
    }
    #[inline(always)]
    fn store_first(self, x: S::U, xs: &mut [f32]) {
        self.0.store_first(self.0.from_bits(x), xs);
    }
}
