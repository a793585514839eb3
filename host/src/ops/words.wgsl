@compute @workgroup_size(GROUP)
fn words(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= call.samples) { return; }
    let block = threefry(step_inputs.key, vec2<u32>(c, id.y / 2u));
    arena[call.out + id.y * columns() + c] = bitcast<f32>(block[id.y % 2u] >> 8u | 0x3f000000u);
    arena[call.out + (call.count + id.y) * columns() + c] = f32(block[id.y % 2u] & 0xffu);
}
