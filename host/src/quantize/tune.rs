//! Roundings that are chosen together: `quantize --tune`.
//!
//! To the nearest integer is the best that can be done for a weight alone, and not for a sum of many: what one
//! rounding takes another can give back. So each row of a matrix is a problem of least squares in integers,
//!
//! ```text
//! min Σₛ ωₛ (yₛ − Σⱼ uⱼ qⱼ xₛⱼ)²
//! ```
//!
//! over the rows s that the model drew, with y the sum that the model of floats makes and x the integers that the
//! network of integers really reads there, so that a layer also makes good what those before it lost. It begins
//! at the nearest integers and goes down one coordinate after another (the objective of Nagel et al. 2020,
//! arXiv:2004.10568, which they relax instead), so that no step makes it worse. A logit's weight is
//! ω = p (1 − p), for which half of the sum is the divergence to second order; elsewhere ω = 1.

/// What the rows of a matrix are multiplied by, column after column, and their products.
pub(super) struct Columns {
    /// `[columns][rows]`.
    values: Vec<f64>,
    rows: usize,
}

/// A row of a matrix, or of some that share an output, with its bias: integers, one for each column.
#[derive(Default)]
pub(super) struct Integers {
    pub(super) q: Vec<f64>,
    /// What one stands for.
    unit: Vec<f64>,
    /// How large it may get.
    most: Vec<f64>,
    /// Which may change.
    free: Vec<usize>,
}

impl Integers {
    /// Adds one.
    pub(super) fn push(&mut self, q: f64, unit: f64, most: f64, free: bool) {
        if free {
            self.free.push(self.q.len());
        }
        self.q.push(q);
        self.unit.push(unit);
        self.most.push(most);
    }
}

impl Columns {
    /// Of values `[rows][columns]`, a few matrices of them beside each other, and a last column of ones.
    pub(super) fn beside(matrices: &[(&[f64], usize)], rows: usize) -> Self {
        let column = |(values, n): (&[f64], usize), i: usize| -> Vec<f64> {
            (0..rows).map(|s| values[s * n + i]).collect()
        };
        let columns = matrices.iter().flat_map(|of| (0..of.1).map(|i| column(*of, i)));
        let ones = vec![1.0; rows];
        Self { values: columns.chain([ones]).flatten().collect(), rows }
    }

    fn column(&self, i: usize) -> &[f64] {
        &self.values[i * self.rows..(i + 1) * self.rows]
    }

    /// Changes integers so that their sums are as near to the wanted ones, one for each row, as at most `steps` passes
    /// bring them.
    ///
    /// What does not change must be zero.
    pub(super) fn fit(&self, of: &mut Integers, wanted: &[f64], omega: Option<&[f64]>, steps: u32) {
        let Integers { q, unit, most, free } = of;
        let n = free.len();
        let (mut gram, mut rest) = (vec![0.0; n * n], vec![0.0; n]);
        for (a, i) in free.iter().enumerate() {
            let weighted: Vec<f64> = match omega {
                Some(omega) => self.column(*i).iter().zip(omega).map(|(x, w)| x * w).collect(),
                None => self.column(*i).to_vec(),
            };
            rest[a] = dot(&weighted, wanted);
            for (b, j) in free[..=a].iter().enumerate() {
                let product = dot(&weighted, self.column(*j));
                (gram[a * n + b], gram[b * n + a]) = (product, product);
            }
        }
        let change = |rest: &mut [f64], a: usize, by: f64| {
            let row = &gram[a * n..(a + 1) * n];
            rest.iter_mut().zip(row).for_each(|(rest, g)| *rest -= g * by);
        };
        for (a, i) in free.iter().enumerate() {
            change(&mut rest, a, q[*i] * unit[*i]);
        }
        for _ in 0..steps {
            let before = rest.clone();
            for (a, i) in free.iter().enumerate() {
                let square = gram[a * n + a];
                let best = q[*i] + (rest[a] / (square * unit[*i])).round();
                let best = best.clamp(-most[*i], most[*i]);
                if square > 0.0 && best != q[*i] {
                    change(&mut rest, a, (best - q[*i]) * unit[*i]);
                    q[*i] = best;
                }
            }
            if rest == before {
                return;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    sums.iter().sum()
}
