// A value a y: which of its logits are closed depends on the values before alone.
@compute @workgroup_size(GROUP)
fn close(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    let k = id.y;
    if (c >= columns()) { return; }
    let one_logit = call.logits_of_site < call.values;
    var left = 0u;
    if (call.counts != NONE) { left = tables[call.counts + k]; }
    var row = 0u;
    for (var i = 0u; i < call.sites; i += 1u) {
        let x = arena[call.x + i * columns() + c];
        let value = select(u32(x), select(0u, 1u, x > 0.0), one_logit);
        var open = left > 0u;
        if (call.follows != NONE) {
            let far = tables[call.steps + k] + i + 1u >= call.sites;
            open = far && tables[call.follows + row * call.values + k] != 0u;
        }
        if (!open) {
            if (one_logit) {
                arena[call.logits + i * columns() + c] = select(-CLOSED, CLOSED, k == 0u);
            } else {
                arena[call.logits + (i * call.logits_of_site + k) * columns() + c] = -CLOSED;
            }
        }
        if (value == k && left > 0u) { left -= 1u; }
        row = min(value, call.values - 1u) + 1u;
    }
}
