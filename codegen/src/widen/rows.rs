//! The instructions that widening knows: one row each, 128 bits to 256 and to 512.
//!
//! A packed instruction does the same to each lane at every width, so most rows only name the wider
//! forms. What the row says otherwise is in `How`. Aligned moves become unaligned ones, for not
//! every stack frame is aligned.

use iced_x86::{Code, Mnemonic};

/// How the operands of a row change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// All vector registers widen.
    Lanes,
    /// The result widens; the source is one element.
    Source,
    /// A `pshufd` that repeats the low 64 bits; with another pattern it is refused.
    LowTwice,
    /// At 512 bits the result is a mask register, which is expanded to lanes of this many bits.
    Compare32,
    /// The same.
    Compare64,
    /// At 512 bits the last operand goes to a mask register first.
    Blend32,
    /// The same.
    Blend64,
    /// Sign bits to a general register; at 512 bits by way of a mask register.
    Signs32,
    /// The same.
    Signs64,
}

/// The wider forms of an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub ymm: Code,
    pub zmm: Code,
    pub how: How,
}

macro_rules! rows {
    ($($($narrow:ident)|+ => $ymm:ident, $zmm:ident, $how:ident;)*) => {
        /// The row of an instruction.
        pub(crate) fn row(code: Code) -> Option<Row> {
            let row = |ymm, zmm, how| Some(Row { ymm, zmm, how });
            match code {
                $($(Code::$narrow)|+ => row(Code::$ymm, Code::$zmm, How::$how),)*
                _ => None,
            }
        }
    };
}

