//! Any bytes are a model that draws, scores, is written again and compiled, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pushforward::model::file::fnv;
use pushforward::model::{Model, ModelError};
use pushforward_emit::Options;
use safetensors::SafeTensors;

/// Larger models only take longer.
const MOST_PARAMETERS: usize = 1 << 14;

fuzz_target!(|bytes: &[u8]| {
    run(bytes);
    // A changed byte is found by the hash; behind it are the checks that matter.
    if let Some(bytes) = with_its_hash(bytes) {
        run(&bytes);
    }
});

fn run(bytes: &[u8]) {
    let Ok(model) = Model::from_bytes(bytes) else { return };
    if model.description().parameters() > MOST_PARAMETERS {
        return;
    }
    match model.to_bytes() {
        Ok(bytes) => {
            let again = Model::from_bytes(&bytes).expect("what is written can be read");
            assert_eq!(again.parameters(), model.parameters());
        }
        // Stored rows may be finite where the weights draw others that are not.
        Err(ModelError::NotFinite { tensor, .. }) => assert!(tensor.starts_with("golden.")),
        Err(e) => panic!("what is read can be written: {e}"),
    }
    let sampler = model.sampler().expect("what is read can be run");
    let (mut rows, mut log_prob) = (vec![0f32; 2 * sampler.dim()], [0.0; 2]);
    let context = vec![0.5; sampler.context()];
    let given = sampler.given(&context);
    given.sample(1, 0, &mut rows, Some(&mut log_prob));
    given.log_prob(&rows, &mut log_prob);
    let _ = pushforward_emit::text(&model, Options::default(), "model", "model.safetensors");
}

/// The file with the hash that its content has.
fn with_its_hash(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    let text = metadata.metadata().as_ref()?.get("pushforward")?;
    let rest = text.strip_prefix("{\"hash\":\"")?.get(16..)?.strip_prefix("\",")?;
    let file = SafeTensors::deserialize(bytes).ok()?;
    let mut names = file.names();
    names.sort();
    let tensors = names.iter().map(|name| (name, file.tensor(name)));
    let mut content = rest.as_bytes().to_vec();
    for (name, tensor) in tensors {
        content.extend(name.as_bytes());
        content.extend(tensor.ok()?.data());
    }
    let key = b"{\\\"hash\\\":\\\"";
    let at = bytes.windows(key.len()).position(|w| w == key)? + key.len();
    let mut bytes = bytes.to_vec();
    let hash = format!("{:016x}", fnv(content.iter().copied()));
    bytes.get_mut(at..at + 16)?.copy_from_slice(hash.as_bytes());
    Some(bytes)
}
