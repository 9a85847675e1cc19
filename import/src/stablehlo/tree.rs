//! What both readers make: functions of operations with attributes and regions. Operation and
//! attribute names are those of VHLO without version and dialect; of other dialects, `dialect.name`.

use super::error::{ImportError, Place};
use std::fmt;
use std::rc::Rc;

/// Element types of StableHLO.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum ElementType {
    Bool,
    I2,
    I4,
    I8,
    I16,
    I32,
    I64,
    U2,
    U4,
    U8,
    U16,
    U32,
    U64,
    F4E2M1FN,
    F6E2M3FN,
    F6E3M2FN,
    F8E3M4,
    F8E4M3,
    F8E4M3FN,
    F8E4M3FNUZ,
    F8E4M3B11FNUZ,
    F8E5M2,
    F8E5M2FNUZ,
    F8E8M0FNU,
    F16,
    BF16,
    F32,
    F64,
    Complex64,
    Complex128,
}

impl ElementType {
    /// Names in StableHLO text.
    pub const NAMES: [(ElementType, &'static str); 30] = {
        use ElementType::*;
        [
            (Bool, "i1"),
            (I2, "i2"),
            (I4, "i4"),
            (I8, "i8"),
            (I16, "i16"),
            (I32, "i32"),
            (I64, "i64"),
            (U2, "ui2"),
            (U4, "ui4"),
            (U8, "ui8"),
            (U16, "ui16"),
            (U32, "ui32"),
            (U64, "ui64"),
            (F4E2M1FN, "f4E2M1FN"),
            (F6E2M3FN, "f6E2M3FN"),
            (F6E3M2FN, "f6E3M2FN"),
            (F8E3M4, "f8E3M4"),
            (F8E4M3, "f8E4M3"),
            (F8E4M3FN, "f8E4M3FN"),
            (F8E4M3FNUZ, "f8E4M3FNUZ"),
            (F8E4M3B11FNUZ, "f8E4M3B11FNUZ"),
            (F8E5M2, "f8E5M2"),
            (F8E5M2FNUZ, "f8E5M2FNUZ"),
            (F8E8M0FNU, "f8E8M0FNU"),
            (F16, "f16"),
            (BF16, "bf16"),
            (F32, "f32"),
            (F64, "f64"),
            (Complex64, "complex<f32>"),
            (Complex128, "complex<f64>"),
        ]
    };

    /// The name in StableHLO text.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<ElementType> {
        Self::NAMES
            .iter()
            .find(|row| row.1 == name)
            .map(|row| row.0)
    }

    /// Size of an element in bytes as it is passed in and out; types narrower than a byte take one.
    pub fn size(self) -> usize {
        use ElementType::*;
        match self {
            I16 | U16 | F16 | BF16 => 2,
            I32 | U32 | F32 => 4,
            I64 | U64 | F64 | Complex64 => 8,
            Complex128 => 16,
            _ => 1,
        }
    }

    /// The type of the parts of a complex type.
    pub fn part(self) -> Option<ElementType> {
        match self {
            ElementType::Complex64 => Some(ElementType::F32),
            ElementType::Complex128 => Some(ElementType::F64),
            _ => None,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ty {
    /// A dense tensor of static shape.
    Tensor(ElementType, Vec<usize>),
    /// Orders effects; carries nothing.
    Token,
    /// Several values.
    Tuple(Vec<Rc<Ty>>),
    /// Types of arguments and results.
    Function(Vec<Rc<Ty>>, Vec<Rc<Ty>>),
    /// An element type by itself.
    Element(ElementType),
    /// Of another dialect, or not supported; says what it is.
    Other(String),
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Tensor(element, dims) => {
                f.write_str("tensor<")?;
                dims.iter().try_for_each(|d| write!(f, "{d}x"))?;
                write!(f, "{element}>")
            }
            Ty::Token => f.write_str("token"),
            Ty::Tuple(_) => f.write_str("tuple"),
            Ty::Function(..) => f.write_str("function"),
            Ty::Element(element) => write!(f, "{element}"),
            Ty::Other(what) => f.write_str(what),
        }
    }
}

/// An attribute.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Attr {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A string, a symbol without `@`, or a word of an enumeration.
    Text(String),
    List(Vec<Rc<Attr>>),
    Dict(Vec<(String, Rc<Attr>)>),
    Dense(Dense),
    Type(Rc<Ty>),
    /// One that no operation needs.
    Other,
}

