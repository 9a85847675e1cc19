//! From the tree to a graph: one rule for each operation of StableHLO, found by name.

mod bits;
mod callback;
mod chlo;
mod complex;
mod constant;
mod contract;
mod control;
mod convert;
mod gather;
mod host;
mod known;
mod lapack;
mod lift;
mod main;
mod narrow;
mod norm;
mod pointwise;
mod random;
mod reduce;
mod region;
mod rounding;
mod scatter_each;
mod select;
mod shape;
mod sort;
mod sums;
mod table;
mod value;
mod window;

pub use main::program;
pub use narrow::values as narrow_values;

use super::error::ImportError;
use super::limits;
use super::tree::{Attr, ElementType, Id, Module, Node, Ty};
use craneflow_ir::{Builder, Op, Type, TypeError, Value};
use std::collections::HashMap;
use value::{Form, Val};

/// Why a rule does not apply; the place is known to who called it.
#[derive(Debug)]
pub enum Fault {
    /// Operands or attributes are wrong, or more than is supported.
    Message(String),
    /// Operands do not fit.
    Type(TypeError),
    /// An error within a region, with its own place.
    Inner(ImportError),
}

impl From<TypeError> for Fault {
    fn from(e: TypeError) -> Fault {
        Fault::Type(e)
    }
}

impl From<ImportError> for Fault {
    fn from(e: ImportError) -> Fault {
        Fault::Inner(e)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Fault {
        Fault::Message(message)
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Fault {
        Fault::Message(message.to_string())
    }
}

/// The values of an operation's results, from those of its operands.
pub type Rule = fn(&mut Cx, &Node, &[Val]) -> Result<Vec<Val>, Fault>;

/// A graph being built.
pub struct Cx<'m> {
    module: &'m Module,
    b: Builder,
    /// Values of the function or region at hand.
    env: HashMap<Id, Val>,
    /// Functions that are being inlined into each other.
    calls: Vec<usize>,
    /// Regions and calls within each other.
    depth: usize,
    /// Operations so far.
    nodes: usize,
    /// Which functions call Python with an effect.
    effects: callback::Effects,
    /// Stands for what has happened so far in the graph at hand, once something may have.
    effect: Option<Value>,
    /// Numbers of the Python functions called.
    python: Vec<u64>,
}

impl<'m> Cx<'m> {
    /// Adds `nodes` to the graph; returns the operands of the last, which must return.
    fn nodes(&mut self, nodes: &[Node]) -> Result<Vec<Val>, ImportError> {
        for node in nodes {
            limits::count(
                node.place,
                "operations when calls are inlined",
                &mut self.nodes,
                limits::INLINED,
            )?;
            let operands = self.operands(node)?;
            if matches!(&*node.name, "return" | "sdy.return") {
                return Ok(operands);
            }
            let results = self.node(node, &operands).map_err(|f| located(node, f))?;
            for (id, val) in node.results.iter().zip(results) {
                self.env.insert(*id, val);
            }
        }
        Ok(vec![])
    }

    fn operands(&self, node: &Node) -> Result<Vec<Val>, ImportError> {
        let found = node.operands.iter().map(|id| self.env.get(id).cloned());
        let operands: Option<Vec<Val>> = found.collect();
        operands.ok_or_else(|| located(node, "an operand is not visible here".into()))
    }

    fn node(&mut self, node: &Node, operands: &[Val]) -> Result<Vec<Val>, Fault> {
        let Some(rule) = table::rule(&node.name) else {
            return Err("is not supported".into());
        };
        let results = rule(self, node, operands)?;
        if results.len() != node.results.len() {
            let (declared, found) = (node.results.len(), results.len());
            return Err(format!("declares {declared} results, has {found}").into());
        }
        for (&id, val) in node.results.iter().zip(&results) {
            self.declared(self.module.ty(id), val)?;
        }
        Ok(results)
    }

    /// Checks a result against the type that the program declares for it.
    fn declared(&self, ty: &Ty, val: &Val) -> Result<(), Fault> {
        let form = match ty {
            // Types of other dialects are around operations that do nothing.
            Ty::Other(_) => return Ok(()),
            ty => Form::of(ty)?,
        };
        match self.form(val) == form {
            true => Ok(()),
            false => {
                Err(format!("its result is declared as {ty}, but is {}", self.form(val)).into())
            }
        }
    }

