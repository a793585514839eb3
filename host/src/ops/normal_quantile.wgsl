// Of a word, whose top bit is a sign: four times the tail beyond its number, and what lies between this and its
// mirror image.
fn normal_parts(word: u32) -> vec2<f32> {
    let v = word & 0x7fffffffu;
    return vec2<f32>((f32(v) + 0.5) / 1073741824.0, (f32(v ^ 0x7fffffffu) + 0.5) / 2147483648.0);
}

// The engine's inverse of the normal distribution function, without a sign.
fn normal_quantile(tail: f32, centre: f32) -> f32 {
    // ln(1 − centre²) near the centre by its series: the logarithm of a GPU is exact to few digits there.
    let product = tail * (1.0 - tail * 0.25);
    let square = centre * centre;
    let series = square * (1.0 + square * (0.5 + square * (0.33333334 + square * 0.25)));
    let w = select(-log(product), series, centre < 0.06);
    let numerator = 1.2533141 + w * (0.44752774 + w * (0.09101557 + w * (0.012523128
        + w * (0.0011378357 + w * (5.915967e-05 + w * 1.901598e-07)))));
    let denominator = 1.0 + w * (0.095275894 + w * (0.03464577 + w * (0.0023130453
        + w * (0.00024806234 + w * 3.7236412e-06))));
    return centre * numerator / denominator;
}
