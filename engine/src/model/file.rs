//! The model file: one self-describing `.safetensors` file.
//!
//! # Specification, format version 1
//! - The container is [safetensors](https://github.com/huggingface/safetensors): a JSON header and
//!   raw little-endian arrays, readable by any language's safetensors library.
//! - All tensors are `F32`, row-major; matrices are `[outputs, inputs]`. Their names and shapes are
//!   those of [`Architecture::tensors`], with nothing missing and nothing else, and:
//!   - `golden.rows` `[n, dim]` and `golden.log_prob` `[n]` (both or none): samples `0 … n−1` of
//!     the stream `golden_seed` and their log-probabilities, in the file's own arithmetic. A reader
//!     that computes other bits is wrong.
//! - Entries of masked layers that the mask forbids are 0, and every number is finite.
//! - The header's `__metadata__` has the one key `pushforward`, a JSON object:
//!
//! | key | meaning |
//! |---|---|
//! | `hash` | FNV-1a, 64 bits as 16 hexadecimal digits, of what follows; always the first key |
//! | `version` | format version, an integer |
//! | `arithmetic` | `"fused"` or `"plain"`: how dense multiply-adds round |
//! | `architecture` | [`Architecture`]: `kind` and its sizes |
//! | `golden_seed` | seed of the golden rows, an integer |
//! | `provenance` | any object: tool, configuration, figures of the training |
//!
//! The object's text begins with exactly `{"hash":"0123456789abcdef",`. The hash runs over the text
//! after that comma, byte for byte, then over each tensor in order of its name: the name's bytes,
//! and the data's bytes. It is taken from the text and not from the parsed object so that it cannot
//! depend on how a JSON library prints numbers or orders keys. It finds damage, not malice.
//!
//! # Versions
//! A reader reads every version up to its own: a change that an old reader would misread raises the
//! version, and the reader keeps a branch for the older ones. A file with a higher version is
//! refused by name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value};

use super::{Architecture, Golden, Model, ModelError, Tensor, check_finite};

/// The format version this crate writes, and the newest it reads.
pub const VERSION: u64 = 1;
/// The metadata key.
const KEY: &str = "pushforward";
const GOLDEN_ROWS: &str = "golden.rows";
const GOLDEN_LOG_PROB: &str = "golden.log_prob";
const GOLDEN_SEED: u64 = 0;

impl Model {
    /// Reads and validates a model file.
    ///
    /// # Errors
    /// Everything that can be wrong with the bytes, by name; see [`ModelError`]. Untrusted bytes
    /// are fine.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let container = |e: &dyn core::fmt::Display| ModelError::Container(e.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| container(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| container(&e))?;
        let text = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(KEY))
            .ok_or(ModelError::NotAModel)?;

        let mut description: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| ModelError::Metadata(e.to_string()))?;
        let version = description.get("version").and_then(Value::as_u64).ok_or_else(|| {
            ModelError::Metadata("`version`: expected a non-negative integer".into())
        })?;
        if version == 0 || version > VERSION {
            return Err(ModelError::Version { found: version, newest: VERSION });
        }
        let expected: String = field(&mut description, "hash")?;
        let hashed = text.strip_prefix(&hash_field(&expected)).ok_or_else(|| {
            ModelError::Metadata("`hash`: expected as the first key, with no spaces".into())
        })?;
        let mut tensors: Vec<_> = file.iter().collect();
        tensors.sort_by(|a, b| a.0.cmp(b.0));
        let found = hash(hashed, tensors.iter().map(|(name, view)| (*name, view.data())));

        // The description first: "unknown kind" helps more than "the hash differs".
        let architecture: Architecture = field(&mut description, "architecture")?;
        architecture.validate()?;
        let arithmetic = field(&mut description, "arithmetic")?;
        let golden_seed = field(&mut description, "golden_seed")?;
        let provenance = field(&mut description, "provenance")?;
        description.remove("version");
        if let Some(key) = description.keys().next() {
            return Err(ModelError::Metadata(format!("`{key}`: unknown key")));
        }

        let mut all = BTreeMap::new();
        for (name, view) in tensors {
            all.insert(name.to_string(), read_tensor(name, &view)?);
        }
        let golden = match (all.remove(GOLDEN_ROWS), all.remove(GOLDEN_LOG_PROB)) {
            (None, None) => None,
            (rows, log_prob) => Some(read_golden(golden_seed, architecture.dim(), rows, log_prob)?),
        };
        for (name, shape) in architecture.tensors() {
            check_tensor(&architecture, &name, shape, all.get(&name))?;
        }
        let known = architecture.tensors();
        if let Some(name) = all.keys().find(|name| !known.iter().any(|(k, _)| k == *name)) {
            return Err(ModelError::UnknownTensor { tensor: name.clone() });
        }
        if found != expected {
            return Err(ModelError::Hash { found, expected });
        }
        Ok(Self { architecture, arithmetic, tensors: all, golden, provenance })
    }

    /// Writes the model file, with fresh golden rows.
    ///
    /// # Errors
    /// None for a model that was read or built.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let golden = self.draw_golden(GOLDEN_SEED)?;
        let n = golden.log_prob.len();
        let mut tensors: BTreeMap<&str, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
        let bytes = |data: &[f32]| data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        for (name, tensor) in &self.tensors {
            tensors.insert(name, (tensor.shape.clone(), bytes(&tensor.data)));
        }
        tensors.insert(GOLDEN_ROWS, (vec![n, self.architecture.dim()], bytes(&golden.rows)));
        tensors.insert(GOLDEN_LOG_PROB, (vec![n], bytes(&golden.log_prob)));

        let mut description = Map::new();
        let json = |value: Result<Value, serde_json::Error>| {
            value.map_err(|e| ModelError::Metadata(e.to_string()))
        };
        description.insert("version".into(), VERSION.into());
        description.insert("arithmetic".into(), json(serde_json::to_value(self.arithmetic))?);
        description.insert("architecture".into(), json(serde_json::to_value(&self.architecture))?);
        description.insert("golden_seed".into(), golden.seed.into());
        description.insert("provenance".into(), Value::Object(self.provenance.clone()));
        let contents = tensors.iter().map(|(name, (_, data))| (*name, data.as_slice()));
        let text = Value::Object(description).to_string();
        let text = text.strip_prefix('{').unwrap_or(&text);
        let text = hash_field(&hash(text, contents)) + text;

        let mut views = Vec::new();
        for (name, (shape, data)) in &tensors {
            let view = TensorView::new(Dtype::F32, shape.clone(), data)
                .map_err(|e| ModelError::Container(e.to_string()))?;
            views.push((*name, view));
        }
        let metadata = [(KEY.to_string(), text)].into_iter().collect();
        safetensors::serialize(views, Some(metadata))
            .map_err(|e| ModelError::Container(e.to_string()))
    }
}

