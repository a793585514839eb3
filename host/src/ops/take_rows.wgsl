// The upper word of a 64-bit product, from four products of halves.
fn high_product(u: u32, v: u32) -> u32 {
    let low = (u & 0xffffu) * (v & 0xffffu);
    let middle_1 = (u >> 16u) * (v & 0xffffu) + (low >> 16u);
    let middle_2 = (u & 0xffffu) * (v >> 16u) + (middle_1 & 0xffffu);
    return (u >> 16u) * (v >> 16u) + (middle_1 >> 16u) + (middle_2 >> 16u);
}

@compute @workgroup_size(GROUP)
fn take_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= call.samples) { return; }
    var row = step_inputs.first_row + c;
    if (call.given == 0u) {
        row = high_product(threefry(step_inputs.key, vec2<u32>(c, 0u)).x, call.data_rows);
    }
    arena[call.log_q + c] = 0.0;
    if (call.copies == 2u) { arena[call.log_q + call.samples + c] = 0.0; }
    let first = row * (call.dim + call.context_rows);
    for (var d = 0u; d < call.dim; d += 1u) {
        let v = data[first + d];
        arena[call.x + d * columns() + c] = v;
        if (call.copies == 2u) { arena[call.x + d * columns() + call.samples + c] = -v; }
    }
    // The mirror image of a sample is given the same.
    for (var k = 0u; k < call.context_rows; k += 1u) {
        let v = data[first + call.dim + k];
        arena[call.context + k * columns() + c] = v;
        if (call.copies == 2u) { arena[call.context + k * columns() + call.samples + c] = v; }
    }
}
