//! `select_and_scatter` with any regions: a fold over every window finds the place, then the source goes there.

use super::lift::lifted;
use super::region::named_reducers;
use super::{Cx, Fault};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::common::{Reducer, Window};
use craneflow_ir::ops::{Iota, ReduceWindow, Scatter};
use craneflow_ir::{Array, Builder, DType, Graph, Scalar, Shape, Type, Value};

/// The place of what is in padding.
fn nowhere(b: &mut Builder) -> Value {
    b.constant(Array::scalar(Scalar::int(DType::I64, -1)))
}

/// `init` everywhere, with each element of `source` combined in by `scatter` where `select`, which says
/// whether the first of two elements stays, leaves one of its window of `x`.
pub fn anywhere(
    cx: &mut Cx,
    select: &Graph,
    scatter: Graph,
    window: Window,
    (x, source, init): (Value, Value, Value),
) -> Result<Value, Fault> {
    let ty = cx.ty(x).clone();
    let places = Type::new(DType::I64, [ty.count()]);
    let places = cx.push(
        Iota {
            ty: places,
            axis: 0,
        },
        &[],
    )?;
    let places = cx.b.reshape(places, &ty.shape);
    let zero = cx.b.splat(&Type::scalar(ty.dtype), 0.0);
    let nowhere = nowhere(&mut cx.b);
    let kind = Reducer::Body(Box::new(preferred(select, ty.dtype)?));
    let fold = ReduceWindow { kind, window };
    let chosen = cx.b.push(fold, &[x, places, zero, nowhere])?[1];
    let (found, expected) = (cx.ty(source).clone(), cx.ty(chosen).with_dtype(ty.dtype));
    if found != expected {
        return Err(format!("its source is {found}, the windows are {expected}").into());
    }
    let n = found.count();
    let (places, updates) = (cx.b.reshape(chosen, &[n]), cx.b.reshape(source, &[n]));
    let base = cx.spread(init, &[], &[ty.count()])?;
    let kind = match named_reducers(&scatter).as_deref() {
        Some([kind]) => kind.clone(),
        _ => Reducer::Body(Box::new(scatter)),
    };
    let op = Scatter {
        update: Some(kind),
        update_window_dims: vec![],
        inserted_window_dims: vec![0],
        input_batching_dims: vec![],
        scatter_indices_batching_dims: vec![],
        scatter_dims_to_operand_dims: vec![0],
        index_vector_dim: 1,
    };
    let flat = cx.push(op, &[base, places, updates])?;
    Ok(cx.b.reshape(flat, &ty.shape))
}

/// Of two elements with their places the one that `select` prefers, and one that is somewhere.
fn preferred(select: &Graph, dtype: DType) -> Result<Graph, Fault> {
    let mut b = Builder::new("preferred");
    let (element, place) = (Type::scalar(dtype), Type::scalar(DType::I64));
    let mut pair = |names: [&str; 2]| {
        let x = b.input(names[0], element.clone());
        (x, b.input(names[1], place.clone()))
    };
    let (x, at) = pair(["x", "at"]);
    let (y, then) = pair(["y", "then"]);
    let stays = lifted(&mut b, select, &[x, y], &Shape(vec![]))?;
    let truth = Type::scalar(DType::Bool);
    let &[stays] = &stays[..] else {
        return Err("its first region returns one truth value".into());
    };
    if *b.ty(stays) != truth {
        return Err("its first region returns a truth value".into());
    }
    let nowhere = nowhere(&mut b);
    let (first, second) = (
        b.compare(Cmp::Ne, at, nowhere),
        b.compare(Cmp::Eq, then, nowhere),
    );
    let stays = b.and(first, stays);
    let stays = b.or(stays, second);
    let (value, place) = (b.select(stays, x, y), b.select(stays, at, then));
    b.output("value", value);
    b.output("place", place);
    Ok(b.finish())
}
