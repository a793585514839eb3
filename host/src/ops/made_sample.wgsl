// A thread draws one sample, site after site.

fn first_unit(i: u32, units: u32) -> u32 { return (i * units + call.sites - 1u) / call.sites; }

fn row_times(weight: u32, at: u32, n: u32, c: u32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < n; k += 1u) { sum += parameters[weight + k] * arena[at + k * columns() + c]; }
    return sum;
}

@compute @workgroup_size(GROUP)
fn made_sample(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= call.samples) { return; }
    let sites = call.sites;
    for (var i = 0u; i < sites; i += 1u) {
        var below = call.x;
        var units = 0u;
        for (var l = 0u; l < call.layers; l += 1u) {
            let layer = layer_at(call.network, l);
            units = layer.outputs;
            for (var u = first_unit(i, units); u < first_unit(i + 1u, units); u += 1u) {
                let v = parameters[layer.bias + u]
                    + row_times(layer.weight + u * layer.inputs, below, tables[layer.limits + u], c);
                arena[layer.y + u * columns() + c] = v;
                arena[layer.units + u * columns() + c] = select(parameters[layer.slope + u] * v, v, v > 0.0);
            }
            below = layer.units;
        }
        var logit = parameters[call.bias + i];
        if (call.output != NONE) { logit += row_times(call.output + i * units, below, tables[call.output_limits + i], c); }
        if (call.pairwise != NONE) { logit += row_times(call.pairwise + i * sites, call.x, i, c); }
        arena[call.logits + i * columns() + c] = logit;

        // The less likely value has probability ⌊2³² σ(−|logit|)⌋ / 2³².
        let e = exp(-min(abs(logit), 22.0));
        let scaled = e / (1.0 + e) * 65536.0;
        let high = u32(scaled);
        let threshold = (high << 16u) | u32((scaled - f32(high)) * 65536.0);
        let word = threefry(step_inputs.key, vec2<u32>(c, i / 2u))[i % 2u];
        let likely = select(1.0, -1.0, logit < 0.0);
        let s = select(likely, -likely, word < threshold);
        arena[call.x + i * columns() + c] = s;
        if (call.copies == 2u) { arena[call.x + i * columns() + call.samples + c] = -s; }
    }
}
