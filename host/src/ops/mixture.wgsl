fn log_scale_at(at: u32) -> f32 {
    return clamp(parameters[call.log_scale + at], -MAX_LOG_SCALE, MAX_LOG_SCALE);
}

// (z_d − m) e^(−a) of component k, and e^(−a).
fn standard(k: u32, d: u32, c: u32) -> vec2<f32> {
    let at = k * call.dim + d;
    let inverse = exp(-log_scale_at(at));
    return vec2<f32>((arena[call.z + d * columns() + c] - parameters[call.mean + at]) * inverse, inverse);
}

// The largest logit and the logarithm of the sum of exponentials of the differences from it.
fn log_whole() -> vec2<f32> {
    var most = parameters[call.logits];
    for (var k = 1u; k < call.components; k += 1u) { most = max(most, parameters[call.logits + k]); }
    var sum = 0.0;
    for (var k = 0u; k < call.components; k += 1u) { sum += exp(parameters[call.logits + k] - most); }
    return vec2<f32>(most, log(sum));
}

@compute @workgroup_size(GROUP)
fn mixture(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let whole = log_whole();
    var most = -3.4028234e38;
    for (var k = 0u; k < call.components; k += 1u) {
        var term = parameters[call.logits + k] - whole.x - whole.y;
        for (var d = 0u; d < call.dim; d += 1u) {
            let u = standard(k, d, c).x;
            term -= 0.5 * u * u + (log_scale_at(k * call.dim + d) + HALF_LN_TAU);
        }
        arena[call.shares + k * columns() + c] = term;
        most = max(most, term);
    }
    var sum = 0.0;
    for (var k = 0u; k < call.components; k += 1u) {
        let at = call.shares + k * columns() + c;
        arena[at] = exp(arena[at] - most);
        sum += arena[at];
    }
    for (var k = 0u; k < call.components; k += 1u) { arena[call.shares + k * columns() + c] /= sum; }
    arena[call.log_q + c] += most + log(sum);
}

// A coordinate a y.
@compute @workgroup_size(GROUP)
fn mixture_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var slope = 0.0;
    for (var k = 0u; k < call.components; k += 1u) {
        let at = standard(k, id.y, c);
        slope -= arena[call.shares + k * columns() + c] * at.x * at.y;
    }
    arena[call.dz + id.y * columns() + c] = arena[call.coefficient + c] * slope;
}

// A workgroup a coordinate of a component, and one more for its logit.
@compute @workgroup_size(GROUP)
fn mixture_parameters(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let d = group.x;
    let k = group.y;
    let whole = log_whole();
    let weight = exp(parameters[call.logits + k] - whole.x - whole.y);
    var first = 0.0;
    var second = 0.0;
    for (var c = thread.x; c < columns(); c += GROUP) {
        let coefficient = arena[call.coefficient + c];
        let share = arena[call.shares + k * columns() + c];
        if (d == call.dim) {
            first += coefficient * (share - weight);
        } else {
            let at = standard(k, d, c);
            first += coefficient * share * at.x * at.y;
            second += coefficient * share * (at.x * at.x - 1.0);
        }
    }
    first = sum_over_group(thread.x, first);
    second = sum_over_group(thread.x, second);
    if (thread.x != 0u) { return; }
    if (d == call.dim) {
        gradient[call.logits + k] += first;
        return;
    }
    let at = k * call.dim + d;
    gradient[call.mean + at] += first;
    if (abs(parameters[call.log_scale + at]) <= MAX_LOG_SCALE) { gradient[call.log_scale + at] += second; }
}
