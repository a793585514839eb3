//! Distribution: small models enumerated state by state or integrated over a grid, and draws held
//! against them.

mod common;

use common::{
    AFFINE, ARITHMETICS, SPLINE, constrained, convolutions, groups, integer, made, maf, nsf,
    of_integers, randomised, realnvp,
};
use pushforward::bijection::Direction;
use pushforward::conditional::{CategoricalSpec, Categories, tabulated};
use pushforward::domain::Kind;
use pushforward::kernel::{Lanes, Plain, Single};
use pushforward::model::{
    Arithmetic, CausalPart, ConditionalSpec, ConstraintSpec, Description, Model, SitesNetworkSpec,
    Symmetry,
};
use pushforward::network::{Bits, CausalNetwork, CausalSizes, Turn, Visitor};
use pushforward::simd::Scalar;
use pushforward_oracle::Oracle;

/// ln q of all 2^n states, state bit i set = spin i up.
fn enumerate(model: &Model, context: &[f32]) -> Vec<f32> {
    let n = model.description().dim();
    let rows: Vec<i8> = (0..1usize << n)
        .flat_map(|state| (0..n).map(move |i| if state >> i & 1 == 1 { 1 } else { -1 }))
        .collect();
    let mut lp = vec![0.0; 1 << n];
    model.sampler().unwrap().given(context).log_prob(&rows, &mut lp);
    lp
}

fn models() -> impl Iterator<Item = (String, Model)> {
    let made = [Symmetry::None, Symmetry::Z2].into_iter().flat_map(|symmetry| {
        [(vec![64], true, 0.4), (vec![], true, 1.5), (vec![48, 20], false, 0.8)]
            .into_iter()
            .flat_map(move |(hidden, pairwise, size)| {
                ARITHMETICS.map(|arithmetic| {
                    let architecture = made(16, &hidden, pairwise, symmetry);
                    let model = randomised(architecture, arithmetic, size);
                    (format!("{hidden:?} {pairwise} {symmetry:?} {arithmetic:?}"), model)
                })
            })
    });
    let convolutions = convolutions().into_iter().filter(|(_, description)| {
        let Description::Sites(spec) = description else { return false };
        let spins = matches!(spec.conditional, ConditionalSpec::Bernoulli(_));
        spins && spec.context == 0 && spec.constraint.is_none() && description.dim() <= 16
    });
    made.chain(
        convolutions
            .map(|(name, description)| (name, randomised(description, Arithmetic::Fused, 0.6))),
    )
}

#[test]
fn probabilities_of_all_states_sum_to_one() {
    for (name, model) in models() {
        let total: f64 = enumerate(&model, &[]).iter().map(|lp| f64::from(*lp).exp()).sum();
        assert!(total.ln().abs() < 1e-5, "{name}: ln Σ q = {}", total.ln());
    }
}

/// Visits a state of spins, and multiplies how many of 2³² words draw each: an integer of 64 · 9 bits.
struct Count {
    state: usize,
    words: [u64; 9],
}

impl<L: Lanes> Visitor<L> for Count {
    fn sizes(&self) -> [usize; 2] {
        [1, 1]
    }

    fn site(&mut self, _: L, at: Turn, outputs: &mut [L::V], inputs: &mut [L::V]) {
        let up = self.state >> at.site & 1 == 1;
        let words = tabulated::words(outputs[0].as_ref()[0].as_ref()[0].to_bits() as i32, up);
        let mut carry = 0u128;
        for limb in &mut self.words {
            carry += u128::from(*limb) * u128::from(words);
            *limb = carry as u64;
            carry >>= 64;
        }
        inputs[0].as_mut()[0].as_mut()[0] = f32::from_bits(if up { 1 } else { u32::MAX });
    }
}

