//! Categorical conditionals: ln q = Σ\_i (a\_{i,x\_i} − ln Σ\_k e^{a\_{ik}}) from logits a, and what a
//! network reads of a category.
//!
//! Backward, with c the derivative of the loss with respect to ln q: da\_{ik} = c (1 if k = x\_i,
//! else 0, less softmax(a\_i)\_k). The probabilities are the engine's fixed-point ones but for 2⁻³².
//!
//! Sites may differ in how many categories they have; each has as many rows as the one of most.

use pushforward::math;
use pushforward::simd::{Kernel, Simd, dispatch};

use super::{Context, Forward, Launch, Layout, Operation, Reverse, Slot, Table, arguments, wide};

/// Zeros, and a one in the place of each category.
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    /// Rows of a site.
    pub most: usize,
    /// Categories, `[sites]`.
    pub x: Slot,
    /// `[sites · most]`.
    pub to: Slot,
}

/// ln q of categories from their logits, for each column.
#[derive(Clone, Copy, Debug)]
pub struct Categories {
    /// Categories of each site.
    pub sizes: Table,
    /// Rows of a site.
    pub most: usize,
    /// Categories, `[sites]`.
    pub x: Slot,
    /// Logits, `[sites · most]`.
    pub logits: Slot,
    /// One row: the sum of the log-probabilities, nats.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("categories.wgsl");

impl Operation for OneHot {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, level) = (context.columns(), context.level);
        context.writing(self.to, |context, to| {
            let x = context.slot(self.x);
            for (to, x) in to.chunks_exact_mut(self.most * n).zip(x.chunks_exact(n)) {
                for (k, to) in to.chunks_exact_mut(n).enumerate() {
                    wide(
                        level,
                        #[inline(always)]
                        || {
                            for (to, x) in to.iter_mut().zip(x) {
                                *to = f32::from(u8::from(*x == k as f32));
                            }
                        },
                    );
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let rows = layout.shapes[self.to.0].rows;
        let arguments = arguments! {
            sizes: 0u32,
            sites: rows / self.most,
            most: self.most,
            x: layout.offset(self.x),
            logits: layout.offset(self.to),
            log_q: 0u32,
            coefficient: 0u32,
            dlogits: 0u32,
        };
        let groups = [Layout::groups(layout.columns()), rows as u32, 1];
        vec![Launch { sources: vec![SHADER.into()], entry: "one_hot", arguments, groups }]
    }
}

impl Forward for OneHot {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.to]
    }
}

/// What both passes share: a site's largest logit and 1 / Σ e^(a − largest), for one vector.
#[inline(always)]
pub(super) fn softmax<S: Simd>(s: S, logits: &[f32], n: usize, i: usize) -> [S::F; 2] {
    let rows = || logits.chunks_exact(n).map(|row| s.load(&S::chunks(row).0[i]));
    let mut most = s.splat(f32::MIN);
    for a in rows() {
        most = s.select(s.lt(most, a), a, most);
    }
    let mut sum = s.splat(0.0);
    for a in rows() {
        sum = s.add(sum, math::exp(s, s.sub(a, most)));
    }
    [most, sum]
}

/// `yes` where `value` is the category `k`, else `no`.
#[inline(always)]
fn where_is<S: Simd>(s: S, value: S::F, k: usize, yes: S::F, no: S::F) -> S::F {
    let (low, high) = (s.splat(k as f32 - 0.5), s.splat(k as f32 + 0.5));
    s.select(s.lt(low, value), s.select(s.lt(value, high), yes, no), no)
}

struct LogProb<'a> {
    sizes: &'a [u32],
    most: usize,
    x: &'a [f32],
    logits: &'a [f32],
    log_q: &'a mut [f32],
}

impl Kernel for LogProb<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.log_q.len();
        self.log_q.fill(0.0);
        let sites = self.x.chunks_exact(n).zip(self.logits.chunks_exact(self.most * n));
        for ((x, logits), size) in sites.zip(self.sizes) {
            let logits = &logits[..*size as usize * n];
            let sums = S::chunks_mut(self.log_q).0;
            for (i, (sum, x)) in sums.iter_mut().zip(S::chunks(x).0).enumerate() {
                let [most, whole] = softmax(s, logits, n, i);
                let x = s.load(x);
                let mut term = s.splat(0.0);
                for (k, row) in logits.chunks_exact(n).enumerate() {
                    let a = s.load(&S::chunks(row).0[i]);
                    term = where_is(s, x, k, s.sub(a, most), term);
                }
                let term = s.sub(term, math::ln(s, whole));
                s.store(s.add(s.load(sum), term), sum);
            }
        }
    }
}

