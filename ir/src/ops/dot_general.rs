//! `dot_general`.
//!
//! - (C1) `lhs_batch` and `rhs_batch` have one length.
//! - (C2) `lhs_contract` and `rhs_contract` have one length.
//! - (C3) `lhs_batch` and `lhs_contract` name distinct axes of `lhs`.
//! - (C4) `rhs_batch` and `rhs_contract` name distinct axes of `rhs`.
//! - (C5) Paired batch axes have one extent.
//! - (C6) Paired contracted axes have one extent.
//! - (C7) `lhs` and `rhs` have one element type, which the result has too.

use super::mac;
use super::prelude::*;
use crate::loops::LoopKind;
use crate::ops::check::{arity, axes, rule, same_dtype, sized};
use crate::types::Shape;

const OP: &str = "dot_general";

/// Contracts `lhs` and `rhs`: result axes are the batch axes, then free axes of `lhs`, then of
/// `rhs`. Accumulates by fused multiply-add over the contracted index in row-major order (of
/// `lhs_contract`) from zero.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DotGeneral {
    /// Batch axes of `lhs`.
    pub lhs_batch: Vec<usize>,
    /// Batch axes of `rhs`, pairwise with `lhs_batch`.
    pub rhs_batch: Vec<usize>,
    /// Contracted axes of `lhs`.
    pub lhs_contract: Vec<usize>,
    /// Contracted axes of `rhs`, pairwise with `lhs_contract`.
    pub rhs_contract: Vec<usize>,
}

impl DotGeneral {
    /// The matrix product of the last axis of `lhs` and the first of `rhs`: `f32[..,k]` and
    /// `f32[k,..]`.
    pub fn matmul(lhs_rank: usize) -> DotGeneral {
        DotGeneral {
            lhs_batch: vec![],
            rhs_batch: vec![],
            lhs_contract: vec![lhs_rank - 1],
            rhs_contract: vec![0],
        }
    }

    /// Free axes of `lhs`, increasing.
    pub fn lhs_free(&self, rank: usize) -> Vec<usize> {
        free(rank, &self.lhs_batch, &self.lhs_contract)
    }

    /// Free axes of `rhs`, increasing.
    pub fn rhs_free(&self, rank: usize) -> Vec<usize> {
        free(rank, &self.rhs_batch, &self.rhs_contract)
    }

    fn paired(&self, x: &[Type], what: &str, number: &'static str) -> Result<(), TypeError> {
        let (left, right) = match number {
            "C5" => (&self.lhs_batch, &self.rhs_batch),
            _ => (&self.lhs_contract, &self.rhs_contract),
        };
        for (&l, &r) in left.iter().zip(right) {
            let (m, n) = (x[0].shape[l], x[1].shape[r]);
            rule(OP, number, m == n, || {
                format!(
                    "{what} axis {l} of {} has {m} elements, axis {r} of {} has {n}",
                    x[0], x[1]
                )
            })?;
        }
        Ok(())
    }
}

