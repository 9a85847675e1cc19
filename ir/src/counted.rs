//! Counted loops: what a `while` does in each turn, as far as it follows from constants.
//!
//! A carry is *known* when it is one integer (or `bool`) that starts as a constant and whose next value
//! follows from known carries and constants. A loop whose condition is known runs a fixed number of times,
//! and every integer of its body that follows from known carries is a table with an entry per turn.

use crate::array::Array;
use crate::graph::{Graph, Node, Value};
use crate::ops::{Op, While};
use crate::types::{DType, Type};

/// Most turns that are followed; a loop with more is not counted.
const MAX_TURNS: usize = 1 << 13;

/// A loop that runs a known number of times.
pub struct Counted {
    /// How often the body runs.
    pub turns: usize,
    /// The value of each known carry after the loop.
    pub last: Vec<Option<Array>>,
    /// The integer that a value of the body is in each turn.
    table: Vec<Option<Vec<i64>>>,
}

impl Counted {
    /// Counts the turns of a loop whose carries start at the given constants, where they do.
    pub fn of(w: &While, initial: &[Option<Array>]) -> Option<Counted> {
        let carries = known_carries(&w.body, initial);
        let cond = Known::of(&w.cond, &carries);
        let body = Known::of(&w.body, &carries);
        if !cond.0[w.cond.outputs[0].value.0 as usize] {
            return None;
        }
        let start = |(k, x): (usize, &Option<Array>)| x.clone().filter(|_| carries[k]);
        let mut carry: Vec<Option<Array>> = initial.iter().enumerate().map(start).collect();
        let mut table: Vec<Option<Vec<i64>>> = (w.body.values.iter().zip(&body.0))
            .map(|(def, &known)| (known && is_integer(&def.ty)).then(Vec::new))
            .collect();
        for turns in 0..=MAX_TURNS {
            let going = cond.eval(&w.cond, &carry);
            let going = going[w.cond.outputs[0].value.0 as usize].as_ref()?;
            if going.get(0).bits == 0 {
                let last = carry;
                return Some(Counted { turns, last, table });
            }
            let mut values = body.eval(&w.body, &carry);
            for (entries, value) in table.iter_mut().zip(&values) {
                if let (Some(entries), Some(value)) = (entries, value) {
                    let n = value.get(0).to_i64();
                    if n < 0 && value.ty.dtype == DType::U64 {
                        return None;
                    }
                    entries.push(n);
                }
            }
            for (k, output) in w.body.outputs.iter().enumerate() {
                if carries[k] {
                    carry[k] = values[output.value.0 as usize].clone();
                }
            }
            values.clear();
        }
        None
    }

    /// The integer that a value of the body is in each turn, if it is known.
    pub fn table(&self, v: Value) -> Option<&[i64]> {
        self.table[v.0 as usize].as_deref()
    }

    /// Where a window of `sizes`, moved by `starts` (values of the body) over a dense tensor of `shape`,
    /// begins in turn 0, in elements, and how far it moves from turn to turn; when it is one run of
    /// elements and moves evenly.
    pub fn run(&self, shape: &[usize], sizes: &[usize], starts: &[Value]) -> Option<(usize, i64)> {
        let outer = sizes.iter().take_while(|&&size| size == 1).count();
        let inner = (outer + 1).min(sizes.len());
        if sizes[inner..] != shape[inner..] {
            return None;
        }
        let mut offsets = vec![0i64; self.turns];
        let mut stride = 1i64;
        for axis in (0..shape.len()).rev() {
            let last = shape[axis] - sizes[axis];
            if last > 0 {
                let starts = self.table(starts[axis])?;
                for (offset, &start) in offsets.iter_mut().zip(starts) {
                    *offset += stride * start.clamp(0, last as i64);
                }
            }
            stride *= shape[axis] as i64;
        }
        let (first, step) = line(&offsets)?;
        Some((usize::try_from(first).ok()?, step))
    }
}

/// The `dynamic_update_slice` that makes the next value of a carry which nothing else reads; `uses` are those of the body.
pub fn update<'a>(body: &'a Graph, uses: &[usize], carry: usize) -> Option<&'a Node> {
    let (from, to) = (body.inputs[carry].value, body.outputs[carry].value);
    let node = body.def(to);
    let once = |v: Value| uses[v.0 as usize] == 1;
    let updates = matches!(node.op, Op::DynamicUpdateSlice(_)) && node.operands[0] == from;
    (updates && once(from) && once(to)).then_some(node)
}

/// First value and difference of numbers at equal distances.
pub fn line(numbers: &[i64]) -> Option<(i64, i64)> {
    let first = *numbers.first()?;
    let step = numbers.get(1).map_or(0, |second| second - first);
    let even = numbers.windows(2).all(|pair| pair[1] - pair[0] == step);
    even.then_some((first, step))
}

/// Which values of a region are known.
struct Known(Vec<bool>);

impl Known {
    fn of(g: &Graph, carries: &[bool]) -> Known {
        let mut known = vec![false; g.values.len()];
        for node in &g.nodes {
            let operands = || node.operands.iter().all(|x| known[x.0 as usize]);
            let yes = match &node.op {
                Op::Input(input) => carries[input.index],
                Op::Constant(_) => true,
                Op::Pointwise(_) | Op::Reshape(_) | Op::Slice(_) | Op::DynamicSlice(_) => {
                    is_integer(g.ty(node.results[0])) && operands()
                }
                _ => false,
            };
            node.results.iter().for_each(|y| known[y.0 as usize] = yes);
        }
        Known(known)
    }

    /// The known values of one turn.
    fn eval(&self, g: &Graph, carry: &[Option<Array>]) -> Vec<Option<Array>> {
        let mut values: Vec<Option<Array>> = vec![None; g.values.len()];
        for node in g.nodes.iter().filter(|n| self.0[n.results[0].0 as usize]) {
            let result = match &node.op {
                Op::Input(input) => carry[input.index].clone(),
                op => {
                    let operands = node.operands.iter();
                    let args: Option<Vec<Array>> =
                        operands.map(|x| values[x.0 as usize].clone()).collect();
                    args.map(|args| op.rules().eval(&args).remove(0))
                }
            };
            values[node.results[0].0 as usize] = result;
        }
        values
    }
}

/// One integer or `bool`.
fn is_integer(ty: &Type) -> bool {
    ty.count() == 1 && !ty.dtype.is_float()
}

/// The greatest set of carries that follow from each other and from constants.
fn known_carries(body: &Graph, initial: &[Option<Array>]) -> Vec<bool> {
    let single = |x: &Option<Array>| x.as_ref().is_some_and(|x| is_integer(&x.ty));
    let mut carries: Vec<bool> = initial.iter().map(single).collect();
    loop {
        let known = Known::of(body, &carries);
        let before = carries.clone();
        for (carry, output) in carries.iter_mut().zip(&body.outputs) {
            *carry &= known.0[output.value.0 as usize];
        }
        if carries == before {
            return carries;
        }
    }
}
