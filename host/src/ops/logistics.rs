//! Columns of a table: their units, and ln q of mixtures of logistic distributions.
//!
//! Forward it is the engine's own sum, but for weights that are real numbers, not whole ones over 2³².
//! Backward, with w the softmax of the logits, ρ_k the share of component k in the value's density or
//! probability, c the derivative of the loss with respect to ln q, and t_k the logarithm of what
//! component k gives:
//!
//! ```text
//! da_k = c (ρ_k − w_k)      dmean_k = c ρ_k ∂t/∂μ      dr_k = c ρ_k ∂t/∂ln s / (1 + |r_k|/7)²
//!
//! real, u = (y − μ)/s:         ∂t/∂μ = tanh(u/2)/s          ∂t/∂ln s = u tanh(u/2) − 1
//! circle, u the shorter way:   ∂t/∂μ = tanh(u/2)/s          ∂t/∂ln s = u tanh(u/2) − 1 + (π/s)/sinh(π/s)
//! integer, a and b its ends:   ∂t/∂μ = (σ(a) − σ(−b))/s     ∂t/∂ln s = a σ(a) − b σ(−b) − d/(eᵈ − 1)
//! ```
//!
//! where d = b − a; an end at infinity gives nothing, and neither does the last term then.

use pushforward::conditional::logistics::{
    COMPONENTS, Column, SCALE_BOUND, SCALE_SHIFT, Score, Values, component, offset,
};
use pushforward::math;
use pushforward::simd::{Kernel, Scalar, Simd, dispatch};

use super::categories::softmax;
use super::transform::{LOG_1P, LOGISTIC, SQUASH, soft_clip_share};
use super::{
    Arguments, Context, Forward, Launch, Layout, Operation, Reverse, Slot, Table, arguments,
    constants,
};

/// Values, on their lines, to what the network reads of them, in the units of their columns.
#[derive(Clone, Copy, Debug)]
pub struct Centre {
    /// [`Logistics::table`]
    pub columns: Table,
    /// Values, `[columns]`.
    pub x: Slot,
    /// Numbers that it reads of each: 2 where one is on a circle.
    pub inputs: usize,
    /// `[columns · inputs]`.
    pub y: Slot,
}

/// Adds ln q of columns to what is there.
#[derive(Clone, Copy, Debug)]
pub struct Logistics {
    /// [`Logistics::table`]
    pub columns: Table,
    /// Components of a column.
    pub components: usize,
    /// Values, on their lines, `[columns]`.
    pub x: Slot,
    /// The network's outputs, `[columns · 3 components]`.
    pub outputs: Slot,
    /// One row: ln q, nats.
    pub log_q: Slot,
}

const SHADER: &str = include_str!("logistics.wgsl");
/// Numbers of a column: what its values are, and the bits of four.
const EACH: usize = 5;
const REAL: u32 = 0;
const INTEGER: u32 = 1;
const CIRCLE: u32 = 2;

/// A column, without bounds if its values are real.
fn read(entry: &[u32]) -> Column {
    let [location, scale, lower, upper] = [1, 2, 3, 4].map(|i| f32::from_bits(entry[i]));
    let values = match entry[0] {
        REAL => Values::Real,
        INTEGER => Values::Integer,
        _ => Values::Circle,
    };
    Column { values, location, scale, lower, upper }
}

impl Logistics {
    /// The columns, of which real ones are on their lines.
    pub fn table(columns: &[Column]) -> Vec<u32> {
        let each = |column: &Column| {
            let [least, most] = match column.values {
                Values::Real => [f32::NEG_INFINITY, f32::INFINITY],
                Values::Integer => column.ends(),
                Values::Circle => [column.lower, column.upper],
            };
            let numbers = [column.location, column.scale, least, most].map(f32::to_bits);
            let [location, scale, least, most] = numbers;
            let values = match column.values {
                Values::Real => REAL,
                Values::Integer => INTEGER,
                Values::Circle => CIRCLE,
            };
            [values, location, scale, least, most]
        };
        columns.iter().flat_map(each).collect()
    }

    fn arguments(&self, layout: &Layout, [coefficient, slopes]: [Slot; 2]) -> Arguments {
        arguments! {
            sites: self.columns.len / EACH,
            components: self.components,
            entries: self.columns.start,
            x: layout.offset(self.x),
            outputs: layout.offset(self.outputs),
            log_q: layout.offset(self.log_q),
            coefficient: layout.offset(coefficient),
            slopes: layout.offset(slopes),
        }
    }

    fn launch(
        &self,
        layout: &Layout,
        others: [Slot; 2],
        entry: &'static str,
        rows: usize,
    ) -> Launch {
        let groups = [Layout::groups(layout.columns()), rows as u32, 1];
        let own =
            constants![SCALE_BOUND, SCALE_SHIFT, INTEGER, CIRCLE, TURN = std::f32::consts::TAU];
        let sources = vec![LOG_1P.into(), LOGISTIC.into(), SQUASH.into(), own, SHADER.into()];
        Launch { sources, entry, arguments: self.arguments(layout, others), groups }
    }
}

