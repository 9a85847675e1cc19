//! Calls of Python functions, and the order of what must happen.
//!
//! A call with an effect takes a value that stands for all that has happened before, and returns one that
//! includes it: so no call is left out, made twice, or moved before another. Loops and branches with such
//! calls carry the value, and `main` returns it last, after the results of the program.

use super::value::{Form, Val};
use super::{Cx, Fault};
use crate::stablehlo::callback::{Call, FUNCTION};
use crate::stablehlo::tree::{Attr, ElementType, Module, Node, Region, Ty};
use craneflow_ir::host::find;
use craneflow_ir::ops::CustomCall;
use craneflow_ir::{DType, Type, Value};

/// The target of such calls in programs.
pub const TARGET: &str = "craneflow_python_callback";

/// The type of the value that stands for what has happened.
fn effect_type() -> Type {
    Type::scalar(DType::I32)
}

/// Functions of a module that call Python with an effect, themselves or by others.
pub struct Effects(Vec<bool>);

impl Effects {
    /// Looks through a module.
    pub fn of(module: &Module) -> Effects {
        let mut effects = Effects(vec![false; module.funcs.len()]);
        // Calls are followed until nothing new is found; most modules have no such call at all.
        loop {
            let found: Vec<bool> = (module.funcs.iter())
                .map(|f| effects.within(module, &f.body))
                .collect();
            if found == effects.0 {
                return effects;
            }
            effects.0 = found;
        }
    }

    /// Whether a region calls Python with an effect.
    pub fn within(&self, module: &Module, region: &Region) -> bool {
        let callee = |node: &Node| {
            let name = match &*node.name {
                "call" => node.attr("callee"),
                "composite" => node.attr("decomposition"),
                _ => None,
            };
            let index = name.and_then(Attr::text).and_then(|n| module.func(n));
            index.is_some_and(|i| self.0[i])
        };
        region.nodes.iter().any(|node| {
            has_effect(node) || callee(node) || node.regions.iter().any(|r| self.within(module, r))
        })
    }
}

fn has_effect(node: &Node) -> bool {
    let target = node.attr("call_target_name").and_then(Attr::text);
    &*node.name == "custom_call" && target == Some(TARGET) && node.flag("has_side_effect")
}

impl Cx<'_> {
    /// What has happened so far, if any of these regions adds to it.
    pub fn effect_of(&mut self, regions: &[&Region]) -> Option<Value> {
        let any = regions.iter().any(|r| self.effects.within(self.module, r));
        any.then(|| self.happened())
    }

    /// What has happened so far.
    pub fn happened(&mut self) -> Value {
        match self.effect {
            Some(v) => v,
            None => {
                let start = self.b.splat(&effect_type(), 0.0);
                self.effect = Some(start);
                start
            }
        }
    }
}

/// A call of Python.
pub fn call(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let config = node.text("backend_config")?;
    let number: u64 =
        (config.parse()).map_err(|_| format!("{config:?} is no number of a function"))?;
    if find(FUNCTION).is_none() {
        return Err("Python functions are called only where the program was made".into());
    }
    cx.python.push(number);
    let mut operands = vec![];
    let ordered = has_effect(node);
    if ordered {
        operands.push(cx.happened());
    }
    for (i, val) in x.iter().enumerate() {
        if *val != Val::Token {
            let element = cx.element(node, i)?;
            operands.push(cx.passed_out(val, element)?);
        }
    }
    let mut results: Vec<(ElementType, Type)> = vec![];
    for &id in &node.results {
        if let Ty::Tensor(element, _) = cx.module.ty(id) {
            let ty = Form::of(cx.module.ty(id))?.flat().remove(0);
            results.push((*element, super::main::passed(*element, &ty)));
        }
    }
    let call = Call {
        number,
        ordered,
        results: results.iter().map(|r| r.1.clone()).collect(),
    };
    let mut types = call.results.clone();
    if ordered {
        types.insert(0, effect_type());
    }
    let op = CustomCall {
        target: FUNCTION.to_string(),
        config: call.to_string(),
        results: types,
    };
    let mut flat = cx.b.push(op, &operands)?.into_iter();
    if ordered {
        cx.effect = flat.next();
    }
    let mut flat = flat.zip(&results);
    let mut vals = vec![];
    for &id in &node.results {
        vals.push(match cx.module.ty(id) {
            Ty::Tensor(..) => {
                let (v, (element, _)) = flat.next().ok_or("a result is missing")?;
                let ty = Form::of(cx.module.ty(id))?.flat().remove(0);
                cx.passed_in(v, *element, &ty)?
            }
            _ => Val::Token,
        });
    }
    Ok(vals)
}
