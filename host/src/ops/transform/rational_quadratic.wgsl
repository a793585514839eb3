struct Bin {
    number: u32,
    low: vec2<f32>,
    high: vec2<f32>,
    part: vec2<f32>,
    below: vec2<f32>,
    deltas: vec2<f32>,
    // d delta / d parameter
    rates: vec2<f32>,
}

fn softmax(at: u32, step: u32) {
    let bins = call.bins;
    var most = arena[at];
    for (var k = 1u; k < bins; k += 1u) { most = max(most, arena[at + k * step]); }
    var sum = 0.0;
    for (var k = 0u; k < bins; k += 1u) {
        let e = exp(arena[at + k * step] - most);
        arena[at + k * step] = e;
        sum += e;
    }
    for (var k = 0u; k < bins; k += 1u) { arena[at + k * step] /= sum; }
}

// softplus and its derivative
fn soft(u: f32) -> vec2<f32> {
    let e = exp(-abs(u));
    let log1p = select(log(1.0 + e), e * (1.0 - e * (0.5 - e * (0.33333334 - 0.25 * e))), e < 0.02);
    return vec2<f32>(max(u, 0.0) + log1p, select(e, 1.0, u > 0.0) / (1.0 + e));
}

// r / (1 + |r| / b) and its derivative
fn soft_clip(r: f32, bound: f32) -> vec2<f32> {
    let rate = 1.0 / (1.0 + abs(r) / bound);
    return vec2<f32>(r * rate, rate * rate);
}

// Exponentials of soft-clipped parameters are kept, and times these factors they are fractions.
fn normalise(at: u32, step: u32, kept: bool) -> vec2<f32> {
    let bins = call.bins;
    if (call.clip == 0.0) {
        if (!kept) {
            softmax(at, step);
            softmax(at + bins * step, step);
        }
        return vec2<f32>(1.0, 1.0);
    }
    var sums = vec2<f32>(0.0, 0.0);
    for (var k = 0u; k < bins; k += 1u) {
        let width = at + k * step;
        let height = at + (bins + k) * step;
        if (!kept) {
            arena[width] = exp(soft_clip(arena[width], 0.5 * call.clip).x);
            arena[height] = exp(soft_clip(arena[height], 0.5 * call.clip).x);
        }
        sums += vec2<f32>(arena[width], arena[height]);
    }
    return 1.0 / sums;
}

// The fraction of a bin.
fn part_of(value: f32, factor: f32) -> f32 {
    if (call.clip == 0.0) { return value; }
    return value * factor;
}

// The derivative at a knot, and its own.
fn derivative_of(parameter: f32) -> vec2<f32> {
    if (call.clip == 0.0) { return soft(parameter + DERIVATIVE_SHIFT) + vec2<f32>(MIN_DERIVATIVE, 0.0); }
    let clipped = soft_clip(parameter, call.clip);
    let derivative = exp(clipped.x);
    return vec2<f32>(derivative, derivative * clipped.y);
}

fn least_bin() -> f32 { return select(0.0, MIN_BIN, call.clip == 0.0); }

// Whether the derivative at a knot is a parameter, and which one.
fn learned(knot: u32) -> bool { return !fixed_ends() || (knot > 0u && knot < call.bins); }

fn fixed_ends() -> bool { return call.fixed_ends == 1u; }

// Half a turn on, if the tails say so.
fn turned(x: f32) -> f32 {
    if (call.half_turn == 0u) { return x; }
    return select(x - call.bound, x + call.bound, x < 0.0);
}

fn slope_of(knot: u32) -> u32 {
    if (fixed_ends()) { return 2u * call.bins + knot - 1u; }
    if (call.circular == 1u && knot == call.bins) { return 2u * call.bins; }
    return 2u * call.bins + knot;
}

// With nothing beyond the interval, all values count as inside.
fn is_inside(value: f32) -> bool {
    return call.closed == 1u || (-call.bound < value && value < call.bound);
}

fn find(value: f32, axis: u32, at: u32, step: u32, factors: vec2<f32>) -> Bin {
    let bins = call.bins;
    let bound = call.bound;
    let size = 2.0 * bound;
    let least = size * least_bin();
    let rest = size * (1.0 - least_bin() * f32(bins));
    var here: Bin;
    here.high = vec2<f32>(-bound, -bound);
    here.part = vec2<f32>(0.0, 0.0);
    here.below = vec2<f32>(0.0, 0.0);
    var found: Bin;
    for (var k = 0u; k < bins; k += 1u) {
        here.number = k;
        here.low = here.high;
        here.below += here.part;
        here.part = vec2<f32>(
            part_of(arena[at + k * step], factors.x),
            part_of(arena[at + (bins + k) * step], factors.y),
        );
        here.high = here.low + least + rest * here.part;
        if (k + 1u == bins) { here.high = vec2<f32>(bound, bound); }
        if (k == 0u || !(value < here.low[axis])) { found = here; }
    }
    found.deltas = vec2<f32>(1.0, 1.0);
    found.rates = vec2<f32>(0.0, 0.0);
    for (var end = 0u; end < 2u; end += 1u) {
        let knot = found.number + end;
        if (learned(knot)) {
            let derivative = derivative_of(arena[at + slope_of(knot) * step]);
            found.deltas[end] = derivative.x;
            found.rates[end] = derivative.y;
        }
    }
    return found;
}