#[test]
fn integers_of_all_states_sum_to_two_to_the_thirty_two_a_site() {
    let of_sixteen = |(name, _): &(String, _)| name.starts_with("integer 16 ");
    let mut models: Vec<_> = integer().into_iter().filter(of_sixteen).collect();
    let (given, alone) = (models.pop().unwrap(), models.pop().unwrap());
    sums_to_two_to_the_thirty_two_a_site(alone, &[]);
    for context in [[0.3, -1.7], [2.0, 40.0], [f32::NAN, f32::INFINITY]] {
        sums_to_two_to_the_thirty_two_a_site(given.clone(), &context);
    }
}

fn sums_to_two_to_the_thirty_two_a_site((name, description): (String, Description), given: &[f32]) {
    let model = randomised(description, Arithmetic::Integer, 0.3);
    let Description::Sites(spec) = model.description() else { panic!() };
    let sizes = CausalSizes { sites: 16, inputs: 1, outputs: 1, context: given.len() };
    let context: Vec<_> = given.iter().map(|x| [[*x]]).collect();
    let packed = model.packed();
    let SitesNetworkSpec::Integer(network) = &spec.network else { panic!() };
    let network = network.build(sizes, &packed);
    let mut scratch = vec![[[0.0]]; network.scratch()];
    let (mut total, mut log_prob) = ([0u64; 9], Vec::new());
    for state in 0..1 << 16 {
        let mut count = Count { state, words: [1, 0, 0, 0, 0, 0, 0, 0, 0] };
        let lanes = Single::<_, Plain>::new(Scalar);
        network.walk(lanes, &mut count, &context, &mut [[[0.0]]; 16], &mut scratch);
        let mut carry = 0u128;
        for (total, limb) in total.iter_mut().zip(&count.words) {
            carry += u128::from(*total) + u128::from(*limb);
            *total = carry as u64;
            carry >>= 64;
        }
        let limbs = count.words.iter().enumerate();
        let q: f64 = limbs.map(|(i, limb)| *limb as f64 * 2f64.powi(64 * i as i32 - 512)).sum();
        log_prob.push(q.ln());
    }
    assert_eq!(total, [0, 0, 0, 0, 0, 0, 0, 0, 1], "{name}: 2^(32 · 16)");
    // The same states as the sampler scores them.
    for (ours, exact) in enumerate(&model, given).iter().zip(log_prob) {
        assert!((f64::from(*ours) - exact).abs() <= 16.0 / 2f64.powi(24) + 1e-6 * exact.abs());
    }
}

/// Whether a row keeps to a constraint, by what the constraint is.
fn keeps(constraint: &ConstraintSpec, row: &[usize]) -> bool {
    match constraint {
        ConstraintSpec::Counts(spec) => (0..spec.counts.len())
            .all(|k| row.iter().filter(|x| **x == k).count() == spec.counts[k] as usize),
        ConstraintSpec::Increasing(_) => row.windows(2).all(|two| two[0] < two[1]),
        ConstraintSpec::Successors(spec) => {
            let holds = |list: &[u16], k: usize| list.iter().any(|n| usize::from(*n) == k);
            holds(spec.first(), row[0])
                && row.windows(2).all(|two| holds(&spec.next()[two[0]], two[1]))
        }
    }
}

