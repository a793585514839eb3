@compute @workgroup_size(GROUP)
fn select_rows_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let taken = taken_at(call.taken, id.y);
    var sum = arena[taken.place + id.x];
    for (var k = 0u; k < taken.count; k += 1u) {
        sum += arena[call.chosen + tables[taken.first + k] * columns() + id.x];
    }
    arena[taken.place + id.x] = sum;
}
