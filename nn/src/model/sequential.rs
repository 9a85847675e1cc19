//! Models whose layers follow one another.

use super::Model;
use crate::error::NnError;
use crate::layers::{Call, Input, Symbol};

/// Layers one after the other.
pub struct Sequential {
    input: Symbol,
    output: Symbol,
}

impl Sequential {
    /// A model of this input.
    pub fn new(input: Input) -> Sequential {
        let input = input.symbol();
        Sequential {
            output: input.clone(),
            input,
        }
    }

    /// Adds a layer at the end.
    #[expect(clippy::should_implement_trait, reason = "the name that users know")]
    pub fn add(mut self, layer: impl Call) -> Sequential {
        self.output = layer.call(&self.output);
        self
    }

    /// The model, or what is wrong with it.
    pub fn build(self) -> Result<Model, NnError> {
        Model::new(&[&self.input], &[&self.output])
    }
}
