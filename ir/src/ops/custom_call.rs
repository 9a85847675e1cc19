//! `custom_call`.
//!
//! - (C1) The target is known: `identity`, or `Sharding`, which says how a tensor is spread over
//!   devices and is the identity on one, or a function that the host has registered.
//! - (C2) The results have the types of the operands; those of a registered function are what it says.

use super::prelude::*;
use crate::host::{self, HostFunction};

const OP: &str = "custom_call";

/// Functions that return their operands.
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

impl CustomCall {
    fn of_host(&self, function: HostFunction, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        let results = (function.infer)(&self.config, x);
        let fault = |message: String| TypeError::Rule {
            op: OP,
            rule: "C2",
            message: format!("{}: {message}", self.target),
        };
        let results = results.map_err(fault)?;
        check::rule(OP, "C2", results == self.results, || {
            format!("{:?} returns {results:?}, not {:?}", self.target, self.results)
        })?;
        results.into_iter().map(|ty| check::sized(OP, ty)).collect()
    }
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
        if let Some(function) = host::find(&self.target) {
            return self.of_host(function, x);
        }
        check::rule(OP, "C1", TARGETS.contains(&&*self.target), || {
            let registered = host::names();
            let known: Vec<&str> = TARGETS.into_iter().chain(registered.iter().map(|n| &**n)).collect();
            let known = known.join(", ");
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
        match host::find(&self.target) {
            Some(function) => (function.eval)(&self.config, x),
            None => x.to_vec(),
        }
    }

    fn vjp(&self, _b: &mut Builder, x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        match host::find(&self.target) {
            None => Ok(dy.to_vec()),
            Some(_) if dy.iter().all(Option::is_none) => Ok(vec![None; x.len()]),
            Some(_) => Err(GradError::NotDifferentiable {
                op: OP,
                reason: "it calls a function of the host",
            }),
        }
    }

    fn lower(&self, x: &[Type]) -> Lowering<'_> {
        match x.len() {
            1 if host::find(&self.target).is_none() => Lowering::Element(Box::new(|k, x, at| x[0].at(k, at))),
            _ => Lowering::Interpret,
        }
    }
}
