// Phi(-t) exp(t^2 / 2).
fn mills(t: f32) -> f32 {
    var powers = MILLS;
    let v = 1.0 / (1.0 + t * MILLS_SCALE);
    var ratio = 0.0;
    for (var i = MILLS_TERMS; i > 0u; i -= 1u) { ratio = ratio * v + powers[i - 1u]; }
    return v * ratio;
}

// ln F(u), ln(1 - F(u)) and ln F'(u).
fn cdf_logs(u: f32) -> vec3<f32> {
    let size = abs(u);
    var beyond: f32;
    var rest: f32;
    var density: f32;
    if (call.normal == 1u) {
        let square = -0.5 * size * size;
        beyond = square + log(mills(size));
        rest = log_1p(-exp(beyond));
        density = square - LN_ROOT_TAU;
    } else {
        let bend = softplus_of(-size);
        beyond = -size - bend;
        rest = -bend;
        density = beyond - bend;
    }
    if (u < 0.0) { return vec3<f32>(beyond, rest, density); }
    return vec3<f32>(rest, beyond, density);
}

// The u >= 0 whose ln(1 - F(u)) is this.
fn quantile_of(tail: f32) -> f32 {
    if (call.normal == 0u) { return max(log_1p(-exp(tail)) - tail, 0.0); }
    var u = sqrt(2.0 * max(-LN_2 - tail, 0.0));
    for (var i = 0u; i < QUANTILE_STEPS; i += 1u) {
        let ratio = mills(u);
        let found = -0.5 * u * u + log(ratio);
        u = max(u + (found - tail) * ratio * ROOT_TAU, 0.0);
    }
    return u;
}

// (ln F')'.
fn score_of(u: f32) -> f32 {
    if (call.normal == 1u) { return -u; }
    return -sign(u) * squash(abs(0.5 * u));
}

// Parameters become ln w, exp(a) and b with where the component starts.
fn prepare(at: u32, step: u32) {
    let n = call.components;
    var most = -MAX_LOGIT;
    for (var k = 0u; k < n; k += 1u) { most = max(most, clamp(arena[at + k * step], -MAX_LOGIT, MAX_LOGIT)); }
    var sum = 0.0;
    for (var k = 0u; k < n; k += 1u) { sum += exp(clamp(arena[at + k * step], -MAX_LOGIT, MAX_LOGIT) - most); }
    let total = most + log(sum);
    for (var k = 0u; k < n; k += 1u) {
        let start = select(call.spread * (f32(2u * k) / f32(max(n, 2u) - 1u) - 1.0), 0.0, n == 1u);
        let scale = at + (n + k) * step;
        let shift = at + (2u * n + k) * step;
        arena[at + k * step] = clamp(arena[at + k * step], -MAX_LOGIT, MAX_LOGIT) - total;
        arena[scale] = exp(clamp(arena[scale], -MAX_LOG_SCALE, MAX_LOG_SCALE));
        arena[shift] = clamp(arena[shift], -FAR, FAR) + start;
    }
}

fn argument_of(x: f32, k: u32, at: u32, step: u32) -> f32 {
    let n = call.components;
    return clamp(arena[at + (n + k) * step] * x + arena[at + (2u * n + k) * step], -FAR, FAR);
}

// The logarithms of the mixture's tails and of its density.
fn mixture_logs(x: f32, at: u32, step: u32) -> vec3<f32> {
    var most = vec3<f32>(-3.0e38);
    var sums = vec3<f32>(0.0);
    for (var k = 0u; k < call.components; k += 1u) {
        let logs = cdf_logs(argument_of(x, k, at, step)) + arena[at + k * step];
        let greatest = max(most, logs);
        let weight = vec3<f32>(1.0, 1.0, arena[at + (call.components + k) * step]);
        sums = sums * exp(most - greatest) + weight * exp(logs - greatest);
        most = greatest;
    }
    return most + log(sums);
}

fn log_slope_of(density: f32, z: f32) -> f32 {
    return density - cdf_logs(z).z + log_1p(-call.shrink);
}

