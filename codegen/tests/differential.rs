//! Random kernels, scheduled for every width, as machine code against the loop interpreter.

mod common;

use common::{Buffer, options, same};
use craneflow_codegen::{MemRef, Target, compile};
use craneflow_ir::loops::build::KernelBuilder;
use craneflow_ir::loops::eval::eval_kernel;
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::verify::verify_kernel;
use craneflow_ir::loops::{Access, Kernel, LoopKind, Mem, Val};
use craneflow_ir::{Cmp, DType, Emit, Native, Scalar};
use craneflow_passes::schedule::{self, schedule};
use proptest::prelude::*;

/// Draws choices from a list of numbers; the empty list means zeros, to which proptest shrinks.
struct Choices {
    numbers: Vec<u32>,
    next: usize,
}

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        self.numbers
            .get(self.next - 1)
            .map_or(0, |&x| x as usize % n)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const TYPES: [DType; 10] = [
    DType::F32,
    DType::I32,
    DType::Bool,
    DType::F64,
    DType::U32,
    DType::I64,
    DType::U8,
    DType::F16,
    DType::U64,
    DType::I16,
];

/// A nest over a few axes: loads with any strides, a chain of operations, one store per item or a
/// running sum.
fn kernel(c: &mut Choices) -> Kernel {
    let extents: Vec<usize> = (0..1 + c.below(3)).map(|_| 1 + c.below(19)).collect();
    let split = c.below(extents.len() + 1);
    let grid: usize = extents[..split].iter().product();
    let mut k = KernelBuilder::new("random", grid);
    let mut at = k.grid().unravel(&extents[..split]);
    let kinds = [LoopKind::Lanes, LoopKind::Serial, LoopKind::Unroll];
    let kind = if extents.last() < Some(&9) {
        c.pick(&kinds)
    } else {
        c.pick(&kinds[..2])
    };
    let total: usize = extents.iter().product();
    let sums = c.below(4) == 0 && split < extents.len();
    let ty = c.pick(if sums { &TYPES[..2] } else { &TYPES });
    let outputs = if sums { grid } else { total };
    let out = k.param(ty, outputs, Access::Write);
    let zero = k.constant(Scalar::from_f64(ty, 0.0));
    let acc = sums.then(|| k.var(zero));
    if let Some(acc) = acc {
        k.set(acc, zero);
    }
    let item = k.grid();
    k.nest(&extents[split..], kind, &mut |k, inner| {
        at.truncate(split);
        at.extend_from_slice(inner);
        let v = value(k, c, &at, &extents, ty, 3);
        match acc {
            Some(acc) => {
                let s = k.get(acc);
                let s = k.native(Native::Add, &[s, v]);
                k.set(acc, s);
            }
            None => k.store(out, &Index::linear(&at, &extents), v),
        }
    });
    if let Some(acc) = acc {
        let s = k.get(acc);
        k.store(out, &item, s);
    }
    k.finish()
}

/// An element of a new parameter, at an address that is any affine function of the indices.
fn load(k: &mut KernelBuilder, c: &mut Choices, at: &[Index], extents: &[usize], ty: DType) -> Val {
    let mut index = Index::constant(c.below(3) as i64);
    let (mut least, mut most) = (0, 0);
    for (i, &extent) in at.iter().zip(extents) {
        let stride = c.pick(&[1i64, 0, 2, 3, -1, 19, -4, 100]);
        index = index.add(&i.mul(stride));
        let end = stride * (extent as i64 - 1);
        least += end.min(0);
        most += end.max(0);
    }
    let mem: Mem = k.param(ty, (most - least) as usize + 3, Access::Read);
    k.load(mem, &index.plus(-least))
}

