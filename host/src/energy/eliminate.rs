//! ln Z of sites of a few states on a graph, by summing them out one after another.
//!
//! A site that is summed over leaves a table over its neighbours (variable elimination; of a lattice, row by row, it is
//! the transfer matrix). The next one is always that with the fewest neighbours. What it takes is
//! q^(neighbours) numbers: trees, chains and ladders of any length, periodic lattices of eight spins a side, and any
//! graph of some twenty spins.

use std::collections::BTreeSet;

/// The most entries of a table.
const ENTRIES: usize = 1 << 22;
/// Sites of a state that are looked up at a time.
const HALF: usize = 10;

/// A function of some sites: the logarithm of a weight for each of their states, the first site in the lowest digit.
struct Factor {
    sites: Vec<usize>,
    ln: Vec<f64>,
}

/// ln Σ exp(Σ K_ij(s_i, s_j) + Σ H_i(s_i)) over all states, of `q` a site: K is `[q][q]`, the state of the first site
/// in the row. `None` where it would take too much.
pub(super) fn ln_z(q: usize, edges: &[([usize; 2], Vec<f64>)], fields: &[Vec<f64>]) -> Option<f64> {
    let order = order(q, edges, fields.len())?;
    let mut place = vec![0; fields.len()];
    order.iter().enumerate().for_each(|(k, site)| place[*site] = k);
    // Each factor waits at the first of its sites to go.
    let mut waiting: Vec<Vec<Factor>> = fields.iter().map(|_| Vec::new()).collect();
    for (site, h) in fields.iter().enumerate() {
        waiting[place[site]].push(Factor { sites: vec![site], ln: h.clone() });
    }
    for ([i, j], k) in edges {
        let at = place[*i].min(place[*j]);
        waiting[at].push(Factor { sites: vec![*j, *i], ln: k.clone() });
    }
    let mut total = 0.0;
    for (k, site) in order.iter().enumerate() {
        let factor = summed(q, *site, &std::mem::take(&mut waiting[k]));
        match factor.sites.iter().map(|site| place[*site]).min() {
            Some(next) => waiting[next].push(factor),
            None => total += factor.ln[0],
        }
    }
    Some(total)
}

/// Sites in the order in which they go: always one with the fewest neighbours.
fn order(q: usize, edges: &[([usize; 2], Vec<f64>)], sites: usize) -> Option<Vec<usize>> {
    let mut beside = vec![BTreeSet::new(); sites];
    for ([i, j], _) in edges {
        beside[*i].insert(*j);
        beside[*j].insert(*i);
    }
    let mut left: BTreeSet<(usize, usize)> =
        beside.iter().enumerate().map(|(site, beside)| (beside.len(), site)).collect();
    let mut order = Vec::with_capacity(sites);
    while let Some((n, site)) = left.pop_first() {
        let entries = u32::try_from(n).ok().and_then(|n| q.checked_pow(n));
        if entries.is_none_or(|entries| entries > ENTRIES) {
            return None;
        }
        order.push(site);
        let around = std::mem::take(&mut beside[site]);
        for i in &around {
            left.remove(&(beside[*i].len(), *i));
            beside[*i].extend(around.iter().filter(|j| *j != i));
            beside[*i].remove(&site);
            left.insert((beside[*i].len(), *i));
        }
    }
    Some(order)
}

/// The sum over a site of a product of factors.
fn summed(q: usize, site: usize, factors: &[Factor]) -> Factor {
    let others: BTreeSet<usize> =
        factors.iter().flat_map(|f| &f.sites).copied().filter(|other| *other != site).collect();
    let sites: Vec<usize> = others.into_iter().collect();
    let entries = q.pow(sites.len() as u32);
    let mut ln = vec![vec![0.0; entries]; q];
    for Factor { sites: of, ln: factor } in factors {
        // What a digit of a state counts in the factor's; 0 of a site that is not among its.
        let weight =
            |other: usize| of.iter().position(|x| *x == other).map_or(0, |at| q.pow(at as u32));
        let to: Vec<usize> = sites.iter().map(|other| weight(*other)).collect();
        let (low, high) = to.split_at(HALF.min(to.len()));
        let [low, high] = [low, high].map(|weights| places(q, weights));
        for (own, ln) in ln.iter_mut().enumerate() {
            let own = own * weight(site);
            for (states, high) in ln.chunks_mut(low.len()).zip(&high) {
                for (ln, low) in states.iter_mut().zip(&low) {
                    *ln += factor[own + high + low];
                }
            }
        }
    }
    let both = |a: f64, b: f64| a.max(b) + (-(a - b).abs()).exp().ln_1p();
    let mut states = ln.into_iter();
    let mut sum = states.next().unwrap_or_default();
    for ln in states {
        sum.iter_mut().zip(ln).for_each(|(sum, ln)| *sum = both(*sum, ln));
    }
    Factor { sites, ln: sum }
}

/// For each state of some digits the sum of what they count.
fn places(q: usize, weights: &[usize]) -> Vec<usize> {
    let mut sums = vec![0];
    for weight in weights {
        let digits = (0..q).flat_map(|digit| sums.iter().map(move |sum| sum + digit * weight));
        sums = digits.collect();
    }
    sums
}
