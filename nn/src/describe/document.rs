//! A description as text: typed access to its keys, with errors that point at the place.

use std::cell::RefCell;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a description, and where.
#[derive(Debug, Error)]
pub struct RecipeError {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The key, such as `training.epochs`; empty where the text is no TOML at all.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// The line and what in it is meant.
    excerpt: String,
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.path.display(), self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}\n{}", self.message, self.excerpt)
    }
}

/// The text of a description and where it is from.
pub(crate) struct Source<'d> {
    pub path: &'d Path,
    pub text: &'d str,
}

impl Source<'_> {
    pub fn error(&self, span: Range<usize>, key: &str, message: impl Into<String>) -> RecipeError {
        let start = span.start.min(self.text.len());
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        let whole = self.text[line_start..].lines().next().unwrap_or("");
        let column = before[line_start..].chars().count();
        let left = whole.chars().count().saturating_sub(column);
        let meant = self.text.get(span.start..span.end).unwrap_or("");
        let width = meant.lines().next().unwrap_or("").chars().count();
        let number = line.to_string();
        let (pad, marks) = (" ".repeat(number.len()), "^".repeat(width.min(left).max(1)));
        RecipeError {
            path: self.path.to_path_buf(),
            line,
            column: column + 1,
            key: key.to_string(),
            message: message.into(),
            excerpt: format!(
                "{pad} |\n{number} | {whole}\n{pad} | {}{marks}",
                " ".repeat(column)
            ),
        }
    }
}

/// Parses the text and hands its top table on.
pub(crate) fn read<T>(
    path: &Path,
    text: &str,
    f: impl FnOnce(&Section<'_>) -> Result<T, RecipeError>,
) -> Result<T, RecipeError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message().to_string();
        source.error(error.span().unwrap_or(0..0), "", message)
    })?;
    let section = Section {
        source: &source,
        key: String::new(),
        span: 0..0,
        table: table.get_ref(),
        asked: RefCell::default(),
    };
    let result = f(&section)?;
    section.done()?;
    Ok(result)
}

/// A table of a description. It remembers which keys were asked for.
pub(crate) struct Section<'d> {
    source: &'d Source<'d>,
    key: String,
    span: Range<usize>,
    table: &'d DeTable<'d>,
    asked: RefCell<Vec<String>>,
}

/// A value of a description.
pub(crate) struct Node<'d> {
    source: &'d Source<'d>,
    pub key: String,
    span: Range<usize>,
    value: &'d DeValue<'d>,
}

impl<'d> Section<'d> {
    /// The value of a key.
    pub fn node(&self, key: &str) -> Option<Node<'d>> {
        self.asked.borrow_mut().push(key.to_string());
        let value: &'d Spanned<DeValue<'d>> = self.table.get(key)?;
        Some(Node {
            source: self.source,
            key: self.path_of(key),
            span: value.span(),
            value: value.get_ref(),
        })
    }

    /// All values by key, for tables whose keys are names.
    pub fn named(&self) -> Vec<(String, Node<'d>)> {
        let names = self.table.keys().map(|key| key.get_ref().to_string());
        let node = |name: String| self.node(&name).map(|node| (name, node));
        names.filter_map(node).collect()
    }

    /// The value of a key, if it is there.
    pub fn get<T: FromNode<'d>>(&self, key: &str) -> Result<Option<T>, RecipeError> {
        self.node(key).map(|node| T::from_node(&node)).transpose()
    }

    /// The value of a key, or another.
    pub fn or<T: FromNode<'d>>(&self, key: &str, default: T) -> Result<T, RecipeError> {
        Ok(self.get(key)?.unwrap_or(default))
    }

    /// Refuses a table without this key.
    pub fn must_have(&self, key: &str) -> Result<(), RecipeError> {
        match self.node(key) {
            Some(_) => Ok(()),
            None => Err(self.missing(key)),
        }
    }

    /// An error about a key that is not there, or is there under a name that is nearly its own.
    pub fn missing(&self, key: &str) -> RecipeError {
        let asked = self.asked.borrow();
        for (found, _) in self.table {
            let name: &str = found.get_ref();
            if !asked.iter().any(|key| key == name) && nearest(name, &[key]).is_some() {
                let message = format!("unknown key; did you mean `{key}`?");
                return self
                    .source
                    .error(found.span(), &self.path_of(name), message);
            }
        }
        self.error(format!("the key `{key}` is missing"))
    }

    /// The value of a key that must be there.
    pub fn need<T: FromNode<'d>>(&self, key: &str) -> Result<T, RecipeError> {
        self.get(key)?.ok_or_else(|| self.missing(key))
    }

    /// Makes `f` of the value of a key.
    pub fn with<T>(
        &self,
        key: &str,
        f: impl FnOnce(&Node<'d>) -> Result<T, RecipeError>,
    ) -> Result<Option<T>, RecipeError> {
        self.node(key).map(|node| f(&node)).transpose()
    }

    /// An error about this table.
    pub fn error(&self, message: impl Into<String>) -> RecipeError {
        let first = self.span.start..self.span.start.max(self.span.end.min(self.span.start + 1));
        self.source.error(first, &self.key, message)
    }

    /// Refuses keys that were not asked for.
    pub fn done(&self) -> Result<(), RecipeError> {
        let asked = self.asked.borrow();
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !asked.iter().any(|key| key == name) {
                let mut known: Vec<&str> = asked.iter().map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                let message = format!("unknown key; {}", among(name, &known));
                return Err(self.source.error(key.span(), &self.path_of(name), message));
            }
        }
        Ok(())
    }

    fn path_of(&self, key: &str) -> String {
        match self.key.as_str() {
            "" => key.to_string(),
            section => format!("{section}.{key}"),
        }
    }
}