impl Categories {
    fn launch(
        &self,
        layout: &Layout,
        [coefficient, dlogits]: [Slot; 2],
        entry: &'static str,
        groups: [u32; 3],
    ) -> Launch {
        let arguments = arguments! {
            sizes: self.sizes.start,
            sites: self.sizes.len,
            most: self.most,
            x: layout.offset(self.x),
            logits: layout.offset(self.logits),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            dlogits: layout.offset(dlogits),
        };
        Launch { sources: vec![SHADER.into()], entry, arguments, groups }
    }
}

impl Operation for Categories {
    fn cpu(&self, context: &mut Context<'_>) {
        context.writing(self.log_q, |context, log_q| {
            let (x, logits) = (context.slot(self.x), context.slot(self.logits));
            let (sizes, most) = (context.table(self.sizes), self.most);
            dispatch(context.level, LogProb { sizes, most, x, logits, log_q });
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let groups = [Layout::groups(layout.columns()), 1, 1];
        vec![self.launch(layout, [self.log_q; 2], "categories", groups)]
    }
}

impl Forward for Categories {
    fn reads(&self) -> Vec<Slot> {
        vec![self.logits]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.log_q]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some([coefficient, dlogits]) = reverse.scored(self.logits, self.log_q) {
            reverse.push(CategoriesBackward { categories: *self, coefficient, dlogits });
        }
    }
}

/// Gradient of the logits.
#[derive(Clone, Copy, Debug)]
pub struct CategoriesBackward {
    /// The forward operation.
    pub categories: Categories,
    /// One row: the derivative of the loss with respect to each column's ln q.
    pub coefficient: Slot,
    /// Gradient of the logits, overwritten.
    pub dlogits: Slot,
}

struct Slope<'a> {
    sizes: &'a [u32],
    most: usize,
    x: &'a [f32],
    logits: &'a [f32],
    coefficient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Slope<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.coefficient.len();
        let coefficient = S::chunks(self.coefficient).0;
        let rows = self.most * n;
        let sites = self.x.chunks_exact(n).zip(self.logits.chunks_exact(rows));
        for (((x, logits), out), size) in sites.zip(self.out.chunks_exact_mut(rows)).zip(self.sizes)
        {
            let (out, rest) = out.split_at_mut(*size as usize * n);
            rest.fill(0.0);
            let logits = &logits[..out.len()];
            for (i, (x, c)) in S::chunks(x).0.iter().zip(coefficient).enumerate() {
                let [most, whole] = softmax(s, logits, n, i);
                let (x, c, scale) = (s.load(x), s.load(c), s.div(s.splat(1.0), whole));
                let each = logits.chunks_exact(n).zip(out.chunks_exact_mut(n)).enumerate();
                for (k, (row, out)) in each {
                    let a = s.load(&S::chunks(row).0[i]);
                    let p = s.mul(math::exp(s, s.sub(a, most)), scale);
                    let here = where_is(s, x, k, s.splat(1.0), s.splat(0.0));
                    s.store(s.mul(c, s.sub(here, p)), &mut S::chunks_mut(out).0[i]);
                }
            }
        }
    }
}

impl Operation for CategoriesBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let Categories { sizes, most, x, logits, .. } = self.categories;
        context.writing(self.dlogits, |context, out| {
            let kernel = Slope {
                sizes: context.table(sizes),
                most,
                x: context.slot(x),
                logits: context.slot(logits),
                coefficient: context.slot(self.coefficient),
                out,
            };
            dispatch(context.level, kernel);
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let sites = self.categories.sizes.len as u32;
        let groups = [Layout::groups(layout.columns()), sites, 1];
        let others = [self.coefficient, self.dlogits];
        vec![self.categories.launch(layout, others, "categories_backward", groups)]
    }
}
