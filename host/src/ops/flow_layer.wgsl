// A layer of a flow in one call: SAMPLES samples a workgroup, whose units lie in its memory from layer to layer of the
// network, at most WIDTH of each. Before this text stand those of a univariate map, of `transform` and of `dense`. Of the
// SIDE × SIDE threads, those of one column have one sample: SIDE = SAMPLES.

const HALF: u32 = WIDTH * SAMPLES;
var<workgroup> held: array<f32, 2u * HALF>;

// Four rows from m0 + 4 thread.y, one sample, of W (or its transpose) times what is held from `source`, or times the
// rows of the arena from `outer`.
fn rows_of_product(transposed: bool, m0: u32, rows: u32, k0: u32, depth: u32, source: u32, outer: u32, c: u32,
    thread: vec3<u32>) -> vec4<f32> {
    var sums = vec4<f32>(0.0, 0.0, 0.0, 0.0);
    for (var k = k0; k < depth; k += PIECE) {
        load_weights(transposed, m0, k, rows, depth, thread.y * SAMPLES + thread.x);
        var begin = source + k * SAMPLES;
        if (outer != NONE) {
            begin = source;
            var value = 0.0;
            if (k + thread.y < depth && c < columns()) { value = arena[outer + (k + thread.y) * columns() + c]; }
            held[source + thread.y * SAMPLES + thread.x] = value;
        }
        workgroupBarrier();
        let pieces = min(PIECE, depth - k);
        for (var j = 0u; j < pieces; j += 1u) {
            let w = j * PITCH + thread.y * 4u;
            let weights = vec4<f32>(tile_a[w], tile_a[w + 1u], tile_a[w + 2u], tile_a[w + 3u]);
            sums += weights * held[begin + j * SAMPLES + thread.x];
        }
        workgroupBarrier();
    }
    return sums;
}

@compute @workgroup_size(SIDE, SIDE)
fn flow_layer(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let n = columns();
    let c = group.x * SAMPLES + thread.x;
    let inside = c < n;
    layer = layer_at(call.network, 0u);
    for (var k = thread.y; k < layer.inputs; k += SIDE) {
        if (inside) {
            var place = call.context + k * n;
            if (k >= call.context_rows) { place = call.x + tables[call.read + k - call.context_rows] * n; }
            let value = arena[place + c];
            arena[layer.x + k * n + c] = value;
            held[k * SAMPLES + thread.x] = value;
        }
    }

    var source = 0u;
    for (var l = 0u; l < call.layers; l += 1u) {
        layer = layer_at(call.network, l);
        for (var m0 = 0u; m0 < layer.outputs; m0 += TILE) {
            let depth = limit(min(m0 + TILE, layer.outputs) - 1u);
            let sums = rows_of_product(false, m0, layer.outputs, 0u, depth, source, NONE, c, thread);
            for (var i = 0u; i < 4u; i += 1u) {
                let o = m0 + thread.y * 4u + i;
                if (o >= layer.outputs || !inside) { continue; }
                let z = sums[i] + parameters[layer.bias + o];
                arena[layer.y + o * n + c] = z;
                if (layer.slope != NONE) {
                    let u = unit(z, parameters[layer.slope + o]);
                    arena[layer.units + o * n + c] = u;
                    held[HALF - source + o * SAMPLES + thread.x] = u;
                }
            }
        }
        source = HALF - source;
    }
    storageBarrier();

    var log_det = 0.0;
    if (inside) { log_det = transform_sample(c, thread.y, SIDE); }
    tile_a[thread.y * SAMPLES + thread.x] = log_det;
    workgroupBarrier();
    if (thread.y == 0u && inside) {
        var total = 0.0;
        for (var y = 0u; y < SIDE; y += 1u) { total += tile_a[y * SAMPLES + thread.x]; }
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
            let sums = rows_of_product(true, m0, layer.inputs, first(m0), layer.outputs, source, outer, c, thread);
            for (var i = 0u; i < 4u; i += 1u) {
                let m = m0 + thread.y * 4u + i;
                if (m >= layer.inputs || !inside) { continue; }
                if (l == 1u) {
                    if (m < call.context_rows) { continue; }
                    arena[call.dy + tables[call.read + m - call.context_rows] * n + c] += sums[i];
                } else {
                    let below = layer_at(call.network, l - 2u);
                    arena[tables[call.gradients + l - 1u] + m * n + c] = sums[i];
                    let slope = select(parameters[below.slope + m], 1.0, arena[below.y + m * n + c] > 0.0);
                    held[HALF - source + m * SAMPLES + thread.x] = slope * sums[i];
                }
            }
        }
        source = HALF - source;
        outer = NONE;
    }
}
