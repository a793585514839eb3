// Constants: 1 with momenta.
fn energy(c: u32) -> f32 {
    let stretch = sqrt(x(0u, c) * x(0u, c) + x(1u, c) * x(1u, c)) - 2.0;
    var kinetic = 0.0;
    if (word(0u) == 1u) { kinetic = 0.5 * (x(2u, c) * x(2u, c) + x(3u, c) * x(3u, c)); }
    return stretch * stretch / 0.32 + kinetic;
}

fn energy_gradient(d: u32, c: u32) -> f32 {
    if (d >= 2u) { return x(d, c); }
    let radius = sqrt(x(0u, c) * x(0u, c) + x(1u, c) * x(1u, c));
    if (radius == 0.0) { return 0.0; }
    return (radius - 2.0) / (0.16 * radius) * x(d, c);
}