fn forward_of(given: f32, at: u32, step: u32) -> vec2<f32> {
    let bins = call.bins;
    let x = select(given, turned(given), call.density == 1u);
    let factors = normalise(at, step, false);
    let bound = call.bound;
    if (!is_inside(x)) { return vec2<f32>(x, 0.0); }
    let density = call.density == 1u;
    let from_axis = select(1u, 0u, density);
    let bin = find(x, from_axis, at, step, factors);
    let size = bin.high - bin.low;
    let s = size.y / size.x;
    let d = bin.deltas;
    let up = (x - bin.low[from_axis]) / size[from_axis];
    let down = (bin.high[from_axis] - x) / size[from_axis];
    var t = up;
    var v = down;
    if (!density) {
        let g = d.x * down - d.y * up;
        let r = sqrt(g * g + 4.0 * s * s * up * down);
        let large = r + abs(g);
        let small = 2.0 * s * select(up, down, g < 0.0);
        t = select(small, large, g < 0.0) / (small + large);
        v = select(large, small, g < 0.0) / (small + large);
    }
    let den = s * (t * t + v * v) + (d.x + d.y) * t * v;
    let m = d.y * t * t + 2.0 * s * t * v + d.x * v * v;
    var image = vec2<f32>(t, v);
    if (density) { image = vec2<f32>(t * (s * t + d.x * v), v * (s * v + d.y * t)) / den; }
    let to_axis = 1u - from_axis;
    var y = bin.high[to_axis] - size[to_axis] * image.y;
    if (image.x < image.y) { y = bin.low[to_axis] + size[to_axis] * image.x; }
    let ratio = s / den;
    let held = clamp(y, -bound, bound);
    return vec2<f32>(select(turned(held), held, density), log(ratio * ratio * m));
}

fn backward_of(x: f32, y: f32, c: f32, dy: f32, at: u32, step: u32) -> f32 {
    let bins = call.bins;
    let bound = call.bound;
    let value = turned(select(y, x, call.density == 1u));
    if (!is_inside(value)) {
        let count = select(3u * bins + 1u, 3u * bins - 1u, fixed_ends());
        for (var k = 0u; k < count; k += 1u) { arena[at + k * step] = 0.0; }
        return dy;
    }
    let factors = normalise(at, step, true);
    let bin = find(value, 0u, at, step, factors);
    let size = bin.high - bin.low;
    let s = size.y / size.x;
    let d = bin.deltas;
    let t = (value - bin.low.x) / size.x;
    let v = (bin.high.x - value) / size.x;
    let squares = t * t + v * v;
    let den = s * squares + (d.x + d.y) * t * v;
    let m = d.y * t * t + 2.0 * s * t * v + d.x * v * v;
    let share = t * v / den;

    // Derivatives of eta and of ln y' with respect to t, s and both deltas.
    let eta = t * (s * t + d.x * v) / den;
    let rest = v * (s * v + d.y * t) / den;
    let eta_t = s * m / (den * den);
    let eta_s = share * (d.y * t * t - d.x * v * v) / den;
    let eta_d = vec2<f32>(share * rest, -share * eta);
    let log_t = 2.0 * ((d.y * t - d.x * v + s * (v - t)) / m - (v - t) * (d.x + d.y - 2.0 * s) / den);
    let log_s = 2.0 * (1.0 / s + t * v / m - squares / den);
    let log_d = vec2<f32>(v * v, t * t) / m - 2.0 * share;

    let derivative = s * eta_t;
    let log_x = log_t / size.x;
    let reached = through(dy, derivative, c * log_x);
    let g = reached.x;
    let gh = g * size.y;
    let per_t = (gh * eta_t + c * log_t) / size.x;
    let per_s = (gh * eta_s + c * log_s) / size.x;
    let delta = (gh * eta_d + c * log_d) * bin.rates;
    // Gradients of the bin's lower corner and of its upper one.
    let low = vec2<f32>(s * per_s - v * per_t, g * rest - per_s);
    let high = vec2<f32>(-(s * per_s + t * per_t), g * eta + per_s);

    let scale = 2.0 * bound * (1.0 - least_bin() * f32(bins));
    let mean = (low + high) * bin.below + high * bin.part;
    for (var k = 0u; k < bins; k += 1u) {
        var each = -mean;
        if (k == bin.number) { each += high; }
        if (k < bin.number) { each += low + high; }
        for (var axis = 0u; axis < 2u; axis += 1u) {
            let place = at + (axis * bins + k) * step;
            let value = arena[place];
            var rate = 1.0;
            if (call.clip != 0.0) {
                let share = 1.0 - abs(log(value)) / (0.5 * call.clip);
                rate = share * share;
            }
            arena[place] = part_of(value, factors[axis]) * scale * each[axis] * rate;
        }
    }
    for (var k = 0u; k <= bins; k += 1u) {
        if (!learned(k)) { continue; }
        var value_of = 0.0;
        if (k == bin.number) { value_of = delta.x; }
        if (k == bin.number + 1u) { value_of = delta.y; }
        let place = at + slope_of(k) * step;
        if (call.circular == 1u && k == bins) { value_of += arena[place]; }
        arena[place] = value_of;
    }
    return reached.y;
}
