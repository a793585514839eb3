//! Dense kernels and the two ways of holding a sample: the layer that models are written on.
//!
//! A model is written once over [`Lanes`], which fixes how *one feature* is held:
//!
//! | | a value [`Lanes::V`] is | lanes of a dense kernel are |
//! |---|---|---|
//! | [`Batch`] | one feature of `R · LANES` samples | samples |
//! | [`Single`] | one feature of one sample | outputs |
//!
//! Both do the same arithmetic in the same order: an output is one accumulator that starts at its
//! bias and adds its inputs in ascending index. So the bits do not depend on the choice.
//!
//! # The packed layout
//! Every dense or masked layer is a list of *rectangles*: `n` outputs that read the same `k`
//! inputs. A rectangle is stored as strips of [`STRIP`] inputs, the last of fewer; a strip as
//! panels of [`PANEL`] outputs, then of 4, then of 1, as many as fit; a panel of width `w` as the
//! row-major matrix `[strip][w]`. A panel row is what `Single` loads as a vector and what `Batch`
//! broadcasts weight by weight; both read memory straight through. A strip's inputs are read by
//! all of its panels from the first-level cache.
//!
//! ```text
//! for strip in strips(k):                      # ascending inputs
//!     for panel in panels(n):                  # 16, 16, …, 4, …, 1, …
//!         for i in strip:
//!             for o in panel: acc[o] += w[i][o] · x[i]
//! ```

use crate::simd::{Kernel, Scalar, Simd};

/// Outputs in the widest panel.
pub const PANEL: usize = 16;

/// Inputs in a strip.
pub const STRIP: usize = 64;

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
}

/// [`Arithmetic`] as a type, so that a compiled model links one copy of its kernels.
pub trait Arith: Copy + Send + Sync + 'static {
    /// The value of this type.
    const ARITHMETIC: Arithmetic;
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

/// A stored weight; widening to `f32` is exact.
pub trait Weight: Copy + Send + Sync + 'static {
    /// Bytes of one weight in flash.
    const BYTES: usize;
    /// The value as `f32`.
    fn widen(self) -> f32;
    /// Rows that are `f32` already, for kernels that read memory themselves.
    fn as_f32<const W: usize>(rows: &[[Self; W]]) -> Option<&[[f32; W]]>;
    /// Widens a run of weights, several at once where the hardware can.
    #[inline(always)]
    fn widen_all(from: &[Self], to: &mut [f32]) {
        for (to, w) in to.iter_mut().zip(from) {
            *to = w.widen();
        }
    }
}

impl Weight for f32 {
    const BYTES: usize = 4;
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
    #[inline(always)]
    fn as_f32<const W: usize>(rows: &[[f32; W]]) -> Option<&[[f32; W]]> {
        Some(rows)
    }
}

impl Weight for half::f16 {
    const BYTES: usize = 2;
    /// Exact, subnormals included: the significand is moved into place and the exponent's bias
    /// changed by one multiplication by a power of two.
    #[inline(always)]
    fn widen(self) -> f32 {
        let bits = u32::from(self.to_bits());
        let magnitude = (bits & 0x7fff) << 13;
        let special = if magnitude >= 0x0f80_0000 { 0x7000_0000 } else { 0 };
        // 2^112 undoes the difference of the exponent biases (127 - 15).
        let x = f32::from_bits(magnitude | special) * f32::from_bits((127 + 112) << 23);
        f32::from_bits(x.to_bits() | (bits & 0x8000) << 16)
    }
    #[inline(always)]
    fn as_f32<const W: usize>(_: &[[Self; W]]) -> Option<&[[f32; W]]> {
        None
    }
    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn widen_all(from: &[Self], to: &mut [f32]) {
        crate::simd::thumb::widen(from, to);
    }
}

/// The first `n` elements and the rest; fewer when there are fewer.
///
/// Lengths are checked when a model is built, so "fewer" never happens; this form has no panic
/// path for the linker to keep.
#[inline(always)]
pub fn take<T>(xs: &[T], n: usize) -> (&[T], &[T]) {
    xs.split_at_checked(n).unwrap_or((xs, &[]))
}

