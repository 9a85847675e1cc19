//! `main` as a graph: its arguments and results in the form in which they are passed.

use super::callback::Effects;
use super::value::{Form, Val};
use super::{Cx, Fault, rounding};
use crate::stablehlo::error::{ImportError, Place};
use crate::stablehlo::tree::{Attr, ElementType, Func, Id, Module, Ty};
use crate::stablehlo::{Arg, Donation, Imported};
use craneflow_ir::ops::{Concatenate, Slice};
use craneflow_ir::{Builder, DType, Type, Value, Verified};
use std::collections::HashMap;

/// The graph of a module's `main`.
pub fn program(module: &Module) -> Result<Imported, ImportError> {
    let none = || ImportError::Syntax {
        place: Place::Offset(0),
        message: "the module has no function main".to_string(),
    };
    craneflow_host::install();
    let index = module.func("main").ok_or_else(none)?;
    let main = &module.funcs[index];
    let mut cx = Cx {
        module,
        b: Builder::new(&word(&module.name)),
        env: HashMap::new(),
        calls: vec![index],
        depth: 0,
        nodes: 0,
        effects: Effects::of(module),
        effect: None,
        python: vec![],
    };
    let fault = |fault: Fault| match fault {
        Fault::Inner(e) => e,
        Fault::Type(e) => at_main(main, e.to_string()),
        Fault::Message(message) => at_main(main, message),
    };
    let mut inputs = vec![];
    for (i, &id) in main.body.args.iter().enumerate() {
        let attrs = main.arg_attrs.get(i).map(|a| &**a);
        inputs.push(cx.argument(i, id, attrs).map_err(fault)?);
    }
    let results = cx.nodes(&main.body.nodes)?;
    let declared = main.body.nodes.last().map_or(&[][..], |n| &n.operands);
    let mut outputs = vec![];
    for (i, (val, &id)) in results.iter().zip(declared).enumerate() {
        outputs.push(cx.returned(i, val, id).map_err(fault)?);
    }
    if let Some(effect) = cx.effect {
        cx.b.output("effect", effect);
    }
    let python = std::mem::take(&mut cx.python);
    let mut graph = cx.b.finish();
    donate(&mut graph, &inputs, outputs.len());
    rounding::fewer(&mut graph);
    let graph = Verified::graph(graph).map_err(|e| at_main(main, e.to_string()))?;
    Ok(Imported {
        graph,
        inputs,
        outputs,
        python,
    })
}

fn at_main(main: &Func, message: String) -> ImportError {
    ImportError::Op {
        place: main.place,
        op: "main".to_string(),
        message,
    }
}

/// A word like `name`, for the name of a graph.
fn word(name: &str) -> String {
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().take(64).map(kept).collect();
    match name.chars().next() {
        Some(c) if !c.is_ascii_digit() => name,
        _ => format!("main{name}"),
    }
}

/// The type in which a token is passed in and out: a tensor without elements.
const TOKEN: (ElementType, usize) = (ElementType::Bool, 0);

/// The type in which a tensor is passed in and out.
pub fn passed(element: ElementType, ty: &Type) -> Type {
    match element.part() {
        Some(_) => {
            let mut dims = ty.shape.0.clone();
            dims.push(2);
            ty.with_shape(dims)
        }
        None => ty.with_dtype(super::narrow::stored(element)),
    }
}

