@compute @workgroup_size(GROUP)
fn add(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    if (call.share == NONE) { arena[call.sum + at] = 0.0; } else { arena[call.sum + at] += arena[call.share + at]; }
}
