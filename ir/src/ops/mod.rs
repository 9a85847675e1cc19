//! The graph operations: a closed enum of small structs, and one trait that keeps every rule of an
//! op together in one file. Names and meanings are StableHLO's.

use crate::array::Array;
use crate::attrs::Attrs;
use crate::build::Builder;
use crate::error::{GradError, TypeError};
use crate::graph::Value;
use crate::loops::Val;
use crate::loops::build::{KernelBuilder, Operand, Out};
use crate::loops::index::Index;
use crate::scalar::Pointwise;
use crate::types::Type;

/// Everything the compiler must know about one operation. No default methods: a missing rule does
/// not compile.
pub trait Rules {
    /// Attributes as printed: `{axes=[1]}`.
    fn attrs(&self) -> Attrs;
    /// The op from its printed attributes.
    fn parse(attrs: &Attrs) -> Result<Self, TypeError>
    where
        Self: Sized;
    /// Result types for operand types: type rule and verifier in one.
    fn infer(&self, x: &[Type]) -> Result<Vec<Type>, TypeError>;
    /// The reference meaning, on operands that `infer` accepts.
    fn eval(&self, x: &[Array]) -> Vec<Array>;
    /// Gradients of the operands from those of the results (`None`: zero, or no gradient).
    fn vjp(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dy: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, GradError>;
    /// How it becomes loops.
    fn lower(&self, x: &[Type]) -> Lowering<'_>;
}

/// The element of a single-result op at a multi-index, from elements of its operands.
pub type ElementFn<'a> = Box<dyn Fn(&mut KernelBuilder, &[Operand], &[Index]) -> Val + 'a>;
/// The whole of an op as statements that write its results (grid included).
pub type StoresFn<'a> = Box<dyn Fn(&mut KernelBuilder, &[Operand], &[Out]) + 'a>;

/// Takes an element of a result, at its multi-index.
pub type Put<'p> = &'p mut dyn FnMut(&mut KernelBuilder, &[Index], Val);
/// The whole of an op as statements (grid included) that hand over each element of its one result.
pub type OnceFn<'a> = Box<dyn Fn(&mut KernelBuilder, &[Operand], Put) + 'a>;

/// How an op becomes loops.
pub enum Lowering<'a> {
    /// Fuses: a consumer asks for one element. Cheap enough to be computed again by every consumer.
    Element(ElementFn<'a>),
    /// As `Element`, but an element costs a loop, so it is computed once and stored.
    Reduction(ElementFn<'a>),
    /// Writes its results itself and ends a group; its operands may be fused into it.
    Stores(StoresFn<'a>),
    /// As `Stores`, but each element is handed over exactly once and never read again, so that what reads it
    /// at its own index can follow in the same kernel.
    Once(OnceFn<'a>),
    /// `dot_general` and `convolution`, matched by the lowering pass; the plain form is the element.
    Contraction(ElementFn<'a>),
    /// `while` and `case`: the runtime walks the regions' own kernels.
    Control,
    /// Evaluated by the reference interpreter at run time.
    Interpret,
    /// An input of the graph.
    Input,
    /// A constant; a splat is an immediate.
    Constant,
}

macro_rules! ops {
    ($($module:ident::$Op:ident($name:literal)),* $(,)?) => {
        $(pub mod $module;)*
        $(pub use $module::$Op;)*
        /// A graph operation with its attributes and regions.
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs)]
        pub enum Op { Pointwise(Pointwise), $($Op($Op)),* }

        impl Op {
            /// Name in text form; StableHLO's where it has one.
            pub fn name(&self) -> &'static str {
                match self { Op::Pointwise(p) => p.name(), $(Op::$Op(_) => $name),* }
            }
            /// The rules of this op.
            pub fn rules(&self) -> &dyn Rules {
                match self { Op::Pointwise(p) => p, $(Op::$Op(op) => op),* }
            }
            /// The op called `name` with these attributes; `None` when there is no such op.
            pub fn parse(name: &str, attrs: &Attrs) -> Option<Result<Op, TypeError>> {
                match name {
                    $($name => Some(<$Op as Rules>::parse(attrs).map(Op::$Op)),)*
                    _ => Pointwise::parse_op(name, attrs).map(|p| p.map(Op::Pointwise)),
                }
            }
            /// Names of all structural ops, in the order of the table.
            pub const STRUCTURAL: &'static [&'static str] = &[$($name),*];
        }
        $(impl From<$Op> for Op { fn from(op: $Op) -> Op { Op::$Op(op) } })*
        impl From<Pointwise> for Op { fn from(op: Pointwise) -> Op { Op::Pointwise(op) } }
    };
}

pub mod check;
pub mod common;
pub mod mac;
pub mod prelude;
pub mod reducer;
pub mod walk;
pub mod window;

ops! {
    input::Input("input"),
    constant::Constant("constant"),
    iota::Iota("iota"),
    broadcast_in_dim::BroadcastInDim("broadcast_in_dim"),
    reshape::Reshape("reshape"),
    transpose::Transpose("transpose"),
    slice::Slice("slice"),
    dynamic_slice::DynamicSlice("dynamic_slice"),
    dynamic_update_slice::DynamicUpdateSlice("dynamic_update_slice"),
    pad::Pad("pad"),
    concatenate::Concatenate("concatenate"),
    reverse::Reverse("reverse"),
    gather::Gather("gather"),
    scatter::Scatter("scatter"),
    reduce::Reduce("reduce"),
    reduce_window::ReduceWindow("reduce_window"),
    select_and_scatter::SelectAndScatter("select_and_scatter"),
    dot_general::DotGeneral("dot_general"),
    convolution::Convolution("convolution"),
    sort::Sort("sort"),
    r#while::While("while"),
    case::Case("case"),
    rng_bit_generator::RngBitGenerator("rng_bit_generator"),
    bitcast_convert::BitcastConvert("bitcast_convert"),
    custom_call::CustomCall("custom_call"),
}
