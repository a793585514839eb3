// Where the feature of an input begins, and whether it is an angle (1) or padded (2).
fn feature_of(row: u32) -> vec2<u32> {
    let entry = tables[call.features + row];
    return vec2<u32>((entry >> 2u) * columns(), entry & 3u);
}

@compute @workgroup_size(GROUP)
fn periodic(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let feature = feature_of(id.y);
    let x = arena[call.x + id.y * columns() + id.x];
    let to = call.out + feature.x + id.x;
    if (feature.y == 1u) {
        arena[to] = cos(call.rate * x);
        arena[to + columns()] = sin(call.rate * x);
        return;
    }
    arena[to] = x;
    if (feature.y == 2u) { arena[to + columns()] = 0.0; }
}

@compute @workgroup_size(GROUP)
fn periodic_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let feature = feature_of(id.y);
    let place = id.y * columns() + id.x;
    let first = call.out + feature.x + id.x;
    if (feature.y != 1u) {
        arena[call.dx + place] += arena[first];
        return;
    }
    let angle = call.rate * arena[call.x + place];
    arena[call.dx + place] +=
        call.rate * (cos(angle) * arena[first + columns()] - sin(angle) * arena[first]);
}
