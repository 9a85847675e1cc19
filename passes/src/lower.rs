//! Turns groups of graph nodes into kernels: the only place that reads the graph IR and writes the
//! loop IR.

mod columns;
pub mod contract;
mod counted;
mod known;
mod rows;
mod tiles;

use crate::Options;
use crate::fuse::{Group, GroupKind, Groups, fuse, space};
use craneflow_ir::graph::{Graph, NodeId, Value};
use craneflow_ir::hash::Table;
use craneflow_ir::loops::build::{KernelBuilder, Operand, Out};
use craneflow_ir::loops::index::Index;
use craneflow_ir::loops::{
    Access, Buf, Buffer, BufferKind, Kernel, KernelId, LoopKind, Mem, Program, Step, Val,
};
use craneflow_ir::ops::{Lowering, Op};
use craneflow_ir::{Emit, Type};
use std::cell::RefCell;

/// Lowers a whole graph.
pub fn lower(g: &Graph, groups: &Groups, options: &Options) -> Program {
    let mut out = Output {
        program: Program {
            name: g.name.clone(),
            ..Program::default()
        },
        known: Table::default(),
        forms: Table::default(),
        options: options.clone(),
    };
    let inputs: Vec<Buf> = (g.inputs.iter().enumerate())
        .map(|(i, input)| out.buffer(&input.name, g.ty(input.value).clone(), BufferKind::Input(i)))
        .collect();
    let mut lowering = GraphLowering::new(g, &inputs);
    for (o, output) in g.outputs.iter().enumerate() {
        let replaces = g.inputs.iter().position(|i| i.donated == Some(o));
        let buf = out.buffer(
            &output.name,
            g.ty(output.value).clone(),
            BufferKind::Output(o, replaces),
        );
        lowering.wanted.push((output.value, buf));
    }
    lowering.run(groups, &mut out);
    let steps = lowering.finish(&mut out);
    out.program.steps = steps;
    out.program
}

/// The program being written.
pub struct Output {
    program: Program,
    known: Table<Kernel, KernelId>,
    forms: Table<known::Form, known::Known>,
    options: Options,
}

impl Output {
    fn buffer(&mut self, name: &str, ty: Type, kind: BufferKind) -> Buf {
        self.program.buffers.push(Buffer {
            name: name.to_string(),
            ty,
            kind,
        });
        Buf(self.program.buffers.len() as u32 - 1)
    }

    /// A new buffer in the arena.
    pub fn temp(&mut self, name: &str, ty: Type) -> Buf {
        self.buffer(name, ty, BufferKind::Temp)
    }

    /// The program's copy of a kernel; equal kernels are one.
    fn kernel(&mut self, mut kernel: Kernel) -> KernelId {
        let name = std::mem::take(&mut kernel.name);
        if let Some(&id) = self.known.get(&kernel) {
            return id;
        }
        let id = KernelId(self.program.kernels.len() as u32);
        self.known.insert(kernel.clone(), id);
        let taken = self
            .program
            .kernels
            .iter()
            .filter(|k| k.name.split('.').next() == Some(&name))
            .count();
        kernel.name = if taken == 0 {
            name
        } else {
            format!("{name}.{taken}")
        };
        self.program.kernels.push(kernel);
        id
    }

    /// Adds a launch of a kernel.
    pub fn launch(&mut self, steps: &mut Vec<Step>, kernel: Kernel, args: Vec<Buf>, from: &str) {
        debug_assert_eq!(kernel.params.len(), args.len());
        if kernel.grid() > 0 {
            let kernel = self.kernel(kernel);
            steps.push(Step::Launch {
                kernel,
                args,
                from: from.to_string(),
            });
        }
    }
}

/// Lowering of one graph, the program's or a region's, into steps.
struct GraphLowering<'g> {
    g: &'g Graph,
    /// The buffer of each stored value.
    buf: Vec<Option<Buf>>,
    /// Operands and results of the reshapes whose operand is not stored yet.
    reshapes: Vec<(Value, Value)>,
    /// Results and the buffers they are wanted in.
    wanted: Vec<(Value, Buf)>,
    steps: Vec<Step>,
}

/// Parameters of the kernel being built.
#[derive(Default)]
struct Params {
    bufs: Vec<Buf>,
    mems: Vec<Mem>,
}