fn density_of(x: f32, at: u32, step: u32) -> vec2<f32> {
    let logs = mixture_logs(x, at, step);
    var tail = min(logs.x, logs.y);
    if (call.shrink > 0.0) { tail = log(exp(tail) * (1.0 - call.shrink) + 0.5 * call.shrink); }
    let size = quantile_of(tail);
    let z = select(-size, size, logs.y < logs.x);
    return vec2<f32>(z, log_slope_of(logs.z, z));
}

// Newton's steps within the bracket on which all components agree: see the engine.
fn sampling_of(z: f32, at: u32, step: u32) -> vec2<f32> {
    let n = call.components;
    var tail = cdf_logs(abs(z)).y;
    if (call.shrink > 0.0) {
        let left = (exp(tail) - 0.5 * call.shrink) / (1.0 - call.shrink);
        tail = log(max(left, LEAST_TAIL * call.shrink));
    }
    let right = z > 0.0;
    let size = quantile_of(tail);
    let place = select(-size, size, right);
    let near = MET * (1.0 - tail);
    var low = 3.0e38;
    var high = -3.0e38;
    for (var k = 0u; k < n; k += 1u) {
        let x = (place - arena[at + (2u * n + k) * step]) / arena[at + (n + k) * step];
        low = min(low, x);
        high = max(high, x);
    }
    var x = low + 0.5 * (high - low);
    var last = high - low;
    var density = 0.0;
    for (var i = 0u; i < MAX_STEPS; i += 1u) {
        let logs = mixture_logs(x, at, step);
        density = logs.z;
        let own = select(logs.x, logs.y, right);
        let off = own - tail;
        if (abs(off) < near) { break; }
        let up = select(-off, off, right);
        if (up > 0.0) { low = x; } else { high = x; }
        let move_by = up * exp(own - density);
        let middle = low + 0.5 * (high - low);
        var next = middle;
        if (abs(2.0 * move_by) < last && low < x + move_by && x + move_by < high) { next = x + move_by; }
        if (next == x) { break; }
        last = abs(next - x);
        x = next;
    }
    return vec2<f32>(x, log_slope_of(density, z));
}

fn forward_of(x: f32, at: u32, step: u32) -> vec2<f32> {
    prepare(at, step);
    if (!(abs(x) < FAR)) { return vec2<f32>(x, 0.0); }
    if (call.density == 1u) { return density_of(x, at, step); }
    return sampling_of(x, at, step);
}

// What a share of z's tail, by its logarithm, adds to z.
fn beyond_of(log_share: f32, own: f32, right: bool) -> f32 {
    let beyond = (1.0 - call.shrink) * exp(log_share - own);
    return select(beyond, -beyond, right);
}

fn backward_of(x: f32, y: f32, c: f32, dy: f32, at: u32, step: u32) -> f32 {
    let n = call.components;
    let data = select(x, y, call.density == 0u);
    let noise = select(y, x, call.density == 0u);
    let logs = mixture_logs(data, at, step);
    let right = logs.y < logs.x;
    let own = cdf_logs(noise).z;
    let slope = (1.0 - call.shrink) * exp(logs.z - own);
    let bend = score_of(noise);
    var along = 0.0;
    for (var k = 0u; k < n; k += 1u) {
        let u = argument_of(data, k, at, step);
        let scale = arena[at + (n + k) * step];
        let share = scale * exp(arena[at + k * step] + cdf_logs(u).z - logs.z);
        along += share * scale * score_of(u);
    }
    let log_x = along - bend * slope;
    let reached = through(dy, slope, c * log_x);
    let g = reached.x;
    let h = g - c * bend;
    let total = h * beyond_of(select(logs.x, logs.y, right), own, right) + c;
    for (var k = 0u; k < n; k += 1u) {
        let u = argument_of(data, k, at, step);
        let parts = cdf_logs(u);
        let weight = arena[at + k * step];
        let scale = arena[at + (n + k) * step];
        let part = exp(weight + parts.z - logs.z);
        let share = c * scale * part;
        let du = h * slope * part + share * score_of(u);
        let inside = LEAST_SCALE < scale && scale < MOST_SCALE;
        let tail = weight + select(parts.x, parts.y, right);
        let dw = h * beyond_of(tail, own, right) + share;
        arena[at + k * step] = dw - exp(weight) * total;
        arena[at + (n + k) * step] = select(0.0, du * scale * data + share, inside);
        arena[at + (2u * n + k) * step] = du;
    }
    return reached.y;
}
