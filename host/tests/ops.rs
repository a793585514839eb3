//! Every operation, on both devices, against its formula in `f64` and against finite differences.

mod ops_common;

use std::process::ExitCode;
use std::sync::Arc;

use ops_common::*;
use pushforward::model::UnivariateSpec;
use pushforward::univariate::mixture_cdf::AnyCdf;
use pushforward::univariate::rational_quadratic::Tails;
use pushforward::univariate::{
    AffineSpec, CubicRationalSpec, KnotsSpec, LocationScaleSpec, MixtureCdfSpec,
    RationalQuadraticSpec, ScaleSpec, SinhSpec,
};
use pushforward_host::device::Device;
use pushforward_host::device::Phase::{Backward, Forward, Loss};
use pushforward_host::energy::{
    Boundary, DoubleWell, Energy, Graph, Ising2d, Lattice, Phi4, Ring2d,
};
use pushforward_host::ops::*;
use pushforward_host::train::{Fusing, Tape};

const BATCH: usize = 70;
const TOLERANCE: f64 = 1e-5;

fn program(copies: usize, parameters: usize) -> Program {
    Program::new(copies, parameters, LossKind::Path)
}

/// Σ w · y.
fn weighted(w: &[f32], y: &[f64]) -> f64 {
    w.iter().zip(y).map(|(w, y)| f64::from(*w) * y).sum()
}

fn dense(device: &Device) {
    for (limits, inputs, copies, bias, units) in [
        (vec![5; 7], 5, 1, true, false),
        (vec![0, 0, 1, 1, 2, 3, 3, 70, 77], 90, 2, true, false),
        (vec![0, 1, 2, 3, 4], 5, 2, false, false),
        ((0..150).map(|o| o / 2).collect(), 75, 1, true, false),
        (vec![4; 6], 4, 2, true, true),
        (vec![0; 3], 2, 1, true, true),
        ((0..100).map(|o| o / 3).collect(), 33, 1, true, true),
    ] {
        let outputs = limits.len();
        let n = BATCH * copies;
        let size = outputs * inputs;
        let parameters = size + 2 * outputs;
        let build = || {
            let mut p = program(copies, parameters);
            let (x, y, h) = (p.slot(inputs), p.slot(outputs), p.slot(outputs));
            let (dy, dx) = (p.slot(outputs), p.slot(inputs));
            let limits = p.table(Dense::table(&limits, inputs));
            let dense = Dense {
                weight: 0,
                bias: bias.then_some(size),
                limits,
                inputs,
                outputs,
                x,
                y,
                units: units.then_some(Leaky { slope: size + outputs, y: h }),
                from_copy: 0,
            };
            p.forward.push(Box::new(dense));
            p.backward.push(Box::new(DenseBackward { dense, dy, dx: Some(dx) }));
            (p, [x, y, if units { h } else { y }, dy, dx])
        };
        let mut w = numbers(parameters, 1.0, 1);
        for o in 0..outputs {
            w[o * inputs + limits[o]..(o + 1) * inputs].fill(0.0);
        }
        let (x, y, dy) = (
            numbers(inputs * n, 1.0, 2),
            numbers(outputs * n, 1.0, 3),
            numbers(outputs * n, 1.0, 4),
        );
        let before = |w: &[f64], x: &[f64]| -> Vec<f64> {
            let one = |o: usize, c: usize| {
                let start = if bias { w[size + o] } else { f64::from(y[o * n + c]) };
                start + (0..limits[o]).map(|i| w[o * inputs + i] * x[i * n + c]).sum::<f64>()
            };
            (0..outputs).flat_map(|o| (0..n).map(move |c| one(o, c)).collect::<Vec<_>>()).collect()
        };
        let factor = |w: &[f64], o: usize, z: f64| {
            if units && z <= 0.0 { w[size + outputs + o] } else { 1.0 }
        };
        let formula = |w: &[f64], x: &[f64]| -> Vec<f64> {
            before(w, x).iter().enumerate().map(|(at, z)| factor(w, at / n, *z) * z).collect()
        };
        let (w64, x64) = (f64s(&w), f64s(&x));
        let z = before(&w64, &x64);
        let dz: Vec<f64> =
            (0..z.len()).map(|at| factor(&w64, at / n, z[at]) * f64::from(dy[at])).collect();
        let dx: Vec<f64> = (0..inputs * n)
            .map(|at| {
                let (i, c) = (at / n, at % n);
                let seen = (0..outputs).filter(|&o| i < limits[o]);
                seen.map(|o| w64[o * inputs + i] * dz[o * n + c]).sum()
            })
            .collect();
        let mut dw = vec![0.0; parameters];
        for (o, c) in (0..outputs).flat_map(|o| (0..n).map(move |c| (o, c))) {
            let at = o * n + c;
            for i in 0..limits[o] {
                dw[o * inputs + i] += dz[at] * x64[i * n + c];
            }
            dw[size + o] += if bias { dz[at] } else { 0.0 };
            if units && z[at] <= 0.0 {
                dw[size + outputs + o] += z[at] * f64::from(dy[at]);
            }
        }
        if size < 100 {
            let by_difference = slopes(&w64, |w| weighted(&dy, &formula(w, &x64)));
            let seen = |at: usize| at >= size || at % inputs < limits[at / inputs];
            let off = |at: usize| (dw[at] - by_difference[at]).abs();
            assert!((0..parameters).filter(|&at| seen(at)).all(|at| off(at) < 1e-6));
        }
        let (p, [sx, sy, sh, sdy, sdx]) = build();
        let inputs = [(sx, x.clone()), (sy, y.clone()), (sdy, dy.clone())];
        let phases = [Forward, Backward];
        let found = evaluate(device, p, BATCH, &w, &inputs, &phases, &[sy, sh, sdx]);
        assert_close(&format!("{} y", device.kind()), &found[0], &z, TOLERANCE);
        let value = formula(&w64, &x64);
        assert_close(&format!("{} units", device.kind()), &found[1], &value, TOLERANCE);
        assert_close(&format!("{} dx", device.kind()), &found[2], &dx, TOLERANCE);
        assert_close(&format!("{} dw", device.kind()), &found[3], &dw, TOLERANCE);
    }
}

