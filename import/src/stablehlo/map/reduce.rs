//! `reduce`.

use super::region::named_reducers;
use super::value::{Form, Val};
use super::{Cx, Fault};
use crate::stablehlo::tree::Node;
use craneflow_ir::ops::Reduce;
use craneflow_ir::ops::common::Reducer;
use craneflow_ir::{Graph, Scalar, Value};

/// The operands of a reduction: tensors, then as many initial values.
pub struct Operands {
    pub forms: Vec<Form>,
    pub tensors: Vec<Value>,
    pub inits: Vec<Value>,
}

impl Cx<'_> {
    /// Splits the operands of a reduction.
    pub fn reduced(&self, x: &[Val]) -> Result<Operands, Fault> {
        if x.is_empty() || !x.len().is_multiple_of(2) {
            return Err("takes as many initial values as tensors".into());
        }
        let (tensors, inits) = x.split_at(x.len() / 2);
        let forms: Vec<Form> = tensors.iter().map(|v| self.form(v)).collect();
        let agree = forms
            .iter()
            .zip(inits)
            .all(|(f, i)| f.scalar() == self.form(i));
        if !agree {
            return Err("initial values are scalars of the types of the tensors".into());
        }
        Ok(Operands {
            forms,
            tensors: tensors.iter().flat_map(Val::flat).collect(),
            inits: inits.iter().flat_map(Val::flat).collect(),
        })
    }

    /// The region of a reduction over elements of these forms.
    pub fn reducer(&mut self, node: &Node, forms: &[Form]) -> Result<Graph, Fault> {
        let args = [forms, forms].concat();
        self.scalar_graph("body", node.region(0)?, &args)
    }

    /// Whether `init` is known to change nothing.
    pub fn is_identity(&self, kind: &Reducer, init: Value) -> bool {
        let dtype = self.ty(init).dtype;
        let identity = kind.identity(dtype.compute());
        match (identity, self.known_splat(init)) {
            (Some(id), Some(init)) if dtype.is_float() => id.to_f64() == init.to_f64(),
            (Some(id), Some(init)) => id.bits == init.bits,
            _ => false,
        }
    }

    /// A value combined with an initial value.
    pub fn combined(&mut self, kind: &Reducer, v: Value, init: Value) -> Result<Value, Fault> {
        if self.is_identity(kind, init) {
            return Ok(v);
        }
        let shape = self.ty(v).shape.clone();
        let op = kind.pointwise(self.ty(v).dtype).expect("a named reducer");
        let init = self.b.broadcast(init, &[], &shape);
        self.push(op, &[init, v])
    }
}

/// The value that a reducer starts from, as an element.
pub fn identity(kind: &Reducer, dtype: craneflow_ir::DType) -> Scalar {
    let identity = kind.identity(dtype.compute()).expect("a named reducer");
    match dtype.is_float() {
        true => Scalar::from_f64(dtype, identity.to_f64()),
        false => identity,
    }
}

/// Values of these forms made up of `flat`, without the shapes.
pub fn values(forms: &[Form], flat: Vec<Value>) -> Vec<Val> {
    let mut flat = flat.into_iter();
    forms.iter().map(|f| f.val(&mut flat)).collect()
}

pub fn reduce(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let operands = cx.reduced(x)?;
    let mut axes = node.axes("dimensions")?;
    axes.sort_unstable();
    let body = cx.reducer(node, &operands.forms)?;
    let Some(kinds) = named_reducers(&body) else {
        let kind = Reducer::Body(Box::new(body));
        let flat = [operands.tensors, operands.inits].concat();
        let results = cx.b.push(Reduce { kind, axes }, &flat)?;
        return Ok(values(&operands.forms, results));
    };
    let mut results = vec![];
    for (kind, (&v, &init)) in kinds
        .iter()
        .zip(operands.tensors.iter().zip(&operands.inits))
    {
        let folded = match axes.is_empty() {
            true => v,
            false => cx.push(
                Reduce {
                    kind: kind.clone(),
                    axes: axes.clone(),
                },
                &[v],
            )?,
        };
        results.push(cx.combined(kind, folded, init)?);
    }
    Ok(values(&operands.forms, results))
}
