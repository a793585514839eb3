// sigma, 1 - sigma and beta.
fn shape_at(at: u32, step: u32) -> vec3<f32> {
    let raw = arena[at] + SHARE_SHIFT;
    let range = 1.0 - 2.0 * MIN_SHARE;
    let u = arena[at + step] + DERIVATIVE_SHIFT;
    let e = exp(-abs(u));
    let v = 1.0 + e;
    let rest = select(log(v) * (e / (v - 1.0)), e, v == 1.0);
    return vec3<f32>(MIN_SHARE + range * logistic(raw), MIN_SHARE + range * logistic(-raw),
        MIN_DERIVATIVE + max(u, 0.0) + rest);
}

fn derivative_at(shape: vec3<f32>, w: f32) -> f32 {
    let q = 1.0 / (1.0 + w);
    let difference = (w - 3.0) * q;
    return shape.y * (w * q) * ((w + 3.0) * q) + shape.x * difference * difference;
}

// The root of X^3 - Y X^2 + a X - Y: see the engine.
fn cubic_root(shape: vec3<f32>, y: f32) -> f32 {
    let a = 9.0 * shape.x;
    let half_r = sqrt(shape.x);
    let r = 3.0 * half_r;
    let gap = 3.0 * shape.y / (1.0 + half_r);
    let z = y * y;
    let p = (a - z / 3.0) / 3.0;
    let h = y * (z / 27.0 + (3.0 - a) / 6.0);
    let off = z - a * r;
    let sum = abs(h) + sqrt((4.0 * off * off + gap * gap * gap * (1.0 + r) * z) / 108.0);
    var u = exp(log(sum) / 3.0);
    u += (sum / (u * u) - u) / 3.0;
    let v = p / u;
    return y / 3.0 + select(u - v, 2.0 * h / (u * u + v * v + p), p > 0.0);
}

fn forward_of(x: f32, at: u32, step: u32) -> vec2<f32> {
    let shape = shape_at(at, step);
    let centre = arena[at + 2u * step];
    let b = sqrt(shape.z);
    let off = x - centre;
    if (call.density == 1u) {
        let w = min(b * off * b * off, 1e18);
        return vec2<f32>(off * ((9.0 * shape.x + w) / (1.0 + w)) + centre, log(derivative_at(shape, w)));
    }
    let y = b * abs(off);
    let root = cubic_root(shape, min(y, 32768.0));
    let value = select(off, sign(off) * root / b, y < 32768.0);
    return vec2<f32>(value + centre, log(derivative_at(shape, root * root)));
}

fn backward_of(x: f32, y: f32, c: f32, dy: f32, at: u32, step: u32) -> f32 {
    let shape = shape_at(at, step);
    let a = 9.0 * shape.x;
    let data = select(y, x, call.density == 1u) - arena[at + 2u * step];
    let w = shape.z * data * data;
    let q = 1.0 / (1.0 + w);
    let slope = derivative_at(shape, w);
    let per = q * q / slope;
    let log_w = (2.0 * w + 3.0 - a) * per - 2.0 * q;
    let log_x = 2.0 * shape.z * data * log_w;
    let reached = through(dy, slope, c * log_x);
    let g = reached.x;
    let da = g * data * q + c * (1.0 - w) * per;
    let d_beta = g * data * data * data * (1.0 - a) * q * q + c * data * data * log_w;
    let raw = arena[at] + SHARE_SHIFT;
    arena[at] = da * 9.0 * (1.0 - 2.0 * MIN_SHARE) * logistic(raw) * logistic(-raw);
    arena[at + step] = d_beta * logistic(arena[at + step] + DERIVATIVE_SHIFT);
    arena[at + 2u * step] = g * (1.0 - slope) - c * log_x;
    return reached.y;
}
