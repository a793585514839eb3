//! Arrays in and out, a chunk at a time: `.npy` and `.csv`; in only, `.npz`, Parquet and Arrow IPC.
//!
//! One row is one sample; axes after the first are flattened. `.npy` is read and written in C order
//! with a reader of our own, because a run may write more samples than fit in memory and the usual
//! crates want whole arrays. `-` is standard input or output, as CSV.
//!
//! Reading is strict: values are there and finite, rows have one width, and an error names the row and
//! column (counted from 1, and by name where it has one). A table's names go where its model goes, and
//! where both have names columns are matched by them ([`Reader::open_named`]). What is trained on is
//! read, split and measured by [`Table`]. Writing goes to a temporary name beside the target and is renamed
//! at the end, so that a failed command leaves nothing behind.

mod atomic;
mod bounds;
mod centring;
mod columns;
mod npy;
mod order;
mod own_units;
mod place;
mod read;
mod rows;
mod standardize;
mod table;
mod write;

pub(crate) use atomic::is_at;
pub use atomic::{Atomic, sweep, write_file};
pub use bounds::{Given, GivenParts};
pub use columns::{Column, Columns};
pub use order::Order;
pub use own_units::Kinds as OwnKinds;
pub use place::{distinct, is_standard_output};
pub use read::{Cell, Reader, on_disk};
pub use rows::{Rows, Stored};
pub use standardize::Units;
pub use table::{HELD_BYTES, HELD_OUT_BYTES, Table, Validation, Wanted};
pub use write::{Encoded, Format, Number, Writer};

#[cfg(test)]
mod tests;
