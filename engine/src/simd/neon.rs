//! Four lanes: NEON of 64-bit Arm, which unlike that of 32-bit Arm is IEEE 754 throughout
//! (subnormals, division) and fuses.

use core::arch::aarch64::*;

level! {
    /// Proof that this CPU has NEON.
    Neon: 4 lanes with "neon", if true;
    type F = float32x4_t;
    type U = uint32x4_t;
    type M = uint32x4_t;
    fn splat(x: f32) -> F = vdupq_n_f32(x);
    fn splat_u(x: u32) -> U = vdupq_n_u32(x);
    fn lane_numbers() -> U = vld1q_u32([0, 1, 2, 3].as_ptr());
    fn load(a: &Array) -> F = vld1q_f32(a.as_ptr());
    fn store(x: F, a: &mut Array) = vst1q_f32(a.as_mut_ptr(), x);
    fn add(a: F, b: F) -> F = vaddq_f32(a, b);
    fn sub(a: F, b: F) -> F = vsubq_f32(a, b);
    fn mul(a: F, b: F) -> F = vmulq_f32(a, b);
    fn div(a: F, b: F) -> F = vdivq_f32(a, b);
    fn sqrt(x: F) -> F = vsqrtq_f32(x);
    fn mul_add(a: F, b: F, c: F) -> F = vfmaq_f32(c, a, b);
    fn lt(a: F, b: F) -> M = vcltq_f32(a, b);
    fn select(mask: M, yes: F, no: F) -> F = vbslq_f32(mask, yes, no);
    fn bits(x: F) -> U = vreinterpretq_u32_f32(x);
    fn from_bits(x: U) -> F = vreinterpretq_f32_u32(x);
    fn trunc_to_i32(x: F) -> U = vreinterpretq_u32_s32(vcvtq_s32_f32(x));
    fn i32_to_float(x: U) -> F = vcvtq_f32_s32(vreinterpretq_s32_u32(x));
    fn mul_u(a: U, b: U) -> U = vmulq_u32(a, b);
    fn add_u(a: U, b: U) -> U = vaddq_u32(a, b);
    fn sub_u(a: U, b: U) -> U = vsubq_u32(a, b);
    fn xor(a: U, b: U) -> U = veorq_u32(a, b);
    fn and(a: U, b: U) -> U = vandq_u32(a, b);
    fn or(a: U, b: U) -> U = vorrq_u32(a, b);
    fn shl<const N: u32>(a: U) -> U = vshlq_u32(a, vdupq_n_s32(N as i32));
    fn shr<const N: u32>(a: U) -> U = vshlq_u32(a, vdupq_n_s32(-(N as i32)));
    fn lt_u(a: U, b: U) -> M = vcltq_u32(a, b);
}