impl<'d> Node<'d> {
    /// An error about this value.
    pub fn error(&self, message: impl Into<String>) -> RecipeError {
        self.source.error(self.span.clone(), &self.key, message)
    }

    pub fn expected(&self, what: &str) -> RecipeError {
        let found = match self.value {
            DeValue::Integer(i) => i.as_str(),
            DeValue::Float(x) => x.as_str(),
            other => other.type_str(),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// The value as a table.
    pub fn section(&self) -> Result<Section<'d>, RecipeError> {
        let table = self
            .value
            .as_table()
            .ok_or_else(|| self.expected("a table"))?;
        Ok(Section {
            source: self.source,
            key: self.key.clone(),
            span: self.span.clone(),
            table,
            asked: RefCell::default(),
        })
    }

    /// The values of a list.
    pub fn list(&self) -> Result<Vec<Node<'d>>, RecipeError> {
        let values = self
            .value
            .as_array()
            .ok_or_else(|| self.expected("a list"))?;
        let node = |(i, value): (usize, &'d Spanned<DeValue<'d>>)| Node {
            source: self.source,
            key: format!("{}[{i}]", self.key),
            span: value.span(),
            value: value.get_ref(),
        };
        Ok(values.iter().enumerate().map(node).collect())
    }

    /// Which of these words it is.
    pub fn one_of<T: Clone>(&self, known: &[(&str, T)]) -> Result<T, RecipeError> {
        let word = String::from_node(self)?;
        let found = known.iter().find(|(name, _)| *name == word);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            self.unknown(&word, &names)
        })
    }

    /// An error about a word that is none of these.
    pub fn unknown(&self, word: &str, known: &[&str]) -> RecipeError {
        self.error(format!("`{word}` is not known; {}", among(word, known)))
    }

    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// The value if it is this text.
    pub fn is(&self, text: &str) -> bool {
        self.value.as_str() == Some(text)
    }

    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub fn is_word(&self) -> bool {
        self.value.is_str()
    }
}

/// What a value can be read as.
pub(crate) trait FromNode<'d>: Sized {
    fn from_node(node: &Node<'d>) -> Result<Self, RecipeError>;
}

impl<'d> FromNode<'d> for String {
    fn from_node(node: &Node<'d>) -> Result<String, RecipeError> {
        let text = node.value.as_str();
        text.map(str::to_string)
            .ok_or_else(|| node.expected("text"))
    }
}

impl<'d> FromNode<'d> for bool {
    fn from_node(node: &Node<'d>) -> Result<bool, RecipeError> {
        node.value
            .as_bool()
            .ok_or_else(|| node.expected("true or false"))
    }
}

impl<'d> FromNode<'d> for i64 {
    fn from_node(node: &Node<'d>) -> Result<i64, RecipeError> {
        let integer = node.value.as_integer();
        let number = integer.and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        number.ok_or_else(|| node.expected("a whole number"))
    }
}

impl<'d> FromNode<'d> for usize {
    fn from_node(node: &Node<'d>) -> Result<usize, RecipeError> {
        let integer = node.value.as_integer();
        let number = integer.and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        let number = number.and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| node.expected("a whole number of at least 0"))
    }
}

impl<'d> FromNode<'d> for NonZeroUsize {
    fn from_node(node: &Node<'d>) -> Result<NonZeroUsize, RecipeError> {
        let number = NonZeroUsize::new(usize::from_node(node)?);
        number.ok_or_else(|| node.error("expected a whole number above 0"))
    }
}

impl<'d> FromNode<'d> for u64 {
    fn from_node(node: &Node<'d>) -> Result<u64, RecipeError> {
        usize::from_node(node).map(|n| n as u64)
    }
}

impl<'d> FromNode<'d> for f64 {
    fn from_node(node: &Node<'d>) -> Result<f64, RecipeError> {
        let float = node.value.as_float().and_then(|x| x.as_str().parse().ok());
        let integer = || node.value.as_integer()?.as_str().parse().ok();
        let number: Option<f64> = float.or_else(integer);
        let finite = number.filter(|x| x.is_finite());
        finite.ok_or_else(|| node.expected("a finite number"))
    }
}

impl<'d> FromNode<'d> for f32 {
    fn from_node(node: &Node<'d>) -> Result<f32, RecipeError> {
        f64::from_node(node).map(|x| x as f32)
    }
}

impl<'d, T: FromNode<'d>> FromNode<'d> for Vec<T> {
    fn from_node(node: &Node<'d>) -> Result<Vec<T>, RecipeError> {
        node.list()?.iter().map(T::from_node).collect()
    }
}

/// More words than are listed after a guess.
const MANY: usize = 16;

/// Which word was probably meant, and which there are.
pub(crate) fn among(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(like) if known.len() > MANY => format!("did you mean `{like}`?"),
        Some(like) => format!("did you mean `{like}`? There are {}", known.join(", ")),
        None => format!("there are {}", known.join(", ")),
    }
}

/// The word that was probably meant: the one with the fewest changes, if they are few, or else the first that
/// begins with it.
fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let scored = known.iter().map(|k| (distance(word, k), *k));
    let (changes, best) = scored.min()?;
    let longer = || known.iter().find(|k| k.starts_with(word)).copied();
    match changes <= 1 + word.len() / 4 {
        true => Some(best),
        false => longer().filter(|_| word.len() > 2),
    }
}

/// Letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
