//! Loops that run a known number of times: what moves with the turn becomes views of buffers, so that a
//! turn is nothing but launches.
//!
//! - What a turn reads at a place that follows from the turn number is a slice of its buffer.
//! - A result that is only written, a part in each turn, is written in place.
//! - Other carries alternate between two buffers.

use super::{GraphLowering, Output};
use crate::fuse::fuse;
use craneflow_ir::counted::{self, Counted};
use craneflow_ir::graph::{Graph, Node, Value};
use craneflow_ir::loops::{Access, Buf, BufferKind, Step, View};
use craneflow_ir::ops::{Op, While};
use craneflow_ir::{Array, Builder, DType, Scalar, Type};
use std::collections::HashMap;

/// How a carry changes from turn to turn.
enum Carry {
    /// It follows from the turn number.
    Known,
    /// Not at all.
    Fixed,
    /// A run of elements from `first + t * step` is `update`, which nothing in the loop reads.
    Written {
        update: Value,
        first: usize,
        step: i64,
    },
    /// It is computed anew.
    New,
}

/// What an input of the turn's graph is.
enum Source {
    /// The value of a carry that is computed anew, or a carry that is fixed.
    Carry(usize),
    /// A part of a fixed carry that moves.
    Slice {
        carry: usize,
        first: usize,
        step: i64,
    },
    /// One number per turn.
    Table(Array),
}

impl GraphLowering<'_> {
    /// Lowers a `while` to a `repeat`; false when it is not known how often it runs.
    pub(super) fn repeat(&mut self, node: &Node, w: &While, out: &mut Output) -> bool {
        let constant = |&v: &Value| match &self.g.def(v).op {
            Op::Constant(c) => Some(c.value.clone()),
            _ => None,
        };
        let initial: Vec<Option<Array>> = node.operands.iter().map(constant).collect();
        let Some(counted) = Counted::of(w, &initial).filter(|c| c.turns > 0) else {
            return false;
        };
        let carries = carries(&w.body, &counted);
        let turn = Turn::of(&w.body, &counted, &carries);
        let mut views = vec![];
        let mut view = |out: &mut Output, name: &str, ty: &Type, what: View| {
            let view = out.buffer(name, ty.clone(), BufferKind::View);
            views.push((view, what));
            view
        };
        // The buffer of each carry in a turn, and where the turn puts its results.
        let mut current: Vec<Option<Buf>> = vec![];
        let mut targets = vec![];
        for (k, carry) in carries.iter().enumerate() {
            let (start, result) = (node.operands[k], node.results[k]);
            let ty = self.g.ty(result).clone();
            let name = &w.body.inputs[k].name;
            current.push(match *carry {
                Carry::Known => {
                    let last = counted.last[k].clone().expect("known after the loop");
                    let last = out.buffer(name, ty, BufferKind::Constant(last));
                    self.buf[result.0 as usize] = Some(last);
                    None
                }
                Carry::Fixed => {
                    let buf = self.in_memory(start, out);
                    self.buf[result.0 as usize] = Some(buf);
                    Some(buf)
                }
                Carry::Written {
                    update,
                    first,
                    step,
                } => {
                    let of = self.root(result, out);
                    let part = w.body.ty(update);
                    let run = part.count();
                    if step.unsigned_abs() as usize != run || run * counted.turns != ty.count() {
                        self.put(start, of, out);
                    }
                    let what = View::Slice { of, first, step };
                    targets.push(view(out, name, part, what));
                    Some(of)
                }
                Carry::New => {
                    let (result, other) = (self.root(result, out), out.temp(name, ty.clone()));
                    let (even, odd) = match counted.turns % 2 {
                        0 => (result, other),
                        _ => (other, result),
                    };
                    self.put(start, even, out);
                    let next = View::Turn {
                        even: odd,
                        odd: even,
                    };
                    targets.push(view(out, name, &ty, next));
                    Some(view(out, name, &ty, View::Turn { even, odd }))
                }
            });
        }
        let mut inputs = vec![];
        for (input, source) in turn.graph.inputs.iter().zip(&turn.sources) {
            let ty = turn.graph.ty(input.value);
            inputs.push(match source {
                Source::Carry(k) => current[*k].expect("a carry that is read has a buffer"),
                Source::Slice { carry, first, step } => {
                    let of = current[*carry].expect("a carry that is read has a buffer");
                    let (first, step) = (*first, *step);
                    view(out, &input.name, ty, View::Slice { of, first, step })
                }
                Source::Table(table) => {
                    let kind = BufferKind::Constant(table.clone());
                    let of = out.buffer(&input.name, table.ty.clone(), kind);
                    let (first, step) = (0, ty.count() as i64);
                    view(out, &input.name, ty, View::Slice { of, first, step })
                }
            });
        }
        let mut lowering = GraphLowering::new(&turn.graph, &inputs);
        let outputs = turn.graph.outputs.iter();
        lowering.wanted = outputs.map(|o| o.value).zip(targets).collect();
        let fixed = inputs
            .iter()
            .zip(&turn.sources)
            .filter(|(_, source)| match source {
                Source::Carry(k) => matches!(carries[*k], Carry::Fixed),
                _ => false,
            });
        lowering.turns = (counted.turns, fixed.map(|(&b, _)| b).collect());
        lowering.run(&fuse(&turn.graph), out);
        let mut body = lowering.finish(out);
        let fixed = hoist(&mut body, out);
        self.steps.extend(fixed);
        let count = counted.turns;
        self.steps.push(Step::Repeat {
            count,
            parts: 1,
            views,
            body,
        });
        true
    }
}