/// Layers of a flow, as one call where a workgroup's memory suffices, against their parts on the CPU,
/// which the tests around this one hold to their formulas.
fn flow_layers(gpu: &Device) {
    let affine = UnivariateSpec::Affine(AffineSpec { log_scale_bound: 1.5 });
    let spline = UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(4, 3.0));
    let tails = Tails::Circular;
    let circular = RationalQuadraticSpec::linear(4, 3.0).with_tails(tails).into();
    for (univariate, hidden, masked, calls) in [
        (affine, vec![], false, 1),
        (spline, vec![], true, 1),
        (spline, vec![1], false, 1),
        (affine, vec![33], true, 1),
        (affine, vec![100], false, 1),
        (spline, vec![33, 100], true, 1),
        (circular, vec![33], false, 1),
        (spline, vec![64, 1, 65], false, 1),
        // Too wide to be one call.
        (affine, vec![300, 20], false, 5),
        (spline, vec![7, 300], true, 5),
    ] {
        for (direction, wanted, batch) in
            [(Direction::Sampling, true, 70), (Direction::Density, false, 33)]
        {
            let what = format!("{univariate:?} {hidden:?} {masked} {direction:?}");
            let dim = 5;
            let (read, moved, kept) = if masked {
                (vec![3, 1, 0, 4, 2], vec![3, 1, 0, 4, 2], vec![])
            } else {
                (vec![0, 3], vec![1, 2, 4], vec![0, 3])
            };
            let per = univariate.parameters();
            let sizes: Vec<usize> = [read.len()]
                .into_iter()
                .chain(hidden.iter().copied())
                .chain([per * moved.len()])
                .collect();
            let parameters: usize = sizes.windows(2).map(|s| (s[0] + 2) * s[1]).sum();
            let build = |fusing| {
                let mut p = Tape::new(1, parameters, LossKind::Path);
                let [x, y, dy] = [dim; 3].map(|rows| p.slot(rows));
                let mut network: Vec<Dense> = Vec::new();
                // Masked weights are 0.
                let mut w = numbers(parameters, 0.4, 1);
                let (mut at, mut below) = (0, p.slot(read.len()));
                let picked = below;
                for (l, s) in sizes.windows(2).enumerate() {
                    let (inputs, outputs) = (s[0], s[1]);
                    let (z, h) = (p.slot(outputs), p.slot(outputs));
                    // Row o of m belongs to coordinate ⌊o dim / m⌋, and sees what comes before.
                    let limit = |o: usize| match (masked, l) {
                        (false, _) => inputs,
                        (true, 0) => o * dim / outputs,
                        (true, _) => ((o * dim / outputs + 1) * inputs).div_ceil(dim),
                    };
                    let limits: Vec<usize> = (0..outputs).map(limit).collect();
                    for (o, limit) in limits.iter().enumerate() {
                        w[at + o * inputs + limit..at + (o + 1) * inputs].fill(0.0);
                    }
                    let limits = p.table(Dense::table(&limits, inputs));
                    let units = (l + 2 < sizes.len())
                        .then_some(Leaky { slope: at + (inputs + 1) * outputs, y: h });
                    network.push(Dense {
                        weight: at,
                        bias: Some(at + inputs * outputs),
                        limits,
                        inputs,
                        outputs,
                        x: below,
                        y: z,
                        units,
                        from_copy: 0,
                    });
                    at += (inputs + 2) * outputs;
                    below = h;
                }
                let raw = network.last().unwrap().y;
                let log_q = p.log_q();
                let [indices, moved, kept] =
                    [&read, &moved, &kept].map(|t: &Vec<u32>| p.table(t.iter().copied()));
                let strides = if masked { [per, 1] } else { [1, moved.len] };
                p.push(Select { context: None, indices, from: x, to: picked });
                network.into_iter().for_each(|dense| p.push(dense));
                p.push(Transform {
                    univariate,
                    direction,
                    moved,
                    kept,
                    strides,
                    x,
                    raw,
                    skip: 0,
                    y,
                    log_q,
                });
                p.given(y, dy);
                if wanted {
                    p.want(x);
                }
                let p = p.finish(fusing);
                let coefficient = p.loss.coefficient;
                (p, w, [x, y, dy, log_q, coefficient])
            };
            let (p, ..) = build(Fusing::On);
            assert_eq!(p.forward.len(), 1, "{what}");
            let memory = if calls == 1 { 64 << 10 } else { 16 << 10 };
            let mut layout = Layout::new(&p, batch, memory);
            assert_eq!(p.forward[0].gpu(&mut layout).len(), calls, "{what}");

            let evaluate_on = |device: &Device, fusing| {
                let (p, w, [x, y, dy, log_q, coefficient]) = build(fusing);
                let inputs = [
                    (x, numbers(dim * batch, 2.0, 2)),
                    (dy, numbers(dim * batch, 1.0, 3)),
                    (log_q, numbers(batch, 1.0, 4)),
                    (coefficient, numbers(batch, 1.0, 5)),
                ];
                evaluate(device, p, batch, &w, &inputs, &[Forward, Backward], &[y, log_q, dy])
            };
            let expected = evaluate_on(&cpu(), Fusing::Off);
            assert_eq!(evaluate_on(&cpu(), Fusing::On), expected, "{what}");
            for fusing in [Fusing::On, Fusing::Off] {
                let found = evaluate_on(gpu, fusing);
                for (part, (f, e)) in
                    ["y", "ln q", "dx", "gradient"].iter().zip(found.iter().zip(&expected))
                {
                    assert_close(&format!("{what} {fusing:?} {part}"), f, &f64s(e), TOLERANCE);
                }
            }
        }
    }
}

