//! Programs: buffers, and the order in which kernels run on them.

use super::{Buf, Kernel, KernelId};
use crate::array::Array;
use crate::types::Type;

/// What a buffer of a program holds.
#[derive(Clone, PartialEq, Debug)]
pub enum BufferKind {
    /// The caller's input at this position; read-only unless donated.
    Input(usize),
    /// The result at this position. When it replaces a donated input, that input's position.
    Output(usize, Option<usize>),
    /// A constant.
    Constant(Array),
    /// Lives in the arena between its first and last use.
    Temp,
    /// Computed from inputs and constants by launches that come first; stays between runs, which leave those launches out
    /// until one of these inputs has changed.
    Kept,
    /// Has no memory of its own: the `repeat` that names it says which part of another buffer it is.
    View,
}

/// A buffer of a program.
#[derive(Clone, PartialEq, Debug)]
pub struct Buffer {
    /// A word, for dumps.
    pub name: String,
    /// Element type and shape.
    pub ty: Type,
    /// What it holds.
    pub kind: BufferKind,
}

/// What a view is in turn `t` of its `repeat`, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// The elements of `of` from `first + t * step`.
    Slice {
        /// The whole.
        of: Buf,
        /// First element in turn 0.
        first: usize,
        /// Elements from one turn to the next.
        step: i64,
    },
    /// One of two buffers in turn.
    Turn {
        /// In turns 0, 2, ...
        even: Buf,
        /// In turns 1, 3, ...
        odd: Buf,
    },
}

impl View {
    /// The buffer in turn `t` and the element it starts at, if that is not negative.
    pub fn at(&self, t: usize) -> Option<(Buf, usize)> {
        match *self {
            View::Slice { of, first, step } => {
                let start = (first as i64).checked_add(step.checked_mul(t as i64)?)?;
                Some((of, usize::try_from(start).ok()?))
            }
            View::Turn { even, odd } => Some((if t.is_multiple_of(2) { even } else { odd }, 0)),
        }
    }

    /// The buffers it is part of.
    pub fn sources(&self) -> [Buf; 2] {
        match *self {
            View::Slice { of, .. } => [of, of],
            View::Turn { even, odd } => [even, odd],
        }
    }

    /// As `sources`, to be replaced.
    pub fn sources_mut(&mut self) -> [Option<&mut Buf>; 2] {
        match self {
            View::Slice { of, .. } => [Some(of), None],
            View::Turn { even, odd } => [Some(even), Some(odd)],
        }
    }
}

/// A step of a program.
#[allow(clippy::large_enum_variant)] // Programs have few steps.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Runs a kernel over its whole grid.
    Launch {
        /// The kernel.
        kernel: KernelId,
        /// A buffer per parameter.
        args: Vec<Buf>,
        /// The layers and nodes it computes, for dumps and profiles.
        from: String,
    },
    /// Copies a whole buffer to another of the same type.
    Copy {
        /// Source.
        from: Buf,
        /// Destination.
        to: Buf,
    },
    /// Evaluates a graph op by the reference interpreter.
    Interpret {
        /// The op with its attributes.
        op: crate::ops::Op,
        /// Operands.
        args: Vec<Buf>,
        /// Results.
        results: Vec<Buf>,
    },
    /// Runs `cond`, and while `pred` (`bool[]`) holds, `body`, then `cond` again.
    While {
        /// Computes the predicate from the carries.
        cond: Vec<Step>,
        /// The predicate.
        pred: Buf,
        /// Computes new carries and copies them over the old.
        body: Vec<Step>,
    },
    /// Runs `body` `count` times, at least once; before each turn, every view moves.
    Repeat {
        /// Number of turns.
        count: usize,
        /// Parts that never meet (`parts`): each may go through all turns by itself. 1 where nothing is known.
        parts: usize,
        /// The views that only this body uses, and what they are; sources come first.
        views: Vec<(Buf, View)>,
        /// Computes one turn.
        body: Vec<Step>,
    },
    /// Runs branch `index` (`i32[]`), the last when out of range.
    Case {
        /// The selector.
        index: Buf,
        /// Steps of each branch.
        branches: Vec<Vec<Step>>,
    },
}

/// A lowered graph: buffers, kernels, and the order in which they run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Program {
    /// Name of the graph.
    pub name: String,
    /// Buffers.
    pub buffers: Vec<Buffer>,
    /// Distinct kernels.
    pub kernels: Vec<Kernel>,
    /// What runs, in order.
    pub steps: Vec<Step>,
}

impl Program {
    /// The buffer with this id.
    pub fn buffer(&self, b: Buf) -> &Buffer {
        &self.buffers[b.0 as usize]
    }

    /// The kernel with this id.
    pub fn kernel(&self, k: KernelId) -> &Kernel {
        &self.kernels[k.0 as usize]
    }
}