/// A constant tensor: little-endian elements as `ElementType::size` has them, `bool` 0 or 1, complex
/// numbers real part first; one element when `splat`.
#[derive(Clone, PartialEq, Debug)]
pub struct Dense {
    /// Element type.
    pub element: ElementType,
    /// Extents.
    pub dims: Vec<usize>,
    /// The elements.
    pub data: Rc<[u8]>,
    /// Whether all elements are the one in `data`.
    pub splat: bool,
}

impl Dense {
    /// Integer element `i` of `data`.
    fn int(&self, i: usize) -> i64 {
        let size = self.element.size();
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.data[i * size..(i + 1) * size]);
        let unused = 64 - 8 * size as u32;
        (i64::from_le_bytes(bytes) << unused) >> unused
    }

    /// The elements of a list of integers; `None` for other types, or more than 2^16.
    pub fn ints(&self) -> Option<Vec<i64>> {
        use ElementType::*;
        if !matches!(
            self.element,
            Bool | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64
        ) {
            return None;
        }
        let count = self
            .dims
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))?;
        let limited = (count <= 1 << 16).then_some(count)?;
        let at = |i: usize| self.int(if self.splat { 0 } else { i });
        Some((0..limited).map(at).collect())
    }
}

impl Attr {
    /// A list of integers, however it is written.
    pub fn ints(&self) -> Option<Vec<i64>> {
        match self {
            Attr::Dense(dense) => dense.ints(),
            Attr::List(list) => list.iter().map(|a| a.int()).collect(),
            _ => None,
        }
    }

    /// An integer or a truth value.
    pub fn int(&self) -> Option<i64> {
        match self {
            Attr::Int(i) => Some(*i),
            Attr::Bool(b) => Some(*b as i64),
            _ => None,
        }
    }

    /// A string, symbol or word.
    pub fn text(&self) -> Option<&str> {
        match self {
            Attr::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of a dictionary.
    pub fn entry(&self, key: &str) -> Option<&Attr> {
        match self {
            Attr::Dict(list) => list.iter().find(|e| e.0 == key).map(|e| &*e.1),
            _ => None,
        }
    }
}

/// A value: a position in the table of types of the module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Id(pub u32);

/// An operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name.
    pub name: Rc<str>,
    /// Where it is written.
    pub place: Place,
    /// Values that are visible here.
    pub operands: Vec<Id>,
    /// The values it defines.
    pub results: Vec<Id>,
    /// Attributes by name.
    pub attrs: Vec<(Rc<str>, Rc<Attr>)>,
    /// Regions.
    pub regions: Vec<Region>,
}

impl Node {
    /// The attribute with this name.
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.iter().find(|a| &*a.0 == name).map(|a| &*a.1)
    }
}

/// A block of operations with arguments; the last operation returns.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// Arguments.
    pub args: Vec<Id>,
    /// Operations in order.
    pub nodes: Vec<Node>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Func {
    /// Name without `@`.
    pub name: String,
    /// Attributes of each argument.
    pub arg_attrs: Vec<Rc<Attr>>,
    /// Its body, with its arguments.
    pub body: Region,
    /// Where it is written.
    pub place: Place,
}

/// A program.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Name, or nothing.
    pub name: String,
    /// Functions in order.
    pub funcs: Vec<Func>,
    /// Types of all values.
    pub types: Vec<Rc<Ty>>,
}

impl Module {
    /// The type of a value.
    pub fn ty(&self, id: Id) -> &Ty {
        &self.types[id.0 as usize]
    }
}

impl Module {
    /// Takes the functions of the module out of what a reader found at the top.
    pub fn functions(&mut self, top: Region) -> Result<(), ImportError> {
        let mut nodes = top.nodes.into_iter();
        let module = match (nodes.next(), nodes.next()) {
            (Some(node), None) if &*node.name == "builtin.module" => node,
            (first, _) => {
                let place = first.map_or(Place::Offset(0), |n| n.place);
                let message = "one module expected".to_string();
                return Err(ImportError::Syntax { place, message });
            }
        };
        let text = |a: Option<&Attr>| a.and_then(Attr::text).unwrap_or("").to_string();
        self.name = text(module.attr("sym_name"));
        for mut node in module.regions.into_iter().flat_map(|r| r.nodes) {
            if &*node.name != "func" {
                continue;
            }
            let arg_attrs = match node.attr("arg_attrs") {
                Some(Attr::List(list)) => list.clone(),
                _ => vec![],
            };
            self.funcs.push(Func {
                name: text(node.attr("sym_name")),
                arg_attrs,
                place: node.place,
                body: node.regions.pop().unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// The function with this name.
    pub fn func(&self, name: &str) -> Option<usize> {
        self.funcs.iter().position(|f| f.name == name)
    }
}