/// Takes one field out of the description.
fn field<T: serde::de::DeserializeOwned>(
    description: &mut Map<String, Value>,
    key: &str,
) -> Result<T, ModelError> {
    let value =
        description.remove(key).ok_or_else(|| ModelError::Metadata(format!("`{key}`: missing")))?;
    serde_json::from_value(value).map_err(|e| ModelError::Metadata(format!("`{key}`: {e}")))
}

fn read_tensor(name: &str, view: &TensorView) -> Result<Tensor, ModelError> {
    if view.dtype() != Dtype::F32 {
        let found = format!("{:?}", view.dtype());
        return Err(ModelError::ElementType { tensor: name.into(), found });
    }
    let data = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    Ok(Tensor { shape: view.shape().to_vec(), data })
}

fn check_tensor(
    architecture: &Architecture,
    name: &str,
    expected: Vec<usize>,
    tensor: Option<&Tensor>,
) -> Result<(), ModelError> {
    let Some(tensor) = tensor else {
        return Err(ModelError::MissingTensor { tensor: name.into(), expected });
    };
    if tensor.shape != expected {
        let found = tensor.shape.clone();
        return Err(ModelError::Shape { tensor: name.into(), found, expected });
    }
    check_finite(name, tensor)?;
    let mut masked = tensor.clone();
    architecture.mask(name, &mut masked);
    let mut pairs = tensor.data.iter().zip(&masked.data);
    if let Some(index) = pairs.position(|(found, kept)| found != kept) {
        let found = tensor.data[index];
        return Err(ModelError::Masked { tensor: name.into(), index, found });
    }
    Ok(())
}

fn read_golden(
    seed: u64,
    dim: usize,
    rows: Option<Tensor>,
    log_prob: Option<Tensor>,
) -> Result<Golden, ModelError> {
    let n = rows.as_ref().and_then(|t| t.shape.first().copied()).unwrap_or(super::GOLDEN_ROWS);
    let check = |name: &str, tensor: Option<Tensor>, expected: Vec<usize>| match tensor {
        None => Err(ModelError::MissingTensor { tensor: name.into(), expected }),
        Some(tensor) if tensor.shape != expected => {
            Err(ModelError::Shape { tensor: name.into(), found: tensor.shape, expected })
        }
        Some(tensor) => check_finite(name, &tensor).map(|()| tensor.data),
    };
    let rows = check(GOLDEN_ROWS, rows, vec![n, dim])?;
    let log_prob = check(GOLDEN_LOG_PROB, log_prob, vec![n])?;
    Ok(Golden { seed, rows, log_prob })
}

/// What the description's text begins with.
fn hash_field(hash: &str) -> String {
    format!("{{\"hash\":\"{hash}\",")
}

/// FNV-1a, 64 bits (Fowler, Noll & Vo): enough to find damage.
pub fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn hash<'a>(description: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let tensors = tensors.flat_map(|(name, data)| name.bytes().chain(data.iter().copied()));
    format!("{:016x}", fnv(description.bytes().chain(tensors)))
}
