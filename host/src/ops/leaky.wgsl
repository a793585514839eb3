// a: slope, x, y, first column
@compute @workgroup_size(64)
fn leaky(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x + a(3u);
    if (c >= columns()) { return; }
    let v = arena[a(1u) + id.y * columns() + c];
    arena[a(2u) + id.y * columns() + c] = select(parameters[a(0u) + id.y] * v, v, v > 0.0);
}

// a: slope, x, dy; a workgroup a row
@compute @workgroup_size(64)
fn leaky_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let slope = parameters[a(0u) + group.x];
    var part = 0.0;
    for (var c = thread.x; c < columns(); c += 64u) {
        let v = arena[a(1u) + group.x * columns() + c];
        let at = a(2u) + group.x * columns() + c;
        let dy = arena[at];
        if (v <= 0.0) {
            part += v * dy;
            arena[at] = slope * dy;
        }
    }
    let total = sum_over_group(thread.x, part);
    if (thread.x == 0u) { gradient[a(0u) + group.x] = total; }
}
