// A spin by a word: the less likely value has probability ⌊2³² σ(−|logit|)⌋ / 2³², and none where it is closed.
fn draw_spin(logit: f32, word: u32) -> f32 {
    let e = exp(-min(abs(logit), 22.0));
    let scaled = e / (1.0 + e) * 65536.0;
    let high = u32(scaled);
    let threshold = (high << 16u) | u32((scaled - f32(high)) * 65536.0);
    let likely = select(1.0, -1.0, logit < 0.0);
    return select(likely, -likely, word < threshold && abs(logit) < ALONE);
}
