//! Text as numbers: characters, words or pairs of bytes, from a vocabulary that the training part gives.

use super::folder::{self, ClassFolder};
use super::table::Column;
use super::{DataError, Table, bytes};
use crate::text::BytePairs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A run of letters and digits, in lower case; any other character that is no space.
    #[default]
    Words,
    /// A character.
    Characters,
    /// Frequent pairs of bytes, and of such pairs.
    BytePairs,
}

/// Endings of the files that are read.
pub const ENDINGS: [&str; 1] = ["txt"];

/// Reads a text. What is not UTF-8 is replaced.
pub fn read(path: impl AsRef<Path>) -> Result<String, DataError> {
    let bytes = bytes::read(path.as_ref())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The table of the texts in a folder: with one folder of files for each class, or else one file for each
/// class, of which each line that is not empty is a text.
pub(super) fn classes(path: &Path) -> Result<Table, DataError> {
    let (mut texts, mut classes) = (vec![], vec![]);
    let mut add = |text: String, class: &str| {
        texts.push(Some(text));
        classes.push(Some(class.to_string()));
    };
    let files = folder::files(path, &ENDINGS)?;
    match ClassFolder::open(path, &ENDINGS) {
        Err(DataError::Empty { .. }) if !files.is_empty() => {
            for file in &files {
                let class = super::stem(file);
                let text = read(file)?;
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                lines.for_each(|line| add(line.to_string(), &class));
            }
        }
        found => {
            let found = found?;
            for (file, id) in &found.files {
                add(read(file)?, &found.classes[*id as usize]);
            }
        }
    }
    let names = ["text", "class"].map(str::to_string).to_vec();
    Table::new(
        path,
        names,
        vec![Column::Words(texts), Column::Words(classes)],
    )
}

/// Tokens by number. 0 is padding, 1 is what is not known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "unit", rename_all = "snake_case")]
pub enum Vocabulary {
    /// Of [`Unit::Words`].
    Words(Tokens),
    /// Of [`Unit::Characters`].
    Characters(Tokens),
    /// Of [`Unit::BytePairs`]: nothing is unknown.
    BytePairs {
        /// The pairs.
        pairs: BytePairs,
    },
}

/// A list of tokens, the first of which has number 2.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "TokenList", into = "TokenList")]
pub struct Tokens {
    tokens: Vec<String>,
    numbers: BTreeMap<String, i32>,
}

/// As files hold it.
#[derive(Serialize, Deserialize)]
struct TokenList {
    tokens: Vec<String>,
}

impl From<TokenList> for Tokens {
    fn from(list: TokenList) -> Tokens {
        let number = |(i, token): (usize, &String)| (token.clone(), (i + RESERVED) as i32);
        Tokens {
            numbers: list.tokens.iter().enumerate().map(number).collect(),
            tokens: list.tokens,
        }
    }
}

impl From<Tokens> for TokenList {
    fn from(tokens: Tokens) -> TokenList {
        TokenList {
            tokens: tokens.tokens,
        }
    }
}

/// Numbers that are no token's.
const RESERVED: usize = 2;

impl Tokens {
    /// The most frequent tokens, at most `size` numbers; of tokens equally frequent the first in the
    /// alphabet.
    fn fit(tokens: impl Iterator<Item = String>, size: usize) -> Tokens {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for token in tokens {
            *counts.entry(token).or_default() += 1;
        }
        let mut order: Vec<(String, usize)> = counts.into_iter().collect();
        order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        order.truncate(size.saturating_sub(RESERVED));
        let tokens = order.into_iter().map(|(token, _)| token).collect();
        TokenList { tokens }.into()
    }

    fn encode(&self, tokens: impl Iterator<Item = String>) -> Vec<i32> {
        let number = |token: String| self.numbers.get(&token).copied().unwrap_or(1);
        tokens.map(number).collect()
    }

    /// Tokens of numbers; padding is left out, the unknown is `�`.
    fn decode(&self, numbers: &[i32], joint: &str) -> String {
        let token = |&n: &i32| match n {
            0 => None,
            n => Some(
                usize::try_from(n)
                    .ok()
                    .and_then(|n| self.tokens.get(n.checked_sub(RESERVED)?))
                    .map_or("\u{fffd}", String::as_str),
            ),
        };
        let tokens: Vec<&str> = numbers.iter().filter_map(token).collect();
        tokens.join(joint)
    }
}

impl Vocabulary {
    /// The most frequent tokens of texts, at most `size` numbers with padding and the unknown. Byte pairs
    /// have [`BytePairs::LEAST`] numbers at least.
    pub fn fit<'t>(texts: impl Iterator<Item = &'t str>, unit: Unit, size: usize) -> Vocabulary {
        match unit {
            Unit::Words => Vocabulary::Words(Tokens::fit(texts.flat_map(words), size)),
            Unit::Characters => {
                Vocabulary::Characters(Tokens::fit(texts.flat_map(characters), size))
            }
            Unit::BytePairs => Vocabulary::BytePairs {
                pairs: BytePairs::adapted(texts, size),
            },
        }
    }

    /// How many numbers there are, padding and the unknown included.
    pub fn size(&self) -> usize {
        match self {
            Vocabulary::Words(list) | Vocabulary::Characters(list) => list.tokens.len() + RESERVED,
            Vocabulary::BytePairs { pairs } => pairs.size(),
        }
    }

    /// The numbers of a text.
    pub fn encode(&self, text: &str) -> Vec<i32> {
        match self {
            Vocabulary::Words(list) => list.encode(words(text)),
            Vocabulary::Characters(list) => list.encode(characters(text)),
            Vocabulary::BytePairs { pairs } => pairs.encode(text),
        }
    }

    /// The numbers of the first `length` tokens, with padding at the end.
    pub fn encode_to(&self, text: &str, length: usize) -> Vec<i32> {
        let mut numbers = self.encode(text);
        numbers.resize(length, 0);
        numbers
    }

    /// The text of numbers; padding is left out, the unknown is `�`.
    pub fn decode(&self, numbers: &[i32]) -> String {
        match self {
            Vocabulary::Words(list) => list.decode(numbers, " "),
            Vocabulary::Characters(list) => list.decode(numbers, ""),
            Vocabulary::BytePairs { pairs } => pairs.decode(numbers),
        }
    }
}