/// [`take`] for mutable slices.
#[inline(always)]
pub fn take_mut<T>(xs: &mut [T], n: usize) -> (&mut [T], &mut [T]) {
    let n = n.min(xs.len());
    xs.split_at_mut_checked(n).unwrap_or_default()
}

/// Reads a model's packed weights in the order in which a kernel needs them.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a, T>(&'a [T]);

impl<'a, T> Cursor<'a, T> {
    /// A cursor at the start of `weights`.
    #[inline(always)]
    pub fn new(weights: &'a [T]) -> Self {
        Self(weights)
    }

    /// The next `n` weights.
    #[inline(always)]
    pub fn next(&mut self, n: usize) -> &'a [T] {
        let (now, later) = take(self.0, n);
        self.0 = later;
        now
    }
}

/// How one feature is held, and the kernels on features; see the module.
pub trait Lanes: Copy {
    /// The level of operations on one feature.
    type S: Simd;
    /// The level of operations on many features, one like the other: a lane is a sample in
    /// [`Batch`] and a feature in [`Single`].
    type E: Simd;
    /// One feature: `R` vectors of samples.
    type V: Copy + AsRef<[<Self::S as Simd>::Array]> + AsMut<[<Self::S as Simd>::Array]>;
    /// Samples held by a value.
    const SAMPLES: usize;

    /// The level's token.
    fn s(self) -> Self::S;
    /// A value with all lanes equal.
    fn splat(self, x: f32) -> Self::V;
    /// A buffer seen as values; the remainder is left out.
    fn values(buffer: &mut [f32]) -> &mut [Self::V];
    /// Vectors of the level [`Lanes::E`] that hold `n` features.
    fn vectors(n: usize) -> usize;
    /// The level's token.
    fn e(self) -> Self::E;
    /// Vector number `i` of these features; zeros past their end.
    fn get(self, features: &[Self::V], i: usize) -> <Self::E as Simd>::F;
    /// Replaces vector number `i` of these features.
    fn put(self, features: &mut [Self::V], i: usize, x: <Self::E as Simd>::F);
    /// One weight a feature, for vector number `i` of the features; zeros past their end.
    fn weights<T: Weight>(self, weights: &[T], i: usize) -> <Self::E as Simd>::F;
    /// Adds vector number `i` of `n` features to a sum over features, in ascending order.
    fn sum(self, sum: &mut Sum<Self::V>, i: usize, n: usize, x: <Self::E as Simd>::F);

    /// Runs a layer of `x.len()` inputs and `out.len()` outputs.
    fn dense<T: Weight>(self, layer: Dense<'_, T>, x: &[Self::V], out: &mut [Self::V]);

    /// Adds a rectangle of `x.len() × acc.len()` packed weights: `acc[o] += Σ_i w[i][o] x[i]`,
    /// inputs ascending.
    fn rectangle<T: Weight>(self, weights: &[T], x: &[Self::V], acc: &mut [Self::V]);

    /// Runs `then` in a function of its own, compiled for the level of the dense kernels.
    fn call<K: Kernel>(self, then: K) -> K::Output;
}

/// A dense layer: `out[o] = leaky(bias[o] + Σ_i w[i][o] x[i])`, one accumulator an output, inputs
/// ascending.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a, T> {
    /// One an output; empty where the accumulators hold their start already.
    pub bias: &'a [T],
    /// Packed as the module says.
    pub weights: &'a [T],
    /// One an output; empty where the sums are the outputs.
    pub slopes: &'a [T],
}

impl<'a, T> Dense<'a, T> {
    /// Without what only the first and the last strip of inputs have.
    #[inline(always)]
    fn strip(self, first: bool, last: bool) -> Self {
        let bias = if first { self.bias } else { &[] };
        let slopes = if last { self.slopes } else { &[] };
        Self { bias, slopes, ..self }
    }

    /// The next `outputs`, which have `n` weights.
    #[inline(always)]
    fn next(&mut self, outputs: usize, n: usize) -> Self {
        let ((bias, biases), (weights, rest), (slopes, later)) =
            (take(self.bias, outputs), take(self.weights, n), take(self.slopes, outputs));
        *self = Self { bias: biases, weights: rest, slopes: later };
        Self { bias, weights, slopes }
    }
}

