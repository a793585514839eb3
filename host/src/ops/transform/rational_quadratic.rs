//! The rational-quadratic spline on [−B, B] (Gregory & Delbourgo 1982; Durkan et al.,
//! arXiv:1906.04032; circular: Rezende et al., arXiv:2002.02428): data x to noise y in closed form, and
//! back by a quadratic equation.
//!
//! K bins have K widths and K heights, made fractions of 2B by a softmax p with a floor, and
//! derivatives δ = d + softplus(u + c) at the knots. [`Tails`] say what they are at the ends, and
//! whether the spline is the identity beyond or nothing comes from there. In a bin with corners X₀ X₁ Y₀ Y₁, s = (Y₁ − Y₀)/(X₁ − X₀), t = (x − X₀)/(X₁ − X₀) and v = 1 − t:
//!
//! ```text
//! den = s (t² + v²) + (δ₀ + δ₁) t v        η = t (s t + δ₀ v)/den       y = Y₀ + (Y₁ − Y₀) η
//! m = δ₁ t² + 2 s t v + δ₀ v²              y' = s² m/den²               ln |det| = ln y'
//! ```
//!
//! Backward, from g = dL/dy and c = dL/d ln q: with G the gradient with respect to t, s, δ₀, δ₁,
//!
//! ```text
//! dx = g y' + c (ln y')'            dX₁ = −(s Gs + t Gt)/w   dX₀ = (s Gs − v Gt)/w
//! dY₁ = g η + Gs/w                  dY₀ = g − dY₁            dδ = G
//! ```
//!
//! A corner is a sum of softmax terms, so its gradient reaches the parameters of all bins before it.
//! Sampling is the inverse: the gradient of z is h = (dx + c (ln y')')/y' by the implicit function
//! theorem, and everything else is as above with g = −h. What is kept is the softmax.
//!
//! Soft-clipped knots (zuko's; see the engine) have no floor, δ = exp(u), and each parameter r is
//! u = r/(1 + |r|/b) first, with du/dr = (1 + |r|/b)⁻² = (1 − |u|/b)². Of those the exponentials are kept, which
//! are bounded and not yet divided by their sum, as u cannot be had from the softmax.

use std::borrow::Cow;

use pushforward::math::{exp, ln, sigmoid, softplus};
use pushforward::simd::Simd;
use pushforward::univariate::RationalQuadraticSpec;
use pushforward::univariate::rational_quadratic::{
    DERIVATIVE_SHIFT, MIN_BIN, MIN_DERIVATIVE, Tails,
};

use super::{Arguments, Direction, Map, Parameters, arguments, constants, sides, through};

impl Map for RationalQuadraticSpec {
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        Spline::of(self).forward(s, direction, x, p)
    }

    #[inline(always)]
    fn backward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        ends: [S::F; 2],
        c: S::F,
        dy: S::F,
        p: &mut Parameters<'_, S>,
    ) -> S::F {
        Spline::of(self).backward(s, direction, ends, c, dy, p)
    }

    fn arguments(self) -> Arguments {
        arguments! {
            bins: self.bins,
            bound: self.bound,
            closed: !self.tails.goes_on(),
            fixed_ends: self.tails.ends_are_fixed(),
            circular: self.tails == Tails::Circular,
            half_turn: self.tails == Tails::HalfTurn,
            // 0 for none.
            clip: self.knots.clip().unwrap_or(0.0),
        }
    }

    fn sources(self) -> Vec<Cow<'static, str>> {
        let shared = constants![MIN_BIN, MIN_DERIVATIVE, DERIVATIVE_SHIFT];
        vec![shared, include_str!("rational_quadratic.wgsl").into()]
    }
}

/// A spline's sizes.
#[derive(Clone, Copy)]
struct Spline {
    bins: usize,
    bound: f32,
    tails: Tails,
    /// The bound of soft-clipped slopes; that of widths and heights is half of it.
    clip: Option<f32>,
}

/// A bin, each pair for x and y, or for both ends.
#[derive(Clone, Copy)]
struct Bin<F> {
    number: F,
    low: [F; 2],
    high: [F; 2],
    /// The softmax of the bin, and its sum over the bins before.
    part: [F; 2],
    below: [F; 2],
    /// Unnormalised derivatives.
    slopes: [F; 2],
}

/// An operation of a level on both of a pair.
macro_rules! pair {
    ($s:ident.$op:ident($a:expr, $b:expr)) => {{
        let (a, b) = ($a, $b);
        [$s.$op(a[0], b[0]), $s.$op(a[1], b[1])]
    }};
}

