//! How far a model is from another.

use crate::error::Result;
use crate::loaded::Loaded;

/// KL(model ‖ other) a site and its standard error (nats), from `n` rows of the model's stream `seed`.
///
/// Each row contributes `r − 1 − ln r`, with r the ratio of the two probabilities: nowhere negative, and
/// of the divergence's mean because both distributions are normalised.
///
/// # Errors
/// Those of `go_on`.
pub fn divergence(
    model: &Loaded,
    other: &Loaded,
    n: u64,
    seed: u64,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<[f64; 2]> {
    let dim = model.dim();
    let chunk = model.chunk_rows().min(usize::try_from(n).unwrap_or(usize::MAX));
    let (mut rows, mut ln_p, mut ln_q) =
        (vec![0f32; chunk * dim], vec![0.0; chunk], vec![0.0; chunk]);
    let (mut sum, mut squares, mut done) = (0.0, 0.0, 0);
    while done < n {
        go_on()?;
        let m = usize::try_from(n - done).unwrap_or(usize::MAX).min(chunk);
        let rows = &mut rows[..m * dim];
        let context = model.contexts(done, m);
        model.given(&context).sample(seed, done, rows, Some(&mut ln_p[..m]));
        // A flow's density is taken at the row for both.
        if model.domain().is_real() {
            model.given(&context).log_prob(rows, &mut ln_p[..m]);
        }
        other.given(&context).log_prob(rows, &mut ln_q[..m]);
        for (p, q) in ln_p[..m].iter().zip(&ln_q) {
            let ln_r = f64::from(*q) - f64::from(*p);
            let term = ln_r.exp_m1() - ln_r;
            sum += term;
            squares += term * term;
        }
        done += m as u64;
    }
    let n = n as f64;
    let mean = sum / n;
    let error = ((squares / n - mean * mean).max(0.0) / (n - 1.0).max(1.0)).sqrt();
    Ok([mean, error].map(|x| x / dim as f64))
}
