// SAMPLES samples a workgroup, site after site. Each of the LANES threads of a sample has every LANES-th summand.

var<workgroup> summands: array<vec4<f32>, SAMPLES * LANES>;

fn first_unit(i: u32, units: u32) -> u32 { return (i * units + call.sites - 1u) / call.sites; }

// Four rows of a matrix, which start there in the parameters, times n rows of the arena from `at`, for sample c.
fn rows_times(rows: vec4<u32>, at: u32, n: u32, c: u32, thread: vec3<u32>) -> vec4<f32> {
    var sum: vec4<f32>;
    for (var k = thread.y; k < n; k += LANES) { sum += parameters_at(rows + k) * arena[at + k * columns() + c]; }
    summands[thread.y * SAMPLES + thread.x] = sum;
    workgroupBarrier();
    var total: vec4<f32>;
    for (var y = 0u; y < LANES; y += 1u) { total += summands[y * SAMPLES + thread.x]; }
    workgroupBarrier();
    return total;
}

@compute @workgroup_size(SAMPLES, LANES)
fn made_sample(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let sites = call.sites;
    let writes = group.x * SAMPLES + thread.x < call.samples && thread.y == 0u;
    let c = min(group.x * SAMPLES + thread.x, call.samples - 1u);
    // Spins that are still to be of −1 and of +1.
    var left = vec2<u32>(sites, sites);
    if (call.counts != NONE) { left = vec2<u32>(tables[call.counts], tables[call.counts + 1u]); }
    for (var i = 0u; i < sites; i += 1u) {
        for (var l = 0u; l < call.layers; l += 1u) {
            let layer = layer_at(call.network, l);
            let ends = ends_at(call.ends, l);
            let end = first_unit(i + 1u, layer.outputs);
            for (var u = first_unit(i, layer.outputs); u < end; u += 4u) {
                let row = four(u, end);
                let weights = layer.weight + row * layer.inputs;
                // The units of a site see the same.
                var v = parameters_at(layer.bias + row) + rows_times(weights, layer.x, tables[layer.limits + u], c, thread);
                if (writes) {
                    if (ends.added != NONE) { v += arena_at(ends.added + row * columns() + c); }
                    keep_rows(layer.y, u, end, c, v);
                    if (layer.slope != NONE) {
                        keep_rows(layer.units, u, end, c, unit(v, parameters_at(layer.slope + row)));
                    } else if (ends.units != NONE) {
                        let y = vec4<f32>(unit_of(v.x).x, unit_of(v.y).x, unit_of(v.z).x, unit_of(v.w).x);
                        keep_rows(ends.units, u, end, c, y);
                    }
                }
            }
            storageBarrier();
        }
        var logit = parameters[call.bias + i];
        if (call.output != NONE) {
            logit += rows_times(vec4<u32>(call.output + i * call.output_inputs), call.output_x, tables[call.output_limits + i], c, thread).x;
        }
        if (call.pairwise != NONE) { logit += rows_times(vec4<u32>(call.pairwise + i * sites), call.x, i, c, thread).x; }
        if (left.x == 0u) { logit = CLOSED; }
        if (left.y == 0u) { logit = -CLOSED; }

        let s = draw_spin(logit, threefry(step_inputs.key, vec2<u32>(c, i / 2u))[i % 2u]);
        if (s > 0.0) { left.y -= 1u; } else { left.x -= 1u; }
        if (writes) {
            arena[call.logits + i * columns() + c] = logit;
            arena[call.x + i * columns() + c] = s;
            if (call.copies == 2u) { arena[call.x + i * columns() + call.samples + c] = -s; }
        }
        storageBarrier();
    }
}
