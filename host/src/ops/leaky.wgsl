@compute @workgroup_size(GROUP)
fn leaky(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    let x = arena[call.x + at];
    arena[call.y + at] = select(parameters[call.slope + id.y] * x, x, x > 0.0);
}

// A workgroup a row and a part of its columns.
@compute @workgroup_size(GROUP)
fn leaky_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let row = group.x;
    let slope = parameters[call.slope + row];
    let share = (columns() + call.parts - 1u) / call.parts;
    let end = min(columns(), (group.y + 1u) * share);
    var dslope = 0.0;
    for (var c = group.y * share + thread.x; c < end; c += GROUP) {
        let at = row * columns() + c;
        let x = arena[call.x + at];
        let dy = arena[call.dy + at];
        if (x <= 0.0) {
            dslope += x * dy;
            arena[call.dy + at] = slope * dy;
        }
    }
    let total = sum_over_group(thread.x, dslope);
    if (thread.x == 0u) { gradient[group.y * call.copy + call.slope + row] += total; }
}