/// The elements of one group: loads what is stored, computes what is not.
struct Elements<'a, 'g> {
    lowering: &'a GraphLowering<'g>,
    params: RefCell<Params>,
    /// The row that is walked, in a row group.
    walk: Option<rows::Walk>,
}

impl<'g> GraphLowering<'g> {
    fn new(g: &'g Graph, inputs: &[Buf]) -> GraphLowering<'g> {
        let mut buf = vec![None; g.values.len()];
        for (input, &b) in g.inputs.iter().zip(inputs) {
            buf[input.value.0 as usize] = Some(b);
        }
        let nodes = g.node_ids().map(|id| g.node(id));
        let reshapes = nodes.filter(|node| matches!(node.op, Op::Reshape(_)));
        GraphLowering {
            g,
            buf,
            reshapes: reshapes
                .map(|node| (node.operands[0], node.results[0]))
                .collect(),
            wanted: vec![],
            steps: vec![],
        }
    }

    fn run(&mut self, groups: &Groups, out: &mut Output) {
        for id in self.g.node_ids() {
            if let Op::Constant(c) = &self.g.node(id).op
                && c.value.splat_value().is_none()
            {
                let v = self.g.node(id).results[0];
                let kind = BufferKind::Constant(c.value.clone());
                self.buf[v.0 as usize] =
                    Some(out.buffer(&format!("c{}", v.0), c.value.ty.clone(), kind));
            }
        }
        self.views();
        for group in &groups.groups {
            self.group(group, out);
            self.views();
        }
    }

    /// Reshapes of stored values are views of their buffers.
    fn views(&mut self) {
        let buf = &mut self.buf;
        self.reshapes.retain(|&(from, to)| {
            let (from, to) = (from.0 as usize, to.0 as usize);
            buf[to] = buf[to].or(buf[from]);
            buf[to].is_none()
        });
    }

    /// Copies results that are not in their wanted buffer yet.
    fn finish(mut self, out: &mut Output) -> Vec<Step> {
        for (value, to) in std::mem::take(&mut self.wanted) {
            if self.buf[value.0 as usize] != Some(to) {
                self.put(value, to, out);
            }
        }
        self.steps
    }

    /// Stores a value that no group computes (a constant) into a buffer.
    fn fill(&mut self, value: Value, to: Buf, out: &mut Output) {
        let elements = self.elements();
        let kernel = elements.loops("fill", &[value]);
        let mut args = elements.params.into_inner().bufs;
        args.push(to);
        out.launch(&mut self.steps, kernel, args, "");
    }

    fn elements(&self) -> Elements<'_, 'g> {
        Elements {
            lowering: self,
            params: RefCell::default(),
            walk: None,
        }
    }

    /// The buffer a root is stored in: its place among the results, or a new one.
    fn root(&mut self, v: Value, out: &mut Output) -> Buf {
        let wanted = self.wanted.iter().find(|w| w.0 == v).map(|w| w.1);
        let buf = wanted.unwrap_or_else(|| out.temp(&format!("t{}", v.0), self.g.ty(v).clone()));
        self.buf[v.0 as usize] = Some(buf);
        buf
    }

    fn group(&mut self, group: &Group, out: &mut Output) {
        let from = self.provenance(group);
        if group.roots.iter().all(|&v| self.g.ty(v).count() == 0) {
            for &v in &group.roots {
                self.root(v, out);
            }
            return;
        }
        match group.kind {
            GroupKind::Loops => self.plain(group, &from, out),
            GroupKind::Rows => self.launch(group, None, &from, out, |l| l.rows(group)),
            GroupKind::Contraction(id) => contract::lower(self, group, id, &from, out),
            GroupKind::Stores(id) => self.stores(group, id, &from, out),
            GroupKind::Interpret(id) => {
                let node = self.g.node(id);
                let operands = node.operands.iter();
                let args = operands.map(|&v| self.typed(v, out)).collect();
                let results = node.results.iter().map(|&v| self.root(v, out)).collect();
                self.steps.push(Step::Interpret {
                    op: node.op.clone(),
                    args,
                    results,
                });
            }
            GroupKind::Control(id) => self.control(id, out),
        }
    }

    /// A kernel of loops over the shape of the roots.
    fn plain(&mut self, group: &Group, from: &str, out: &mut Output) {
        self.launch(group, None, from, out, |l| {
            let elements = l.elements();
            let kernel = elements.loops(&l.name(group), &group.roots);
            (kernel, elements.params.into_inner().bufs)
        });
    }

    /// The buffer of a value that fusion has stored.
    fn stored(&self, v: Value) -> Buf {
        self.buf[v.0 as usize]
            .unwrap_or_else(|| panic!("%{} is read from memory but not stored", v.0))
    }

    /// The buffer of a value that must be in memory. A constant, which kernels have as an immediate, and
    /// what is broadcast from one get a buffer here.
    fn in_memory(&mut self, v: Value, out: &mut Output) -> Buf {
        if let Some(stored) = self.buf[v.0 as usize] {
            return stored;
        }
        let ty = self.g.ty(v).clone();
        if let Op::Constant(c) = &self.g.def(v).op {
            let kind = BufferKind::Constant(c.value.clone());
            return out.buffer(&format!("c{}", v.0), ty, kind);
        }
        let to = out.temp(&format!("t{}", v.0), ty);
        self.fill(v, to, out);
        self.buf[v.0 as usize] = Some(to);
        to
    }

    /// Puts a value into a buffer.
    fn put(&mut self, v: Value, to: Buf, out: &mut Output) {
        match self.buf[v.0 as usize] {
            Some(from) => self.steps.push(Step::Copy { from, to }),
            None => self.fill(v, to, out),
        }
    }

    /// A buffer with the type of a stored value; a copy when it is a view of another.
    fn typed(&mut self, v: Value, out: &mut Output) -> Buf {
        let (from, ty) = (self.in_memory(v, out), self.g.ty(v).clone());
        if out.program.buffer(from).ty == ty {
            return from;
        }
        let to = out.temp(&format!("t{}", v.0), ty);
        self.steps.push(Step::Copy { from, to });
        to
    }

    /// A kernel of an op that writes its results itself, and of what follows it.
    fn stores(&mut self, group: &Group, id: NodeId, from: &str, out: &mut Output) {
        let node = self.g.node(id);
        let types = self.g.types(&node.operands);
        let elements = self.elements();
        let mut k = KernelBuilder::new(&self.name(group), 1);
        elements.declare_for(&mut k, &group.roots);
        let outs: Vec<Out> = (group.roots.iter())
            .map(|&v| {
                let ty = self.g.ty(v).clone();
                let mem = k.param(ty.dtype, ty.count(), Access::Write);
                Out { ty, mem }
            })
            .collect();
        let lowering = node.op.rules().lower(&types);
        elements.with_operands(&node.operands, &mut |operands| match &lowering {
            Lowering::Stores(emit) => emit(&mut k, operands, &outs),
            Lowering::Once(emit) => emit(&mut k, operands, &mut |k, at, v| {
                k.remember(node.results[0].0, at, v);
                let mems: Vec<Mem> = outs.iter().map(|out| out.mem).collect();
                elements.store_roots(k, &group.roots, &mems, at);
            }),
            _ => unreachable!("class of {}", node.op.name()),
        });
        let mut args = elements.params.into_inner().bufs;
        args.extend(group.roots.iter().map(|&v| self.root(v, out)));
        out.launch(&mut self.steps, k.finish(), args, from);
    }

    fn control(&mut self, id: NodeId, out: &mut Output) {
        let node = self.g.node(id);
        match &node.op {
            Op::While(w) if self.repeat(node, w, out) => {}
            Op::While(w) => {
                let carries: Vec<Buf> = (node.operands.iter().zip(&node.results))
                    .map(|(&operand, &result)| {
                        let from = self.in_memory(operand, out);
                        let to = self.root(result, out);
                        self.steps.push(Step::Copy { from, to });
                        to
                    })
                    .collect();
                let (cond, pred) = region(&w.cond, &carries, out);
                let (mut body, next) = region(&w.body, &carries, out);
                body.extend(
                    next.iter()
                        .zip(&carries)
                        .map(|(&from, &to)| Step::Copy { from, to }),
                );
                self.steps.push(Step::While {
                    cond,
                    pred: pred[0],
                    body,
                });
            }
            Op::Case(c) => {
                let operands = node.operands.iter();
                let mut args: Vec<Buf> = operands.map(|&v| self.in_memory(v, out)).collect();
                let index = args.remove(0);
                let results: Vec<Buf> = node.results.iter().map(|&v| self.root(v, out)).collect();
                let branch = |g: &Graph, out: &mut Output| {
                    let (mut steps, values) = region(g, &args, out);
                    steps.extend(
                        values
                            .iter()
                            .zip(&results)
                            .map(|(&from, &to)| Step::Copy { from, to }),
                    );
                    steps
                };
                let branches = c.branches.iter().map(|g| branch(g, out)).collect();
                self.steps.push(Step::Case { index, branches });
            }
            other => unreachable!("{} is no control op", other.name()),
        }
    }

    /// A short name for a group's kernel: its most telling ops.
    fn name(&self, group: &Group) -> String {
        let dull = ["broadcast_in_dim", "reshape", "convert", "constant"];
        let names = group
            .members
            .iter()
            .map(|&id| self.g.node(id).op.name())
            .filter(|n| !dull.contains(n));
        let mut names: Vec<&str> = names.collect();
        names.dedup();
        let shown = names.len().min(4);
        let mut name = names[names.len() - shown..].join("_");
        if name.is_empty() {
            name = "copy".to_string();
        }
        name
    }

    /// The layers a group came from.
    fn provenance(&self, group: &Group) -> String {
        let mut scopes: Vec<&str> = vec![];
        for &id in &group.members {
            let name = self.g.scope_name(self.g.node(id).scope);
            if !name.is_empty() && !scopes.contains(&name) {
                scopes.push(name);
            }
        }
        scopes.join(" ")
    }
}

/// Lowers a region whose inputs are in the given buffers; its results are fresh buffers.
fn region(g: &Graph, inputs: &[Buf], out: &mut Output) -> (Vec<Step>, Vec<Buf>) {
    let mut lowering = GraphLowering::new(g, inputs);
    let mut results = vec![];
    for output in &g.outputs {
        let buf = out.temp(&output.name, g.ty(output.value).clone());
        lowering.wanted.push((output.value, buf));
        results.push(buf);
    }
    lowering.run(&fuse(g), out);
    (lowering.finish(out), results)
}

impl Elements<'_, '_> {
    fn graph(&self) -> &Graph {
        self.lowering.g
    }

