@compute @workgroup_size(GROUP)
fn detach(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    arena[call.y + at] = arena[call.x + at];
    if (id.y == 0u) { arena[call.log_q + id.x] = 0.0; }
}

@compute @workgroup_size(GROUP)
fn scale(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[call.y + id.x] = call.by * arena[call.x + id.x];
}
