//! One sample: lanes are outputs, a row of weights is a vector.

use super::dense::{Layer, constant, leaky_unit};
use super::{Arith, Dense, Lanes, PANEL, Plain, STRIP, Store, Sum, Weight};
use super::{next, take, take_mut};
use crate::simd::{Integers, Kernel, Simd};

/// One sample, lanes = outputs.
#[derive(Debug)]
pub struct Single<S, A> {
    s: S,
    arith: core::marker::PhantomData<A>,
}

impl<S: Copy, A> Clone for Single<S, A> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<S: Copy, A> Copy for Single<S, A> {}

impl<S: Simd, A: Arith> Single<S, A> {
    /// One sample at this level.
    #[inline(always)]
    pub fn new(s: S) -> Self {
        Self { s, arith: core::marker::PhantomData }
    }

    /// Panels of width `W`, up to four side by side: one alone would be one chain of additions.
    #[inline(always)]
    fn groups<'w, T: Store<'w>, const W: usize>(
        self,
        dense: &mut Dense<'w, T>,
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
    fn panels<'w, T: Store<'w>, const W: usize, const P: usize>(
        self,
        dense: Dense<'w, T>,
        x: &[f32],
        out: &mut [[f32; W]],
    ) {
        let Some(out) = out.first_chunk_mut::<P>() else { return };
        let s = self.s;
        let vectors = W.div_ceil(S::LANES);
        let mut streams: [&[[T::Matrix; W]]; P] = [&[]; P];
        let mut weights = dense.weights;
        for stream in &mut streams {
            *stream = next(&mut weights, W * x.len()).as_chunks::<W>().0;
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
                    T::Bias::widen_all(bias, &mut wide);
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
                T::Matrix::widen_all(row, &mut wide);
                for (j, c) in c.iter_mut().enumerate().take(vectors) {
                    *c = A::mul_add(s, load_part(s, &wide, j), x, *c);
                }
            }
        }
        for (i, (c, out)) in c.iter_mut().zip(out).enumerate() {
            if let Some(slopes) = slopes.get(i) {
                let mut wide = [0.0; W];
                T::Slope::widen_all(slopes, &mut wide);
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

/// One sample's features as floats.
#[inline(always)]
fn flat(features: &[[[f32; 1]; 1]]) -> &[f32] {
    features.as_flattened().as_flattened()
}

/// [`flat`] for features that change.
#[inline(always)]
fn flat_mut(features: &mut [[[f32; 1]; 1]]) -> &mut [f32] {
    features.as_flattened_mut().as_flattened_mut()
}

/// Vector number `j` of a panel row, zeros past its end.
#[inline(always)]
fn load_part<S: Simd, const W: usize>(s: S, row: &[f32; W], j: usize) -> S::F {
    s.load_first(take(row, j * S::LANES).1)
}

/// Cortex-M4F and above: the rectangle is walked by `simd::thumb`, between the biases and the leaky
/// units.
#[cfg(cortex_m_fpu)]
#[inline(always)]
fn dense_thumb<'w, A: Arith, T: Store<'w>>(dense: Dense<'w, T>, x: &[f32], out: &mut [f32]) {
    T::Bias::widen_all(dense.bias, out);
    T::Matrix::rectangle_thumb::<A>(dense.weights, x, out);
    if !dense.slopes.is_empty() {
        T::Slope::leaky_thumb(dense.slopes, out);
    }
}

impl<S: Simd, A: Arith> Lanes for Single<S, A> {
    type S = S::One;
    type E = S;
    type V = [[f32; 1]; 1];
    type Integers = Single<Integers<S>, Plain>;
    const SAMPLES: usize = 1;

    #[inline(always)]
    fn s(self) -> S::One {
        self.s.one()
    }

    #[inline(always)]
    fn integers(self) -> Self::Integers {
        Single::new(Integers(self.s))
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
        self.s.load_first(flat(take(features, i * S::LANES).1))
    }

    #[inline(always)]
    fn put(self, features: &mut [Self::V], i: usize, x: S::F) {
        let features = take_mut(features, i * S::LANES).1;
        self.s.store_first(x, flat_mut(features));
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
            sum.add(self, 0, self.s().load(&[*term]));
        }
    }

    #[inline(always)]
    fn dense<'w, T: Store<'w>>(self, dense: Dense<'w, T>, x: &[Self::V], out: &mut [Self::V]) {
        #[cfg(cortex_m_fpu)]
        dense_thumb::<A, T>(dense, flat(x), flat_mut(out));
        #[cfg(not(cortex_m_fpu))]
        if !out.is_empty() {
            self.s.vectorize(Layer::<_, T, true> { lanes: self, dense, x, out });
        }
    }

    #[inline(always)]
    fn rectangle<T: Weight>(self, weights: &[T], x: &[Self::V], acc: &mut [Self::V]) {
        #[cfg(cortex_m_fpu)]
        T::rectangle_thumb::<A>(weights, flat(x), flat_mut(acc));
        #[cfg(not(cortex_m_fpu))]
        if S::LANES == 1 && T::rectangle_of_integers(weights, flat(x), flat_mut(acc)) {
            return;
        }
        #[cfg(not(cortex_m_fpu))]
        if !acc.is_empty() && !x.is_empty() {
            let dense = Dense::<&[T]> { bias: &[], weights, slopes: &[] };
            self.s.vectorize(Layer::<_, &[T], false> { lanes: self, dense, x, out: acc });
        }
    }

    #[cfg(cortex_m_fpu)]
    #[inline(always)]
    fn leaky<T: Weight>(self, units: &mut [Self::V], slopes: &[T]) {
        T::leaky_thumb(slopes, flat_mut(units));
    }

    #[inline(always)]
    fn call<K: Kernel>(self, then: K) -> K::Output {
        self.s.vectorize(then)
    }
}

impl<'w, S: Simd, A: Arith, T: Store<'w>, const ENDS: bool> Kernel
    for Layer<'w, '_, Single<S, A>, T, ENDS>
{
    type Output = ();
    #[inline(always)]
    fn run<S2: Simd>(self, _: S2) {
        let Self { lanes, dense: all, x, out } = self;
        let all = if ENDS { all } else { Dense { bias: &[], slopes: &[], ..all } };
        if ENDS && x.is_empty() {
            constant(lanes, all, out);
        }
        let (x, out) = (flat(x), flat_mut(out));
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
