//! Data whose density is known, to see how near maximum likelihood comes to the entropy.
//!
//! `cargo run --release -p pushforward-host --example known_data -- host/configs` writes
//! `mixture.csv` (four Gaussians in the plane), `skewed.csv` (ten coordinates, each a shifted
//! log-normal, rotated together), `conditional.csv` (three readings, given temperature, pressure
//! and phase), `torus.csv` (two angles, three von Mises distributions, one of them on the seam),
//! `counts.csv` (three integers and a real number) and `wind.csv` (two circles and a real number) beside the configs of the same names, and prints the
//! entropy of each: the least negative log-likelihood that any model can reach on fresh rows.

use std::f64::consts::PI;
use std::fmt::Write;
use std::path::Path;

use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;

const ROWS: u32 = 100_000;
const LN_2PI: f64 = 1.837_877_066_409_345_5;

/// Standard normal number `d` of row `i`.
fn gaussian(seed: u32, i: u32, d: u32) -> f64 {
    f64::from(normal(Scalar, block([seed, 0], [i, d])[0]))
}

/// Four Gaussians of standard deviation 0.5 and weight 1/4 around (±1.5, ±1.5).
fn mixture(i: u32) -> (Vec<f64>, f64) {
    let [corner, _] = block([1, 1], [i, 0]);
    let sign = |bit: u32| if corner >> bit & 1 == 1 { 1.5 } else { -1.5 };
    let x = [sign(31) + 0.5 * gaussian(1, i, 0), sign(30) + 0.5 * gaussian(1, i, 1)];
    let density: f64 = [(-1.5, -1.5), (-1.5, 1.5), (1.5, -1.5), (1.5, 1.5)]
        .iter()
        .map(|(a, b)| {
            let square = ((x[0] - a) / 0.5f64).powi(2) + ((x[1] - b) / 0.5f64).powi(2);
            0.25 * (-0.5 * square - LN_2PI).exp() / 0.25
        })
        .sum();
    (x.to_vec(), density.ln())
}

/// `u_d = (e^{z_d / 2} − 1) · 2` (skewness 1.75), mirrored at a fixed plane.
fn skewed(i: u32) -> (Vec<f64>, f64) {
    const DIM: u32 = 10;
    let z: Vec<f64> = (0..DIM).map(|d| gaussian(2, i, d)).collect();
    let u: Vec<f64> = z.iter().map(|z| 2.0 * ((0.5 * z).exp() - 1.0)).collect();
    let log_density = z.iter().map(|z| -0.5 * z * z - 0.5 * LN_2PI - 0.5 * z).sum();
    // Two Householder reflections make a rotation that mixes all coordinates.
    let mut x = u;
    for normal in [|d: usize| 1.0 + d as f64, |d: usize| (d as f64 * 1.7).sin() + 0.1] {
        let v: Vec<f64> = (0..x.len()).map(normal).collect();
        let square: f64 = v.iter().map(|v| v * v).sum();
        let along: f64 = v.iter().zip(&x).map(|(v, x)| v * x).sum();
        for (x, v) in x.iter_mut().zip(&v) {
            *x -= 2.0 * along / square * v;
        }
    }
    (x, log_density)
}

/// Three readings whose means, widths and weights depend on three conditions, in units of their own;
/// the third has two modes. The density is that of the readings given the conditions.
fn conditional(i: u32) -> (Vec<f64>, f64) {
    let c: Vec<f64> = (0..3).map(|d| gaussian(3, i, d)).collect();
    let z: Vec<f64> = (3..6).map(|d| gaussian(3, i, d)).collect();
    let [upper, _] = block([4, 4], [i, 0]);
    let log_normal = |x: f64, mean: f64, width: f64| {
        -0.5 * ((x - mean) / width).powi(2) - 0.5 * LN_2PI - width.ln()
    };
    let (mean, width) = ((1.3 * c[0]).sin() + 0.5 * c[1], (0.4 * c[2]).exp());
    let first = mean + width * z[0];
    let mut log_density = log_normal(first, mean, width);
    let (mean, width) = (0.3 * first * first - 0.7 * c[2], 0.3 + 0.4 / (1.0 + c[0] * c[0]));
    let second = mean + width * z[1];
    log_density += log_normal(second, mean, width);
    let weight = 1.0 / (1.0 + (-c[1]).exp());
    let (up, down, width) = (1.0 + 0.3 * first, -1.5 + 0.3 * first, 0.5);
    let mean = if f64::from(upper) / 2f64.powi(32) < weight { up } else { down };
    let third = mean + width * z[2];
    let modes = weight * log_normal(third, up, width).exp()
        + (1.0 - weight) * log_normal(third, down, width).exp();
    log_density += modes.ln();
    // Kelvin and hectopascal; readings in units that move no density but the first's.
    let (temperature, pressure) = (290.0 + 12.0 * c[0], 1013.0 + 25.0 * c[1]);
    log_density -= 40f64.ln();
    (vec![temperature, pressure, c[2], 500.0 + 40.0 * first, second, third], log_density)
}

