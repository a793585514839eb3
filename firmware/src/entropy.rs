//! Bits that nobody can foresee, from what a chip has for it: of these the instrument makes a seed that it is not given.
//!
//! A source that does not answer gives zeros; when bytes arrive is stirred in with whatever it gives.

#[allow(unsafe_code)]
pub mod esp32c3;
#[allow(unsafe_code)]
pub mod nrf;
#[allow(unsafe_code)]
pub mod ring;
#[allow(unsafe_code)]
pub mod stm32;
#[allow(unsafe_code)]
pub mod trng;

/// Of a chip that has no source.
pub fn none() -> u64 {
    0
}

/// Stirs a word into others.
fn stir(bits: u64, word: u32) -> u64 {
    (bits ^ u64::from(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
