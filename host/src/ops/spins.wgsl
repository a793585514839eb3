@compute @workgroup_size(GROUP)
fn spins(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = 0.0;
    for (var i = 0u; i < call.sites; i += 1u) {
        let v = clamp(arena[call.x + i * columns() + c] * arena[call.logits + i * columns() + c], -22.0, 22.0);
        sum += min(v, 0.0) - log(1.0 + exp(-abs(v)));
    }
    arena[call.log_q + c] = sum;
}

@compute @workgroup_size(GROUP)
fn spins_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let at = id.y * columns() + c;
    let s = arena[call.x + at];
    let v = s * arena[call.logits + at];
    arena[call.dlogits + at] = arena[call.coefficient + c] * s * logistic(-v);
}
