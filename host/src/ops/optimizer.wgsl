// The partial sums of the norm lie in `readings` from FIRST_PART. Those of the gradient are added here, to the first.

@compute @workgroup_size(GROUP)
fn sum_parts(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    var squares = 0.0;
    for (var i = group.x * GROUP + thread.x; i < call.count; i += GROUP * PARTS) {
        var g = gradient[i];
        var part = 1u;
        // Four at a time are on their way together.
        for (; part + 3u < call.parts; part += 4u) {
            let at = part * call.count + i;
            g += (gradient[at] + gradient[at + call.count])
                + (gradient[at + 2u * call.count] + gradient[at + 3u * call.count]);
        }
        for (; part < call.parts; part += 1u) { g += gradient[part * call.count + i]; }
        gradient[i] = g;
        squares += g * g;
    }
    let total = sum_over_group(thread.x, squares);
    if (thread.x == 0u) { readings[FIRST_PART + group.x] = total; }
}

@compute @workgroup_size(GROUP)
fn adam(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>) {
    var part = 0.0;
    for (var i = thread.x; i < PARTS; i += GROUP) { part += readings[FIRST_PART + i]; }
    let norm = sqrt(sum_over_group(thread.x, part));
    if (id.x == 0u) { readings[step_inputs.slot * READINGS + READING_GRAD_NORM] = norm; }
    let scale = min(step_inputs.clip / norm, 1.0);
    for (var i = id.x; i < call.count; i += GROUP * groups.x) {
        let g = gradient[i] * scale;
        let m = BETA_1 * moments[i] + (1.0 - BETA_1) * g;
        let v = BETA_2 * moments[call.count + i] + (1.0 - BETA_2) * g * g;
        moments[i] = m;
        moments[call.count + i] = v;
        let direction = (m * step_inputs.correction_1) / (sqrt(v * step_inputs.correction_2) + EPSILON);
        let p = parameters[i] - (step_inputs.rate * direction + step_inputs.decay * parameters[i]);
        parameters[i] = p;
        // The running mean lies behind the moments.
        if (step_inputs.average > 0.0) {
            let mean = moments[2u * call.count + i];
            moments[2u * call.count + i] = mean + step_inputs.average * (p - mean);
        }
    }
}
