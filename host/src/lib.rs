//! The host side of pushforward: training, and everything behind the command line.
//!
//! [`config`] and [`data`] read what a user gives, [`energy`] holds the Hamiltonians, [`train`] the
//! optimisation with its [`ops`] on a [`device`]; a [`problem`] is a config made concrete, and [`fit`] runs it with [`checkpoint`]s in the folder of
//! a [`run`], until it is done or one of the [`signals`] comes. A trained model is [`loaded`], held
//! against its target by [`mod@estimate`], against its own description by
//! [`reference`](mod@reference) and its draws against its scores by [`paths`], against data by
//! [`calibration`], timed by
//! [`timing`], and run on a [`board`]. Models of other libraries come by [`mod@import`]. [`cli`] has one
//! file per verb.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod board;
pub mod calibration;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod data;
pub mod device;
pub mod energy;
pub mod error;
pub mod estimate;
pub mod fit;
pub mod import;
pub mod inverse;
pub mod linear;
pub mod loaded;
pub mod ops;
pub mod paths;
pub mod problem;
pub mod quantize;
pub mod report;
pub mod run;
pub mod signals;
pub mod timing;
pub mod train;
