//! `case`.
//!
//! - (C1) There is at least one branch.
//! - (C2) Each branch takes the operands after the index.
//! - (C3) All branches return the same types.
//! - (C4) The index is `i32[]`.

use super::prelude::*;
use crate::eval::eval_graph;
use crate::grad::vjp_graph;
use crate::graph::Graph;
use crate::types::DType;

const OP: &str = "case";

/// `case(index: i32[], args..)`: the results of branch `index`, the last branch when out of range.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Case {
    /// Regions over `args`.
    pub branches: Vec<Graph>,
}

impl Rules for Case {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).with("branches", Attr::Regions(self.branches.clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Case {
            branches: attrs.regions("branches")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::rule(OP, "C1", !self.branches.is_empty(), || {
            "it has no branches".to_string()
        })?;
        let Some((index, args)) = x.split_first() else {
            return Err(TypeError::Arity {
                op: OP,
                expected: self.branches[0].inputs.len() + 1,
                found: 0,
            });
        };
        check::rule(OP, "C4", *index == Type::scalar(DType::I32), || {
            format!("its index must be i32[], found {index}")
        })?;
        let results = check::returns(&self.branches[0]);
        for (i, branch) in self.branches.iter().enumerate() {
            let takes = (check::takes(branch), results.clone());
            let name = format!("branch {i}");
            check::region(
                OP,
                "C2",
                &name,
                branch,
                args.to_vec(),
                check::returns(branch),
            )?;
            check::region(OP, "C3", &name, branch, takes.0, takes.1)?;
        }
        Ok(results)
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let last = self.branches.len() - 1;
        let index = usize::try_from(x[0].get(0).to_i64()).unwrap_or(last);
        eval_graph(&self.branches[index.min(last)], &x[1..])
    }

    /// A `case` of the gradients of the branches, which compute their forward values again.
    fn vjp(&self, b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        let args = &x[1..];
        let of: Vec<usize> = (0..dy.len()).filter(|&i| dy[i].is_some()).collect();
        let float = |&i: &usize| b.ty(args[i]).dtype.is_float();
        let wrt: Vec<usize> = (0..args.len()).filter(float).collect();
        let gradients = self.branches.iter().map(|g| vjp_graph(g, &of, &wrt));
        let op = Case {
            branches: gradients.collect::<Result<_, _>>()?,
        };
        let operands: Vec<Value> = x
            .iter()
            .copied()
            .chain(dy.iter().flatten().copied())
            .collect();
        let results = b.push(op, &operands).unwrap_or_else(|e| panic!("{e}"));
        let mut dx = vec![None; x.len()];
        for (&i, result) in wrt.iter().zip(results) {
            dx[i + 1] = Some(result);
        }
        Ok(dx)
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Control
    }
}
