fn drawn(c: u32, d: u32) -> f32 {
    let word = threefry(step_inputs.key, vec2<u32>(c, (call.word + d) / 2u))[d % 2u];
    let parts = normal_parts(word);
    let x = normal_quantile(call.beyond + call.left * parts.x, call.left * parts.y);
    return select(min(x, call.bound), -min(x, call.bound), word >= 0x80000000u);
}

fn log_density(z: f32) -> f32 { return call.log_density - 0.5 * z * z; }

fn slope(z: f32) -> f32 { return -z; }
