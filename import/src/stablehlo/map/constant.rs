//! `constant` and `iota`.

use super::value::{Val, dtype};
use super::{Cx, Fault, exactly, narrow};
use crate::stablehlo::tree::{Attr, Dense, ElementType, Node};
use craneflow_ir::native::Scalar;
use craneflow_ir::ops::Iota;
use craneflow_ir::{Array, DType, Type, Value};

pub fn constant(cx: &mut Cx, node: &Node, _: &[Val]) -> Result<Vec<Val>, Fault> {
    let Attr::Dense(dense) = node.need("value")? else {
        return Err("attribute value is no tensor".into());
    };
    Ok(vec![cx.dense(dense)?])
}

impl Cx<'_> {
    /// The value of a constant.
    pub fn dense(&mut self, dense: &Dense) -> Result<Val, Fault> {
        let Some(part) = dense.element.part() else {
            return Ok(Val::Real(self.elements(
                dense,
                dense.element,
                &dense.data,
            )?));
        };
        let halves = |which: usize| -> Vec<u8> {
            let size = part.size();
            let pairs = dense.data.chunks_exact(2 * size);
            pairs
                .flat_map(|p| &p[which * size..(which + 1) * size])
                .copied()
                .collect()
        };
        let (re, im) = (halves(0), halves(1));
        Ok(Val::Complex(
            self.elements(dense, part, &re)?,
            self.elements(dense, part, &im)?,
        ))
    }

    fn elements(
        &mut self,
        dense: &Dense,
        element: ElementType,
        data: &[u8],
    ) -> Result<Value, Fault> {
        let ty = Type::new(dtype(element), dense.dims.as_slice());
        craneflow_ir::ops::check::sized("constant", ty.clone())?;
        let wide;
        let data = match narrow::values(element) {
            None => data,
            Some(table) => {
                let of = |&b: &u8| table[b as usize].to_le_bytes();
                wide = data.iter().flat_map(of).collect::<Vec<u8>>();
                &wide
            }
        };
        let wrong = "a constant has the wrong number of bytes";
        if !dense.splat {
            let array = Array::from_bytes(ty, data);
            return Ok(self.b.constant(array.ok_or(wrong)?));
        }
        let scalar = Array::from_bytes(Type::scalar(ty.dtype), data).ok_or(wrong)?;
        let scalar = self.b.constant(scalar);
        Ok(self.b.broadcast(scalar, &[], &ty.shape))
    }

    /// A tensor like `v` whose elements are all `x`.
    pub fn like(&mut self, v: Value, x: f64) -> Value {
        self.b.like(v, x)
    }

    /// An integer tensor like `v` whose elements are all `x`, wrapped to the type.
    pub fn int_like(&mut self, v: Value, x: u64) -> Value {
        let ty = self.ty(v).clone();
        let scalar = self
            .b
            .constant(Array::scalar(Scalar::int(ty.dtype, x as i64)));
        self.b.broadcast(scalar, &[], &ty.shape)
    }

    /// The elements of a constant, if `v` is one.
    pub fn known(&self, v: Value) -> Option<Array> {
        match &self.b.graph().def(v).op {
            craneflow_ir::Op::Constant(c) => Some(c.value.clone()),
            _ => None,
        }
    }

    /// The one element that `v` is known to consist of.
    pub fn known_splat(&self, v: Value) -> Option<Scalar> {
        let node = self.b.graph().def(v);
        match (&node.op, node.operands.as_slice()) {
            (craneflow_ir::Op::BroadcastInDim(_), [x]) => self.known_splat(*x),
            _ => self.known(v)?.splat_value(),
        }
    }
}

pub fn iota(cx: &mut Cx, node: &Node, _: &[Val]) -> Result<Vec<Val>, Fault> {
    let (element, dims) = cx.result(node, 0)?;
    let axis = node.size("iota_dimension")?;
    let ty = Type::new(dtype(element), dims);
    // Positions that do not fit wrap, which counting in 64 bits gets right for every type.
    let wide = match ty.dtype.is_int() {
        true => ty.clone(),
        false => ty.with_dtype(DType::I64),
    };
    let positions = cx.push(Iota { ty: wide, axis }, &[])?;
    let re = cx.b.convert(positions, ty.dtype);
    let re = cx.narrowed(re, element)?;
    Ok(vec![match element.part() {
        None => Val::Real(re),
        Some(_) => Val::Complex(re, cx.like(re, 0.0)),
    }])
}

/// The number of the only device.
pub fn first_device(cx: &mut Cx, _: &Node, _: &[Val]) -> Result<Vec<Val>, Fault> {
    Ok(vec![Val::Real(cx.b.splat(&Type::scalar(DType::U32), 0.0))])
}

/// What the only device gets of `collective_permute`: its own, or nothing.
pub fn permuted(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x] = exactly(x)?;
    match node.ints("source_target_pairs")?[..] {
        [] => Ok(vec![x.each(|v| Ok(cx.like(v, 0.0)))?]),
        [0, 0] => Ok(vec![x.clone()]),
        _ => Err("names devices beyond the only one".into()),
    }
}
