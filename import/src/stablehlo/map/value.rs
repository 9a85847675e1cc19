//! What stands for a value of the program: one value of the graph, or two for complex numbers.

use super::{Cx, Fault};
use crate::stablehlo::tree::{ElementType, Ty};
use craneflow_ir::{DType, Type, Value};
use std::fmt;

/// A value of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Val {
    /// A tensor.
    Real(Value),
    /// A tensor of complex numbers: real and imaginary parts.
    Complex(Value, Value),
    /// A token.
    Token,
    /// Several.
    Tuple(Vec<Val>),
}

/// A type as the graph has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// A tensor.
    Real(Type),
    /// A tensor of complex numbers with parts of this type.
    Complex(Type),
    /// A token.
    Token,
    /// Several.
    Tuple(Vec<Form>),
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Real(ty) => write!(f, "{ty}"),
            Form::Complex(ty) => write!(f, "complex {ty}"),
            Form::Token => f.write_str("token"),
            Form::Tuple(_) => f.write_str("tuple"),
        }
    }
}

/// The type in which elements are computed: narrow integers in a byte, narrow floats in `f32`.
pub fn dtype(element: ElementType) -> DType {
    use ElementType::*;
    match element {
        Bool => DType::Bool,
        I2 | I4 | I8 => DType::I8,
        I16 => DType::I16,
        I32 => DType::I32,
        I64 => DType::I64,
        U2 | U4 | U8 => DType::U8,
        U16 => DType::U16,
        U32 => DType::U32,
        U64 => DType::U64,
        F16 => DType::F16,
        BF16 => DType::BF16,
        F64 | Complex128 => DType::F64,
        _ => DType::F32,
    }
}

impl Form {
    /// The form of a type of the program.
    pub fn of(ty: &Ty) -> Result<Form, Fault> {
        Ok(match ty {
            Ty::Tensor(element, dims) => {
                let ty = Type::new(dtype(*element), dims.as_slice());
                craneflow_ir::ops::check::sized("tensor", ty.clone())?;
                match element.part() {
                    Some(_) => Form::Complex(ty),
                    None => Form::Real(ty),
                }
            }
            Ty::Token => Form::Token,
            Ty::Tuple(parts) => Form::Tuple(
                parts
                    .iter()
                    .map(|ty| Form::of(ty))
                    .collect::<Result<_, _>>()?,
            ),
            other => return Err(format!("values of type {other} are not supported").into()),
        })
    }

    /// The tensors of the graph that make up a value, in order.
    pub fn flat(&self) -> Vec<Type> {
        match self {
            Form::Real(ty) => vec![ty.clone()],
            Form::Complex(ty) => vec![ty.clone(), ty.clone()],
            Form::Token => vec![],
            Form::Tuple(parts) => parts.iter().flat_map(Form::flat).collect(),
        }
    }

    /// The value made up of the next tensors of `flat`.
    pub fn val(&self, flat: &mut impl Iterator<Item = Value>) -> Val {
        let mut next = || flat.next().expect("as many values as types");
        match self {
            Form::Real(_) => Val::Real(next()),
            Form::Complex(_) => Val::Complex(next(), next()),
            Form::Token => Val::Token,
            Form::Tuple(parts) => Val::Tuple(parts.iter().map(|p| p.val(flat)).collect()),
        }
    }

    /// The same without shape.
    pub fn scalar(&self) -> Form {
        match self {
            Form::Real(ty) => Form::Real(Type::scalar(ty.dtype)),
            Form::Complex(ty) => Form::Complex(Type::scalar(ty.dtype)),
            other => other.clone(),
        }
    }
}

impl Val {
    /// The tensors that make it up.
    pub fn flat(&self) -> Vec<Value> {
        match self {
            Val::Real(v) => vec![*v],
            Val::Complex(re, im) => vec![*re, *im],
            Val::Token => vec![],
            Val::Tuple(parts) => parts.iter().flat_map(Val::flat).collect(),
        }
    }

    /// The tensor, where only one will do.
    pub fn real(&self) -> Result<Value, Fault> {
        match self {
            Val::Real(v) => Ok(*v),
            Val::Complex(..) => Err("takes no complex numbers".into()),
            _ => Err("takes tensors".into()),
        }
    }

    /// Each part of a tensor by itself.
    pub fn each(&self, mut f: impl FnMut(Value) -> Result<Value, Fault>) -> Result<Val, Fault> {
        Ok(match self {
            Val::Real(v) => Val::Real(f(*v)?),
            Val::Complex(re, im) => Val::Complex(f(*re)?, f(*im)?),
            _ => return Err("takes tensors".into()),
        })
    }

    /// Each part of two tensors of one kind by itself.
    pub fn both(
        &self,
        other: &Val,
        mut f: impl FnMut(Value, Value) -> Result<Value, Fault>,
    ) -> Result<Val, Fault> {
        Ok(match (self, other) {
            (Val::Real(a), Val::Real(b)) => Val::Real(f(*a, *b)?),
            (Val::Complex(a, c), Val::Complex(b, d)) => Val::Complex(f(*a, *b)?, f(*c, *d)?),
            _ => return Err("takes tensors of one type".into()),
        })
    }
}

impl Cx<'_> {
    /// The form of a value.
    pub fn form(&self, val: &Val) -> Form {
        match val {
            Val::Real(v) => Form::Real(self.ty(*v).clone()),
            Val::Complex(re, _) => Form::Complex(self.ty(*re).clone()),
            Val::Token => Form::Token,
            Val::Tuple(parts) => Form::Tuple(parts.iter().map(|p| self.form(p)).collect()),
        }
    }

    /// The extents of a tensor.
    pub fn dims(&self, val: &Val) -> Result<Vec<usize>, Fault> {
        match val {
            Val::Real(v) | Val::Complex(v, _) => Ok(self.ty(*v).shape.0.clone()),
            _ => Err("takes tensors".into()),
        }
    }
}
