//! Draws exact samples of a model file and estimates its entropy.

use pushforward::model::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: draw MODEL.safetensors")?;
    let sampler = Model::from_bytes(&std::fs::read(path)?)?.sampler()?;
    let (seed, first, n) = (7, 0, 1000);
    let mut rows = vec![0.0f32; n * sampler.dim()];
    let mut log_prob = vec![0.0f32; n];
    sampler.sample(seed, first, &mut rows, Some(&mut log_prob));
    let entropy = -log_prob.iter().map(|ln_q| f64::from(*ln_q)).sum::<f64>() / n as f64;
    println!("entropy {entropy} nats; first row {:?}", &rows[..sampler.dim()]);
    Ok(())
}
