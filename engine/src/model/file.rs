//! The model file: one self-describing `.safetensors` file.
//!
//! # Specification, format version 2
//! - The container is [safetensors](https://github.com/huggingface/safetensors): a JSON header and
//!   raw little-endian arrays, readable by any language's safetensors library.
//! - All tensors are row-major; matrices are `[outputs, inputs]`. Their names, shapes and element types
//!   are those of [`Description::tensors`], with nothing missing and nothing else: `F32`, or, of a
//!   network of kind `integer`, `I8`, `I16` and `I32`, without the least number of the first two and up
//!   to ±2²⁴ in the last. And, `F32`:
//!   - `golden.rows` `[n, dim]` and `golden.log_prob` `[n]` (both or none, 1 ≤ n ≤ 4096): samples
//!     `0 … n−1` of the stream `golden_seed` and their log-probabilities, in the file's own
//!     arithmetic, given `golden.context` `[n, context]`, which is there where the model takes a
//!     context. A reader that computes other bits is wrong.
//! - Entries of masked layers that the mask forbids are 0, and every number is finite.
//! - No JSON object, at any depth, has a key twice: readers would disagree on which one counts.
//! - The header's `__metadata__` has the one key `pushforward`, a JSON object:
//!
//! | key | meaning |
//! |---|---|
//! | `hash` | FNV-1a, 64 bits as 16 hexadecimal digits, of what follows; always the first key |
//! | `version` | format version, an integer |
//! | `arithmetic` | `"fused"` or `"plain"`: how dense multiply-adds round; `"integer"` where the network is of that kind |
//! | `distribution` | [`Description`]: `kind` and its parts |
//! | `golden_seed` | seed of the golden rows, an integer |
//! | `columns` | [`Names`] of the values of a row (`row`) and of its context (`context`); not there where the model has none |
//! | `provenance` | any object: tool, configuration, figures of the training |
//!
//! The object's text begins with exactly `{"hash":"0123456789abcdef",`. The hash runs over the text
//! after that comma, byte for byte, then over each tensor in order of its name: the name's bytes,
//! and the data's bytes. It is taken from the text and not from the parsed object so that it cannot
//! depend on how a JSON library prints numbers or orders keys. It finds damage, not malice.
//!
//! What a reader refuses, a writer does not write.
//!
//! # Versions
//! Versions count from 1. A reader reads every version up to its own: whatever is added or changed
//! raises the version, and the reader keeps a branch for the older ones. A file with a higher version
//! is refused by name. So is every key that the version does not have, in `__metadata__`, in the
//! description and in the distribution: it may change what the file means, and a reader that
//! skipped it would draw from another model. Facts that change nothing go into `provenance`,
//! which is kept as it is.
//!
//! Version 1 had the key `architecture` in the place of `distribution`: one of four kinds of models,
//! each with its own sizes and tensor names. It is read into today's description and names, and draws
//! the same bits.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use safetensors::tensor::{Dtype, TensorInfo, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::v1;
use super::{
    Arithmetic, Description, Golden, Model, ModelError, Names, Tensor, TensorSpec,
    check_arithmetic, check_entries, check_finite,
};

/// The format version this crate writes, and the newest it reads.
pub const VERSION: u64 = 2;
/// Most golden rows in a file: what every reader may have to draw again.
pub const MAX_GOLDEN_ROWS: usize = 4096;
/// The metadata key.
const KEY: &str = "pushforward";
/// Bytes of the header's length, at the start of the file.
const LENGTH: usize = size_of::<u64>();
const GOLDEN_ROWS: &str = "golden.rows";
const GOLDEN_LOG_PROB: &str = "golden.log_prob";
const GOLDEN_CONTEXT: &str = "golden.context";

impl Model {
    /// Reads and validates a model file.
    ///
    /// # Errors
    /// Everything that can be wrong with the bytes, by name; see [`ModelError`]. Untrusted bytes
    /// are fine.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let container = |e: &dyn core::fmt::Display| ModelError::Container(e.to_string());
        let (length, header) = SafeTensors::read_metadata(bytes)
            .map_err(|e| ModelError::Container(unreadable(&e, bytes)))?;
        let (json, data) = bytes[LENGTH..].split_at(length);
        serde_json::from_slice::<UniqueKeys>(json).map_err(|e| container(&e))?;
        let entries = header.metadata().as_ref();
        let text = entries.and_then(|entries| entries.get(KEY)).ok_or(ModelError::NotAModel)?;
        let keys = entries.into_iter().flat_map(|entries| entries.keys());
        if let Some(key) = keys.filter(|key| *key != KEY).min() {
            return Err(ModelError::UnknownMetadata { key: key.clone() });
        }

