//! Settings as text: each thing that a description can hold lists its keys once, and the list serves
//! reading ([`Keys::Read`]) as well as writing ([`Keys::Write`]).

pub(crate) mod document;
mod setting;
mod words;

pub(crate) use setting::{Setting, Text};
pub(crate) use words::{Variant, words};

use crate::layers::{Layer, Meta, WeightSpec};
use document::{Node, RecipeError, Section};
use std::cell::RefCell;
use std::sync::Arc;

/// What a layer is, as a description says it: its kind and its settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// The value of `type`.
    pub(crate) kind: &'static str,
    /// Keys and values, in TOML.
    pub(crate) keys: Vec<(String, String)>,
}

impl Description {
    /// The inside of an inline table.
    pub(crate) fn inner(&self) -> String {
        let kind = Text(self.kind).to_string();
        let keys = self
            .keys
            .iter()
            .map(|(key, value)| format!(", {key} = {value}"));
        format!("type = {kind}{}", keys.collect::<String>())
    }
}

/// What words of a description stand for.
#[derive(Default)]
pub(crate) struct Scope {
    /// The number that `"outputs"` means, if there is one.
    pub outputs: Option<usize>,
    /// Identities of the layers so far, by name.
    pub layers: RefCell<Vec<(String, u64)>>,
}

/// Where settings come from, or go.
pub(crate) enum Keys<'k, 'd> {
    /// A table of a description.
    Read(&'k Section<'d>, &'k Scope),
    /// Keys and values in TOML.
    Write {
        /// Those so far.
        keys: Vec<(String, String)>,
        /// Whether all could be written.
        whole: bool,
    },
}

/// What a setting is called when it is a layer.
const LAYER: &str = "layer";

impl<'k, 'd> Keys<'k, 'd> {
    fn write() -> Keys<'k, 'd> {
        Keys::Write {
            keys: vec![],
            whole: true,
        }
    }

    fn put(&mut self, key: &str, value: Option<String>) {
        if let (Keys::Write { keys, .. }, Some(value)) = (self, value) {
            keys.push((key.to_string(), value));
        }
    }

    /// Whether settings are read.
    pub fn reads(&self) -> bool {
        matches!(self, Keys::Read(..))
    }

    /// A setting that may be left out.
    pub fn key<T: Setting>(&mut self, key: &str, value: &mut T) -> Result<(), RecipeError> {
        match self {
            Keys::Read(section, _) => {
                if let Some(found) = section.with(key, |node| T::read(node))? {
                    *value = found;
                }
            }
            Keys::Write { .. } => self.put(key, Some(value.write())),
        }
        Ok(())
    }

    /// A setting that must be there.
    pub fn need<T: Setting>(&mut self, key: &str, value: &mut T) -> Result<(), RecipeError> {
        if let Keys::Read(section, _) = self {
            section.must_have(key)?;
        }
        self.key(key, value)
    }

    /// A setting without a value of its own.
    pub fn may<T: Setting>(&mut self, key: &str, value: &mut Option<T>) -> Result<(), RecipeError> {
        match self {
            Keys::Read(section, _) => {
                if let Some(found) = section.with(key, |node| T::read(node))? {
                    *value = Some(found);
                }
            }
            Keys::Write { .. } => self.put(key, value.as_ref().map(T::write)),
        }
        Ok(())
    }

    /// A number that must be there, or the word `"outputs"` for what the data ask for.
    pub fn count(&mut self, key: &str, value: &mut usize) -> Result<(), RecipeError> {
        let Keys::Read(section, scope) = self else {
            return self.key(key, value);
        };
        section.must_have(key)?;
        let read = |node: &Node<'_>| match (node.is_word(), scope.outputs) {
            (true, Some(outputs)) => node.one_of(&[("outputs", outputs)]),
            _ => usize::read(node),
        };
        if let Some(found) = section.with(key, read)? {
            *value = found;
        }
        Ok(())
    }

    /// How a weight starts, what it is drawn and kept to: `<name>_initializer`, `_regularizer`,
    /// `_constraint`, or these words alone for an empty name.
    pub fn weight(&mut self, name: &str, spec: &mut WeightSpec) -> Result<(), RecipeError> {
        let key = |word: &str| match name {
            "" => word.to_string(),
            name => format!("{name}_{word}"),
        };
        self.key(&key("initializer"), &mut spec.init)?;
        self.may(&key("regularizer"), &mut spec.regularizer)?;
        self.may(&key("constraint"), &mut spec.constraint)
    }

