//! Many samples at once: lanes are samples, a weight is broadcast.

use super::dense::{Layer, constant, leaky_unit};
use super::{Arith, Dense, Lanes, PANEL, Plain, STRIP, Store, Sum, Weight, next, take};
use crate::simd::{Integers, Kernel, Simd};

/// `R` vectors of samples a feature, lanes = samples.
#[derive(Debug)]
pub struct Batch<S, A, const R: usize> {
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

    /// How many pairs of inputs there are that one instruction multiplies; none of floats.
    #[inline(always)]
    fn pairs<'w, T: Store<'w>>(inputs: usize) -> usize {
        if T::Matrix::SHORT && S::DOT { inputs / 2 } else { 0 }
    }

    /// Two integers of 16 bits as the halves of words.
    #[inline(always)]
    fn pair(self, [x, above]: &[[S::Array; R]; 2]) -> [S::U; R] {
        let s = self.s;
        let mut v = [s.splat_u(0); R];
        for ((v, x), above) in v.iter_mut().zip(x).zip(above) {
            let [x, above] = [x, above].map(|x| s.bits(s.load(x)));
            *v = s.or(s.and(x, s.splat_u(0xffff)), s.shl::<16>(above));
        }
        v
    }

    /// Adds to sums of integers what a pair of weights gives.
    #[inline(always)]
    fn dot(self, weights: u32, v: &[S::U; R], c: &mut [S::F; R]) {
        let s = self.s;
        let w = s.splat_u(weights);
        for (c, v) in c.iter_mut().zip(v) {
            *c = s.from_bits(s.dot(w, *v, s.bits(*c)));
        }
    }

    /// A panel of width `W`, `O` outputs at a time.
    #[inline(always)]
    fn panel<'w, T: Store<'w>, const W: usize, const O: usize>(
        self,
        mut dense: Dense<'w, T>,
        x: &[[S::Array; R]],
        out: &mut [[S::Array; R]; W],
    ) {
        let s = self.s;
        let panel = dense.weights.as_chunks::<W>().0;
        let pairs = Self::pairs::<T>(x.len());
        let (panel_pairs, panel) = take(panel, 2 * pairs);
        let (x_pairs, x) = take(x, 2 * pairs);
        for (q, out) in out.as_chunks_mut::<O>().0.iter_mut().enumerate() {
            let Dense { bias, slopes, .. } = dense.next(O, 0);
            let mut c = self.begin(bias, out);
            for (rows, x) in panel_pairs.as_chunks::<2>().0.iter().zip(x_pairs.as_chunks::<2>().0) {
                let [Some(row), Some(above)] = rows.each_ref().map(|r| r.as_chunks::<O>().0.get(q))
                else {
                    return;
                };
                let v = self.pair(x);
                for ((c, w), above) in c.iter_mut().zip(row).zip(above) {
                    self.dot(w.pair(*above), &v, c);
                }
            }
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
    fn columns<'w, T: Store<'w>, const O: usize>(
        self,
        dense: Dense<'w, T>,
        x: &[[S::Array; R]],
        out: &mut [[S::Array; R]],
    ) {
        let s = self.s;
        let Some(out) = out.first_chunk_mut::<O>() else { return };
        let mut weights = dense.weights;
        let mut columns: [&[T::Matrix]; O] = [&[]; O];
        for column in &mut columns {
            *column = next(&mut weights, x.len());
        }
        let mut c = self.begin(dense.bias, out);
        let pairs = Self::pairs::<T>(x.len());
        let (x_pairs, x) = take(x, 2 * pairs);
        for (i, x) in x_pairs.as_chunks::<2>().0.iter().enumerate() {
            let v = self.pair(x);
            for (c, column) in c.iter_mut().zip(&columns) {
                let Some([w, above]) = column.as_chunks::<2>().0.get(i) else { return };
                self.dot(w.pair(*above), &v, c);
            }
        }
        for (i, x) in x.iter().enumerate() {
            for (c, column) in c.iter_mut().zip(&columns) {
                let Some(w) = column.get(2 * pairs + i) else { return };
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
    type Integers = Batch<Integers<S>, Plain, R>;
    const SAMPLES: usize = R * S::LANES;

    #[inline(always)]
    fn s(self) -> S {
        self.s
    }

    #[inline(always)]
    fn integers(self) -> Self::Integers {
        Batch::new(Integers(self.s))
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
    fn dense<'w, T: Store<'w>>(self, dense: Dense<'w, T>, x: &[Self::V], out: &mut [Self::V]) {
        if !out.is_empty() {
            self.s.vectorize(Layer::<_, T, true> { lanes: self, dense, x, out });
        }
    }

    #[inline(always)]
    fn rectangle<T: Weight>(self, weights: &[T], x: &[Self::V], acc: &mut [Self::V]) {
        if !acc.is_empty() && !x.is_empty() {
            let dense = Dense::<&[T]> { bias: &[], weights, slopes: &[] };
            self.s.vectorize(Layer::<_, &[T], false> { lanes: self, dense, x, out: acc });
        }
    }

    #[inline(always)]
    fn call<K: Kernel>(self, then: K) -> K::Output {
        self.s.vectorize(then)
    }
}

impl<'w, S: Simd, A: Arith, T: Store<'w>, const R: usize, const ENDS: bool> Kernel
    for Layer<'w, '_, Batch<S, A, R>, T, ENDS>
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
