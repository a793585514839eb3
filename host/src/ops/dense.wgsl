// One product C[m][n] = Σ_k A(m, k) B(k, n) in three modes, 64 × 64 outputs a workgroup, 4 × 4 a thread:
//   0 forward    C = y[o][c]   A = W[o][i]   B = x[i][c]    k < limit(last o)
//   1 weights    C = dW[o][i]  A = dy[o][c]  B = x[i][c]ᵀ   all k, i < limit(o)
//   2 inputs     C = dx[i][c]  A = W[o][i]ᵀ  B = dy[o][c]   k from first(first i)
// a: mode, weight, bias, limits, inputs, outputs, x, y, first column, dy, dx

const TILE: u32 = 64u;
const PIECE: u32 = 16u;

var<workgroup> tile_a: array<f32, 1024>;
var<workgroup> tile_b: array<f32, 1024>;

fn limit(o: u32) -> u32 { return tables[a(3u) + o]; }
fn first(i: u32) -> u32 { return tables[a(3u) + a(5u) + i]; }

fn load_a(m: u32, k: u32, rows: u32, depth: u32) -> f32 {
    if (m >= rows || k >= depth) { return 0.0; }
    switch a(0u) {
        case 0u: { return parameters[a(1u) + m * a(4u) + k]; }
        case 1u: { return arena[a(9u) + m * columns() + k]; }
        default: { return parameters[a(1u) + k * a(4u) + m]; }
    }
}

fn load_b(k: u32, n: u32, depth: u32, width: u32) -> f32 {
    if (k >= depth || n >= width) { return 0.0; }
    switch a(0u) {
        case 0u: { return arena[a(6u) + k * columns() + n]; }
        case 1u: { return arena[a(6u) + n * columns() + k]; }
        default: { return arena[a(9u) + k * columns() + n]; }
    }
}

@compute @workgroup_size(16, 16)
fn dense(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let mode = a(0u);
    let inputs = a(4u);
    let outputs = a(5u);
    let m0 = group.y * TILE;
    var n0 = group.x * TILE;
    var rows = outputs;
    var width = columns();
    var k0 = 0u;
    var depth = inputs;
    if (mode == 0u) {
        n0 += a(8u);
        depth = limit(min(m0 + TILE, outputs) - 1u);
    } else if (mode == 1u) {
        width = inputs;
        depth = columns();
        if (limit(min(m0 + TILE, outputs) - 1u) <= n0) { depth = 0u; }
    } else {
        rows = inputs;
        depth = outputs;
        k0 = first(m0);
    }

    var sums: array<vec4<f32>, 4>;
    let at = thread.y * 16u + thread.x;
    for (var k = k0; k < depth; k += PIECE) {
        for (var i = 0u; i < 4u; i += 1u) {
            // Neighbouring threads read neighbouring addresses of whichever index is contiguous.
            let e = at + i * 256u;
            if (mode == 2u) {
                tile_a[e] = load_a(m0 + e % TILE, k + e / TILE, rows, depth);
            } else {
                tile_a[(e % PIECE) * TILE + e / PIECE] = load_a(m0 + e / PIECE, k + e % PIECE, rows, depth);
            }
            if (mode == 1u) {
                tile_b[(e % PIECE) * TILE + e / PIECE] = load_b(k + e % PIECE, n0 + e / PIECE, depth, width);
            } else {
                tile_b[e] = load_b(k + e / TILE, n0 + e % TILE, depth, width);
            }
        }
        workgroupBarrier();
        for (var j = 0u; j < PIECE; j += 1u) {
            let row = j * TILE;
            let b = vec4<f32>(tile_b[row + thread.x], tile_b[row + thread.x + 16u],
                tile_b[row + thread.x + 32u], tile_b[row + thread.x + 48u]);
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
            let n = n0 + thread.x + 16u * j;
            if (n >= width) { continue; }
            let value = sums[i][j];
            if (mode == 0u) {
                let y = a(7u) + m * columns() + n;
                if (a(2u) == 0xffffffffu) { arena[y] += value; } else { arena[y] = value + parameters[a(2u) + m]; }
            } else if (mode == 1u) {
                if (n < limit(m)) { gradient[a(1u) + m * inputs + n] = value; }
            } else {
                arena[a(10u) + m * columns() + n] = value;
            }
        }
    }
}

@compute @workgroup_size(64)
fn bias_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    var part = 0.0;
    for (var c = thread.x; c < columns(); c += 64u) { part += arena[a(9u) + group.x * columns() + c]; }
    let total = sum_over_group(thread.x, part);
    if (thread.x == 0u) { gradient[a(2u) + group.x] = total; }
}
