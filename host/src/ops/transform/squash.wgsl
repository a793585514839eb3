// tanh: near 0 its series, where a quotient of exponentials would cancel.
fn squash(r: f32) -> f32 {
    let q = r * r;
    let series = r * (1.0 - q * (0.33333334 - q * (0.13333334 - q * (0.053968254 - q * 0.021869488))));
    let e = exp(-2.0 * abs(r));
    return select(sign(r) * (1.0 - e) / (1.0 + e), series, abs(r) < 0.25);
}
