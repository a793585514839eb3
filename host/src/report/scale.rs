//! Axes: their ends, their ticks and what stands beside these.
//!
//! Ticks are round numbers, as many as there is room for. A label that would not fit beside its
//! neighbour, or would be cut at the picture's edge, is a sign of too many: fewer are taken.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::bins::Bins;

/// Ticks that are tried, from the most.
const MOST_TICKS: usize = 6;
/// Powers of ten that are ticks enough for a logarithmic axis.
const DECADES: usize = 3;
/// Values that an axis may have its ticks at, and at these alone.
const FEW: usize = 24;

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// What stands beside it.
    pub(super) name: String,
    /// The ends, of a logarithmic axis their powers of ten.
    ends: [f64; 2],
    logarithmic: bool,
    /// The only values there are, where they are few.
    points: Vec<f64>,
    ticks: Vec<f64>,
}

impl Scale {
    /// An axis between these ends, which move apart where they are one.
    pub(super) fn new(name: impl Into<String>, [low, high]: [f64; 2]) -> Scale {
        let ends = match high - low {
            gap if gap > 1e-12 * low.abs().max(high.abs()) && gap.is_finite() => [low, high],
            _ if low.is_finite() => {
                let room = if low == 0.0 { 0.5 } else { 0.1 * low.abs() };
                [low - room, low + room]
            }
            _ => [0.0, 1.0],
        };
        let (points, ticks) = (Vec::new(), Vec::new());
        Scale { name: name.into(), ends, logarithmic: false, points, ticks }
    }

    /// The axis of a histogram.
    pub(super) fn of(name: impl Into<String>, bins: &Bins) -> Scale {
        let points = bins.points().filter(|points| points.len() <= FEW);
        Scale { points: points.unwrap_or_default(), ..Scale::new(name, bins.ends()) }
    }

    /// A logarithmic axis that holds the values above zero.
    pub(super) fn logarithmic(name: impl Into<String>, values: impl Iterator<Item = f64>) -> Scale {
        let powers = values.filter(|x| *x > 0.0).map(f64::log10);
        let [low, high] = extremes(powers).unwrap_or([0.0, 1.0]);
        let room = (0.04 * (high - low)).max(0.05);
        Scale { logarithmic: true, ..Scale::new(name, [low - room, high + room]) }
    }