/// A network of which two layers are one, and whose input another layer reads too: shares of a
/// weight's gradient add, and so do those of a matrix.
fn one_weight_used_twice(device: &Device) {
    // Several shards a group of the CPU.
    let (size, batch) = (4, 600);
    let (w, b, a, v) = (0, size * size, size * (size + 1), size * (size + 2));
    let parameters = numbers(v + size * size, 0.9, 1);
    let (x, up) = (numbers(size * batch, 1.0, 2), numbers(2 * size * batch, 1.0, 3));

    let mut p = Tape::new(1, parameters.len(), LossKind::Path);
    let [sx, z, h, y, other, dy, dother] = [size; 7].map(|rows| p.slot(rows));
    let limits = p.table(Dense::table(&vec![size; size], size));
    let layer = |weight, bias, x, y, units| {
        let (inputs, outputs, from_copy) = (size, size, 0);
        Dense { weight, bias, limits, inputs, outputs, x, y, units, from_copy }
    };
    p.push(layer(w, Some(b), sx, z, Some(Leaky { slope: a, y: h })));
    p.push(layer(w, Some(b), h, y, None));
    p.push(layer(v, Some(b), sx, other, None));
    p.given(y, dy);
    p.given(other, dother);
    p.want(sx);
    let p = p.finish(Fusing::On);
    assert_eq!(p.shared, [w..b, b..a, w..b, b..a, b..a]);
    let dx = p.gradients[&sx];

    let dense = |p: &[f64], w: usize, x: &[f64]| -> Vec<f64> {
        let row = |o: usize| p[w + o * size..][..size].iter().zip(x).map(|(w, x)| w * x);
        (0..size).map(|o| p[b + o] + row(o).sum::<f64>()).collect()
    };
    let column = |values: &[f32], c: usize| -> Vec<f64> {
        (0..size).map(|d| f64::from(values[d * batch + c])).collect()
    };
    let total = |p: &[f64], x: &[f64], c: usize| -> f64 {
        let hidden = dense(p, w, x).into_iter().zip(&p[a..]);
        let hidden: Vec<f64> =
            hidden.map(|(z, slope)| if z > 0.0 { z } else { slope * z }).collect();
        let outputs = dense(p, w, &hidden).into_iter().chain(dense(p, v, x));
        let up = [&up[..size * batch], &up[size * batch..]].map(|up| column(up, c)).concat();
        outputs.zip(up).map(|(y, up)| y * up).sum()
    };
    let p64 = f64s(&parameters);
    let mut expected_dx = vec![0.0; size * batch];
    let mut expected = vec![0.0; parameters.len()];
    for c in 0..batch {
        let at = column(&x, c);
        let by_x = slopes(&at, |x| total(&p64, x, c));
        (0..size).for_each(|d| expected_dx[d * batch + c] = by_x[d]);
        let by_p = slopes(&p64, |p| total(p, &at, c));
        expected.iter_mut().zip(by_p).for_each(|(sum, slope)| *sum += slope);
    }
    let (up, other_up) = up.split_at(size * batch);
    let inputs = [(sx, x.clone()), (dy, up.to_vec()), (dother, other_up.to_vec())];
    // The second backward pass starts from 0 again.
    let phases = [Forward, Backward, Backward];
    let found = evaluate(device, p, batch, &parameters, &inputs, &phases, &[dx]);
    assert_close(&format!("{} dx", device.kind()), &found[0], &expected_dx, TOLERANCE);
    assert_close(&format!("{} gradient", device.kind()), &found[1], &expected, TOLERANCE);
}

/// A layer over three positions of each sample and each copy, which are taken from one column.
fn one_layer_over_positions(device: &Device) {
    let (inputs, outputs, positions, n) = (2, 5, 3, 2 * BATCH);
    let size = inputs * outputs;
    let parameters = numbers(size + 2 * outputs, 0.9, 1);
    let (x, up) =
        (numbers(inputs * positions * n, 1.0, 2), numbers(outputs * positions * n, 1.0, 3));
    let order = [4u32, 1, 0, 3, 5, 2];

    let mut p = Tape::new(2, parameters.len(), LossKind::Path);
    let sx = p.slot(inputs * positions);
    let to = p.slot_over(inputs, positions);
    let [z, h, dh] = [outputs; 3].map(|rows| p.slot_over(rows, positions));
    let (indices, limits) = (p.table(order), p.table(Dense::table(&vec![inputs; outputs], inputs)));
    p.push(Select { context: None, indices, from: sx, to });
    p.push(Dense {
        weight: 0,
        bias: Some(size),
        limits,
        inputs,
        outputs,
        x: to,
        y: z,
        units: Some(Leaky { slope: size + outputs, y: h }),
        from_copy: 0,
    });
    p.given(h, dh);
    p.want(sx);
    let p = p.finish(Fusing::On);
    let dx = p.gradients[&sx];

    let units = |p: &[f64], x: &[f64]| -> Vec<f64> {
        let one = |(o, at): (usize, usize)| {
            let read = |i: usize| x[order[i * positions + at] as usize];
            let sum = |i: usize| p[o * inputs + i] * read(i);
            let z = p[size + o] + (0..inputs).map(sum).sum::<f64>();
            if z > 0.0 { z } else { p[size + outputs + o] * z }
        };
        (0..outputs).flat_map(|o| (0..positions).map(move |at| (o, at))).map(one).collect()
    };
    let column = |values: &[f32], c: usize| -> Vec<f64> {
        values.iter().skip(c).step_by(n).map(|&v| f64::from(v)).collect()
    };
    let p64 = f64s(&parameters);
    let mut value = vec![0.0; outputs * positions * n];
    let mut expected_dx = vec![0.0; inputs * positions * n];
    let mut expected = vec![0.0; parameters.len()];
    for c in 0..n {
        let (at, up) = (column(&x, c), column(&up, c));
        let total =
            |p: &[f64], x: &[f64]| units(p, x).iter().zip(&up).map(|(y, up)| y * up).sum::<f64>();
        (0..).zip(units(&p64, &at)).for_each(|(r, y): (usize, f64)| value[r * n + c] = y);
        let by_x = slopes(&at, |x| total(&p64, x));
        (0..).zip(by_x).for_each(|(r, d): (usize, f64)| expected_dx[r * n + c] = d);
        let by_p = slopes(&p64, |p| total(p, &at));
        expected.iter_mut().zip(by_p).for_each(|(sum, slope)| *sum += slope);
    }
    let inputs = [(sx, x), (dh, up)];
    let found = evaluate(device, p, BATCH, &parameters, &inputs, &[Forward, Backward], &[h, dx]);
    assert_close(&format!("{} units", device.kind()), &found[0], &value, TOLERANCE);
    assert_close(&format!("{} dx", device.kind()), &found[1], &expected_dx, TOLERANCE);
    assert_close(&format!("{} gradient", device.kind()), &found[2], &expected, TOLERANCE);
}

