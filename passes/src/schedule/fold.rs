//! Folding of scalar values: constants, and index arithmetic whose ranges decide it.

use super::affine;
use craneflow_ir::loops::{Affine, Inst, Kernel, Term, Val, verify};
use craneflow_ir::{Cmp, DType, Native, Scalar};

/// What an instruction amounts to.
pub(super) enum Folded {
    /// A value that exists.
    Val(Val),
    /// An instruction that is no more than the one given.
    Inst(Inst),
}

/// Simplifies an instruction on values of `k`.
pub(super) fn fold(k: &Kernel, inst: Inst, dtype: DType, vector: bool) -> Folded {
    if vector {
        return Folded::Inst(inst);
    }
    match inst {
        Inst::Native(op, args) => native(k, op, args, dtype),
        Inst::Index(at) => index(at),
        same => Folded::Inst(same),
    }
}

fn index(at: Affine) -> Folded {
    match at.terms.as_slice() {
        [] => Folded::Inst(Inst::Const(at.offset as u64)),
        [(Term::Val(v), 1)] if at.offset == 0 => Folded::Val(*v),
        _ => Folded::Inst(Inst::Index(at)),
    }
}

fn known(k: &Kernel, v: Val) -> Option<Scalar> {
    let def = k.val(v);
    match def.inst {
        Inst::Const(bits) => Some(Scalar {
            ty: def.dtype,
            bits,
        }),
        _ => None,
    }
}

fn as_affine(k: &Kernel, v: Val) -> Option<Affine> {
    match &k.val(v).inst {
        Inst::Const(bits) => Some(affine::constant(*bits as i64)),
        Inst::Index(at) => Some(at.clone()),
        _ => None,
    }
}

fn native(k: &Kernel, op: Native, args: Vec<Val>, dtype: DType) -> Folded {
    let constants: Option<Vec<Scalar>> = args.iter().map(|&v| known(k, v)).collect();
    if let Some(constants) = constants {
        return Folded::Inst(Inst::Const(op.eval(&constants).bits));
    }
    if k.val(args[0]).dtype == DType::I64
        && let [a, b] = args[..]
        && let (Some(a), Some(b)) = (as_affine(k, a), as_affine(k, b))
        && let Some(folded) = index_native(k, op, &a, &b)
    {
        return folded;
    }
    match op {
        Native::Select => match known(k, args[0]) {
            Some(c) => Folded::Val(args[if c.bits != 0 { 1 } else { 2 }]),
            None if args[1] == args[2] => Folded::Val(args[1]),
            None => Folded::Inst(Inst::Native(op, args)),
        },
        Native::And | Native::Or if dtype == DType::Bool => {
            let (known, other) = match (known(k, args[0]), known(k, args[1])) {
                (Some(c), _) => (c.bits != 0, args[1]),
                (_, Some(c)) => (c.bits != 0, args[0]),
                _ => return Folded::Inst(Inst::Native(op, args)),
            };
            // true & x = x, false & x = false; or dually.
            if known == (op == Native::And) {
                Folded::Val(other)
            } else {
                Folded::Inst(Inst::Const(known as u64))
            }
        }
        _ => Folded::Inst(Inst::Native(op, args)),
    }
}

/// Arithmetic and comparison of two addresses.
fn index_native(k: &Kernel, op: Native, a: &Affine, b: &Affine) -> Option<Folded> {
    let sum = |c| {
        let mut sum = a.clone();
        affine::add(&mut sum, b, c);
        sum
    };
    match op {
        Native::Add => Some(index(sum(1))),
        Native::Sub => Some(index(sum(-1))),
        Native::Mul if b.terms.is_empty() => {
            let mut product = affine::constant(0);
            affine::add(&mut product, a, b.offset);
            Some(index(product))
        }
        Native::Div | Native::Rem if b.terms.is_empty() => {
            let (quotient, remainder) = affine::div_rem(k, a, b.offset)?;
            let whole = if op == Native::Div {
                quotient
            } else {
                remainder
            };
            Some(index(whole))
        }
        Native::Max | Native::Min => {
            let (lo, hi) = verify::range(k, &sum(-1))?;
            let first = decided(lo >= 0, hi <= 0)? == (op == Native::Max);
            Some(index(if first { a.clone() } else { b.clone() }))
        }
        Native::Cmp(cmp) => {
            let (lo, hi) = verify::range(k, &sum(-1))?;
            let known = match cmp {
                Cmp::Lt => decided(hi < 0, lo >= 0),
                Cmp::Le => decided(hi <= 0, lo > 0),
                Cmp::Gt => decided(lo > 0, hi <= 0),
                Cmp::Ge => decided(lo >= 0, hi < 0),
                Cmp::Eq => decided(lo == 0 && hi == 0, lo > 0 || hi < 0),
                Cmp::Ne => decided(lo > 0 || hi < 0, lo == 0 && hi == 0),
            }?;
            Some(Folded::Inst(Inst::Const(known as u64)))
        }
        _ => None,
    }
}

fn decided(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}
