// Where row `row` of what is picked comes from; NONE if nobody wants to know.
fn place_of(row: u32) -> u32 {
    if (row < call.context_rows) {
        if (call.context == NONE) { return NONE; }
        return call.context + row * columns();
    }
    if (call.all == NONE) { return NONE; }
    return call.all + tables[call.indices + row - call.context_rows] * columns();
}

@compute @workgroup_size(GROUP)
fn select_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    arena[call.chosen + id.y * columns() + id.x] = arena[place_of(id.y) + id.x];
}

@compute @workgroup_size(GROUP)
fn select_rows_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let at = place_of(id.y);
    if (id.x >= columns() || at == NONE) { return; }
    arena[at + id.x] += arena[call.chosen + id.y * columns() + id.x];
}
