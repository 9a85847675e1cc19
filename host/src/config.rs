//! What a call is configured with: words, and `name=number`, between spaces.

/// Whether a word is there.
pub fn has(config: &str, word: &str) -> bool {
    config.split_whitespace().any(|w| w == word)
}

/// The number after `name=`.
pub fn number(config: &str, name: &str) -> Option<usize> {
    let of = |w: &str| w.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    config.split_whitespace().find_map(of)
}
