//! What the vector levels have in common: [`level!`] makes one from a table with one line an
//! operation.

/// An expression of intrinsics of the features that the token in `self` proves.
macro_rules! proven {
    ($e:expr) => {{
        // SAFETY: the intrinsics need only the CPU features whose presence `self` proves, and they
        // touch no memory but the array behind a reference of exactly their width.
        #[allow(unused_unsafe)]
        unsafe {
            $e
        }
    }};
}

/// Whether the CPU has all of some x86 features: asked at run time with `std`, known to the
/// compiler without.
#[cfg(target_arch = "x86_64")]
macro_rules! detected {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        let has = $(std::arch::is_x86_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let has = cfg!(all($(target_feature = $feature),+));
        has
    }};
}

/// A token type and its [`Simd`](super::Simd) implementation from a table of operations.
///
/// `$has` says whether this CPU has `$features`: the one condition on which all that is unsafe in a
/// table rests. `also` holds methods that replace the trait's own.
macro_rules! level {
    (
        $(#[$doc:meta])*
        $name:ident: $lanes:literal lanes with $features:literal, if $has:expr;
        type F = $f:ty;
        type U = $u:ty;
        type M = $m:ty;
        $(fn $op:ident $(<const $n:ident: u32>)? ($($arg:ident: $ty:ty),*) $(-> $out:ty)? = $e:expr;)+
        $(also { $($more:tt)+ })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(());

        impl $name {
            /// The token, if this CPU has the level.
            #[inline]
            pub fn new() -> Option<Self> {
                $has.then_some(Self(()))
            }
        }

        type F = $f;
        type U = $u;
        type M = $m;
        type Array = [f32; $lanes];

        impl super::Simd for $name {
            type F = F;
            type U = U;
            type M = M;
            type Array = Array;
            type One = super::Scalar;
            const LANES: usize = $lanes;
            const LEVEL: super::Level = super::Level::$name;

            #[inline(always)]
            fn vectorize<K: super::Kernel>(self, kernel: K) -> K::Output {
                #[inline(never)]
                #[target_feature(enable = $features)]
                fn with_features<K: super::Kernel>(s: $name, kernel: K) -> K::Output {
                    kernel.run(s)
                }
                proven!(with_features(self, kernel))
            }
            #[inline(always)]
            fn one(self) -> super::Scalar {
                super::Scalar
            }
            #[inline(always)]
            fn array(x: f32) -> Array {
                [x; $lanes]
            }
            #[inline(always)]
            fn chunks(xs: &[f32]) -> (&[Array], &[f32]) {
                xs.as_chunks()
            }
            #[inline(always)]
            fn chunks_mut(xs: &mut [f32]) -> (&mut [Array], &mut [f32]) {
                xs.as_chunks_mut()
            }
            $(
                #[inline(always)]
                fn $op $(<const $n: u32>)? (self, $($arg: $ty),*) $(-> $out)? {
                    proven!($e)
                }
            )+
            $($($more)+)?
        }
    };
}
