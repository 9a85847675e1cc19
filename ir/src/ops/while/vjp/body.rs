//! One turn of a loop backwards.

use super::sum::{Sum, Term};
use super::{load, stacked};
use crate::array::Array;
use crate::build::Builder;
use crate::counted::{Counted, line};
use crate::error::GradError;
use crate::grad::append_vjp;
use crate::graph::{Graph, NodeId, Value};
use crate::native::Scalar;
use crate::ops::common::Reducer;
use crate::ops::{DynamicSlice, Op, While};
use crate::scalar::Pointwise;
use crate::types::{DType, Type};
use std::collections::HashMap;

/// What a turn backwards reads, computes and adds up. Carries are those of the loop, by position.
pub(super) struct Backward<'a> {
    body: &'a Graph,
    pub counted: &'a Counted,
    /// The body, followed by its gradient.
    graph: Graph,
    /// Values of `graph` that the body computes, by value of the body.
    forward: Vec<Value>,
    /// The same backwards.
    origin: HashMap<Value, Value>,
    /// Gradients of results: input of `graph` and carry.
    seeds: Vec<(Value, usize)>,
    /// The gradient of each carry in `carried`, in `graph`; `None` is zero.
    anew: Vec<Option<Value>>,
    /// Carries whose gradient is computed anew in every turn.
    pub carried: Vec<usize>,
    /// Float carries that the loop does not change: their gradients are sums.
    pub fixed: Vec<usize>,
    /// Terms of these sums.
    pub sums: Vec<Sum>,
    /// Values of `graph` that sums need stacked, and that are in no other stack.
    pub stacked: Vec<Value>,
    /// Values of the body that are kept, in order.
    pub kept: Vec<Value>,
    /// Fixed carries that are read.
    pub read: Vec<usize>,
    /// Carries that are only written, a part in each turn, whose gradient is read in parts.
    pub rows: Vec<usize>,
}

