//! Types in text.

use crate::stablehlo::tree::{ElementType, Ty};
use std::rc::Rc;

/// The type between the brackets of `tensor<..>`, or what is wrong with it.
pub fn tensor(inner: &str) -> Result<Ty, String> {
    // What follows a comma says how it is laid out.
    let shape = inner.split(',').next().unwrap_or("").trim();
    let mut dims = vec![];
    let mut rest = shape;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if rest.starts_with('?') || rest.starts_with('*') {
            return Ok(Ty::Other("a tensor whose shape is not static".to_string()));
        }
        if digits == 0 || !rest[digits..].starts_with('x') {
            break;
        }
        let extent = rest[..digits].parse();
        dims.push(extent.map_err(|_| format!("an extent of {} elements", &rest[..digits]))?);
        rest = &rest[digits + 1..];
    }
    if rest == "index" {
        return Ok(Ty::Tensor(ElementType::I64, dims));
    }
    match ElementType::from_name(rest) {
        Some(element) => Ok(Ty::Tensor(element, dims)),
        None if rest.starts_with('!') => Ok(Ty::Other(format!("a tensor of {rest}"))),
        None => Err(format!("there is no element type {rest:?}")),
    }
}

/// A type that is one word.
pub fn word(name: &str) -> Option<Rc<Ty>> {
    let element = ElementType::from_name(name).map(Ty::Element);
    let other = || matches!(name, "index" | "none").then(|| Ty::Other(name.to_string()));
    element.or_else(other).map(Rc::new)
}
