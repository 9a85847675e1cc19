//! Values of settings.

use super::document::{FromNode, Node, RecipeError};
use craneflow_ir::Shape;
use std::fmt;

/// A value that is read from a description, or written to one.
pub(crate) trait Setting: Sized {
    fn read(node: &Node<'_>) -> Result<Self, RecipeError>;

    /// The value in TOML.
    fn write(&self) -> String;
}

/// Text as TOML writes it.
pub(crate) struct Text<'t>(pub &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\U{:08X}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        write!(f, "\"")
    }
}

/// A number as TOML writes it, so that the same number is read again.
pub(crate) struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

macro_rules! whole {
    ($($Type:ident)*) => {$(
        impl Setting for $Type {
            fn read(node: &Node<'_>) -> Result<$Type, RecipeError> {
                let number = i64::from_node(node)?;
                let wanted = match $Type::MIN {
                    0 => "a whole number of at least 0",
                    _ => "a whole number",
                };
                $Type::try_from(number).map_err(|_| node.expected(wanted))
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
whole!(usize u32 u64 isize i32);

impl Setting for f64 {
    fn read(node: &Node<'_>) -> Result<f64, RecipeError> {
        f64::from_node(node)
    }

    fn write(&self) -> String {
        Number(*self).to_string()
    }
}

impl Setting for f32 {
    fn read(node: &Node<'_>) -> Result<f32, RecipeError> {
        f32::from_node(node)
    }

    fn write(&self) -> String {
        Number(f64::from(*self)).to_string()
    }
}

impl Setting for bool {
    fn read(node: &Node<'_>) -> Result<bool, RecipeError> {
        bool::from_node(node)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn read(node: &Node<'_>) -> Result<String, RecipeError> {
        String::from_node(node)
    }

    fn write(&self) -> String {
        Text(self).to_string()
    }
}

fn written<T: Setting>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::write).collect();
    format!("[{}]", values.join(", "))
}

impl<T: Setting> Setting for Vec<T> {
    fn read(node: &Node<'_>) -> Result<Vec<T>, RecipeError> {
        node.list()?.iter().map(T::read).collect()
    }

    fn write(&self) -> String {
        written(self)
    }
}

impl Setting for Shape {
    fn read(node: &Node<'_>) -> Result<Shape, RecipeError> {
        Vec::<usize>::read(node).map(Shape::from)
    }

    fn write(&self) -> String {
        written(self)
    }
}

/// As many values, or one for all.
impl<T: Setting + Copy, const N: usize> Setting for [T; N] {
    fn read(node: &Node<'_>) -> Result<[T; N], RecipeError> {
        let listed = match node.is_list() {
            true => node.list()?,
            false => vec![],
        };
        if listed.len() == N {
            let values = listed.iter().map(T::read).collect::<Result<Vec<T>, _>>()?;
            return values.try_into().map_err(|_| node.expected("a list"));
        }
        match T::read(node) {
            Ok(one) => Ok([one; N]),
            Err(_) if node.is_list() => {
                Err(node.error(format!("expected one value or {N}, found {}", listed.len())))
            }
            Err(error) => Err(error),
        }
    }

    fn write(&self) -> String {
        written(self)
    }
}

/// Two values, or one for both.
impl Setting for (usize, usize) {
    fn read(node: &Node<'_>) -> Result<(usize, usize), RecipeError> {
        <[usize; 2]>::read(node).map(|[a, b]| (a, b))
    }

    fn write(&self) -> String {
        written(&[self.0, self.1])
    }
}