/// What the formulas share at one place t: t v, t² + v², den and m.
#[derive(Clone, Copy)]
struct Place<F> {
    tv: F,
    squares: F,
    den: F,
    m: F,
}

impl Spline {
    #[inline(always)]
    fn of(spec: RationalQuadraticSpec) -> Self {
        let RationalQuadraticSpec { bins, bound, tails, knots } = spec;
        Self { bins, bound, tails, clip: knots.clip() }
    }

    /// The least width and height, of the whole.
    #[inline(always)]
    fn least(self) -> f32 {
        if self.clip.is_some() { 0.0 } else { MIN_BIN }
    }

    /// What makes fractions of widths and of heights: they are kept, or the exponentials of soft-clipped
    /// parameters are, and these are the factors.
    #[inline(always)]
    fn normalise<S: Simd>(self, s: S, p: &mut Parameters<'_, S>, kept: bool) -> [S::F; 2] {
        let one = s.splat(1.0);
        let Some(clip) = self.clip else {
            if !kept {
                self.softmax(s, p, 0);
                self.softmax(s, p, self.bins);
            }
            return [one; 2];
        };
        let mut factors = [one; 2];
        for (axis, factor) in factors.iter_mut().enumerate() {
            let mut sum = s.splat(0.0);
            for k in 0..self.bins {
                let r = axis * self.bins + k;
                if !kept {
                    let [u, _] = soft_clip(s, p.get(r), 0.5 * clip);
                    p.set(r, exp(s, u));
                }
                sum = s.add(sum, p.get(r));
            }
            *factor = s.div(one, sum);
        }
        factors
    }

    /// The fraction of bin `k` along an axis.
    #[inline(always)]
    fn part<S: Simd>(
        self,
        s: S,
        p: &Parameters<'_, S>,
        factors: [S::F; 2],
        axis: usize,
        k: usize,
    ) -> S::F {
        let value = p.get(axis * self.bins + k);
        match self.clip {
            None => value,
            Some(_) => s.mul(value, factors[axis]),
        }
    }