/// Layers that share a weight cannot be one call, which makes all their gradients at once.
fn layers_that_share_a_weight_are_not_fused() {
    let program = |weights: [usize; 2]| {
        let mut p = Tape::new(1, 100, LossKind::Path);
        let [x, to, z, h, raw, y] = [2; 6].map(|rows| p.slot(rows));
        let limits = p.table(Dense::table(&[2, 2], 2));
        let (indices, moved, kept) = (p.table([0, 1]), p.table([0]), p.table([1]));
        let log_q = p.log_q();
        p.push(Select { context: None, indices, from: x, to });
        let units = Some(Leaky { slope: 90, y: h });
        let [first, second] = weights;
        for (weight, x, y, units) in [(first, to, z, units), (second, h, raw, None)] {
            let bias = Some(weight + 4);
            let (inputs, outputs) = (2, 2);
            p.push(Dense { weight, bias, limits, inputs, outputs, x, y, units, from_copy: 0 });
        }
        let univariate = UnivariateSpec::Affine(AffineSpec { log_scale_bound: 1.0 });
        let (direction, strides) = (Direction::Sampling, [1, 1]);
        p.push(Transform {
            univariate,
            direction,
            moved,
            kept,
            strides,
            x,
            raw,
            skip: 0,
            y,
            log_q,
        });
        p.finish(Fusing::On)
    };
    assert_eq!(program([0, 10]).forward.len(), 1);
    assert_eq!(program([0, 0]).forward.len(), 4);
}

fn copies_that_sampling_made_are_left_alone(device: &Device) {
    let mut p = program(2, 2);
    let (x, y) = (p.slot(1), p.slot(1));
    let limits = p.table(Dense::table(&[1], 1));
    p.forward.push(Box::new(Dense {
        weight: 0,
        bias: Some(1),
        limits,
        inputs: 1,
        outputs: 1,
        x,
        y,
        units: None,
        from_copy: 1,
    }));
    let xs = numbers(2 * BATCH, 1.0, 1);
    let found = evaluate(
        device,
        p,
        BATCH,
        &[2.0, 0.5],
        &[(x, xs.clone()), (y, vec![9.0; 2 * BATCH])],
        &[Forward],
        &[y],
    );
    let expected: Vec<f64> = (0..2 * BATCH)
        .map(|c| if c < BATCH { 9.0 } else { 2.0 * f64::from(xs[c]) + 0.5 })
        .collect();
    assert_close("y", &found[0], &expected, TOLERANCE);
}

fn spins(device: &Device) {
    let (sites, n) = (9, BATCH * 2);
    let x: Vec<f32> = numbers(sites * n, 1.0, 1).iter().map(|v| v.signum()).collect();
    let logits: Vec<f32> = numbers(sites * n, 1.0, 2).iter().map(|v| v * v * v * 15.0).collect();
    let coefficient = numbers(n, 1.0, 3);
    let formula = |a: &[f64]| -> Vec<f64> {
        (0..n)
            .map(|c| {
                (0..sites).map(|i| -(-f64::from(x[i * n + c]) * a[i * n + c]).exp().ln_1p()).sum()
            })
            .collect()
    };
    let a = f64s(&logits);
    let da = slopes(&a, |a| weighted(&coefficient, &formula(a)));
    let mut p = program(2, 1);
    let (sx, sa, sd) = (p.slot(sites), p.slot(sites), p.slot(sites));
    let spins = Spins { sites, x: sx, logits: sa, log_q: p.loss.log_q };
    let coefficient_slot = p.loss.coefficient;
    p.forward.push(Box::new(spins));
    p.backward.push(Box::new(SpinsBackward { spins, coefficient: coefficient_slot, dlogits: sd }));
    let inputs = [(sx, x.clone()), (sa, logits.clone()), (coefficient_slot, coefficient.clone())];
    let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &[Slot(0), sd]);
    assert_close("ln q", &found[0], &formula(&a), TOLERANCE);
    assert_close("da", &found[1], &da, TOLERANCE);
}

