fn normal(word: u32) -> f32 {
    let parts = normal_parts(word);
    let x = normal_quantile(parts.x, parts.y);
    return select(x, -x, word >= 0x80000000u);
}

fn drawn(c: u32, d: u32) -> f32 {
    return normal(threefry(step_inputs.key, vec2<u32>(c, (call.word + d) / 2u))[d % 2u]);
}

fn log_density(z: f32) -> f32 { return -(0.5 * z * z + HALF_LN_TAU); }

fn slope(z: f32) -> f32 { return -z; }
