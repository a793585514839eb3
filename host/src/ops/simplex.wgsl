// The value on the other side, and ln f'.
fn moved(value: f32, rest: f32, left: f32) -> vec2<f32> {
    if (call.density == 1u) {
        let after = rest - value;
        return vec2<f32>(
            log(value) - log(after) + log(left), log(rest) - log(value) - log(after)
        );
    }
    let u = value - log(left);
    let size = abs(u);
    let e = exp(-size);
    let share = e / (1.0 + e);
    let least = rest * max(share, LEAST_SHARE);
    let most = min(rest - rest * share, rest * MOST_SHARE);
    return vec2<f32>(select(most, least, u < 0.0), size + 2.0 * softplus_of(-size) - log(rest));
}

@compute @workgroup_size(GROUP)
fn simplex(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    for (var d = 0u; d < call.dim; d += 1u) {
        arena[call.y + d * columns() + c] = arena[call.x + d * columns() + c];
    }
    var sum = arena[call.log_q + c];
    var rest = call.total;
    for (var k = 0u; k < call.count; k += 1u) {
        let at = call.y + tables[call.parts + k] * columns() + c;
        let value = arena[at];
        let other = moved(value, rest, f32(call.count - k));
        rest -= select(other.x, value, call.density == 1u);
        sum += other.y;
        arena[at] = other.x;
    }
    arena[call.log_q + c] = sum;
}

@compute @workgroup_size(GROUP)
fn simplex_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let c = arena[call.coefficient + id.x];
    let data = select(call.y, call.x, call.density == 1u);
    var after = call.total;
    for (var k = 0u; k < call.count; k += 1u) {
        after -= arena[data + tables[call.parts + k] * columns() + id.x];
    }
    var by_rest = 0.0;
    for (var k = call.count; k > 0u; k -= 1u) {
        let row = tables[call.parts + k - 1u] * columns() + id.x;
        let x = arena[data + row];
        let d = arena[call.dy + row];
        let rest = after + x;
        if (call.density == 1u) {
            by_rest -= (d + c) / after;
            arena[call.dy + row] = (d - c) / x - by_rest;
            by_rest += c / rest;
        } else {
            let share = x / rest;
            let own = d - by_rest;
            arena[call.dy + row] = own * x * (after / rest) + c * (2.0 * share - 1.0);
            by_rest += own * share - c / rest;
        }
        after = rest;
    }
}
