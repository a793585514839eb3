@compute @workgroup_size(GROUP)
fn uniform_base(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    if (call.draw == 1u) {
        for (var d = 0u; d < call.dim; d += 1u) {
            let word = threefry(step_inputs.key, vec2<u32>(c, (call.word + d) / 2u))[d % 2u];
            let z = (f32(word & 0x7fffffffu) + 0.5) * call.unit;
            arena[call.z + d * columns() + c] = select(z, -z, word >= 0x80000000u);
        }
    }
    if (call.adds == 0u) { arena[call.log_q + c] = 0.0; }
    arena[call.log_q + c] += call.log_density;
}