    /// A derivative, and its own with respect to the parameter.
    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, parameter: S::F) -> [S::F; 2] {
        match self.clip {
            None => {
                let u = s.add(parameter, s.splat(DERIVATIVE_SHIFT));
                [s.add(s.splat(MIN_DERIVATIVE), softplus(s, u)), sigmoid(s, u)]
            }
            Some(clip) => {
                let [u, rate] = soft_clip(s, parameter, clip);
                let derivative = exp(s, u);
                [derivative, s.mul(derivative, rate)]
            }
        }
    }

    #[inline(always)]
    fn softmax<S: Simd>(self, s: S, p: &mut Parameters<'_, S>, first: usize) {
        let rows = first..first + self.bins;
        let mut most = p.get(first);
        for r in rows.clone() {
            let u = p.get(r);
            most = s.select(s.lt(most, u), u, most);
        }
        let mut sum = s.splat(0.0);
        for r in rows.clone() {
            let e = exp(s, s.sub(p.get(r), most));
            sum = s.add(sum, e);
            p.set(r, e);
        }
        let scale = s.div(s.splat(1.0), sum);
        for r in rows {
            p.set(r, s.mul(p.get(r), scale));
        }
    }

    /// The last bin whose lower corner is not above `value`, along axis 0 for x and 1 for y.
    #[inline(always)]
    fn find<S: Simd>(
        self,
        s: S,
        p: &Parameters<'_, S>,
        factors: [S::F; 2],
        value: S::F,
        axis: usize,
    ) -> Bin<S::F> {
        let zero = s.splat(0.0);
        let none = [zero; 2];
        let (low, first) = ([s.splat(-self.bound); 2], self.unnormalised(s, p, 0));
        let mut here = self.bin(s, p, factors, 0, [low, none], first);
        let mut found = here;
        for k in 1..self.bins {
            let below = pair!(s.add(here.below, here.part));
            here = self.bin(s, p, factors, k, [here.high, below], here.slopes[1]);
            let before = s.lt(value, here.low[axis]);
            found = Bin {
                number: s.select(before, found.number, here.number),
                low: choose(s, before, found.low, here.low),
                high: choose(s, before, found.high, here.high),
                part: choose(s, before, found.part, here.part),
                below: choose(s, before, found.below, here.below),
                slopes: choose(s, before, found.slopes, here.slopes),
            };
        }
        found
    }

    /// The unnormalised derivative at a knot, 0 where there is none.
    #[inline(always)]
    fn unnormalised<S: Simd>(self, s: S, p: &Parameters<'_, S>, knot: usize) -> S::F {
        match self.tails.slope(self.bins, knot) {
            Some(r) => p.get(r),
            None => s.splat(0.0),
        }
    }

    /// Bin `k`, from what the bins before it end with.
    #[inline(always)]
    fn bin<S: Simd>(
        self,
        s: S,
        p: &Parameters<'_, S>,
        factors: [S::F; 2],
        k: usize,
        [low, below]: [[S::F; 2]; 2],
        slope: S::F,
    ) -> Bin<S::F> {
        let part = [0, 1].map(|axis| self.part(s, p, factors, axis, k));
        let high = if k + 1 == self.bins {
            [s.splat(self.bound); 2]
        } else {
            let whole = 2.0 * self.bound;
            let rest = s.splat(whole * (1.0 - self.least() * self.bins as f32));
            let size = pair!(s.mul([rest; 2], part));
            let size = pair!(s.add([s.splat(whole * self.least()); 2], size));
            pair!(s.add(low, size))
        };
        let next = self.unnormalised(s, p, k + 1);
        Bin { number: s.splat(k as f32), low, high, part, below, slopes: [slope, next] }
    }

    /// The derivatives at both ends of a bin, and their own with respect to parameters.
    #[inline(always)]
    fn deltas<S: Simd>(self, s: S, bin: &Bin<S::F>) -> [[S::F; 2]; 2] {
        let first = s.lt(bin.number, s.splat(0.5));
        let last = s.lt(s.splat(self.bins as f32 - 1.5), bin.number);
        let [[d0, rate0], [d1, rate1]] = bin.slopes.map(|u| self.derivative(s, u));
        if !self.tails.ends_are_fixed() {
            return [[d0, d1], [rate0, rate1]];
        }
        let one = s.splat(1.0);
        [[s.select(first, one, d0), s.select(last, one, d1)], [rate0, rate1]]
    }

    /// `yes` where −B < value < B, or everywhere if there is nothing beyond.
    #[inline(always)]
    fn inside<S: Simd>(self, s: S, value: S::F, yes: S::F, no: S::F) -> S::F {
        if !self.tails.goes_on() {
            return yes;
        }
        let (low, high) = (s.lt(s.splat(-self.bound), value), s.lt(value, s.splat(self.bound)));
        s.select(low, s.select(high, yes, no), no)
    }

    /// Half a turn on, if the tails say so.
    #[inline(always)]
    fn turned<S: Simd>(self, s: S, x: S::F) -> S::F {
        if self.tails != Tails::HalfTurn {
            return x;
        }
        let bound = s.splat(self.bound);
        s.select(s.lt(x, s.splat(0.0)), s.add(x, bound), s.sub(x, bound))
    }

    /// The value and ln y'.
    #[inline(always)]
    fn forward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        x: S::F,
        p: &mut Parameters<'_, S>,
    ) -> (S::F, S::F) {
        let factors = self.normalise(s, p, false);
        let from = usize::from(direction == Direction::Sampling);
        let x = if from == 0 { self.turned(s, x) } else { x };
        let bin = self.find(s, p, factors, x, from);
        let size = pair!(s.sub(bin.high, bin.low));
        let slope = s.div(size[1], size[0]);
        let [deltas, _] = self.deltas(s, &bin);
        let inverse = s.div(s.splat(1.0), size[from]);
        let up = s.mul(s.sub(x, bin.low[from]), inverse);
        let down = s.mul(s.sub(bin.high[from], x), inverse);
        let (place, [up, down]) = match direction {
            Direction::Density => {
                let place = place(s, slope, deltas, up, down);
                let low = s.mul(up, s.add(s.mul(slope, up), s.mul(deltas[0], down)));
                let high = s.mul(down, s.add(s.mul(slope, down), s.mul(deltas[1], up)));
                (place, pair!(s.div([low, high], [place.den; 2])))
            }
            Direction::Sampling => {
                let t = solve(s, slope, deltas, up, down);
                (place(s, slope, deltas, t[0], t[1]), t)
            }
        };
        let to = 1 - from;
        let near_low = s.add(bin.low[to], s.mul(size[to], up));
        let near_high = s.sub(bin.high[to], s.mul(size[to], down));
        let y = s.select(s.lt(up, down), near_low, near_high);
        let ratio = s.div(slope, place.den);
        let log_det = ln(s, s.mul(s.mul(ratio, ratio), place.m));
        // No rounding leaves an interval beyond which there is nothing.
        let (bottom, top) = (s.splat(-self.bound), s.splat(self.bound));
        let held = s.select(s.lt(y, bottom), bottom, s.select(s.lt(top, y), top, y));
        let held = if from == 1 { self.turned(s, held) } else { held };
        (self.inside(s, x, held, x), self.inside(s, x, log_det, s.splat(0.0)))
    }

    /// dx; the gradients of the parameters in their places.
    #[inline(always)]
    fn backward<S: Simd>(
        self,
        s: S,
        direction: Direction,
        ends: [S::F; 2],
        c: S::F,
        dy: S::F,
        p: &mut Parameters<'_, S>,
    ) -> S::F {
        let (zero, one, two) = (s.splat(0.0), s.splat(1.0), s.splat(2.0));
        let [value, _] = sides(direction, ends);
        let value = self.turned(s, value);
        let factors = self.normalise(s, p, true);
        let bin = self.find(s, p, factors, value, 0);
        let size = pair!(s.sub(bin.high, bin.low));
        let per_width = s.div(one, size[0]);
        let slope = s.mul(size[1], per_width);
        let [deltas, rates] = self.deltas(s, &bin);
        let middle = s.mul(s.splat(0.5), s.add(bin.low[0], bin.high[0]));
        let at = self.inside(s, value, value, middle);
        let t = s.mul(s.sub(at, bin.low[0]), per_width);
        let v = s.mul(s.sub(bin.high[0], at), per_width);
        let Place { tv, squares, den, m } = place(s, slope, deltas, t, v);
        let (per_den, per_m) = (s.div(one, den), s.div(one, m));
        let per_den_2 = s.mul(per_den, per_den);
        let [d0, d1] = deltas;
        let c = self.inside(s, value, c, zero);
        let given = self.inside(s, value, dy, zero);

        // Derivatives of η and of ln y' with respect to t, s, δ₀ and δ₁.
        let eta = s.mul(s.mul(t, s.add(s.mul(slope, t), s.mul(d0, v))), per_den);
        let rest = s.mul(s.mul(v, s.add(s.mul(slope, v), s.mul(d1, t))), per_den);
        let eta_t = s.mul(s.mul(slope, m), per_den_2);
        let change = s.sub(s.mul(d1, s.mul(t, t)), s.mul(d0, s.mul(v, v)));
        let eta_s = s.mul(s.mul(tv, change), per_den_2);
        let share = s.mul(tv, per_den);
        let [eta_0, eta_1] = [s.mul(share, rest), s.sub(zero, s.mul(share, eta))];
        let m_t = s.add(s.sub(s.mul(d1, t), s.mul(d0, v)), s.mul(slope, s.sub(v, t)));
        let bend = s.sub(s.add(d0, d1), s.mul(two, slope));
        let den_t = s.mul(s.sub(v, t), bend);
        let log_t = s.mul(two, s.sub(s.mul(m_t, per_m), s.mul(den_t, per_den)));
        let log_s = {
            let sum = s.add(s.div(one, slope), s.mul(tv, per_m));
            s.mul(two, s.sub(sum, s.mul(squares, per_den)))
        };
        let twice = s.mul(two, share);
        let log_0 = s.sub(s.mul(s.mul(v, v), per_m), twice);
        let log_1 = s.sub(s.mul(s.mul(t, t), per_m), twice);

        let derivative = s.mul(slope, s.mul(s.mul(slope, m), per_den_2));
        let log_x = s.mul(log_t, per_width);
        let [g, dx] = through(s, direction, given, derivative, s.mul(c, log_x));
        let gh = s.mul(g, size[1]);
        let t_gradient = total(s, [gh, c], eta_t, log_t);
        let s_gradient = s.mul(total(s, [gh, c], eta_s, log_s), per_width);
        let t_gradient = s.mul(t_gradient, per_width);
        let slope_part = s.mul(slope, s_gradient);
        // Gradients of the bin's lower corner and of its upper one: of x, of y.
        let low = [s.sub(slope_part, s.mul(v, t_gradient)), s.sub(s.mul(g, rest), s_gradient)];
        let high = [
            s.sub(zero, s.add(slope_part, s.mul(t, t_gradient))),
            s.add(s.mul(g, eta), s_gradient),
        ];
        let delta = [total(s, [gh, c], eta_0, log_0), total(s, [gh, c], eta_1, log_1)];

        let scale = s.splat(2.0 * self.bound * (1.0 - self.least() * self.bins as f32));
        for axis in 0..2 {
            let all = s.add(low[axis], high[axis]);
            let mean = s.add(s.mul(all, bin.below[axis]), s.mul(high[axis], bin.part[axis]));
            let all = s.mul(scale, s.sub(all, mean));
            let none = s.mul(scale, s.sub(zero, mean));
            let high = s.mul(scale, s.sub(high[axis], mean));
            for k in 0..self.bins {
                let number = s.splat(k as f32);
                let from_here = s.select(s.lt(bin.number, number), none, high);
                let each = s.select(s.lt(number, bin.number), all, from_here);
                let part = self.part(s, p, factors, axis, k);
                let r = axis * self.bins + k;
                let each = match self.clip {
                    None => each,
                    Some(clip) => s.mul(each, clipped_rate(s, p.get(r), 0.5 * clip)),
                };
                p.set(r, s.mul(part, each));
            }
        }
        let steep = pair!(s.mul(delta, rates));
        for k in 0..=self.bins {
            let Some(r) = self.tails.slope(self.bins, k) else { continue };
            // Knot k is the lower end of bin k and the upper end of bin k − 1.
            let lower = only_at(s, bin.number, k as f32, steep[0]);
            let upper = only_at(s, bin.number, k as f32 - 1.0, steep[1]);
            let sum = s.add(lower, upper);
            let seam = k == self.bins && self.tails == Tails::Circular;
            p.set(r, if seam { s.add(p.get(r), sum) } else { sum });
        }
        self.inside(s, value, dx, dy)
    }
}

