// Before this text stand, of one coordinate, what draws it (`drawn`), ln p (`log_density`) and the slope of that
// (`slope`).

@compute @workgroup_size(GROUP)
fn base(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = 0.0;
    if (call.adds == 1u) { sum = arena[call.log_q + c]; }
    for (var d = 0u; d < call.dim; d += 1u) {
        let at = call.z + d * columns() + c;
        if (call.draw == 1u) { arena[at] = drawn(c, d); }
        sum += log_density(arena[at]);
    }
    arena[call.log_q + c] = sum;
}

@compute @workgroup_size(GROUP)
fn base_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    arena[call.dz + at] = arena[call.coefficient + id.x] * slope(arena[call.z + at]);
}