    /// The layer that a layer wraps.
    pub fn layer(&mut self, layer: &mut Arc<dyn Layer>) -> Result<(), RecipeError> {
        match self {
            Keys::Read(section, scope) => {
                section.must_have(LAYER)?;
                let read = |node: &Node<'_>| {
                    let s = node.section()?;
                    let layer = crate::layers::read(&s, scope)?;
                    s.done()?;
                    Ok(layer)
                };
                if let Some(found) = section.with(LAYER, read)? {
                    *layer = found;
                }
            }
            Keys::Write { keys, whole } => match layer.description() {
                Some(inner) => keys.push((LAYER.to_string(), format!("{{ {} }}", inner.inner()))),
                None => *whole = false,
            },
        }
        Ok(())
    }
}

/// A layer that descriptions can hold.
pub(crate) trait Described: Layer + Clone + Sized + 'static {
    /// The value of `type`.
    const KIND: &'static str;

    /// One to read settings into.
    fn blank() -> Self;

    /// Who it is.
    fn meta_mut(&mut self) -> &mut Meta;

    /// Reads or writes the settings.
    fn keys(&mut self, keys: &mut Keys<'_, '_>) -> Result<(), RecipeError>;
}

/// The description of a layer, unless something in it has none.
pub(crate) fn description<L: Described>(layer: &L) -> Option<Description> {
    let mut keys = Keys::write();
    layer.clone().keys(&mut keys).ok()?;
    match keys {
        Keys::Write {
            mut keys,
            whole: true,
        } => {
            if !layer.meta().trainable {
                keys.push(("trainable".to_string(), "false".to_string()));
            }
            Some(Description {
                kind: L::KIND,
                keys,
            })
        }
        _ => None,
    }
}

/// The layer that a table describes.
pub(crate) fn layer<L: Described>(s: &Section<'_>, scope: &Scope) -> Result<L, RecipeError> {
    let mut layer = L::blank();
    layer.keys(&mut Keys::Read(s, scope))?;
    named(layer.meta_mut(), s, scope)?;
    Ok(layer)
}

/// Reads what every layer has: a name, whether it is trained, and whose weights it shares.
pub(crate) fn named(meta: &mut Meta, s: &Section<'_>, scope: &Scope) -> Result<(), RecipeError> {
    s.node("type");
    if let Some(name) = s.get("name")? {
        meta.name = Some(name);
    }
    meta.trainable = s.or("trainable", true)?;
    let shared = s.with("shares", |node| {
        let layers = scope.layers.borrow();
        let known: Vec<(&str, (String, u64))> = layers
            .iter()
            .map(|(name, id)| (name.as_str(), (name.clone(), *id)))
            .collect();
        node.one_of(&known)
    })?;
    if let Some((name, id)) = shared {
        (meta.name, meta.id) = (Some(name), id);
    } else if let Some(name) = &meta.name {
        scope.layers.borrow_mut().push((name.clone(), meta.id));
    }
    Ok(())
}

/// How a layer is described: its kind, one to read into, and its keys:
/// `described!(Dense "Dense", Dense::new(1), |self, k| { k.count("units", &mut self.units)?; });`
macro_rules! described {
    ($Layer:ident $kind:expr, $blank:expr, |$self:ident, $k:ident| { $($keys:tt)* }) => {
        $crate::describe::described!([] $Layer[] $kind, $blank, |$self, $k| { $($keys)* });
    };
    ([$($generics:tt)*] $Layer:ident [$($arguments:tt)*] $kind:expr, $blank:expr, |$self:ident, $k:ident| { $($keys:tt)* }) => {
        impl<$($generics)*> $crate::describe::Described for $Layer<$($arguments)*> {
            const KIND: &'static str = $kind;

            fn blank() -> Self {
                $blank
            }

            fn meta_mut(&mut self) -> &mut $crate::layers::Meta {
                &mut self.meta
            }

            fn keys(
                &mut $self,
                $k: &mut $crate::describe::Keys<'_, '_>,
            ) -> Result<(), $crate::recipe::RecipeError> {
                let _ = &$k;
                $($keys)*
                Ok(())
            }
        }
    };
}
pub(crate) use described;
