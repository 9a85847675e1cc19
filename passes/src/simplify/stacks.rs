//! Values that a loop stores, one in each turn, for a later loop to read: one that follows from others by a little
//! arithmetic is computed again where it is read, and need not be stored.

use super::{rebuild, simplify};
use craneflow_ir::Builder;
use craneflow_ir::counted::{self, Counted};
use craneflow_ir::graph::{Graph, Node, Value};
use craneflow_ir::ops::{DynamicSlice, Op, While};
use craneflow_ir::{Array, Pointwise, Shape};
use std::collections::{HashMap, HashSet};

/// Most operations that stand for a value.
const OPERATIONS: usize = 4;
/// Most values that follow from each other in a row.
const DEPTH: usize = 4;

/// The values that a loop stores: by result of the loop, what its body stores there.
struct Stacks<'a> {
    body: &'a Graph,
    stored: HashMap<Value, Stored>,
}

/// What a loop stores in each turn in a part of a carry, all of which is written in the end.
struct Stored {
    /// Of the body.
    value: Value,
    /// The shape of a part: a row of the whole.
    window: Shape,
    /// Where the part of the first turn begins, in elements, and how far the next ones are from it.
    place: (usize, i64),
}

/// Stores less and computes more, where all that reads a stack are loops that read the others too.
pub fn recompute(graph: &Graph) -> Graph {
    let loops = graph.nodes.iter().filter(|n| matches!(n.op, Op::While(_)));
    if loops.count() < 2 {
        return graph.clone();
    }
    let stacks: Vec<Stacks> = graph
        .nodes
        .iter()
        .filter_map(|n| Stacks::of(graph, n))
        .collect();
    let stack_of = |v: Value| stacks.iter().find(|s| s.stored.contains_key(&v));
    // By loop, the carries whose parts it is to compute.
    let mut computed: HashMap<usize, Vec<usize>> = HashMap::new();
    for stacks in &stacks {
        for v in stacks.followers() {
            for (i, k) in readers(graph, v, stacks).unwrap_or_default() {
                computed.entry(i).or_default().push(k);
            }
        }
    }
    if computed.is_empty() {
        return graph.clone();
    }
    rebuild(graph, &mut |b, i, operands| {
        let node = &graph.nodes[i];
        let op = match (&node.op, computed.get(&i)) {
            (Op::While(w), Some(carries)) => {
                let body = compute(w, &node.operands, carries, &|v| stack_of(v));
                Op::from(While {
                    cond: w.cond.clone(),
                    body: Box::new(simplify(&body)),
                })
            }
            (op, _) => op.clone(),
        };
        Some(b.push(op, operands).expect("the node was well-typed"))
    })
}