/// Weight, and for each of two angles the mean and the concentration.
const ON_TORUS: [(f64, [(f64, f64); 2]); 3] = [
    (0.5, [(PI, 6.0), (PI, 6.0)]),
    (0.3, [(-0.5, 3.0), (2.8, 8.0)]),
    (0.2, [(1.2, 4.0), (-1.0, 2.0)]),
];

/// An angle of the von Mises distribution around 0, by rejection from the uniform one.
fn von_mises(kappa: f64, key: [u32; 2], i: u32) -> f64 {
    let unit = |word: u32| (f64::from(word) + 0.5) / 2f64.powi(32);
    let angles = (0..).map(|attempt| block(key, [i, attempt]).map(unit));
    let accepted = angles.filter_map(|[u, v]| {
        let z = PI * (2.0 * u - 1.0);
        (v < (kappa * (z.cos() - 1.0)).exp()).then_some(z)
    });
    accepted.into_iter().next().unwrap_or(0.0)
}

/// Its density: I₀ is the mean of e^(κ cos) over the circle.
fn von_mises_density(kappa: f64, angle: f64) -> f64 {
    let each = (0..64).map(|k| (kappa * ((PI * f64::from(k) / 32.0).cos() - 1.0)).exp());
    (kappa * (angle.cos() - 1.0)).exp() / (2.0 * PI * each.sum::<f64>() / 64.0)
}

/// Von Mises distributions on a torus, the first around the point where both circles are cut.
fn torus(i: u32) -> (Vec<f64>, f64) {
    let [which, _] = block([5, 5], [i, 0]);
    let component = match (f64::from(which) + 0.5) / 2f64.powi(32) {
        u if u < 0.5 => 0,
        u if u < 0.8 => 1,
        _ => 2,
    };
    let draw = |d: usize| {
        let (mean, kappa) = ON_TORUS[component].1[d];
        let angle = mean + von_mises(kappa, [5, 6 + d as u32], i);
        // As a file has it, within the circle of f32.
        let angle = (angle - 2.0 * PI * (angle / (2.0 * PI)).round()) as f32;
        f64::from(angle.clamp(-std::f32::consts::PI, std::f32::consts::PI))
    };
    let x = vec![draw(0), draw(1)];
    let density: f64 = ON_TORUS
        .iter()
        .map(|(weight, angles)| {
            let one = |((mean, kappa), x): (&(f64, f64), &f64)| von_mises_density(*kappa, x - mean);
            weight * angles.iter().zip(&x).map(one).product::<f64>()
        })
        .sum();
    (x, density.ln())
}

/// ln of the probabilities of `first`, `first + 1`, … that these weights are, and the value that a word
/// draws of them.
fn integer(first: i32, weights: &[f64], word: u32) -> (i32, f64) {
    let sum: f64 = weights.iter().sum();
    let mut rest = (f64::from(word) + 0.5) / 2f64.powi(32) * sum;
    let drawn = weights.iter().position(|weight| {
        rest -= weight;
        rest < 0.0
    });
    let drawn = drawn.unwrap_or(0);
    (first + drawn as i32, (weights[drawn] / sum).ln())
}

