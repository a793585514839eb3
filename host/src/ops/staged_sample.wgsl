// SAMPLES samples a workgroup, stage after stage, site after site. Each of the LANES threads of a sample has every
// LANES-th unit; what a layer reads and what it makes lie in the workgroup's memory.

var<workgroup> values: array<f32, 2u * SAMPLES * WIDTH>;

// Number `i` of a sample's values, before or after a layer.
fn value_at(side: u32, i: u32, sample: u32) -> u32 { return (side * WIDTH + i) * SAMPLES + sample; }

// What position `p` reads of the layer below a convolution.
fn convolved_sum(layer: Convolved, weights: u32, positions: u32, p: u32, c: u32) -> f32 {
    let across = 2u * layer.beside + 1u;
    let offsets = layer.up * across + layer.beside + 1u;
    let channels = layer.inputs / offsets;
    let y = p / layer.columns;
    let x = p % layer.columns;
    var sum = 0.0;
    for (var o = 0u; o < offsets; o += 1u) {
        let above = layer.up - o / across;
        let right = o % across;
        if (y < above || x + right < layer.beside || x + right >= layer.columns + layer.beside) { continue; }
        let q = (y - above) * layer.columns + x + right - layer.beside;
        for (var k = 0u; k < channels; k += 1u) {
            sum += parameters[weights + o * channels + k] * arena[layer.x + (k * positions + q) * columns() + c];
        }
    }
    return sum;
}

@compute @workgroup_size(SAMPLES, LANES)
fn staged_sample(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let writes = group.x * SAMPLES + thread.x < call.samples && thread.y == 0u;
    let c = min(group.x * SAMPLES + thread.x, call.samples - 1u);
    var visit = 0u;
    for (var s = 0u; s < call.count; s += 1u) {
        let stage = stage_at(call.stages, s);
        for (var p = 0u; p < stage.count; p += 1u) {
            for (var k = thread.y; k < stage.window_rows; k += LANES) {
                let row = tables[stage.window + k * stage.positions + p];
                var value = 0.0;
                if (row != NONE) { value = arena[call.read + row * columns() + c]; }
                values[value_at(0u, k, thread.x)] = value;
            }
            workgroupBarrier();
            var side = 0u;
            var inputs = stage.window_rows;
            for (var l = 0u; l < stage.layers; l += 1u) {
                var outputs = stage.units;
                if (stage.bias == NONE) { outputs = layer_at(stage.network, l).outputs; }
                for (var u = thread.y; u < outputs; u += LANES) {
                    var sum = 0.0;
                    if (stage.bias != NONE) {
                        sum = bitcast<f32>(tables[stage.bias + u]);
                        for (var k = 0u; k < inputs; k += 1u) {
                            sum += bitcast<f32>(tables[stage.weight + u * inputs + k]) * values[value_at(side, k, thread.x)];
                        }
                    } else {
                        let layer = layer_at(stage.network, l);
                        if (layer.bias != NONE) { sum = parameters[layer.bias + u]; }
                        for (var k = 0u; k < inputs; k += 1u) {
                            sum += parameters[layer.weight + u * inputs + k] * values[value_at(side, k, thread.x)];
                        }
                        if (layer.slope != NONE) {
                            sum = select(parameters[layer.slope + u] * sum, sum, sum > 0.0);
                        } else if (HAS_UNITS != 0u && l + 1u < stage.layers) {
                            sum = unit_of(sum).x;
                        }
                    }
                    values[value_at(1u - side, u, thread.x)] = sum;
                }
                side = 1u - side;
                inputs = outputs;
                workgroupBarrier();
            }

            // A convolution leaves what it makes where others will read it.
            for (var l = 0u; l < stage.convolved; l += 1u) {
                let layer = convolved_at(stage.network, l);
                for (var u = thread.y; u < layer.outputs; u += LANES) {
                    let weights = layer.weight + u * layer.inputs;
                    var sum = parameters[layer.bias + u];
                    if (l == 0u) {
                        for (var k = 0u; k < inputs; k += 1u) {
                            sum += parameters[weights + k] * values[value_at(0u, k, thread.x)];
                        }
                    } else {
                        sum += convolved_sum(layer, weights, stage.positions, p, c);
                    }
                    let at = (u * stage.positions + p) * columns() + c;
                    if (layer.added != NONE) { sum += arena[layer.added + at]; }
                    arena[layer.y + at] = sum;
                    if (layer.slope != NONE) {
                        arena[layer.units + at] = select(parameters[layer.slope + u] * sum, sum, sum > 0.0);
                    } else if (HAS_UNITS != 0u && layer.units != NONE) {
                        arena[layer.units + at] = unit_of(sum).x;
                    }
                    if (l + 1u == stage.convolved) { values[value_at(1u, u, thread.x)] = sum; }
                }
                side = 1u;
                storageBarrier();
                workgroupBarrier();
            }

            let site = tables[stage.sites + p];
            let word = threefry(step_inputs.key, vec2<u32>(c, visit / 2u))[visit % 2u];
            visit += 1u;
            if (call.categories == 0u) {
                let x = draw_spin(values[value_at(side, 0u, thread.x)], word);
                if (writes) {
                    arena[call.x + site * columns() + c] = x;
                    if (call.copies == 2u) { arena[call.x + site * columns() + call.samples + c] = -x; }
                }
            } else if (writes) {
                var most = values[value_at(side, 0u, thread.x)];
                for (var k = 1u; k < call.categories; k += 1u) { most = max(most, values[value_at(side, k, thread.x)]); }
                var total = 0.0;
                for (var k = 0u; k < call.categories; k += 1u) { total += exp(values[value_at(side, k, thread.x)] - most); }
                let at = f32(word >> 8u) * (1.0 / 16777216.0) * total;
                var end = 0.0;
                var passed = 0u;
                for (var k = 0u; k < call.categories; k += 1u) {
                    end += exp(values[value_at(side, k, thread.x)] - most);
                    passed += select(0u, 1u, at >= end);
                }
                let x = min(passed, call.categories - 1u);
                arena[call.x + site * columns() + c] = f32(x);
                for (var k = 0u; k < call.categories; k += 1u) {
                    arena[call.read + (site * call.categories + k) * columns() + c] = select(0.0, 1.0, k == x);
                }
            }
            storageBarrier();
            workgroupBarrier();
        }
    }
}
