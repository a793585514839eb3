//! ln Z of spins on a graph, by summing them out one after another.
//!
//! A spin that is summed over leaves a table over its neighbours (variable elimination; of a lattice, row by row, it is
//! the transfer matrix). The next one is always that with the fewest neighbours. What it takes is
//! 2^(neighbours) numbers: trees, chains and ladders of any length, periodic lattices of eight sites a side, and any
//! graph of some twenty spins.

use std::collections::BTreeSet;

/// The most neighbours of a spin that is summed over.
const WIDTH: usize = 22;
/// Bits of a state that are looked up at a time.
const HALF: usize = 12;

/// A function of some spins: the logarithm of a weight for each of their states, the first spin in the lowest bit.
struct Factor {
    spins: Vec<usize>,
    ln: Vec<f64>,
}

/// ln Σ exp(Σ K_ij s_i s_j + Σ H_i s_i) over all states; `None` where it would take too much.
pub(super) fn ln_z(edges: &[([usize; 2], f64)], fields: &[f64]) -> Option<f64> {
    let order = order(edges, fields.len())?;
    let mut place = vec![0; fields.len()];
    order.iter().enumerate().for_each(|(k, spin)| place[*spin] = k);
    // Each factor waits at the first of its spins to go.
    let mut waiting: Vec<Vec<Factor>> = fields.iter().map(|_| Vec::new()).collect();
    for (spin, h) in fields.iter().enumerate() {
        waiting[place[spin]].push(Factor { spins: vec![spin], ln: vec![-h, *h] });
    }
    for ([i, j], k) in edges {
        let at = place[*i].min(place[*j]);
        waiting[at].push(Factor { spins: vec![*i, *j], ln: vec![*k, -k, -k, *k] });
    }
    let mut total = 0.0;
    for (k, spin) in order.iter().enumerate() {
        let factor = summed(*spin, &std::mem::take(&mut waiting[k]));
        match factor.spins.iter().map(|spin| place[*spin]).min() {
            Some(next) => waiting[next].push(factor),
            None => total += factor.ln[0],
        }
    }
    Some(total)
}

/// Spins in the order in which they go: always one with the fewest neighbours.
fn order(edges: &[([usize; 2], f64)], spins: usize) -> Option<Vec<usize>> {
    let mut beside = vec![BTreeSet::new(); spins];
    for ([i, j], _) in edges {
        beside[*i].insert(*j);
        beside[*j].insert(*i);
    }
    let mut left: BTreeSet<(usize, usize)> =
        beside.iter().enumerate().map(|(spin, beside)| (beside.len(), spin)).collect();
    let mut order = Vec::with_capacity(spins);
    while let Some((n, spin)) = left.pop_first() {
        if n > WIDTH {
            return None;
        }
        order.push(spin);
        let around = std::mem::take(&mut beside[spin]);
        for i in &around {
            left.remove(&(beside[*i].len(), *i));
            beside[*i].extend(around.iter().filter(|j| *j != i));
            beside[*i].remove(&spin);
            left.insert((beside[*i].len(), *i));
        }
    }
    Some(order)
}

/// The sum over a spin of a product of factors.
fn summed(spin: usize, factors: &[Factor]) -> Factor {
    let others: BTreeSet<usize> =
        factors.iter().flat_map(|f| &f.spins).copied().filter(|other| *other != spin).collect();
    let spins: Vec<usize> = others.into_iter().collect();
    let mut ln = [vec![0.0; 1 << spins.len()], vec![0.0; 1 << spins.len()]];
    for Factor { spins: of, ln: factor } in factors {
        // Where the bits of a state go in the factor's.
        let bit = |other: usize| of.iter().position(|x| *x == other).map_or(0, |at| 1usize << at);
        let to: Vec<usize> = spins.iter().map(|other| bit(*other)).collect();
        let (low, high) = to.split_at(HALF.min(to.len()));
        let [low, high] = [low, high].map(places);
        for (up, ln) in ln.iter_mut().enumerate() {
            let own = up * bit(spin);
            for (states, high) in ln.chunks_mut(low.len()).zip(&high) {
                for (ln, low) in states.iter_mut().zip(&low) {
                    *ln += factor[own + high + low];
                }
            }
        }
    }
    let [down, up] = ln;
    let both = |(a, b): (f64, f64)| a.max(b) + (-(a - b).abs()).exp().ln_1p();
    Factor { spins, ln: down.into_iter().zip(up).map(both).collect() }
}

/// For each state of some bits the sum of those that are set.
fn places(bits: &[usize]) -> Vec<usize> {
    let sum = |state: usize| {
        bits.iter().enumerate().filter(|(k, _)| state >> k & 1 == 1).map(|(_, bit)| bit).sum()
    };
    (0..1 << bits.len()).map(sum).collect()
}
