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
