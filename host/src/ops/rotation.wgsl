// The first parameter of the vector of the reflection that comes at a stage.
fn vector_at(stage: u32) -> u32 {
    return call.vectors + select(stage, call.reflections - 1u - stage, call.density == 1u) * call.dim;
}

// 2/(v·v), or 0 if there is nothing to reflect at.
fn factor_of(vector: u32) -> f32 {
    var square = 0.0;
    for (var d = 0u; d < call.dim; d += 1u) { square += parameters[vector + d] * parameters[vector + d]; }
    return select(2.0 / square, 0.0, square < 1.1754944e-38);
}

// Reflects the rows at `rows` of sample c, and keeps what they were, and the product with the vector, at `kept`.
fn reflect_rows(c: u32, vector: u32, rows: u32, kept: u32) {
    let n = columns();
    var along = 0.0;
    for (var d = 0u; d < call.dim; d += 1u) {
        let x = arena[rows + d * n + c];
        arena[kept + d * n + c] = x;
        along += parameters[vector + d] * x;
    }
    arena[kept + call.dim * n + c] = along;
    let by = factor_of(vector) * along;
    for (var d = 0u; d < call.dim; d += 1u) { arena[rows + d * n + c] -= by * parameters[vector + d]; }
}

@compute @workgroup_size(GROUP)
fn rotation(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    let n = columns();
    if (c >= n) { return; }
    for (var d = 0u; d < call.dim; d += 1u) { arena[call.y + d * n + c] = arena[call.x + d * n + c]; }
    for (var i = 0u; i < call.reflections; i += 1u) {
        reflect_rows(c, vector_at(i), call.y, call.stages + i * (call.dim + 1u) * n);
    }
}

@compute @workgroup_size(GROUP)
fn rotation_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    let n = columns();
    if (c >= n) { return; }
    for (var i = call.reflections; i > 0u; i -= 1u) {
        reflect_rows(c, vector_at(i - 1u), call.dy, call.gradients + (i - 1u) * (call.dim + 1u) * n);
    }
}

// A workgroup an entry of a vector.
@compute @workgroup_size(GROUP)
fn rotation_parameters(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let n = columns();
    let stage = call.stages + group.y * (call.dim + 1u) * n;
    let gradients = call.gradients + group.y * (call.dim + 1u) * n;
    var single = 0.0;
    var both = 0.0;
    for (var c = thread.x; c < n; c += GROUP) {
        let p = arena[stage + call.dim * n + c];
        let q = arena[gradients + call.dim * n + c];
        single += q * arena[stage + group.x * n + c] + p * arena[gradients + group.x * n + c];
        both += p * q;
    }
    single = sum_over_group(thread.x, single);
    both = sum_over_group(thread.x, both);
    if (thread.x == 0u) {
        let vector = vector_at(group.y);
        let factor = factor_of(vector);
        gradient[vector + group.x] += factor * (factor * both * parameters[vector + group.x] - single);
    }
}
