@compute @workgroup_size(GROUP)
fn activation(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    arena[call.y + at] = unit_of(arena[call.x + at]).x;
}

@compute @workgroup_size(GROUP)
fn activation_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    arena[call.dy + at] *= unit_of(arena[call.x + at]).y;
}
