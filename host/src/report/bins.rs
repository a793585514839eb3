//! Histograms that show what is there.
//!
//! Values on a lattice, such as energies 4 apart, categories or whole numbers, get bins that hold as
//! many of its points each: one, or the same number where there are too many points for bars. Other
//! bins would draw spikes that are not there. Real values get Freedman and Diaconis' (1981) width
//! between the quantiles that [`TAIL`] leaves out. What lies outside is counted and not drawn.

/// The share of values at either end that the bins may leave out.
const TAIL: f64 = 2.5e-3;
/// Most bins.
const MOST: f64 = 80.0;
/// Least bins of real values, if there are as many of these as its square.
const LEAST: f64 = 30.0;
/// Points of a lattice for which values are looked at, and how often each occurs at least on average.
const LATTICE: usize = 2000;
const OFTEN: usize = 4;

/// Values with their weights, or each counting once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    /// The values; those that are not finite are outside.
    pub(super) values: &'a [f64],
    /// One a value.
    pub(super) weights: Option<&'a [f64]>,
}

impl<'a> From<&'a [f64]> for Sample<'a> {
    fn from(values: &'a [f64]) -> Self {
        Sample { values, weights: None }
    }
}

impl Sample<'_> {
    fn weight(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[i])
    }

    /// The finite values from the least, each with the share of the sample that lies below it.
    fn sorted(&self) -> Vec<(f64, f64)> {
        let all = self.values.iter().copied().enumerate();
        let mut sorted: Vec<_> =
            all.filter(|(_, x)| x.is_finite()).map(|(i, x)| (x, self.weight(i))).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
        let mut below = 0.0;
        for (_, weight) in &mut sorted {
            let own = *weight / total;
            *weight = below;
            below += own;
        }
        sorted
    }
}

/// Bins of one width.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    /// The left edge of the first.
    pub(super) start: f64,
    /// The width of each.
    pub(super) width: f64,
    /// How many.
    pub(super) number: usize,
    /// The distance of the points of the lattice that all values lie on, if they do.
    pub(super) spacing: Option<f64>,
}

/// What bins hold of a sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts {
    /// The share of the sample in each bin, of real values over its width: a density.
    pub(super) heights: Vec<f64>,
    /// Values that are in none.
    pub(super) outside: usize,
}