impl<'a> Stacks<'a> {
    fn of(graph: &'a Graph, node: &'a Node) -> Option<Stacks<'a>> {
        let Op::While(w) = &node.op else { return None };
        let uses = w.body.use_counts();
        let written =
            (0..node.results.len()).filter(|&k| counted::update(&w.body, &uses, k).is_some());
        let written: Vec<usize> = written.collect();
        if written.len() < 2 {
            return None;
        }
        let constant = |&v: &Value| match &graph.def(v).op {
            Op::Constant(c) => Some(c.value.clone()),
            _ => None,
        };
        let initial: Vec<Option<Array>> = node.operands.iter().map(constant).collect();
        let counted = Counted::of(w, &initial)?;
        let stored = written.into_iter().filter_map(|k| {
            let (whole, update) = (w.body.inputs[k].value, w.body.def(w.body.outputs[k].value));
            let (window, starts) = (w.body.ty(update.operands[1]), &update.operands[2..]);
            let place = counted.run(&w.body.ty(whole).shape, &window.shape, starts)?;
            let rows = w.body.ty(whole).shape.first();
            let all = is_row(&window.shape, &w.body.ty(whole).shape)
                && place.1.unsigned_abs() as usize == window.count()
                && rows == Some(&counted.turns);
            let stored = Stored {
                value: w.body.unreshaped(update.operands[1]),
                window: window.shape.clone(),
                place,
            };
            all.then_some((node.results[k], stored))
        });
        Some(Stacks {
            body: &w.body,
            stored: stored.collect(),
        })
    }

    /// The stacks whose values follow from others, over few that do so themselves.
    fn followers(&self) -> Vec<Value> {
        let all = self.stored.keys();
        let mut left: Vec<(Value, Vec<Value>)> =
            all.filter_map(|&v| Some((v, self.leaves(v)?))).collect();
        left.sort_unstable();
        let mut found: Vec<Value> = vec![];
        for _ in 0..DEPTH {
            let open: HashSet<Value> = left.iter().map(|l| l.0).collect();
            let (next, rest) = left
                .into_iter()
                .partition(|(_, leaves)| leaves.iter().all(|leaf| !open.contains(leaf)));
            let next: Vec<(Value, Vec<Value>)> = next;
            found.extend(next.into_iter().map(|l| l.0));
            left = rest;
        }
        found
    }

    /// The stacks from which the values of another follow, if there are such.
    fn leaves(&self, stack: Value) -> Option<Vec<Value>> {
        let root = self.stored[&stack].value;
        let mut leaves = vec![];
        let mut left = OPERATIONS;
        self.follow(stack, root, &mut leaves, &mut left)
            .then_some(leaves)
    }

    fn follow(&self, stack: Value, v: Value, leaves: &mut Vec<Value>, left: &mut usize) -> bool {
        if let Some(leaf) = self.leaf(stack, v) {
            leaves.push(leaf);
            return true;
        }
        let node = self.body.def(v);
        match &node.op {
            Op::Constant(c) => c.value.splat_value().is_some(),
            Op::BroadcastInDim(_) => splat(self.body, v),
            Op::Pointwise(p) if is_cheap(*p) && *left > 0 => {
                *left -= 1;
                (node.operands.iter()).all(|&x| self.follow(stack, x, leaves, left))
            }
            _ => false,
        }
    }

    /// Another stack, of the same type and order, that holds this value of the body.
    fn leaf(&self, stack: Value, v: Value) -> Option<Value> {
        let own = &self.stored[&stack];
        let same = |s: &Stored| {
            s.value == v
                && s.place == own.place
                && s.window == own.window
                && self.body.ty(s.value) == self.body.ty(own.value)
        };
        let found = self.stored.iter().filter(|&(&r, s)| r != stack && same(s));
        let first = found.map(|(&r, _)| r).min()?;
        // Of two stacks with one value, the later follows from the earlier.
        (v != own.value || first < stack).then_some(first)
    }
}

/// Where a stack is read: loops and their carries, which must read parts of it only, and of its leaves as well.
/// `None` if something else reads it.
fn readers(graph: &Graph, stack: Value, stacks: &Stacks) -> Option<Vec<(usize, usize)>> {
    if graph.outputs.iter().any(|o| o.value == stack) {
        return None;
    }
    let leaves = stacks.leaves(stack)?;
    let window = &stacks.stored[&stack].window;
    let mut readers = vec![];
    for (i, node) in graph.nodes.iter().enumerate() {
        for k in (0..node.operands.len()).filter(|&k| node.operands[k] == stack) {
            let Op::While(w) = &node.op else { return None };
            let has = |leaf: &Value| carry_of(w, &node.operands, *leaf).is_some();
            if !reads_rows(w, k, window) || !leaves.iter().all(has) {
                return None;
            }
            readers.push((i, k));
        }
    }
    Some(readers)
}

