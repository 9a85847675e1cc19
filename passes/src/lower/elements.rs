//! The elements of a group: what is stored is loaded, what is not is computed where it is asked for.

use super::{GraphLowering, rows};
use crate::fuse::space;
use craneflow_ir::Emit;
use craneflow_ir::graph::{Graph, Value};
use craneflow_ir::loops::build::{KernelBuilder, Operand};
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{Access, Buf, Kernel, LoopKind, Mem, Val};
use craneflow_ir::ops::{Lowering, Op};
use std::cell::RefCell;

/// Parameters of the kernel being built.
#[derive(Default)]
pub(super) struct Params {
    pub(super) bufs: Vec<Buf>,
    pub(super) mems: Vec<Mem>,
}

/// The elements of one group: loads what is stored, computes what is not.
pub(super) struct Elements<'a, 'g> {
    pub(super) lowering: &'a GraphLowering<'g>,
    pub(super) params: RefCell<Params>,
    /// The row that is walked, in a row group.
    pub(super) walk: Option<rows::Walk>,
}

impl Elements<'_, '_> {
    pub(super) fn graph(&self) -> &Graph {
        self.lowering.g
    }

    /// A kernel that computes `roots`, all by loops of one shape, and stores them; the buffers of the roots are
    /// its last parameters.
    pub(super) fn loops(&self, name: &str, roots: &[Value]) -> Kernel {
        let g = self.graph();
        let shape = space(g, roots[0]).clone();
        let mut k = KernelBuilder::new(name, 1);
        self.declare_for(&mut k, roots);
        let outs: Vec<Mem> = roots
            .iter()
            .map(|&v| k.param(g.ty(v).dtype, g.ty(v).count(), Access::Write))
            .collect();
        if !self.columns(&mut k, roots, &outs) && !self.tiles(&mut k, roots, &outs) {
            let (first, rest) = shape.split_first().map_or((1, &[][..]), |(f, r)| (*f, r));
            k.set_grid(first);
            let kind = if self.has_row_reduction(roots) {
                LoopKind::Serial
            } else {
                LoopKind::Lanes
            };
            let grid = k.grid();
            k.nest(rest, kind, &mut |k, inner| {
                let at: Vec<Index> = if shape.rank() == 0 {
                    vec![]
                } else {
                    std::iter::once(grid.clone())
                        .chain(inner.iter().cloned())
                        .collect()
                };
                self.store_roots(k, roots, &outs, &at);
            });
        }
        k.finish()
    }

    /// Stores the elements of all roots that belong to a place in their loops. All are computed before any
    /// is stored: a result may replace what is read.
    pub(super) fn store_roots(
        &self,
        k: &mut KernelBuilder,
        roots: &[Value],
        outs: &[Mem],
        at: &[Index],
    ) {
        let g = self.graph();
        let mut stores = vec![];
        for (&v, &mem) in roots.iter().zip(outs) {
            let shape = &g.ty(v).shape;
            if space(g, v) == shape {
                stores.push((mem, Index::linear(at, shape), self.element(k, v, at)));
                continue;
            }
            let Op::Concatenate(c) = &g.def(v).op else {
                unreachable!("other roots have the shape of their loops")
            };
            for (i, &part) in g.def(v).operands.iter().enumerate() {
                let mut to = at.to_vec();
                to[c.axis] = to[c.axis].plus((i * g.ty(part).shape[c.axis]) as i64);
                let value = self.element(k, part, at);
                stores.push((mem, Index::linear(&to, shape), value));
            }
        }
        for (mem, to, value) in stores {
            k.store(mem, &to, value);
        }
    }

    /// Declares as parameters all stored values that these lead to.
    pub(super) fn declare_for(&self, k: &mut KernelBuilder, values: &[Value]) {
        self.lowering.visit(values, &mut |v, computed| {
            if computed.is_none() {
                self.param(k, v);
            }
            true
        });
    }

    /// The parameter through which a stored value is read.
    pub(super) fn param(&self, k: &mut KernelBuilder, v: Value) -> Mem {
        let buf = self.lowering.stored(v);
        let mut params = self.params.borrow_mut();
        if let Some(i) = params.bufs.iter().position(|&b| b == buf) {
            return params.mems[i];
        }
        let ty = self.graph().ty(v);
        let mem = k.param(ty.dtype, ty.count(), Access::Read);
        params.bufs.push(buf);
        params.mems.push(mem);
        mem
    }

    /// The element of a value at a multi-index.
    pub(super) fn element(&self, k: &mut KernelBuilder, v: Value, at: &[Index]) -> Val {
        let g = self.graph();
        if let Some(found) = k.recall(v.0, at) {
            return found;
        }
        if let Some(found) = self.walk.as_ref().and_then(|w| w.known(k, v, at)) {
            return found;
        }
        let ty = g.ty(v);
        if self.lowering.buf[v.0 as usize].is_some() {
            let mem = self.param(k, v);
            return k.load(mem, &Index::linear(at, &ty.shape));
        }
        let node = g.def(v);
        let value = match node.op.rules().lower(&g.types(&node.operands)) {
            Lowering::Element(f) | Lowering::Reduction(f) | Lowering::Contraction(f) => {
                let mut value = None;
                self.with_operands(&node.operands, &mut |operands| {
                    value = Some(f(k, operands, at))
                });
                value.expect("called once")
            }
            Lowering::Constant => {
                let Op::Constant(c) = &node.op else {
                    unreachable!("only constants lower to constants")
                };
                k.constant(
                    c.value
                        .splat_value()
                        .expect("a tensor constant has a buffer"),
                )
            }
            _ => panic!("%{} ({}) is not stored", v.0, node.op.name()),
        };
        if let Some(walk) = &self.walk {
            walk.keep(k, v, at, value);
        }
        k.remember(v.0, at, value);
        value
    }

    /// Calls `f` with the operands of a node as element functions.
    pub(super) fn with_operands(&self, operands: &[Value], f: &mut dyn FnMut(&[Operand])) {
        let g = self.graph();
        type Fetch<'f> = Box<dyn Fn(&mut KernelBuilder, &[Index]) -> Val + 'f>;
        let fetches: Vec<Fetch> = (operands.iter())
            .map(|&v| {
                Box::new(move |k: &mut KernelBuilder, at: &[Index]| self.element(k, v, at)) as Fetch
            })
            .collect();
        let list: Vec<Operand> = operands
            .iter()
            .zip(&fetches)
            .map(|(&v, fetch)| Operand {
                ty: g.ty(v).clone(),
                fetch: &**fetch,
            })
            .collect();
        f(&list);
    }

    /// Whether a root is, or waits for, a reduction along the minor axis of its operand.
    fn has_row_reduction(&self, roots: &[Value]) -> bool {
        let mut found = false;
        self.lowering.visit(roots, &mut |_, computed| {
            if let Some(node) = computed
                && let Op::Reduce(r) = &node.op
            {
                let x = self.graph().ty(node.operands[0]);
                let minor = x.rank() - 1;
                found |= r.axes.contains(&minor) && x.shape[minor] >= 16;
            }
            !found
        });
        found
    }
}