fn characters(text: &str) -> impl Iterator<Item = String> + '_ {
    text.chars().map(String::from)
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let letter = |c: char| c.is_alphanumeric() || c == '\'';
        let end = match letter(first) {
            true => rest.find(|c| !letter(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word.to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_characters_become_numbers_and_text_again() {
        let texts = ["The cat, the dog.", "the cat's"];
        let words = Vocabulary::fit(texts.into_iter(), Unit::Words, 100);
        assert_eq!(words.size(), 8);
        assert_eq!(words.encode("the cat"), [2, 5]);
        assert_eq!(
            words.decode(&words.encode("the dog, the COW")),
            "the dog , the \u{fffd}"
        );
        assert_eq!(words.encode_to("the", 3), [2, 0, 0]);
        let small = Vocabulary::fit(texts.into_iter(), Unit::Words, 3);
        assert_eq!(small.encode("the cat"), [2, 1]);
        let letters = Vocabulary::fit(["baab"].into_iter(), Unit::Characters, 9);
        assert_eq!(letters.encode("abc"), [2, 3, 1]);
        assert_eq!(letters.decode(&[2, 3, 3, 0]), "abb");
        let text = serde_json::to_string(&words).expect("is JSON");
        let read: Vocabulary = serde_json::from_str(&text).expect("reads");
        assert_eq!(read, words);
        assert!(text.starts_with(r#"{"unit":"words","tokens":["#), "{text}");
    }

    #[test]
    fn byte_pairs_are_saved_as_pairs() {
        let pairs = Vocabulary::fit(["aab aab"].into_iter(), Unit::BytePairs, 300);
        assert_eq!(
            pairs.decode(&pairs.encode("aab, c\u{e4}b")),
            "aab, c\u{e4}b"
        );
        let text = serde_json::to_string(&pairs).expect("is JSON");
        let read: Vocabulary = serde_json::from_str(&text).expect("reads");
        assert_eq!(read, pairs);
        let broken = r#"{"unit":"byte_pairs","pairs":[[9,9],[400,3]]}"#;
        let error = serde_json::from_str::<Vocabulary>(broken).expect_err("is not before it");
        assert!(error.to_string().contains("pair 1"), "{error}");
    }
}