impl Bins {
    /// Bins that suit all samples at once.
    pub(super) fn of(samples: &[Sample<'_>]) -> Bins {
        let sorted: Vec<_> = samples.iter().map(Sample::sorted).filter(|s| !s.is_empty()).collect();
        let ends = |s: &Vec<(f64, f64)>| [quantile(s, TAIL), quantile(s, 1.0 - TAIL)];
        let wider = |a: [f64; 2], b: [f64; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        let Some([low, high]) = sorted.iter().map(ends).reduce(wider) else {
            return Bins { start: 0.0, width: 1.0, number: 1, spacing: None };
        };
        // An outlier would make neighbours of all others.
        let inside = |s: &Vec<(f64, f64)>| -> Vec<f64> {
            s.iter().map(|(x, _)| *x).filter(|x| (low..=high).contains(x)).collect()
        };
        let lattices: Vec<_> = sorted.iter().map(|s| lattice(&inside(s))).collect();
        // The finest: bins of several points of the others.
        let of = lattices.iter().flatten().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
        if let Some((point, spacing)) = of {
            let points = ((high - low) / spacing).round() + 1.0;
            let each = (points / MOST).ceil();
            let first = point + ((low - point) / spacing - 0.5).ceil() * spacing;
            return Bins {
                start: first - spacing / 2.0,
                width: each * spacing,
                number: (points / each).ceil() as usize,
                spacing: lattices.iter().all(Option::is_some).then_some(spacing),
            };
        }
        if high - low <= 1e-12 * high.abs().max(low.abs()) {
            let width = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
            return Bins { start: low - width / 2.0, width, number: 1, spacing: None };
        }
        let widths = sorted.iter().map(|s| {
            let quarters = quantile(s, 0.75) - quantile(s, 0.25);
            2.0 * quarters / (s.len() as f64).cbrt()
        });
        let width = widths.fold(f64::INFINITY, f64::min);
        let fewest = sorted.iter().map(Vec::len).min().unwrap_or(0) as f64;
        let least = fewest.sqrt().clamp(1.0, LEAST);
        let number = ((high - low) / width).clamp(least, MOST).ceil();
        // Room for the ends, whose rounding would put them outside.
        let room = 1e-9 * (high - low);
        let width = (high - low + 2.0 * room) / number;
        Bins { start: low - room, width, number: number as usize, spacing: None }
    }

    /// The edges of the first and the last.
    pub(super) fn ends(&self) -> [f64; 2] {
        [self.start, self.edge(self.number)]
    }

    /// The points of the lattice, if all values lie on one and each has its bin.
    pub(super) fn points(&self) -> Option<Vec<f64>> {
        let alone = self.spacing == Some(self.width);
        alone.then(|| (0..self.number).map(|i| self.edge(i) + self.width / 2.0).collect())
    }

    /// The left edge of bin `i`.
    pub(super) fn edge(&self, i: usize) -> f64 {
        self.start + self.width * i as f64
    }

    /// What the vertical axis of the counts is called.
    pub(super) fn measure(&self) -> &'static str {
        if self.spacing.is_some() { "share" } else { "density" }
    }

    /// Counts a sample.
    pub(super) fn count(&self, sample: Sample<'_>) -> Counts {
        let mut counts = Counts { heights: vec![0.0; self.number], outside: 0 };
        let mut total = 0.0;
        for (i, value) in sample.values.iter().enumerate() {
            total += sample.weight(i);
            let bin = ((value - self.start) / self.width).floor();
            match counts.heights.get_mut(bin as usize) {
                Some(height) if bin >= 0.0 => *height += sample.weight(i),
                _ => counts.outside += 1,
            }
        }
        let scale = total * if self.spacing.is_some() { 1.0 } else { self.width };
        counts.heights.iter_mut().for_each(|height| *height /= scale.max(f64::MIN_POSITIVE));
        counts
    }
}

/// The value that a share `q` of the sample lies below.
fn quantile(sorted: &[(f64, f64)], q: f64) -> f64 {
    let above = sorted.partition_point(|(_, below)| *below <= q).max(1);
    sorted[above - 1].0
}

/// A point of the lattice that the values lie on, and the distance of its points.
fn lattice(sorted: &[f64]) -> Option<(f64, f64)> {
    let (least, largest) = (*sorted.first()?, *sorted.last()?);
    // Sums in another order differ by roundings.
    let same = 1e-6 * (largest - least).max(1e-3 * least.abs().max(largest.abs()));
    let mut points = vec![least];
    for x in sorted {
        if x - points[points.len() - 1] > same {
            points.push(*x);
        }
        if points.len() > LATTICE {
            return None;
        }
    }
    if points.len() * OFTEN > sorted.len() {
        return None;
    }
    // The greatest common divisor of the gaps; of one point any will do.
    let divisor = |mut a: f64, mut b: f64| {
        while b > 10.0 * same {
            (a, b) = (b, (a - (a / b).round() * b).abs());
        }
        a
    };
    let spacing = points.windows(2).map(|pair| pair[1] - pair[0]).reduce(divisor).unwrap_or(1.0);
    ((largest - least) / spacing <= 50.0 * LATTICE as f64).then_some((least, spacing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_on_a_lattice_have_no_spikes() {
        // Energies 4 apart, every one as often: all bars are as high.
        let values: Vec<f64> = (0..20_000).map(|i| f64::from(i % 200) * 4.0 - 512.0).collect();
        let bins = Bins::of(&[values[..].into()]);
        assert_eq!((bins.spacing, bins.width % 4.0), (Some(4.0), 0.0));
        let counts = bins.count(values[..].into());
        let (low, high) = (counts.heights[0], counts.heights[1]);
        assert!(bins.number <= 80 && (low - high).abs() < 1e-12, "{counts:?}");
        let whole = &counts.heights[..bins.number - 1];
        assert!(whole.iter().all(|height| (height - low).abs() < 1e-12), "{counts:?}");
        assert_eq!(counts.outside, 0);
    }

    #[test]
    fn few_values_have_a_bar_each() {
        let spins: Vec<f64> = (0..100).map(|i| if i % 4 == 0 { 1.0 } else { -1.0 }).collect();
        let bins = Bins::of(&[spins[..].into()]);
        assert_eq!((bins.start, bins.width, bins.number), (-2.0, 2.0, 2));
        assert_eq!(bins.count(spins[..].into()).heights, [0.75, 0.25]);
        // Three categories of which one does not occur, by weights, from another order of sums.
        let values: Vec<f64> = (0..300).map(|i| [0.0, 0.2 + 0.1, 0.9][i % 3] + 1e-9).collect();
        let weights: Vec<f64> = (0..300).map(|i| [1.0, 2.0, 1.0][i % 3]).collect();
        let sample = Sample { values: &values, weights: Some(&weights) };
        let bins = Bins::of(&[sample]);
        assert_eq!(bins.number, 4, "{bins:?}");
        let heights = bins.count(sample).heights;
        assert!((heights[1] - 0.5).abs() < 1e-12 && heights[2] == 0.0, "{heights:?}");
    }

    #[test]
    fn outliers_are_counted_and_not_drawn() {
        let mut values: Vec<f64> =
            (0..10_000).map(|i| (f64::from(i) * 0.618_033_988_749_894_9) % 1.0).collect();
        values[..3].copy_from_slice(&[1e9, -1e9, f64::NAN]);
        let bins = Bins::of(&[values[..].into()]);
        let [low, high] = bins.ends();
        assert!(low > -0.1 && high < 1.1 && bins.spacing.is_none(), "{bins:?}");
        let counts = bins.count(values[..].into());
        assert!((3..80).contains(&counts.outside), "{counts:?}");
        let inside: f64 = counts.heights.iter().map(|h| h * bins.width).sum();
        let expected = 1.0 - counts.outside as f64 / 1e4;
        assert!((inside - expected).abs() < 1e-9, "{inside} {expected}");
        assert!(counts.heights.iter().all(|h| *h < 1.5), "{counts:?}");
    }

    #[test]
    fn a_constant_and_nothing_have_bins_too() {
        for values in [&[][..], &[f64::NAN], &[3.0], &[0.0; 50], &[1e30, 1e30 + 1e15]] {
            let bins = Bins::of(&[values.into()]);
            assert!(bins.width > 0.0 && bins.number > 0, "{values:?} {bins:?}");
            assert!(bins.count(values.into()).heights.iter().all(|h| h.is_finite()));
        }
    }
}