impl Cx<'_> {
    fn argument(&mut self, i: usize, id: Id, attrs: Option<&Attr>) -> Result<Arg, Fault> {
        if let Ty::Token = self.module.ty(id) {
            self.b
                .input(&format!("arg{i}"), Type::new(DType::Bool, [TOKEN.1]));
            self.env.insert(id, Val::Token);
            return Ok(token());
        }
        let Ty::Tensor(element, dims) = self.module.ty(id) else {
            return Err(format!("argument {i} is {}", self.module.ty(id)).into());
        };
        let Some(ty) = Form::of(self.module.ty(id))?.flat().into_iter().next() else {
            return Err(format!("argument {i} is {}", self.module.ty(id)).into());
        };
        let input = self.b.input(&format!("arg{i}"), passed(*element, &ty));
        let val = self.passed_in(input, *element, &ty)?;
        self.env.insert(id, val);
        let entry = |key: &str| attrs.and_then(|a| a.entry(key));
        let to = entry("tf.aliasing_output").and_then(Attr::int);
        let any = entry("jax.buffer_donor").and_then(Attr::int) == Some(1);
        Ok(Arg {
            element: *element,
            dims: dims.clone(),
            donated: match to.and_then(|i| usize::try_from(i).ok()) {
                Some(output) => Donation::To(output),
                None if any => Donation::Any,
                None => Donation::No,
            },
        })
    }

    /// A tensor from the form in which it is passed; `ty` is the type of its parts.
    pub fn passed_in(&mut self, v: Value, element: ElementType, ty: &Type) -> Result<Val, Fault> {
        Ok(match element.part() {
            Some(_) => Val::Complex(self.part(v, ty, 0)?, self.part(v, ty, 1)?),
            None => Val::Real(self.load_narrow(v, element)?),
        })
    }

    /// A tensor in the form in which it is passed.
    pub fn passed_out(&mut self, val: &Val, element: ElementType) -> Result<Value, Fault> {
        match val {
            Val::Complex(re, im) => self.pairs(*re, *im),
            val => {
                let v = val.real()?;
                self.store_narrow(v, element)
            }
        }
    }

    /// The real or imaginary parts of an array whose last axis has both.
    pub fn part(&mut self, pairs: Value, ty: &Type, part: usize) -> Result<Value, Fault> {
        let mut limit = self.ty(pairs).shape.0.clone();
        let mut start = vec![0; limit.len()];
        *start.last_mut().expect("an axis of parts") = part;
        *limit.last_mut().expect("an axis of parts") = part + 1;
        let stride = vec![1; limit.len()];
        let half = self.push(
            Slice {
                start,
                limit,
                stride,
            },
            &[pairs],
        )?;
        Ok(self.b.reshape(half, &ty.shape))
    }

    /// An array whose last axis has real and imaginary parts.
    pub fn pairs(&mut self, re: Value, im: Value) -> Result<Value, Fault> {
        let mut dims = self.ty(re).shape.0.clone();
        let axis = dims.len();
        dims.push(1);
        let (re, im) = (self.b.reshape(re, &dims), self.b.reshape(im, &dims));
        self.push(Concatenate { axis }, &[re, im])
    }

    fn returned(&mut self, i: usize, val: &Val, id: Id) -> Result<Arg, Fault> {
        if let Val::Token = val {
            let nothing = self.b.splat(&Type::new(DType::Bool, [TOKEN.1]), 0.0);
            self.b.output(&format!("out{i}"), nothing);
            return Ok(token());
        }
        let Ty::Tensor(element, dims) = self.module.ty(id) else {
            return Err(format!("result {i} is {}", self.module.ty(id)).into());
        };
        let output = self.passed_out(val, *element)?;
        self.b.output(&format!("out{i}"), output);
        Ok(Arg {
            element: *element,
            dims: dims.clone(),
            donated: Donation::No,
        })
    }
}

fn token() -> Arg {
    Arg {
        element: TOKEN.0,
        dims: vec![TOKEN.1],
        donated: Donation::No,
    }
}

/// Pairs donated inputs with those of the first `outputs` outputs that have their type.
fn donate(graph: &mut craneflow_ir::Graph, inputs: &[Arg], outputs: usize) {
    let types: Vec<Type> = graph.outputs[..outputs]
        .iter()
        .map(|o| graph.ty(o.value).clone())
        .collect();
    let mut taken = vec![false; types.len()];
    let chosen = |i: usize, o: usize, taken: &[bool], graph: &craneflow_ir::Graph| {
        taken.get(o) == Some(&false) && types[o] == *graph.ty(graph.inputs[i].value)
    };
    for (i, arg) in inputs.iter().enumerate() {
        if let Donation::To(o) = arg.donated
            && chosen(i, o, &taken, graph)
        {
            taken[o] = true;
            graph.inputs[i].donated = Some(o);
        }
    }
    for (i, arg) in inputs.iter().enumerate() {
        if arg.donated == Donation::Any
            && let Some(o) = (0..types.len()).find(|&o| chosen(i, o, &taken, graph))
        {
            taken[o] = true;
            graph.inputs[i].donated = Some(o);
        }
    }
}
