@compute @workgroup_size(GROUP)
fn centre(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= columns()) { return; }
    let entry = call.entries + 5u * id.y;
    let at = id.y * columns() + id.x;
    let location = bitcast<f32>(tables[entry + 1u]);
    let y = (arena[call.x + at] - location) / bitcast<f32>(tables[entry + 2u]);
    let on_circle = tables[entry] == CIRCLE;
    // Here components are what a network reads of a value.
    let to = call.outputs + id.y * call.components * columns() + id.x;
    arena[to] = select(y, cos(y), on_circle);
    if (call.components == 2u) { arena[to + columns()] = select(0.0, sin(y), on_circle); }
}

// A component's mean, its inverse scale, the logarithm of its scale, and its raw scale.
fn component_of(first: u32, k: u32) -> vec4<f32> {
    let m = call.components;
    let raw = arena[first + (2u * m + k) * columns()];
    let log_scale = raw / (1.0 + abs(raw) / SCALE_BOUND) + SCALE_SHIFT;
    let offset = 1.5 * (f32(2u * k + 1u) / f32(m) - 1.0);
    return vec4<f32>(arena[first + (m + k) * columns()] + offset, exp(-log_scale), log_scale, raw);
}

// A column's value: the ends of its cell, and whether these are at infinity.
struct Place {
    integer: bool,
    circle: bool,
    scale: f32,
    a: f32,
    b: f32,
    first: bool,
    last: bool,
}

fn place_of(site: u32, x: f32) -> Place {
    let entry = call.entries + 5u * site;
    let location = bitcast<f32>(tables[entry + 1u]);
    let scale = bitcast<f32>(tables[entry + 2u]);
    let integer = tables[entry] == INTEGER;
    let half = select(0.0, 0.5, integer);
    let first = integer && x <= bitcast<f32>(tables[entry + 3u]);
    let last = integer && x >= bitcast<f32>(tables[entry + 4u]);
    let circle = tables[entry] == CIRCLE;
    return Place(integer, circle, scale, (x - half - location) / scale, (x + half - location) / scale, first, last);
}

// The way from a component's mean to the lower end, in units of its scale.
fn way_of(place: Place, component: vec4<f32>) -> f32 {
    let way = place.a - component.x;
    return select(way, way - TURN * round(way / TURN), place.circle) * component.y;
}

// ln of what a component gives.
fn term_of(place: Place, component: vec4<f32>) -> f32 {
    let a = way_of(place, component);
    if (!place.integer) {
        let term = -component.z - abs(a) - 2.0 * log_1p(exp(-abs(a)));
        if (!place.circle) { return term; }
        return term - log(squash(0.25 * TURN * component.y));
    }
    let b = (place.b - component.x) * component.y;
    var sum = 0.0;
    if (!place.last) { sum -= softplus_of(-b); }
    if (!place.first) { sum -= softplus_of(a); }
    if (!place.first && !place.last) {
        let t = squash(0.5 * component.y / place.scale);
        sum += log(2.0 * t / (1.0 + t));
    }
    return sum;
}

// The largest logit and the sum of exponentials of the differences from it; the same with terms.
fn mixed_of(place: Place, first: u32) -> vec4<f32> {
    var most = vec2<f32>(-3.0e38, -3.0e38);
    for (var k = 0u; k < call.components; k += 1u) {
        let logit = arena[first + k * columns()];
        most = max(most, vec2<f32>(logit, logit + term_of(place, component_of(first, k))));
    }
    var sum = vec2<f32>(0.0, 0.0);
    for (var k = 0u; k < call.components; k += 1u) {
        let logit = arena[first + k * columns()];
        sum += exp(vec2<f32>(logit, logit + term_of(place, component_of(first, k))) - most);
    }
    return vec4<f32>(most, sum);
}

@compute @workgroup_size(GROUP)
fn logistics(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    var total = arena[call.log_q + c];
    for (var i = 0u; i < call.sites; i += 1u) {
        let first = call.outputs + i * 3u * call.components * columns() + c;
        let place = place_of(i, arena[call.x + i * columns() + c]);
        let mixed = mixed_of(place, first);
        total += mixed.y - mixed.x + log(mixed.w) - log(mixed.z);
        if (!place.integer) { total -= log(place.scale); }
    }
    arena[call.log_q + c] = total;
}

// A site a y.
@compute @workgroup_size(GROUP)
fn logistics_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if (c >= columns()) { return; }
    let m = call.components;
    let row = id.y * 3u * m * columns() + c;
    let first = call.outputs + row;
    let place = place_of(id.y, arena[call.x + id.y * columns() + c]);
    let mixed = mixed_of(place, first);
    let coefficient = arena[call.coefficient + c];
    for (var k = 0u; k < m; k += 1u) {
        let logit = arena[first + k * columns()];
        let component = component_of(first, k);
        let weight = exp(logit - mixed.x) / mixed.z;
        let own = exp(logit + term_of(place, component) - mixed.y) / mixed.w;
        let a = way_of(place, component);
        var by_mean = 0.0;
        var by_scale = 0.0;
        if (place.integer) {
            let b = (place.b - component.x) * component.y;
            let below = select(logistic(-b), 0.0, place.last);
            let above = select(logistic(a), 0.0, place.first);
            by_mean = (above - below) * component.y;
            by_scale = a * above - b * below;
            if (!place.first && !place.last) {
                let width = component.y / place.scale;
                let t = squash(0.5 * width);
                by_scale -= width * (1.0 - t) / (2.0 * t);
            }
        } else {
            let t = squash(0.5 * a);
            by_mean = t * component.y;
            by_scale = a * t - 1.0;
            if (place.circle) {
                let half = 0.25 * TURN * component.y;
                let left = squash(half);
                by_scale += half * (1.0 - left * left) / left;
            }
        }
        let bend = 1.0 + abs(component.w) / SCALE_BOUND;
        let at = call.slopes + row + k * columns();
        arena[at] = coefficient * (own - weight);
        arena[at + m * columns()] = coefficient * own * by_mean;
        arena[at + 2u * m * columns()] = coefficient * own * by_scale / (bend * bend);
    }
}