fn transforms(device: &Device) {
    let coupling = |per| (5, vec![1u32, 2, 4], vec![0u32, 3], [1, 3], per);
    let autoregressive = |per: usize| (3, vec![2u32, 0, 1], vec![], [per, 1], per);
    let affine = UnivariateSpec::Affine(AffineSpec { log_scale_bound: 1.5 });
    let spline_of =
        |bins, bound| UnivariateSpec::RationalQuadratic(RationalQuadraticSpec::linear(bins, bound));
    let closed = |bins, bound, tails| {
        UnivariateSpec::RationalQuadratic(
            RationalQuadraticSpec::linear(bins, bound).with_tails(tails),
        )
    };
    let clipped = |bins, bound, tails, least| {
        let spline = RationalQuadraticSpec::linear(bins, bound).with_tails(tails);
        spline.with_knots(KnotsSpec::SoftClipped { least }).into()
    };
    let located =
        |scale, multiplies| UnivariateSpec::LocationScale(LocationScaleSpec { scale, multiplies });
    let soft = ScaleSpec::SoftExp { least: 0.135 };
    let mixture = |cdf, components, shrink| -> UnivariateSpec {
        MixtureCdfSpec { cdf, components, spread: 1.0, shrink }.into()
    };
    let cases = [
        (mixture(AnyCdf::Logistic, 3, 0.0), coupling(9)),
        (mixture(AnyCdf::Normal, 2, 0.0), autoregressive(6)),
        (mixture(AnyCdf::Normal, 3, 1e-6), coupling(9)),
        (mixture(AnyCdf::Logistic, 1, 0.0), autoregressive(3)),
        (located(ScaleSpec::Exp, Direction::Density), coupling(2)),
        (located(soft, Direction::Sampling), autoregressive(2)),
        (located(ScaleSpec::Softplus { least: 1e-3, most: 1.5 }, Direction::Sampling), coupling(2)),
        (located(ScaleSpec::Sigmoid { least: 1e-3 }, Direction::Density), autoregressive(2)),
        (located(ScaleSpec::OverSigmoid, Direction::Density), coupling(2)),
        (located(ScaleSpec::OverSigmoid, Direction::Sampling), autoregressive(2)),
        (affine, coupling(2)),
        (affine, autoregressive(2)),
        (CubicRationalSpec {}.into(), coupling(3)),
        (CubicRationalSpec {}.into(), autoregressive(3)),
        (SinhSpec { bound: 1.5 }.into(), coupling(3)),
        (SinhSpec { bound: 3.0 }.into(), autoregressive(3)),
        (spline_of(5, 3.0), coupling(14)),
        (spline_of(2, 1.7), autoregressive(5)),
        (closed(5, 3.0, Tails::Box), coupling(16)),
        (closed(2, 2.1, Tails::Box), autoregressive(7)),
        (closed(4, 2.1, Tails::Circular), coupling(12)),
        (closed(2, 2.1, Tails::Circular), autoregressive(6)),
        (closed(4, 2.1, Tails::HalfTurn), coupling(11)),
        (closed(4, 2.1, Tails::Free), coupling(13)),
        (closed(4, 1.6, Tails::Free), autoregressive(13)),
        (clipped(2, 2.1, Tails::HalfTurn, 1e-2), autoregressive(5)),
        (clipped(5, 3.0, Tails::Linear, 1e-3), coupling(14)),
        (clipped(2, 1.7, Tails::Linear, 0.1), autoregressive(5)),
        (clipped(4, 2.1, Tails::Circular, 1e-2), coupling(12)),
        (clipped(2, 2.1, Tails::Box, 1e-3), autoregressive(7)),
    ];
    let directions = [Direction::Sampling, Direction::Density];
    for ((univariate, (dim, moved, kept, strides, per)), direction) in
        cases.into_iter().flat_map(|case| directions.map(|d| (case.clone(), d)))
    {
        let what = format!("{univariate:?} {direction:?}");
        let (n, m) = (BATCH, moved.len());
        let x = numbers(dim * n, 2.0, 1);
        // Squares of what normal distributions are asked about are exponents, and round as such.
        let squares =
            matches!(univariate, UnivariateSpec::MixtureCdf(map) if map.cdf == AnyCdf::Normal);
        let raw = numbers(per * m * n, if squares { 0.8 } else { 2.5 }, 2);
        let (dy, coefficient) = (numbers(dim * n, 1.0, 3), numbers(n, 1.0, 4));
        let one = |j: usize, c: usize, x: f64, raw: &[f64]| {
            let row = |p: usize| raw[(j * strides[0] + p * strides[1]) * n + c];
            let u: Vec<f64> = (0..per).map(row).collect();
            pushforward_oracle::univariate(&univariate, &u, direction, x)
        };
        let (x64, raw64) = (f64s(&x), f64s(&raw));
        let (mut y, mut log_q) = (x64.clone(), vec![0.0; n]);
        let (mut dx, mut draw) = (f64s(&dy), vec![0.0; raw.len()]);
        for (j, c) in (0..m).flat_map(|j| (0..n).map(move |c| (j, c))) {
            let at = moved[j] as usize * n + c;
            let (value, log_det) = one(j, c, x64[at], &raw64);
            y[at] = value;
            log_q[c] += log_det;
            let total = |x: f64, raw: &[f64]| {
                let (y, log_det) = one(j, c, x, raw);
                f64::from(dy[at]) * y + f64::from(coefficient[c]) * log_det
            };
            dx[at] = slopes(&[x64[at]], |x| total(x[0], &raw64))[0];
            for p in 0..per {
                let r = (j * strides[0] + p * strides[1]) * n + c;
                let mut raw = raw64.clone();
                draw[r] = slopes(&[raw64[r]], |u| {
                    raw[r] = u[0];
                    total(x64[at], &raw)
                })[0];
            }
        }
        let mut p = program(1, 1);
        let [sx, sy, sdy] = [dim; 3].map(|rows| p.slot(rows));
        let sr = p.slot(per * m);
        let (moved, kept) = (p.table(moved.iter().copied()), p.table(kept.iter().copied()));
        let (log_q_slot, coefficient_slot) = (p.loss.log_q, p.loss.coefficient);
        let transform = Transform {
            univariate,
            direction,
            moved,
            kept,
            strides,
            x: sx,
            raw: sr,
            skip: 0,
            y: sy,
            log_q: log_q_slot,
        };
        p.forward.push(Box::new(transform));
        p.backward.push(Box::new(TransformBackward {
            transform,
            coefficient: coefficient_slot,
            dy: sdy,
        }));
        let inputs = [
            (sx, x.clone()),
            (sr, raw.clone()),
            (sdy, dy.clone()),
            (coefficient_slot, coefficient.clone()),
        ];
        let slots = [sy, log_q_slot, sdy, sr];
        let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &slots);
        let what = format!("{what} {}", device.kind());
        // The inverse of a flat piece of a spline magnifies the rounding of its corners.
        let tolerance = if per == 2 { TOLERANCE } else { 5e-5 };
        assert_close(&format!("{what} y"), &found[0], &y, tolerance);
        assert_close(&format!("{what} ln q"), &found[1], &log_q, tolerance);
        assert_close(&format!("{what} dx"), &found[2], &dx, tolerance);
        assert_close(&format!("{what} draw"), &found[3], &draw, tolerance);
    }
}