impl Operation for Centre {
    fn cpu(&self, context: &mut Context<'_>) {
        let n = context.columns();
        context.writing(self.y, |context, y| {
            let rows = y.chunks_exact_mut(n * self.inputs);
            let rows = rows.zip(context.slot(self.x).chunks_exact(n));
            for ((y, x), entry) in rows.zip(context.table(self.columns).chunks_exact(EACH)) {
                let Column { values, location, scale, .. } = read(entry);
                let (first, second) = y.split_at_mut(n);
                for (y, x) in first.iter_mut().zip(x) {
                    *y = (x - location) / scale;
                }
                second.fill(0.0);
                if values == Values::Circle {
                    for (first, second) in first.iter_mut().zip(second) {
                        let y = *first / std::f32::consts::PI;
                        [*first, *second] = math::cos_sin_pi(Scalar, y);
                    }
                }
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let Self { columns, x, inputs, y } = *self;
        let all = Logistics { columns, components: inputs, x, outputs: y, log_q: x };
        vec![all.launch(layout, [x; 2], "centre", columns.len / EACH)]
    }
}

/// Data has no gradient.
impl Forward for Centre {
    fn reads(&self) -> Vec<Slot> {
        Vec::new()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.y]
    }
}

/// The columns of a call, one vector of samples after another.
struct Site<'a> {
    column: Column,
    components: usize,
    n: usize,
    x: &'a [f32],
    outputs: &'a [f32],
}

/// The mixture of one vector of samples.
struct Mixed<F> {
    score: Score<F>,
    /// ln of what each component gives, without its weight.
    terms: [F; COMPONENTS[1]],
    /// The largest logit, and the sum of exponentials of the differences from it.
    softmax: [F; 2],
    /// The same of logit and term.
    total: [F; 2],
}

impl Site<'_> {
    #[inline(always)]
    fn output<S: Simd>(&self, s: S, p: usize, i: usize) -> S::F {
        s.load(&S::chunks(&self.outputs[p * self.n..(p + 1) * self.n]).0[i])
    }

    /// μ and ln s.
    #[inline(always)]
    fn component<S: Simd>(&self, s: S, k: usize, i: usize) -> [S::F; 2] {
        let m = self.components;
        let (mean, raw) = (self.output(s, m + k, i), self.output(s, 2 * m + k, i));
        component(s, offset(k, m), mean, raw)
    }

    #[inline(always)]
    fn mixed<S: Simd>(&self, s: S, i: usize) -> Mixed<S::F> {
        let m = self.components;
        let score = Score::of(s, self.column, s.load(&S::chunks(self.x).0[i]));
        let softmax = softmax(s, &self.outputs[..m * self.n], self.n, i);
        let mut terms = [s.splat(0.0); COMPONENTS[1]];
        let mut most = s.splat(f32::MIN);
        for (k, term) in terms[..m].iter_mut().enumerate() {
            let [mean, log_scale] = self.component(s, k, i);
            *term = score.term(s, mean, log_scale);
            let whole = s.add(self.output(s, k, i), *term);
            most = s.select(s.lt(most, whole), whole, most);
        }
        let mut sum = s.splat(0.0);
        for (k, term) in terms[..m].iter().enumerate() {
            let whole = s.add(self.output(s, k, i), *term);
            sum = s.add(sum, math::exp(s, s.sub(whole, most)));
        }
        Mixed { score, terms, softmax, total: [most, sum] }
    }
}

struct LogProb<'a> {
    site: Site<'a>,
    log_q: &'a mut [f32],
}

impl Kernel for LogProb<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (i, sum) in S::chunks_mut(self.log_q).0.iter_mut().enumerate() {
            let Mixed { score, softmax, total, .. } = self.site.mixed(s, i);
            let [[a, b], [c, d]] = [softmax, total];
            let ln_p = s.add(s.sub(c, a), s.sub(math::ln(s, d), math::ln(s, b)));
            s.store(s.add(s.load(sum), s.add(ln_p, score.more)), sum);
        }
    }
}

