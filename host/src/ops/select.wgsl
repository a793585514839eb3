@compute @workgroup_size(GROUP)
fn select_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[call.chosen + id.y * columns() + id.x] = arena[call.all + tables[call.indices + id.y] * columns() + id.x];
}

@compute @workgroup_size(GROUP)
fn select_rows_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[call.all + tables[call.indices + id.y] * columns() + id.x] += arena[call.chosen + id.y * columns() + id.x];
}