#[rustfmt::skip]
rows! {
    VEX_Vmovups_xmm_xmmm128 | Movups_xmm_xmmm128 => VEX_Vmovups_ymm_ymmm256, EVEX_Vmovups_zmm_k1z_zmmm512, Lanes;
    VEX_Vmovups_xmmm128_xmm | Movups_xmmm128_xmm => VEX_Vmovups_ymmm256_ymm, EVEX_Vmovups_zmmm512_k1z_zmm, Lanes;
    VEX_Vmovupd_xmm_xmmm128 | Movupd_xmm_xmmm128 => VEX_Vmovupd_ymm_ymmm256, EVEX_Vmovupd_zmm_k1z_zmmm512, Lanes;
    VEX_Vmovupd_xmmm128_xmm | Movupd_xmmm128_xmm => VEX_Vmovupd_ymmm256_ymm, EVEX_Vmovupd_zmmm512_k1z_zmm, Lanes;
    VEX_Vmovaps_xmm_xmmm128 | Movaps_xmm_xmmm128 => VEX_Vmovups_ymm_ymmm256, EVEX_Vmovups_zmm_k1z_zmmm512, Lanes;
    VEX_Vmovaps_xmmm128_xmm | Movaps_xmmm128_xmm => VEX_Vmovups_ymmm256_ymm, EVEX_Vmovups_zmmm512_k1z_zmm, Lanes;
    VEX_Vmovapd_xmm_xmmm128 | Movapd_xmm_xmmm128 => VEX_Vmovups_ymm_ymmm256, EVEX_Vmovups_zmm_k1z_zmmm512, Lanes;
    VEX_Vmovapd_xmmm128_xmm | Movapd_xmmm128_xmm => VEX_Vmovups_ymmm256_ymm, EVEX_Vmovups_zmmm512_k1z_zmm, Lanes;
    VEX_Vmovdqa_xmm_xmmm128 | Movdqa_xmm_xmmm128 => VEX_Vmovdqu_ymm_ymmm256, EVEX_Vmovdqu32_zmm_k1z_zmmm512, Lanes;
    VEX_Vmovdqa_xmmm128_xmm | Movdqa_xmmm128_xmm => VEX_Vmovdqu_ymmm256_ymm, EVEX_Vmovdqu32_zmmm512_k1z_zmm, Lanes;
    VEX_Vmovdqu_xmm_xmmm128 | Movdqu_xmm_xmmm128 => VEX_Vmovdqu_ymm_ymmm256, EVEX_Vmovdqu32_zmm_k1z_zmmm512, Lanes;
    VEX_Vmovdqu_xmmm128_xmm | Movdqu_xmmm128_xmm => VEX_Vmovdqu_ymmm256_ymm, EVEX_Vmovdqu32_zmmm512_k1z_zmm, Lanes;
    VEX_Vaddps_xmm_xmm_xmmm128 => VEX_Vaddps_ymm_ymm_ymmm256, EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vaddpd_xmm_xmm_xmmm128 => VEX_Vaddpd_ymm_ymm_ymmm256, EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vsubps_xmm_xmm_xmmm128 => VEX_Vsubps_ymm_ymm_ymmm256, EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vsubpd_xmm_xmm_xmmm128 => VEX_Vsubpd_ymm_ymm_ymmm256, EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vmulps_xmm_xmm_xmmm128 => VEX_Vmulps_ymm_ymm_ymmm256, EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vmulpd_xmm_xmm_xmmm128 => VEX_Vmulpd_ymm_ymm_ymmm256, EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vdivps_xmm_xmm_xmmm128 => VEX_Vdivps_ymm_ymm_ymmm256, EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vdivpd_xmm_xmm_xmmm128 => VEX_Vdivpd_ymm_ymm_ymmm256, EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vminps_xmm_xmm_xmmm128 => VEX_Vminps_ymm_ymm_ymmm256, EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae, Lanes;
    VEX_Vminpd_xmm_xmm_xmmm128 => VEX_Vminpd_ymm_ymm_ymmm256, EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae, Lanes;
    VEX_Vmaxps_xmm_xmm_xmmm128 => VEX_Vmaxps_ymm_ymm_ymmm256, EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae, Lanes;
    VEX_Vmaxpd_xmm_xmm_xmmm128 => VEX_Vmaxpd_ymm_ymm_ymmm256, EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae, Lanes;
    VEX_Vandps_xmm_xmm_xmmm128 => VEX_Vandps_ymm_ymm_ymmm256, EVEX_Vandps_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vandpd_xmm_xmm_xmmm128 => VEX_Vandpd_ymm_ymm_ymmm256, EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64, Lanes;
    VEX_Vorps_xmm_xmm_xmmm128 => VEX_Vorps_ymm_ymm_ymmm256, EVEX_Vorps_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vorpd_xmm_xmm_xmmm128 => VEX_Vorpd_ymm_ymm_ymmm256, EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64, Lanes;
    VEX_Vxorps_xmm_xmm_xmmm128 => VEX_Vxorps_ymm_ymm_ymmm256, EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vxorpd_xmm_xmm_xmmm128 => VEX_Vxorpd_ymm_ymm_ymmm256, EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64, Lanes;
    VEX_Vandnps_xmm_xmm_xmmm128 => VEX_Vandnps_ymm_ymm_ymmm256, EVEX_Vandnps_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vandnpd_xmm_xmm_xmmm128 => VEX_Vandnpd_ymm_ymm_ymmm256, EVEX_Vandnpd_zmm_k1z_zmm_zmmm512b64, Lanes;
    VEX_Vpand_xmm_xmm_xmmm128 => VEX_Vpand_ymm_ymm_ymmm256, EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpor_xmm_xmm_xmmm128 => VEX_Vpor_ymm_ymm_ymmm256, EVEX_Vpord_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpxor_xmm_xmm_xmmm128 => VEX_Vpxor_ymm_ymm_ymmm256, EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpandn_xmm_xmm_xmmm128 => VEX_Vpandn_ymm_ymm_ymmm256, EVEX_Vpandnd_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpaddd_xmm_xmm_xmmm128 => VEX_Vpaddd_ymm_ymm_ymmm256, EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpaddq_xmm_xmm_xmmm128 => VEX_Vpaddq_ymm_ymm_ymmm256, EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64, Lanes;
    VEX_Vpsubd_xmm_xmm_xmmm128 => VEX_Vpsubd_ymm_ymm_ymmm256, EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpsubq_xmm_xmm_xmmm128 => VEX_Vpsubq_ymm_ymm_ymmm256, EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64, Lanes;
    VEX_Vpmulld_xmm_xmm_xmmm128 => VEX_Vpmulld_ymm_ymm_ymmm256, EVEX_Vpmulld_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpminsd_xmm_xmm_xmmm128 => VEX_Vpminsd_ymm_ymm_ymmm256, EVEX_Vpminsd_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpmaxsd_xmm_xmm_xmmm128 => VEX_Vpmaxsd_ymm_ymm_ymmm256, EVEX_Vpmaxsd_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpminud_xmm_xmm_xmmm128 => VEX_Vpminud_ymm_ymm_ymmm256, EVEX_Vpminud_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpmaxud_xmm_xmm_xmmm128 => VEX_Vpmaxud_ymm_ymm_ymmm256, EVEX_Vpmaxud_zmm_k1z_zmm_zmmm512b32, Lanes;
    VEX_Vpshufb_xmm_xmm_xmmm128 => VEX_Vpshufb_ymm_ymm_ymmm256, EVEX_Vpshufb_zmm_k1z_zmm_zmmm512, Lanes;
    VEX_Vfmadd132ps_xmm_xmm_xmmm128 => VEX_Vfmadd132ps_ymm_ymm_ymmm256, EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfmadd132pd_xmm_xmm_xmmm128 => VEX_Vfmadd132pd_ymm_ymm_ymmm256, EVEX_Vfmadd132pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfmadd213ps_xmm_xmm_xmmm128 => VEX_Vfmadd213ps_ymm_ymm_ymmm256, EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfmadd213pd_xmm_xmm_xmmm128 => VEX_Vfmadd213pd_ymm_ymm_ymmm256, EVEX_Vfmadd213pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfmadd231ps_xmm_xmm_xmmm128 => VEX_Vfmadd231ps_ymm_ymm_ymmm256, EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfmadd231pd_xmm_xmm_xmmm128 => VEX_Vfmadd231pd_ymm_ymm_ymmm256, EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfnmadd132ps_xmm_xmm_xmmm128 => VEX_Vfnmadd132ps_ymm_ymm_ymmm256, EVEX_Vfnmadd132ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfnmadd132pd_xmm_xmm_xmmm128 => VEX_Vfnmadd132pd_ymm_ymm_ymmm256, EVEX_Vfnmadd132pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfnmadd213ps_xmm_xmm_xmmm128 => VEX_Vfnmadd213ps_ymm_ymm_ymmm256, EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfnmadd213pd_xmm_xmm_xmmm128 => VEX_Vfnmadd213pd_ymm_ymm_ymmm256, EVEX_Vfnmadd213pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfnmadd231ps_xmm_xmm_xmmm128 => VEX_Vfnmadd231ps_ymm_ymm_ymmm256, EVEX_Vfnmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfnmadd231pd_xmm_xmm_xmmm128 => VEX_Vfnmadd231pd_ymm_ymm_ymmm256, EVEX_Vfnmadd231pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfmsub132ps_xmm_xmm_xmmm128 => VEX_Vfmsub132ps_ymm_ymm_ymmm256, EVEX_Vfmsub132ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfmsub132pd_xmm_xmm_xmmm128 => VEX_Vfmsub132pd_ymm_ymm_ymmm256, EVEX_Vfmsub132pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfmsub213ps_xmm_xmm_xmmm128 => VEX_Vfmsub213ps_ymm_ymm_ymmm256, EVEX_Vfmsub213ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfmsub213pd_xmm_xmm_xmmm128 => VEX_Vfmsub213pd_ymm_ymm_ymmm256, EVEX_Vfmsub213pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfmsub231ps_xmm_xmm_xmmm128 => VEX_Vfmsub231ps_ymm_ymm_ymmm256, EVEX_Vfmsub231ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfmsub231pd_xmm_xmm_xmmm128 => VEX_Vfmsub231pd_ymm_ymm_ymmm256, EVEX_Vfmsub231pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfnmsub132ps_xmm_xmm_xmmm128 => VEX_Vfnmsub132ps_ymm_ymm_ymmm256, EVEX_Vfnmsub132ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfnmsub132pd_xmm_xmm_xmmm128 => VEX_Vfnmsub132pd_ymm_ymm_ymmm256, EVEX_Vfnmsub132pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfnmsub213ps_xmm_xmm_xmmm128 => VEX_Vfnmsub213ps_ymm_ymm_ymmm256, EVEX_Vfnmsub213ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfnmsub213pd_xmm_xmm_xmmm128 => VEX_Vfnmsub213pd_ymm_ymm_ymmm256, EVEX_Vfnmsub213pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vfnmsub231ps_xmm_xmm_xmmm128 => VEX_Vfnmsub231ps_ymm_ymm_ymmm256, EVEX_Vfnmsub231ps_zmm_k1z_zmm_zmmm512b32_er, Lanes;
    VEX_Vfnmsub231pd_xmm_xmm_xmmm128 => VEX_Vfnmsub231pd_ymm_ymm_ymmm256, EVEX_Vfnmsub231pd_zmm_k1z_zmm_zmmm512b64_er, Lanes;
    VEX_Vsqrtps_xmm_xmmm128 => VEX_Vsqrtps_ymm_ymmm256, EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er, Lanes;
    VEX_Vsqrtpd_xmm_xmmm128 => VEX_Vsqrtpd_ymm_ymmm256, EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er, Lanes;
    VEX_Vcvtdq2ps_xmm_xmmm128 => VEX_Vcvtdq2ps_ymm_ymmm256, EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, Lanes;
    VEX_Vcvttps2dq_xmm_xmmm128 => VEX_Vcvttps2dq_ymm_ymmm256, EVEX_Vcvttps2dq_zmm_k1z_zmmm512b32_sae, Lanes;
    VEX_Vpabsd_xmm_xmmm128 => VEX_Vpabsd_ymm_ymmm256, EVEX_Vpabsd_zmm_k1z_zmmm512b32, Lanes;
    VEX_Vroundps_xmm_xmmm128_imm8 => VEX_Vroundps_ymm_ymmm256_imm8, EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae, Lanes;
    VEX_Vroundpd_xmm_xmmm128_imm8 => VEX_Vroundpd_ymm_ymmm256_imm8, EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae, Lanes;
    VEX_Vpslld_xmm_xmm_imm8 => VEX_Vpslld_ymm_ymm_imm8, EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8, Lanes;
    VEX_Vpsrld_xmm_xmm_imm8 => VEX_Vpsrld_ymm_ymm_imm8, EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8, Lanes;
    VEX_Vpsrad_xmm_xmm_imm8 => VEX_Vpsrad_ymm_ymm_imm8, EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8, Lanes;
    VEX_Vpsllq_xmm_xmm_imm8 => VEX_Vpsllq_ymm_ymm_imm8, EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8, Lanes;
    VEX_Vpsrlq_xmm_xmm_imm8 => VEX_Vpsrlq_ymm_ymm_imm8, EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8, Lanes;
    VEX_Vbroadcastss_xmm_xmm => VEX_Vbroadcastss_ymm_xmm, EVEX_Vbroadcastss_zmm_k1z_xmmm32, Source;
    VEX_Vbroadcastss_xmm_m32 => VEX_Vbroadcastss_ymm_m32, EVEX_Vbroadcastss_zmm_k1z_xmmm32, Source;
    VEX_Vpbroadcastd_xmm_xmmm32 => VEX_Vpbroadcastd_ymm_xmmm32, EVEX_Vpbroadcastd_zmm_k1z_xmmm32, Source;
    VEX_Vpbroadcastq_xmm_xmmm64 => VEX_Vpbroadcastq_ymm_xmmm64, EVEX_Vpbroadcastq_zmm_k1z_xmmm64, Source;
    VEX_Vmovddup_xmm_xmmm64 => VEX_Vpbroadcastq_ymm_xmmm64, EVEX_Vpbroadcastq_zmm_k1z_xmmm64, Source;
    VEX_Vpshufd_xmm_xmmm128_imm8 => VEX_Vpbroadcastq_ymm_xmmm64, EVEX_Vpbroadcastq_zmm_k1z_xmmm64, LowTwice;
    VEX_Vcmpps_xmm_xmm_xmmm128_imm8 => VEX_Vcmpps_ymm_ymm_ymmm256_imm8, EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae, Compare32;
    VEX_Vcmppd_xmm_xmm_xmmm128_imm8 => VEX_Vcmppd_ymm_ymm_ymmm256_imm8, EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae, Compare64;
    VEX_Vpcmpeqd_xmm_xmm_xmmm128 => VEX_Vpcmpeqd_ymm_ymm_ymmm256, EVEX_Vpcmpeqd_kr_k1_zmm_zmmm512b32, Compare32;
    VEX_Vpcmpgtd_xmm_xmm_xmmm128 => VEX_Vpcmpgtd_ymm_ymm_ymmm256, EVEX_Vpcmpgtd_kr_k1_zmm_zmmm512b32, Compare32;
    VEX_Vpcmpeqq_xmm_xmm_xmmm128 => VEX_Vpcmpeqq_ymm_ymm_ymmm256, EVEX_Vpcmpeqq_kr_k1_zmm_zmmm512b64, Compare64;
    VEX_Vpcmpgtq_xmm_xmm_xmmm128 => VEX_Vpcmpgtq_ymm_ymm_ymmm256, EVEX_Vpcmpgtq_kr_k1_zmm_zmmm512b64, Compare64;
    VEX_Vblendvps_xmm_xmm_xmmm128_xmm => VEX_Vblendvps_ymm_ymm_ymmm256_ymm, EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32, Blend32;
    VEX_Vblendvpd_xmm_xmm_xmmm128_xmm => VEX_Vblendvpd_ymm_ymm_ymmm256_ymm, EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64, Blend64;
    VEX_Vpblendvb_xmm_xmm_xmmm128_xmm => VEX_Vpblendvb_ymm_ymm_ymmm256_ymm, EVEX_Vpblendmd_zmm_k1z_zmm_zmmm512b32, Blend32;
    VEX_Vmovmskps_r32_xmm => VEX_Vmovmskps_r32_ymm, EVEX_Vpmovd2m_kr_zmm, Signs32;
    VEX_Vmovmskpd_r32_xmm => VEX_Vmovmskpd_r32_ymm, EVEX_Vpmovq2m_kr_zmm, Signs64;
    VEX_Vmovmskps_r64_xmm => VEX_Vmovmskps_r64_ymm, EVEX_Vpmovd2m_kr_zmm, Signs32;
    VEX_Vmovmskpd_r64_xmm => VEX_Vmovmskpd_r64_ymm, EVEX_Vpmovq2m_kr_zmm, Signs64;
}