/// r/(1 + |r|/b), and its derivative.
#[inline(always)]
fn soft_clip<S: Simd>(s: S, r: S::F, bound: f32) -> [S::F; 2] {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let size = s.select(s.lt(r, zero), s.sub(zero, r), r);
    let rate = s.div(one, s.add(one, s.div(size, s.splat(bound))));
    [s.mul(r, rate), s.mul(rate, rate)]
}

/// The derivative of a soft-clipped parameter, of its exponential.
#[inline(always)]
fn clipped_rate<S: Simd>(s: S, e: S::F, bound: f32) -> S::F {
    let u = ln(s, e);
    let size = s.select(s.lt(u, s.splat(0.0)), s.sub(s.splat(0.0), u), u);
    let share = s.sub(s.splat(1.0), s.mul(size, s.splat(1.0 / bound)));
    s.mul(share, share)
}

#[inline(always)]
fn choose<S: Simd>(s: S, mask: S::M, a: [S::F; 2], b: [S::F; 2]) -> [S::F; 2] {
    [s.select(mask, a[0], b[0]), s.select(mask, a[1], b[1])]
}

/// `yes` where `number` is the whole number `k`, else 0.
#[inline(always)]
fn only_at<S: Simd>(s: S, number: S::F, k: f32, yes: S::F) -> S::F {
    let (low, high) = (s.lt(s.splat(k - 0.5), number), s.lt(number, s.splat(k + 0.5)));
    let zero = s.splat(0.0);
    s.select(low, s.select(high, yes, zero), zero)
}

