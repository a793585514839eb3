//! A lattice from coarse to fine: of each site the network of its stage, over the lattice as it is then.

use pushforward::network::MultilevelSpec;

use super::mlp::hidden;
use crate::weights::Weights;

pub(crate) fn run(
    spec: &MultilevelSpec,
    weights: &Weights,
    context: &[f64],
    sites: usize,
    inputs: &[f64],
) -> Vec<f64> {
    let (each, side) = (inputs.len() / sites, sites.isqrt() as i64);
    let units = spec.hidden.last().copied().unwrap_or(1);
    let outputs = weights.get("levels.0.a.output.weight").len() / units;
    let mut out = vec![0.0; sites * outputs];
    if let Some(first) = weights.find("first.bias") {
        out[..outputs].copy_from_slice(first);
    }
    for site in 1..side * side {
        let [y, x] = [site / side, site % side];
        let level = y.trailing_zeros().min(x.trailing_zeros());
        let spacing = 1i64 << level;
        let is_centre = (y / spacing) % 2 == 1 && (x / spacing) % 2 == 1;
        let stage = 2 * level + u32::from(is_centre);
        // The site so far away, and what is read of it.
        let away = |dy: i64, dx: i64| {
            let [y, x] = [(y + dy * spacing).rem_euclid(side), (x + dx * spacing).rem_euclid(side)];
            let site = y * side + x;
            (site, &inputs[site as usize * each..(site as usize + 1) * each])
        };
        let own = &mut out[site as usize * outputs..(site as usize + 1) * outputs];
        if let (0, Some(bath)) = (stage, &spec.heat_bath) {
            for (o, out) in own.iter_mut().enumerate() {
                *out = bath.field[o].into();
                for (i, coupling) in bath.couplings[o * each..(o + 1) * each].iter().enumerate() {
                    let near = [(0, 1), (1, 0), (0, -1), (-1, 0)].map(|(dy, dx)| away(dy, dx).1[i]);
                    *out += f64::from(*coupling) * near.iter().sum::<f64>();
                }
            }
            continue;
        }
        // In the order of the columns: earlier stages, then this one above and before, then behind.
        let reach = i64::from(spec.reach[usize::from(!is_centre)]);
        let mut window: Vec<(i32, i64, i64, i64)> = Vec::new();
        for (dy, dx) in (-6..=6).flat_map(|dy| (-6..=6).map(move |dx| (dy, dx))) {
            let (odd_y, odd_x) = (dy % 2 != 0, dx % 2 != 0);
            let (earlier, same) = match is_centre {
                true => (odd_y && odd_x, !odd_y && !odd_x),
                false => (odd_y != odd_x, odd_y == odd_x),
            };
            let square = dy * dy + dx * dx;
            if square > reach || square == 0 || !(earlier || same) {
                continue;
            }
            match (earlier, dy < 0 || (dy == 0 && dx < 0)) {
                (true, _) => window.push((0, square, dy, dx)),
                (false, true) => window.push((1, square, dy, dx)),
                // Behind it in the order of what they are opposite to.
                (false, false) => window.push((2, square, -dy, -dx)),
            }
        }
        window.sort_unstable();
        let mut known = context.to_vec();
        for (class, _, dy, dx) in window {
            let (dy, dx) = if class == 2 { (-dy, -dx) } else { (dy, dx) };
            let (other, values) = away(dy, dx);
            let there = class == 0 || other < site;
            known.extend(values.iter().map(|x| if there { *x } else { 0.0 }));
        }
        let own_level = (level as usize).min(spec.levels - 1);
        let name = if is_centre { "a" } else { "b" };
        let weights = weights.within(&format!("levels.{own_level}.{name}"));
        let last = hidden(&weights, spec.hidden.len(), spec.activation, known);
        own.copy_from_slice(&weights.dense("output", &last));
    }
    out
}
