// Before this text stand a univariate map's forward_of and backward_of.

// What reaches the parameters through the value at a place that stays, and dx, from f' and c (ln f')'.
fn through(dy: f32, slope: f32, log_x: f32) -> vec2<f32> {
    if (call.density == 1u) { return vec2<f32>(dy, dy * slope + log_x); }
    let dx = (dy + log_x) / slope;
    return vec2<f32>(-dx, dx);
}

// Every `parts`-th coordinate of a sample from `part`; returns their sum of ln |dz/dx|.
fn transform_sample(c: u32, part: u32, parts: u32) -> f32 {
    let n = columns();
    for (var k = part; k < call.kept_count; k += parts) {
        let at = tables[call.kept + k] * n + c;
        arena[call.y + at] = arena[call.x + at];
    }
    var log_det = 0.0;
    for (var j = part; j < call.moved_count; j += parts) {
        let at = tables[call.moved + j] * n + c;
        let moved = forward_of(arena[call.x + at], call.raw + j * call.stride * n + c, call.parameter_stride * n);
        arena[call.y + at] = moved.x;
        log_det += moved.y;
    }
    return log_det;
}

// Coordinate j of a sample.
fn transform_back(c: u32, j: u32) {
    let n = columns();
    let at = tables[call.moved + j] * n + c;
    let first = call.raw + j * call.stride * n + c;
    if (j == 0u) {
        for (var row = 1u; row <= call.skip; row += 1u) { arena[call.raw + c - row * n] = 0.0; }
    }
    let dy = arena[call.dy + at];
    arena[call.dy + at] = backward_of(arena[call.x + at], arena[call.y + at], arena[call.coefficient + c], dy, first, call.parameter_stride * n);
}

// SAMPLES samples a workgroup, COORDINATES (four) coordinates of each at a time.
@compute @workgroup_size(SAMPLES, COORDINATES)
fn transform(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let c = group.x * SAMPLES + thread.x;
    var log_det = 0.0;
    if (c < columns()) { log_det = transform_sample(c, thread.y, COORDINATES); }
    partial_sums[thread.y * SAMPLES + thread.x] = log_det;
    workgroupBarrier();
    if (thread.y == 0u && c < columns()) {
        arena[call.log_q + c] += (partial_sums[thread.x] + partial_sums[thread.x + SAMPLES])
            + (partial_sums[thread.x + 2u * SAMPLES] + partial_sums[thread.x + 3u * SAMPLES]);
    }
}

@compute @workgroup_size(GROUP)
fn transform_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < columns()) { transform_back(id.x, id.y); }
}
