fn ln_q(c: u32) -> f32 {
    let l = arena[call.log_q + c];
    if (call.copies == 1u) { return l; }
    let m = arena[call.log_q + call.samples + c];
    return max(l, m) + log(1.0 + exp(-abs(l - m))) - 0.6931472;
}

fn energy_of(c: u32) -> f32 {
    if (call.energy == NONE) { return 0.0; }
    return arena[call.energy + c];
}

fn loss_of(c: u32) -> f32 {
    if (call.kind == LIKELIHOOD) { return -ln_q(c); }
    return ln_q(c) + step_inputs.beta * energy_of(c);
}

var<workgroup> maxima: array<f32, GROUP>;

fn largest_over_group(thread: u32, value: f32) -> f32 {
    maxima[thread] = value;
    for (var half = GROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) { maxima[thread] = max(maxima[thread], maxima[thread + half]); }
    }
    workgroupBarrier();
    return maxima[0];
}

@compute @workgroup_size(GROUP)
fn loss(@builtin(local_invocation_id) thread: vec3<u32>) {
    let n = call.samples;
    let count = f32(n);
    // Sums are taken relative to the first sample, which keeps their digits.
    let origin = loss_of(0u);
    let energy_origin = energy_of(0u);
    var part = 0.0;
    var energy_part = 0.0;
    var largest_part = -3.4e38;
    for (var c = thread.x; c < n; c += GROUP) {
        part += loss_of(c) - origin;
        energy_part += energy_of(c) - energy_origin;
        largest_part = max(largest_part, -step_inputs.beta_full * energy_of(c) - ln_q(c));
    }
    let excess = sum_over_group(thread.x, part) / count;
    let energy_excess = sum_over_group(thread.x, energy_part) / count;
    let largest = largest_over_group(thread.x, largest_part);
    var total = 1.0;
    var least = 0.0;
    if (call.kind == RENYI) {
        workgroupBarrier();
        var least_part = -3.4e38;
        for (var c = thread.x; c < n; c += GROUP) { least_part = max(least_part, origin - loss_of(c)); }
        least = largest_over_group(thread.x, least_part);
        var total_part = 0.0;
        for (var c = thread.x; c < n; c += GROUP) {
            total_part += exp(call.order * (origin - loss_of(c) - least));
        }
        total = sum_over_group(thread.x, total_part);
    }

    var variance_part = 0.0;
    var weight_part = 0.0;
    var square_part = 0.0;
    for (var c = thread.x; c < n; c += GROUP) {
        let deviation = (loss_of(c) - origin) - excess;
        variance_part += deviation * deviation;
        let w = exp(-step_inputs.beta_full * energy_of(c) - ln_q(c) - largest);
        weight_part += w;
        square_part += w * w;
        var k = deviation / count;
        if (call.kind == PATH) { k = 1.0 / count; }
        if (call.kind == LIKELIHOOD) { k = -1.0 / count; }
        if (call.kind == RENYI) { k = exp(call.order * (origin - loss_of(c) - least)) / total; }
        if (call.copies == 2u) {
            let share = 1.0 / (1.0 + exp(arena[call.log_q + n + c] - arena[call.log_q + c]));
            let other = 1.0 / (1.0 + exp(arena[call.log_q + c] - arena[call.log_q + n + c]));
            arena[call.coefficient + c] = k * share;
            arena[call.coefficient + n + c] = k * other;
        } else {
            arena[call.coefficient + c] = k;
        }
    }
    let variance = sum_over_group(thread.x, variance_part) / max(count - 1.0, 1.0);
    let weights = sum_over_group(thread.x, weight_part);
    let squares = sum_over_group(thread.x, square_part);
    if (thread.x == 0u) {
        let at = step_inputs.slot * READINGS;
        readings[at + READING_LOSS] = origin + excess;
        readings[at + READING_VARIANCE] = variance;
        readings[at + READING_ENERGY] = energy_origin + energy_excess;
        readings[at + READING_ESS] = weights * weights / (count * squares);
    }
}