/// What reaches one quantity through y and through ln y'.
#[inline(always)]
fn total<S: Simd>(s: S, [g, c]: [S::F; 2], eta: S::F, log: S::F) -> S::F {
    s.add(s.mul(g, eta), s.mul(c, log))
}

/// t² + v², den and m at a place.
#[inline(always)]
fn place<S: Simd>(s: S, slope: S::F, deltas: [S::F; 2], t: S::F, v: S::F) -> Place<S::F> {
    let (tt, vv, tv) = (s.mul(t, t), s.mul(v, v), s.mul(t, v));
    let squares = s.add(tt, vv);
    let den = s.add(s.mul(slope, squares), s.mul(s.add(deltas[0], deltas[1]), tv));
    let middle = s.mul(s.add(slope, slope), tv);
    let m = s.add(s.add(s.mul(deltas[1], tt), middle), s.mul(deltas[0], vv));
    Place { tv, squares, den, m }
}

/// t and 1 − t from η and 1 − η: the root of the quadratic equation without cancellation, its
/// discriminant a sum of terms that are not negative.
#[inline(always)]
fn solve<S: Simd>(s: S, slope: S::F, deltas: [S::F; 2], eta: S::F, rest: S::F) -> [S::F; 2] {
    let zero = s.splat(0.0);
    let g = s.sub(s.mul(deltas[0], rest), s.mul(deltas[1], eta));
    let twice = s.add(slope, slope);
    let (low, high) = (s.mul(twice, eta), s.mul(twice, rest));
    let r = s.sqrt(s.add(s.mul(g, g), s.mul(low, high)));
    let negative = s.lt(g, zero);
    let size = s.select(negative, s.sub(zero, g), g);
    let (large, small) = (s.add(r, size), s.select(negative, high, low));
    let inverse = s.div(s.splat(1.0), s.add(small, large));
    let (large, small) = (s.mul(large, inverse), s.mul(small, inverse));
    [s.select(negative, large, small), s.select(negative, small, large)]
}