    /// Where a value lies: 0 at the low end, 1 at the high one.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.log10() } else { value };
        (value - self.ends[0]) / (self.ends[1] - self.ends[0])
    }

    /// The value at a place.
    pub(super) fn value(&self, place: f64) -> f64 {
        let value = self.ends[0] + place * (self.ends[1] - self.ends[0]);
        if self.logarithmic { 10f64.powf(value) } else { value }
    }

    /// Whether a value lies between the ends.
    pub(super) fn holds(&self, value: f64) -> bool {
        (0.0..=1.0).contains(&self.place(value))
    }

    /// Takes as many ticks as fit on `length`: `size` says how much of it a label takes, and
    /// `beyond` how far one may reach beyond the ends.
    pub(super) fn fit(&mut self, length: f64, beyond: f64, size: impl Fn(&str) -> f64) {
        for most in (1..=MOST_TICKS).rev() {
            self.ticks = self.round(most);
            let labels: Vec<_> = self.ticks.iter().map(|t| (*t, size(&self.label(*t)))).collect();
            let inside = |(tick, size): &(f64, f64)| {
                let (at, reach) = (length * self.place(*tick), size / 2.0);
                at - reach >= -beyond && at + reach <= length + beyond
            };
            let inside: Vec<_> = labels.into_iter().filter(inside).collect();
            let apart = inside.windows(2).all(|pair| {
                let gap = length * (self.place(pair[1].0) - self.place(pair[0].0));
                gap >= 0.6 * (pair[0].1 + pair[1].1)
            });
            self.ticks = inside.into_iter().map(|(tick, _)| tick).collect();
            if apart && (!self.ticks.is_empty() || most == 1) {
                return;
            }
        }
    }

    /// The ticks' labels.
    pub(super) fn labels(&self) -> impl Iterator<Item = String> {
        self.ticks.iter().map(|tick| self.label(*tick))
    }

    /// Round values between the ends, about `most`.
    fn round(&self, most: usize) -> Vec<f64> {
        let [low, high] = self.ends;
        if !self.points.is_empty() {
            let each = self.points.len().div_ceil(most);
            return self.points.iter().step_by(each).copied().collect();
        }
        if !self.logarithmic {
            return multiples(step(high - low, most), self.ends);
        }
        let powers = multiples(step(high - low, most).max(1.0), self.ends);
        if powers.len() >= DECADES {
            return powers.into_iter().map(|power| 10f64.powf(power)).collect();
        }
        let digits: &[f64] = if most > 3 { &[1.0, 2.0, 5.0] } else { &[1.0, 3.0] };
        let decades = low.floor() as i32..=high.ceil() as i32;
        let all = decades.flat_map(|power| digits.iter().map(move |d| d * 10f64.powi(power)));
        let ticks: Vec<_> = all.filter(|tick| self.holds(*tick)).collect();
        if ticks.len() > 1 {
            return ticks;
        }
        let ends = self.ends.map(|end| 10f64.powf(end));
        multiples(step(ends[1] - ends[0], most), ends)
    }

    /// A tick as text: as many digits as tell it from its neighbours.
    fn label(&self, tick: f64) -> String {
        let ends = self.ends.map(|end| if self.logarithmic { 10f64.powf(end) } else { end });
        let gaps = self.ticks.windows(2).map(|pair| pair[1] - pair[0]);
        let gap = gaps.fold(ends[1] - ends[0], f64::min);
        let size = if self.logarithmic { tick } else { ends[0].abs().max(ends[1].abs()) };
        if size >= 1e6 && gap >= 1e3 || size < 1e-3 {
            let text = format!("{tick:.2e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            let digits = trimmed(digits);
            return if digits == "0" { digits } else { format!("{digits}e{power}") };
        }
        trimmed(&format!("{tick:.*}", (1.0 - gap.log10().floor()).clamp(0.0, 12.0) as usize))
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        // What is far outside stays within what a picture's coordinates hold.
        from + (self.place(*value).clamp(-4.0, 5.0) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // The hint of the finer lines, of which there are none.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.value(0.0)..self.value(1.0)
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, tick: &f64) -> String {
        self.label(*tick)
    }
}

/// The least and the largest finite value.
pub(super) fn extremes(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let finite = values.filter(|x| x.is_finite());
    finite.fold(None, |ends, x| match ends {
        None => Some([x, x]),
        Some([low, high]) => Some([x.min(low), x.max(high)]),
    })
}

/// 1, 2 or 5 times a power of ten, about `span / most`.
fn step(span: f64, most: usize) -> f64 {
    let least = span / most as f64;
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|m| m * power);
    steps.into_iter().find(|step| *step >= 0.999 * least).unwrap_or(least)
}

fn multiples(step: f64, [low, high]: [f64; 2]) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let tick = |i: i32| (first + f64::from(i)) * step;
    (0..32).map(tick).take_while(|tick| *tick <= high + 1e-9 * step).collect()
}

/// Without the zeros that say nothing.
fn trimmed(number: &str) -> String {
    let text = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(mut scale: Scale, length: f64) -> Vec<String> {
        scale.fit(length, 0.0, |text| 10.0 * text.len() as f64);
        scale.labels().collect()
    }

    #[test]
    fn ticks_are_round_told_apart_and_inside() {
        let linear = |ends, length| labels(Scale::new("", ends), length);
        assert_eq!(linear([0.0, 2000.0], 900.0), ["500", "1000", "1500"]);
        assert_eq!(linear([-0.1, 2000.0], 100.0), ["1000"]);
        assert_eq!(linear([-0.021, 0.021], 400.0), ["-0.01", "0", "0.01", "0.02"][..3]);
        assert_eq!(
            linear([1e8 - 1.0, 1e8 + 1.0], 400.0),
            ["99999999.5", "100000000", "100000000.5"][1..2]
        );
        assert_eq!(linear([0.0, 4e-7], 400.0), ["1e-7", "2e-7", "3e-7"]);
        assert_eq!(linear([0.0, 3e9], 200.0), ["1e9", "2e9"]);
        for [low, high] in [[3.0, 3.0], [f64::NAN, 1.0], [0.0, 0.0], [-5.0, f64::INFINITY]] {
            assert!(!linear([low, high], 400.0).is_empty(), "{low} {high}");
        }
        let log = |values: [f64; 2]| labels(Scale::logarithmic("", values.into_iter()), 400.0);
        assert_eq!(log([0.01, 1e4]), ["1", "100"]);
        assert_eq!(log([0.9, 11.0]), ["1", "2", "5", "10"]);
        assert_eq!(log([1.5, 62.0]), ["2", "5", "10", "20", "50"]);
        let spins = Bins { start: -2.0, width: 2.0, number: 2, spacing: Some(2.0) };
        assert_eq!(labels(Scale::of("", &spins), 400.0), ["-1", "1"]);
        assert_eq!(log([0.0, -1.0]), ["1", "2", "5", "10"]);
    }
}