/// All rows, of those that are there Σ q = 1, of others ln q = −∞; those of one orbit have the same bits;
/// 200,000 draws against them by χ².
#[test]
fn constraints_and_groups_leave_a_distribution() {
    let (mut constraints, mut orbits) = (0, 0);
    for (name, description) in constrained().into_iter().chain(convolutions()).chain(groups()) {
        let Description::Sites(spec) = &description else { panic!() };
        let [n, values] = spec.constrained();
        let Some(all) = values.checked_pow(n as u32).filter(|all| *all <= 5000) else { continue };
        let (constraint, group) = (spec.constraint.clone(), spec.group());
        if constraint.is_none() && group.is_none() {
            continue;
        }
        constraints += usize::from(constraint.is_some());
        orbits += usize::from(group.is_some());
        let is_spin = values == 2;
        let model = randomised(description.clone(), Arithmetic::Fused, 0.7);
        let row = |state: usize| -> Vec<usize> {
            (0..n as u32).map(|i| state / values.pow(i) % values).collect()
        };
        let value = |k: usize| if is_spin { 2.0 * k as f32 - 1.0 } else { k as f32 };
        let rows: Vec<f32> = (0..all).flat_map(|state| row(state).into_iter().map(value)).collect();
        let context = vec![0.4; model.description().context()];
        let sampler = model.sampler().unwrap();
        let given = sampler.given(&context);
        let mut lp = vec![0.0; all];
        given.log_prob(&rows, &mut lp);
        let oracle = Oracle::new(&model);
        let wide = |xs: &[f32]| xs.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        for (state, lp) in lp.iter().enumerate() {
            let kept = constraint.as_ref().is_none_or(|k| keeps(k, &row(state)));
            assert_eq!(lp.is_finite(), kept, "{name}: {:?}", row(state));
            assert!(kept || *lp == f32::NEG_INFINITY, "{name}: {:?} {lp}", row(state));
            let exact = oracle.log_prob(&wide(&context), &wide(&rows[state * n..(state + 1) * n]));
            assert_eq!(exact.is_finite(), kept, "{name}: the oracle, {:?}", row(state));
        }
        let total: f64 = lp.iter().map(|lp| f64::from(*lp).exp()).sum();
        assert!((total - 1.0).abs() < 1e-6, "{name}: Σ q = {total}");
        let number = |x: &f32| if is_spin { usize::from(*x > 0.0) } else { *x as usize };
        let place = |(i, x): (usize, &f32)| number(x) * values.pow(i as u32);
        let state = |row: &[f32]| row.iter().enumerate().map(place).sum::<usize>();
        if let Some(group) = group {
            let mut seen = vec![false; all];
            let mut image = vec![0.0; n];
            for (i, row) in rows.chunks(n).enumerate() {
                for element in 0..group.order() {
                    group.image(element, row, &mut image);
                    let there = state(&image);
                    assert_eq!(lp[there].to_bits(), lp[i].to_bits(), "{name}: {row:?} {image:?}");
                    seen[there] = true;
                }
                group.image(0, row, &mut image);
                assert_eq!(image, row, "{name}");
            }
            assert!(seen.iter().all(|seen| *seen), "{name}");
        }
        let draws = 200_000;
        let mut drawn = vec![0.0f32; draws * n];
        given.sample(5, 0, &mut drawn, None);
        let mut counts = vec![0.0f64; all];
        for row in drawn.chunks(n) {
            counts[state(row)] += 1.0;
        }
        let (mut chi2, mut cells) = (0.0, -1.0);
        let mut rare = (0.0, 0.0);
        for (lp, count) in lp.iter().zip(&counts) {
            let expected = f64::from(*lp).exp() * draws as f64;
            assert!(expected > 0.0 || *count == 0.0, "{name}: an impossible row was drawn");
            if expected < 10.0 {
                rare = (rare.0 + expected, rare.1 + count);
            } else {
                chi2 += (count - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        if rare.0 >= 10.0 {
            chi2 += (rare.1 - rare.0).powi(2) / rare.0;
            cells += 1.0;
        }
        if cells >= 1.0 {
            let k: f64 = cells;
            let z = ((chi2 / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
            assert!(z.abs() < 3.29, "{name}: chi2 = {chi2:.1} over {k}, {z} sigma");
        }
    }
    assert_eq!([constraints, orbits], [11, 10]);
}

/// Six sites of 2, 3, 4 and 5 categories: 720 states.
fn categories(size: f32) -> Model {
    let each = [2, 3, 4, 5, 3, 2].map(Kind::Category).to_vec();
    let mut description = made(6, &[17], true, Symmetry::None);
    if let Description::Sites(spec) = &mut description {
        spec.conditional = CategoricalSpec { categories: Categories::Each(each) }.into();
    }
    randomised(description, Arithmetic::Fused, size)
}

/// All states of [`categories`].
fn states() -> Vec<u8> {
    let sizes = [2, 3, 4, 5, 3, 2u8];
    let row = |state: usize| {
        sizes.iter().scan(state, |rest, n| {
            let value = *rest % usize::from(*n);
            *rest /= usize::from(*n);
            Some(value as u8)
        })
    };
    (0..720).flat_map(row).collect()
}

#[test]
fn categories_are_drawn_as_often_as_they_are_likely() {
    for size in [0.3, 1.0, 3.0] {
        let model = categories(size);
        let (states, sampler) = (states(), model.sampler().unwrap());
        let mut lp = vec![0.0; 720];
        sampler.log_prob(&states, &mut lp);
        let total: f64 = lp.iter().map(|lp| f64::from(*lp).exp()).sum();
        assert!((total - 1.0).abs() < 1e-6, "{size}: {total}");
        let oracle = Oracle::new(&model);
        let exact = |row: &[u8]| {
            oracle.log_prob(&[], &row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
        };
        let total: f64 = states.chunks(6).map(|row| exact(row).exp()).sum();
        assert!((total - 1.0).abs() < 1e-9, "{size}: {total} in f64");

        let n = 200_000;
        let mut rows = vec![0u8; n * 6];
        sampler.sample(5, 0, &mut rows, None);
        let mut counts = std::collections::BTreeMap::<&[u8], f64>::new();
        rows.chunks(6).for_each(|row| *counts.entry(row).or_default() += 1.0);
        let (mut chi2, mut cells, mut rare) = (0.0, 0.0, [0.0; 2]);
        for (row, lp) in states.chunks(6).zip(&lp) {
            let expected = f64::from(*lp).exp() * n as f64;
            let found = counts.remove(row).unwrap_or(0.0);
            if expected < 10.0 {
                rare = [rare[0] + expected, rare[1] + found];
            } else {
                chi2 += (found - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        assert!(counts.is_empty(), "{size}: rows outside the domain");
        if rare[0] >= 10.0 {
            chi2 += (rare[1] - rare[0]).powi(2) / rare[0];
            cells += 1.0;
        }
        let k: f64 = cells - 1.0;
        let z = ((chi2 / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
        assert!(z.abs() < 3.29, "{size}: chi2 = {chi2:.1} over {k}, {z} sigma");
    }
}

#[test]
fn a_million_draws_pass_chi_squared() {
    for (name, model) in models().filter(|(_, m)| m.arithmetic() == Arithmetic::Fused) {
        let lp = enumerate(&model, &[]);
        let n = 1_000_000;
        let mut counts = vec![0u32; lp.len()];
        let sites = model.description().dim();
        let mut rows = vec![0i8; 10_000 * sites];
        for first in (0..n).step_by(10_000) {
            model.sampler().unwrap().sample(11, first, &mut rows, None);
            for row in rows.chunks(sites) {
                let state =
                    row.iter().enumerate().map(|(i, s)| usize::from(*s > 0) << i).sum::<usize>();
                counts[state] += 1;
            }
        }
        // States expected fewer than 10 times are counted together.
        let (mut chi2, mut cells) = (0.0, -1.0);
        let mut rare = (0.0, 0.0);
        for (lp, count) in lp.iter().zip(&counts) {
            let expected = f64::from(*lp).exp() * n as f64;
            if expected < 10.0 {
                rare = (rare.0 + expected, rare.1 + f64::from(*count));
            } else {
                chi2 += (f64::from(*count) - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        if rare.0 >= 10.0 {
            chi2 += (rare.1 - rare.0).powi(2) / rare.0;
            cells += 1.0;
        }
        // Wilson & Hilferty: the cube root of χ²/k is normal; 3.29 sigma is α = 0.001.
        let k: f64 = cells;
        let z = ((chi2 / k).cbrt() - (1.0 - 2.0 / (9.0 * k))) / (2.0 / (9.0 * k)).sqrt();
        println!("{name}: chi2 = {chi2:.1} over {k} degrees of freedom, {z:+.2} sigma");
        assert!(z.abs() < 3.29, "{name}: {z} sigma");
    }
}

#[test]
fn z2_draws_are_balanced() {
    let model = randomised(made(16, &[64], true, Symmetry::Z2), Arithmetic::Fused, 0.4);
    let n = 100_000;
    let mut rows = vec![0i8; n * 16];
    model.sampler().unwrap().sample(12, 0, &mut rows, None);
    let up = rows.chunks(16).filter(|row| row[0] > 0).count() as f64;
    assert!((up / n as f64 - 0.5).abs() < 4.0 * 0.5 / (n as f64).sqrt());
}

/// The density of a flow over the plane, integrated over a grid: it sums to one, and the marginals
/// are those of draws (Kolmogorov & Smirnov, α = 0.001).
#[test]
fn draws_of_flows_have_the_density_that_log_prob_says() {
    let (steps, reach, n) = (800usize, 9.0f64, 100_000usize);
    let h = 2.0 * reach / steps as f64;
    let middle = |i: usize| -reach + (i as f64 + 0.5) * h;
    let in_integers = |description| of_integers(description, Bits::I8, None);
    for (name, architecture, size) in [
        ("realnvp", realnvp(2, 4, &[8], false), 0.3),
        ("nsf", nsf(2, 4, &[8], 8, false), 0.7),
        ("maf affine", maf(2, 2, &[8], Direction::Density, AFFINE, false), 0.4),
        ("maf spline", maf(2, 2, &[8], Direction::Density, SPLINE, false), 0.7),
        ("iaf spline", maf(2, 2, &[8], Direction::Sampling, SPLINE, false), 0.7),
        ("integer maf", in_integers(maf(2, 2, &[64], Direction::Density, AFFINE, false)), 0.4),
        ("integer iaf", in_integers(maf(2, 2, &[64], Direction::Sampling, SPLINE, false)), 0.7),
    ] {
        let model = randomised(architecture, Arithmetic::Fused, size);
        let sampler = model.sampler().unwrap();
        let grid: Vec<f32> = (0..steps * steps)
            .flat_map(|i| [middle(i / steps) as f32, middle(i % steps) as f32])
            .collect();
        let mut lp = vec![0.0; steps * steps];
        sampler.log_prob(&grid, &mut lp);
        let cell: Vec<f64> = lp.iter().map(|lp| f64::from(*lp).exp() * h * h).collect();
        let total: f64 = cell.iter().sum();
        let mut rows = vec![0.0f32; 2 * n];
        sampler.sample(21, 0, &mut rows, None);
        let mut distances = [0.0f64; 2];
        for (d, distance) in distances.iter_mut().enumerate() {
            let mut drawn = vec![0usize; steps];
            for row in rows.chunks(2) {
                let at = ((f64::from(row[d]) + reach) / h).clamp(0.0, steps as f64 - 1.0);
                drawn[at as usize] += 1;
            }
            let (mut exact, mut found) = (0.0, 0.0);
            for (i, drawn) in drawn.iter().enumerate() {
                let in_line = |j: usize| if d == 0 { i * steps + j } else { j * steps + i };
                exact += (0..steps).map(|j| cell[in_line(j)]).sum::<f64>();
                found += *drawn as f64 / n as f64;
                *distance = distance.max((exact / total - found).abs());
            }
        }
        println!("{name}: ∫ q = {total:.5}, distances {distances:.4?}");
        assert!((total - 1.0).abs() < 2e-3, "{name}: {total}");
        assert!(distances.iter().all(|d| *d < 1.95 / (n as f64).sqrt()), "{name}: {distances:?}");
    }
}