    /// The type of a value of the graph.
    fn ty(&self, v: Value) -> &Type {
        self.b.ty(v)
    }

    fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Value, Fault> {
        Ok(self.b.push1(op, operands)?)
    }

    /// The declared extents and element type of result `i`.
    fn result(&self, node: &Node, i: usize) -> Result<(ElementType, &'m [usize]), Fault> {
        let id = node.results.get(i).ok_or("a result is missing")?;
        match self.module.ty(*id) {
            Ty::Tensor(element, dims) => Ok((*element, dims)),
            other => Err(format!("result {i} is {other}").into()),
        }
    }

    /// The element type of operand `i` as the program declares it.
    fn element(&self, node: &Node, i: usize) -> Result<ElementType, Fault> {
        let id = node.operands.get(i).ok_or("an operand is missing")?;
        match self.module.ty(*id) {
            Ty::Tensor(element, _) => Ok(*element),
            other => Err(format!("operand {i} is {other}").into()),
        }
    }
}

fn located(node: &Node, fault: Fault) -> ImportError {
    let (place, op) = (node.place, node.name.to_string());
    match fault {
        Fault::Message(message) => ImportError::Op { place, op, message },
        Fault::Type(source) => ImportError::Type {
            place,
            op,
            source: Box::new(source),
        },
        Fault::Inner(e) => e,
    }
}

/// Attributes as rules want them.
impl Node {
    fn need(&self, name: &str) -> Result<&Attr, Fault> {
        self.attr(name)
            .ok_or_else(|| format!("attribute {name} is missing").into())
    }

    fn ints(&self, name: &str) -> Result<Vec<i64>, Fault> {
        let ints = self.need(name)?.ints();
        ints.ok_or_else(|| format!("attribute {name} is no list of integers").into())
    }

    /// `ints`, or this many times `default` when the attribute is left out.
    fn ints_or(&self, name: &str, default: i64, count: usize) -> Result<Vec<i64>, Fault> {
        match self.attr(name) {
            None | Some(Attr::Other) => Ok(vec![default; count]),
            Some(_) => self.ints(name),
        }
    }

    fn sizes_or(&self, name: &str, default: usize, count: usize) -> Result<Vec<usize>, Fault> {
        natural(name, self.ints_or(name, default as i64, count)?)
    }

    /// A list that may be left out when empty.
    fn axes(&self, name: &str) -> Result<Vec<usize>, Fault> {
        self.sizes_or(name, 0, 0)
    }

    fn int(&self, name: &str) -> Result<i64, Fault> {
        let int = self.need(name)?.int();
        int.ok_or_else(|| format!("attribute {name} is no integer").into())
    }

    fn size(&self, name: &str) -> Result<usize, Fault> {
        Ok(natural(name, vec![self.int(name)?])?[0])
    }

    fn size_or(&self, name: &str, default: usize) -> Result<usize, Fault> {
        match self.attr(name) {
            None => Ok(default),
            Some(_) => self.size(name),
        }
    }

    fn float(&self, name: &str) -> Result<f64, Fault> {
        match self.need(name)? {
            Attr::Float(x) => Ok(*x),
            _ => Err(format!("attribute {name} is no float").into()),
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.attr(name).and_then(Attr::int) == Some(1)
    }

    fn text(&self, name: &str) -> Result<&str, Fault> {
        let text = self.need(name)?.text();
        text.ok_or_else(|| format!("attribute {name} is no text").into())
    }

    fn region(&self, i: usize) -> Result<&super::tree::Region, Fault> {
        self.regions
            .get(i)
            .ok_or_else(|| "a region is missing".into())
    }
}

fn natural(name: &str, list: Vec<i64>) -> Result<Vec<usize>, Fault> {
    let sizes: Option<Vec<usize>> = list.iter().map(|&i| usize::try_from(i).ok()).collect();
    sizes.ok_or_else(|| format!("attribute {name} has negative entries, {list:?}").into())
}

/// This many operands, no more and no fewer.
fn exactly<const N: usize>(x: &[Val]) -> Result<[&Val; N], Fault> {
    let refs: Vec<&Val> = x.iter().collect();
    let found = refs.len();
    refs.try_into()
        .map_err(|_| format!("takes {N} operands, found {found}").into())
}
