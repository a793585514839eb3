// a: 1 for density, dim, moved, number moved, bound, x, raw, y, log_q, coefficient, dy, draw

// tanh(v/b): near 0 its series, where a quotient of exponentials would cancel.
fn squash(v: f32) -> f32 {
    let r = v / number_argument(4u);
    let q = r * r;
    let series = r * (1.0 - q * (0.33333334 - q * (0.13333334 - q * (0.053968254 - q * 0.021869488))));
    let e = exp(-2.0 * abs(r));
    return select(sign(r) * (1.0 - e) / (1.0 + e), series, abs(r) < 0.25);
}

@compute @workgroup_size(64)
fn coupling(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let n = columns();
    for (var d = 0u; d < a(1u); d += 1u) { arena[a(7u) + d * n + c] = arena[a(5u) + d * n + c]; }
    var sum = arena[a(8u) + c];
    for (var j = 0u; j < a(3u); j += 1u) {
        let d = tables[a(2u) + j];
        let s = number_argument(4u) * squash(arena[a(6u) + j * n + c]);
        let t = arena[a(6u) + (a(3u) + j) * n + c];
        let v = arena[a(5u) + d * n + c];
        var moved = v * exp(s) + t;
        if (a(0u) == 1u) { moved = (v - t) * exp(-s); }
        arena[a(7u) + d * n + c] = moved;
        sum -= s;
    }
    arena[a(8u) + c] = sum;
}

@compute @workgroup_size(64)
fn coupling_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let n = columns();
    let at = tables[a(2u) + id.y] * n + c;
    let u = squash(arena[a(6u) + id.y * n + c]);
    let s = number_argument(4u) * u;
    let d = arena[a(10u) + at];
    var dx = d * exp(s);
    var dt = d;
    var ds = dx * arena[a(5u) + at];
    if (a(0u) == 1u) {
        dx = d * exp(-s);
        dt = -dx;
        ds = -d * arena[a(7u) + at];
    }
    arena[a(11u) + id.y * n + c] = (ds - arena[a(9u) + c]) * (1.0 - u * u);
    arena[a(11u) + (a(3u) + id.y) * n + c] = dt;
    arena[a(10u) + at] = dx;
}
