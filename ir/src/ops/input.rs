//! `input`.
//!
//! - (C1) `ty` has at most `isize::MAX / 8` elements.

use super::prelude::*;

const OP: &str = "input";

/// An input of the graph, or of a region.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Input {
    /// Position among the inputs.
    pub index: usize,
    /// Its type.
    pub ty: Type,
}

impl Rules for Input {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .int("index", self.index)
            .with("ty", Attr::Type(self.ty.clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(Input {
            index: attrs.usize("index")?,
            ty: attrs.ty("ty")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 0)?;
        Ok(vec![check::sized(OP, self.ty.clone())?]) // C1
    }

    fn eval(&self, _x: &[Array]) -> Vec<Array> {
        unreachable!("the interpreter supplies inputs")
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], _dy: &[Option<Value>]) -> Vjp {
        Ok(vec![])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Input
    }
}
