//! Attributes of ops as they are printed and parsed: an ordered list of keys and typed values.

use crate::array::Array;
use crate::error::TypeError;
use crate::graph::Graph;
use crate::types::{DType, Shape, Type};

/// A printed attribute value.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Attr {
    /// `3`
    Int(i64),
    /// `[0, 1]`
    Ints(Vec<i64>),
    /// `[1:1, 0:2]`
    Pairs(Vec<(i64, i64)>),
    /// `sum`
    Word(String),
    /// `"text"` with `\"`, `\\`, `\n` escapes
    Text(String),
    /// `f32[2,3]`
    Type(Type),
    /// `(f32[2], i32[])`
    Types(Vec<Type>),
    /// `1.5`, `[[1, 2], [3, 4]]` or `splat(0)`, as the type that follows: `value=1.5: f32[]`
    Array(Array),
    /// `{ (%a: f32[], %b: f32[]) ... }`
    Region(Graph),
    /// `[{ ... }, { ... }]`
    Regions(Vec<Graph>),
}

/// The attributes of one op, in printed order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Attrs {
    /// Name of the op, for messages.
    pub op: &'static str,
    /// Keys and values in order.
    pub list: Vec<(String, Attr)>,
}

impl Attrs {
    /// No attributes.
    pub fn new(op: &'static str) -> Attrs {
        Attrs { op, list: vec![] }
    }

    /// Adds an attribute.
    pub fn with(mut self, key: &str, value: Attr) -> Attrs {
        self.list.push((key.to_string(), value));
        self
    }

    /// Adds an integer.
    pub fn int(self, key: &str, v: usize) -> Attrs {
        self.with(key, Attr::Int(v as i64))
    }

    /// Adds a list of axes or extents.
    pub fn ints(self, key: &str, v: &[usize]) -> Attrs {
        self.with(key, Attr::Ints(v.iter().map(|&x| x as i64).collect()))
    }

    /// Adds a list of signed integers.
    pub fn signed(self, key: &str, v: &[i64]) -> Attrs {
        self.with(key, Attr::Ints(v.to_vec()))
    }

    /// Adds a word.
    pub fn word(self, key: &str, v: &str) -> Attrs {
        self.with(key, Attr::Word(v.to_string()))
    }

    fn wrong(&self, key: &str, message: &str) -> TypeError {
        TypeError::Attr {
            op: self.op,
            key: key.to_string(),
            message: message.to_string(),
        }
    }

    /// The value of a key, if present.
    pub fn find(&self, key: &str) -> Option<&Attr> {
        self.list.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The value of a required key.
    pub fn get(&self, key: &str) -> Result<&Attr, TypeError> {
        self.find(key).ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// A required non-negative integer.
    pub fn usize(&self, key: &str) -> Result<usize, TypeError> {
        match self.get(key)? {
            Attr::Int(v) if *v >= 0 => Ok(*v as usize),
            _ => Err(self.wrong(key, "must be a non-negative integer")),
        }
    }

    /// A required list of non-negative integers.
    pub fn usizes(&self, key: &str) -> Result<Vec<usize>, TypeError> {
        let wrong = || self.wrong(key, "must be a list of non-negative integers");
        self.i64s(key)?
            .into_iter()
            .map(|v| usize::try_from(v).map_err(|_| wrong()))
            .collect()
    }

    /// A required list of integers.
    pub fn i64s(&self, key: &str) -> Result<Vec<i64>, TypeError> {
        match self.get(key)? {
            Attr::Ints(v) => Ok(v.clone()),
            _ => Err(self.wrong(key, "must be a list of integers")),
        }
    }

    /// A required list of pairs.
    pub fn pairs(&self, key: &str) -> Result<Vec<(i64, i64)>, TypeError> {
        match self.get(key)? {
            Attr::Pairs(v) => Ok(v.clone()),
            Attr::Ints(v) if v.is_empty() => Ok(vec![]),
            _ => Err(self.wrong(key, "must be a list of pairs such as [1:1, 0:2]")),
        }
    }

    /// A required word out of `choices`.
    pub fn choice<T: Clone>(&self, key: &str, choices: &[(&str, T)]) -> Result<T, TypeError> {
        let names = || choices.iter().map(|c| c.0).collect::<Vec<_>>().join(", ");
        match self.get(key)? {
            Attr::Word(w) => choices.iter().find(|c| c.0 == w).map(|c| c.1.clone()),
            _ => None,
        }
        .ok_or_else(|| self.wrong(key, &format!("must be one of {}", names())))
    }

    /// A required tensor type.
    pub fn ty(&self, key: &str) -> Result<Type, TypeError> {
        match self.get(key)? {
            Attr::Type(t) => Ok(t.clone()),
            _ => Err(self.wrong(key, "must be a type such as f32[2,3]")),
        }
    }

    /// A required element type, written as a word.
    pub fn dtype(&self, key: &str) -> Result<DType, TypeError> {
        let choices: Vec<_> = DType::ALL.iter().map(|t| (t.name(), *t)).collect();
        self.choice(key, &choices)
    }

    /// A required shape, written as a list.
    pub fn shape(&self, key: &str) -> Result<Shape, TypeError> {
        self.usizes(key).map(Shape)
    }

    /// A required string.
    pub fn text(&self, key: &str) -> Result<String, TypeError> {
        match self.get(key)? {
            Attr::Text(t) => Ok(t.clone()),
            _ => Err(self.wrong(key, "must be a string")),
        }
    }

    /// A required constant.
    pub fn array(&self, key: &str) -> Result<Array, TypeError> {
        match self.get(key)? {
            Attr::Array(a) => Ok(a.clone()),
            _ => Err(self.wrong(key, "must be a constant such as 1.5: f32[]")),
        }
    }

    /// A required region.
    pub fn region(&self, key: &str) -> Result<Graph, TypeError> {
        match self.get(key)? {
            Attr::Region(g) => Ok(g.clone()),
            _ => Err(self.wrong(key, "must be a region")),
        }
    }

    /// A required list of regions.
    pub fn regions(&self, key: &str) -> Result<Vec<Graph>, TypeError> {
        match self.get(key)? {
            Attr::Regions(g) => Ok(g.clone()),
            Attr::Ints(v) if v.is_empty() => Ok(vec![]),
            _ => Err(self.wrong(key, "must be a list of regions")),
        }
    }

    /// A required list of types.
    pub fn types(&self, key: &str) -> Result<Vec<Type>, TypeError> {
        match self.get(key)? {
            Attr::Types(t) => Ok(t.clone()),
            _ => Err(self.wrong(key, "must be a list of types such as (f32[2], i32[])")),
        }
    }
}
