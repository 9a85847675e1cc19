//! How a graph calls a function of Python: the name of the function of the host, and what its
//! configuration says.

use craneflow_ir::{DType, Type};
use std::fmt;

/// The function of the host that calls Python. Who runs such graphs registers it.
pub const FUNCTION: &str = "python_callback";

/// A call, as its configuration has it: `7 ordered f32[2,3] i32[]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Which function.
    pub number: u64,
    /// Whether first operand and first result stand for what happened before and after.
    pub ordered: bool,
    /// What it returns beside that, with complex numbers as a last axis of 2.
    pub results: Vec<Type>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        if self.ordered {
            f.write_str(" ordered")?;
        }
        self.results.iter().try_for_each(|ty| write!(f, " {ty}"))
    }
}

impl Call {
    /// Reads a configuration.
    pub fn parse(config: &str) -> Result<Call, String> {
        let wrong = || format!("{config:?} is no call of Python");
        let mut words = config.split(' ').peekable();
        let number = words
            .next()
            .and_then(|w| w.parse().ok())
            .ok_or_else(wrong)?;
        let ordered = words.next_if_eq(&"ordered").is_some();
        let results: Option<Vec<Type>> = words.map(type_of).collect();
        Ok(Call {
            number,
            ordered,
            results: results.ok_or_else(wrong)?,
        })
    }
}

/// `f32[2,3]`
fn type_of(word: &str) -> Option<Type> {
    let (name, dims) = word.strip_suffix(']')?.split_once('[')?;
    let dims: Option<Vec<usize>> = match dims {
        "" => Some(vec![]),
        dims => dims.split(',').map(|d| d.parse().ok()).collect(),
    };
    Some(Type::new(DType::from_name(name)?, dims?))
}

/// The result types of a call with these operands.
pub fn infer(config: &str, x: &[Type]) -> Result<Vec<Type>, String> {
    let call = Call::parse(config)?;
    let effect = match (call.ordered, x) {
        (false, _) => None,
        (true, [first, ..]) => Some(first.clone()),
        (true, []) => return Err("what happened before is missing".to_string()),
    };
    Ok(effect.into_iter().chain(call.results).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_read_as_they_are_written() {
        for text in [
            "7",
            "7 ordered",
            "1 f32[2,3] i32[]",
            "18446744073709551615 ordered bool[0]",
        ] {
            assert_eq!(Call::parse(text).expect(text).to_string(), text);
        }
        for text in [
            "",
            "x",
            "7 f32",
            "7 f32[2",
            "7 f99[2]",
            "7 f32[-1]",
            "7  f32[]",
            "7 ordered ordered",
        ] {
            assert!(Call::parse(text).is_err(), "{text}");
        }
    }
}
