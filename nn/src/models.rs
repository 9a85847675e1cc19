//! Models that come with the library, by name.

use crate::error::NnError;
use crate::functional::Padding;
use crate::layers::{Activation, Conv2D, Dense, Dropout, Flatten, Input, MaxPool2D};
use crate::loss::Loss;
use crate::metrics::Metric;
use crate::model::{Model, Sequential};
use crate::optim::{Adam, Sgd};

/// A model of the table.
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The shape of a sample that it is meant for.
    pub input: &'static [usize],
    /// The number of outputs that it is meant for.
    pub outputs: usize,
    /// What it is trained for.
    pub loss: Loss,
    /// Layers for samples of a shape and a number of outputs.
    pub layers: fn(&[usize], usize) -> Sequential,
}

const CLASSES: Loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
const YES_NO: Loss = Loss::BinaryCrossentropy { from_logits: true };

/// All built-in models; the first is the default.
pub static MODELS: [BuiltIn; 6] = [
    BuiltIn {
        name: "digits_cnn",
        about: "small convolutional network for the bundled digits",
        input: &[8, 8, 1],
        outputs: 10,
        loss: CLASSES,
        layers: digits_cnn,
    },
    BuiltIn {
        name: "mlp",
        about: "784-128-10 perceptron with relu",
        input: &[28, 28, 1],
        outputs: 10,
        loss: CLASSES,
        layers: mlp,
    },
    BuiltIn {
        name: "mnist_cnn",
        about: "three convolutions for grey images of 28x28",
        input: &[28, 28, 1],
        outputs: 10,
        loss: CLASSES,
        layers: mnist_cnn,
    },
    BuiltIn {
        name: "cifar_cnn",
        about: "two convolutions for colour images of 32x32",
        input: &[32, 32, 3],
        outputs: 10,
        loss: CLASSES,
        layers: cifar_cnn,
    },
    BuiltIn {
        name: "linear",
        about: "linear regression 2-1",
        input: &[2],
        outputs: 1,
        loss: Loss::MeanSquaredError,
        layers: linear,
    },
    BuiltIn {
        name: "binary",
        about: "8-10-1 classifier with relu",
        input: &[8],
        outputs: 1,
        loss: YES_NO,
        layers: binary,
    },
];

impl BuiltIn {
    /// The model of this name.
    pub fn find(name: &str) -> Result<&'static BuiltIn, NnError> {
        let found = MODELS.iter().find(|m| m.name == name);
        found.ok_or_else(|| NnError::Unknown {
            what: "model",
            name: name.to_string(),
            known: MODELS.iter().map(|m| m.name).collect(),
        })
    }

    /// The model for the samples it is meant for, not compiled.
    pub fn model(&self) -> Result<Model, NnError> {
        self.model_for(self.input, self.outputs)
    }

    /// The model for samples of another shape and another number of outputs.
    pub fn model_for(&self, input: &[usize], outputs: usize) -> Result<Model, NnError> {
        (self.layers)(input, outputs).build()
    }

    /// Compiles the model with its loss, its metrics and its usual optimizer (Adam; plain descent for
    /// the regression), at this learning rate or the usual one.
    pub fn compile(&self, model: &mut Model, rate: Option<f32>) -> Result<(), NnError> {
        match self.loss {
            Loss::MeanSquaredError => {
                let optimizer = Sgd::new(rate.unwrap_or(0.01));
                model.compile(optimizer, self.loss.clone(), &[Metric::MeanAbsoluteError])
            }
            _ => {
                let optimizer = Adam::new(rate.unwrap_or(0.001));
                model.compile(optimizer, self.loss.clone(), &[Metric::Accuracy])
            }
        }
    }
}

fn digits_cnn(input: &[usize], outputs: usize) -> Sequential {
    let conv = |filters| {
        Conv2D::new(filters, [3, 3])
            .padding(Padding::Same)
            .activation(Activation::Relu)
    };
    Sequential::new(Input::new(input))
        .add(conv(16))
        .add(conv(32))
        .add(MaxPool2D::new([2, 2]))
        .add(Flatten::new())
        .add(Dropout::new(0.25))
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(outputs))
}

fn mlp(input: &[usize], outputs: usize) -> Sequential {
    Sequential::new(Input::new(input))
        .add(Flatten::new())
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(outputs))
}

fn relu_conv(filters: usize) -> Conv2D {
    Conv2D::new(filters, [3, 3]).activation(Activation::Relu)
}

fn mnist_cnn(input: &[usize], outputs: usize) -> Sequential {
    Sequential::new(Input::new(input))
        .add(relu_conv(32))
        .add(MaxPool2D::new([2, 2]))
        .add(relu_conv(64))
        .add(MaxPool2D::new([2, 2]))
        .add(relu_conv(64))
        .add(Flatten::new())
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(outputs))
}

fn cifar_cnn(input: &[usize], outputs: usize) -> Sequential {
    Sequential::new(Input::new(input))
        .add(relu_conv(32))
        .add(MaxPool2D::new([2, 2]))
        .add(relu_conv(64))
        .add(MaxPool2D::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(outputs))
}

fn linear(input: &[usize], outputs: usize) -> Sequential {
    Sequential::new(Input::new(input)).add(Dense::new(outputs))
}

fn binary(input: &[usize], outputs: usize) -> Sequential {
    Sequential::new(Input::new(input))
        .add(Dense::new(10).activation(Activation::Relu))
        .add(Dense::new(outputs))
}