/// A layer with its values, to be run as one [`Kernel`]: one copy of its loops for all layers, and
/// one without `ENDS` (biases and slopes) for rectangles, many of which are small.
struct Layer<'a, L: Lanes, T, const ENDS: bool> {
    lanes: L,
    dense: Dense<'a, T>,
    x: &'a [L::V],
    out: &'a mut [L::V],
}

/// `R` vectors of samples a feature, lanes = samples.
#[derive(Debug)]
pub struct Batch<S, A, const R: usize> {
    s: S,
    arith: core::marker::PhantomData<A>,
}

/// One sample, lanes = outputs.
#[derive(Debug)]
pub struct Single<S, A> {
    s: S,
    arith: core::marker::PhantomData<A>,
}

impl<S: Copy, A, const R: usize> Clone for Batch<S, A, R> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S: Copy, A, const R: usize> Copy for Batch<S, A, R> {}
impl<S: Copy, A> Clone for Single<S, A> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S: Copy, A> Copy for Single<S, A> {}

impl<S: Simd, A: Arith, const R: usize> Batch<S, A, R> {
    /// Tiles of `R` vectors at this level.
    #[inline(always)]
    pub fn new(s: S) -> Self {
        Self { s, arith: core::marker::PhantomData }
    }

    /// The accumulators of `O` outputs: their biases, or what `out` holds.
    #[inline(always)]
    fn begin<T: Weight, const O: usize>(
        self,
        bias: &[T],
        out: &[[S::Array; R]; O],
    ) -> [[S::F; R]; O] {
        let s = self.s;
        let mut c = [[s.splat(0.0); R]; O];
        if let Some(bias) = bias.first_chunk::<O>() {
            for (c, b) in c.iter_mut().zip(bias) {
                *c = [s.splat(b.widen()); R];
            }
        } else {
            for (c, out) in c.as_flattened_mut().iter_mut().zip(out.as_flattened()) {
                *c = s.load(out);
            }
        }
        c
    }

    /// Stores `O` sums, made leaky where there are slopes.
    #[inline(always)]
    fn end<T: Weight, const O: usize>(
        self,
        mut c: [[S::F; R]; O],
        slopes: &[T],
        out: &mut [[S::Array; R]; O],
    ) {
        let s = self.s;
        if let Some(slopes) = slopes.first_chunk::<O>() {
            for (c, slope) in c.iter_mut().zip(slopes) {
                let slope = s.splat(slope.widen());
                for c in c {
                    *c = leaky_unit(s, *c, slope);
                }
            }
        }
        for (c, out) in c.as_flattened().iter().zip(out.as_flattened_mut()) {
            s.store(*c, out);
        }
    }

    /// A panel of width `W`, `O` outputs at a time.
    #[inline(always)]
    fn panel<T: Weight, const W: usize, const O: usize>(
        self,
        mut dense: Dense<'_, T>,
        x: &[[S::Array; R]],
        out: &mut [[S::Array; R]; W],
    ) {
        let s = self.s;
        let panel = dense.weights.as_chunks::<W>().0;
        for (q, out) in out.as_chunks_mut::<O>().0.iter_mut().enumerate() {
            let Dense { bias, slopes, .. } = dense.next(O, 0);
            let mut c = self.begin(bias, out);
            for (row, x) in panel.iter().zip(x) {
                let Some(row) = row.as_chunks::<O>().0.get(q) else { return };
                let mut v = [s.splat(0.0); R];
                for (v, x) in v.iter_mut().zip(x) {
                    *v = s.load(x);
                }
                for (c, w) in c.iter_mut().zip(row) {
                    let w = s.splat(w.widen());
                    for (c, v) in c.iter_mut().zip(&v) {
                        *c = A::mul_add(s, w, *v, *c);
                    }
                }
            }
            self.end(c, slopes, out);
        }
    }

