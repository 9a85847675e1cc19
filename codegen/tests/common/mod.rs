//! Helpers shared by the tests: run kernels on byte buffers.
#![allow(unsafe_code, dead_code, missing_docs)]

use craneflow_codegen::{MemRef, Options, Target, compile};
use craneflow_ir::loops::Kernel;
use craneflow_ir::{DType, Native, Scalar};

/// Memory aligned to 64 bytes.
pub struct Buffer(Vec<[u64; 8]>, usize);

impl Buffer {
    pub fn new(bytes: usize) -> Buffer {
        Buffer(vec![[0; 8]; bytes.div_ceil(64).max(1)], bytes)
    }
    pub fn of(data: &[Scalar]) -> Buffer {
        let size = data.first().map_or(1, |s| s.ty.size());
        let mut b = Buffer::new(size * data.len());
        for (i, s) in data.iter().enumerate() {
            b.bytes()[i * size..(i + 1) * size].copy_from_slice(&s.bits.to_le_bytes()[..size]);
        }
        b
    }
    pub fn bytes_of(data: &[u8]) -> Buffer {
        let mut b = Buffer::new(data.len());
        b.bytes().copy_from_slice(data);
        b
    }
    pub fn bytes(&mut self) -> &mut [u8] {
        let n = self.1;
        // SAFETY: the vector holds at least `n` bytes, and any bytes are valid `u8`s.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), n) }
    }
    pub fn get(&mut self, ty: DType, i: usize) -> Scalar {
        let size = ty.size();
        let mut bits = [0; 8];
        bits[..size].copy_from_slice(&self.bytes()[i * size..(i + 1) * size]);
        Scalar {
            ty,
            bits: u64::from_le_bytes(bits),
        }
    }
    pub fn mem(&mut self) -> MemRef {
        let n = self.1;
        // SAFETY: tests run one kernel at a time while the buffer lives.
        unsafe { MemRef::new(self.0.as_mut_ptr().cast(), n) }
    }
}

pub fn options(target: Target) -> Options {
    Options {
        verify: true,
        threads: 2,
        listing: true,
        target,
        vector_bits: 512,
    }
}

/// Runs a kernel over its grid in parts that end at `cuts` (and at the end of the grid).
pub fn run(kernel: &Kernel, target: Target, buffers: &mut [Buffer], cuts: &[usize]) {
    let code = compile(&[kernel], &options(target)).unwrap();
    assert_eq!(code.refused(0), None, "{}", code.disassembly(0).unwrap());
    let entry = code.entry(0);
    let args: Vec<MemRef> = buffers.iter_mut().map(Buffer::mem).collect();
    let mut scratch = Buffer::new(kernel.scratch_bytes());
    let bound = entry.bind(&args).unwrap();
    let mut start = 0;
    for &end in cuts.iter().chain([&kernel.grid()]) {
        bound.call(scratch.mem(), start, end);
        start = end;
    }
}

/// Equal bits, or both NaN where the payload is the target's business.
pub fn same(a: Scalar, b: Scalar) -> bool {
    let nan = |s: Scalar| s.ty.is_float() && s.to_f64().is_nan();
    a == b || (a.ty == b.ty && nan(a) && nan(b))
}

/// Values at the edges of a type.
pub fn edges(ty: DType) -> Vec<Scalar> {
    use DType::*;
    let bits = |list: &[u64]| list.iter().map(|&bits| Scalar { ty, bits }).collect();
    match ty {
        Bool => bits(&[0, 1]),
        F32 => {
            let mut v = vec![
                0.0f32, 1.0, -1.5, 2.5, 0.5, 3.7, -127.9, 255.5, 65519.9, 65520.0,
            ];
            v.extend([
                1e-3,
                127.0,
                128.0,
                32768.0,
                -32768.5,
                1e-10,
                7.2e-8,
                2.147_483_6e9,
            ]);
            v.extend([
                -2.147_483_6e9,
                4.294_967e9,
                9.3e18,
                1.8e19,
                -9.2e18,
                1e30,
                f32::MAX,
            ]);
            v.extend([
                f32::MIN_POSITIVE,
                1e-45,
                3e-39,
                f32::INFINITY,
                f32::NAN,
                8388609.0,
            ]);
            let m: Vec<f32> = v.iter().map(|x| -x).collect();
            v.iter().chain(&m).map(|&x| Scalar::f32(x)).collect()
        }
        F64 => {
            let mut v = vec![
                0.0f64,
                1.0,
                -1.5,
                2.5,
                0.5,
                3.7,
                -127.9,
                255.5,
                1e-3,
                2147483647.5,
            ];
            v.extend([
                2147483648.0,
                4294967295.5,
                4294967296.0,
                9.3e18,
                1.8e19,
                1.9e19,
                1e300,
            ]);
            v.extend([
                5e-324,
                1e-310,
                f64::INFINITY,
                f64::NAN,
                1e-40,
                3.5e38,
                4503599627370497.5,
            ]);
            let m: Vec<f64> = v.iter().map(|x| -x).collect();
            v.iter().chain(&m).map(|&x| Scalar::f64(x)).collect()
        }
        F16 => (0..=0xffff)
            .step_by(37)
            .map(|bits| Scalar { ty, bits })
            .collect(),
        BF16 => (0..=0xffff)
            .step_by(41)
            .map(|bits| Scalar { ty, bits })
            .collect(),
        _ => {
            let w = ty.bits() as u32;
            let top = 1u64 << (w - 1);
            let mask = u64::MAX >> (64 - w);
            let mut v = vec![0, 1, 2, 3, 7, 8, 10, 63, 64, 65, 31, 32, 33, 15, 16, 100];
            v.extend([
                top - 1,
                top,
                top + 1,
                mask,
                mask - 1,
                mask - 6,
                0x5555_5555_5555_5555,
            ]);
            v.extend([
                0x0123_4567_89ab_cdef,
                1 << 53,
                (1 << 53) + 1,
                (1 << 24) + 1,
                top | 0x81,
            ]);
            v.extend([
                0x8000_0080_0000_0001,
                0x8000_0080_0000_0000,
                0x7fff_ffff_ffff_fdff,
            ]);
            v.iter_mut().for_each(|x| *x &= mask);
            v.sort();
            v.dedup();
            bits(&v)
        }
    }
}

/// Every native operation with every target type.
pub fn ops() -> Vec<Native> {
    use Native::*;
    let mut ops = vec![
        Add, Sub, Mul, Div, Rem, Neg, Abs, Min, Max, Sqrt, Fma, Floor, Ceil, Trunc, Nearest, And,
        Or, Xor, Not, Shl, ShrLogical, ShrArith, Popcnt, Clz, Select,
    ];
    ops.extend(craneflow_ir::Cmp::ALL.map(|(c, _)| Cmp(c)));
    for ty in DType::ALL {
        ops.extend([Bitcast(ty), Convert(ty)]);
    }
    ops
}
