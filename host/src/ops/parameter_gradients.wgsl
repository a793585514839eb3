// The gradients of all parameters of a network, a part of a layer a z.
@compute @workgroup_size(SIDE, SIDE)
fn parameter_gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    part = group.z % call.parts;
    parts = call.parts;
    copy = call.copy;
    layer = layer_at(call.network, group.z / call.parts);
    // The gradient of its output is that of the next one's input.
    dy = tables[call.gradients + group.z / call.parts + 1u];
    product(1u, 0u, group, thread);
}
