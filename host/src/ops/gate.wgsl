@compute @workgroup_size(GROUP)
fn gate(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    arena[call.y + at] = arena[call.x + at] * logistic(arena[call.g + at]);
}

@compute @workgroup_size(GROUP)
fn gate_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    let open = logistic(arena[call.g + at]);
    let dx = arena[call.dy + at] * open;
    arena[call.dg + at] += dx * (1.0 - open) * arena[call.x + at];
    arena[call.dy + at] = dx;
}
