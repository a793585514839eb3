// One product C[m][n] = Σ_k A(m, k) B(k, n) in three modes, TILE × TILE outputs a workgroup of SIDE × SIDE, 4 × 4 a
// thread:
//   0 forward    C = y[o][c]   A = W[o][i]   B = x[i][c]    k < limit(last o)
//   1 weights    C = dW[o][i]  A = dy[o][c]  B = x[i][c]ᵀ   k of a part, i < limit(o); and the rows' sums, db and dslope
//   2 inputs     C = dx[i][c]  A = W[o][i]ᵀ  B = dy[o][c]   k from first(first i)
// Columns are many and weights few, so the second sum is shared out: part p of `parts` goes to copy p of the gradient.
// dy is read through the units, if the layer has some. The type Layer, what Rust says of one, comes from there. What A
// and B are is in dense_inputs.wgsl, or of a convolution in convolution.wgsl.

var<private> layer: Layer;
// Places of the gradients of its output and of its input.
var<private> dy: u32;
var<private> dx: u32;
var<private> part: u32;
var<private> parts: u32;
// Numbers of a copy of the gradient.
var<private> copy: u32;

fn limit(o: u32) -> u32 { return tables[layer.limits + o]; }
fn first(i: u32) -> u32 { return tables[layer.limits + layer.outputs + i]; }

// SIDE vectors of four for each of PIECE values of k, which lie PITCH apart.
var<workgroup> tile_a: array<vec4<f32>, PITCH * PIECE>;
var<workgroup> tile_b: array<vec4<f32>, PITCH * PIECE>;

// i to i + 3. Those from n on, which nobody asks for, become the last one.
fn four(i: u32, n: u32) -> vec4<u32> { return min(i + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(n - 1u)); }

fn parameters_at(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
}

fn arena_at(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(arena[at.x], arena[at.y], arena[at.z], arena[at.w]);
}

// Writes four rows from m of column c, as far as there are such rows.
fn keep_rows(at: u32, m: u32, rows: u32, c: u32, values: vec4<f32>) {
    let n = columns();
    let place = at + m * n + c;
    if (m < rows) { arena[place] = values.x; }
    if (m + 1u < rows) { arena[place + n] = values.y; }
    if (m + 2u < rows) { arena[place + 2u * n] = values.z; }
    if (m + 3u < rows) { arena[place + 3u * n] = values.w; }
}

// Four rows from m of column k of W, or of what stands for its transpose; 0 from `depth` on.
fn weights_at(transposed: bool, m: u32, k: u32, rows: u32, depth: u32) -> vec4<f32> {
    if (k >= depth) { return vec4<f32>(); }
    let row = four(m, rows);
    if (transposed) { return back_weights(row, k); }
    return parameters_at(layer.weight + row * layer.inputs + k);
}

fn unit(z: vec4<f32>, slope: vec4<f32>) -> vec4<f32> { return select(slope * z, z, z > vec4<f32>()); }

// Gradients of outputs before their units, and the shares in those of the units' slopes.
fn gradient_at(o: vec4<u32>, c: vec4<u32>) -> mat2x4<f32> {
    let at = o * columns() + c;
    let up = arena_at(dy + at);
    if (layer.slope == NONE) { return mat2x4<f32>(up, vec4<f32>()); }
    let z = arena_at(layer.y + at);
    let is_above = z > vec4<f32>();
    return mat2x4<f32>(select(parameters_at(layer.slope + o) * up, up, is_above), select(z * up, vec4<f32>(), is_above));
}

// Four rows from m of column k of A; in mode 1 with the shares in the slopes' gradients.
fn a_at(mode: u32, m: u32, k: u32, rows: u32, depth: u32) -> mat2x4<f32> {
    if (mode != 1u) { return mat2x4<f32>(weights_at(mode == 2u, m, k, rows, depth), vec4<f32>()); }
    if (k >= depth || m >= rows) { return mat2x4<f32>(); }
    return gradient_at(four(m, rows), vec4<u32>(k));
}

// Four columns from n of row k of B.
fn b_at(mode: u32, k: u32, n: u32, depth: u32, width: u32) -> vec4<f32> {
    if (k >= depth || n >= width) { return vec4<f32>(); }
    let column = four(n, width);
    switch mode {
        case 0u: { return input_at(k, column); }
        case 1u: { return input_rows(column, k); }
        default: { return back_gradient(k, column); }
    }
}

fn keep(mode: u32, m: u32, n: u32, value: f32) {
    let place = m * columns() + n;
    if (mode == 0u) {
        var z = value;
        if (layer.bias == NONE) { z += arena[layer.y + place]; } else { z += parameters[layer.bias + m]; }
        arena[layer.y + place] = z;
        if (layer.slope != NONE) { arena[layer.units + place] = select(parameters[layer.slope + m] * z, z, z > 0.0); }
    } else if (mode == 1u) {
        if (n < limit(m)) { gradient[part * copy + layer.weight + m * layer.inputs + n] += value; }
    } else {
        arena[dx + place] = value;
    }
}

