// Threefry2x32, 20 rounds (Salmon et al., SC 2011): the words of `noise` in the engine.
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
    let keys = array<u32, 3>(key.x, key.y, 0x1BD11BDAu ^ key.x ^ key.y);
    var x = counter + key;
    for (var round = 0u; round < 20u; round += 1u) {
        let r = rotations[round % 8u];
        x.x += x.y;
        x.y = ((x.y << r) | (x.y >> (32u - r))) ^ x.x;
        if (round % 4u == 3u) {
            let i = round / 4u + 1u;
            x += vec2<u32>(keys[i % 3u], keys[(i + 1u) % 3u] + i);
        }
    }
    return x;
}
