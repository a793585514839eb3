//! The compiled model given a context, of no values for a model that takes none.
//!
//! The functions of a compiled module take a context only where the model does; these call the engine
//! as those do, so that one program serves both.

use pushforward::distribution::{self, Given};
use pushforward::noise::Stream;
use pushforward::simd::Level;

use crate::model;

/// What a row is given.
pub type Context = [f32; model::CONTEXT];
/// A row.
pub type Row = [model::Element; model::DIM];
/// Working memory of one row.
pub type Scratch = [f32; model::SCRATCH_BYTES / size_of::<f32>()];

/// Draws sample `index` of the stream `seed`.
pub fn sample(seed: u64, index: u64, context: &Context, row: &mut Row, scratch: &mut Scratch) {
    let (model, level) = (Given { model: &model::MODEL, context }, Level::best());
    let _fits =
        distribution::sample(model, level, &mut Stream::new(seed), index, row, None, scratch);
}

/// Draws sample `index` of the stream `seed` and returns its log-probability (nats) along the path.
pub fn sample_with_log_prob(
    seed: u64,
    index: u64,
    context: &Context,
    row: &mut Row,
    scratch: &mut Scratch,
) -> f32 {
    let (model, level) = (Given { model: &model::MODEL, context }, Level::best());
    let mut out = [0.0];
    let stream = &mut Stream::new(seed);
    let _fits = distribution::sample(model, level, stream, index, row, Some(&mut out), scratch);
    let [log_prob] = out;
    log_prob
}

/// The log-probability of a row (nats).
pub fn log_prob(context: &Context, row: &Row, scratch: &mut Scratch) -> f32 {
    let (model, level) = (Given { model: &model::MODEL, context }, Level::best());
    let mut out = [0.0];
    let _fits = distribution::log_prob(model, level, row, &mut out, scratch);
    let [log_prob] = out;
    log_prob
}
