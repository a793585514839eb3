// a: words a sample, output; each word as the bits of a float.
@compute @workgroup_size(64)
fn words(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= call.samples) { return; }
    let block = threefry(step_inputs.key, vec2<u32>(c, id.y / 2u));
    arena[a(1u) + id.y * columns() + c] = bitcast<f32>(block[id.y % 2u] >> 8u | 0x3f000000u);
    arena[a(1u) + (a(0u) + id.y) * columns() + c] = f32(block[id.y % 2u] & 0xffu);
}
