// a: kind (0 score, 1 path, 2 likelihood), log_q, energy, coefficient
// readings: 8 numbers a step: loss, variance, mean energy, ESS fraction, gradient norm.

fn ln_q(c: u32) -> f32 {
    let l = arena[a(1u) + c];
    if (call.copies == 1u) { return l; }
    let m = arena[a(1u) + call.samples + c];
    return max(l, m) + log(1.0 + exp(-abs(l - m))) - 0.6931472;
}

fn energy_of(c: u32) -> f32 {
    if (a(2u) == 0xffffffffu) { return 0.0; }
    return arena[a(2u) + c];
}

fn loss_of(c: u32) -> f32 {
    if (a(0u) == 2u) { return -ln_q(c); }
    return ln_q(c) + step_inputs.beta * energy_of(c);
}

var<workgroup> maxima: array<f32, 64>;

fn largest_over_group(thread: u32, value: f32) -> f32 {
    maxima[thread] = value;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) { maxima[thread] = max(maxima[thread], maxima[thread + half]); }
    }
    workgroupBarrier();
    return maxima[0];
}

@compute @workgroup_size(64)
fn loss(@builtin(local_invocation_id) thread: vec3<u32>) {
    let n = call.samples;
    let count = f32(n);
    // Sums are taken relative to the first sample, which keeps their digits.
    let origin = loss_of(0u);
    let energy_origin = energy_of(0u);
    var part = 0.0;
    var energy_part = 0.0;
    var largest_part = -3.4e38;
    for (var c = thread.x; c < n; c += 64u) {
        part += loss_of(c) - origin;
        energy_part += energy_of(c) - energy_origin;
        largest_part = max(largest_part, -step_inputs.beta_full * energy_of(c) - ln_q(c));
    }
    let excess = sum_over_group(thread.x, part) / count;
    let energy_excess = sum_over_group(thread.x, energy_part) / count;
    let largest = largest_over_group(thread.x, largest_part);

    var variance_part = 0.0;
    var weight_part = 0.0;
    var square_part = 0.0;
    for (var c = thread.x; c < n; c += 64u) {
        let deviation = (loss_of(c) - origin) - excess;
        variance_part += deviation * deviation;
        let w = exp(-step_inputs.beta_full * energy_of(c) - ln_q(c) - largest);
        weight_part += w;
        square_part += w * w;
        var k = deviation / count;
        if (a(0u) == 1u) { k = 1.0 / count; }
        if (a(0u) == 2u) { k = -1.0 / count; }
        if (call.copies == 2u) {
            let share = 1.0 / (1.0 + exp(arena[a(1u) + n + c] - arena[a(1u) + c]));
            let other = 1.0 / (1.0 + exp(arena[a(1u) + c] - arena[a(1u) + n + c]));
            arena[a(3u) + c] = k * share;
            arena[a(3u) + n + c] = k * other;
        } else {
            arena[a(3u) + c] = k;
        }
    }
    let variance = sum_over_group(thread.x, variance_part) / max(count - 1.0, 1.0);
    let weights = sum_over_group(thread.x, weight_part);
    let squares = sum_over_group(thread.x, square_part);
    if (thread.x == 0u) {
        let at = step_inputs.slot * 8u;
        readings[at] = origin + excess;
        readings[at + 1u] = variance;
        readings[at + 2u] = energy_origin + energy_excess;
        readings[at + 3u] = weights * weights / (count * squares);
    }
}
