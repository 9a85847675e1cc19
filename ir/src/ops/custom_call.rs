//! `custom_call`.
//!
//! - (C1) The target is known: `identity`, or `Sharding`, which says how a tensor is spread over
//!   devices and is the identity on one.
//! - (C2) The results have the types of the operands.

use super::prelude::*;

const OP: &str = "custom_call";

/// Functions that may be called; all return their operands.
const TARGETS: [&str; 2] = ["identity", "Sharding"];

/// A call of a function known by name to the host.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CustomCall {
    /// Its name.
    pub target: String,
    /// Opaque configuration.
    pub config: String,
    /// Result types.
    pub results: Vec<Type>,
}

impl Rules for CustomCall {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP)
            .with("target", Attr::Text(self.target.clone()))
            .with("config", Attr::Text(self.config.clone()))
            .with("results", Attr::Types(self.results.clone()))
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Ok(CustomCall {
            target: attrs.text("target")?,
            config: attrs.text("config")?,
            results: attrs.types("results")?,
        })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::rule(OP, "C1", TARGETS.contains(&&*self.target), || {
            let known = TARGETS.join(", ");
            format!("no function is called {:?}; known are {known}", self.target)
        })?;
        check::rule(OP, "C2", self.results == x, || {
            let list = |types: &[Type]| {
                let names: Vec<String> = types.iter().map(Type::to_string).collect();
                names.join(", ")
            };
            format!(
                "{:?} returns its operands ({}), not ({})",
                self.target,
                list(x),
                list(&self.results)
            )
        })?;
        Ok(x.to_vec())
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        x.to_vec()
    }

    fn vjp(&self, _b: &mut Builder, _x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        Ok(dy.to_vec())
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        match x.len() {
            1 => Lowering::Element(Box::new(|k, x, at| x[0].at(k, at))),
            _ => Lowering::Interpret,
        }
    }
}