    /// `O` panels of width 1 side by side, so that enough accumulators are in flight.
    #[inline(always)]
    fn columns<T: Weight, const O: usize>(
        self,
        dense: Dense<'_, T>,
        x: &[[S::Array; R]],
        out: &mut [[S::Array; R]],
    ) {
        let s = self.s;
        let Some(out) = out.first_chunk_mut::<O>() else { return };
        let mut weights = Cursor::new(dense.weights);
        let mut columns: [&[T]; O] = [&[]; O];
        for column in &mut columns {
            *column = weights.next(x.len());
        }
        let mut c = self.begin(dense.bias, out);
        for (i, x) in x.iter().enumerate() {
            for (c, column) in c.iter_mut().zip(&columns) {
                let Some(w) = column.get(i) else { return };
                let w = s.splat(w.widen());
                for (c, x) in c.iter_mut().zip(x) {
                    *c = A::mul_add(s, w, s.load(x), *c);
                }
            }
        }
        self.end(c, dense.slopes, out);
    }
}

impl<S: Simd, A: Arith, const R: usize> Lanes for Batch<S, A, R> {
    type S = S;
    type E = S;
    type V = [S::Array; R];
    const SAMPLES: usize = R * S::LANES;

    #[inline(always)]
    fn s(self) -> S {
        self.s
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [S::array(x); R]
    }

    #[inline(always)]
    fn values(buffer: &mut [f32]) -> &mut [Self::V] {
        S::chunks_mut(buffer).0.as_chunks_mut().0
    }

    #[inline(always)]
    fn vectors(n: usize) -> usize {
        n * R
    }

    #[inline(always)]
    fn e(self) -> S {
        self.s
    }

    #[inline(always)]
    fn get(self, features: &[Self::V], i: usize) -> S::F {
        match features.as_flattened().get(i) {
            Some(a) => self.s.load(a),
            None => self.s.splat(0.0),
        }
    }

    #[inline(always)]
    fn put(self, features: &mut [Self::V], i: usize, x: S::F) {
        if let Some(a) = features.as_flattened_mut().get_mut(i) {
            self.s.store(x, a);
        }
    }

    #[inline(always)]
    fn weights<T: Weight>(self, weights: &[T], i: usize) -> S::F {
        self.s.splat(weights.get(i / R).map_or(0.0, |w| w.widen()))
    }

    #[inline(always)]
    fn sum(self, sum: &mut Sum<Self::V>, i: usize, _: usize, x: S::F) {
        sum.add(self, i % R, x);
    }

    #[inline(always)]
    fn dense<T: Weight>(self, dense: Dense<'_, T>, x: &[Self::V], out: &mut [Self::V]) {
        if !out.is_empty() {
            self.s.vectorize(Layer::<_, _, true> { lanes: self, dense, x, out });
        }
    }

    #[inline(always)]
    fn rectangle<T: Weight>(self, weights: &[T], x: &[Self::V], acc: &mut [Self::V]) {
        if !acc.is_empty() && !x.is_empty() {
            let dense = Dense { bias: &[], weights, slopes: &[] };
            self.s.vectorize(Layer::<_, _, false> { lanes: self, dense, x, out: acc });
        }
    }

    #[inline(always)]
    fn call<K: Kernel>(self, then: K) -> K::Output {
        self.s.vectorize(then)
    }
}

impl<S: Simd, A: Arith, T: Weight, const R: usize, const ENDS: bool> Kernel
    for Layer<'_, Batch<S, A, R>, T, ENDS>
{
    type Output = ();
    #[inline(always)]
    fn run<S2: Simd>(self, _: S2) {
        let Self { lanes, dense: all, x, out } = self;
        let all = if ENDS { all } else { Dense { bias: &[], slopes: &[], ..all } };
        if ENDS && x.is_empty() {
            constant(lanes, all, out);
        }
        let (mut weights, strips) = (all.weights, x.len().div_ceil(STRIP));
        for (strip, x) in (0..strips).zip(x.chunks(STRIP)) {
            let mut dense = Dense { weights, ..all }.strip(strip == 0, strip + 1 == strips);
            let (wide, rest) = out.as_chunks_mut::<PANEL>();
            for out in wide {
                let dense = dense.next(PANEL, PANEL * x.len());
                // As many accumulators as registers allow: 16 vectors of AVX2's, 32 of AVX-512's.
                if S::LANES < 16 {
                    lanes.panel::<T, PANEL, 2>(dense, x, out);
                } else {
                    lanes.panel::<T, PANEL, 4>(dense, x, out);
                }
            }
            let (four, rest) = rest.as_chunks_mut::<4>();
            for out in four {
                let dense = dense.next(4, 4 * x.len());
                if S::LANES < 16 {
                    lanes.panel::<T, 4, 2>(dense, x, out);
                } else {
                    lanes.panel::<T, 4, 4>(dense, x, out);
                }
            }
            let few = dense.next(rest.len(), rest.len() * x.len());
            match rest.len() {
                1 => lanes.columns::<T, 1>(few, x, rest),
                2 => lanes.columns::<T, 2>(few, x, rest),
                3 => lanes.columns::<T, 3>(few, x, rest),
                _ => {}
            }
            weights = dense.weights;
        }
    }
}

