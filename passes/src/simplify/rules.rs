//! The rules, by operator. Each keeps every bit of the result (the payload of a NaN aside) and never
//! makes the program worse. Constants go to the right of commutative ops.

use craneflow_ir::graph::Value;
use craneflow_ir::ops::{
    BitcastConvert, BroadcastInDim, DotGeneral, Op, Reshape, Slice, Transpose,
};
use craneflow_ir::{Array, Builder, Pointwise, Scalar};

/// Largest constant, in elements, that folding may create.
const FOLD_LIMIT: usize = 1024;

/// A value equal to `op(x)`, or `None` when no rule applies.
pub fn rewrite(b: &mut Builder, op: &Op, x: &[Value]) -> Option<Value> {
    fold(b, op, x).or_else(|| match op {
        Op::Pointwise(p) => pointwise(b, *p, x),
        Op::BroadcastInDim(o) => broadcast(b, o, x[0]),
        Op::Reshape(o) => reshape(b, o, x[0]),
        Op::Transpose(o) => transpose(b, o, x[0]),
        Op::BitcastConvert(o) => bitcast(b, o, x[0]),
        Op::Slice(o) => slice(b, o, x[0]),
        Op::DotGeneral(o) => dot_general(b, o, x),
        Op::Concatenate(_) if x.len() == 1 => Some(x[0]),
        Op::Pad(o) => {
            let none =
                o.low.iter().chain(&o.high).all(|&p| p == 0) && o.interior.iter().all(|&p| p == 0);
            none.then_some(x[0])
        }
        Op::Reverse(o) if o.axes.is_empty() => Some(x[0]),
        Op::Reduce(o) if o.axes.is_empty() && x.len() == 1 => Some(x[0]),
        _ => None,
    })
}

fn op_of(b: &Builder, v: Value) -> Op {
    b.graph().def(v).op.clone()
}

fn operand(b: &Builder, v: Value) -> Value {
    b.graph().def(v).operands[0]
}

/// The constant array of a value.
fn constant(b: &Builder, v: Value) -> Option<Array> {
    match &b.graph().def(v).op {
        Op::Constant(c) => Some(c.value.clone()),
        _ => None,
    }
}

/// The one value of all elements, of a constant or of a broadcast constant.
fn splat(b: &Builder, v: Value) -> Option<Scalar> {
    match &b.graph().def(v).op {
        Op::Constant(c) => c.value.splat_value(),
        Op::BroadcastInDim(_) => splat(b, operand(b, v)),
        _ => None,
    }
}

/// Evaluates an op whose operands are all constants; a pointwise op also on splats of any size.
fn fold(b: &mut Builder, op: &Op, x: &[Value]) -> Option<Value> {
    match op {
        Op::Constant(_)
        | Op::BroadcastInDim(_)
        | Op::Input(_)
        | Op::CustomCall(_)
        | Op::Iota(_) => return None,
        Op::While(_) | Op::Case(_) | Op::RngBitGenerator(_) => return None,
        _ => {}
    }
    if x.is_empty() {
        return None;
    }
    if let Op::Pointwise(p) = op {
        let scalars: Option<Vec<Scalar>> = x.iter().map(|&v| splat(b, v)).collect();
        if let Some(scalars) = scalars {
            let shape = b.shape(x[0]);
            let arrays: Vec<Array> = scalars.into_iter().map(Array::scalar).collect();
            let result = Op::from(*p).rules().eval(&arrays).remove(0);
            let c = b.constant(result);
            return Some(b.broadcast(c, &[], &shape));
        }
    }
    let arrays: Vec<Array> = x.iter().map(|&v| constant(b, v)).collect::<Option<_>>()?;
    let types = op.rules().infer(&b.graph().types(x)).ok()?;
    if types.len() != 1 || types[0].count() > FOLD_LIMIT {
        return None;
    }
    Some(b.constant(op.rules().eval(&arrays).remove(0)))
}