fn affine(device: &Device) {
    let (dim, n) = (3, BATCH);
    let parameters = numbers(2 * dim, 0.8, 1);
    let (x, dy, coefficient) =
        (numbers(dim * n, 2.0, 2), numbers(dim * n, 1.0, 3), numbers(n, 1.0, 4));
    for direction in [Direction::Sampling, Direction::Density] {
        let formula = |x: &[f64], p: &[f64]| -> (Vec<f64>, Vec<f64>) {
            let y = x.iter().enumerate().map(|(i, x)| match direction {
                Direction::Sampling => x * p[i / n].exp() + p[dim + i / n],
                Direction::Density => (x - p[dim + i / n]) * (-p[i / n]).exp(),
            });
            (y.collect(), vec![-p[..dim].iter().sum::<f64>(); n])
        };
        let total = |x: &[f64], p: &[f64]| {
            let (y, log_q) = formula(x, p);
            weighted(&dy, &y) + weighted(&coefficient, &log_q)
        };
        let (x64, p64) = (f64s(&x), f64s(&parameters));
        let (y, log_q) = formula(&x64, &p64);
        let (dx, dp) = (slopes(&x64, |x| total(x, &p64)), slopes(&p64, |p| total(&x64, p)));
        let mut p = program(1, 2 * dim);
        let (sx, sy, sdy) = (p.slot(dim), p.slot(dim), p.slot(dim));
        let (log_q_slot, coefficient_slot) = (p.loss.log_q, p.loss.coefficient);
        let affine =
            Affine { direction, dim, log_scale: 0, shift: dim, x: sx, y: sy, log_q: log_q_slot };
        p.forward.push(Box::new(affine));
        p.backward.push(Box::new(AffineBackward {
            affine,
            coefficient: coefficient_slot,
            dy: sdy,
        }));
        let inputs = [(sx, x.clone()), (sdy, dy.clone()), (coefficient_slot, coefficient.clone())];
        let found = evaluate(
            device,
            p,
            BATCH,
            &parameters,
            &inputs,
            &[Forward, Backward],
            &[sy, log_q_slot, sdy],
        );
        assert_close("y", &found[0], &y, TOLERANCE);
        assert_close("ln q", &found[1], &log_q, TOLERANCE);
        assert_close("dx", &found[2], &dx, TOLERANCE);
        assert_close("dp", &found[3], &dp, TOLERANCE);
    }
}

/// Each kind of bound, both ways; what comes back of the data's side is asked for here alone.
fn bounds(device: &Device) {
    let (lower, upper) = (
        [f32::NEG_INFINITY, -3.0, f32::NEG_INFINITY, -2.5],
        [f32::INFINITY, f32::INFINITY, 3.0, 4.0],
    );
    let (dim, n) = (lower.len(), BATCH);
    let (x, dy, coefficient) =
        (numbers(dim * n, 2.0, 2), numbers(dim * n, 1.0, 3), numbers(n, 1.0, 4));
    for direction in [Direction::Sampling, Direction::Density] {
        let one = |d: usize, x: f64| {
            let (a, b) = (f64::from(lower[d]), f64::from(upper[d]));
            let density = direction == Direction::Density;
            let data = match (a.is_finite(), b.is_finite()) {
                _ if density => x,
                (false, false) => x,
                (true, false) => a + x.exp(),
                (false, true) => b - (-x).exp(),
                (true, true) => a + (b - a) / (1.0 + (-x).exp()),
            };
            let (l, r) = ((data - a).ln(), (b - data).ln());
            let (z, log_derivative) = match (a.is_finite(), b.is_finite()) {
                (false, false) => (data, 0.0),
                (true, false) => (l, -l),
                (false, true) => (-r, -r),
                (true, true) => (l - r, (b - a).ln() - l - r),
            };
            (if density { z } else { data }, log_derivative)
        };
        let (mut y, mut log_q, mut dx) = (vec![0.0; dim * n], vec![0.0; n], vec![0.0; dim * n]);
        for (at, x) in f64s(&x).into_iter().enumerate() {
            let (d, c) = (at / n, at % n);
            let (value, log_derivative) = one(d, x);
            y[at] = value;
            log_q[c] += log_derivative;
            dx[at] = slopes(&[x], |x| {
                let (y, log_derivative) = one(d, x[0]);
                f64::from(dy[at]) * y + f64::from(coefficient[c]) * log_derivative
            })[0];
        }
        let mut p = program(1, 1);
        let (sx, sy, sdy) = (p.slot(dim), p.slot(dim), p.slot(dim));
        let (log_q_slot, coefficient_slot) = (p.loss.log_q, p.loss.coefficient);
        let table = p.table(Bounds::table(&lower, &upper));
        let bounds = Bounds { direction, bounds: table, x: sx, y: sy, log_q: log_q_slot };
        p.forward.push(Box::new(bounds));
        p.backward.push(Box::new(BoundsBackward {
            bounds,
            coefficient: coefficient_slot,
            dy: sdy,
        }));
        let inputs = [(sx, x.clone()), (sdy, dy.clone()), (coefficient_slot, coefficient.clone())];
        let slots = [sy, log_q_slot, sdy];
        let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &slots);
        let what = format!("{} {direction:?}", device.kind());
        assert_close(&format!("{what} y"), &found[0], &y, TOLERANCE);
        assert_close(&format!("{what} ln q"), &found[1], &log_q, TOLERANCE);
        assert_close(&format!("{what} dx"), &found[2], &dx, TOLERANCE);
    }
}

