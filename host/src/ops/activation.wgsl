// Before this text stand squash, which is tanh, and logistic.

// The unit and its slope.
fn unit_of(x: f32) -> vec2<f32> {
    if (KIND == RELU) { return select(vec2<f32>(0.0, 0.0), vec2<f32>(x, 1.0), x > 0.0); }
    if (KIND == TANH) {
        let y = squash(x);
        return vec2<f32>(y, 1.0 - y * y);
    }
    if (KIND == ELU) {
        let t = squash(0.5 * x);
        let below = 2.0 * t / (1.0 - t);
        return select(vec2<f32>(below, below + 1.0), vec2<f32>(x, 1.0), x > 0.0);
    }
    if (KIND == SILU) {
        let p = logistic(x);
        return vec2<f32>(x * p, p * (1.0 + x * (1.0 - p)));
    }
    if (KIND == SMOOTHSTEP) {
        let z = clamp(x * (2.0 / 3.0), -1.0, 1.0);
        return vec2<f32>(z * (1.5 - 0.5 * z * z), 1.0 - z * z);
    }
    let u = 1.0 / (1.0 + CDF_SCALE * abs(x));
    let bell = exp(-0.5 * x * x);
    let tail = u * (P0 + u * (P1 + u * (P2 + u * (P3 + u * P4)))) * bell;
    let p = select(tail, 1.0 - tail, x > 0.0);
    return vec2<f32>(x * p, p + x * DENSITY * bell);
}