impl<S: Simd, A: Arith> Single<S, A> {
    /// One sample at this level.
    #[inline(always)]
    pub fn new(s: S) -> Self {
        Self { s, arith: core::marker::PhantomData }
    }

    /// Panels of width `W`, up to four side by side: one alone would be one chain of additions.
    #[inline(always)]
    fn groups<T: Weight, const W: usize>(
        self,
        dense: &mut Dense<'_, T>,
        x: &[f32],
        mut out: &mut [[f32; W]],
    ) {
        // A microcontroller has one lane and no use for more code.
        let most = if S::LANES > 1 { 4 } else { 1 };
        while !out.is_empty() {
            let (group, rest) = take_mut(out, most);
            let n = W * group.len();
            let dense = dense.next(n, n * x.len());
            match group.len() {
                1 => self.panels::<T, W, 1>(dense, x, group),
                2 if S::LANES > 1 => self.panels::<T, W, 2>(dense, x, group),
                3 if S::LANES > 1 => self.panels::<T, W, 3>(dense, x, group),
                4 if S::LANES > 1 => self.panels::<T, W, 4>(dense, x, group),
                _ => {}
            }
            out = rest;
        }
    }

    /// `P` panels of width `W` side by side.
    #[inline(always)]
    fn panels<T: Weight, const W: usize, const P: usize>(
        self,
        dense: Dense<'_, T>,
        x: &[f32],
        out: &mut [[f32; W]],
    ) {
        let Some(out) = out.first_chunk_mut::<P>() else { return };
        #[cfg(cortex_m_fpu)]
        if let Arithmetic::Fused = A::ARITHMETIC {
            for (out, bias) in out.as_flattened_mut().iter_mut().zip(dense.bias) {
                *out = bias.widen();
            }
            let mut weights = Cursor::new(dense.weights);
            for out in out.iter_mut() {
                fused_panel_thumb(weights.next(W * x.len()).as_chunks::<W>().0, x, out);
            }
            for (out, slope) in out.as_flattened_mut().iter_mut().zip(dense.slopes) {
                *out = leaky_unit(Scalar, *out, slope.widen());
            }
            return;
        }
        let s = self.s;
        let vectors = W.div_ceil(S::LANES);
        let mut streams: [&[[T; W]]; P] = [&[]; P];
        let mut weights = Cursor::new(dense.weights);
        for stream in &mut streams {
            *stream = weights.next(W * x.len()).as_chunks::<W>().0;
            if stream.len() != x.len() {
                return;
            }
        }
        let (biases, slopes) = (dense.bias.as_chunks::<W>().0, dense.slopes.as_chunks::<W>().0);
        let mut c = [[s.splat(0.0); W]; P];
        for (i, (c, out)) in c.iter_mut().zip(out.iter()).enumerate() {
            let mut wide = [0.0; W];
            let start = match biases.get(i) {
                Some(bias) => {
                    T::widen_all(bias, &mut wide);
                    &wide
                }
                None => out,
            };
            for (j, c) in c.iter_mut().enumerate().take(vectors) {
                *c = load_part(s, start, j);
            }
        }
        for (i, x) in x.iter().enumerate() {
            let x = s.splat(*x);
            for (c, stream) in c.iter_mut().zip(&streams) {
                let Some(row) = stream.get(i) else { return };
                let mut wide = [0.0; W];
                T::widen_all(row, &mut wide);
                for (j, c) in c.iter_mut().enumerate().take(vectors) {
                    *c = A::mul_add(s, load_part(s, &wide, j), x, *c);
                }
            }
        }
        for (i, (c, out)) in c.iter_mut().zip(out).enumerate() {
            if let Some(slopes) = slopes.get(i) {
                let mut wide = [0.0; W];
                T::widen_all(slopes, &mut wide);
                for (j, c) in c.iter_mut().enumerate().take(vectors) {
                    *c = leaky_unit(s, *c, load_part(s, &wide, j));
                }
            }
            for (j, c) in c.iter().enumerate().take(vectors) {
                s.store_first(*c, take_mut(out, j * S::LANES).1);
            }
        }
    }
}

