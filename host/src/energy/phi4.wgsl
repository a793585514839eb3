// Constants: height, width, m² + 4, λ.
fn energy(c: u32) -> f32 {
    let h = word(0u);
    let w = word(1u);
    var sum = 0.0;
    for (var d = 0u; d < h * w; d += 1u) {
        let v = x(d, c);
        let row = d / w;
        let column = d % w;
        let next = x(row * w + (column + 1u) % w, c) + x(((row + 1u) % h) * w + column, c);
        sum += (number(2u) + number(3u) * v * v) * v * v - 2.0 * v * next;
    }
    return sum;
}

fn energy_gradient(d: u32, c: u32) -> f32 {
    let h = word(0u);
    let w = word(1u);
    let v = x(d, c);
    let row = d / w;
    let column = d % w;
    let beside = x(row * w + (column + 1u) % w, c) + x(((row + 1u) % h) * w + column, c)
        + x(row * w + (column + w - 1u) % w, c) + x(((row + h - 1u) % h) * w + column, c);
    return (2.0 * number(2u) + 4.0 * number(3u) * v * v) * v - 2.0 * beside;
}
