// A layer of a flow in one call: SAMPLES samples a workgroup, whose units lie in its memory from layer to layer of the
// network, at most WIDTH of each. Before this text stand those of a univariate map, of `transform` and of `dense`. Of the
// SIDE × SIDE threads, those of one column have one sample: SIDE = SAMPLES.

// Vectors of four units. Products take whole pieces: units that do not exist are 0 here.
const HALF: u32 = WIDTH / 4u * SAMPLES;
var<workgroup> held: array<vec4<f32>, 2u * HALF>;

// The share of four summands, from number 4 j of a piece, in four rows of one sample.
fn four_of_piece(j: u32, y: u32, begin: u32) -> vec4<f32> {
    let w = 4u * j * PITCH + y;
    return mat4x4<f32>(tile_a[w], tile_a[w + PITCH], tile_a[w + 2u * PITCH], tile_a[w + 3u * PITCH])
        * held[begin + j * SAMPLES];
}

// Four rows from m0 + 4 thread.y, one sample, of W (or its transpose) times what is held from `source`, or times the
// rows of the arena from `outer`. As in `product`, a piece is on its way while the one before it is
// multiplied, and no loop stands around the innermost lines.
fn rows_of_product(transposed: bool, m0: u32, rows: u32, k0: u32, depth: u32, source: u32, outer: u32, c: u32,
    thread: vec3<u32>) -> vec4<f32> {
    let of_a = select(thread.yx, thread.xy, transposed);
    let m = m0 + 4u * of_a.x;
    let reads = outer != NONE && thread.y < PIECE / 4u && c < columns();
    var weights = weights_at(transposed, m, k0 + of_a.y, rows, depth);
    var given: vec4<f32>;
    if (reads) { given = arena_at(outer + four(k0 + 4u * thread.y, depth) * columns() + c); }
    var sums: vec4<f32>;
    for (var k = k0; k < depth; k += PIECE) {
        tile_a[of_a.y * PITCH + of_a.x] = weights;
        var begin = source + k / 4u * SAMPLES + thread.x;
        if (outer != NONE) {
            begin = source + thread.x;
            if (thread.y < PIECE / 4u) { held[begin + thread.y * SAMPLES] = given; }
        }
        workgroupBarrier();
        weights = weights_at(transposed, m, k + PIECE + of_a.y, rows, depth);
        if (reads) { given = arena_at(outer + four(k + PIECE + 4u * thread.y, depth) * columns() + c); }
        sums += four_of_piece(0u, thread.y, begin);
        sums += four_of_piece(1u, thread.y, begin);
        sums += four_of_piece(2u, thread.y, begin);
        sums += four_of_piece(3u, thread.y, begin);
        workgroupBarrier();
    }
    return sums;
}

// Holds four units from m, of which only those below `rows` exist.
fn hold(half: u32, m: u32, rows: u32, x: u32, values: vec4<f32>) {
    let exists = m + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(rows);
    held[half + m / 4u * SAMPLES + x] = select(vec4<f32>(), values, exists);
}

// Where row k of what the network reads lies in the arena, in column 0.
fn place_read(k: u32) -> u32 {
    if (k < call.context_rows) { return call.context + k * columns(); }
    return call.x + tables[call.read + k - call.context_rows] * columns();
}

@compute @workgroup_size(SIDE, SIDE)
fn flow_layer(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let n = columns();
    let c = group.x * SAMPLES + thread.x;
    let inside = c < n;
    layer = layer_at(call.network, 0u);
    for (var k = 4u * thread.y; k < layer.inputs + PIECE; k += 4u * SIDE) {
        var values: vec4<f32>;
        if (inside && k < layer.inputs) {
            let row = four(k, layer.inputs);
            values = arena_at(vec4<u32>(place_read(row.x), place_read(row.y), place_read(row.z), place_read(row.w)) + c);
            keep_rows(layer.x, k, layer.inputs, c, values);
        }
        if (k < WIDTH) { hold(0u, k, layer.inputs, thread.x, values); }
    }

    var source = 0u;
    for (var l = 0u; l < call.layers; l += 1u) {
        layer = layer_at(call.network, l);
        for (var m0 = 0u; m0 < layer.outputs; m0 += TILE) {
            let depth = limit(min(m0 + TILE, layer.outputs) - 1u);
            let o = m0 + 4u * thread.y;
            let row = four(o, layer.outputs);
            let bias = parameters_at(layer.bias + row);
            var slope: vec4<f32>;
            if (layer.slope != NONE) { slope = parameters_at(layer.slope + row); }
            let sums = rows_of_product(false, m0, layer.outputs, 0u, depth, source, NONE, c, thread);
            let z = sums + bias;
            let u = unit(z, slope);
            if (inside) { keep_rows(layer.y, o, layer.outputs, c, z); }
            if (layer.slope != NONE) {
                if (inside) { keep_rows(layer.units, o, layer.outputs, c, u); }
                hold(HALF - source, o, layer.outputs, thread.x, u);
            }
        }
        source = HALF - source;
    }
    storageBarrier();

    var log_det = 0.0;
    if (inside) { log_det = transform_sample(c, thread.y, SIDE); }
    tile_a[thread.y * PITCH + thread.x].x = log_det;
    workgroupBarrier();
    if (thread.y == 0u && inside) {
        var total = 0.0;
        for (var y = 0u; y < SIDE; y += 1u) { total += tile_a[y * PITCH + thread.x].x; }
        arena[call.log_q + c] += total;
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn flow_layer_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let n = columns();
    let c = group.x * SAMPLES + thread.x;
    let inside = c < n;
    if (inside) {
        for (var j = thread.y; j < call.moved_count; j += SIDE) { transform_back(c, j); }
    }
    storageBarrier();

    var source = 0u;
    var outer = call.raw;
    for (var l = call.layers; l + call.wanted > 1u; l -= 1u) {
        layer = layer_at(call.network, l - 1u);
        for (var m0 = 0u; m0 < layer.inputs; m0 += TILE) {
            let m = m0 + 4u * thread.y;
            let row = four(m, layer.inputs);
            var below: Layer;
            var slope: vec4<f32>;
            if (l > 1u) {
                below = layer_at(call.network, l - 2u);
                slope = parameters_at(below.slope + row);
                if (inside) { slope = select(slope, vec4<f32>(1.0), arena_at(below.y + row * n + c) > vec4<f32>()); }
            }
            let k0 = first(m0) / PIECE * PIECE;
            let sums = rows_of_product(true, m0, layer.inputs, k0, layer.outputs, source, outer, c, thread);
            if (l > 1u) {
                if (inside) { keep_rows(tables[call.gradients + l - 1u], m, layer.inputs, c, sums); }
                hold(HALF - source, m, layer.inputs, thread.x, slope * sums);
            } else if (inside) {
                add_read(m, c, sums.x);
                add_read(m + 1u, c, sums.y);
                add_read(m + 2u, c, sums.z);
                add_read(m + 3u, c, sums.w);
            }
        }
        source = HALF - source;
        outer = NONE;
    }
}

// Adds to the gradient of the row that the network reads as its row m.
fn add_read(m: u32, c: u32, value: f32) {
    if (m < call.context_rows || m >= layer.inputs) { return; }
    arena[call.dy + tables[call.read + m - call.context_rows] * columns() + c] += value;
}
