@compute @workgroup_size(SIDE, SIDE)
fn dense(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    layer = layer_at(call.layer, 0u);
    product(0u, call.from_column, group, thread);
}

// z < parts are the gradients of parameters, z = parts that of the input.
@compute @workgroup_size(SIDE, SIDE)
fn dense_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    layer = layer_at(call.layer, 0u);
    dy = call.dy;
    dx = call.dx;
    part = group.z;
    parts = call.parts;
    copy = call.copy;
    product(select(1u, 2u, group.z == call.parts), 0u, group, thread);
}