impl Rules for DotGeneral {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .ints("lhs_batch", &self.lhs_batch)
            .ints("rhs_batch", &self.rhs_batch)
            .ints("lhs_contract", &self.lhs_contract)
            .ints("rhs_contract", &self.rhs_contract)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(DotGeneral {
            lhs_batch: attrs.usizes("lhs_batch")?,
            rhs_batch: attrs.usizes("rhs_batch")?,
            lhs_contract: attrs.usizes("lhs_contract")?,
            rhs_contract: attrs.usizes("rhs_contract")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        arity(OP, x, 2)?;
        let lengths = |number, what: &str, l: &[usize], r: &[usize]| {
            rule(OP, number, l.len() == r.len(), || {
                format!(
                    "{what} axes {l:?} of {} and {r:?} of {} do not pair",
                    x[0], x[1]
                )
            })
        };
        lengths("C1", "batch", &self.lhs_batch, &self.rhs_batch)?;
        lengths("C2", "contracted", &self.lhs_contract, &self.rhs_contract)?;
        let all = |a: &[usize], b: &[usize]| [a, b].concat();
        axes(OP, "C3", &x[0], all(&self.lhs_batch, &self.lhs_contract))?;
        axes(OP, "C4", &x[1], all(&self.rhs_batch, &self.rhs_contract))?;
        self.paired(x, "batch", "C5")?;
        self.paired(x, "contracted", "C6")?;
        let dtype = same_dtype(OP, &x[0], &x[1])?;
        let mut shape: Vec<usize> = self.lhs_batch.iter().map(|&a| x[0].shape[a]).collect();
        shape.extend(self.lhs_free(x[0].rank()).iter().map(|&a| x[0].shape[a]));
        shape.extend(self.rhs_free(x[1].rank()).iter().map(|&a| x[1].shape[a]));
        Ok(vec![sized(OP, Type::new(dtype, shape))?])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let ty = self
            .infer(&[x[0].ty.clone(), x[1].ty.clone()])
            .expect("operands fit")
            .remove(0);
        let (left, right) = (&x[0].ty.shape, &x[1].ty.shape);
        let starts = |shape: &Shape, batch: &[usize], free: &[usize]| {
            let batch = offsets(shape, batch);
            let free = offsets(shape, free);
            (batch, free)
        };
        let (lb, lf) = starts(left, &self.lhs_batch, &self.lhs_free(left.rank()));
        let (rb, rf) = starts(right, &self.rhs_batch, &self.rhs_free(right.rank()));
        let lk = offsets(left, &self.lhs_contract);
        let rk = offsets(right, &self.rhs_contract);
        let y = Array::from_fn(ty, |i| {
            let (rest, n) = (i / rf.len(), i % rf.len());
            let (b, m) = (rest / lf.len(), rest % lf.len());
            let (l, r) = (lb[b] + lf[m], rb[b] + rf[n]);
            let pairs = lk.iter().zip(&rk).map(|(i, j)| (Some(l + i), r + j));
            mac::dot(&x[0], &x[1], pairs)
        });
        vec![y]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let Some(dy) = dy[0] else {
            return Ok(vec![None, None]);
        };
        let (lf, rf) = (
            self.lhs_free(b.ty(x[0]).rank()),
            self.rhs_free(b.ty(x[1]).rank()),
        );
        let nb = self.lhs_batch.len();
        let batch: Vec<usize> = (0..nb).collect();
        let dy_left: Vec<usize> = (nb..nb + lf.len()).collect();
        let dy_right: Vec<usize> = (nb + lf.len()..nb + lf.len() + rf.len()).collect();
        let dl = DotGeneral {
            lhs_batch: batch.clone(),
            rhs_batch: self.rhs_batch.clone(),
            lhs_contract: dy_right,
            rhs_contract: rf.clone(),
        };
        let dr = DotGeneral {
            lhs_batch: self.lhs_batch.clone(),
            rhs_batch: batch,
            lhs_contract: lf.clone(),
            rhs_contract: dy_left,
        };
        // `dl` has axes (batch, free of lhs, contracted in the order of rhs), `dr` has
        // (batch, contracted in the order of lhs, free of rhs).
        let order = |axes: &[usize], keys: &[usize]| {
            let mut pairs: Vec<_> = keys.iter().zip(axes).collect();
            pairs.sort();
            pairs.into_iter().map(|(_, &a)| a).collect::<Vec<_>>()
        };
        let left = order(&self.lhs_contract, &self.rhs_contract);
        let right = order(&self.rhs_contract, &self.lhs_contract);
        let (dl, dr) = (b.op(dl, &[dy, x[1]]), b.op(dr, &[x[0], dy]));
        let dl = b.transpose(dl, &inverse(&[&self.lhs_batch, &lf, &left]));
        let dr = b.transpose(dr, &inverse(&[&self.rhs_batch, &right, &rf]));
        Ok(vec![Some(dl), Some(dr)])
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        let dtype = x[0].dtype;
        let (lf, rf) = (self.lhs_free(x[0].rank()), self.rhs_free(x[1].rank()));
        let extents: Vec<usize> = self.lhs_contract.iter().map(|&a| x[0].shape[a]).collect();
        Lowering::Contraction(Box::new(move |k, x, at| {
            let (batch, rest) = at.split_at(self.lhs_batch.len());
            let (left, right) = rest.split_at(lf.len());
            let start = mac::zero(k, dtype);
            let acc = k.var(start);
            k.nest(&extents, LoopKind::Serial, &mut |k, inner| {
                let index = |rank, places: [(&[usize], &[Index]); 3]| {
                    let mut index = vec![Index::default(); rank];
                    for (axes, at) in places {
                        axes.iter().zip(at).for_each(|(&a, i)| index[a] = i.clone());
                    }
                    index
                };
                let l = [
                    (&*self.lhs_batch, batch),
                    (&*lf, left),
                    (&*self.lhs_contract, inner),
                ];
                let r = [
                    (&*self.rhs_batch, batch),
                    (&*rf, right),
                    (&*self.rhs_contract, inner),
                ];
                let l = x[0].at(k, &index(x[0].ty.rank(), l));
                let r = x[1].at(k, &index(x[1].ty.rank(), r));
                let sum = k.get(acc);
                let sum = mac::step(k, sum, l, r);
                k.set(acc, sum);
            });
            let sum = k.get(acc);
            mac::finish(k, sum, dtype)
        }))
    }
}

fn free(rank: usize, batch: &[usize], contract: &[usize]) -> Vec<usize> {
    let used = |a: &usize| batch.contains(a) || contract.contains(a);
    (0..rank).filter(|a| !used(a)).collect()
}

/// Row-major positions, over the given axes in the given order, of the elements at 0 elsewhere.
fn offsets(shape: &Shape, axes: &[usize]) -> Vec<usize> {
    let strides = shape.strides();
    let mut offsets = vec![0];
    for &a in axes {
        let step = |&o: &usize| (0..shape[a]).map(move |i| (o, i));
        let next = offsets.iter().flat_map(step);
        offsets = next.map(|(o, i)| o + i * strides[a]).collect();
    }
    offsets
}

/// The permutation that puts the axes listed in order into their places.
fn inverse(axes: &[&[usize]]) -> Vec<usize> {
    let axes = axes.concat();
    let mut permutation = vec![0; axes.len()];
    for (from, &to) in axes.iter().enumerate() {
        permutation[to] = from;
    }
    permutation
}
