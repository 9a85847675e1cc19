//! Gradients of fixed carries: sums over all turns.

use super::body::Backward;
use super::{stacked, store};
use crate::build::Builder;
use crate::graph::Value;
use crate::ops::{DotGeneral, DynamicUpdateSlice};
use crate::types::Type;
use std::collections::HashMap;

/// One term of the gradient of a fixed carry, summed over the turns.
pub(super) struct Sum {
    /// The fixed carry.
    pub carry: usize,
    /// Type of the carry.
    pub ty: Type,
    /// The term.
    pub term: Term,
}

/// A term, with values of the graph of a turn.
pub(super) enum Term {
    /// A part of the gradient, another one in each turn: the part, and where it starts.
    Part(Vec<Value>),
    /// A product.
    Product(DotGeneral, [Value; 2]),
    /// The sum of a value along axes.
    Reduced(Vec<usize>, Value),
    /// Anything else.
    Any(Value),
}

impl Term {
    /// The values it is made of.
    pub fn values(&self) -> &[Value] {
        match self {
            Term::Part(values) => values,
            Term::Product(_, factors) => factors,
            Term::Reduced(_, v) | Term::Any(v) => std::slice::from_ref(v),
        }
    }
}

impl Sum {
    /// The types of the carries it adds to the loop; kept values have their stack already.
    pub fn carries(&self, backward: &Backward) -> Vec<Type> {
        let turns = backward.counted.turns;
        let stack = |&v: &Value| match backward.kept_at(v) {
            Some(_) => None,
            None => Some(stacked(backward.ty(v), turns)),
        };
        match &self.term {
            Term::Part(_) | Term::Any(_) => vec![self.ty.clone()],
            term => term.values().iter().filter_map(stack).collect(),
        }
    }

    /// Its carries after a turn.
    pub fn add(
        &self,
        b: &mut Builder,
        backward: &Backward,
        carries: &[Value],
        turn: Value,
        new: &HashMap<Value, Value>,
    ) -> Vec<Value> {
        match &self.term {
            Term::Part(values) => {
                let values = values.iter().map(|v| new[v]);
                let operands: Vec<Value> = carries.iter().copied().chain(values).collect();
                vec![b.op(DynamicUpdateSlice, &operands)]
            }
            Term::Any(v) => vec![b.add(carries[0], new[v])],
            term => {
                let stacked = term.values().iter();
                let stacked = stacked.filter(|v| backward.kept_at(**v).is_none());
                let rows = stacked.zip(carries);
                rows.map(|(v, &stack)| store(b, stack, turn, new[v])).collect()
            }
        }
    }

    /// The sum, from its carries after the loop and the stacks of what was kept.
    pub fn total(
        &self,
        b: &mut Builder,
        backward: &Backward,
        carries: &[Value],
        stacks: &[Value],
    ) -> Value {
        let mut carries = carries.iter();
        let mut stack = |v: Value| match backward.kept_at(v) {
            Some(i) => stacks[i],
            None => *carries.next().expect("a carry per value"),
        };
        let all = |axes: &[usize]| -> Vec<usize> {
            std::iter::once(0).chain(axes.iter().map(|a| a + 1)).collect()
        };
        match &self.term {
            Term::Part(_) | Term::Any(_) => *carries.next().expect("a carry"),
            Term::Reduced(axes, v) => {
                let stack = stack(*v);
                b.sum(stack, &all(axes))
            }
            Term::Product(dot, [x, y]) => {
                let operands = [stack(*x), stack(*y)];
                let op = DotGeneral {
                    lhs_batch: vec![],
                    rhs_batch: vec![],
                    lhs_contract: all(&dot.lhs_contract),
                    rhs_contract: all(&dot.rhs_contract),
                };
                b.op(op, &operands)
            }
        }
    }
}
