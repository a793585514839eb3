fn half_log(z: f32) -> f32 {
    let sine = sin(0.5 * z);
    return -call.concentration * sine * sine;
}

// The engine's attempts, by the ratio of uniforms.
fn angle(c: u32, d: u32) -> f32 {
    for (var attempt = 0u; attempt < ATTEMPTS; attempt += 1u) {
        let words = threefry(step_inputs.key, vec2<u32>(c, attempt * call.dim + d));
        let u = f32(words.y >> 1u) + 0.5;
        let z = (f32(words.x & 0x7fffffffu) + 0.5) * call.extent / u;
        if (z <= 3.14159274 && u / 2147483648.0 < exp(half_log(z))) {
            return select(z, -z, words.x >= 0x80000000u);
        }
    }
    return 0.0;
}

@compute @workgroup_size(GROUP)
fn von_mises(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = 0.0;
    if (call.draw == 0u) { sum = arena[call.log_q + c]; }
    for (var d = 0u; d < call.dim; d += 1u) {
        let at = call.z + d * columns() + c;
        if (call.draw == 1u) { arena[at] = angle(c, d); }
        sum += 2.0 * half_log(arena[at]) + call.log_density;
    }
    arena[call.log_q + c] = sum;
}

@compute @workgroup_size(GROUP)
fn von_mises_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let at = id.y * columns() + id.x;
    arena[call.dz + at] = -arena[call.coefficient + id.x] * call.concentration * sin(arena[call.z + at]);
}
