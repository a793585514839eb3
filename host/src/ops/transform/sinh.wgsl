// ln cosh, but for ln 2.
fn log_cosh(x: f32) -> f32 {
    return abs(x) + log_1p(exp(-2.0 * abs(x)));
}

fn parameter_at(at: u32) -> f32 {
    return call.bound * squash(arena[at] / call.bound);
}

// asinh(e^mu (e^nu sinh x + beta)) and the logarithm of its slope, without overflow: see the engine.
fn sinh_map(x: f32, mu: f32, nu: f32, beta: f32) -> vec2<f32> {
    let level = abs(x) + nu;
    let k = max(level, 0.0);
    let d = min(level, 0.0);
    let m = mu + k;
    let t = squash(abs(x));
    let r = select(1.0, -1.0, x < 0.0) * exp(d) * t / (1.0 + t) + beta * exp(-k);
    let root = sqrt(r * r + exp(-2.0 * m));
    let s = exp(min(m, 40.0)) * abs(r);
    var size = m + log(abs(r) + root);
    if (m < 40.0) { size = log_1p(s + s * s / (1.0 + sqrt(1.0 + s * s))); }
    let slope = d + (log_1p(exp(-2.0 * abs(x))) - 0.6931472) - log(root);
    return vec2<f32>(select(size, -size, r < 0.0), slope);
}

fn forward_of(x: f32, at: u32, step: u32) -> vec2<f32> {
    let mu = parameter_at(at);
    let nu = parameter_at(at + step);
    let beta = parameter_at(at + 2u * step);
    if (call.density == 1u) { return sinh_map(x, mu, nu, beta); }
    let back = sinh_map(x, -nu, -mu, -beta);
    return vec2<f32>(back.x, -back.y);
}

fn backward_of(x: f32, y: f32, c: f32, dy: f32, at: u32, step: u32) -> f32 {
    let data = select(x, y, call.density == 0u);
    let noise = select(y, x, call.density == 0u);
    let mu = parameter_at(at);
    let nu = parameter_at(at + step);
    let t = sign(data) * squash(abs(data));
    let u = sign(noise) * squash(abs(noise));
    let under = log_cosh(noise);
    let slope = exp((mu + nu) + (log_cosh(data) - under));
    let log_x = t - u * slope;
    let reached = through(dy, slope, c * log_x);
    let g = reached.x;
    let beta = 2.0 * exp(mu - under);
    let values = vec3<f32>(u, slope * t, beta);
    let logs = vec3<f32>(1.0 - u * u, 1.0 - u * slope * t, -u * beta);
    let all = g * values + c * logs;
    let s0 = squash(arena[at] / call.bound);
    let s1 = squash(arena[at + step] / call.bound);
    let s2 = squash(arena[at + 2u * step] / call.bound);
    arena[at] = all.x * (1.0 - s0 * s0);
    arena[at + step] = all.y * (1.0 - s1 * s1);
    arena[at + 2u * step] = all.z * (1.0 - s2 * s2);
    return reached.y;
}
