//! Wolff's cluster algorithm for the two-dimensional Ising model (Phys. Rev. Lett. 62, 361).
//!
//! The sampler that a neural one has to beat: at the critical point it has almost no slowing down.
//! A cluster grows from a random site over aligned neighbours, each with probability
//! `1 − exp(−2β)`, and is flipped. Configurations are correlated; `2 τ_int` updates apart they are
//! worth independent ones, with the integrated autocorrelation time `τ_int` measured here by
//! [`autocorrelation_time`] for the observable that forgets slowest.
//!
//! Made to be fast: neighbours from a table, spins in bytes, one random word for two neighbours,
//! and no branch on what is random.

/// A lattice with periodic boundaries under Wolff updates.
#[derive(Clone, Debug)]
pub struct Wolff {
    spins: Vec<i8>,
    neighbours: Vec<[u16; 4]>,
    /// A neighbour joins if 32 random bits lie below this.
    threshold: u64,
    stack: Vec<u16>,
    random: SplitMix,
}

impl Wolff {
    /// A cold `side × side` lattice at inverse temperature `beta`.
    ///
    /// # Panics
    /// If the lattice has more than 65,536 sites or none.
    pub fn new(side: usize, beta: f64, seed: u64) -> Wolff {
        let sites = side * side;
        assert!((1..=1 << 16).contains(&sites), "side: found {side}, expected 1 to 256");
        let site = |row: usize, column: usize| (row % side * side + column % side) as u16;
        let around = |i: usize| {
            let (row, column) = (i / side, i % side);
            let (up, left) = (row + side - 1, column + side - 1);
            [site(row + 1, column), site(up, column), site(row, column + 1), site(row, left)]
        };
        Wolff {
            spins: vec![1; sites],
            neighbours: (0..sites).map(around).collect(),
            threshold: ((1.0 - (-2.0 * beta).exp()) * 4_294_967_296.0) as u64,
            // A site is pushed once at most; past the top lies one place that is always rewritten.
            stack: vec![0; sites + 1],
            random: SplitMix(seed),
        }
    }

    /// Grows and flips one cluster; returns its size.
    pub fn update(&mut self) -> usize {
        let first = ((u128::from(self.random.next()) * self.spins.len() as u128) >> 64) as usize;
        let old = self.spins[first];
        self.spins[first] = -old;
        self.stack[0] = first as u16;
        let (mut top, mut size) = (1, 1);
        while top > 0 {
            top -= 1;
            let around = self.neighbours[usize::from(self.stack[top])];
            let words = [self.random.next(), self.random.next()];
            for (k, &site) in around.iter().enumerate() {
                let bits = (words[k / 2] >> (32 * (k % 2))) & 0xffff_ffff;
                let spin = &mut self.spins[usize::from(site)];
                let joins = (*spin == old) & (bits < self.threshold);
                *spin = if joins { -old } else { *spin };
                self.stack[top] = site;
                top += usize::from(joins);
                size += usize::from(joins);
            }
        }
        size
    }

    /// The spins, row by row.
    pub fn spins(&self) -> &[i8] {
        &self.spins
    }

    /// −Σ s_i s_j over the bonds.
    pub fn energy(&self) -> i64 {
        let bonds = |(s, [down, _, right, _]): (&i8, &[u16; 4])| {
            let (down, right) = (self.spins[usize::from(*down)], self.spins[usize::from(*right)]);
            i64::from(*s) * (i64::from(down) + i64::from(right))
        };
        -self.spins.iter().zip(&self.neighbours).map(bonds).sum::<i64>()
    }

    /// Σ s_i.
    pub fn magnetization(&self) -> i64 {
        self.spins.iter().map(|s| i64::from(*s)).sum()
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): two multiplications a word.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    #[inline(always)]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// The integrated autocorrelation time `½ + Σ ρ(t)` of a series, in its steps, with the sum cut at
/// the first `t ≥ 6 τ` (Madras and Sokal, J. Stat. Phys. 50, 109): 1/2 for independent values.
pub fn autocorrelation_time(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    let mean = series.iter().sum::<f64>() / n;
    let covariance = |t: usize| {
        let pairs = series.iter().zip(&series[t..]);
        pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / (series.len() - t) as f64
    };
    let variance = covariance(0);
    let mut tau = 0.5;
    for t in 1..series.len() {
        tau += covariance(t) / variance;
        if t as f64 >= 6.0 * tau {
            break;
        }
    }
    tau
}

#[cfg(test)]
mod tests {
    use pushforward_host::energy::{Boundary, Energy, Ising2d};

    use super::*;
    use crate::cases::BETA_C;

    #[test]
    fn the_energy_is_exact() {
        for (side, beta) in [(16, BETA_C), (6, 0.3), (5, 0.7)] {
            let mut wolff = Wolff::new(side, beta, 7);
            for _ in 0..1000 {
                wolff.update();
            }
            let mut energies = Vec::new();
            for _ in 0..60_000 {
                wolff.update();
                energies.push(wolff.energy() as f64);
            }
            let n = energies.len() as f64;
            let mean = energies.iter().sum::<f64>() / n;
            let variance = energies.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n;
            let error = (variance * 2.0 * autocorrelation_time(&energies) / n).sqrt();
            let ising = Ising2d::new([side, side], 1.0, Boundary::Periodic).unwrap();
            let ln_z = |beta| ising.ln_z(beta).unwrap().value;
            let exact = (ln_z(beta - 1e-4) - ln_z(beta + 1e-4)) / 2e-4;
            assert!((mean - exact).abs() < 4.0 * error, "{side}: {mean} ± {error}, exact {exact}");
            assert!(error < 6e-3 * exact.abs(), "{side}: ± {error}");
        }
    }

    #[test]
    fn independent_values_have_tau_one_half() {
        let mut random = SplitMix(1);
        let series: Vec<f64> = (0..100_000).map(|_| (random.next() >> 40) as f64).collect();
        assert!((autocorrelation_time(&series) - 0.5).abs() < 0.02);
        // x' = x/2 + noise: ρ(t) = 2^-t.
        let mut x = 0.0;
        let next = |x: &mut f64, noise: &f64| {
            *x = 0.5 * *x + noise;
            *x
        };
        let series: Vec<f64> = series.iter().map(|noise| next(&mut x, noise)).collect();
        assert!((autocorrelation_time(&series) - 1.5).abs() < 0.06);
    }
}
