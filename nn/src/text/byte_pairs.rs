//! Byte-pair encoding: tokens are bytes, and pairs of tokens that were frequent in texts seen before.
//!
//! A text is first cut into pieces, each a word, a number or a run of other characters with the space
//! before it, so that no token reaches over the end of a word. Pieces together are the text, byte for
//! byte.

use crate::error::NnError;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// The number of byte 0; below are padding and what is not known.
const FIRST: u32 = 2;
/// The number of the first pair.
const PAIRS: u32 = FIRST + 256;
/// Bytes of a piece; longer ones are cut. No token is longer.
const LONGEST: usize = 64;

/// A list of pairs. Byte `b` has the number `b + 2`, pair `i` the number `i + 258`; 0 is padding, and 1,
/// which word lists have for the unknown, is nothing's: there is no text that has no tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[u32; 2]>", into = "Vec<[u32; 2]>")]
pub struct BytePairs {
    /// The two tokens that each pair is of, both of smaller numbers.
    pairs: Vec<[u32; 2]>,
    numbers: HashMap<[u32; 2], u32>,
    /// The bytes of each number, from `FIRST` on.
    bytes: Vec<Vec<u8>>,
}

impl BytePairs {
    /// Numbers that there are without any pair.
    pub const LEAST: usize = PAIRS as usize;

    /// These pairs, each of tokens before it. An error says which one is impossible.
    pub fn new(pairs: &[[u32; 2]]) -> Result<BytePairs, NnError> {
        let mut made = BytePairs {
            pairs: pairs.to_vec(),
            numbers: HashMap::new(),
            bytes: (0..=255).map(|byte| vec![byte]).collect(),
        };
        for (i, pair) in pairs.iter().enumerate() {
            let parts = pair.map(|n| made.token(n));
            let [Some(a), Some(b)] = parts else {
                return Err(impossible(i, "is of tokens that do not precede it"));
            };
            if a.len() + b.len() > LONGEST {
                return Err(impossible(i, "is longer than 64 bytes"));
            }
            let joined = [a, b].concat();
            let number = PAIRS + i as u32;
            if made.numbers.insert(*pair, number).is_some() {
                return Err(impossible(i, "is there twice"));
            }
            made.bytes.push(joined);
        }
        Ok(made)
    }

    /// The most frequent pairs of these texts: at most `size` numbers in all, of which 258 are no
    /// pair's. A pair occurs at least twice. Of pairs equally frequent the one of smaller numbers is first.
    pub fn adapted<S: AsRef<str>>(texts: impl IntoIterator<Item = S>, size: usize) -> BytePairs {
        let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for text in texts {
            for piece in pieces(text.as_ref()) {
                match counts.get_mut(piece) {
                    Some(count) => *count += 1,
                    None => _ = counts.insert(piece.to_vec(), 1),
                }
            }
        }
        let words = counts.into_iter().map(|(piece, count)| Word {
            tokens: piece.iter().map(|&b| u32::from(b) + FIRST).collect(),
            count,
        });
        let pairs = frequent(words.collect(), size.saturating_sub(BytePairs::LEAST));
        BytePairs::new(&pairs).expect("pairs of pieces are short and made one after another")
    }

    /// The pairs, by number from 258 on.
    pub fn pairs(&self) -> &[[u32; 2]] {
        &self.pairs
    }

    /// How many numbers there are, with padding.
    pub fn size(&self) -> usize {
        BytePairs::LEAST + self.pairs.len()
    }

    /// The bytes of a number; `None` for padding and numbers that are no token's.
    pub fn token(&self, number: u32) -> Option<&[u8]> {
        let place = number.checked_sub(FIRST)? as usize;
        self.bytes.get(place).map(Vec::as_slice)
    }

    /// The numbers of a text.
    pub fn encode(&self, text: &str) -> Vec<i32> {
        let mut numbers = vec![];
        for piece in pieces(text) {
            self.piece(piece, &mut numbers);
        }
        numbers
    }

