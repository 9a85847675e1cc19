//! Loops that add up a product in each turn, as gradients of weights do: one product after the loop.
//!
//! `acc += dot(p, q)` reads and writes all of `acc` in every turn for a short contraction. What `p` and `q` were
//! is kept in stacks instead, which such loops mostly have already, and the product goes over turns as well.

use super::{Cx, Fault};
use craneflow_ir::native::Cmp;
use craneflow_ir::ops::{BroadcastInDim, DotGeneral, DynamicSlice, DynamicUpdateSlice, Transpose};
use craneflow_ir::{Array, Builder, Graph, Op, Pointwise, Scalar, Type, Value};

/// Bytes of a stack that is added to a loop: loops over larger pieces are mostly there to save memory.
const STACK: usize = 32 << 20;

/// A sum `carry += product` over the turns of a loop.
pub struct Sum {
    /// The carry, which keeps its initial value during the loop.
    carry: usize,
    dot: DotGeneral,
    permutation: Vec<usize>,
    /// The carries that hold the factors of all turns in the end, turns along the first axis.
    stacks: [usize; 2],
}

/// How the turns of a loop are counted.
struct Turns {
    /// The carry that is 0, 1, 2 and so on.
    counter: Value,
    count: i64,
}

/// Takes such sums out of a loop, whose regions and operands get a carry for each stack that is added.
pub fn take_out(
    cx: &mut Cx,
    cond: &mut Graph,
    body: &mut Graph,
    operands: &mut Vec<Value>,
) -> Result<Vec<Sum>, Fault> {
    let Some(turns) = turns(cx, cond, body, operands) else {
        return Ok(vec![]);
    };
    let mut loops = Loop {
        body: &*body,
        turns,
        added: vec![],
    };
    let found: Vec<Sum> = (0..loops.body.outputs.len())
        .filter_map(|i| loops.sum(i))
        .collect();
    let (added, count) = (loops.added, loops.turns.count as usize);
    for sum in &found {
        body.outputs[sum.carry].value = body.inputs[sum.carry].value;
    }
    if added.is_empty() {
        return Ok(found);
    }
    let mut b = Builder::resume(std::mem::take(body));
    for (v, at) in added {
        let ty = b.ty(v).clone();
        let stack = ty.with_shape([&[count], &*ty.shape.0].concat());
        let name = b.graph().inputs.len();
        let input = b.input(&format!("x{name}"), stack.clone());
        let axes = (1..stack.rank()).collect();
        let one = ty.with_shape([&[1], &*ty.shape.0].concat()).shape;
        let update = b.push1(BroadcastInDim { shape: one, axes }, &[v])?;
        let zero = b.constant(Array::scalar(Scalar::int(b.ty(at).dtype, 0)));
        let starts = [&[at], &*vec![zero; ty.rank()]].concat();
        let stacked = b.push1(DynamicUpdateSlice, &[&[input, update], &*starts].concat())?;
        b.output(&format!("y{name}"), stacked);
        operands.push(cx.b.splat(&stack, 0.0));
    }
    *body = b.finish();
    super::control::ignore(cond, body);
    Ok(found)
}

/// Adds the sums to what carries are after the loop.
pub fn add(cx: &mut Cx, sums: &[Sum], results: &mut [Value]) -> Result<(), Fault> {
    for sum in sums {
        let later = |axes: &[usize]| axes.iter().map(|a| a + 1).collect::<Vec<usize>>();
        let turns_too = |axes: &[usize]| [vec![0], later(axes)].concat();
        let dot = DotGeneral {
            lhs_batch: later(&sum.dot.lhs_batch),
            rhs_batch: later(&sum.dot.rhs_batch),
            lhs_contract: turns_too(&sum.dot.lhs_contract),
            rhs_contract: turns_too(&sum.dot.rhs_contract),
        };
        let product = cx.push(dot, &sum.stacks.map(|carry| results[carry]))?;
        let product = cx.b.transpose(product, &sum.permutation);
        results[sum.carry] = cx.push(Pointwise::Add, &[results[sum.carry], product])?;
    }
    Ok(())
}

/// The turns of a loop that counts from 0 to a constant.
fn turns(cx: &Cx, cond: &Graph, body: &Graph, operands: &[Value]) -> Option<Turns> {
    let more = cond.def(cond.outputs.first()?.value);
    let &[counter, end] = &more.operands[..] else {
        return None;
    };
    if !matches!(more.op, Op::Pointwise(Pointwise::Compare(Cmp::Lt, _))) {
        return None;
    }
    let carry = cond.inputs.iter().position(|i| i.value == counter)?;
    let count = int(cond, end)?;
    let starts_at_0 = cx.known_splat(operands[carry])?.to_i64() == 0;
    let counter = body.inputs[carry].value;
    let next = body.def(body.outputs.get(carry)?.value);
    let steps = match (&next.op, &next.operands[..]) {
        (Op::Pointwise(Pointwise::Add), &[a, b]) => {
            (a == counter && int(body, b) == Some(1)) || (b == counter && int(body, a) == Some(1))
        }
        _ => false,
    };
    (starts_at_0 && steps && count > 1).then_some(Turns { counter, count })
}

