//! Where training starts: parameters drawn from a seed.

use pushforward::bijection::Direction;
use pushforward::layer::PartialSpec;
use pushforward::model::{Description, LayerSpec, Model, ModelError, PlainLayerSpec, Start};
use pushforward::noise::{block, normal};
use pushforward::simd::Scalar;
use pushforward_oracle::Oracle;

use super::TrainError;
use super::lower::Tensors;

/// Key that sets the parameters' noise apart from the batches' of the same seed.
const KEY: u32 = 0x5eed_0001;
/// Rows that say where ActNorm starts.
pub const ACTNORM_ROWS: usize = 512;
/// Sets all parameters from `seed`.
///
/// Where each tensor starts, its part says ([`Start`]).
///
/// # Errors
/// None for a model that exists; the type is that of [`Model::set_parameters`].
pub fn initialize(model: &mut Model, seed: u64) -> Result<(), ModelError> {
    initialize_scaled(model, seed, 1.0)
}

/// As [`initialize`], with the weights of hidden layers times `scale`. Large ones learn fast, and soon the
/// rows themselves where these are few.
///
/// # Errors
/// As [`initialize`].
pub fn initialize_scaled(model: &mut Model, seed: u64, scale: f32) -> Result<(), ModelError> {
    let key = block([seed as u32, (seed >> 32) as u32], [KEY, KEY]);
    let mut parameters: Vec<f32> = Vec::with_capacity(model.description().parameters());
    for spec in model.description().tensors() {
        let (size, columns) = (spec.size(), spec.shape.last().copied().unwrap_or(1).max(1));
        let (factor, slope) = match spec.start {
            Start::Value(value) => {
                parameters.extend(std::iter::repeat_n(value, size));
                continue;
            }
            Start::Normal { factor, slope } => (factor, slope),
        };
        let hidden = spec.name.split('.').rev().nth(2) == Some("hidden");
        let factor = if hidden { factor * scale } else { factor };
        for i in 0..size {
            let visible = spec.visible(i / columns);
            let n = parameters.len() as u64;
            let word = block(key, [n as u32, (n >> 32) as u32])[0];
            let deviation = (2.0 / ((1.0 + slope * slope) * visible.max(1) as f32)).sqrt();
            let seen = i % columns < visible;
            parameters.push(if seen { factor * deviation * normal(Scalar, word) } else { 0.0 });
        }
    }
    model.set_parameters(&parameters)
}

/// Starts the layers `affine` of a flow so that each leaves every coordinate of `rows`, `[n][dim + context]`, with
/// mean 0 and variance 1 (ActNorm: Kingma & Dhariwal 2018, arXiv:1807.03039, section 3.1), one after another
/// from the data on. A coordinate that hardly varies keeps its scale. Of sites there is nothing to start.
///
/// # Errors
/// As [`initialize`].
pub fn start_actnorm(model: &mut Model, rows: &[f32]) -> Result<(), TrainError> {
    let Description::Flow(flow) = model.description() else { return Ok(()) };
    let (dim, tensors) = (model.description().dim(), Tensors::of(model.description()));
    // What other layers are does not change.
    let (oracle, mut parameters) = (Oracle::new(model), model.parameters());
    let rows = rows.chunks_exact(dim + flow.context);
    let wide = |row: &[f32]| row.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let mut rows: Vec<_> = rows.map(|row| [wide(&row[..dim]), wide(&row[dim..])]).collect();
    for (l, layer) in flow.layers.iter().enumerate().rev() {
        let (first, end, inner) = match layer {
            LayerSpec::Affine(_) => (0, dim, ""),
            LayerSpec::Partial(PartialSpec {
                range: [first, end],
                layer: PlainLayerSpec::Affine(_),
            }) => (*first, *end, "layer."),
            _ => {
                for [x, context] in &mut rows {
                    (*x, _) = oracle.beyond(l..l + 1, Direction::Density, context, x);
                }
                continue;
            }
        };
        let start = |name: &str| tensors.start(&format!("layers.{l}.{inner}{name}"));
        let (log_scale, shift) = (start("log_scale")?, start("shift")?);
        for (i, d) in (first..end).enumerate() {
            let values = rows.iter().map(|[x, _]| x[d]).filter(|x| x.is_finite());
            let n = values.clone().count().max(1) as f64;
            let mean = values.clone().sum::<f64>() / n;
            let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            if variance > 1e-12 {
                parameters[log_scale + i] = (0.5 * variance.ln()) as f32;
            }
            parameters[shift + i] = mean as f32;
            let [a, b] = [log_scale, shift].map(|start| f64::from(parameters[start + i]));
            for [x, _] in &mut rows {
                x[d] = (x[d] - b) * (-a).exp();
            }
        }
    }
    Ok(model.set_parameters(&parameters)?)
}

#[cfg(test)]
mod tests {
    use pushforward::layer::AffineSpec;
    use pushforward::model::{Arithmetic, preset};
    use pushforward::univariate::MixtureCdfSpec;
    use pushforward::univariate::mixture_cdf::AnyCdf;

    use super::*;

    #[test]
    fn actnorm_leaves_mean_zero_and_variance_one() {
        let map = MixtureCdfSpec { cdf: AnyCdf::Logistic, components: 3, spread: 4.0, shrink: 0.0 };
        let affine = || AffineSpec {}.into();
        let part = PartialSpec { range: [1, 3], layer: AffineSpec {}.into() };
        let coupling = preset::coupling([true, false, false], &[5], map);
        let layers = [affine(), coupling, part.into(), affine()];
        let mut model = Model::new(preset::flow(&[3], layers, false), Arithmetic::Fused).unwrap();
        initialize(&mut model, 4).unwrap();
        let word = |i: usize| block([1, 2], [i as u32, 0])[0];
        let number = |i: usize| 40.0 * (i % 3) as f32 + 3.0 * normal(Scalar, word(i));
        let rows: Vec<f32> = (0..3 * ACTNORM_ROWS).map(number).collect();
        start_actnorm(&mut model, &rows).unwrap();
        let oracle = Oracle::new(&model);
        let wide: Vec<f64> = rows.iter().map(|x| f64::from(*x)).collect();
        let noise: Vec<Vec<f64>> = wide.chunks(3).map(|x| oracle.to_noise(&[], x).0).collect();
        for d in 0..3 {
            let mean = |f: &dyn Fn(f64) -> f64| {
                noise.iter().map(|z| f(z[d])).sum::<f64>() / noise.len() as f64
            };
            let moments = [mean(&|z| z), mean(&|z| z * z)];
            assert!(moments[0].abs() < 1e-4 && (moments[1] - 1.0).abs() < 1e-4, "{d}: {moments:?}");
        }
        // Nothing varies: nothing is scaled.
        start_actnorm(&mut model, &rows[..3]).unwrap();
        assert!(model.parameters().iter().all(|x| x.is_finite()));
    }
}
