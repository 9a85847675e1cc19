//! A model within another.

use super::network::Network;
use crate::describe::{Description, description};
use crate::layers::{Cx, Layer, Meta};
use crate::tensor::Tensor;
use craneflow_ir::Array;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model as a layer: made by [`Model::layer`](crate::Model::layer). Its weights are
/// `<name>.<layer>.<weight>` of the outer model, and start from those of the inner one.
#[derive(Clone)]
pub struct Nested {
    pub(super) meta: Meta,
    pub(super) network: Arc<Network>,
    values: Arc<BTreeMap<String, Array>>,
}

impl Nested {
    pub(super) fn new(network: Network, values: BTreeMap<String, Array>) -> Nested {
        Nested {
            meta: Meta::new("model"),
            network: Arc::new(network),
            values: Arc::new(values),
        }
    }

    /// Names the layer; else it is called `model` and a number.
    pub fn name(mut self, name: &str) -> Nested {
        self.meta.name = Some(name.to_string());
        self
    }

    /// Sets whether its weights are trained; one that is not keeps its statistics, too.
    pub fn trainable(mut self, trainable: bool) -> Nested {
        self.meta.trainable = trainable;
        self
    }
}

impl Layer for Nested {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn results(&self) -> usize {
        self.network.outputs.len()
    }

    fn forward(&self, cx: &mut Cx, x: &[Tensor]) -> Tensor {
        self.forward_all(cx, x).swap_remove(0)
    }

    fn forward_all(&self, cx: &mut Cx, x: &[Tensor]) -> Vec<Tensor> {
        let network = &self.network;
        if let Some(error) = network.misfit(x) {
            return vec![x[0].fail(x[0].ty().clone(), error); network.outputs.len()];
        }
        cx.starting(&self.values, |cx| network.forward(cx, x.to_vec()))
    }

    fn description(&self) -> Option<Description> {
        description(self)
    }
}