fn pointwise(b: &mut Builder, p: Pointwise, x: &[Value]) -> Option<Value> {
    use Pointwise::*;
    if let Some(v) = broadcast_after(b, p, x) {
        return Some(v);
    }
    let ty = b.ty(x[0]).clone();
    let is = |b: &Builder, v: Value, c: f64| splat(b, v) == Some(Scalar::from_f64(ty.dtype, c));
    match p {
        // Constants to the right: c + x = x + c, c * x = x * c, exactly.
        Add | Multiply if splat(b, x[0]).is_some() && splat(b, x[1]).is_none() => {
            Some(b.op(p, &[x[1], x[0]]))
        }
        // x * 1 = x, x / 1 = x.
        Multiply | Divide if is(b, x[1], 1.0) => Some(x[0]),
        // x - 0 = x; x + 0 = x for integers only, for -0 + 0 is +0.
        Subtract if is(b, x[1], 0.0) => Some(x[0]),
        Add if ty.dtype.is_int() && is(b, x[1], 0.0) => Some(x[0]),
        // x * 0 = 0 for integers only, for NaN * 0 is NaN.
        Multiply if ty.dtype.is_int() && is(b, x[1], 0.0) => Some(x[1]),
        // x / c = x * (1 / c) when 1 / c is exact, which it is for powers of two.
        Divide if ty.dtype.is_float() => {
            let c = splat(b, x[1])?.to_f64();
            let exact =
                c.abs() >= 2f64.powi(-14) && c.abs() <= 2f64.powi(14) && c.to_bits() << 12 == 0;
            exact.then(|| {
                let reciprocal = b.splat(&ty, 1.0 / c);
                b.mul(x[0], reciprocal)
            })
        }
        // -(-x) = x, !!x = x.
        Negate | Not if op_of(b, x[0]) == Op::Pointwise(p) => Some(operand(b, x[0])),
        Convert(to) if ty.dtype == to => Some(x[0]),
        Select if x[1] == x[2] => Some(x[1]),
        Select => splat(b, x[0]).map(|c| if c.bits != 0 { x[1] } else { x[2] }),
        _ => None,
    }
}

/// `p(broadcast x, broadcast y) = broadcast p(x, y)` when all come from one smaller shape in the same
/// way (constants follow along).
fn broadcast_after(b: &mut Builder, p: Pointwise, x: &[Value]) -> Option<Value> {
    let shape = b.shape(x[0]);
    let mut from: Option<(BroadcastInDim, Value)> = None;
    for &v in x.iter().filter(|&&v| splat(b, v).is_none()) {
        let Op::BroadcastInDim(o) = op_of(b, v) else {
            return None;
        };
        let small = operand(b, v);
        match &from {
            None => from = Some((o, small)),
            Some((seen, other)) if *seen == o && b.shape(*other) == b.shape(small) => {}
            Some(_) => return None,
        }
    }
    let (o, like) = from?;
    let small = b.shape(like);
    if small.count() >= shape.count() {
        return None;
    }
    let args: Vec<Value> = (x.iter())
        .map(|&v| match splat(b, v) {
            Some(c) => {
                let c = b.constant(Array::scalar(c));
                b.broadcast(c, &[], &small)
            }
            None => operand(b, v),
        })
        .collect();
    let y = b.op(p, &args);
    Some(b.op(o, &[y]))
}

fn broadcast(b: &mut Builder, o: &BroadcastInDim, x: Value) -> Option<Value> {
    let identity = o.axes.iter().enumerate().all(|(i, &a)| i == a);
    if identity && b.shape(x) == o.shape {
        return Some(x);
    }
    match op_of(b, x) {
        // broadcast(broadcast(x)) = broadcast(x).
        Op::BroadcastInDim(inner) => {
            let axes = inner.axes.iter().map(|&a| o.axes[a]).collect();
            let x = operand(b, x);
            Some(b.op(
                BroadcastInDim {
                    shape: o.shape.clone(),
                    axes,
                },
                &[x],
            ))
        }
        // A splat constant is broadcast from rank 0.
        Op::Constant(c) if c.value.ty.rank() > 0 => {
            let value = c.value.splat_value()?;
            let c = b.constant(Array::scalar(value));
            Some(b.broadcast(c, &[], &o.shape))
        }
        _ => None,
    }
}

fn reshape(b: &mut Builder, o: &Reshape, x: Value) -> Option<Value> {
    if b.shape(x) == o.shape {
        return Some(x);
    }
    match op_of(b, x) {
        Op::Reshape(_) => {
            let x = operand(b, x);
            Some(b.reshape(x, &o.shape))
        }
        _ => {
            let c = splat(b, x)?;
            let c = b.constant(Array::scalar(c));
            Some(b.broadcast(c, &[], &o.shape))
        }
    }
}

/// Bits that go to another type and back are what they were: how a gradient is stopped.
fn bitcast(b: &Builder, o: &BitcastConvert, x: Value) -> Option<Value> {
    if b.ty(x).dtype == o.dtype {
        return Some(x);
    }
    let inner = match op_of(b, x) {
        Op::BitcastConvert(_) => operand(b, x),
        _ => return None,
    };
    (b.ty(inner).dtype == o.dtype).then_some(inner)
}

