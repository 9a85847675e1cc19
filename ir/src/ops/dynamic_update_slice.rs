//! `dynamic_update_slice`.
//!
//! - (C1) There is a start index per axis of `x`.
//! - (C2) Start indices are integers of rank 0 and of one type.
//! - (C3) `update` has the rank of `x`.
//! - (C4) The extents of `update` are at most those of `x`.
//! - (C5) `update` has the element type of `x`.

use super::dynamic_slice::{check_window, starts};
use super::prelude::*;
use super::{DynamicSlice, walk};
use crate::loops::LoopKind;

const OP: &str = "dynamic_update_slice";

/// `dynamic_update_slice(x, update, start_0, ..)`: `x` with `update` written at the clamped start indices.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DynamicUpdateSlice;

impl Rules for DynamicUpdateSlice {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
    }

    fn parse(_attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(DynamicUpdateSlice)
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 2 + x.first().map_or(0, Type::rank))?; // C1
        check_window(OP, &x[0], &x[2..], &x[1].shape)?;
        check::same_dtype(OP, &x[0], &x[1])?; // C5
        Ok(vec![x[0].clone()])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let (shape, sizes) = (&x[0].ty.shape, &x[1].ty.shape);
        let start = |axis: usize| {
            let last = shape[axis] - sizes[axis];
            walk::clamped(x[2 + axis].get(0), last)
        };
        let starts: Vec<usize> = (0..shape.rank()).map(start).collect();
        vec![walk::from_index(x[0].ty.clone(), |at| {
            let inner: Vec<i64> = at
                .iter()
                .zip(&starts)
                .map(|(&i, &s)| i as i64 - s as i64)
                .collect();
            walk::position(&inner, sizes).map_or_else(|| x[0].at(at), |i| x[1].get(i))
        })]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let mut grads = vec![None; x.len()];
        if let Some(dy) = dy[0] {
            let zeros = b.like(x[1], 0.0);
            let operands = [&[dy, zeros], &x[2..]].concat();
            grads[0] = Some(b.op(DynamicUpdateSlice, &operands));
            let sizes = b.shape(x[1]).0;
            let operands = [&[dy], &x[2..]].concat();
            grads[1] = Some(b.op(DynamicSlice { sizes }, &operands));
        }
        Ok(grads)
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Stores(Box::new(store))
    }
}

/// A grid item copies its part of the outermost axis and then overwrites what lies in the window.
fn store(k: &mut KernelBuilder, x: &[Operand], out: &[Out]) {
    let (shape, sizes) = (&x[0].ty.shape, &x[1].ty.shape);
    let outer = shape.iter().position(|&d| d > 1).unwrap_or(0);
    let inner = (outer + 1).min(shape.rank());
    let gridded = shape.rank() > inner;
    k.set_grid(1);
    let mut prefix = vec![Index::default(); if gridded { inner } else { 0 }];
    if gridded {
        k.set_grid(shape[outer]);
        prefix[outer] = k.grid();
    }
    let depth = prefix.len();
    k.nest(&shape[depth..], LoopKind::Lanes, &mut |k, rest| {
        let at = [&prefix, rest].concat();
        let v = x[0].at(k, &at);
        k.store_at(&out[0], &at, v);
    });
    let starts = starts(k, shape, sizes, &x[2..]);
    let overwrite = |k: &mut KernelBuilder, row: &[Index]| {
        k.nest(&sizes[depth..], LoopKind::Lanes, &mut |k, rest| {
            let from = [row, rest].concat();
            let at: Vec<Index> = starts.iter().zip(&from).map(|(s, i)| s.add(i)).collect();
            let v = x[1].at(k, &from);
            k.store_at(&out[0], &at, v);
        });
    };
    if !gridded {
        return overwrite(k, &[]);
    }
    if x[1].ty.count() == 0 {
        return;
    }
    // The row of the update that belongs to this grid item, if there is one.
    let row = prefix[outer].add(&starts[outer].mul(-1));
    let inside = k.within(&row, 0, sizes[outer] as i64);
    k.when(inside, |k| {
        let v = k.index_value(&row);
        let mut at = prefix.clone();
        at[outer] = k.as_index(v, sizes[outer]);
        overwrite(k, &at);
    });
}
