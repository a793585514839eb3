// Constants: sites, and the energy's own. The table: where each site's neighbours begin, and where the last end; the sites' fields; for each
// neighbour its site and its coupling.
fn pull(d: u32, c: u32, share: f32) -> f32 {
    let sites = word(0u);
    var sum = bitcast<f32>(entry(sites + 1u + d));
    for (var k = entry(d); k < entry(d + 1u); k += 1u) {
        let at = 2u * sites + 1u + 2u * k;
        sum += share * bitcast<f32>(entry(at + 1u)) * x(entry(at), c);
    }
    return sum;
}

// Each bond is met from both its ends.
fn energy(c: u32) -> f32 {
    var sum = number(1u);
    for (var d = 0u; d < word(0u); d += 1u) { sum -= x(d, c) * pull(d, c, 0.5); }
    return sum;
}

fn energy_gradient(d: u32, c: u32) -> f32 {
    return -pull(d, c, 1.0);
}
