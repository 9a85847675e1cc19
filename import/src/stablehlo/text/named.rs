//! Attributes that an operation prints by name or place, in forms of their own.

use super::attribute::Entries;
use super::lex::Token;
use super::{Reader, forms};
use crate::stablehlo::error::ImportError;
use crate::stablehlo::tree::Attr;
use std::rc::Rc;

impl Reader<'_> {
    /// `[0:4, 1:9:2]` of `slice`, `[0]` of `get_tuple_element`.
    pub(super) fn places(&mut self, op: &str, attrs: &mut Entries) -> Result<(), ImportError> {
        self.sign('[')?;
        let mut columns = [vec![], vec![], vec![]];
        self.list(']', |r| {
            let mut row = [0, 0, 1];
            for (i, number) in row.iter_mut().enumerate() {
                if i > 0 && !r.take_sign(':')? {
                    break;
                }
                *number = match r.next()? {
                    Token::Number(text) => text.parse().unwrap_or(i64::MIN),
                    _ => return r.error("a number expected"),
                };
            }
            let numbers = columns.iter_mut().zip(row);
            numbers.for_each(|(column, n)| column.push(Rc::new(Attr::Int(n))));
            Ok(())
        })?;
        if op == "get_tuple_element" {
            let index = columns[0].first().cloned();
            attrs.extend(index.map(|i| ("index".to_string(), i)));
            return Ok(());
        }
        let names = ["start_indices", "limit_indices", "strides"];
        for (name, column) in names.iter().zip(columns) {
            attrs.push((name.to_string(), Rc::new(Attr::List(column))));
        }
        Ok(())
    }

    /// What follows `name =` in the printed form of an operation.
    pub(super) fn named(
        &mut self,
        op: &str,
        name: &str,
        attrs: &mut Entries,
    ) -> Result<(), ImportError> {
        let mut add = |key: &str, attr: Attr| attrs.push((key.to_string(), Rc::new(attr)));
        match (op, name) {
            ("dot_general", "batching_dims" | "contracting_dims") => {
                let keys = match name {
                    "batching_dims" => ["lhs_batching_dimensions", "rhs_batching_dimensions"],
                    _ => ["lhs_contracting_dimensions", "rhs_contracting_dimensions"],
                };
                add(keys[0], self.attribute()?);
                self.word("x")?;
                add(keys[1], self.attribute()?);
            }
            ("dot_general", "algorithm") => drop(self.lex.bracketed()?),
            ("convolution", "dim_numbers") => self.dim_numbers(attrs)?,
            ("convolution", "window") => {
                for (key, attr) in self.dictionary()? {
                    let key = match &*key {
                        "stride" => "window_strides",
                        "pad" => "padding",
                        "lhs_dilate" => "lhs_dilation",
                        "rhs_dilate" => "rhs_dilation",
                        "reverse" => "window_reversal",
                        other => other,
                    };
                    attrs.push((key.to_string(), attr));
                }
            }
            ("reduce_precision", "format") => {
                let format = match self.next()? {
                    Token::Word(word) => word.strip_prefix('e').and_then(|w| w.split_once('m')),
                    _ => None,
                };
                let number = |text: &str| text.parse().ok().map(Attr::Int);
                let bits = format.and_then(|(e, m)| number(e).zip(number(m)));
                let Some((exponent, mantissa)) = bits else {
                    return self.error("a format such as e5m10 expected");
                };
                add("exponent_bits", exponent);
                add("mantissa_bits", mantissa);
            }
            _ => {
                // A number without its type: what follows a colon are types of values.
                let attr = match self.lex.peek()? {
                    Token::Number(text) => {
                        self.next()?;
                        text.parse()
                            .map(Attr::Int)
                            .or_else(|_| self.error("an integer expected"))?
                    }
                    _ => self.attribute()?,
                };
                add(&forms::attribute(op, name), attr);
            }
        }
        Ok(())
    }

    /// `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`.
    pub fn dim_numbers(&mut self, attrs: &mut Entries) -> Result<(), ImportError> {
        let groups = [
            ("input", ["b", "f"], ["batch", "feature"]),
            ("kernel", ["i", "o"], ["input_feature", "output_feature"]),
            ("output", ["b", "f"], ["batch", "feature"]),
        ];
        for (i, (group, letters, meanings)) in groups.iter().enumerate() {
            match i {
                0 => {}
                1 => self.word("x")?,
                _ if self.take(&Token::Arrow)? => {}
                _ => return self.error("'->' expected"),
            }
            self.sign('[')?;
            let (mut axis, mut spatial) = (0i64, vec![]);
            self.list(']', |r| {
                match r.next()? {
                    Token::Word(letter) => {
                        if let Some(k) = letters.iter().position(|l| *l == letter) {
                            let key = format!("{group}_{}_dimension", meanings[k]);
                            attrs.push((key, Rc::new(Attr::Int(axis))));
                        }
                    }
                    Token::Number(place) => {
                        let place: usize = place.parse().unwrap_or(usize::MAX);
                        if place > 64 {
                            return r.error("a spatial axis below 64 expected");
                        }
                        spatial.resize(spatial.len().max(place + 1), -1);
                        spatial[place] = axis;
                    }
                    _ => return r.error("a letter or a number expected"),
                }
                axis += 1;
                Ok(())
            })?;
            let list = spatial.into_iter().map(|a| Rc::new(Attr::Int(a))).collect();
            let key = format!("{group}_spatial_dimensions");
            attrs.push((key, Rc::new(Attr::List(list))));
        }
        Ok(())
    }
}
