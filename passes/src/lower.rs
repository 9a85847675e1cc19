//! Turns groups of graph nodes into kernels: the only place that reads the graph IR and writes the
//! loop IR.

mod columns;
pub mod contract;
mod control;
mod counted;
mod elements;
mod known;
mod output;
mod rows;
mod tiles;

use crate::Options;
use crate::fuse::{Group, GroupKind, Groups};
use craneflow_ir::graph::{Graph, Node, NodeId, Value};
use craneflow_ir::loops::build::{KernelBuilder, Out};
use craneflow_ir::loops::{Access, Buf, BufferKind, Mem, Program, Step};
use craneflow_ir::ops::{Lowering, Op};
use elements::Elements;
use output::Output;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

/// Lowers a whole graph.
pub fn lower(g: &Graph, groups: &Groups, options: &Options) -> Program {
    let mut out = Output::new(&g.name, options);
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

/// Lowering of one graph, the program's or a region's, into steps.
struct GraphLowering<'g> {
    g: &'g Graph,
    /// The buffer of each stored value.
    buf: Vec<Option<Buf>>,
    /// Operands and results of the reshapes whose operand is not stored yet.
    reshapes: Vec<(Value, Value)>,
    /// Results and the buffers they are wanted in.
    wanted: Vec<(Value, Buf)>,
    /// Turns of a counted loop around the graph, and the buffers that stay through all of them.
    turns: (usize, HashSet<Buf>),
    steps: Vec<Step>,
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
            turns: (1, HashSet::new()),
            steps: vec![],
        }
    }

    /// Turns of the loop around in which a buffer is the same; 1 where it is not.
    fn turns(&self, b: Buf) -> usize {
        match &self.turns {
            (turns, stays) if stays.contains(&b) => *turns,
            _ => 1,
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

    /// Visits what `roots` lead to, each value once and in the order of operands: what is stored without its node, and
    /// what the kernel of the roots computes with it. Goes on to the operands where `visit` says so.
    fn visit<'a>(
        &'a self,
        roots: &[Value],
        visit: &mut dyn FnMut(Value, Option<&'a Node>) -> bool,
    ) {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<Value> = roots.iter().rev().copied().collect();
        while let Some(v) = stack.pop() {
            if !seen.insert(v) {
                continue;
            }
            let computed = self.buf[v.0 as usize].is_none().then(|| self.g.def(v));
            if let (true, Some(node)) = (visit(v, computed), computed) {
                stack.extend(node.operands.iter().rev());
            }
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