impl Operation for Logistics {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, components) = (context.columns(), self.components);
        context.writing(self.log_q, |context, log_q| {
            let outputs = context.slot(self.outputs).chunks_exact(3 * components * n);
            let sites = context.slot(self.x).chunks_exact(n).zip(outputs);
            for ((x, outputs), entry) in sites.zip(context.table(self.columns).chunks_exact(EACH)) {
                let site = Site { column: read(entry), components, n, x, outputs };
                dispatch(context.level, LogProb { site, log_q });
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        vec![self.launch(layout, [self.log_q; 2], "logistics", 1)]
    }
}

impl Forward for Logistics {
    fn reads(&self) -> Vec<Slot> {
        vec![self.outputs]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![self.log_q]
    }

    fn backward(&self, reverse: &mut Reverse<'_>) {
        if let Some([coefficient, slopes]) = reverse.scored(self.outputs, self.log_q) {
            reverse.push(LogisticsBackward { logistics: *self, coefficient, slopes });
        }
    }
}

/// Gradient of the network's outputs.
#[derive(Clone, Copy, Debug)]
pub struct LogisticsBackward {
    /// The forward operation.
    pub logistics: Logistics,
    /// One row: the derivative of the loss with respect to each column's ln q.
    pub coefficient: Slot,
    /// Gradient of the outputs, overwritten.
    pub slopes: Slot,
}

struct Slopes<'a> {
    site: Site<'a>,
    coefficient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { site, coefficient, out } = self;
        let (m, n, column) = (site.components, site.n, site.column);
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        for (i, c) in S::chunks(coefficient).0.iter().enumerate() {
            let c = s.load(c);
            let Mixed { score, terms, softmax: [most, whole], total } = site.mixed(s, i);
            let [first, last] = score.last.map(|yes| s.lt(zero, yes));
            for (k, term) in terms[..m].iter().enumerate() {
                let logit = site.output(s, k, i);
                let share = |x, [most, sum]: [S::F; 2]| s.div(math::exp(s, s.sub(x, most)), sum);
                let weight = share(logit, [most, whole]);
                let own = share(s.add(logit, *term), total);
                let [mean, log_scale] = site.component(s, k, i);
                let inverse = math::exp(s, s.sub(zero, log_scale));
                let [a, b] = score.ways(s, mean, inverse);
                let (by_mean, by_scale) = if column.values == Values::Integer {
                    let below = s.select(last, zero, math::sigmoid(s, s.sub(zero, b)));
                    let above = s.select(first, zero, math::sigmoid(s, a));
                    let width = s.mul(s.splat(1.0 / column.scale), inverse);
                    let t = math::tanh(s, s.mul(width, s.splat(0.5)));
                    // 1/(eʷ − 1) = (1 − t)/(2 t).
                    let inner = s.mul(width, s.div(s.sub(one, t), s.add(t, t)));
                    let inner = s.select(first, zero, s.select(last, zero, inner));
                    let ends = s.sub(s.mul(a, above), s.mul(b, below));
                    (s.mul(s.sub(above, below), inverse), s.sub(ends, inner))
                } else {
                    let t = math::tanh(s, s.mul(a, s.splat(0.5)));
                    let by_scale = s.sub(s.mul(a, t), one);
                    let by_scale = if column.values == Values::Circle {
                        // w/sinh w of w = π/s, with tanh(w/2).
                        let half = s.mul(inverse, s.splat(std::f32::consts::FRAC_PI_2));
                        let left = math::tanh(s, half);
                        let beyond = s.sub(one, s.mul(left, left));
                        s.add(by_scale, s.div(s.mul(half, beyond), left))
                    } else {
                        by_scale
                    };
                    (s.mul(t, inverse), by_scale)
                };
                let raw = site.output(s, 2 * m + k, i);
                let share = soft_clip_share(s, raw, SCALE_BOUND);
                let given = s.mul(c, own);
                let mut put = |p: usize, value| {
                    s.store(value, &mut S::chunks_mut(&mut out[p * n..(p + 1) * n]).0[i]);
                };
                put(k, s.mul(c, s.sub(own, weight)));
                put(m + k, s.mul(given, by_mean));
                put(2 * m + k, s.div(s.mul(given, by_scale), s.mul(share, share)));
            }
        }
    }
}

impl Operation for LogisticsBackward {
    fn cpu(&self, context: &mut Context<'_>) {
        let (n, of) = (context.columns(), self.logistics);
        let (components, rows) = (of.components, 3 * of.components * n);
        context.writing(self.slopes, |context, out| {
            let coefficient = context.slot(self.coefficient);
            let outputs = context.slot(of.outputs).chunks_exact(rows);
            let sites = context.slot(of.x).chunks_exact(n).zip(outputs);
            let table = context.table(of.columns).chunks_exact(EACH);
            for (((x, outputs), entry), out) in sites.zip(table).zip(out.chunks_exact_mut(rows)) {
                let site = Site { column: read(entry), components, n, x, outputs };
                dispatch(context.level, Slopes { site, coefficient, out });
            }
        });
    }

    fn gpu(&self, layout: &mut Layout) -> Vec<Launch> {
        let sites = self.logistics.columns.len / EACH;
        let others = [self.coefficient, self.slopes];
        vec![self.logistics.launch(layout, others, "logistics_backward", sites)]
    }
}
