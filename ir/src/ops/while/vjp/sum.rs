//! Gradients of fixed carries: sums over all turns.

use super::body::Backward;
use super::stacked;
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

    /// Whether it has a carry of the gradient's type; else its values are stacked.
    pub fn is_carried(&self) -> bool {
        matches!(self, Term::Part(_) | Term::Any(_))
    }
}

impl Sum {
    /// The carry of a term that has one, after a turn.
    pub fn next(&self, b: &mut Builder, carry: Value, new: &HashMap<Value, Value>) -> Value {
        match &self.term {
            Term::Part(values) => {
                let values = values.iter().map(|v| new[v]);
                let operands: Vec<Value> = std::iter::once(carry).chain(values).collect();
                b.op(DynamicUpdateSlice, &operands)
            }
            term => b.add(carry, new[&term.values()[0]]),
        }
    }

    /// The sum of a term whose values are stacked.
    pub fn total(&self, b: &mut Builder, mut stack: impl FnMut(&mut Builder, Value) -> Value) -> Value {
        let all = |axes: &[usize]| -> Vec<usize> {
            std::iter::once(0).chain(axes.iter().map(|a| a + 1)).collect()
        };
        match &self.term {
            Term::Product(dot, [x, y]) => {
                let operands = [stack(b, *x), stack(b, *y)];
                let op = DotGeneral {
                    lhs_batch: vec![],
                    rhs_batch: vec![],
                    lhs_contract: all(&dot.lhs_contract),
                    rhs_contract: all(&dot.rhs_contract),
                };
                b.op(op, &operands)
            }
            Term::Reduced(axes, v) => {
                let stack = stack(b, *v);
                b.sum(stack, &all(axes))
            }
            Term::Part(_) | Term::Any(_) => unreachable!("it has a carry"),
        }
    }
}

/// Where the values of all turns are found after the loop.
pub(super) enum Stack {
    /// In the stack of a value that is kept, by position.
    Kept(usize),
    /// In the gradient that the parts of this term fill, in the order of the turns.
    Filled(usize),
    /// In a stack of its own, by position.
    Own(usize),
}

impl Backward<'_> {
    /// Types of the carries that hold sums or stacks, in that order.
    pub fn held(&self) -> Vec<Type> {
        let sums = self.sums.iter().filter(|s| s.term.is_carried());
        let sums = sums.map(|s| s.ty.clone());
        let own = self.stacked.iter();
        let own = own.map(|&v| stacked(self.ty(v), self.counted.turns));
        sums.chain(own).collect()
    }

    /// The position of a term among those that have a carry.
    pub fn carry_of(&self, sum: usize) -> usize {
        let before = self.sums[..sum].iter();
        before.filter(|s| s.term.is_carried()).count()
    }

    /// Where to find the values of all turns of one that a term needs stacked.
    pub fn stack_of(&self, v: Value) -> Option<Stack> {
        if let Some(i) = self.kept_at(v) {
            return Some(Stack::Kept(i));
        }
        let fills = |sum: &Sum| match &sum.term {
            Term::Part(part) => self.same_elements(part[0], v) && self.in_order(sum, part),
            _ => false,
        };
        if let Some(i) = self.sums.iter().position(fills) {
            return Some(Stack::Filled(i));
        }
        let own = self.stacked.iter().position(|&s| s == v);
        own.map(Stack::Own)
    }
}
