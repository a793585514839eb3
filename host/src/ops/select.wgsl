// a: indices, all rows, chosen rows
@compute @workgroup_size(64)
fn select_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[a(2u) + id.y * columns() + id.x] = arena[a(1u) + tables[a(0u) + id.y] * columns() + id.x];
}

@compute @workgroup_size(64)
fn select_rows_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[a(1u) + tables[a(0u) + id.y] * columns() + id.x] += arena[a(2u) + id.y * columns() + id.x];
}
