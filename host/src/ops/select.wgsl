// Where row `row` of what is picked comes from; NONE if it comes from nowhere.
fn place_of(row: u32) -> u32 {
    if (row < call.context_rows) { return call.context + row * columns(); }
    let index = tables[call.indices + row - call.context_rows];
    if (index == NONE) { return NONE; }
    return call.all + index * columns();
}

@compute @workgroup_size(GROUP)
fn select_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = place_of(id.y);
    var value = 0.0;
    if (at != NONE) { value = arena[at + id.x]; }
    arena[call.chosen + id.y * columns() + id.x] = value;
}