/// The kind of a machine, its errors in a shift, the drift of its setting, and the time to mend it.
fn counts(i: u32) -> (Vec<f64>, f64) {
    let ([a, b], [c, _]) = (block([8, 8], [i, 0]), block([8, 8], [i, 1]));
    let (kind, mut log_density) = integer(0, &[0.5, 0.3, 0.15, 0.05], a);
    let mean: f64 = [0.7, 3.0, 6.0, 11.0][kind as usize];
    let mut poisson = vec![1.0];
    for k in 1..=30 {
        poisson.push(poisson[k - 1] * mean / k as f64);
    }
    let (errors, ln_p) = integer(0, &poisson, b);
    log_density += ln_p;
    // Two peaks, of which one depends on the remainder of the errors by 3.
    let drift = |d: i32| {
        let (d, near, far) = (f64::from(d), f64::from(errors % 3 * 2 - 2), f64::from(4 - kind));
        (-(d - near).abs()).exp() + 0.5 * (-2.0 * (d - far).abs()).exp()
    };
    let weights: Vec<f64> = (-6..=6).map(drift).collect();
    let (drift, ln_p) = integer(-6, &weights, c);
    log_density += ln_p;
    let (mean, width) = (0.2 * f64::from(errors), 0.3);
    let logarithm = mean + width * gaussian(9, i, 0);
    log_density -= 0.5 * ((logarithm - mean) / width).powi(2) + 0.5 * LN_2PI + f64::ln(width);
    log_density -= logarithm;
    (vec![kind.into(), errors.into(), drift.into(), logarithm.exp()], log_density)
}

/// The hour of a measurement, the direction of the wind, in degrees, and its speed.
fn wind(i: u32) -> (Vec<f64>, f64) {
    // As a file has it, within the circle of f32.
    let turns = |angle: f64| (angle / (2.0 * PI)).rem_euclid(1.0);
    let [which, _] = block([13, 1], [i, 0]);
    let at = |mean: f64| 2.0 * PI * mean / 24.0;
    let (midnight, noon) = ((at(23.5), 8.0), (at(14.0), 3.0));
    let (mean, kappa) = if which < 3 << 30 { midnight } else { noon };
    let hour = mean + von_mises(kappa, [13, 2], i);
    let density = 0.75 * von_mises_density(midnight.1, hour - midnight.0)
        + 0.25 * von_mises_density(noon.1, hour - noon.0);
    let mut log_density = (density * 2.0 * PI / 24.0).ln();
    // It turns once a day, and is the steadier the nearer to midnight.
    let (mean, kappa) = (hour + 0.8 * hour.sin() + 2.5, 4.0 + 3.0 * hour.cos());
    let direction = mean + von_mises(kappa, [13, 3], i);
    log_density += (von_mises_density(kappa, direction - mean) * 2.0 * PI / 360.0).ln();
    let (mean, width) = (1.0 + 0.6 * (direction - 1.0).cos(), 0.35);
    let logarithm = mean + width * gaussian(13, i, 9);
    log_density -= 0.5 * ((logarithm - mean) / width).powi(2) + 0.5 * LN_2PI + f64::ln(width);
    log_density -= logarithm;
    (vec![24.0 * turns(hour), 360.0 * turns(direction), logarithm.exp()], log_density)
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    type Draw = fn(u32) -> (Vec<f64>, f64);
    for (name, header, draw) in [
        ("mixture.csv", "", mixture as Draw),
        ("skewed.csv", "", skewed),
        ("conditional.csv", "temperature,pressure,phase,counts,drift,state\n", conditional),
        ("torus.csv", "phi,psi\n", torus),
        ("counts.csv", "kind,errors,drift,time\n", counts),
        ("wind.csv", "hour,direction,speed\n", wind),
    ] {
        let mut text = header.to_owned();
        let mut total = 0.0;
        for i in 0..ROWS {
            let (row, log_density) = draw(i);
            let row: Vec<String> = row.iter().map(|x| (*x as f32).to_string()).collect();
            let _ = writeln!(text, "{}", row.join(","));
            total -= log_density;
        }
        let path = Path::new(&folder).join(name);
        std::fs::write(&path, text)?;
        println!(
            "{}: {ROWS} rows, entropy {:.4} nats a row",
            path.display(),
            total / f64::from(ROWS)
        );
    }
    Ok(())
}
