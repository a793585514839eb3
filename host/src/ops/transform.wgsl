// a: 1 for density, moved, number moved, kept, number kept, stride of a coordinate and of a parameter, x, raw, y,
// log_q, coefficient, dy; then what the transformer needs. Before this text stand its forward_of and backward_of.

// Every `parts`-th coordinate of a sample from `part`; returns their sum of ln |dz/dx|.
fn transform_sample(c: u32, part: u32, parts: u32) -> f32 {
    let n = columns();
    for (var k = part; k < a(4u); k += parts) {
        let at = tables[a(3u) + k] * n + c;
        arena[a(9u) + at] = arena[a(7u) + at];
    }
    var log_det = 0.0;
    for (var j = part; j < a(2u); j += parts) {
        let at = tables[a(1u) + j] * n + c;
        let moved = forward_of(arena[a(7u) + at], a(8u) + j * a(5u) * n + c, a(6u) * n);
        arena[a(9u) + at] = moved.x;
        log_det += moved.y;
    }
    return log_det;
}

// Coordinate j of a sample.
fn transform_back(c: u32, j: u32) {
    let n = columns();
    let at = tables[a(1u) + j] * n + c;
    let first = a(8u) + j * a(5u) * n + c;
    let dy = arena[a(12u) + at];
    arena[a(12u) + at] = backward_of(arena[a(7u) + at], arena[a(9u) + at], arena[a(11u) + c], dy, first, a(6u) * n);
}

// 16 samples a workgroup, four coordinates of each at a time.
@compute @workgroup_size(16, 4)
fn transform(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let c = group.x * 16u + thread.x;
    var log_det = 0.0;
    if (c < columns()) { log_det = transform_sample(c, thread.y, 4u); }
    partial_sums[thread.y * 16u + thread.x] = log_det;
    workgroupBarrier();
    if (thread.y == 0u && c < columns()) {
        arena[a(10u) + c] += (partial_sums[thread.x] + partial_sums[thread.x + 16u])
            + (partial_sums[thread.x + 32u] + partial_sums[thread.x + 48u]);
    }
}

@compute @workgroup_size(64)
fn transform_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < columns()) { transform_back(id.x, id.y); }
}
