// tanh: near 0 its series, where a quotient of exponentials would cancel.
fn squash(r: f32) -> f32 {
    let q = r * r;
    let series = r * (1.0 - q * (0.33333334 - q * (0.13333334 - q * (0.053968254 - q * 0.021869488))));
    let e = exp(-2.0 * abs(r));
    return select(sign(r) * (1.0 - e) / (1.0 + e), series, abs(r) < 0.25);
}

fn forward_of(x: f32, at: u32, step: u32) -> vec2<f32> {
    let bound = call.bound;
    let u = squash(arena[at] / bound);
    let s = bound * u;
    let t = arena[at + step];
    arena[at] = u;
    if (call.density == 1u) {
        let factor = exp(-s);
        arena[at + step] = factor;
        return vec2<f32>((x - t) * factor, -s);
    }
    let factor = exp(s);
    arena[at + step] = factor;
    return vec2<f32>(x * factor + t, -s);
}

fn backward_of(x: f32, y: f32, c: f32, dy: f32, at: u32, step: u32) -> f32 {
    let u = arena[at];
    let dx = dy * arena[at + step];
    var ds = dx * x;
    var dt = dy;
    if (call.density == 1u) {
        ds = -dy * y;
        dt = -dx;
    }
    arena[at] = (ds - c) * (1.0 - u * u);
    arena[at + step] = dt;
    return dx;
}
