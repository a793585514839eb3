//! The one product behind every dense operation on the CPU: C\[m\]\[n\] += Σ\_k A(m, k) B\[k\]\[n\].
//!
//! A tile of 4 rows by four vectors stays in registers while k runs: 16 independent chains of fused
//! multiply-adds hide their latency, each vector of B serves 4 rows and each broadcast of A four
//! vectors. k is cut into pieces whose part of B stays in the first-level cache.

use pushforward::simd::{Kernel, Level, Simd, dispatch};

/// Rows of a tile.
const TILE: usize = 4;
/// Columns of a tile: four vectors of the widest level.
const WIDTH: usize = 64;
/// Length of a piece of k.
const PIECE: usize = 128;

/// How A lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// A(m, k) = a\[m · stride + k\].
    Rows,
    /// A(m, k) = a\[k · stride + m\].
    Columns,
}

/// C\[m\]\[n\] += Σ\_k A(m, k) B\[k\]\[n\], where row m needs only k in `range(m)` and n below
/// `width(m)`; A must be 0, or may be anything that the caller discards, outside.
pub(crate) struct Gemm<'a, R, W> {
    /// The matrix A, in `order`.
    pub(crate) a: &'a [f32],
    pub(crate) order: Order,
    pub(crate) a_stride: usize,
    /// B\[k\]\[n\]; `b_stride` is a multiple of 64, so whole vectors can be read.
    pub(crate) b: &'a [f32],
    pub(crate) b_stride: usize,
    /// C\[m\]\[n\]; only columns `from..` are touched.
    pub(crate) c: &'a mut [f32],
    pub(crate) c_stride: usize,
    pub(crate) rows: std::ops::Range<usize>,
    pub(crate) from: usize,
    /// The k that some row of a tile `m0..m1` needs.
    pub(crate) range: R,
    /// Columns of C that row m has; must not decrease with m.
    pub(crate) width: W,
}

impl<R, W> Gemm<'_, R, W>
where
    R: Fn(usize, usize) -> std::ops::Range<usize>,
    W: Fn(usize) -> usize,
{
    /// Computes the product at `level`.
    pub(crate) fn run(self, level: Level) {
        dispatch(level, self);
    }
}

impl<R, W> Kernel for Gemm<'_, R, W>
where
    R: Fn(usize, usize) -> std::ops::Range<usize>,
    W: Fn(usize) -> usize,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match (S::LANES, self.order) {
            (16, Order::Rows) => self.blocks::<S, 4, true>(s),
            (16, Order::Columns) => self.blocks::<S, 4, false>(s),
            (4 | 8, Order::Rows) => self.blocks::<S, 2, true>(s),
            (4 | 8, Order::Columns) => self.blocks::<S, 2, false>(s),
            (_, Order::Rows) => self.blocks::<S, 8, true>(s),
            (_, Order::Columns) => self.blocks::<S, 8, false>(s),
        }
    }
}

impl<R, W> Gemm<'_, R, W>
where
    R: Fn(usize, usize) -> std::ops::Range<usize>,
    W: Fn(usize) -> usize,
{
    #[inline(always)]
    fn blocks<S: Simd, const V: usize, const ROWS: bool>(mut self, s: S) {
        if self.rows.is_empty() {
            return;
        }
        let (m0, m1) = (self.rows.start, self.rows.end);
        let all = (self.range)(m0, m1);
        let columns = (self.width)(m1 - 1);
        let step = V * S::LANES;
        for block in (self.from..columns).step_by(WIDTH) {
            for k0 in (all.start..all.end).step_by(PIECE) {
                let mut m = m0;
                while m < m1 {
                    let tile = if m + TILE <= m1 { TILE } else { 1 };
                    let ks = (self.range)(m, m + tile);
                    let ks = ks.start.max(k0)..ks.end.min(k0 + PIECE);
                    let end = (self.width)(m + tile - 1).min(block + WIDTH);
                    if !ks.is_empty() {
                        for n in (block..end).step_by(step) {
                            if tile == TILE {
                                self.tile::<S, V, TILE, ROWS>(s, m, n, ks.clone());
                            } else {
                                self.tile::<S, V, 1, ROWS>(s, m, n, ks.clone());
                            }
                        }
                    }
                    m += tile;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const M: usize, const ROWS: bool>(
        &mut self,
        s: S,
        m: usize,
        n: usize,
        ks: std::ops::Range<usize>,
    ) {
        let len = ks.len();
        let mut acc = [[s.splat(0.0); V]; M];
        let rows: [&[f32]; M] = std::array::from_fn(|i| {
            if ROWS { &self.a[(m + i) * self.a_stride + ks.start..][..len] } else { &self.a[..0] }
        });
        let b = &self.b[ks.start * self.b_stride..];
        for (k, b) in b.chunks_exact(self.b_stride).take(len).enumerate() {
            let (b, _) = S::chunks(&b[n..]);
            let Some(b) = b.first_chunk::<V>() else { return };
            let b: [S::F; V] = std::array::from_fn(|v| s.load(&b[v]));
            let a: [f32; M] = if ROWS {
                std::array::from_fn(|i| rows[i][k])
            } else {
                let row = &self.a[(ks.start + k) * self.a_stride + m..][..M];
                std::array::from_fn(|i| row[i])
            };
            for (acc, a) in acc.iter_mut().zip(a) {
                let a = s.splat(a);
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = multiply_add(s, a, b, *acc);
                }
            }
        }
        for (i, acc) in acc.into_iter().enumerate() {
            let end = (self.width)(m + i);
            if end <= n {
                continue;
            }
            let c = &mut self.c[(m + i) * self.c_stride + n..(m + i) * self.c_stride + end];
            if let Some(c) = S::chunks_mut(c).0.first_chunk_mut::<V>() {
                for (c, acc) in c.iter_mut().zip(acc) {
                    s.store(s.add(s.load(c), acc), c);
                }
            } else {
                let mut part = [0.0; WIDTH];
                for (p, acc) in S::chunks_mut(&mut part).0.iter_mut().zip(acc) {
                    s.store(acc, p);
                }
                for (c, p) in c.iter_mut().zip(part) {
                    *c += p;
                }
            }
        }
    }
}

/// Fused where the CPU has it; without, two roundings, because training promises no bits across
/// CPUs and an emulated fused operation would cost a hundred times as much.
#[inline(always)]
fn multiply_add<S: Simd>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
    if S::LEVEL.fuses() { s.mul_add(a, b, c) } else { s.add(s.mul(a, b), c) }
}

/// `to[c][r] = from[r][c]` for `rows × columns` numbers; rows of `to` are `stride` long, their rest
/// is 0.
pub(crate) fn transpose(
    from: &[f32],
    rows: usize,
    columns: usize,
    stride: usize,
    to: &mut Vec<f32>,
) {
    to.clear();
    to.resize(columns * stride, 0.0);
    for r0 in (0..rows).step_by(16) {
        for c0 in (0..columns).step_by(16) {
            for r in r0..(r0 + 16).min(rows) {
                let row = &from[r * columns..][..columns];
                for c in c0..(c0 + 16).min(columns) {
                    to[c * stride + r] = row[c];
                }
            }
        }
    }
}
