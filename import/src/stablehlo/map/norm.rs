//! `batch_norm_training`, `batch_norm_inference` and `batch_norm_grad`, written out.

use super::value::Val;
use super::{Cx, Fault, exactly};
use crate::stablehlo::tree::Node;
use craneflow_ir::{Shape, Value};

/// What the three have in common: a tensor whose features lie along one axis.
struct Features {
    shape: Shape,
    axis: usize,
    /// The other axes.
    axes: Vec<usize>,
    /// Elements of a feature.
    count: f64,
    epsilon: f64,
}

impl Features {
    /// Of the operands `x`, tensors first, then what has one element for each feature.
    fn of(cx: &Cx, node: &Node, tensors: &[Value], vectors: &[Value]) -> Result<Features, Fault> {
        let ty = cx.ty(tensors[0]).clone();
        let axis = node.size("feature_index")?;
        let Some(&extent) = ty.shape.get(axis) else {
            return Err(format!("feature_index {axis} is no axis of {ty}").into());
        };
        let vector = ty.with_shape(vec![extent]);
        let fit = |list: &[Value], ty| list.iter().all(|&v| *cx.ty(v) == ty);
        if !ty.dtype.is_float() || !fit(tensors, ty.clone()) || !fit(vectors, vector.clone()) {
            return Err(format!(
                "takes float tensors of one type, and {vector} for the features of {ty}"
            )
            .into());
        }
        let axes: Vec<usize> = (0..ty.rank()).filter(|&a| a != axis).collect();
        Ok(Features {
            count: axes.iter().map(|&a| ty.shape[a] as f64).product(),
            shape: ty.shape,
            axis,
            axes,
            epsilon: node.float("epsilon")?,
        })
    }

    fn spread(&self, cx: &mut Cx, v: Value) -> Value {
        cx.b.broadcast(v, &[self.axis], &self.shape)
    }

    fn mean(&self, cx: &mut Cx, v: Value) -> Value {
        let sum = cx.b.sum(v, &self.axes);
        let count = cx.like(sum, self.count);
        cx.b.div(sum, count)
    }

    /// The square root of a variance, with epsilon.
    fn deviation(&self, cx: &mut Cx, variance: Value) -> Value {
        let epsilon = cx.like(variance, self.epsilon);
        let sum = cx.b.add(variance, epsilon);
        cx.b.sqrt(sum)
    }

    fn centered(&self, cx: &mut Cx, x: Value, mean: Value) -> Value {
        let mean = self.spread(cx, mean);
        cx.b.sub(x, mean)
    }

    fn normalized(&self, cx: &mut Cx, x: Value, mean: Value, variance: Value) -> Value {
        let deviation = self.deviation(cx, variance);
        let (centered, deviation) = (self.centered(cx, x, mean), self.spread(cx, deviation));
        cx.b.div(centered, deviation)
    }

    fn scaled(&self, cx: &mut Cx, normalized: Value, scale: Value, offset: Value) -> Value {
        let (scale, offset) = (self.spread(cx, scale), self.spread(cx, offset));
        let y = cx.b.mul(scale, normalized);
        cx.b.add(y, offset)
    }
}

pub fn inference(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, scale, offset, mean, variance] = reals(x)?;
    let features = Features::of(cx, node, &[x], &[scale, offset, mean, variance])?;
    let normalized = features.normalized(cx, x, mean, variance);
    Ok(vec![Val::Real(
        features.scaled(cx, normalized, scale, offset),
    )])
}

pub fn training(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, scale, offset] = reals(x)?;
    let features = Features::of(cx, node, &[x], &[scale, offset])?;
    let mean = features.mean(cx, x);
    let centered = features.centered(cx, x, mean);
    let squares = cx.b.mul(centered, centered);
    let variance = features.mean(cx, squares);
    let normalized = features.normalized(cx, x, mean, variance);
    let y = features.scaled(cx, normalized, scale, offset);
    Ok([y, mean, variance].map(Val::Real).to_vec())
}

pub fn gradient(cx: &mut Cx, node: &Node, x: &[Val]) -> Result<Vec<Val>, Fault> {
    let [x, scale, mean, variance, dy] = reals(x)?;
    let features = Features::of(cx, node, &[x, dy], &[scale, mean, variance])?;
    let normalized = features.normalized(cx, x, mean, variance);
    let weighted = cx.b.mul(dy, normalized);
    let d_scale = cx.b.sum(weighted, &features.axes);
    let d_offset = cx.b.sum(dy, &features.axes);
    // What the mean and the variance pass on of the gradient.
    let (of_mean, of_variance) = (features.mean(cx, dy), features.mean(cx, weighted));
    let of_mean = features.spread(cx, of_mean);
    let of_variance = features.spread(cx, of_variance);
    let of_variance = cx.b.mul(of_variance, normalized);
    let rest = cx.b.sub(dy, of_mean);
    let rest = cx.b.sub(rest, of_variance);
    let deviation = features.deviation(cx, variance);
    let factor = cx.b.div(scale, deviation);
    let factor = features.spread(cx, factor);
    let dx = cx.b.mul(factor, rest);
    Ok([dx, d_scale, d_offset].map(Val::Real).to_vec())
}

fn reals<const N: usize>(x: &[Val]) -> Result<[Value; N], Fault> {
    let x = exactly::<N>(x)?;
    let mut reals = [Value::default(); N];
    for (real, x) in reals.iter_mut().zip(x) {
        *real = x.real()?;
    }
    Ok(reals)
}