impl<'a> Backward<'a> {
    pub fn of(
        w: &'a While,
        counted: &'a Counted,
        dy: &[Option<Value>],
    ) -> Result<Backward<'a>, GradError> {
        let body: &Graph = &w.body;
        let mut b = Builder::new(&body.name);
        let inputs: Vec<Value> = (body.inputs.iter())
            .map(|i| b.input(&i.name, body.ty(i.value).clone()))
            .collect();
        let (outputs, forward) = b.inline_all(body, &inputs);
        let end = b.graph().nodes.len();
        let float = |k: &usize| body.ty(body.inputs[*k].value).dtype.is_float();
        let floats: Vec<usize> = (0..inputs.len()).filter(float).collect();
        let (fixed, changed): (Vec<usize>, Vec<usize>) = (floats.iter().copied())
            .partition(|&k| body.inputs[k].value == body.outputs[k].value);
        let (rows, carried): (Vec<usize>, Vec<usize>) =
            (changed.into_iter()).partition(|&k| written(body, counted, k).is_some());
        let rows: Vec<usize> = rows.into_iter().filter(|&k| dy[k].is_some()).collect();
        // The gradient of a part that is written is a part of the gradient.
        let (mut seeds, mut pairs) = (vec![], vec![]);
        for &k in carried.iter().chain(&rows) {
            let of = match written(body, counted, k) {
                Some(update) => forward[update.0 as usize],
                None => outputs[k],
            };
            let ty = b.ty(of).clone();
            let seed = b.input(&format!("gradient.{k}"), ty);
            seeds.push((seed, k));
            pairs.push((of, seed));
        }
        let wrt: Vec<Value> = floats.iter().map(|&k| inputs[k]).collect();
        let grads = append_vjp(&mut b, &pairs, &wrt)?;
        let grad = |k: usize| floats.iter().position(|&f| f == k).and_then(|i| grads[i]);
        let own = |v: u32| (forward[v as usize], Value(v));
        let mut backward = Backward {
            body,
            counted,
            graph: b.graph().clone(),
            origin: (0..body.values.len() as u32).map(own).collect(),
            forward,
            seeds,
            anew: carried.iter().map(|&k| grad(k)).collect(),
            carried,
            sums: vec![],
            stacked: vec![],
            kept: vec![],
            read: vec![],
            rows,
            fixed,
        };
        for k in backward.fixed.clone() {
            let terms = grad(k).map(|g| backward.terms(k, g)).unwrap_or_default();
            backward.sums.extend(terms);
        }
        backward.choose(end);
        let sums = backward.sums.iter().filter(|s| !s.term.is_carried());
        let values: Vec<Value> = sums.flat_map(|s| s.term.values()).copied().collect();
        for v in values {
            if backward.stack_of(v).is_none() {
                backward.stacked.push(v);
            }
        }
        Ok(backward)
    }

    /// The terms of a gradient.
    fn terms(&self, carry: usize, gradient: Value) -> Vec<Sum> {
        let (mut stack, mut sums) = (vec![gradient], vec![]);
        while let Some(v) = stack.pop() {
            let node = self.graph.def(v);
            match &node.op {
                Op::Pointwise(Pointwise::Add) if !self.origin.contains_key(&v) => {
                    stack.extend(node.operands.iter().rev())
                }
                _ => sums.push(Sum {
                    carry,
                    ty: self.graph.ty(v).clone(),
                    term: self.term(v),
                }),
            }
        }
        sums
    }

    fn term(&self, v: Value) -> Term {
        let node = self.graph.def(v);
        match &node.op {
            Op::DynamicUpdateSlice(_) if self.is_zero(node.operands[0]) && self.parts(v) => {
                Term::Part(node.operands[1..].to_vec())
            }
            Op::DotGeneral(dot) if dot.lhs_batch.is_empty() => {
                Term::Product(dot.clone(), [node.operands[0], node.operands[1]])
            }
            Op::Reduce(r) if matches!(r.kind, Reducer::Sum) && node.operands.len() == 1 => {
                Term::Reduced(r.axes.clone(), node.operands[0])
            }
            _ => Term::Any(v),
        }
    }

    fn is_zero(&self, v: Value) -> bool {
        let node = self.graph.def(v);
        match &node.op {
            Op::Constant(c) => c.value.splat_value().is_some_and(|s| s.bits == 0),
            Op::BroadcastInDim(_) => self.is_zero(node.operands[0]),
            _ => false,
        }
    }

    /// Whether an update writes another part in every turn.
    fn parts(&self, v: Value) -> bool {
        let part = &self.graph.def(v).operands[1..];
        let run = self.run(self.graph.ty(v), part);
        let count = self.graph.ty(part[0]).count();
        run.is_some_and(|run| apart(run, count, self.counted.turns))
    }

    /// Where a part, followed by where it starts, is in a gradient of type `whole`.
    fn run(&self, whole: &Type, part: &[Value]) -> Option<(usize, i64)> {
        let starts = part[1..].iter();
        let starts: Option<Vec<Value>> = starts.map(|x| self.origin.get(x).copied()).collect();
        let sizes = &self.graph.ty(part[0]).shape;
        self.counted.run(&whole.shape, sizes, &starts?)
    }

    /// Whether the parts of a gradient fill it in the order of the turns.
    pub fn in_order(&self, sum: &Sum, part: &[Value]) -> bool {
        let count = self.graph.ty(part[0]).count();
        let fills = count * self.counted.turns == sum.ty.count();
        fills && self.run(&sum.ty, part) == Some((0, count as i64))
    }

    /// Whether two values of `graph` are one, reshapes aside.
    pub fn same_elements(&self, x: Value, y: Value) -> bool {
        let source = |mut v: Value| {
            while let Op::Reshape(_) = &self.graph.def(v).op {
                v = self.graph.def(v).operands[0];
            }
            v
        };
        source(x) == source(y)
    }

    /// Values of `graph` that a turn backwards needs to have.
    fn wanted(&self) -> Vec<Value> {
        let anew = self.anew.iter().flatten();
        let sums = self.sums.iter().flat_map(|sum| sum.term.values());
        anew.chain(sums).copied().collect()
    }

    /// Decides what is kept, by what the nodes from `end` on read of those before.
    fn choose(&mut self, end: usize) {
        let mut seen = vec![false; self.graph.values.len()];
        let mut stack = self.wanted();
        while let Some(v) = stack.pop() {
            let seed = self.seeds.iter().any(|s| s.0 == v);
            if std::mem::replace(&mut seen[v.0 as usize], true) || seed {
                continue;
            }
            let id = self.graph.values[v.0 as usize].node;
            if id.0 as usize >= end {
                stack.extend(&self.graph.node(id).operands);
                continue;
            }
            let own = self.origin[&v];
            if self.counted.table(own).is_some() {
                continue;
            }
            match &self.body.def(own).op {
                Op::Input(input) if self.fixed_input(own) => self.read.push(input.index),
                _ if self.again(id) => stack.extend(&self.graph.node(id).operands),
                _ => self.kept.push(own),
            }
        }
        self.kept.sort_unstable();
        self.read.sort_unstable();
    }

    /// Whether a value of the body is an input that stays what it is.
    fn fixed_input(&self, own: Value) -> bool {
        match &self.body.def(own).op {
            Op::Input(i) => self.body.outputs[i.index].value == own,
            _ => false,
        }
    }

    /// Whether a node of the body is computed again rather than kept: it moves elements, or is a part of a
    /// fixed carry at a known place.
    fn again(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        let known = |x: &Value| self.counted.table(self.origin[x]).is_some();
        match &node.op {
            Op::Constant(_) | Op::Iota(_) => true,
            Op::BroadcastInDim(_) | Op::Reshape(_) | Op::Transpose(_) => true,
            Op::DynamicSlice(_) => {
                self.fixed_input(self.origin[&node.operands[0]])
                    && node.operands[1..].iter().all(known)
            }
            _ => false,
        }
    }

    /// The position among `kept` of a value of `graph`.
    pub fn kept_at(&self, v: Value) -> Option<usize> {
        self.kept.binary_search(self.origin.get(&v)?).ok()
    }

    /// The type of a value of `graph`.
    pub fn ty(&self, v: Value) -> &Type {
        self.graph.ty(v)
    }

    /// Appends one turn: the new gradients of `carried`, and the values of `graph` by their new ones.
    /// `gradients` are those of `carried` so far, `given` the stacks of `kept`, the carries of `read`, the
    /// gradients of `rows`.
    pub fn turn(
        &self,
        b: &mut Builder,
        turn: Value,
        gradients: &[Value],
        given: &[Value],
    ) -> (Vec<Value>, HashMap<Value, Value>) {
        let mut new: HashMap<Value, Value> = HashMap::new();
        let (stacks, rest) = given.split_at(self.kept.len());
        let (read, rows) = rest.split_at(self.read.len());
        for (&v, &stack) in self.kept.iter().zip(stacks) {
            let value = load(b, stack, turn);
            new.insert(self.forward[v.0 as usize], value);
        }
        for (&k, &value) in self.read.iter().zip(read) {
            let input = self.body.inputs[k].value;
            new.insert(self.forward[input.0 as usize], value);
        }
        let seed = |k: usize| self.seeds.iter().find(|s| s.1 == k).expect("a seed").0;
        for (&k, &value) in self.carried.iter().zip(gradients) {
            new.insert(seed(k), value);
        }
        for (&k, &whole) in self.rows.iter().zip(rows) {
            let node = self.body.def(self.body.outputs[k].value);
            let starts = node.operands[2..].iter();
            let starts: Vec<Value> = starts.map(|&x| self.known(b, x, turn)).collect();
            let sizes = self.body.ty(node.operands[1]).shape.to_vec();
            let part = b.op(DynamicSlice { sizes }, &[&[whole], &starts[..]].concat());
            new.insert(seed(k), part);
        }
        self.copy(b, turn, &mut new);
        let mut anew = vec![];
        for (gradient, &k) in self.anew.iter().zip(&self.carried) {
            let ty = self.body.ty(self.body.inputs[k].value);
            anew.push(match gradient {
                Some(g) => new[g],
                None => b.splat(ty, 0.0),
            });
        }
        (anew, new)
    }

    /// Copies the nodes that are computed in a turn backwards.
    fn copy(&self, b: &mut Builder, turn: Value, new: &mut HashMap<Value, Value>) {
        let mut needed = vec![false; self.graph.nodes.len()];
        let mut stack = self.wanted();
        while let Some(v) = stack.pop() {
            if new.contains_key(&v) {
                continue;
            }
            let own = self.origin.get(&v);
            if let Some(&own) = own.filter(|own| self.counted.table(**own).is_some()) {
                let value = self.known(b, own, turn);
                new.insert(v, value);
                continue;
            }
            let id = self.graph.values[v.0 as usize].node.0 as usize;
            if !std::mem::replace(&mut needed[id], true) {
                stack.extend(&self.graph.nodes[id].operands);
            }
        }
        for (node, _) in (self.graph.nodes.iter().zip(needed)).filter(|(_, needed)| *needed) {
            let operands: Vec<Value> = node.operands.iter().map(|x| new[x]).collect();
            let outer = b.enter(self.graph.scope_name(node.scope));
            let results = b.push(node.op.clone(), &operands);
            b.leave(outer);
            let results = results.expect("the node was well-typed");
            new.extend(node.results.iter().copied().zip(results));
        }
    }

    /// A value of the body that follows from the turn.
    fn known(&self, b: &mut Builder, v: Value, turn: Value) -> Value {
        let ty = self.body.ty(v).clone();
        let table = self.counted.table(v).expect("it follows from the turn");
        let number = |n: i64| match ty.dtype {
            DType::Bool => Scalar::bool(n != 0),
            dtype => Scalar::int(dtype, n),
        };
        if let Some((first, step)) = line(table).filter(|_| ty.dtype != DType::Bool) {
            let turn = b.convert(turn, ty.dtype);
            let turn = b.reshape(turn, &ty.shape);
            let step = b.constant(Array::from_fn(ty.clone(), |_| number(step)));
            let first = b.constant(Array::from_fn(ty.clone(), |_| number(first)));
            let moved = b.mul(turn, step);
            return b.add(moved, first);
        }
        let numbers = Array::from_fn(stacked(&ty, table.len()), |i| number(table[i]));
        let numbers = b.constant(numbers);
        load(b, numbers, turn)
    }
}

/// The update of a carry that is only written, another part in each turn, when the parts fill it.
fn written(body: &Graph, counted: &Counted, k: usize) -> Option<Value> {
    let (from, to) = (body.inputs[k].value, body.outputs[k].value);
    let node = body.def(to);
    let Op::DynamicUpdateSlice(_) = node.op else {
        return None;
    };
    let uses = body.use_counts();
    let once = |v: Value| uses[v.0 as usize] == 1;
    let update = node.operands[1];
    let (whole, part) = (body.ty(from), body.ty(update));
    let run = counted.run(&whole.shape, &part.shape, &node.operands[2..])?;
    let fills = part.count() * counted.turns == whole.count();
    let own = node.operands[0] == from && once(from) && once(to);
    (own && fills && apart(run, part.count(), counted.turns)).then_some(update)
}

/// Whether the parts of different turns do not overlap.
fn apart((_, step): (usize, i64), part: usize, turns: usize) -> bool {
    turns == 1 || step.unsigned_abs() as usize >= part
}