    /// The text of numbers. What is not UTF-8, as half a character is not, becomes `�`; padding is left out.
    pub fn decode(&self, numbers: &[i32]) -> String {
        let known = numbers.iter().filter_map(|&n| u32::try_from(n).ok());
        let bytes: Vec<u8> = known
            .filter_map(|n| self.token(n))
            .flatten()
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Joins the pair of the smallest number, the first of equals, until there is none.
    fn piece(&self, piece: &[u8], numbers: &mut Vec<i32>) {
        let mut tokens: Vec<u32> = piece.iter().map(|&b| u32::from(b) + FIRST).collect();
        let joined = |a: u32, b: u32| self.numbers.get(&[a, b]).copied().unwrap_or(u32::MAX);
        let mut pairs: Vec<u32> = tokens.windows(2).map(|w| joined(w[0], w[1])).collect();
        while let Some(i) = (0..pairs.len()).min_by_key(|&i| pairs[i]) {
            if pairs[i] == u32::MAX {
                break;
            }
            tokens[i] = pairs[i];
            tokens.remove(i + 1);
            pairs.remove(i);
            if i > 0 {
                pairs[i - 1] = joined(tokens[i - 1], tokens[i]);
            }
            if i < pairs.len() {
                pairs[i] = joined(tokens[i], tokens[i + 1]);
            }
        }
        numbers.extend(tokens.iter().map(|&n| n as i32));
    }
}

impl From<BytePairs> for Vec<[u32; 2]> {
    fn from(pairs: BytePairs) -> Self {
        pairs.pairs
    }
}

impl TryFrom<Vec<[u32; 2]>> for BytePairs {
    type Error = NnError;

    fn try_from(pairs: Vec<[u32; 2]>) -> Result<BytePairs, NnError> {
        BytePairs::new(&pairs)
    }
}

fn impossible(index: usize, problem: &'static str) -> NnError {
    NnError::BytePair { index, problem }
}

/// A piece and how often it is there.
struct Word {
    tokens: Vec<u32>,
    count: u64,
}

impl Word {
    fn pairs(&self) -> impl Iterator<Item = [u32; 2]> + '_ {
        self.tokens.windows(2).map(|w| [w[0], w[1]])
    }

    fn join(&mut self, pair: [u32; 2], number: u32) {
        let mut joined = Vec::with_capacity(self.tokens.len());
        let mut rest = &self.tokens[..];
        while let Some((&first, after)) = rest.split_first() {
            let here = after.first().is_some_and(|&second| [first, second] == pair);
            joined.push(if here { number } else { first });
            rest = if here { &after[1..] } else { after };
        }
        self.tokens = joined;
    }
}

/// The pairs that are joined one after another, at most `wanted`.
fn frequent(mut words: Vec<Word>, wanted: usize) -> Vec<[u32; 2]> {
    let mut counts: BTreeMap<[u32; 2], u64> = BTreeMap::new();
    let mut places: HashMap<[u32; 2], BTreeSet<usize>> = HashMap::new();
    for (i, word) in words.iter().enumerate() {
        for pair in word.pairs() {
            *counts.entry(pair).or_default() += word.count;
            places.entry(pair).or_default().insert(i);
        }
    }
    let entry = |(pair, count): (&[u32; 2], &u64)| (*count, Reverse(*pair));
    let mut heap: BinaryHeap<(u64, Reverse<[u32; 2]>)> = counts.iter().map(entry).collect();
    let mut pairs = vec![];
    while let (true, Some((count, Reverse(pair)))) = (pairs.len() < wanted, heap.pop()) {
        // Entries of counts that have changed since are stale.
        if counts.get(&pair) != Some(&count) {
            continue;
        }
        if count < 2 {
            break;
        }
        let number = PAIRS + pairs.len() as u32;
        pairs.push(pair);
        let mut changed = BTreeSet::new();
        for i in places.remove(&pair).unwrap_or_default() {
            let word = &mut words[i];
            for old in word.pairs() {
                *counts.get_mut(&old).expect("it was counted") -= word.count;
                changed.insert(old);
            }
            word.join(pair, number);
            for new in word.pairs() {
                *counts.entry(new).or_default() += word.count;
                places.entry(new).or_default().insert(i);
                changed.insert(new);
            }
        }
        let moved = changed.iter().filter_map(|pair| counts.get_key_value(pair));
        heap.extend(moved.filter(|(_, count)| **count > 0).map(entry));
    }
    pairs
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

fn class(c: char) -> Class {
    match c {
        c if c.is_whitespace() => Class::Space,
        c if c.is_alphabetic() => Class::Letter,
        c if c.is_numeric() => Class::Digit,
        _ => Class::Other,
    }
}

/// The pieces of a text, at most `LONGEST` bytes each.
fn pieces(text: &str) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    let whole = std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(first_piece(rest));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    whole.flat_map(|piece| piece.as_bytes().chunks(LONGEST))
}