/// Whether a loop does nothing with a carry but read rows of it.
fn reads_rows(w: &While, carry: usize, window: &Shape) -> bool {
    let (x, end) = (w.body.inputs[carry].value, w.body.outputs[carry].value);
    let in_condition = w.cond.inputs[carry].value;
    let condition = w
        .cond
        .nodes
        .iter()
        .any(|n| n.operands.contains(&in_condition));
    let ends = w.body.outputs.iter().filter(|o| o.value == x).count();
    let rows = w.body.nodes.iter().filter(|n| n.operands.contains(&x));
    let row = |n: &Node| match &n.op {
        Op::DynamicSlice(slice) => n.operands[0] == x && slice.sizes[..] == window[..],
        _ => false,
    };
    x == end && ends == 1 && !condition && rows.into_iter().all(row)
}

/// The carry that is a value of the outer graph in all turns.
fn carry_of(w: &While, operands: &[Value], v: Value) -> Option<usize> {
    let fixed = |&k: &usize| w.body.inputs[k].value == w.body.outputs[k].value;
    (0..operands.len())
        .filter(fixed)
        .find(|&k| operands[k] == v)
}

/// The body of a loop that computes parts of some carries in place of reading them.
fn compute<'a>(
    w: &While,
    operands: &[Value],
    carries: &[usize],
    stacks: &dyn Fn(Value) -> Option<&'a Stacks<'a>>,
) -> Graph {
    rebuild(&w.body, &mut |b, i, new| {
        let node = &w.body.nodes[i];
        let carry = |&k: &usize| node.operands.first() == Some(&w.body.inputs[k].value);
        if let (Op::DynamicSlice(slice), Some(&k)) = (&node.op, carries.iter().find(|k| carry(k))) {
            let stack = operands[k];
            let mut part = Part {
                w,
                operands,
                carries,
                stacks: stacks(stack).expect("a computed carry is a stack"),
                slice,
                starts: &new[1..],
            };
            return Some(vec![part.of(b, stack)]);
        }
        Some(
            b.push(node.op.clone(), new)
                .expect("the node was well-typed"),
        )
    })
}

/// A part of several stacks, at one place.
struct Part<'a, 'b> {
    w: &'b While,
    operands: &'b [Value],
    carries: &'b [usize],
    stacks: &'b Stacks<'a>,
    slice: &'b DynamicSlice,
    starts: &'b [Value],
}

impl Part<'_, '_> {
    /// The part of a stack.
    fn of(&mut self, b: &mut Builder, stack: Value) -> Value {
        let k = carry_of(self.w, self.operands, stack).expect("the loop has the stack");
        let computed = self.carries.contains(&k);
        if !computed {
            let x = b.graph().inputs[k].value;
            return b.op(self.slice.clone(), &[&[x], self.starts].concat());
        }
        let root = self.stacks.stored[&stack].value;
        let value = self.follow(b, stack, root);
        b.reshape(value, &self.slice.sizes)
    }

    fn follow(&mut self, b: &mut Builder, stack: Value, v: Value) -> Value {
        let body = self.stacks.body;
        if let Some(leaf) = self.stacks.leaf(stack, v) {
            let part = self.of(b, leaf);
            return b.reshape(part, &body.ty(v).shape);
        }
        let node = body.def(v);
        let operands: Vec<Value> = (node.operands.iter())
            .map(|&x| self.follow(b, stack, x))
            .collect();
        b.op(node.op.clone(), &operands)
    }
}

/// Whether a window is a row: the whole of all axes but the first, of which it has one place.
fn is_row(window: &Shape, whole: &Shape) -> bool {
    window.count() > 0 && window.first() == Some(&1) && window[1..] == whole[1..]
}

fn splat(graph: &Graph, v: Value) -> bool {
    match &graph.def(v).op {
        Op::Constant(c) => c.value.splat_value().is_some(),
        Op::BroadcastInDim(_) => splat(graph, graph.def(v).operands[0]),
        _ => false,
    }
}

/// Whether computing a value costs no more than reading it.
fn is_cheap(p: Pointwise) -> bool {
    use Pointwise::{Abs, Add, Maximum, Minimum, Multiply, Negate, Select, Subtract};
    matches!(
        p,
        Abs | Add | Maximum | Minimum | Multiply | Negate | Select | Subtract
    )
}
