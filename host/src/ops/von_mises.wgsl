fn half_log(z: f32) -> f32 {
    let sine = sin(0.5 * z);
    return -call.concentration * sine * sine;
}

// The engine's attempts, by the ratio of uniforms.
fn drawn(c: u32, d: u32) -> f32 {
    for (var attempt = 0u; attempt < ATTEMPTS; attempt += 1u) {
        let words = threefry(step_inputs.key, vec2<u32>(c, call.word / 2u + attempt * call.dim + d));
        let u = f32(words.y >> 1u) + 0.5;
        let z = (f32(words.x & 0x7fffffffu) + 0.5) * call.extent / u;
        if (z <= 3.14159274 && u / 2147483648.0 < exp(half_log(z))) {
            return select(z, -z, words.x >= 0x80000000u);
        }
    }
    return 0.0;
}

fn log_density(z: f32) -> f32 { return 2.0 * half_log(z) + call.log_density; }

fn slope(z: f32) -> f32 { return -call.concentration * sin(z); }