/// Where the first piece ends. One space belongs to what follows it; of more, and of other white space,
/// all but the last character are a piece.
fn first_piece(text: &str) -> usize {
    let after = text.strip_prefix(' ').unwrap_or(text);
    let run = |from: &str, kind: Class| {
        let end = from.find(|c| class(c) != kind).unwrap_or(from.len());
        text.len() - from.len() + end
    };
    match after.chars().next().map(class) {
        None => text.len(),
        Some(Class::Space) => {
            let end = run(text, Class::Space);
            let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
            match end == text.len() || end == last {
                true => end,
                false => end - last,
            }
        }
        Some(kind) => run(after, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<&str> {
        let pieces =
            pieces(text).map(|piece| std::str::from_utf8(piece).expect("cut at characters"));
        pieces.collect()
    }

    #[test]
    fn pieces_are_words_with_the_space_before_them() {
        assert_eq!(
            cut("It's 12  o'clock."),
            ["It", "'", "s", " 12", " ", " o", "'", "clock", "."]
        );
        assert_eq!(cut("a\n\nb \n"), ["a", "\n", "\n", "b", " \n"]);
        assert_eq!(cut(""), [""; 0]);
        assert_eq!(
            pieces(&"x".repeat(150))
                .map(<[u8]>::len)
                .collect::<Vec<_>>(),
            [64, 64, 22]
        );
    }

    #[test]
    fn the_most_frequent_pair_is_first() {
        // `lo` and `ow` are there 3 times each: `lo` has the smaller numbers.
        let pairs = BytePairs::adapted(["low low lower new new"], 262);
        let token = |n| {
            pairs
                .token(n)
                .map(|t| String::from_utf8_lossy(t).into_owned())
        };
        let tokens: Vec<_> = (258..263).map(token).collect();
        let expected = ["lo", "low", " n", " low"].map(|t| Some(t.to_string()));
        assert_eq!(tokens[..4], expected);
        assert_eq!(tokens[4], None);
        assert_eq!(pairs.encode("low"), [259]);
        assert_eq!(pairs.decode(&[259, 0, 261, 1, -5, 9999]), "low low");
    }

    #[test]
    fn impossible_pairs_are_refused() {
        for (pairs, at) in [
            (vec![[0, 5]], 0),
            (vec![[5, 1]], 0),
            (vec![[5, 6], [260, 5]], 1),
            (vec![[5, 6], [5, 6]], 1),
            (
                (0..7)
                    .map(|i| if i == 0 { [9, 9] } else { [257 + i; 2] })
                    .collect(),
                6,
            ),
        ] {
            let found = BytePairs::new(&pairs);
            assert!(
                matches!(found, Err(NnError::BytePair { index, .. }) if index == at),
                "{pairs:?}: {found:?}"
            );
        }
    }

    /// What the library `tokenizers` of Hugging Face makes of texts with pairs that it learnt
    /// (`nn/tests/data/byte_pairs.py`).
    #[test]
    fn tokens_are_those_of_the_library() {
        let file = include_str!("../../tests/data/byte_pairs.json");
        let file: serde_json::Value = serde_json::from_str(file).expect("is JSON");
        let pairs: BytePairs = serde_json::from_value(file["pairs"].clone()).expect("pairs");
        assert!(pairs.pairs().len() > 300);
        let cases = file["cases"].as_array().expect("a list");
        assert!(cases.len() > 5);
        for case in cases {
            let text = case["text"].as_str().expect("a text");
            let numbers: Vec<i32> =
                serde_json::from_value(case["numbers"].clone()).expect("numbers");
            assert_eq!(pairs.encode(text), numbers, "{text:?}");
            assert_eq!(pairs.decode(&numbers), text);
        }
    }

    proptest! {
        #[test]
        fn texts_come_back(texts in prop::collection::vec(".{0,40}|[ab \n]{0,200}", 1..4), more in ".{0,40}") {
            let pairs = BytePairs::adapted(&texts, 300);
            for text in texts.iter().chain([&more]) {
                prop_assert_eq!(&pairs.decode(&pairs.encode(text)), text);
            }
            prop_assert_eq!(BytePairs::new(pairs.pairs()).expect("as it was"), pairs);
        }
    }
}
