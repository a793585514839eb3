@compute @workgroup_size(GROUP)
fn fixed(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    var sum = bitcast<f32>(tables[call.bias + id.y]);
    for (var i = 0u; i < call.inputs; i += 1u) {
        sum += bitcast<f32>(tables[call.weight + id.y * call.inputs + i]) * arena[call.x + i * columns() + id.x];
    }
    arena[call.y + id.y * columns() + id.x] = sum;
}
