//! The one product behind every dense operation on the CPU: C\[m\]\[n\] = start + Σ\_k A(m, k) B\[k\]\[n\].
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

/// What the sums of a product start from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// What C holds.
    Held,
    /// 0.
    Zero,
    /// A number for each row of C.
    Bias(&'a [f32]),
}

/// C\[m\]\[n\] = start + Σ\_k A(m, k) B\[k\]\[n\], where row m needs only k in `range(m)` and n below
/// `width(m)`; A must be 0, or may be anything that the caller discards, outside.
pub(crate) struct Gemm<'a, R, W> {
    /// The matrix A, in `order`.
    pub(crate) a: &'a [f32],
    pub(crate) order: Order,
    pub(crate) a_stride: usize,
    /// B\[k\]\[n\]; `b_stride` is a multiple of 64, so whole vectors can be read; of 16 is enough where all
    /// rows have at most 32 columns.
    pub(crate) b: &'a [f32],
    pub(crate) b_stride: usize,
    /// The column of B that goes with the first of C: a multiple of 64.
    pub(crate) b_column: usize,
    /// C\[m\]\[n\]; only columns `from..` are touched.
    pub(crate) c: &'a mut [f32],
    pub(crate) c_stride: usize,
    pub(crate) start: Start<'a>,
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
            let mut k0 = all.start;
            loop {
                let k1 = (k0 + PIECE).min(all.end);
                let start = if k0 == all.start { self.start } else { Start::Held };
                let mut m = m0;
                while m < m1 {
                    let tile = if m + TILE <= m1 { TILE } else { 1 };
                    let ks = (self.range)(m, m + tile);
                    let ks = ks.start.clamp(k0, k1)..ks.end.clamp(k0, k1);
                    let end = (self.width)(m + tile - 1).min(block + WIDTH);
                    if !(ks.is_empty() && matches!(start, Start::Held)) {
                        for n in (block..end).step_by(step) {
                            let at = Tile { m, n, ks: ks.clone(), start };
                            let vectors = (end - n).div_ceil(S::LANES);
                            match (tile == TILE, vectors) {
                                (true, 1) => self.tile::<S, 1, TILE, ROWS>(s, at),
                                (true, 2) => self.tile::<S, 2, TILE, ROWS>(s, at),
                                (true, _) => self.tile::<S, V, TILE, ROWS>(s, at),
                                (false, 1) => self.tile::<S, 1, 1, ROWS>(s, at),
                                (false, 2) => self.tile::<S, 2, 1, ROWS>(s, at),
                                (false, _) => self.tile::<S, V, 1, ROWS>(s, at),
                            }
                        }
                    }
                    m += tile;
                }
                k0 = k1;
                if k0 >= all.end {
                    break;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const M: usize, const ROWS: bool>(
        &mut self,
        s: S,
        at: Tile<'_>,
    ) {
        let Tile { m, n, ks, start } = at;
        let len = ks.len();
        let mut acc = [[s.splat(0.0); V]; M];
        if let Start::Bias(bias) = start {
            for (acc, bias) in acc.iter_mut().zip(&bias[m..]) {
                *acc = [s.splat(*bias); V];
            }
        }
        let mut rows = [&self.a[..0]; M];
        if ROWS {
            for (i, row) in rows.iter_mut().enumerate() {
                *row = &self.a[(m + i) * self.a_stride + ks.start..][..len];
            }
        }
        let b = self.b.get(ks.start * self.b_stride..).unwrap_or(&[]);
        for (k, b) in b.chunks_exact(self.b_stride).take(len).enumerate() {
            let (b, _) = S::chunks(&b[self.b_column + n..]);
            let Some(b) = b.first_chunk::<V>() else { return };
            let mut vectors = [s.splat(0.0); V];
            for (vector, b) in vectors.iter_mut().zip(b) {
                *vector = s.load(b);
            }
            let column =
                if ROWS { &[][..] } else { &self.a[(ks.start + k) * self.a_stride + m..][..M] };
            for (i, acc) in acc.iter_mut().enumerate() {
                let a = s.splat(if ROWS { rows[i][k] } else { column[i] });
                for (acc, b) in acc.iter_mut().zip(vectors) {
                    *acc = multiply_add(s, a, b, *acc);
                }
            }
        }
        let held = matches!(start, Start::Held);
        if (self.width)(m) >= n + V * S::LANES {
            // Whole vectors in every row: straight from the registers.
            for (i, acc) in acc.iter().enumerate() {
                let c = &mut self.c[(m + i) * self.c_stride + n..][..V * S::LANES];
                for (c, acc) in S::chunks_mut(c).0.iter_mut().zip(acc) {
                    s.store(if held { s.add(s.load(c), *acc) } else { *acc }, c);
                }
            }
            return;
        }
        for (i, acc) in acc.into_iter().enumerate() {
            let end = (self.width)(m + i);
            if end <= n {
                continue;
            }
            let mut part = [0.0; WIDTH];
            for (p, acc) in S::chunks_mut(&mut part).0.iter_mut().zip(acc) {
                s.store(acc, p);
            }
            let c = &mut self.c[(m + i) * self.c_stride..];
            for (c, p) in c[n..end].iter_mut().zip(part).take(V * S::LANES) {
                *c = if held { *c + p } else { p };
            }
        }
    }
}

/// A tile of C: its first row and column, and the k that it sums.
struct Tile<'a> {
    m: usize,
    n: usize,
    ks: std::ops::Range<usize>,
    start: Start<'a>,
}