fn carries(body: &Graph, counted: &Counted) -> Vec<Carry> {
    let uses = body.use_counts();
    let one = |k: usize| {
        let (from, to) = (body.inputs[k].value, body.outputs[k].value);
        if counted.last[k].is_some() {
            return Carry::Known;
        }
        if from == to {
            return Carry::Fixed;
        }
        if let Some(node) = counted::update(body, &uses, k) {
            let update = body.unreshaped(node.operands[1]);
            let (whole, part) = (body.ty(from), body.ty(update));
            let window = &body.ty(node.operands[1]).shape;
            if let Some((first, step)) = counted.run(&whole.shape, window, &node.operands[2..])
                && part.count() > 0
            {
                return Carry::Written {
                    update,
                    first,
                    step,
                };
            }
        }
        Carry::New
    };
    (0..body.inputs.len()).map(one).collect()
}

/// What computes the same in every turn, out of the body: launches that read nothing that moves or that the
/// body writes.
fn hoist(body: &mut Vec<Step>, out: &Output) -> Vec<Step> {
    let p = &out.program;
    let writes = |step: &Step| -> Vec<Buf> {
        match step {
            Step::Launch { kernel, args, .. } => {
                let params = p.kernel(*kernel).params.iter();
                let written = params.zip(args).filter(|(p, _)| p.access != Access::Read);
                written.map(|(_, &b)| b).collect()
            }
            Step::Copy { to, .. } => vec![*to],
            Step::Interpret { results, .. } => results.clone(),
            Step::While { .. } | Step::Repeat { .. } | Step::Case { .. } => vec![],
        }
    };
    if body.iter().any(|s| {
        matches!(
            s,
            Step::While { .. } | Step::Repeat { .. } | Step::Case { .. }
        )
    }) {
        return vec![];
    }
    let mut hoisted = vec![];
    loop {
        let mut written: HashMap<Buf, usize> = HashMap::new();
        for b in body.iter().flat_map(writes) {
            *written.entry(b).or_default() += 1;
        }
        let stays = |step: &Step| {
            let Step::Launch { args, .. } = step else {
                return true;
            };
            let own = writes(step);
            let only = |b: &Buf| written[b] == 1 && p.buffer(*b).kind == BufferKind::Temp;
            let reads = args.iter().filter(|b| !own.contains(b));
            let moves = |b: &Buf| p.buffer(*b).kind == BufferKind::View || written.contains_key(b);
            !own.iter().all(only) || reads.into_iter().any(moves)
        };
        let (rest, out): (Vec<Step>, Vec<Step>) = std::mem::take(body).into_iter().partition(stays);
        *body = rest;
        if out.is_empty() {
            return hoisted;
        }
        hoisted.extend(out);
    }
}

/// One turn: the body without what follows from the turn number.
struct Turn<'a> {
    body: &'a Graph,
    counted: &'a Counted,
    carries: &'a [Carry],
    b: Builder,
    new: HashMap<Value, Value>,
    sources: Vec<Source>,
}

struct Turned {
    /// Its outputs are the carries that are computed anew and the updates of those that are written.
    graph: Graph,
    sources: Vec<Source>,
}