/// The integer that a value of rank 0 is.
fn int(graph: &Graph, v: Value) -> Option<i64> {
    let ty = graph.ty(v);
    match &graph.def(v).op {
        Op::Constant(c) if ty.rank() == 0 && ty.dtype.is_int() => Some(c.value.get(0).to_i64()),
        _ => None,
    }
}

/// The body of a loop that is searched.
struct Loop<'a> {
    body: &'a Graph,
    turns: Turns,
    /// Values that are stacked, and where in the stack that is in a turn.
    added: Vec<(Value, Value)>,
}

impl Loop<'_> {
    /// The sum that this carry is.
    fn sum(&mut self, carry: usize) -> Option<Sum> {
        let (old, new) = (
            self.body.inputs.get(carry)?.value,
            self.body.outputs[carry].value,
        );
        let add = self.body.def(new);
        let product = match (&add.op, &add.operands[..]) {
            (Op::Pointwise(Pointwise::Add), &[a, b]) if a == old => b,
            (Op::Pointwise(Pointwise::Add), &[a, b]) if b == old => a,
            _ => return None,
        };
        let mut node = self.body.def(product);
        let mut permutation: Vec<usize> = (0..self.body.ty(new).rank()).collect();
        if let Op::Transpose(Transpose { permutation: p }) = &node.op {
            permutation = p.clone();
            node = self.body.def(node.operands[0]);
        }
        let (Op::DotGeneral(dot), &[p, q]) = (&node.op, &node.operands[..]) else {
            return None;
        };
        if self.readers(old) != 1 || self.readers(new) != 1 {
            return None;
        }
        let stacks = self.stacks(p, q)?;
        Some(Sum {
            carry,
            dot: dot.clone(),
            permutation,
            stacks,
        })
    }

    /// How often a value is read, the end of the turn included.
    fn readers(&self, v: Value) -> usize {
        let nodes = self.body.nodes.iter().flat_map(|n| &n.operands);
        let outputs = self.body.outputs.iter().map(|o| &o.value);
        nodes.chain(outputs).filter(|&&x| x == v).count()
    }

    /// Carries that hold both values of all turns, in one order.
    fn stacks(&mut self, p: Value, q: Value) -> Option<[usize; 2]> {
        let (of_p, of_q) = (self.places(p), self.places(q));
        let common = of_p.iter().find_map(|&(i, at)| {
            let same = of_q.iter().find(|place| place.1 == at);
            same.map(|&(j, _)| [i, j])
        });
        match (common, of_p.first().copied(), of_q.first().copied()) {
            (Some(stacks), ..) => Some(stacks),
            (None, Some((i, at)), _) => Some([i, self.stacked(q, at)?]),
            (None, None, Some((j, at))) => Some([self.stacked(p, at)?, j]),
            (None, None, None) => {
                let at = self.turns.counter;
                let known = self.added.len();
                let stacks = [self.stacked(p, at), self.stacked(q, at)];
                if let [Some(p), Some(q)] = stacks {
                    return Some([p, q]);
                }
                self.added.truncate(known);
                None
            }
        }
    }

    /// A carry to be added that holds a value of all turns.
    fn stacked(&mut self, v: Value, at: Value) -> Option<usize> {
        let carries = self.body.inputs.len();
        if let Some(known) = self.added.iter().position(|a| *a == (v, at)) {
            return Some(carries + known);
        }
        let ty = self.body.ty(v);
        let bytes = ty.bytes().checked_mul(self.turns.count as usize)?;
        if !(1..=STACK).contains(&bytes) {
            return None;
        }
        self.added.push((v, at));
        Some(carries + self.added.len() - 1)
    }

    /// The carries that hold a value of all turns after the loop, and where they hold that of a turn.
    fn places(&self, v: Value) -> Vec<(usize, Value)> {
        let carries = 0..self.body.outputs.len();
        carries
            .filter_map(|i| Some((i, self.place(i, v)?)))
            .collect()
    }

    fn place(&self, carry: usize, v: Value) -> Option<Value> {
        let (old, new) = (
            self.body.inputs.get(carry)?.value,
            self.body.outputs[carry].value,
        );
        let ty = self.body.ty(old);
        let one: Type = self.body.ty(v).clone();
        let whole = [&[self.turns.count as usize], &*one.shape.0].concat();
        if *ty.shape != *whole {
            return None;
        }
        let at = match old == new {
            true => self.read(old, v)?,
            false => self.written(old, new, v)?,
        };
        self.each_turn_its_own(at).then_some(at)
    }

    /// Where in a stack that stays as it is `v` is read.
    fn read(&self, stack: Value, v: Value) -> Option<Value> {
        let reshape = self.body.def(v);
        let slice = match &reshape.op {
            Op::Reshape(_) => self.body.def(reshape.operands[0]),
            _ => return None,
        };
        match (&slice.op, &slice.operands[..]) {
            (Op::DynamicSlice(DynamicSlice { sizes }), &[x, at, ..])
                if x == stack && sizes[0] == 1 && sizes[1..] == *self.body.ty(v).shape.0 =>
            {
                Some(at)
            }
            _ => None,
        }
    }

    /// Where in a stack `v` is written.
    fn written(&self, old: Value, new: Value, v: Value) -> Option<Value> {
        let update = self.body.def(new);
        let (Op::DynamicUpdateSlice(_), &[x, one, at, ..]) = (&update.op, &update.operands[..])
        else {
            return None;
        };
        let piece = self.body.def(one);
        let rank = self.body.ty(v).rank();
        let whole = match &piece.op {
            Op::BroadcastInDim(b) => b.axes.iter().copied().eq(1..=rank),
            Op::Reshape(_) => true,
            _ => false,
        };
        let fits = self.body.ty(one).shape[0] == 1
            && self.body.ty(one).shape[1..] == *self.body.ty(v).shape.0;
        (x == old && whole && fits && piece.operands[0] == v).then_some(at)
    }

    /// Whether an index is that of the turn, from the beginning or from the end.
    fn each_turn_its_own(&self, at: Value) -> bool {
        let minus = |v: Value| match (&self.body.def(v).op, &self.body.def(v).operands[..]) {
            (Op::Pointwise(Pointwise::Subtract), &[a, b]) => Some((a, b)),
            _ => None,
        };
        let from_end = |v: Value| {
            let (a, b) = minus(v)?;
            match b == self.turns.counter {
                true => int(self.body, a),
                false => {
                    let (end, counter) = minus(a)?;
                    let less = int(self.body, b)?;
                    (counter == self.turns.counter)
                        .then_some(int(self.body, end)?.wrapping_sub(less))
                }
            }
        };
        at == self.turns.counter || from_end(at) == Some(self.turns.count - 1)
    }
}