fn value(
    k: &mut KernelBuilder,
    c: &mut Choices,
    at: &[Index],
    extents: &[usize],
    ty: DType,
    depth: usize,
) -> Val {
    let half = matches!(ty, DType::F16);
    match c.below(if depth == 0 { 2 } else { 6 }) {
        0 => load(k, c, at, extents, ty),
        1 => {
            let x = c.below(9) as f64 - 3.0;
            k.constant(Scalar::from_f64(ty, x))
        }
        2 if !half => {
            let op = match (ty.is_float(), ty) {
                (true, _) => c.pick(&[Native::Add, Native::Mul, Native::Max, Native::Min]),
                (_, DType::Bool) => c.pick(&[Native::And, Native::Xor]),
                _ => c.pick(&[
                    Native::Sub,
                    Native::Mul,
                    Native::Xor,
                    Native::Max,
                    Native::Div,
                ]),
            };
            let x = value(k, c, at, extents, ty, depth - 1);
            let y = value(k, c, at, extents, ty, depth - 1);
            k.native(op, &[x, y])
        }
        3 => {
            let from = c.pick(&TYPES);
            let x = value(k, c, at, extents, from, depth - 1);
            let by_f32 = matches!(from, DType::F16) || half;
            let x = match by_f32 {
                true => k.native(Native::Convert(DType::F32), &[x]),
                false => x,
            };
            k.native(Native::Convert(ty), &[x])
        }
        4 if ty == DType::Bool => {
            let from = c.pick(&[DType::F32, DType::I32, DType::F64, DType::U64]);
            let x = value(k, c, at, extents, from, depth - 1);
            let y = value(k, c, at, extents, from, depth - 1);
            k.native(Native::Cmp(c.pick(&[Cmp::Lt, Cmp::Ge, Cmp::Ne])), &[x, y])
        }
        _ => {
            let n = c.below(extents.len());
            let (lo, hi) = (c.below(4) as i64, 1 + c.below(extents[n]) as i64);
            let test = match c.below(2) {
                0 => k.within(&at[n], lo, hi),
                _ => value(k, c, at, extents, DType::Bool, depth - 1),
            };
            let x = value(k, c, at, extents, ty, depth - 1);
            let y = value(k, c, at, extents, ty, depth - 1);
            k.native(Native::Select, &[test, x, y])
        }
    }
}

fn fill(kernel: &Kernel, seed: &mut u32) -> Vec<Vec<u8>> {
    let fill = |ty: DType, len: usize, seed: &mut u32| {
        let mut bytes = vec![];
        for _ in 0..len {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = (*seed >> 16) as f64 / 256.0 - 128.0;
            let s = match ty {
                DType::Bool => Scalar::bool(x > 0.0),
                _ => Scalar::from_f64(ty, x),
            };
            bytes.extend_from_slice(&s.bits.to_le_bytes()[..ty.size()]);
        }
        bytes
    };
    let params = kernel.params.iter();
    params.map(|p| fill(p.dtype, p.len, seed)).collect()
}

fn check(plain: &Kernel, cut: usize) {
    verify_kernel(plain).unwrap();
    let args = fill(plain, &mut 1);
    let mut want = args.clone();
    eval_kernel(plain, &mut want, 0, plain.grid()).unwrap();
    for lanes_32 in [0, 4, 8, 16] {
        let kernel = match lanes_32 {
            0 => plain.clone(),
            _ => schedule(plain.clone(), &schedule::Target { lanes_32 }),
        };
        for (target, vector_bits) in [
            (Target::Host, 512),
            (Target::Host, 256),
            (Target::Baseline, 128),
        ] {
            let mut options = options(target);
            options.vector_bits = vector_bits;
            let code = compile(&[&kernel], &options).unwrap();
            let mut buffers: Vec<Buffer> = args.iter().map(|a| Buffer::bytes_of(a)).collect();
            let mems: Vec<MemRef> = buffers.iter_mut().map(Buffer::mem).collect();
            let mut scratch = Buffer::new(kernel.scratch_bytes());
            let bound = code.entry(0).bind(&mems).unwrap();
            let cut = cut % (kernel.grid() + 1);
            bound.call(scratch.mem(), 0, cut);
            bound.call(scratch.mem(), cut, kernel.grid());
            for (i, p) in kernel.params.iter().enumerate() {
                let mut want = Buffer::bytes_of(&want[i]);
                for at in 0..p.len {
                    let (found, want) = (buffers[i].get(p.dtype, at), want.get(p.dtype, at));
                    assert!(
                        same(found, want),
                        "{lanes_32} lanes, {target:?} {vector_bits}: parameter {i} at {at}: \
                         {found:x?}, expected {want:x?}\n{kernel:#?}\n{}",
                        code.clif(0).unwrap()
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_kernels(numbers in prop::collection::vec(any::<u32>(), 0..60), cut in 0usize..40) {
        let mut choices = Choices { numbers, next: 0 };
        check(&kernel(&mut choices), cut);
    }
}
