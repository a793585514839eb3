//! What can be wrong with a model.

use alloc::string::String;
use alloc::vec::Vec;

use super::Arithmetic;

/// A model that cannot be used, with the name of what is wrong, found and expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Not a safetensors file, or a damaged one.
    #[error("not a readable safetensors file: {0}")]
    Container(String),
    /// A safetensors file that is no model of ours.
    #[error(
        "metadata: found no `pushforward` entry, expected one: this safetensors file was not written as a pushforward model"
    )]
    NotAModel,
    /// A metadata entry that the format does not know.
    #[error("metadata `{key}`: unknown key, expected `pushforward` alone")]
    UnknownMetadata {
        /// Its name.
        key: String,
    },
    /// The description is not what the format says.
    #[error("metadata `pushforward`: {0}")]
    Metadata(String),
    /// A file written by a newer version.
    #[error(
        "format version: found {found}, expected at most {newest}; a newer pushforward wrote this file"
    )]
    Version {
        /// The file's version.
        found: u64,
        /// The newest this reader knows.
        newest: u64,
    },
    /// A description that makes no sense: all that is wrong with it.
    #[error("description {0}")]
    Description(super::Faults),
    /// A tensor that the description needs is not there.
    #[error("tensor `{tensor}`: missing, expected shape {expected:?}")]
    MissingTensor {
        /// Its name.
        tensor: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// A tensor that the description does not know.
    #[error("tensor `{tensor}`: found in the file, but the description has no such tensor")]
    UnknownTensor {
        /// Its name.
        tensor: String,
    },
    /// A tensor of the wrong shape.
    #[error("tensor `{tensor}`: found shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the description says.
        expected: Vec<usize>,
    },
    /// A tensor of the wrong element type.
    #[error("tensor `{tensor}`: found element type {found}, expected {expected}")]
    ElementType {
        /// Its name.
        tensor: String,
        /// Its type.
        found: String,
        /// The one that it has to have.
        expected: String,
    },
    /// A number that a tensor of integers does not hold.
    #[error("tensor `{tensor}`: found {found} at element {index}, expected {expected}")]
    Integer {
        /// Its name.
        tensor: String,
        /// The element's flat index.
        index: usize,
        /// The number.
        found: f32,
        /// What it holds.
        expected: String,
    },
    /// An arithmetic that the description's network does not have.
    #[error("`arithmetic`: found {}, expected {expected} for this network", found.name())]
    Arithmetic {
        /// The arithmetic.
        found: Arithmetic,
        /// Those that it has.
        expected: &'static str,
    },
    /// NaN or infinity among the weights.
    #[error("tensor `{tensor}`: found {found} at element {index}, expected finite numbers")]
    NotFinite {
        /// Its name.
        tensor: String,
        /// The element's flat index.
        index: usize,
        /// The element.
        found: f32,
    },
    /// A weight where the mask says there is none.
    #[error(
        "tensor `{tensor}`: found {found} at element {index}, expected 0: the mask forbids this connection"
    )]
    Masked {
        /// Its name.
        tensor: String,
        /// The element's flat index.
        index: usize,
        /// The element.
        found: f32,
    },
    /// No golden rows where there should be some, or more than a file may hold.
    #[error("tensor `golden.rows`: found {found} rows, expected 1 to {most}")]
    GoldenRows {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Another number of names than there are columns.
    #[error("`columns.{list}`: found {found} names, expected {expected}")]
    NameCount {
        /// Whose names: the row's or the context's.
        list: &'static str,
        /// How many there are.
        found: usize,
        /// How many values there are.
        expected: usize,
    },
    /// A name that no column can have.
    #[error("`columns.{list}`, number {}: found {found}, expected {expected}", index + 1)]
    Name {
        /// Whose name: the row's or the context's.
        list: &'static str,
        /// Which of them, counted from 0.
        index: usize,
        /// The name, or what is wrong with it.
        found: String,
        /// What a name is.
        expected: &'static str,
    },
    /// The content does not match its hash.
    #[error("content hash: found {found}, expected {expected}: the file is damaged")]
    Hash {
        /// Computed from the content.
        found: String,
        /// Written in the file.
        expected: String,
    },
    /// The wrong number of parameters.
    #[error("parameters: found {found}, expected {expected}")]
    Parameters {
        /// Given.
        found: usize,
        /// What the description has.
        expected: usize,
    },
}
