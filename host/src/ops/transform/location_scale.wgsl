// The scale of a raw one, its logarithm, and the slope of that.
fn scale_of(r: f32) -> vec3<f32> {
    let raw = max(r, -80.0);
    let inside = select(0.0, 1.0, r > -80.0);
    switch call.function {
        case 0u: {
            let log_scale = min(raw, call.bound);
            return vec3<f32>(exp(log_scale), log_scale, select(0.0, inside, r < call.bound));
        }
        case 1u: {
            let share = 1.0 + abs(r) / call.bound;
            return vec3<f32>(exp(r / share), r / share, 1.0 / (share * share));
        }
        case 2u: {
            let scale = softplus_of(raw) + call.least;
            let p = logistic(raw);
            if (scale < call.bound) { return vec3<f32>(scale, log(scale), inside * p / scale); }
            return vec3<f32>(call.bound, log(call.bound), 0.0);
        }
        case 4u: {
            let at = -2.0 - raw;
            return vec3<f32>(1.0 + exp(at), softplus_of(at), -inside * logistic(at));
        }
        default: {
            let at = raw + 2.0;
            let p = logistic(at);
            let scale = p + call.least;
            return vec3<f32>(scale, log(scale), inside * p * logistic(-at) / scale);
        }
    }
}

// ln |dz/dx| is this times ln a.
fn sign_of() -> f32 { return select(-1.0, 1.0, call.multiplies == 1u); }

fn forward_of(x: f32, at: u32, step: u32) -> vec2<f32> {
    let scale = scale_of(arena[at]);
    let t = arena[at + step];
    if (call.density == call.multiplies) { return vec2<f32>(scale.x * x + t, sign_of() * scale.y); }
    return vec2<f32>((x - t) / scale.x, sign_of() * scale.y);
}

fn backward_of(x: f32, y: f32, c: f32, dy: f32, at: u32, step: u32) -> f32 {
    let scale = scale_of(arena[at]);
    var dx = dy * scale.x;
    var dt = dy;
    var dl = dx * x;
    if (call.density != call.multiplies) {
        dx = dy / scale.x;
        dt = -dx;
        dl = -dy * y;
    }
    arena[at] = (dl + sign_of() * c) * scale.z;
    arena[at + step] = dt;
    return dx;
}
