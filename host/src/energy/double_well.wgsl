// Constants: a, b, c.
fn energy(column: u32) -> f32 {
    let v = x(0u, column);
    let y = x(1u, column);
    return (number(0u) + (number(1u) + number(2u) * v * v) * v) * v + 0.5 * y * y;
}

fn energy_gradient(d: u32, column: u32) -> f32 {
    let v = x(d, column);
    if (d == 1u) { return v; }
    return number(0u) + (2.0 * number(1u) + 4.0 * number(2u) * v * v) * v;
}