#[cfg(test)]
mod tests {
    use crate::stablehlo::import;

    /// A loop that adds a product of two pieces of its input in each of 7 turns.
    fn sum(first: i32) -> String {
        format!(
            "func.func public @main(%arg0: tensor<7x3x5xf32>, %arg1: tensor<5x5xf32>) -> tensor<5x5xf32> {{
  %c = stablehlo.constant dense<{first}> : tensor<i32>
  %0:3 = stablehlo.while(%x = %arg0, %i = %c, %acc = %arg1) : tensor<7x3x5xf32>, tensor<i32>, tensor<5x5xf32>
    cond {{
    %n = stablehlo.constant dense<7> : tensor<i32>
    %1 = stablehlo.compare LT, %i, %n, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  }} do {{
    %z = stablehlo.constant dense<0> : tensor<i32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %1 = stablehlo.dynamic_slice %x, %i, %z, %z, sizes = [1, 3, 5] : (tensor<7x3x5xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x3x5xf32>
    %2 = stablehlo.reshape %1 : (tensor<1x3x5xf32>) -> tensor<3x5xf32>
    %3 = stablehlo.sine %2 : tensor<3x5xf32>
    %4 = stablehlo.dot_general %2, %3, contracting_dims = [0] x [0] : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<5x5xf32>
    %5 = stablehlo.add %acc, %4 : tensor<5x5xf32>
    %6 = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %x, %6, %5 : tensor<7x3x5xf32>, tensor<i32>, tensor<5x5xf32>
  }}
  return %0#2 : tensor<5x5xf32>
}}"
        )
    }

    #[test]
    fn the_product_is_after_a_loop_that_counts_from_0() {
        for (first, outside) in [(0, true), (1, false)] {
            let program = import(sum(first).as_bytes()).expect("a program");
            let text = program.graph.to_string();
            let product = "lhs_contract=[0, 1], rhs_contract=[0, 1]";
            assert_eq!(text.contains(product), outside, "{text}");
        }
    }
}