fn transpose(b: &mut Builder, o: &Transpose, x: Value) -> Option<Value> {
    if o.permutation.iter().enumerate().all(|(i, &p)| i == p) {
        return Some(x);
    }
    // Moving only axes of extent 1 keeps the order of elements.
    let shape = b.shape(x);
    let mut long = o.permutation.iter().filter(|&&a| shape[a] != 1);
    let order: Vec<_> = long.by_ref().collect();
    if order.is_sorted() {
        let moved: Vec<usize> = o.permutation.iter().map(|&a| shape[a]).collect();
        return Some(b.reshape(x, &moved));
    }
    match op_of(b, x) {
        Op::Transpose(inner) => {
            let permutation: Vec<usize> = o
                .permutation
                .iter()
                .map(|&p| inner.permutation[p])
                .collect();
            let x = operand(b, x);
            Some(b.transpose(x, &permutation))
        }
        Op::BroadcastInDim(inner) => {
            let axes = inner.axes.iter().map(|&a| {
                o.permutation
                    .iter()
                    .position(|&p| p == a)
                    .expect("a permutation")
            });
            let axes = axes.collect();
            let shape = o
                .permutation
                .iter()
                .map(|&a| inner.shape[a])
                .collect::<Vec<_>>();
            let x = operand(b, x);
            Some(b.op(
                BroadcastInDim {
                    shape: shape.into(),
                    axes,
                },
                &[x],
            ))
        }
        Op::DotGeneral(dot) => transposed_dot(b, o, &dot, x),
        _ => None,
    }
}

/// `transpose(dot(l, r))` with the free axes swapped is `dot(r, l)`: products commute exactly.
fn transposed_dot(b: &mut Builder, o: &Transpose, dot: &DotGeneral, x: Value) -> Option<Value> {
    let (l, r) = (b.graph().def(x).operands[0], b.graph().def(x).operands[1]);
    let batch = dot.lhs_batch.len();
    let lhs_free = b.ty(l).rank() - batch - dot.lhs_contract.len();
    let rank = o.permutation.len();
    let swapped: Vec<usize> = (0..batch)
        .chain(batch + lhs_free..rank)
        .chain(batch..batch + lhs_free)
        .collect();
    (o.permutation == swapped).then(|| {
        let op = DotGeneral {
            lhs_batch: dot.rhs_batch.clone(),
            rhs_batch: dot.lhs_batch.clone(),
            lhs_contract: dot.rhs_contract.clone(),
            rhs_contract: dot.lhs_contract.clone(),
        };
        b.op(op, &[r, l])
    })
}

fn slice(b: &mut Builder, o: &Slice, x: Value) -> Option<Value> {
    let shape = b.shape(x);
    let whole =
        o.start.iter().all(|&s| s == 0) && o.stride.iter().all(|&s| s == 1) && o.limit == *shape;
    if whole {
        return Some(x);
    }
    match op_of(b, x) {
        // slice(slice(x)) = slice(x).
        Op::Slice(inner) => {
            let axes = 0..o.start.len();
            let count = |a: usize| (o.limit[a] - o.start[a]).div_ceil(o.stride[a]);
            let stride: Vec<usize> = axes
                .clone()
                .map(|a| inner.stride[a] * o.stride[a])
                .collect();
            // Where nothing is left, a start may be beyond the end of what the inner slice is of.
            let start: Vec<usize> = axes
                .clone()
                .map(|a| match count(a) {
                    0 => inner.start[a],
                    _ => inner.start[a] + o.start[a] * inner.stride[a],
                })
                .collect();
            let limit = axes
                .map(|a| match count(a) {
                    0 => start[a],
                    n => start[a] + (n - 1) * stride[a] + 1,
                })
                .collect();
            let x = operand(b, x);
            Some(b.op(
                Slice {
                    start,
                    limit,
                    stride,
                },
                &[x],
            ))
        }
        _ => None,
    }
}

/// A transposed operand is contracted along its own axes instead, where the order of the free axes
/// stays the same.
fn dot_general(b: &mut Builder, o: &DotGeneral, x: &[Value]) -> Option<Value> {
    let untransposed = |b: &Builder, v: Value, batch: &[usize], contract: &[usize]| {
        let Op::Transpose(t) = op_of(b, v) else {
            return None;
        };
        let free = (0..t.permutation.len()).filter(|a| !batch.contains(a) && !contract.contains(a));
        let moved: Vec<usize> = free.map(|a| t.permutation[a]).collect();
        let map = |axes: &[usize]| axes.iter().map(|&a| t.permutation[a]).collect::<Vec<_>>();
        moved
            .is_sorted()
            .then(|| (operand(b, v), map(batch), map(contract)))
    };
    if let Some((l, lhs_batch, lhs_contract)) = untransposed(b, x[0], &o.lhs_batch, &o.lhs_contract)
    {
        return Some(b.op(
            DotGeneral {
                lhs_batch,
                lhs_contract,
                ..o.clone()
            },
            &[l, x[1]],
        ));
    }
    let (r, rhs_batch, rhs_contract) = untransposed(b, x[1], &o.rhs_batch, &o.rhs_contract)?;
    Some(b.op(
        DotGeneral {
            rhs_batch,
            rhs_contract,
            ..o.clone()
        },
        &[x[0], r],
    ))
}
