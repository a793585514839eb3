//! A thousand rows with ln q of each of these models, as one hash, which is the same wherever they are drawn: the
//! engine's test `bits` draws them at every level of the host, of 64-bit Arm and of WebAssembly, the test of the
//! firmware on every emulated board.

/// The stream of the rows.
pub(super) const SEED: u64 = 9;
/// The first of them: they end on another page of 2^32 samples.
pub(super) const FIRST: u64 = (1 << 32) - 2;
/// How many.
pub(super) const N: usize = 1000;

/// A model of `codegen/tests/models`: its name, its file, and the hash.
pub(super) type Pinned = (&'static str, &'static [u8], u64);

macro_rules! pinned {
    ($($name:literal: $hash:literal,)*) => {
        [$((
            $name,
            include_bytes!(concat!("../../../codegen/tests/models/", $name, ".safetensors")),
            $hash,
        )),*]
    };
}

/// A changed hash is a value-breaking change.
pub(super) const PINNED: [Pinned; 17] = pinned! {
    "spins_plain": 0x8fbb_4354_1a7e_c760,
    "spins_fused": 0xfd8f_45f7_313e_681f,
    "spins_8": 0x39c2_bd42_2e01_ec73,
    "multilevel_plain": 0xe974_93ab_e7bf_7e2a,
    "multilevel_fused": 0x9ac0_7d5f_1e34_4074,
    "convolution_plain": 0xb917_01d1_00d7_7913,
    "convolution_fused": 0xd0ce_fe30_8e43_d89a,
    "counts_fused": 0xb060_1c26_e09a_c1b5,
    "successors_fused": 0x62f8_6750_bf70_8b41,
    "orbit_fused": 0xb3dc_379f_5cf3_9283,
    "nsf_plain": 0xa1df_1803_1611_5535,
    "nsf_fused": 0xe8b9_6ba2_47fc_939b,
    "nsf_8": 0x3d12_1239_d03d_132a,
    "given_plain": 0xb746_dd55_ccf9_6811,
    "flow_given_16": 0x601f_89d0_e6a3_8787,
    "spins_given_8": 0x2c0e_145d_0ffd_3b7e,
    "maf_given_8": 0x0cb7_e83e_c2fd_35a2,
};

/// What a row is given, of so many values.
pub(super) fn context(values: usize) -> Vec<f32> {
    (0..values).map(|i| 0.7 - 1.1 * i as f32).collect()
}

/// FNV-1a over the bits.
pub(super) fn hash<'a>(xs: impl IntoIterator<Item = &'a f32>) -> u64 {
    let bytes = xs.into_iter().flat_map(|x| x.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The hash of rows with ln q: all values of all rows, then each ln q.
pub(super) fn hash_of_rows(rows: &[f32], log_prob: &[f32]) -> u64 {
    hash(rows.iter().chain(log_prob))
}
