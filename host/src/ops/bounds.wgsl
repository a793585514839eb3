// The value on the other side, and ln f'.
fn bounded(value: f32, kind: u32, a: f32, b: f32) -> vec2<f32> {
    if (call.density == 1u) {
        if (kind == 1u) { let z = log(value - a); return vec2<f32>(z, -z); }
        if (kind == 2u) { let z = -log(b - value); return vec2<f32>(z, z); }
        let l = log(value - a);
        let r = log(b - value);
        return vec2<f32>(l - r, log(b - a) - l - r);
    }
    if (kind == 1u) { return vec2<f32>(a + exp(value), -value); }
    if (kind == 2u) { return vec2<f32>(b - exp(-value), value); }
    let size = abs(value);
    let e = exp(-size);
    let step = (b - a) * e / (1.0 + e);
    return vec2<f32>(select(b - step, a + step, value < 0.0), size + 2.0 * softplus_of(-size) - log(b - a));
}

@compute @workgroup_size(GROUP)
fn bounds(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = arena[call.log_q + c];
    for (var d = 0u; d < call.dim; d += 1u) {
        let entry = call.bounds + 3u * d;
        let kind = tables[entry];
        let at = d * columns() + c;
        var moved = vec2<f32>(arena[call.x + at], 0.0);
        if (kind != 0u) {
            moved = bounded(
                moved.x, kind, bitcast<f32>(tables[entry + 1u]), bitcast<f32>(tables[entry + 2u])
            );
        }
        arena[call.y + at] = moved.x;
        sum += moved.y;
    }
    arena[call.log_q + c] = sum;
}

@compute @workgroup_size(GROUP)
fn bounds_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let entry = call.bounds + 3u * id.y;
    let kind = tables[entry];
    if (kind == 0u) { return; }
    let a = bitcast<f32>(tables[entry + 1u]);
    let b = bitcast<f32>(tables[entry + 2u]);
    let at = id.y * columns() + id.x;
    let c = arena[call.coefficient + id.x];
    let d = arena[call.dy + at];
    if (call.density == 1u) {
        let x = arena[call.x + at];
        var back = (d - c) / (x - a);
        if (kind == 2u) { back = (d + c) / (b - x); }
        if (kind == 3u) { back = d * (1.0 / (x - a) + 1.0 / (b - x)) + c * (1.0 / (b - x) - 1.0 / (x - a)); }
        arena[call.dy + at] = back;
        return;
    }
    let x = arena[call.y + at];
    var back = d * (x - a) - c;
    if (kind == 2u) { back = d * (b - x) + c; }
    if (kind == 3u) {
        let l = (x - a) / (b - a);
        back = d * l * (b - x) + c * (l - (b - x) / (b - a));
    }
    arena[call.dy + at] = back;
}
