// ln(1 + x), to the last digits of a small x too.
fn log_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // Where u is rounded, so is ln u, by the same share.
    return select(log(u) * (x / (u - 1.0)), x, u == 1.0);
}

// ln(1 + e^x).
fn softplus_of(x: f32) -> f32 { return max(x, 0.0) + log_1p(exp(-abs(x))); }
