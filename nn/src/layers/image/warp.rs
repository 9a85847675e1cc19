//! Pictures seen from an angle, or through uneven glass.

use super::filter::RandomGaussianBlur;
use super::geometry::looked_up;
use super::{between, sometimes};
use crate::describe::described;
use crate::functional::axes_of;
use crate::layers::{Cx, Meta, layer, options};
use crate::tensor::Tensor;
use craneflow_ir::{DType, Type};

/// Shows pictures from an angle, each with a probability, by moving each of their corners.
#[derive(Clone, Debug)]
pub struct RandomPerspective {
    meta: Meta,
    factor: f64,
    scale: f64,
    fill: f64,
}

impl RandomPerspective {
    /// With probability `factor`, with corners that move by up to half the share `scale` of height and
    /// width.
    pub fn new(factor: f64, scale: f64) -> RandomPerspective {
        RandomPerspective {
            meta: Meta::new("random_perspective"),
            factor,
            scale,
            fill: 0.0,
        }
    }
}

options!(RandomPerspective {
    /// Sets what is outside of a picture (0).
    fill: f64,
});

layer!(RandomPerspective, |self, cx, x| {
    let x = &x[0];
    if !cx.training() || !x.must_have_rank("random_perspective", 4, axes_of(2)) {
        return x.clone();
    }
    let grid = Type::new(DType::F32, [x.dim(0), x.dim(1), x.dim(2), 1]);
    let last = [1, 2].map(|axis: isize| (x.dim(axis) as f64 - 1.0).max(1.0));
    let v = x.tracer().iota(&grid, 1) / last[0];
    let u = x.tracer().iota(&grid, 2) / last[1];
    let half = self.scale / 2.0;
    // Where the corners of the result are in the picture, in shares of its sides.
    let mut corner = |at: [f64; 2]| at.map(|at| between(cx, x, at - half, at + half));
    let corners = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]].map(&mut corner);
    let [row, column] = seen(&corners, &v, &u);
    let changed = looked_up(x, &(row * last[0]), &(column * last[1]), self.fill);
    sometimes(cx, x, &changed, self.factor)
});

/// Rows and columns, in shares, of the points `(v, u)` of the unit square, whose corners, clockwise from the
/// upper left, are seen at `corners`: a projective map, whose lines stay lines.
fn seen(corners: &[[Tensor; 2]; 4], v: &Tensor, u: &Tensor) -> [Tensor; 2] {
    let [a, b, c, d] = corners;
    let side = |axis: usize| (&b[axis] - &c[axis], &d[axis] - &c[axis]);
    let bend = |axis: usize| &a[axis] - &b[axis] + &c[axis] - &d[axis];
    let ((y1, y2), (x1, x2)) = (side(0), side(1));
    let (y3, x3) = (bend(0), bend(1));
    let area = &x1 * &y2 - &x2 * &y1;
    let g = (&x3 * &y2 - &x2 * &y3) / &area;
    let h = (&x1 * &y3 - &x3 * &y1) / &area;
    let depth = &g * u + &h * v + 1.0;
    [0, 1].map(|axis: usize| {
        let along_u = &b[axis] - &a[axis] + &g * &b[axis];
        let along_v = &d[axis] - &a[axis] + &h * &d[axis];
        (along_u * u + along_v * v + &a[axis]) / &depth
    })
}

/// Moves the pixels of pictures by smooth random fields, each picture with a probability.
#[derive(Clone, Debug)]
pub struct RandomElasticTransform {
    meta: Meta,
    factor: f64,
    scale: f64,
    sigma: f64,
    fill: f64,
}

impl RandomElasticTransform {
    /// With probability `factor`, by up to the share `scale` of height and width.
    pub fn new(factor: f64, scale: f64) -> RandomElasticTransform {
        RandomElasticTransform {
            meta: Meta::new("random_elastic_transform"),
            factor,
            scale,
            sigma: 4.0,
            fill: 0.0,
        }
    }

    /// A smooth field within -1 and 1: `[batch, h, w, 1]`.
    fn field(&self, cx: &mut Cx, x: &Tensor) -> Tensor {
        let noise = cx.uniform(&[x.dim(0), x.dim(1), x.dim(2), 1]) * 2.0 - 1.0;
        let width = 2 * (2.0 * self.sigma).ceil() as usize + 1;
        let blur = RandomGaussianBlur::new(1.0, width, self.sigma);
        let one = x
            .tracer()
            .full(&Type::new(DType::F32, [x.dim(0), 1, 1, 1]), self.sigma);
        let smooth = blur.blurred(&noise, &one);
        let most = smooth.abs().max(&[1, 2]).keep(&smooth, &[1, 2]);
        smooth / most.maximum(1e-6)
    }
}

options!(RandomElasticTransform {
    /// Sets how smooth the fields are: a standard deviation in pixels (4).
    sigma: f64,
    /// Sets what is outside of a picture (0).
    fill: f64,
});

layer!(RandomElasticTransform, |self, cx, x| {
    let x = &x[0];
    if !cx.training() || !x.must_have_rank("random_elastic_transform", 4, axes_of(2)) {
        return x.clone();
    }
    let grid = Type::new(DType::F32, [x.dim(0), x.dim(1), x.dim(2), 1]);
    let mut place = |axis: usize| {
        let most = self.scale * x.shape()[axis] as f64;
        x.tracer().iota(&grid, axis) + self.field(cx, x) * most
    };
    let (row, column) = (place(1), place(2));
    let changed = looked_up(x, &row, &column, self.fill);
    sometimes(cx, x, &changed, self.factor)
});

described!(RandomPerspective "RandomPerspective", RandomPerspective::new(1.0, 1.0), |self, k| {
    k.key("factor", &mut self.factor)?;
    k.key("scale", &mut self.scale)?;
    k.key("fill_value", &mut self.fill)?;
});

described!(RandomElasticTransform "RandomElasticTransform", RandomElasticTransform::new(1.0, 0.1), |self, k| {
    k.key("factor", &mut self.factor)?;
    k.key("scale", &mut self.scale)?;
    k.key("sigma", &mut self.sigma)?;
    k.key("fill_value", &mut self.fill)?;
});
