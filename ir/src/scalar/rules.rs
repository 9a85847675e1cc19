//! The pointwise operations as graph ops.

use super::{Class, CompareType, Pointwise, Rule};
use crate::attrs::Attr;
use crate::native::{Cmp, Emit, Tape};
use crate::ops::prelude::*;
use crate::types::DType;

impl Pointwise {
    /// The op of this name with its attributes: `compare {direction=lt, type=total_order}`, where
    /// the type may be left out, and `convert {to=f32}`. `None` when there is no such op.
    pub fn parse_op(name: &str, attrs: &Attrs) -> Option<Result<Pointwise, TypeError>> {
        Some(match Pointwise::from_name(name)? {
            Pointwise::Compare(..) => compare_from(attrs),
            Pointwise::Convert(_) => attrs.dtype("to").map(Pointwise::Convert),
            op => Ok(op),
        })
    }
}

fn compare_from(attrs: &Attrs) -> Result<Pointwise, TypeError> {
    let predicates = Cmp::ALL.map(|(cmp, name)| (name, cmp));
    let cmp = attrs.choice("direction", &predicates)?;
    let types = [CompareType::Normal, CompareType::TotalOrder].map(|t| (t.name(), t));
    let ty = match attrs.find("type") {
        None => CompareType::Normal,
        Some(_) => attrs.choice("type", &types)?,
    };
    Ok(Pointwise::Compare(cmp, ty))
}

impl Rules for Pointwise {
    fn attrs(&self) -> Attrs {
        let attrs = Attrs::new(self.name());
        match self {
            Pointwise::Compare(cmp, CompareType::Normal) => attrs.word("direction", cmp.name()),
            Pointwise::Compare(cmp, ty) => {
                attrs.word("direction", cmp.name()).word("type", ty.name())
            }
            Pointwise::Convert(to) => attrs.with("to", Attr::Word(to.name().to_string())),
            _ => attrs,
        }
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        Pointwise::parse_op(attrs.op, attrs).unwrap_or_else(|| panic!("no op {}", attrs.op))
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        let op = self.name();
        check::arity(op, x, self.arity())?;
        for other in &x[1..] {
            check::same_shape(op, &x[0], other)?;
        }
        let first = x[0].dtype;
        let takes = |class: Class| check::dtype(op, class.contains(first), class.name(), first);
        let mut of_one_type = x;
        match self.row().rule {
            Rule::Same(_, class) | Rule::Test(_, class) => takes(class)?,
            Rule::Select => {
                check::dtype(op, first == DType::Bool, "bool", first)?;
                of_one_type = &x[1..];
            }
            Rule::To(_) => {}
        }
        for pair in of_one_type.windows(2) {
            check::same_dtype(op, &pair[0], &pair[1])?;
        }
        let dtypes: Vec<DType> = x.iter().map(|t| t.dtype).collect();
        let result = self.infer_dtype(&dtypes).expect("checked above");
        Ok(vec![x[0].with_dtype(result)])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let mut tape = Tape::new();
        let args: Vec<u32> = x.iter().map(|a| tape.argument(a.ty.dtype)).collect();
        let result = self.emit(&mut tape, &args);
        let ty = x[0].ty.with_dtype(tape.dtype(result));
        let size = ty.dtype.size();
        let mut bytes = Vec::with_capacity(ty.bytes());
        let load = |k: usize, i: usize| x[k].get(i).bits;
        tape.run(ty.count(), &[result], load, |_, row| {
            bytes.extend_from_slice(&row[0].to_le_bytes()[..size]);
        });
        vec![Array::from_bytes(ty, bytes).expect("one element each")]
    }

    fn vjp(&self, b: &mut Builder, x: &[Value], y: &[Value], dy: &[Option<Value>]) -> Vjp {
        match dy[0] {
            Some(dy) if b.ty(y[0]).dtype.is_float() => Ok(self.gradients(b, x, y[0], dy)),
            _ => Ok(vec![None; x.len()]),
        }
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let args: Vec<_> = x.iter().map(|operand| operand.at(k, at)).collect();
            self.emit(k, &args)
        }))
    }
}
