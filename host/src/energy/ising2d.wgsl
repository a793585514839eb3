// Constants: height, width, 1 if periodic, J.
fn beside(d: u32, c: u32, forward_only: bool) -> f32 {
    let h = word(0u);
    let w = word(1u);
    let periodic = word(2u) == 1u;
    let row = d / w;
    let column = d % w;
    var sum = 0.0;
    if (periodic || column + 1u < w) { sum += x(row * w + (column + 1u) % w, c); }
    if (periodic || row + 1u < h) { sum += x(((row + 1u) % h) * w + column, c); }
    if (forward_only) { return sum; }
    if (periodic || column > 0u) { sum += x(row * w + (column + w - 1u) % w, c); }
    if (periodic || row > 0u) { sum += x(((row + h - 1u) % h) * w + column, c); }
    return sum;
}

fn energy(c: u32) -> f32 {
    var sum = 0.0;
    for (var d = 0u; d < word(0u) * word(1u); d += 1u) { sum += x(d, c) * beside(d, c, true); }
    return -number(3u) * sum;
}

fn energy_gradient(d: u32, c: u32) -> f32 {
    return -number(3u) * beside(d, c, false);
}
