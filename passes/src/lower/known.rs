//! Groups that compute the same from other buffers have one kernel, which is built once: a deep model
//! repeats its layers.

use super::{GraphLowering, Output};
use crate::fuse::{Group, GroupKind};
use craneflow_ir::Type;
use craneflow_ir::graph::Value;
use craneflow_ir::loops::{Buf, Kernel, KernelId, Step};
use craneflow_ir::ops::Op;
use std::collections::BTreeSet;

/// All that the kernel of a group is a function of. Values are numbered in graph order.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Form {
    rows: bool,
    /// The contraction that the group belongs to.
    product: Option<u32>,
    parts: Vec<Part>,
    roots: Vec<u32>,
    members: usize,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Part {
    /// Read from a buffer: which of those that the group reads.
    Stored(u32, Type),
    Computed(Box<Op>, Vec<u32>),
}

/// A kernel and what it takes before the roots: stored values of the form, or what a launch brings itself.
#[derive(Clone)]
pub(super) struct Known {
    kernel: KernelId,
    args: Vec<Option<usize>>,
}

impl Form {
    /// The form of a group, and the buffers that it reads in the order of their first values.
    fn of(l: &GraphLowering, group: &Group) -> (Form, Vec<Buf>) {
        let mut values = BTreeSet::new();
        l.visit(&group.roots, &mut |v, _| values.insert(v));
        let values: Vec<Value> = values.into_iter().collect();
        let number = |v: &Value| values.binary_search(v).expect("collected above") as u32;
        let mut bufs: Vec<Buf> = vec![];
        let part = |v: &Value| match l.buf[v.0 as usize] {
            Some(buf) => {
                let known = bufs.iter().position(|&b| b == buf);
                let at = known.unwrap_or_else(|| {
                    bufs.push(buf);
                    bufs.len() - 1
                });
                Part::Stored(at as u32, l.g.ty(*v).clone())
            }
            None => {
                let node = l.g.def(*v);
                Part::Computed(
                    node.op.clone().into(),
                    node.operands.iter().map(number).collect(),
                )
            }
        };
        let parts = values.iter().map(part).collect();
        let form = Form {
            rows: group.kind == GroupKind::Rows,
            product: match group.kind {
                GroupKind::Contraction(id) => Some(number(&l.g.node(id).results[0])),
                _ => None,
            },
            parts,
            roots: group.roots.iter().map(number).collect(),
            members: group.members.len(),
        };
        (form, bufs)
    }
}

impl GraphLowering<'_> {
    /// Launches the kernel of a group. `build` makes it, and says which buffers it takes before the roots, where
    /// no group of the same form came before; `own` is a buffer among these that the group does not read itself.
    pub(super) fn launch(
        &mut self,
        group: &Group,
        own: Option<Buf>,
        from: &str,
        out: &mut Output,
        build: impl FnOnce(&Self) -> (Kernel, Vec<Buf>),
    ) {
        let (form, bufs) = Form::of(self, group);
        let known = match out.forms.get(&form) {
            Some(known) => known.clone(),
            None => {
                let (kernel, taken) = build(self);
                let place = |b: &Buf| bufs.iter().position(|known| known == b);
                let known = Known {
                    kernel: out.kernel(kernel),
                    args: taken.iter().map(place).collect(),
                };
                out.forms.insert(form, known.clone());
                known
            }
        };
        let arg = |at: Option<usize>| match at {
            Some(at) => bufs[at],
            None => own.expect("a kernel takes what its group reads"),
        };
        let mut args: Vec<Buf> = known.args.into_iter().map(arg).collect();
        args.extend(group.roots.iter().map(|&v| self.root(v, out)));
        self.steps.push(Step::Launch {
            kernel: known.kernel,
            args,
            from: from.to_string(),
        });
    }
}