        // The description first: "unknown kind" helps more than "the hash differs".
        let Metadata {
            version,
            hashed,
            hash: expected,
            description,
            arithmetic,
            golden_seed,
            names,
            provenance,
        } = Metadata::parse(text)?;
        let tensors: BTreeMap<String, &TensorInfo> = header.tensors().into_iter().collect();
        let contents = tensors.iter().map(|(name, info)| (name.as_str(), content(info, data)));
        let found = hash(hashed, contents);

        let known = description.tensors();
        let dtypes: BTreeMap<_, _> =
            known.iter().map(|spec| (spec.name.clone(), spec.dtype)).collect();
        let mut all = BTreeMap::new();
        for (name, info) in tensors {
            let found = info.dtype;
            let tensor = read_tensor(&name, info, data)?;
            let name = if version == 1 { v1::rename(&description, &name) } else { name };
            let expected = dtypes.get(&name).copied().unwrap_or(Dtype::F32);
            if found != expected {
                let [found, expected] = [found, expected].map(|dtype| format!("{dtype:?}"));
                return Err(ModelError::ElementType { tensor: name, found, expected });
            }
            all.insert(name, tensor);
        }
        let golden = [GOLDEN_CONTEXT, GOLDEN_ROWS, GOLDEN_LOG_PROB].map(|name| all.remove(name));
        let golden = match golden {
            [None, None, None] => None,
            golden => Some(read_golden(golden_seed, &description, golden)?),
        };
        for spec in &known {
            check_tensor(spec, all.get(&spec.name))?;
        }
        if all.len() > known.len() {
            let known: BTreeSet<_> = known.into_iter().map(|spec| spec.name).collect();
            if let Some(name) = all.keys().find(|name| !known.contains(*name)) {
                return Err(ModelError::UnknownTensor { tensor: name.clone() });
            }
        }
        if found != expected {
            return Err(ModelError::Hash { found, expected });
        }
        Ok(Self { description, arithmetic, tensors: all, golden, names, provenance })
    }

    /// Writes the model file, with its golden rows drawn afresh: as many as it has, or 8.
    ///
    /// # Errors
    /// What [`Model::from_bytes`] would refuse: golden rows that are not finite, as huge weights
    /// give, and a provenance nested too deeply.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let golden = self.fresh_golden()?;
        check_golden(&golden)?;
        let n = golden.log_prob.len();
        let mut tensors: BTreeMap<&str, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
        let bytes = |data: &[f32]| written(Dtype::F32, data);
        let mut dtypes = BTreeMap::new();
        for spec in self.description.tensors() {
            let Some((name, tensor)) = self.tensors.get_key_value(&spec.name) else { continue };
            tensors.insert(name, (tensor.shape.clone(), written(spec.dtype, &tensor.data)));
            dtypes.insert(name.as_str(), spec.dtype);
        }
        tensors.insert(GOLDEN_ROWS, (vec![n, self.description.dim()], bytes(&golden.rows)));
        tensors.insert(GOLDEN_LOG_PROB, (vec![n], bytes(&golden.log_prob)));
        let context = self.description.context();
        if context > 0 {
            tensors.insert(GOLDEN_CONTEXT, (vec![n, context], bytes(&golden.context)));
        }

        let mut description = Map::new();
        let json = |value: Result<Value, serde_json::Error>| {
            value.map_err(|e| ModelError::Metadata(e.to_string()))
        };
        description.insert("version".into(), VERSION.into());
        description.insert("arithmetic".into(), json(serde_json::to_value(self.arithmetic))?);
        description.insert("distribution".into(), json(serde_json::to_value(&self.description))?);
        description.insert("golden_seed".into(), golden.seed.into());
        if let Some(names) = &self.names {
            description.insert("columns".into(), json(serde_json::to_value(names))?);
        }
        description.insert("provenance".into(), Value::Object(self.provenance.clone()));
        let contents = tensors.iter().map(|(name, (_, data))| (*name, data.as_slice()));
        let text = Value::Object(description).to_string();
        let text = text.strip_prefix('{').unwrap_or(&text);
        let text = hash_field(&hash(text, contents)) + text;
        Metadata::parse(&text)?;

        let mut views = Vec::new();
        for (name, (shape, data)) in &tensors {
            let dtype = dtypes.get(name).copied().unwrap_or(Dtype::F32);
            let view = TensorView::new(dtype, shape.clone(), data)
                .map_err(|e| ModelError::Container(e.to_string()))?;
            views.push((*name, view));
        }
        let metadata = [(KEY.to_string(), text)].into_iter().collect();
        safetensors::serialize(views, Some(metadata))
            .map_err(|e| ModelError::Container(e.to_string()))
    }
}