/// Vector number `j` of a panel row, zeros past its end.
#[inline(always)]
fn load_part<S: Simd, const W: usize>(s: S, row: &[f32; W], j: usize) -> S::F {
    s.load_first(take(row, j * S::LANES).1)
}

/// Cortex-M4F and above: the hardware's fused multiply-add, which stable Rust's `core` lacks.
#[cfg(cortex_m_fpu)]
#[inline(always)]
fn fused_panel_thumb<T: Weight, const W: usize>(rows: &[[T; W]], x: &[f32], acc: &mut [f32; W]) {
    if let Some(rows) = T::as_f32(rows) {
        crate::simd::thumb::panel_fused(rows, x, acc);
        return;
    }
    const ROWS: usize = 8;
    let mut wide = [[0.0; W]; ROWS];
    for (rows, x) in rows.chunks(ROWS).zip(x.chunks(ROWS)) {
        T::widen_all(rows.as_flattened(), wide.as_flattened_mut());
        crate::simd::thumb::panel_fused(take(&wide, rows.len()).0, x, acc);
    }
}

impl<S: Simd, A: Arith> Lanes for Single<S, A> {
    type S = Scalar;
    type E = S;
    type V = [[f32; 1]; 1];
    const SAMPLES: usize = 1;

    #[inline(always)]
    fn s(self) -> Scalar {
        Scalar
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [[x]]
    }

    #[inline(always)]
    fn values(buffer: &mut [f32]) -> &mut [Self::V] {
        buffer.as_chunks_mut().0.as_chunks_mut().0
    }

    #[inline(always)]
    fn vectors(n: usize) -> usize {
        n.div_ceil(S::LANES)
    }

    #[inline(always)]
    fn e(self) -> S {
        self.s
    }

    #[inline(always)]
    fn get(self, features: &[Self::V], i: usize) -> S::F {
        self.s.load_first(take(features, i * S::LANES).1.as_flattened().as_flattened())
    }

    #[inline(always)]
    fn put(self, features: &mut [Self::V], i: usize, x: S::F) {
        let features = take_mut(features, i * S::LANES).1;
        self.s.store_first(x, features.as_flattened_mut().as_flattened_mut());
    }

    #[inline(always)]
    fn weights<T: Weight>(self, weights: &[T], i: usize) -> S::F {
        let mut part = S::array(0.0);
        for (to, from) in part.as_mut().iter_mut().zip(take(weights, i * S::LANES).1) {
            *to = from.widen();
        }
        self.s.load(&part)
    }

    #[inline(always)]
    fn sum(self, sum: &mut Sum<Self::V>, i: usize, n: usize, x: S::F) {
        let mut terms = S::array(0.0);
        self.s.store(x, &mut terms);
        for term in terms.as_ref().iter().take(n.saturating_sub(i * S::LANES)) {
            sum.add(self, 0, *term);
        }
    }

    #[inline(always)]
    fn dense<T: Weight>(self, dense: Dense<'_, T>, x: &[Self::V], out: &mut [Self::V]) {
        if !out.is_empty() {
            self.s.vectorize(Layer::<_, _, true> { lanes: self, dense, x, out });
        }
    }

    #[inline(always)]
    fn rectangle<T: Weight>(self, weights: &[T], x: &[Self::V], acc: &mut [Self::V]) {
        if !acc.is_empty() && !x.is_empty() {
            let dense = Dense { bias: &[], weights, slopes: &[] };
            self.s.vectorize(Layer::<_, _, false> { lanes: self, dense, x, out: acc });
        }
    }

    #[inline(always)]
    fn call<K: Kernel>(self, then: K) -> K::Output {
        self.s.vectorize(then)
    }
}

