//! What frames things in pictures.

use crate::describe::{Description, described, description};
use crate::layers::{Cx, Layer, Meta, layer};
use crate::tensor::Tensor;

/// As many frames for every picture: those beyond are left out, and `fill_value` stands for those that are
/// missing. Frames `[batch, frames, 4]` and their labels `[batch, frames]` give both.
#[derive(Clone, Debug)]
pub struct MaxNumBoundingBoxes {
    meta: Meta,
    max_number: usize,
    fill_value: f64,
}

impl MaxNumBoundingBoxes {
    /// `max_number` frames; -1 stands for those that are missing.
    pub fn new(max_number: usize) -> MaxNumBoundingBoxes {
        MaxNumBoundingBoxes {
            meta: Meta::new("max_num_bounding_boxes"),
            max_number,
            fill_value: -1.0,
        }
    }

    /// Sets what stands for missing frames and labels.
    pub fn fill_value(mut self, value: f64) -> MaxNumBoundingBoxes {
        self.fill_value = value;
        self
    }

    /// Cuts and fills the axis of frames.
    fn bounded(&self, x: &Tensor) -> Tensor {
        let kept = x.dim(1).min(self.max_number);
        let mut edges = vec![(0i64, 0i64); x.rank()];
        edges[1].1 = (self.max_number - kept) as i64;
        x.slice_axis(1, 0..kept).pad(&edges, self.fill_value)
    }
}

layer!(@common [] MaxNumBoundingBoxes[]);

impl Layer for MaxNumBoundingBoxes {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        self.forward_all(cx, x).swap_remove(0)
    }

    fn results(&self) -> usize {
        2
    }

    fn forward_all(&self, _cx: &mut Cx, x: &[Tensor]) -> Vec<Tensor> {
        let op = "max_num_bounding_boxes";
        let boxes = &x[0];
        let labels = x.get(1).unwrap_or(boxes);
        let right = boxes.must_have_rank(op, 3, "(batch, frames, 4)")
            && (x.len() < 2 || labels.must_have_rank(op, 2, "(batch, frames)"));
        match right {
            true => [boxes, labels].map(|x| self.bounded(x)).to_vec(),
            false => vec![boxes.clone(), labels.clone()],
        }
    }

    fn description(&self) -> Option<Description> {
        description(self)
    }
}

described!(MaxNumBoundingBoxes "MaxNumBoundingBoxes", MaxNumBoundingBoxes::new(1), |self, k| {
    k.need("max_number", &mut self.max_number)?;
    k.key("fill_value", &mut self.fill_value)?;
});