fn gaussian(device: &Device) {
    let (dim, n) = (5, BATCH);
    let words =
        |c: usize, d: usize| pushforward::noise::block(step().key, [c as u32, d as u32 / 2])[d % 2];
    let z: Vec<f64> = (0..dim * n)
        .map(|i| {
            f64::from(pushforward::noise::normal(pushforward::simd::Scalar, words(i % n, i / n)))
        })
        .collect();
    let density = |z: &[f64]| -> Vec<f64> {
        let one = |v: f64| -0.5 * v * v - 0.5 * std::f64::consts::TAU.ln();
        (0..n).map(|c| (0..dim).map(|d| one(z[d * n + c])).sum()).collect()
    };
    let coefficient = numbers(n, 1.0, 3);
    let dz = slopes(&z, |z| weighted(&coefficient, &density(z)));
    let mut p = program(1, 1);
    let (sz, sd) = (p.slot(dim), p.slot(dim));
    let (log_q, coefficient_slot) = (p.loss.log_q, p.loss.coefficient);
    let base = Base { dim, z: sz, log_q, draw: true, word: 0, adds: false };
    let independent = Independent { base, density: pushforward::base::Normal };
    p.forward.push(Box::new(independent));
    let gradients = [coefficient_slot, sd];
    p.backward.push(Box::new(IndependentBackward { independent, gradients }));
    let inputs = [(coefficient_slot, coefficient.clone())];
    let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &[sz, log_q, sd]);
    assert_close("z", &found[0], &z, TOLERANCE);
    assert_close("ln q", &found[1], &density(&z), TOLERANCE);
    assert_close("dz", &found[2], &dz, TOLERANCE);
}

fn select(device: &Device) {
    let (rows, n) = (6, BATCH);
    let (x, dx, dto) =
        (numbers(rows * n, 1.0, 1), numbers(rows * n, 1.0, 2), numbers(3 * n, 1.0, 3));
    // One of them twice.
    let chosen = [1usize, 4, 1];
    let mut sum = f64s(&dx);
    for (k, &i) in chosen.iter().enumerate() {
        (0..n).for_each(|c| sum[i * n + c] += f64::from(dto[k * n + c]));
    }
    let picked: Vec<f64> = chosen.iter().flat_map(|&i| f64s(&x[i * n..(i + 1) * n])).collect();
    let mut p = program(1, 1);
    let (from, to, dfrom, dto_slot) = (p.slot(rows), p.slot(3), p.slot(rows), p.slot(3));
    let indices = p.table([1, 4, 1]);
    let select = Select { context: None, indices, from, to };
    p.forward.push(Box::new(select));
    let backward = SelectBackward { select, dcontext: None, dfrom: Some(dfrom), dto: dto_slot };
    p.backward.push(Box::new(backward));
    let inputs = [(from, x.clone()), (dfrom, dx.clone()), (dto_slot, dto.clone())];
    let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &[to, dfrom]);
    assert_close("to", &found[0], &picked, TOLERANCE);
    assert_close("dfrom", &found[1], &sum, TOLERANCE);

    // After a context of three rows, whose gradient is wanted, alone or too.
    let (context, dc) = (numbers(3 * n, 1.0, 4), numbers(3 * n, 1.0, 5));
    let dto = [numbers(3 * n, 1.0, 6), dto].concat();
    let both: Vec<f64> = f64s(&context).into_iter().chain(picked).collect();
    let given: Vec<f64> = dc.iter().zip(&dto).map(|(a, b)| f64::from(*a) + f64::from(*b)).collect();
    for wanted in [true, false] {
        let mut p = program(1, 1);
        let (from, to, dfrom) = (p.slot(rows), p.slot(6), p.slot(rows));
        let (context_slot, dcontext, dto_slot) = (p.slot(3), p.slot(3), p.slot(6));
        let indices = p.table([1, 4, 1]);
        let select = Select { context: Some(context_slot), indices, from, to };
        p.forward.push(Box::new(select));
        p.backward.push(Box::new(SelectBackward {
            select,
            dcontext: Some(dcontext),
            dfrom: wanted.then_some(dfrom),
            dto: dto_slot,
        }));
        let inputs = [
            (from, x.clone()),
            (dfrom, dx.clone()),
            (dto_slot, dto.clone()),
            (context_slot, context.clone()),
            (dcontext, dc.clone()),
        ];
        let outputs = [to, dfrom, dcontext];
        let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &outputs);
        assert_close("to", &found[0], &both, TOLERANCE);
        assert_close("dfrom", &found[1], &if wanted { sum.clone() } else { f64s(&dx) }, TOLERANCE);
        assert_close("dcontext", &found[2], &given, TOLERANCE);
    }
}

fn energies(device: &Device) {
    let glass = vec![(0, 1, 0.7), (1, 2, -1.2), (0, 2, 0.4), (3, 1, 0.9)];
    let all: [Arc<dyn Energy>; 8] = [
        Arc::new(Graph::new(vec![5], glass, vec![0.0, 0.3, 0.0, -0.6, 1.1]).unwrap()),
        Arc::new(Graph::lattice(Lattice::Cubic, 3, [0.8, -0.2], Boundary::Periodic).unwrap()),
        Arc::new(Ising2d::new([3, 5], 0.8, Boundary::Periodic).unwrap()),
        Arc::new(Ising2d::new([2, 3], 1.0, Boundary::Open).unwrap()),
        Arc::new(Phi4::new([3, 4], -4.0, 8.0).unwrap()),
        Arc::new(Ring2d::new()),
        Arc::new(Ring2d::positions_only()),
        Arc::new(DoubleWell::new(0.3, -4.0, 1.0).unwrap()),
    ];
    for energy in all {
        let (dim, n) = (energy.dim(), BATCH);
        let x = numbers(dim * n, 1.7, 5);
        let coefficient = numbers(n, 1.0, 6);
        let column = |c: usize| (0..dim).map(|d| x[d * n + c]).collect::<Vec<_>>();
        let value: Vec<f64> = (0..n).map(|c| energy.energy(&column(c))).collect();
        let mut gradient = vec![0.0; dim * n];
        energy.gradients(&x, n, &mut gradient);
        let beta = f64::from(step().beta);
        let dx: Vec<f64> = gradient
            .iter()
            .enumerate()
            .map(|(i, g)| beta * f64::from(coefficient[i % n]) * f64::from(*g))
            .collect();
        let mut p = program(1, 1);
        let (sx, se, sd) = (p.slot(dim), p.slot(1), p.slot(dim));
        let coefficient_slot = p.loss.coefficient;
        let energies = Energies { energy: Arc::clone(&energy), x: sx, out: se };
        p.forward.push(Box::new(energies.clone()));
        p.backward.push(Box::new(EnergyBackward {
            energies,
            coefficient: coefficient_slot,
            dx: sd,
        }));
        let inputs = [(sx, x.clone()), (coefficient_slot, coefficient.clone())];
        let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward, Backward], &[se, sd]);
        assert_close(energy.name(), &found[0], &value, TOLERANCE);
        assert_close(energy.name(), &found[1], &dx, TOLERANCE);
    }
}

