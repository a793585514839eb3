// A thread draws one sample, site after site.
// a: sites, hidden layers, description, x, logits, bias, output weight, output limits, pairwise weight
// A layer's description: weight, bias, slope, limits, inputs, units, rows of inputs, pre-activations and units.

fn first_unit(i: u32, units: u32) -> u32 { return (i * units + a(0u) - 1u) / a(0u); }

fn row_times(weight: u32, at: u32, n: u32, c: u32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < n; k += 1u) { sum += parameters[weight + k] * arena[at + k * columns() + c]; }
    return sum;
}

@compute @workgroup_size(64)
fn made_sample(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= call.samples) { return; }
    let sites = a(0u);
    for (var i = 0u; i < sites; i += 1u) {
        var below = a(3u);
        var units = 0u;
        for (var l = 0u; l < a(1u); l += 1u) {
            let d = a(2u) + 9u * l;
            units = tables[d + 5u];
            let inputs = tables[d + 4u];
            let z = tables[d + 7u] * columns();
            let h = tables[d + 8u] * columns();
            for (var u = first_unit(i, units); u < first_unit(i + 1u, units); u += 1u) {
                let v = parameters[tables[d + 1u] + u]
                    + row_times(tables[d] + u * inputs, below, tables[tables[d + 3u] + u], c);
                arena[z + u * columns() + c] = v;
                arena[h + u * columns() + c] = select(parameters[tables[d + 2u] + u] * v, v, v > 0.0);
            }
            below = h;
        }
        var logit = parameters[a(5u) + i];
        if (a(6u) != 0xffffffffu) { logit += row_times(a(6u) + i * units, below, tables[a(7u) + i], c); }
        if (a(8u) != 0xffffffffu) { logit += row_times(a(8u) + i * sites, a(3u), i, c); }
        arena[a(4u) + i * columns() + c] = logit;

        // The less likely value has probability ⌊2³² σ(−|logit|)⌋ / 2³².
        let e = exp(-min(abs(logit), 22.0));
        let scaled = e / (1.0 + e) * 65536.0;
        let high = u32(scaled);
        let threshold = (high << 16u) | u32((scaled - f32(high)) * 65536.0);
        let word = threefry(step_inputs.key, vec2<u32>(c, i / 2u))[i % 2u];
        let likely = select(1.0, -1.0, logit < 0.0);
        let s = select(likely, -likely, word < threshold);
        arena[a(3u) + i * columns() + c] = s;
        if (call.copies == 2u) { arena[a(3u) + i * columns() + call.samples + c] = -s; }
    }
}
