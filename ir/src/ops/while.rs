//! `while`.
//!
//! - (C1) `cond` takes the carries and returns `bool[]`.
//! - (C2) `body` takes the carries and returns values of the same types.
//!
//! A loop has a gradient when the number of its turns follows from constants (`crate::counted`).

mod vjp;

use super::prelude::*;
use crate::eval::eval_graph;
use crate::graph::Graph;
use crate::types::DType;

const OP: &str = "while";

/// Runs `body(carry..) -> carry..` as long as `cond(carry..) -> bool[]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct While {
    /// Loop condition.
    pub cond: Box<Graph>,
    /// Loop body.
    pub body: Box<Graph>,
}

impl Rules for While {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .with("cond", Attr::Region((*self.cond).clone()))
            .with("body", Attr::Region((*self.body).clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(While {
            cond: Box::new(attrs.region("cond")?),
            body: Box::new(attrs.region("body")?),
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        let pred = vec![Type::scalar(DType::Bool)];
        check::region(OP, "C1", "cond", &self.cond, x.to_vec(), pred)?;
        check::region(OP, "C2", "body", &self.body, x.to_vec(), x.to_vec())?;
        Ok(x.to_vec())
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let mut carry = x.to_vec();
        while eval_graph(&self.cond, &carry)[0].get(0).bits != 0 {
            carry = eval_graph(&self.body, &carry);
        }
        carry
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        vjp::vjp(self, b, x, dy)
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Control
    }
}