fn words_are_those_of_the_engine(device: &Device) {
    let count = 7;
    let mut p = program(1, 1);
    let out = p.slot(2 * count);
    p.forward.push(Box::new(Words { count, out }));
    let found = evaluate(device, p, BATCH, &[0.0], &[], &[Forward], &[out]);
    for w in 0..count {
        for c in 0..BATCH {
            let word = pushforward::noise::block(step().key, [c as u32, w as u32 / 2])[w % 2];
            assert_eq!(
                found[0][w * BATCH + c].to_bits(),
                word >> 8 | 0x3f00_0000,
                "{} {w} {c}",
                device.kind()
            );
            assert_eq!(
                found[0][(count + w) * BATCH + c],
                (word & 0xff) as f32,
                "{} {w} {c}",
                device.kind()
            );
        }
    }
}

fn rows_are_taken_alike(device: &Device) {
    let dim = 3;
    for (conditions, given) in [(0, false), (2, false), (0, true), (2, true)] {
        let width = dim + conditions;
        let data = numbers(width * 1000, 1.0, 1);
        let mut p = Program::new(2, 1, LossKind::Likelihood);
        (p.data, p.width) = (data.clone().into(), width);
        let (x, slot) = (p.slot(dim), p.slot(conditions.max(1)));
        let log_q = p.loss.log_q;
        let context = (conditions > 0).then_some(slot);
        p.forward.push(Box::new(TakeRows { dim, x, context, log_q, given }));
        let inputs = [(log_q, vec![7.0; 2 * BATCH])];
        let outputs = [x, log_q, slot];
        let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Forward], &outputs);
        for c in 0..BATCH {
            let word = u64::from(pushforward::noise::block(step().key, [c as u32, 0])[0]);
            let picked = ((word * 1000) >> 32) as usize;
            let row = if given { step().first_row as usize + c } else { picked };
            for d in 0..dim {
                assert_eq!(found[0][2 * d * BATCH + c], data[row * width + d]);
                assert_eq!(found[0][(2 * d + 1) * BATCH + c], -data[row * width + d]);
            }
            for k in 0..conditions {
                assert_eq!(found[2][2 * k * BATCH + c], data[row * width + dim + k]);
                assert_eq!(found[2][(2 * k + 1) * BATCH + c], data[row * width + dim + k]);
            }
        }
        assert!(found[1].iter().all(|&l| l == 0.0));
    }
}

fn losses(device: &Device) {
    for (kind, copies) in [
        (LossKind::Score, 2),
        (LossKind::Score, 1),
        (LossKind::Path, 1),
        (LossKind::Renyi, 1),
        (LossKind::Likelihood, 1),
        (LossKind::Likelihood, 2),
    ] {
        let log_q: Vec<f32> = numbers(copies * BATCH, 2.0, 1).iter().map(|v| v - 170.0).collect();
        let energy: Vec<f32> = numbers(copies * BATCH, 3.0, 2).iter().map(|v| v - 200.0).collect();
        let beta = f64::from(step().beta);
        let mean_loss = |l: &[f64]| -> f64 {
            let one = |c: usize| {
                let q =
                    if copies == 2 { ((l[c].exp() + l[BATCH + c].exp()) / 2.0).ln() } else { l[c] };
                if kind == LossKind::Likelihood { -q } else { q + beta * f64::from(energy[c]) }
            };
            if kind == LossKind::Renyi {
                let mean = (0..BATCH).map(|c| (-0.7 * one(c)).exp()).sum::<f64>() / BATCH as f64;
                return -mean.ln() / 0.7;
            }
            (0..BATCH).map(one).sum::<f64>() / BATCH as f64
        };
        let l64 = f64s(&log_q);
        let mut expected = slopes(&l64, mean_loss);
        if kind == LossKind::Score {
            let mean = mean_loss(&l64);
            for c in 0..BATCH {
                let q = if copies == 2 {
                    ((l64[c].exp() + l64[BATCH + c].exp()) / 2.0).ln()
                } else {
                    l64[c]
                };
                for copy in 0..copies {
                    expected[copy * BATCH + c] *= q + beta * f64::from(energy[c]) - mean;
                }
            }
        }
        let mut p = Program::new(copies, 1, kind);
        let e = p.slot(1);
        p.loss.alpha = 0.3;
        p.loss.energy = (kind != LossKind::Likelihood).then_some(e);
        let (log_q_slot, coefficient) = (p.loss.log_q, p.loss.coefficient);
        let inputs = [(log_q_slot, log_q.clone()), (e, energy.clone())];
        let found = evaluate(device, p, BATCH, &[0.0], &inputs, &[Loss], &[coefficient]);
        // ln q near −170 has steps of 1.5e-5, so differences of it are no better.
        assert_close(&format!("{kind:?} {copies} {}", device.kind()), &found[0], &expected, 2e-5);
    }
}

fn main() -> ExitCode {
    let on_each: &[Named<OnDevice>] = named![
        dense,
        one_weight_used_twice,
        one_layer_over_positions,
        copies_that_sampling_made_are_left_alone,
        spins,
        transforms,
        affine,
        bounds,
        gaussian,
        select,
        energies,
        words_are_those_of_the_engine,
        rows_are_taken_alike,
        losses,
    ];
    let without: &[Named<fn()>] = named![layers_that_share_a_weight_are_not_fused];
    run(include_str!("ops.rs"), on_each, named![flow_layers], without)
}
