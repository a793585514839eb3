// One product C[m][n] = Σ_k A(m, k) B(k, n) in three modes, TILE × TILE outputs a workgroup of SIDE × SIDE, 4 × 4 a
// thread:
//   0 forward    C = y[o][c]   A = W[o][i]   B = x[i][c]    k < limit(last o)
//   1 weights    C = dW[o][i]  A = dy[o][c]  B = x[i][c]ᵀ   k of a part, i < limit(o); and the rows' sums, db and dslope
//   2 inputs     C = dx[i][c]  A = W[o][i]ᵀ  B = dy[o][c]   k from first(first i)
// Columns are many and weights few, so the second sum is shared out: part p of `parts` goes to copy p of the gradient.
// dy is read through the units, if the layer has some. The type Layer, what Rust says of one, comes from there.

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

var<workgroup> tile_a: array<f32, PITCH * PIECE>;
var<workgroup> tile_b: array<f32, PITCH * PIECE>;

// TILE rows × PIECE columns of W, or of its transpose, from (m0, k). Neighbouring threads read neighbouring
// addresses.
fn load_weights(transposed: bool, m0: u32, k: u32, rows: u32, depth: u32, at: u32) {
    for (var e = at; e < TILE * PIECE; e += SIDE * SIDE) {
        var m = m0 + e / PIECE;
        var j = e % PIECE;
        if (transposed) {
            m = m0 + e % TILE;
            j = e / TILE;
        }
        var value = 0.0;
        if (m < rows && k + j < depth) {
            if (transposed) {
                value = parameters[layer.weight + (k + j) * layer.inputs + m];
            } else {
                value = parameters[layer.weight + m * layer.inputs + k + j];
            }
        }
        tile_a[j * PITCH + m - m0] = value;
    }
}

fn unit(z: f32, slope: f32) -> f32 { return select(slope * z, z, z > 0.0); }

// The gradient of output o before its unit, and its share in that of the unit's slope.
fn gradient_at(o: u32, c: u32) -> vec2<f32> {
    let at = o * columns() + c;
    let up = arena[dy + at];
    if (layer.slope == NONE) { return vec2<f32>(up, 0.0); }
    let z = arena[layer.y + at];
    if (z > 0.0) { return vec2<f32>(up, 0.0); }
    return vec2<f32>(parameters[layer.slope + o] * up, z * up);
}

fn load_b(mode: u32, k: u32, n: u32, depth: u32, width: u32) -> f32 {
    if (k >= depth || n >= width) { return 0.0; }
    switch mode {
        case 0u: { return arena[layer.x + k * columns() + n]; }
        case 1u: { return arena[layer.x + n * columns() + k]; }
        default: { return gradient_at(k, n).x; }
    }
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
        rows = inputs;
        depth = outputs;
        k0 = first(min(m0, max(inputs, 1u) - 1u));
    }
    // Calls share their groups among products of several sizes: some have nothing to do.
    if (m0 >= rows || (n0 >= width && n0 > 0u)) { depth = 0u; }

    var sums: array<vec4<f32>, 4>;
    var row_sums: array<vec2<f32>, 4>;
    let at = thread.y * SIDE + thread.x;
    for (var k = k0; k < depth; k += PIECE) {
        if (mode != 1u) { load_weights(mode == 2u, m0, k, rows, depth, at); }
        for (var i = 0u; i < 4u; i += 1u) {
            let e = at + i * SIDE * SIDE;
            if (mode == 1u) {
                let o = m0 + e / PIECE;
                let c = k + e % PIECE;
                var value = vec2<f32>(0.0, 0.0);
                if (o < rows && c < depth) { value = gradient_at(o, c); }
                tile_a[(e % PIECE) * PITCH + e / PIECE] = value.x;
                row_sums[i] += value;
                tile_b[(e % PIECE) * PITCH + e / PIECE] = load_b(mode, k + e % PIECE, n0 + e / PIECE, depth, width);
            } else {
                tile_b[e / TILE * PITCH + e % TILE] = load_b(mode, k + e / TILE, n0 + e % TILE, depth, width);
            }
        }
        workgroupBarrier();
        for (var j = 0u; j < PIECE; j += 1u) {
            let row = j * PITCH;
            let b = vec4<f32>(tile_b[row + thread.x], tile_b[row + thread.x + SIDE],
                tile_b[row + thread.x + 2u * SIDE], tile_b[row + thread.x + 3u * SIDE]);
            for (var i = 0u; i < 4u; i += 1u) {
                sums[i] += tile_a[row + thread.y * 4u + i] * b;
            }
        }
        workgroupBarrier();
    }

    for (var i = 0u; i < 4u; i += 1u) {
        let m = m0 + thread.y * 4u + i;
        if (m >= rows) { continue; }
        for (var j = 0u; j < 4u; j += 1u) {
            let n = n0 + thread.x + SIDE * j;
            if (n >= width) { continue; }
            let value = sums[i][j];
            let place = m * columns() + n;
            if (mode == 0u) {
                var z = value;
                if (layer.bias == NONE) { z += arena[layer.y + place]; } else { z += parameters[layer.bias + m]; }
                arena[layer.y + place] = z;
                if (layer.slope != NONE) { arena[layer.units + place] = unit(z, parameters[layer.slope + m]); }
            } else if (mode == 1u) {
                if (n < limit(m)) { gradient[part * copy + layer.weight + m * inputs + n] += value; }
            } else {
                arena[dx + place] = value;
            }
        }
    }

    // PIECE threads have summed each row.
    for (var i = 0u; i < 4u; i += 1u) {
        let e = at + i * SIDE * SIDE;
        tile_a[(e % PIECE) * PITCH + e / PIECE] = row_sums[i].x;
        tile_b[(e % PIECE) * PITCH + e / PIECE] = row_sums[i].y;
    }
    workgroupBarrier();
    if (mode == 1u && n0 == 0u && at < TILE && m0 + at < rows) {
        var total = vec2<f32>(0.0, 0.0);
        for (var j = 0u; j < PIECE; j += 1u) { total += vec2<f32>(tile_a[j * PITCH + at], tile_b[j * PITCH + at]); }
        if (layer.bias != NONE) { gradient[part * copy + layer.bias + m0 + at] += total.x; }
        if (layer.slope != NONE) { gradient[part * copy + layer.slope + m0 + at] += total.y; }
    }
}
