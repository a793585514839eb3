@compute @workgroup_size(GROUP)
fn one_hot(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let value = u32(arena[call.x + (id.y / call.most) * columns() + c]);
    arena[call.logits + id.y * columns() + c] = select(0.0, 1.0, value == id.y % call.most);
}

// The largest logit of a site and the sum of exponentials of the differences from it.
fn softmax_of(first: u32, size: u32) -> vec2<f32> {
    var most = arena[first];
    for (var k = 1u; k < size; k += 1u) { most = max(most, arena[first + k * columns()]); }
    var sum = 0.0;
    for (var k = 0u; k < size; k += 1u) { sum += exp(arena[first + k * columns()] - most); }
    return vec2<f32>(most, sum);
}

@compute @workgroup_size(GROUP)
fn categories(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var total = 0.0;
    for (var i = 0u; i < call.sites; i += 1u) {
        let first = call.logits + i * call.most * columns() + c;
        let site = softmax_of(first, tables[call.sizes + i]);
        let value = u32(arena[call.x + i * columns() + c]);
        total += arena[first + value * columns()] - site.x - log(site.y);
    }
    arena[call.log_q + c] = total;
}

// A site a y.
@compute @workgroup_size(GROUP)
fn categories_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let row = id.y * call.most * columns() + c;
    let size = tables[call.sizes + id.y];
    let site = softmax_of(call.logits + row, size);
    let value = u32(arena[call.x + id.y * columns() + c]);
    for (var k = 0u; k < call.most; k += 1u) {
        var slope = 0.0;
        if (k < size) {
            let p = exp(arena[call.logits + row + k * columns()] - site.x) / site.y;
            slope = arena[call.coefficient + c] * (select(0.0, 1.0, k == value) - p);
        }
        arena[call.dlogits + row + k * columns()] = slope;
    }
}