impl<S: Simd, A: Arith, T: Weight, const ENDS: bool> Kernel for Layer<'_, Single<S, A>, T, ENDS> {
    type Output = ();
    #[inline(always)]
    fn run<S2: Simd>(self, _: S2) {
        let Self { lanes, dense: all, x, out } = self;
        let all = if ENDS { all } else { Dense { bias: &[], slopes: &[], ..all } };
        if ENDS && x.is_empty() {
            constant(lanes, all, out);
        }
        let x = x.as_flattened().as_flattened();
        let out = out.as_flattened_mut().as_flattened_mut();
        let (mut weights, strips) = (all.weights, x.len().div_ceil(STRIP));
        // Not `zip` or `enumerate`: the first is slower for few inputs, the second checks for overflow.
        let mut strip = 0usize;
        for x in x.chunks(STRIP) {
            let mut dense = Dense { weights, ..all }.strip(strip == 0, strip + 1 == strips);
            let (wide, rest) = out.as_chunks_mut::<PANEL>();
            lanes.groups::<T, PANEL>(&mut dense, x, wide);
            let (four, rest) = rest.as_chunks_mut::<4>();
            lanes.groups::<T, 4>(&mut dense, x, four);
            lanes.groups::<T, 1>(&mut dense, x, rest.as_chunks_mut::<1>().0);
            weights = dense.weights;
            strip = strip.wrapping_add(1);
        }
    }
}

/// A layer that has no inputs.
#[inline(always)]
fn constant<L: Lanes, T: Weight>(lanes: L, dense: Dense<'_, T>, out: &mut [L::V]) {
    for (out, bias) in out.iter_mut().zip(dense.bias) {
        *out = lanes.splat(bias.widen());
    }
    leaky(lanes, out, dense.slopes);
}

/// `x` where `x > 0`, `slope · x` elsewhere.
#[inline(always)]
fn leaky_unit<S: Simd>(s: S, x: S::F, slope: S::F) -> S::F {
    s.select(s.lt(s.splat(0.0), x), x, s.mul(slope, x))
}

/// Leaky units with learned slopes: `x` where `x > 0`, `slope · x` elsewhere.
#[inline(always)]
pub fn leaky<L: Lanes, T: Weight>(lanes: L, units: &mut [L::V], slopes: &[T]) {
    let s = lanes.s();
    for (unit, slope) in units.iter_mut().zip(slopes) {
        let slope = s.splat(slope.widen());
        for a in unit.as_mut() {
            s.store(leaky_unit(s, s.load(a), slope), a);
        }
    }
}

/// A compensated running sum per lane (Neumaier's TwoSum form): the log-probability of hundreds
/// of sites keeps the accuracy of one addition.
#[derive(Clone, Copy, Debug)]
pub struct Sum<V> {
    high: V,
    low: V,
}

impl<V: Copy> Sum<V> {
    /// Zero.
    #[inline(always)]
    pub fn zero<L: Lanes<V = V>>(lanes: L) -> Self {
        Self { high: lanes.splat(0.0), low: lanes.splat(0.0) }
    }

    /// Adds `x` to vector `r` of the value.
    #[inline(always)]
    pub fn add<L: Lanes<V = V>>(&mut self, lanes: L, r: usize, x: <L::S as Simd>::F)
    where
        V: AsMut<[<L::S as Simd>::Array]>,
    {
        let s = lanes.s();
        let (Some(high), Some(low)) = (self.high.as_mut().get_mut(r), self.low.as_mut().get_mut(r))
        else {
            return;
        };
        let a = s.load(high);
        let sum = s.add(a, x);
        let t = s.sub(sum, a);
        let error = s.add(s.sub(a, s.sub(sum, t)), s.sub(x, t));
        s.store(sum, high);
        s.store(s.add(s.load(low), error), low);
    }

    /// The sum, rounded once more.
    #[inline(always)]
    pub fn value<L: Lanes<V = V>>(&self, lanes: L) -> V
    where
        V: AsRef<[<L::S as Simd>::Array]> + AsMut<[<L::S as Simd>::Array]>,
    {
        let s = lanes.s();
        let mut out = self.high;
        for (out, low) in out.as_mut().iter_mut().zip(self.low.as_ref()) {
            s.store(s.add(s.load(out), s.load(low)), out);
        }
        out
    }
}
