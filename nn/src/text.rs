//! Text to numbers, on the host: lists of words that are learned from data and saved with a model.
//!
//! ```
//! use craneflow_nn::text::TextVectorization;
//! let lines = ["The cat sat.", "the dog"];
//! let words = TextVectorization::adapted(&lines, 100).length(4);
//! let numbers = words.apply(&["The dog sat!", "a cat"]);
//! assert_eq!(numbers, ndarray::array![[2, 4, 5, 0], [1, 3, 0, 0]]);
//! ```

mod byte_pairs;

pub use byte_pairs::BytePairs;

use crate::error::NnError;
use ndarray::Array2;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// The place of a word that is not in the list.
const UNKNOWN: i32 = 1;

/// Words by number. Number 0 is padding, 1 is a word that is not in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct StringLookup {
    words: Vec<String>,
    places: HashMap<String, i32>,
}

impl StringLookup {
    /// These words, which are numbered from 2 on.
    pub fn new<S: ToString>(words: impl IntoIterator<Item = S>) -> StringLookup {
        let words: Vec<String> = words.into_iter().map(|w| w.to_string()).collect();
        let numbered = words.iter().enumerate().rev();
        let places = numbered.map(|(i, w)| (w.clone(), i as i32 + 2)).collect();
        StringLookup { words, places }
    }

    /// The words of `data`, the most frequent first, equals in the order of the alphabet; at most
    /// `size` numbers in all.
    pub fn adapted<S: AsRef<str>>(data: impl IntoIterator<Item = S>, size: usize) -> StringLookup {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for word in data {
            *counts.entry(word.as_ref().to_string()).or_default() += 1;
        }
        let mut order: Vec<(String, usize)> = counts.into_iter().collect();
        order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        order.truncate(size.saturating_sub(2));
        StringLookup::new(order.into_iter().map(|(word, _)| word))
    }

    /// The words, the first of which has number 2.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many numbers there are, with those of padding and of unknown words.
    pub fn size(&self) -> usize {
        self.words.len() + 2
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> i32 {
        self.places.get(word).copied().unwrap_or(UNKNOWN)
    }

    /// The word of a number; `None` for padding and unknown words.
    pub fn word(&self, number: i32) -> Option<&str> {
        let place = usize::try_from(number).ok()?.checked_sub(2)?;
        self.words.get(place).map(String::as_str)
    }
}

/// How text is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Split {
    /// At white space.
    #[default]
    Words,
    /// Into characters.
    Characters,
    /// Into frequent pairs of bytes, and of such pairs.
    BytePairs,
}

/// Text to rows of numbers: lower case without punctuation, cut into words, looked up in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct TextVectorization {
    lookup: StringLookup,
    /// The list instead, where text is cut into byte pairs.
    pairs: Option<BytePairs>,
    split: Split,
    standardize: bool,
    length: Option<usize>,
    ngrams: usize,
}

impl TextVectorization {
    /// With this list.
    pub fn new(lookup: StringLookup) -> TextVectorization {
        TextVectorization {
            lookup,
            pairs: None,
            split: Split::Words,
            standardize: true,
            length: None,
            ngrams: 1,
        }
    }

    /// With the words of these texts, the most frequent first; at most `size` numbers in all. Options
    /// that change how text is cut are given before: `TextVectorization::new(..).adapt(..)`.
    pub fn adapted<S: AsRef<str>>(texts: &[S], size: usize) -> TextVectorization {
        TextVectorization::new(StringLookup::new::<&str>([])).adapt(texts, size)
    }

    /// The same with another list, of the words or byte pairs of these texts.
    pub fn adapt<S: AsRef<str>>(self, texts: &[S], size: usize) -> TextVectorization {
        if self.split == Split::BytePairs {
            let plain = texts.iter().map(|text| self.plain(text.as_ref()));
            let pairs = Some(BytePairs::adapted(plain, size));
            return TextVectorization { pairs, ..self };
        }
        let words = texts.iter().flat_map(|text| self.words(text.as_ref()));
        let lookup = StringLookup::adapted(words, size);
        TextVectorization { lookup, ..self }
    }

    /// Cuts or fills rows to this length; else they are as long as the longest.
    pub fn length(mut self, length: usize) -> TextVectorization {
        self.length = Some(length);
        self
    }

    /// Sets how text is cut.
    pub fn split(mut self, split: Split) -> TextVectorization {
        self.split = split;
        let none = || BytePairs::new(&[]).expect("no pair is wrong");
        self.pairs = (split == Split::BytePairs).then(none);
        self
    }

    /// Keeps capitals and punctuation.
    pub fn as_is(mut self) -> TextVectorization {
        self.standardize = false;
        self
    }

    /// Takes groups of up to `n` words that follow each other for words, too. Byte pairs are not grouped.
    pub fn ngrams(mut self, n: usize) -> TextVectorization {
        self.ngrams = n.max(1);
        self
    }

    /// The list of words or characters.
    pub fn lookup(&self) -> &StringLookup {
        &self.lookup
    }

    /// The list of byte pairs, where text is cut into such.
    pub fn byte_pairs(&self) -> Option<&BytePairs> {
        self.pairs.as_ref()
    }

    /// How many numbers there are, with those of padding and of unknown words.
    pub fn size(&self) -> usize {
        match &self.pairs {
            Some(pairs) => pairs.size(),
            None => self.lookup.size(),
        }
    }

    /// A text in lower case and without punctuation, if that is wanted.
    fn plain(&self, text: &str) -> String {
        match self.standardize {
            true => {
                let kept = text.chars().filter(|c| !c.is_ascii_punctuation());
                kept.flat_map(char::to_lowercase).collect()
            }
            false => text.to_string(),
        }
    }