fn keep_row(mode: u32, m: u32, n: u32, rows: u32, width: u32, values: vec4<f32>) {
    if (m >= rows) { return; }
    if (n < width) { keep(mode, m, n, values.x); }
    if (n + 1u < width) { keep(mode, m, n + 1u, values.y); }
    if (n + 2u < width) { keep(mode, m, n + 2u, values.z); }
    if (n + 3u < width) { keep(mode, m, n + 3u, values.w); }
}

fn keep_row_sum(m: u32, sum: f32, slope_sum: f32) {
    if (m >= layer.outputs) { return; }
    if (layer.bias != NONE) { gradient[part * copy + layer.bias + m] += sum; }
    if (layer.slope != NONE) { gradient[part * copy + layer.slope + m] += slope_sum; }
}

// The share of number j of a piece in 4 × 4 outputs.
fn outer_product(j: u32, thread: vec3<u32>) -> mat4x4<f32> {
    let left = tile_a[j * PITCH + thread.y];
    let right = tile_b[j * PITCH + thread.x];
    return mat4x4<f32>(left.x * right, left.y * right, left.z * right, left.w * right);
}

fn product(mode: u32, from_column: u32, group: vec3<u32>, thread: vec3<u32>) {
    let inputs = layer.inputs;
    let outputs = layer.outputs;
    let m0 = group.y * TILE;
    var n0 = group.x * TILE;
    var rows = outputs;
    var width = columns();
    var k0 = 0u;
    var depth = inputs;
    if (mode == 0u) {
        n0 += from_column;
        depth = limit(min(m0 + TILE, outputs) - 1u);
    } else if (mode == 1u) {
        width = inputs;
        // Whole pieces, but for the last part.
        let share = (columns() + parts * PIECE - 1u) / (parts * PIECE) * PIECE;
        k0 = part * share;
        depth = min(columns(), k0 + share);
        // The first tile of a row of tiles sums the rows, whatever it sees.
        if (n0 > 0u && limit(min(m0 + TILE, outputs) - 1u) <= n0) { depth = 0u; }
    } else {
        rows = back_rows();
        depth = back_depth();
        k0 = back_first(m0);
    }
    // Calls share their groups among products of several sizes: some have nothing to do.
    if (m0 >= rows || (n0 >= width && n0 > 0u)) { depth = 0u; }

    // What a thread reads: which four, and which of a piece. Neighbouring threads read neighbouring addresses. A piece is
    // on its way while the one before it is multiplied. A loop costs a counter that bounds it, hence four in its body.
    let of_a = select(thread.yx, thread.xy, mode == 2u);
    let of_b = select(thread.xy, thread.yx, mode == 1u);
    var a = a_at(mode, m0 + 4u * of_a.x, k0 + of_a.y, rows, depth);
    var b = b_at(mode, k0 + of_b.y, n0 + 4u * of_b.x, depth, width);
    var sums: mat4x4<f32>;
    var row_sums: mat2x4<f32>;
    for (var k = k0; k < depth; k += PIECE) {
        tile_a[of_a.y * PITCH + of_a.x] = a[0];
        tile_b[of_b.y * PITCH + of_b.x] = b;
        row_sums += a;
        workgroupBarrier();
        a = a_at(mode, m0 + 4u * of_a.x, k + PIECE + of_a.y, rows, depth);
        b = b_at(mode, k + PIECE + of_b.y, n0 + 4u * of_b.x, depth, width);
        for (var j = 0u; j < PIECE; j += 4u) {
            sums += outer_product(j, thread);
            sums += outer_product(j + 1u, thread);
            sums += outer_product(j + 2u, thread);
            sums += outer_product(j + 3u, thread);
        }
        workgroupBarrier();
    }

    let m = m0 + 4u * thread.y;
    let n = n0 + 4u * thread.x;
    keep_row(mode, m, n, rows, width, sums[0]);
    keep_row(mode, m + 1u, n, rows, width, sums[1]);
    keep_row(mode, m + 2u, n, rows, width, sums[2]);
    keep_row(mode, m + 3u, n, rows, width, sums[3]);
    if (mode != 1u || n0 > 0u) { return; }

    // PIECE threads have summed each row.
    tile_a[of_a.y * PITCH + of_a.x] = row_sums[0];
    tile_b[of_a.y * PITCH + of_a.x] = row_sums[1];
    workgroupBarrier();
    if (thread.y == 0u) {
        let four_rows = m0 + 4u * thread.x;
        var total: mat2x4<f32>;
        for (var j = 0u; j < PIECE; j += 1u) {
            total += mat2x4<f32>(tile_a[j * PITCH + thread.x], tile_b[j * PITCH + thread.x]);
        }
        keep_row_sum(four_rows, total[0].x, total[1].x);
        keep_row_sum(four_rows + 1u, total[0].y, total[1].y);
        keep_row_sum(four_rows + 2u, total[0].z, total[1].z);
        keep_row_sum(four_rows + 3u, total[0].w, total[1].w);
    }
}