    /// A kernel that computes `roots`, all by loops of one shape, and stores them; the buffers of the roots are
    /// its last parameters.
    fn loops(&self, name: &str, roots: &[Value]) -> Kernel {
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
    fn store_roots(&self, k: &mut KernelBuilder, roots: &[Value], outs: &[Mem], at: &[Index]) {
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
    fn declare_for(&self, k: &mut KernelBuilder, values: &[Value]) {
        let g = self.graph();
        let mut seen = std::collections::BTreeSet::new();
        let mut stack: Vec<Value> = values.iter().rev().copied().collect();
        while let Some(v) = stack.pop() {
            if !seen.insert(v) {
                continue;
            }
            match self.lowering.buf[v.0 as usize] {
                Some(_) => drop(self.param(k, v)),
                None => stack.extend(g.def(v).operands.iter().rev()),
            }
        }
    }

    /// The parameter through which a stored value is read.
    fn param(&self, k: &mut KernelBuilder, v: Value) -> Mem {
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
    fn element(&self, k: &mut KernelBuilder, v: Value, at: &[Index]) -> Val {
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
    fn with_operands(&self, operands: &[Value], f: &mut dyn FnMut(&[Operand])) {
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
        let g = self.graph();
        let mut stack = roots.to_vec();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(v) = stack.pop() {
            if !seen.insert(v) || self.lowering.buf[v.0 as usize].is_some() {
                continue;
            }
            let node = g.def(v);
            if let Op::Reduce(r) = &node.op {
                let x = g.ty(node.operands[0]);
                if r.axes.contains(&(x.rank() - 1)) && x.shape[x.rank() - 1] >= 16 {
                    return true;
                }
            }
            stack.extend(&node.operands);
        }
        false
    }
}
