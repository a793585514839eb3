// a: sites, x, logits, log_q
@compute @workgroup_size(64)
fn spins(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = 0.0;
    for (var i = 0u; i < a(0u); i += 1u) {
        let v = clamp(arena[a(1u) + i * columns() + c] * arena[a(2u) + i * columns() + c], -22.0, 22.0);
        sum += min(v, 0.0) - log(1.0 + exp(-abs(v)));
    }
    arena[a(3u) + c] = sum;
}

// a: x, logits, coefficient, dlogits
@compute @workgroup_size(64)
fn spins_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let at = id.y * columns() + c;
    let s = arena[a(0u) + at];
    let v = s * arena[a(1u) + at];
    // σ(−v) without overflow.
    let e = exp(-abs(v));
    let wrong = select(1.0, e, v > 0.0) / (1.0 + e);
    arena[a(3u) + at] = arena[a(2u) + c] * s * wrong;
}
