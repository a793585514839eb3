// Constants: states, sites, bonds. The table: -E of a pair of states; of one alone; the sites of each bond.
fn state(d: u32, c: u32) -> u32 { return u32(x(d, c)); }

fn energy(c: u32) -> f32 {
    let states = word(0u);
    let alone = states * states;
    let bonds = alone + states;
    var sum = 0.0;
    for (var k = 0u; k < word(2u); k += 1u) {
        let pair = state(entry(bonds + 2u * k), c) * states + state(entry(bonds + 2u * k + 1u), c);
        sum -= bitcast<f32>(entry(pair));
    }
    for (var d = 0u; d < word(1u); d += 1u) { sum -= bitcast<f32>(entry(alone + state(d, c))); }
    return sum;
}

// States are no numbers that move.
fn energy_gradient(d: u32, c: u32) -> f32 { return 0.0; }