/// The description, checked, and the part of its text that the hash covers.
struct Metadata<'a> {
    version: u64,
    hashed: &'a str,
    hash: String,
    arithmetic: Arithmetic,
    description: Description,
    golden_seed: u64,
    names: Option<Names>,
    provenance: Map<String, Value>,
}

impl<'a> Metadata<'a> {
    fn parse(text: &'a str) -> Result<Self, ModelError> {
        let metadata = |e: serde_json::Error| ModelError::Metadata(e.to_string());
        serde_json::from_str::<UniqueKeys>(text).map_err(metadata)?;
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(metadata)?;
        let version = fields.remove("version");
        let version = match version.as_ref().and_then(Value::as_u64) {
            None => {
                let text = "`version`: expected a positive integer";
                return Err(ModelError::Metadata(text.into()));
            }
            Some(0) => {
                let text = "`version`: found 0, which is not a version: they count from 1";
                return Err(ModelError::Metadata(text.into()));
            }
            Some(version @ 1..=VERSION) => version,
            Some(found) => return Err(ModelError::Version { found, newest: VERSION }),
        };
        let hash: String = field(&mut fields, "hash")?;
        let hashed = text.strip_prefix(&hash_field(&hash)).ok_or_else(|| {
            ModelError::Metadata("`hash`: expected as the first key, with no spaces".into())
        })?;
        let description = match version {
            1 => field::<v1::Architecture>(&mut fields, "architecture")?.description()?,
            _ => field(&mut fields, "distribution")?,
        };
        description.validate()?;
        let arithmetic = field(&mut fields, "arithmetic")?;
        check_arithmetic(&description, arithmetic)?;
        let golden_seed = field(&mut fields, "golden_seed")?;
        let provenance = field(&mut fields, "provenance")?;
        let names = match version {
            2.. if fields.contains_key("columns") => Some(field::<Names>(&mut fields, "columns")?),
            _ => None,
        };
        names.iter().try_for_each(|names| names.check(&description))?;
        if let Some(key) = fields.keys().next() {
            return Err(ModelError::Metadata(format!("`{key}`: unknown key")));
        }
        Ok(Self { version, hashed, hash, arithmetic, description, golden_seed, names, provenance })
    }
}

/// Takes one field out of the description.
fn field<T: de::DeserializeOwned>(
    fields: &mut Map<String, Value>,
    key: &str,
) -> Result<T, ModelError> {
    let value =
        fields.remove(key).ok_or_else(|| ModelError::Metadata(format!("`{key}`: missing")))?;
    serde_json::from_value(value).map_err(|e| ModelError::Metadata(format!("`{key}`: {e}")))
}

/// What is wrong with a safetensors file, for those who have only cut it short.
#[doc(hidden)]
#[must_use]
pub fn unreadable(error: &SafeTensorError, bytes: &[u8]) -> String {
    match error {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => format!(
            "found {} bytes, fewer than the header has: the file is cut short, or is no safetensors \
             file",
            bytes.len()
        ),
        SafeTensorError::MetadataIncompleteBuffer => format!(
            "found {} bytes, expected as many as the header lists: the file is cut short, or \
             something follows it",
            bytes.len()
        ),
        SafeTensorError::TensorInvalidInfo => {
            of_two_sizes(bytes).unwrap_or_else(|| error.to_string())
        }
        _ => error.to_string(),
    }
}

/// What is wrong with the first tensor in the header whose shape and data have not the same size: the
/// container's reader does not say which it is.
fn of_two_sizes(bytes: &[u8]) -> Option<String> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).ok()?;
    header.into_iter().find_map(|(name, value)| {
        // The metadata are no tensor.
        let TensorInfo { dtype, shape, data_offsets } = serde_json::from_value(value).ok()?;
        let found = data_offsets.1.checked_sub(data_offsets.0)?;
        let bits = shape.iter().try_fold(dtype.bitsize(), |n, extent| n.checked_mul(*extent))?;
        (found != bits / 8).then(|| {
            let expected = format!("expected {} for shape {shape:?} of {dtype}", bits / 8);
            format!("tensor `{name}`: found {found} bytes, {expected}")
        })
    })
}

/// JSON in which no object has a key twice. Parsers of maps silently keep one of the two.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Self;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(de::Error::custom(format!("key `{key}`: found twice")));
            }
            keys.insert(key);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

/// A tensor's bytes: offsets were checked when the header was read.
fn content<'a>(info: &TensorInfo, data: &'a [u8]) -> &'a [u8] {
    &data[info.data_offsets.0..info.data_offsets.1]
}

