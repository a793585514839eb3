@compute @workgroup_size(GROUP)
fn affine(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var sum = arena[call.log_q + c];
    for (var d = 0u; d < call.dim; d += 1u) {
        let s = parameters[call.log_scale + d];
        let t = parameters[call.shift + d];
        let v = arena[call.x + d * columns() + c];
        var y = v * exp(s) + t;
        if (call.density == 1u) { y = (v - t) * exp(-s); }
        arena[call.y + d * columns() + c] = y;
        sum -= s;
    }
    arena[call.log_q + c] = sum;
}

// A workgroup a coordinate.
@compute @workgroup_size(GROUP)
fn affine_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let d = group.x;
    let s = parameters[call.log_scale + d];
    var da = 0.0;
    var db = 0.0;
    for (var c = thread.x; c < columns(); c += GROUP) {
        let at = d * columns() + c;
        let dy = arena[call.dy + at];
        if (call.density == 0u) {
            let dx = dy * exp(s);
            da += dx * arena[call.x + at] - arena[call.coefficient + c];
            db += dy;
            arena[call.dy + at] = dx;
        } else {
            let dx = dy * exp(-s);
            da -= dy * arena[call.y + at] + arena[call.coefficient + c];
            db -= dx;
            arena[call.dy + at] = dx;
        }
    }
    let da_total = sum_over_group(thread.x, da);
    let db_total = sum_over_group(thread.x, db);
    if (thread.x == 0u) {
        gradient[call.log_scale + d] += da_total;
        gradient[call.shift + d] += db_total;
    }
}
