//! Settings that are one of several words, some of which have numbers of their own:
//! `"relu"`, or `{ type = "leaky_relu", negative_slope = 0.1 }`.

use super::document::{Node, RecipeError};
use super::{Keys, Scope, Setting, Text};
use std::mem::discriminant;

/// A setting of several kinds.
pub(crate) trait Variant: Clone + PartialEq {
    /// Each kind by name, with its usual numbers; the first name of a kind is the one that is written.
    fn table() -> Vec<(&'static str, Self)>;

    /// Reads or writes the numbers of a kind.
    fn keys(&mut self, keys: &mut Keys<'_, '_>) -> Result<(), RecipeError> {
        let _ = keys;
        Ok(())
    }

    /// Whether another value is of the same kind.
    fn alike(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
    }
}

impl<V: Variant> Setting for V {
    fn read(node: &Node<'_>) -> Result<V, RecipeError> {
        let table = V::table();
        if !node.is_table() {
            return node.one_of(&table);
        }
        let section = node.section()?;
        section.must_have("type")?;
        let found = section.with("type", |node| node.one_of(&table))?;
        let mut value = found.expect("it is there");
        value.keys(&mut Keys::Read(&section, &Scope::default()))?;
        section.done()?;
        Ok(value)
    }

    fn write(&self) -> String {
        let table = V::table();
        if let Some((name, _)) = table.iter().find(|(_, value)| value == self) {
            return Text(name).to_string();
        }
        let same = |(_, value): &&(&str, V)| self.alike(value);
        let name = table.iter().find(same).map_or("", |(name, _)| name);
        let mut keys = Keys::write();
        let written = self.clone().keys(&mut keys);
        let (Keys::Write { keys, .. }, Ok(())) = (keys, written) else {
            return Text(name).to_string();
        };
        let keys = keys.iter().map(|(key, value)| format!(", {key} = {value}"));
        format!("{{ type = {}{} }}", Text(name), keys.collect::<String>())
    }
}

/// A setting whose kinds have no numbers: `words!(Encoding, "int" => Encoding::Int, ..);`
macro_rules! words {
    ([$($generics:tt)*] $Type:ty, $($word:literal => $value:expr),+ $(,)?) => {
        impl<$($generics)*> $crate::describe::Variant for $Type {
            fn table() -> Vec<(&'static str, Self)> {
                vec![$(($word, $value)),+]
            }
        }
    };
    ($Type:ty, $($word:literal => $value:expr),+ $(,)?) => {
        $crate::describe::words!([] $Type, $($word => $value),+);
    };
}
pub(crate) use words;
