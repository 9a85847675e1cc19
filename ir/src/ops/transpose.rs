//! `transpose`.
//!
//! - (C1) `permutation` has an entry per axis of `x`.
//! - (C2) `permutation` holds every axis once.

use super::prelude::*;
use super::walk;

const OP: &str = "transpose";

/// Axis `i` of the result is axis `permutation[i]` of `x`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Transpose {
    /// A permutation of the axes.
    pub permutation: Vec<usize>,
}

impl Transpose {
    /// `inverse()[permutation[i]] = i`.
    pub fn inverse(&self) -> Vec<usize> {
        let mut inverse = vec![0; self.permutation.len()];
        for (i, &p) in self.permutation.iter().enumerate() {
            inverse[p] = i;
        }
        inverse
    }
}

impl Rules for Transpose {
    fn attrs(&self) -> Attrs {
        Attrs::new(OP).ints("permutation", &self.permutation)
    }

    fn parse(attrs: &Attrs) -> Result<Self, TypeError> {
        let permutation = attrs.usizes("permutation")?;
        Ok(Transpose { permutation })
    }

    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError> {
        check::arity(OP, x, 1)?;
        check::per_axis(OP, "C1", "permutation", self.permutation.len(), &x[0])?;
        check::axes(OP, "C2", &x[0], self.permutation.iter().copied())?;
        let extents: Vec<usize> = self.permutation.iter().map(|&p| x[0].shape[p]).collect();
        Ok(vec![x[0].with_shape(extents)])
    }

    fn eval(&self, x: &[Array]) -> Vec<Array> {
        let from = walk::strides(&x[0].ty.shape);
        let strides: Vec<i64> = self.permutation.iter().map(|&p| from[p]).collect();
        let extents = self.permutation.iter().map(|&p| x[0].ty.shape[p]);
        let shape = extents.collect::<Vec<_>>().into();
        vec![walk::view(&x[0], shape, 0, &strides)]
    }

    fn vjp(&self, b: &mut Builder, _x: &[Value], _y: &[Value], dy: &[Option<Value>]) -> Vjp {
        Ok(vec![dy[0].map(|dy| b.transpose(dy, &self.inverse()))])
    }

    fn lower(&self, _x: &[Type]) -> Lowering<'_> {
        Lowering::Element(Box::new(|k, x, at| {
            let inverse = self.inverse();
            let from: Vec<Index> = inverse.iter().map(|&i| at[i].clone()).collect();
            x[0].at(k, &from)
        }))
    }
}