/// Instructions on one element, which stay as they are.
pub(crate) fn scalar(m: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(
        m,
        Movss
            | Movsd
            | Movd
            | Movq
            | Vmovss
            | Vmovsd
            | Vmovd
            | Vmovq
            | Vaddss
            | Vaddsd
            | Vsubss
            | Vsubsd
            | Vmulss
            | Vmulsd
            | Vdivss
            | Vdivsd
            | Vminss
            | Vminsd
            | Vmaxss
            | Vmaxsd
            | Vsqrtss
            | Vsqrtsd
            | Vroundss
            | Vroundsd
            | Vucomiss
            | Vucomisd
            | Vcmpss
            | Vcmpsd
            | Vcvtsi2ss
            | Vcvtsi2sd
            | Vcvttss2si
            | Vcvttsd2si
            | Vcvtss2sd
            | Vcvtsd2ss
            | Vfmadd132ss
            | Vfmadd132sd
            | Vfmadd213ss
            | Vfmadd213sd
            | Vfmadd231ss
            | Vfmadd231sd
            | Vfnmadd132ss
            | Vfnmadd132sd
            | Vfnmadd213ss
            | Vfnmadd213sd
            | Vfnmadd231ss
            | Vfnmadd231sd
            | Vfmsub132ss
            | Vfmsub132sd
            | Vfmsub213ss
            | Vfmsub213sd
            | Vfmsub231ss
            | Vfmsub231sd
            | Vfnmsub132ss
            | Vfnmsub132sd
            | Vfnmsub213ss
            | Vfnmsub213sd
            | Vfnmsub231ss
            | Vfnmsub231sd
    )
}
