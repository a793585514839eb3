//! Any bytes are rows or an error, as a `.csv` file over reals and over spins.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod rows;

fuzz_target!(|bytes: &[u8]| rows::read("csv", bytes));
