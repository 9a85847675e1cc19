//! Traces inside of a trace: the bodies of loops.

use super::{State, Tensor, Tracer};
use craneflow_ir::{Builder, Graph};
use std::cell::RefCell;
use std::rc::Rc;

/// The trace around a region, and what the region takes from it.
pub(super) struct Outer {
    tracer: Tracer,
    inputs: Vec<Input>,
}

struct Input {
    outer: Tensor,
    inner: Tensor,
    /// Whether an operation asked for it.
    captured: bool,
}

/// A region under construction. Operations on its tensors may take tensors of the trace around it; these
/// become inputs of the region.
pub(crate) struct Region(Tracer);

impl Region {
    /// Starts a region in `outer`, in the current layer.
    pub fn new(outer: &Tracer, name: &str) -> Region {
        let mut builder = Builder::new(name);
        builder.enter(&outer.current().0);
        let state = State {
            builder,
            error: None,
            outer: Some(Outer {
                tracer: outer.clone(),
                inputs: vec![],
            }),
        };
        Region(Tracer(Rc::new(RefCell::new(state))))
    }

    /// Adds an input that is `outer` when the region starts.
    pub fn input(&self, outer: &Tensor) -> Tensor {
        self.0.take_in(outer, false)
    }

    /// The inputs that operations asked for so far.
    pub fn captured(&self) -> Vec<Tensor> {
        let state = self.0.0.borrow();
        let inputs = state.outer.iter().flat_map(|o| &o.inputs);
        let captured = inputs.filter(|i| i.captured);
        captured.map(|i| i.inner.clone()).collect()
    }

    /// The region with these outputs, and the tensors around it that its inputs are. An error inside is
    /// noted outside.
    pub fn finish(self, outputs: &[Tensor]) -> (Graph, Vec<Tensor>) {
        for (i, y) in outputs.iter().enumerate() {
            self.0.output(&format!("y{i}"), y);
        }
        let outer = self.0.0.borrow_mut().outer.take();
        let outer = outer.expect("a region has a trace around it");
        let operands = outer.inputs.into_iter().map(|i| i.outer).collect();
        let graph = match self.0.finish() {
            Ok(graph) => graph.into_inner(),
            Err(error) => {
                outer.tracer.0.borrow_mut().error.get_or_insert(error);
                Graph::new("region")
            }
        };
        (graph, operands)
    }
}

impl Tracer {
    /// Whether this trace is inside of `other`.
    fn is_inside(&self, other: &Tracer) -> bool {
        let state = self.0.borrow();
        state
            .outer
            .as_ref()
            .is_some_and(|o| Rc::ptr_eq(&o.tracer.0, &other.0) || o.tracer.is_inside(other))
    }

    /// The innermost trace among this one and those of the operands.
    pub(super) fn innermost(&self, x: &[&Tensor]) -> Tracer {
        let deeper = |best: Tracer, x: &&Tensor| match x.tracer.is_inside(&best) {
            true => x.tracer.clone(),
            false => best,
        };
        x.iter().fold(self.clone(), deeper)
    }

    /// A tensor of this trace for one of this or a trace around it; `None` for any other.
    pub(super) fn captured(&self, x: &Tensor) -> Option<Tensor> {
        if Rc::ptr_eq(&x.tracer.0, &self.0) {
            return Some(x.clone());
        }
        let around = self.0.borrow().outer.as_ref().map(|o| o.tracer.clone());
        let outer = around?.captured(x)?;
        let state = self.0.borrow();
        let known = state.outer.iter().flat_map(|o| &o.inputs);
        let mut known = known.filter(|i| i.captured && i.outer.value == outer.value);
        if let Some(input) = known.next() {
            return Some(input.inner.clone());
        }
        drop(state);
        Some(self.take_in(&outer, true))
    }

    fn take_in(&self, outer: &Tensor, captured: bool) -> Tensor {
        let state = &mut *self.0.borrow_mut();
        let around = state.outer.as_mut().expect("a region");
        let name = format!("x{}", around.inputs.len());
        let value = state.builder.input(&name, outer.ty.clone());
        let inner = self.tensor(value, outer.ty.clone());
        around.inputs.push(Input {
            outer: outer.clone(),
            inner: inner.clone(),
            captured,
        });
        inner
    }
}
