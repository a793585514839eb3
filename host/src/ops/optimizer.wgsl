// a: parameters, partial sums (in readings), how many

@compute @workgroup_size(64)
fn norm_parts(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    var part = 0.0;
    for (var i = group.x * 64u + thread.x; i < a(0u); i += 64u * a(2u)) { part += gradient[i] * gradient[i]; }
    let total = sum_over_group(thread.x, part);
    if (thread.x == 0u) { readings[a(1u) + group.x] = total; }
}

@compute @workgroup_size(64)
fn adam(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>) {
    var part = 0.0;
    for (var i = thread.x; i < a(2u); i += 64u) { part += readings[a(1u) + i]; }
    let norm = sqrt(sum_over_group(thread.x, part));
    if (id.x == 0u) { readings[step_inputs.slot * 8u + 4u] = norm; }
    let scale = min(step_inputs.clip / norm, 1.0);
    for (var i = id.x; i < a(0u); i += 64u * groups.x) {
        let g = gradient[i] * scale;
        let m = 0.9 * moments[i] + 0.1 * g;
        let v = 0.999 * moments[a(0u) + i] + 0.001 * g * g;
        moments[i] = m;
        moments[a(0u) + i] = v;
        let direction = (m * step_inputs.correction_1) / (sqrt(v * step_inputs.correction_2) + 1e-8);
        parameters[i] -= step_inputs.rate * direction + step_inputs.decay * parameters[i];
    }
}
