//! How a host and an instrument talk over a line that loses, damages and doubles bytes.
//!
//! This page is the specification, version [`VERSION`]. The modules are the code of both ends: frames
//! ([`frame`]), what is in them ([`message`]), and the instrument's end ([`device`]), which firmware polls
//! and tests run on the host. Nothing here allocates, panics or knows a model.
//!
//! # Frames
//! ```text
//! 0  COBS( header  id  body  checksum )  0
//!          1       4   …     4   bytes
//! ```
//! - COBS ([Cheshire and Baker 1999](https://doi.org/10.1109/90.769765)) takes the zeros out, so that a zero is
//!   the end of a frame and nothing else: whatever came before, a receiver is in step again at the next one. A
//!   sender writes one before a frame too; empty frames mean nothing.
//! - `header` is the version, and in its highest bit whether this is a reply: a line that is looped back does not
//!   answer itself.
//! - `id` (little-endian) is chosen by the host. A reply echoes the one that it answers, so that a late or doubled
//!   frame is never taken for another's answer. Header and id are the same in all versions: an instrument
//!   refuses what it does not know by name ([`Refusal::Version`](message::Refusal::Version)).
//! - `body` is a [`Request`](message::Request) or a [`Reply`](message::Reply) as
//!   [postcard](https://postcard.jamesmunns.com) writes it.
//! - `checksum` is the CRC-32 (ISO-HDLC, that of Ethernet and zip; little-endian) of all before it.
//!
//! A frame that is damaged, or longer than a receiver's buffer, is dropped and counted; nobody answers it.
//!
//! # Requests
//! | request | replies |
//! |---|---|
//! | `Info` | `Info` |
//! | `Context` | `Context`, with the checksum of what is now set |
//! | `Sample` | `Begin`, with the seed; a `Row` for each, with its index; `End` |
//! | `LogProb` | a `LogProb` for each row, with its index |
//! | `SelfTest` | `SelfTest`, once all of it ran |
//! | `Estimate` | `Estimate`, once all samples are weighed |
//! | `Threshold` | `Threshold` |
//! | `Score` | `Score` |
//! | `Stop` | `Stopped`: no row of an earlier request comes after it |
//! | any | `Refused`, with the reason |
//!
//! A request does not depend on those before it, so that an instrument may be reset at any time, and what got lost
//! may be asked for again. What is remembered is the context, zeros after a reset; so requests say which they
//! mean by its checksum, and are refused where another is set. Setting another context ends all requests that
//! are under way.
//!
//! `Sample`, `SelfTest`, `Estimate` and `Threshold` take their turn, [`QUEUE`] of them at most; all others are
//! answered between two rows. A row's values are the model's element type, little-endian; log-probabilities are
//! the bits of an `f32`. A `Sample` of seed 0 takes its seed from the instrument's entropy, and `Begin` and `End`
//! say which, so that a run can be replayed; with `n = 0` it is a way to ask for a seed.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod device;
pub mod frame;
pub mod message;

/// The version of the protocol.
pub const VERSION: u8 = 2;

/// Requests that may wait for their turn.
pub const QUEUE: usize = 4;

/// The checksum of frames, contexts and model files.
pub fn checksum(bytes: &[u8]) -> u32 {
    frame::CRC.checksum(bytes)
}