    /// The numbers of a text.
    fn numbers(&self, text: &str) -> Vec<i32> {
        if let Some(pairs) = &self.pairs {
            return pairs.encode(&self.plain(text));
        }
        let words = self.words(text);
        words.iter().map(|word| self.lookup.number(word)).collect()
    }

    /// The words of a text.
    fn words(&self, text: &str) -> Vec<String> {
        let plain = self.plain(text);
        let (single, joint): (Vec<String>, &str) = match self.split {
            Split::Words => (plain.split_whitespace().map(str::to_string).collect(), " "),
            Split::Characters | Split::BytePairs => (plain.chars().map(String::from).collect(), ""),
        };
        let mut all = single.clone();
        for n in 2..=self.ngrams {
            all.extend(single.windows(n).map(|group| group.join(joint)));
        }
        all
    }

    /// Rows of numbers, with 0 behind those that are shorter.
    pub fn apply<S: AsRef<str>>(&self, texts: &[S]) -> Array2<i32> {
        let rows: Vec<Vec<i32>> = texts.iter().map(|t| self.numbers(t.as_ref())).collect();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let length = self.length.unwrap_or(longest);
        Array2::from_shape_fn((rows.len(), length), |(i, t)| {
            rows[i].get(t).copied().unwrap_or(0)
        })
    }

    /// How often each number is in each text: `[texts, size]`.
    pub fn counts<S: AsRef<str>>(&self, texts: &[S]) -> Array2<f32> {
        let mut counts = Array2::zeros([texts.len(), self.size()]);
        for (i, text) in texts.iter().enumerate() {
            for number in self.numbers(text.as_ref()) {
                counts[[i, number as usize]] += 1.0;
            }
        }
        counts
    }

    /// As text, for the file of a model.
    pub fn to_json(&self) -> String {
        json!({
            "words": self.lookup.words,
            "characters": self.split == Split::Characters,
            "pairs": self.pairs,
            "standardize": self.standardize,
            "length": self.length,
            "ngrams": self.ngrams,
        })
        .to_string()
    }

    /// From what `to_json` gave.
    pub fn from_json(text: &str) -> Result<TextVectorization, NnError> {
        let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        // Older files have no pairs.
        let pairs = Option::<Vec<[u32; 2]>>::deserialize(&value["pairs"]);
        let pairs = match pairs.ok().flatten() {
            Some(list) => Some(BytePairs::new(&list)?),
            None => None,
        };
        let read = || -> Option<TextVectorization> {
            let words = value["words"].as_array()?.iter();
            let words: Option<Vec<&str>> = words.map(Value::as_str).collect();
            let length = match &value["length"] {
                Value::Null => None,
                length => Some(usize::try_from(length.as_u64()?).ok()?),
            };
            Some(TextVectorization {
                lookup: StringLookup::new(words?),
                split: match (&pairs, value["characters"].as_bool()?) {
                    (Some(_), _) => Split::BytePairs,
                    (None, true) => Split::Characters,
                    (None, false) => Split::Words,
                },
                pairs: pairs.clone(),
                standardize: value["standardize"].as_bool()?,
                length,
                ngrams: usize::try_from(value["ngrams"].as_u64()?).ok()?,
            })
        };
        read().ok_or_else(|| NnError::Unknown {
            what: "text vectorization in",
            name: text.chars().take(40).collect(),
            known: ["what to_json writes"].iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn words_are_numbered_by_frequency() {
        let lookup = StringLookup::adapted(["b", "a", "b", "c", "a", "b"], 4);
        assert_eq!(lookup.words(), ["b", "a"]);
        assert_eq!([lookup.number("b"), lookup.number("c")], [2, 1]);
        assert_eq!(
            [lookup.word(3), lookup.word(1), lookup.word(9)],
            [Some("a"), None, None]
        );
        assert_eq!(lookup.size(), 4);
    }

    #[test]
    fn text_is_cut_counted_and_saved() {
        let characters = TextVectorization::new(StringLookup::new(["a", "B"]))
            .split(Split::Characters)
            .as_is();
        assert_eq!(
            characters.apply(&["aBa", "x"]),
            array![[2, 3, 2], [1, 0, 0]]
        );
        let pairs = TextVectorization::new(StringLookup::new::<&str>([]))
            .ngrams(2)
            .adapt(&["a b a b"], 10)
            .length(3);
        assert_eq!(pairs.lookup().words(), ["a", "a b", "b", "b a"]);
        assert_eq!(
            pairs.counts(&["A, b!"]),
            array![[0.0, 0.0, 1.0, 1.0, 1.0, 0.0]]
        );
        let bytes = TextVectorization::new(StringLookup::new::<&str>([]))
            .split(Split::BytePairs)
            .adapt(&["Ab! ab"], 300);
        assert_eq!(bytes.apply(&["ab"]), array![[258]]);
        assert_eq!(bytes.counts(&["ab Ab"]).dim(), (1, 259));
        for vectorization in [characters, pairs, bytes] {
            let again = TextVectorization::from_json(&vectorization.to_json());
            assert_eq!(again.expect("what was written"), vectorization);
        }
        let broken =
            r#"{"words":[],"characters":false,"pairs":[[1,2]],"standardize":true,"ngrams":1}"#;
        for broken in ["", "{}", r#"{"words":[1]}"#, "[1,2", broken] {
            assert!(TextVectorization::from_json(broken).is_err(), "{broken}");
        }
    }
}