/// Fused where the CPU has it; without, two roundings, because training promises no bits across
/// CPUs and an emulated fused operation would cost a hundred times as much.
#[inline(always)]
fn multiply_add<S: Simd>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
    if const { S::LEVEL.fuses() } { s.mul_add(a, b, c) } else { s.add(s.mul(a, b), c) }
}

/// `to[c][r] = from[r][c]` for `rows × columns` numbers, a multiple of 16 columns; rows of `to` are
/// `stride` long, a multiple of 16, with anything behind the first `rows` numbers.
pub(crate) fn transpose(
    level: Level,
    from: &[f32],
    rows: usize,
    columns: usize,
    stride: usize,
    to: &mut Vec<f32>,
) {
    if to.len() < columns * stride {
        to.resize(columns * stride, 0.0);
    }
    dispatch(level, Transpose { from, rows, columns, stride, to });
}

struct Transpose<'a> {
    from: &'a [f32],
    rows: usize,
    columns: usize,
    stride: usize,
    to: &'a mut [f32],
}

impl Kernel for Transpose<'_> {
    type Output = ();

    /// Square blocks in registers: one round of interleaving rows i and i + L/2 for each bit of a
    /// row's number.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for r0 in (0..self.rows).step_by(S::LANES) {
            for c0 in (0..self.columns).step_by(S::LANES) {
                let mut block = [s.splat(0.0); 16];
                for (i, row) in block.iter_mut().take(S::LANES).enumerate() {
                    // Rows past the end are copies of the last.
                    let r = (r0 + i).min(self.rows - 1);
                    let (vectors, _) = S::chunks(&self.from[r * self.columns + c0..]);
                    if let Some(vector) = vectors.first() {
                        *row = s.load(vector);
                    }
                }
                for _ in 0..S::LANES.ilog2() {
                    let rows = block;
                    for i in 0..S::LANES / 2 {
                        let [low, high] = s.interleave(rows[i], rows[i + S::LANES / 2]);
                        (block[2 * i], block[2 * i + 1]) = (low, high);
                    }
                }
                for (c, row) in block.into_iter().take(S::LANES).enumerate() {
                    let to = &mut self.to[(c0 + c) * self.stride + r0..];
                    if let Some(to) = S::chunks_mut(to).0.first_mut() {
                        s.store(row, to);
                    }
                }
            }
        }
    }
}