fn read_tensor(name: &str, info: &TensorInfo, data: &[u8]) -> Result<Tensor, ModelError> {
    let bytes = content(info, data);
    let data = match info.dtype {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::I8 => bytes.iter().map(|b| f32::from(*b as i8)).collect(),
        Dtype::I16 => {
            bytes.as_chunks().0.iter().map(|b| f32::from(i16::from_le_bytes(*b))).collect()
        }
        // What is rounded here is out of the range that `check_tensor` allows.
        Dtype::I32 => bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) as f32).collect(),
        other => {
            let (tensor, found) = (name.into(), format!("{other:?}"));
            let expected = "F32, I8, I16 or I32".into();
            return Err(ModelError::ElementType { tensor, found, expected });
        }
    };
    Ok(Tensor { shape: info.shape.clone(), data })
}

/// Numbers as a file has them.
fn written(dtype: Dtype, data: &[f32]) -> Vec<u8> {
    match dtype {
        Dtype::I8 => data.iter().map(|x| (*x as i8) as u8).collect(),
        Dtype::I16 => data.iter().flat_map(|x| (*x as i16).to_le_bytes()).collect(),
        Dtype::I32 => data.iter().flat_map(|x| (*x as i32).to_le_bytes()).collect(),
        _ => data.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn check_shape(name: &str, expected: &[usize], tensor: Option<&Tensor>) -> Result<(), ModelError> {
    let (tensor_name, expected) = (name.into(), expected.to_vec());
    match tensor {
        None => Err(ModelError::MissingTensor { tensor: tensor_name, expected }),
        Some(tensor) if tensor.shape != expected => {
            Err(ModelError::Shape { tensor: tensor_name, found: tensor.shape.clone(), expected })
        }
        Some(_) => Ok(()),
    }
}

fn check_tensor(spec: &TensorSpec, tensor: Option<&Tensor>) -> Result<(), ModelError> {
    let name = &spec.name;
    check_shape(name, &spec.shape, tensor)?;
    let Some(tensor) = tensor else { return Ok(()) };
    check_entries(spec, &tensor.data)?;
    let mut masked = tensor.data.clone();
    spec.mask(&mut masked);
    let mut pairs = tensor.data.iter().zip(&masked);
    if let Some(index) = pairs.position(|(found, kept)| found != kept) {
        let found = tensor.data[index];
        return Err(ModelError::Masked { tensor: name.clone(), index, found });
    }
    Ok(())
}

fn read_golden(
    seed: u64,
    description: &Description,
    [context, rows, log_prob]: [Option<Tensor>; 3],
) -> Result<Golden, ModelError> {
    let either = rows.as_ref().or(log_prob.as_ref());
    let n = either.and_then(|tensor| tensor.shape.first().copied()).unwrap_or(0);
    check_shape(GOLDEN_ROWS, &[n, description.dim()], rows.as_ref())?;
    check_shape(GOLDEN_LOG_PROB, &[n], log_prob.as_ref())?;
    match (description.context(), &context) {
        (0, None) => {}
        (0, Some(_)) => return Err(ModelError::UnknownTensor { tensor: GOLDEN_CONTEXT.into() }),
        (one, context) => check_shape(GOLDEN_CONTEXT, &[n, one], context.as_ref())?,
    }
    let data = |tensor: Option<Tensor>| tensor.map(|tensor| tensor.data).unwrap_or_default();
    let (context, rows, log_prob) = (data(context), data(rows), data(log_prob));
    let golden = Golden { seed, context, rows, log_prob };
    check_golden(&golden)?;
    Ok(golden)
}

/// What reading and writing both demand of golden rows.
pub(super) fn check_golden(golden: &Golden) -> Result<(), ModelError> {
    check_golden_count(golden.log_prob.len())?;
    check_finite(GOLDEN_CONTEXT, &golden.context)?;
    check_finite(GOLDEN_ROWS, &golden.rows)?;
    check_finite(GOLDEN_LOG_PROB, &golden.log_prob)
}

pub(super) fn check_golden_count(found: usize) -> Result<(), ModelError> {
    if (1..=MAX_GOLDEN_ROWS).contains(&found) {
        Ok(())
    } else {
        Err(ModelError::GoldenRows { found, most: MAX_GOLDEN_ROWS })
    }
}

/// What the description's text begins with.
fn hash_field(hash: &str) -> String {
    format!("{{\"hash\":\"{hash}\",")
}

/// FNV-1a, 64 bits (Fowler, Noll & Vo): enough to find damage.
pub fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    fnv_onto(FNV_START, bytes)
}

/// The state before the first byte.
pub const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// [`fnv`] of what gave `state`, with more bytes behind it.
pub fn fnv_onto(state: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(state, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn hash<'a>(description: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let tensors = tensors.flat_map(|(name, data)| name.bytes().chain(data.iter().copied()));
    format!("{:016x}", fnv(description.bytes().chain(tensors)))
}
