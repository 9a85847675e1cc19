//! What can go wrong between a user and a model, said for users: the layer, the op, the shapes and
//! the axis.

use craneflow_ir::{DType, GradError, Shape, Type, TypeError, VerifyError};
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// The layer an error happened in, printed as `dense_1: `; nothing outside of layers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layer(pub String);

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "{}: ", self.0)
        }
    }
}

/// Names joined for a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names(pub Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("none")
        } else {
            f.write_str(&self.0.join(", "))
        }
    }
}

impl<S: ToString> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Names {
        Names(names.into_iter().map(|n| n.to_string()).collect())
    }
}

/// Why a model, a trace, a call or a file was refused. `Debug` prints the message, too: that is how a program whose
/// `main` returns it ends.
#[derive(Error)]
#[allow(missing_docs)]
pub enum NnError {
    /// Two extents that must be equal.
    #[error(
        "{layer}{op}: {left} and {right}: axis {left_axis} ({}) must equal axis {right_axis} ({})",
        left[*left_axis], right[*right_axis]
    )]
    Extents {
        layer: Layer,
        op: &'static str,
        left: Shape,
        right: Shape,
        left_axis: usize,
        right_axis: usize,
    },
    /// Two shapes that do not broadcast.
    #[error(
        "{layer}{op}: {left} and {right} do not broadcast: axis {left_axis} ({}) and axis {right_axis} ({}) must be equal or 1",
        left[*left_axis], right[*right_axis]
    )]
    Broadcast {
        layer: Layer,
        op: &'static str,
        left: Shape,
        right: Shape,
        left_axis: usize,
        right_axis: usize,
    },
    /// An axis that a shape does not have.
    #[error("{layer}{op}: axis {axis} is out of range for {shape}")]
    Axis {
        layer: Layer,
        op: &'static str,
        axis: isize,
        shape: Shape,
    },
    /// A shape with too few or too many axes.
    #[error("{layer}{op}: takes {expected}, found {shape}")]
    Rank {
        layer: Layer,
        op: &'static str,
        expected: &'static str,
        shape: Shape,
    },
    /// Another number of elements.
    #[error("{layer}{op}: {from} has {} elements, {to} has {}", from.count(), to.count())]
    Count {
        layer: Layer,
        op: &'static str,
        from: Shape,
        to: Shape,
    },
    /// Element types that do not fit.
    #[error("{layer}{op}: takes {expected}, found {found}")]
    DType {
        layer: Layer,
        op: &'static str,
        expected: DTypes,
        found: DType,
    },
    /// A number, an option or a combination of them that makes no sense.
    #[error("{layer}{op}: {what} must be {expected}, found {found}")]
    Argument {
        layer: Layer,
        op: &'static str,
        what: &'static str,
        expected: String,
        found: String,
    },
    /// A window that fits nowhere.
    #[error("{layer}{op}: a window of {window} does not fit {shape} along axis {axis} ({})", shape[*axis])]
    Window {
        layer: Layer,
        op: &'static str,
        window: usize,
        shape: Shape,
        axis: usize,
    },
    /// What the graph's own type rules found.
    #[error("{layer}{source}")]
    Type { layer: Layer, source: TypeError },
    /// What the verifier of graphs found: a name that is not a word, a donation that does not fit.
    #[error(transparent)]
    Graph(#[from] VerifyError),
    #[error("{layer}gradient: {source}")]
    Grad { layer: Layer, source: GradError },
    /// Tensors of two traces in one operation.
    #[error("{layer}{op}: its operands belong to different traces")]
    Foreign { layer: Layer, op: &'static str },

    /// An array that does not fit the input it was given for.
    #[error(
        "input {name}: expected {expected}, found {found}{}",
        difference(expected, found)
    )]
    Feed {
        name: String,
        expected: Type,
        found: Type,
    },
    /// Labels that an output cannot be compared with.
    #[error(
        "the output {output} takes labels {expected}; found {found}{}{}",
        difference(expected, found),
        pooled(expected, found)
    )]
    Labels {
        output: String,
        expected: Type,
        found: Type,
    },
    #[error("input {name} has no value; the inputs are {inputs}")]
    MissingFeed { name: String, inputs: Names },
    #[error("there is no input {name}; the inputs are {inputs}")]
    UnknownFeed { name: String, inputs: Names },
    #[error("{expected} inputs expected ({inputs}), found {found}")]
    FeedCount {
        expected: usize,
        found: usize,
        inputs: Names,
    },
    #[error("there is no output {name}; the outputs are {outputs}")]
    UnknownOutput { name: String, outputs: Names },

    /// Arrays of samples that do not go together.
    #[error("x has {x} samples and y has {y}: the first axes must be equal")]
    Samples { x: usize, y: usize },
    #[error("{expected} arrays of labels expected, one for each trained output, found {found}")]
    LabelCount { expected: usize, found: usize },
    #[error("{what} has no samples")]
    NoSamples { what: &'static str },
    /// A class that the model has no output for.
    #[error(
        "label {label} of sample {sample} is out of range for the {classes} classes of the model: its last layer needs a unit for each class"
    )]
    Label {
        label: i64,
        sample: usize,
        classes: usize,
    },
    #[error("the model is not compiled: call compile(optimizer, loss, metrics) before {before}")]
    NotCompiled { before: &'static str },
    /// A name that is not in a table.
    #[error("there is no {what} {name}; there are {known}")]
    Unknown {
        what: &'static str,
        name: String,
        known: Names,
    },
    /// Two layers, inputs or weights with one name.
    #[error("two {what} are called {name}")]
    Duplicate { what: &'static str, name: String },
    #[error("the model has no {what}")]
    Empty { what: &'static str },
    /// An output that does not depend on the declared inputs only.
    #[error("the output depends on {name}, which is not among the inputs of the model")]
    Unreachable { name: String },
    /// The program did not compile.
    #[error("compiling {name}: {source}")]
    Compile {
        name: String,
        source: craneflow_runtime::CompileError,
    },
    #[error(transparent)]
    Memory(#[from] craneflow_runtime::RunError),

    /// A training that ran away.
    #[error(
        "epoch {epoch}, step {step}: the loss is not finite; the first number that is not is in {place} (learning rate {rate}; a lower one may help)"
    )]
    NonFinite {
        place: String,
        epoch: u64,
        step: usize,
        rate: f32,
    },
    /// Data that could not be had.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),

    /// A file that could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}: byte {position}: {message}", path.display())]
    File {
        path: PathBuf,
        position: usize,
        message: String,
    },
    /// A file of a later version.
    #[error(
        "{}: is a file of version {found}, and this version of Craneflow reads files up to version {known}; a later version of Craneflow reads it",
        path.display()
    )]
    Version {
        path: PathBuf,
        found: String,
        known: u32,
    },
    /// A weight in a file that does not fit the model.
    #[error("{}: {name}: expected {expected}, found {found}", path.display())]
    Weight {
        path: PathBuf,
        name: String,
        expected: String,
        found: String,
    },
    /// A file that does not say how its model is made.
    #[error(
        "{}: it does not say how its model is made (an older file, or a layer that has no description, such as a closure); make the model, then load its weights with `Model::load`",
        path.display()
    )]
    NoArchitecture { path: PathBuf },
    /// A pair of a byte-pair encoding that cannot be.
    #[error("pair {index} of the byte-pair encoding {problem}")]
    BytePair { index: usize, problem: &'static str },
    /// A description that is wrong.
    #[error(transparent)]
    Recipe(#[from] Box<crate::recipe::RecipeError>),
}

impl fmt::Debug for NnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Element types that an operation takes, printed as `f32 or f64`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DTypes {
    /// Exactly this one.
    One(DType),
    /// Any in words: `an integer`.
    Words(&'static str),
}

impl fmt::Display for DTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DTypes::One(t) => t.fmt(f),
            DTypes::Words(w) => f.write_str(w),
        }
    }
}

/// What is often missing where labels have fewer axes than they should.
fn pooled(expected: &Type, found: &Type) -> &'static str {
    match expected.rank() > found.rank() {
        true => {
            ". For one label a sample, put a Flatten or global pooling layer before it (a recurrent layer: return_sequences = false)"
        }
        false => "",
    }
}

/// Where two types differ first, as the end of a sentence.
fn difference(expected: &Type, found: &Type) -> String {
    if expected.rank() != found.rank() {
        return format!(": {} axes instead of {}", found.rank(), expected.rank());
    }
    let axes = expected.shape.iter().zip(found.shape.iter()).enumerate();
    match axes.into_iter().find(|(_, (a, b))| a != b) {
        Some((axis, (a, b))) => format!(": axis {axis} is {b} instead of {a}"),
        None => String::new(),
    }
}
