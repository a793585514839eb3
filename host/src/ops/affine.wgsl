// a: 1 for density, dim, log_scale, shift, x, y, log_q, coefficient, dy
@compute @workgroup_size(64)
fn affine(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = arena[a(6u) + c];
    for (var d = 0u; d < a(1u); d += 1u) {
        let s = parameters[a(2u) + d];
        let t = parameters[a(3u) + d];
        let v = arena[a(4u) + d * columns() + c];
        var y = v * exp(s) + t;
        if (a(0u) == 1u) { y = (v - t) * exp(-s); }
        arena[a(5u) + d * columns() + c] = y;
        sum -= s;
    }
    arena[a(6u) + c] = sum;
}

// A workgroup a coordinate.
@compute @workgroup_size(64)
fn affine_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let d = group.x;
    let s = parameters[a(2u) + d];
    var da = 0.0;
    var db = 0.0;
    for (var c = thread.x; c < columns(); c += 64u) {
        let at = d * columns() + c;
        let dy = arena[a(8u) + at];
        if (a(0u) == 0u) {
            let dx = dy * exp(s);
            da += dx * arena[a(4u) + at] - arena[a(7u) + c];
            db += dy;
            arena[a(8u) + at] = dx;
        } else {
            let dx = dy * exp(-s);
            da -= dy * arena[a(5u) + at] + arena[a(7u) + c];
            db -= dx;
            arena[a(8u) + at] = dx;
        }
    }
    let da_total = sum_over_group(thread.x, da);
    let db_total = sum_over_group(thread.x, db);
    if (thread.x == 0u) {
        gradient[a(2u) + d] = da_total;
        gradient[a(3u) + d] = db_total;
    }
}
