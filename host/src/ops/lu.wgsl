// 1, or e^a at `log_diagonal`, and the strict triangle at `below` or its transpose: row by row its product with
// the rows at `source` of sample c, or the solution, to the rows at `goal`.
fn triangle(c: u32, below: u32, log_diagonal: u32, transposed: bool, solve: bool, source: u32, goal: u32) {
    let n = columns();
    let sign = select(1.0, -1.0, solve);
    // What is multiplied: the rows as they were, or those that are done.
    let others = select(source, goal, solve);
    for (var step = 0u; step < call.dim; step += 1u) {
        let r = select(call.dim - 1u - step, step, transposed != solve);
        var scale = 1.0;
        if (log_diagonal != NONE) { scale = exp(sign * parameters[log_diagonal + r]); }
        var sum = arena[source + r * n + c] * select(scale, 1.0, solve);
        if (transposed) {
            for (var k = r + 1u; k < call.dim; k += 1u) {
                sum += sign * parameters[below + k * call.dim + r] * arena[others + k * n + c];
            }
        } else {
            for (var k = 0u; k < r; k += 1u) {
                sum += sign * parameters[below + r * call.dim + k] * arena[others + k * n + c];
            }
        }
        arena[goal + r * n + c] = sum * select(1.0, scale, solve);
    }
}

fn add_shift(c: u32, sign: f32, source: u32, goal: u32) {
    for (var d = 0u; d < call.dim; d += 1u) {
        arena[goal + d * columns() + c] = arena[source + d * columns() + c] + sign * parameters[call.shift + d];
    }
}

// The shift is added in place, or where the first solution will be: a solution reads a row before it writes it.
@compute @workgroup_size(GROUP)
fn lu(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    if (call.density == 1u) {
        triangle(c, call.upper, call.log_diagonal, true, false, call.x, call.between);
        triangle(c, call.lower, NONE, false, false, call.between, call.y);
        add_shift(c, 1.0, call.y, call.y);
    } else {
        add_shift(c, -1.0, call.x, call.between);
        triangle(c, call.lower, NONE, false, true, call.between, call.between);
        triangle(c, call.upper, call.log_diagonal, true, true, call.between, call.y);
    }
    var sum = arena[call.log_q + c];
    for (var d = 0u; d < call.dim; d += 1u) { sum += parameters[call.log_diagonal + d]; }
    arena[call.log_q + c] = sum;
}

@compute @workgroup_size(GROUP)
fn lu_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    if (call.density == 1u) {
        triangle(c, call.lower, NONE, true, false, call.dy, call.between_gradient);
        triangle(c, call.upper, call.log_diagonal, false, false, call.between_gradient, call.dx);
    } else {
        triangle(c, call.upper, call.log_diagonal, false, true, call.dy, call.between_gradient);
        triangle(c, call.lower, NONE, true, true, call.between_gradient, call.dx);
    }
}

// A workgroup an entry: of L below the diagonal, of U above it, and on it the two vectors.
@compute @workgroup_size(GROUP)
fn lu_parameters(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let n = columns();
    let i = group.y;
    let j = group.x;
    var data = call.y;
    var noise = call.dx;
    var sign = -1.0;
    if (call.density == 1u) {
        data = call.x;
        noise = call.dy;
        sign = 1.0;
    }
    var left = call.between_gradient + i * n;
    var right = data + j * n;
    if (i > j) {
        left = noise + i * n;
        right = call.between + j * n;
    }
    var product = 0.0;
    var shift = 0.0;
    var total = 0.0;
    for (var c = thread.x; c < n; c += GROUP) {
        product += arena[left + c] * arena[right + c];
        if (i == j) {
            shift += arena[noise + i * n + c];
            total += arena[call.coefficient + c];
        }
    }
    product = sign * sum_over_group(thread.x, product);
    shift = sign * sum_over_group(thread.x, shift);
    total = sum_over_group(thread.x, total);
    if (thread.x != 0u) { return; }
    if (i > j) {
        gradient[call.lower + i * call.dim + j] += product;
    } else if (i < j) {
        gradient[call.upper + j * call.dim + i] += product;
    } else {
        gradient[call.log_diagonal + i] += product * exp(parameters[call.log_diagonal + i]) + total;
        gradient[call.shift + i] += shift;
    }
}