impl<'a> Turn<'a> {
    fn of(body: &'a Graph, counted: &'a Counted, carries: &'a [Carry]) -> Turned {
        let mut turn = Turn {
            body,
            counted,
            carries,
            b: Builder::new(&body.name),
            new: HashMap::new(),
            sources: vec![],
        };
        let wanted: Vec<(usize, Value)> = (carries.iter().enumerate())
            .filter_map(|(k, carry)| match carry {
                Carry::Known | Carry::Fixed => None,
                Carry::Written { update, .. } => Some((k, *update)),
                Carry::New => Some((k, body.outputs[k].value)),
            })
            .collect();
        turn.nodes(&wanted);
        for &(k, v) in &wanted {
            let v = turn.value(v);
            turn.b.output(&body.outputs[k].name, v);
        }
        Turned {
            graph: turn.b.finish(),
            sources: turn.sources,
        }
    }

    /// Copies the nodes that the wanted values need.
    fn nodes(&mut self, wanted: &[(usize, Value)]) {
        let body = self.body;
        let mut needed = vec![false; body.nodes.len()];
        let mut stack: Vec<Value> = wanted.iter().map(|w| w.1).collect();
        while let Some(v) = stack.pop() {
            let id = body.values[v.0 as usize].node.0 as usize;
            if !self.is_source(v) && !std::mem::replace(&mut needed[id], true) {
                stack.extend(&body.nodes[id].operands);
            }
        }
        for (node, _) in body.nodes.iter().zip(needed).filter(|(_, needed)| *needed) {
            let operands: Vec<Value> = node.operands.iter().map(|&x| self.value(x)).collect();
            let outer = self.b.enter(body.scope_name(node.scope));
            let results = self.b.push(node.op.clone(), &operands);
            self.b.leave(outer);
            let results = results.expect("the node was well-typed");
            self.new.extend(node.results.iter().copied().zip(results));
        }
    }

    /// Whether a value is an input of the turn, or a constant.
    fn is_source(&self, v: Value) -> bool {
        let known = self.counted.table(v).is_some();
        let op = &self.body.def(v).op;
        known || matches!(op, Op::Input(_) | Op::Constant(_)) || self.slice(v).is_some()
    }

    /// A part of a fixed carry that moves with the turn.
    fn slice(&self, v: Value) -> Option<Source> {
        let node = self.body.def(v);
        let Op::DynamicSlice(slice) = &node.op else {
            return None;
        };
        let of = node.operands[0];
        let Op::Input(input) = &self.body.def(of).op else {
            return None;
        };
        let carry = input.index;
        let fixed = matches!(self.carries[carry], Carry::Fixed);
        let shape = &self.body.ty(of).shape;
        let (first, step) = self.counted.run(shape, &slice.sizes, &node.operands[1..])?;
        fixed.then_some(Source::Slice { carry, first, step })
    }

    /// The new value for one of the body.
    fn value(&mut self, v: Value) -> Value {
        if let Some(&new) = self.new.get(&v) {
            return new;
        }
        let ty = self.body.ty(v).clone();
        let node = self.body.def(v);
        let new = match (&node.op, self.counted.table(v)) {
            (Op::Constant(c), _) => self.b.constant(c.value.clone()),
            (_, Some(numbers)) if numbers.iter().all(|n| *n == numbers[0]) => {
                let c = Array::from_fn(ty, |_| number(&self.body.ty(v).dtype, numbers[0]));
                self.b.constant(c)
            }
            (_, Some(numbers)) => {
                let all = [&[numbers.len()], &ty.shape[..]].concat();
                let table = Array::from_fn(ty.with_shape(all), |i| number(&ty.dtype, numbers[i]));
                self.input("turn", ty, Source::Table(table))
            }
            (Op::Input(input), _) => {
                let name = self.body.inputs[input.index].name.clone();
                self.input(&name, ty, Source::Carry(input.index))
            }
            _ => {
                let slice = self.slice(v).expect("sources are inputs or slices");
                self.input("part", ty, slice)
            }
        };
        self.new.insert(v, new);
        new
    }

    fn input(&mut self, name: &str, ty: Type, source: Source) -> Value {
        let name = format!("{name}.{}", self.sources.len());
        self.sources.push(source);
        self.b.input(&name, ty)
    }
}

fn number(dtype: &DType, n: i64) -> Scalar {
    match dtype {
        DType::Bool => Scalar::bool(n != 0),
        _ => Scalar::int(*dtype, n),
    }
}
