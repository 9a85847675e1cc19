//! Numbers and byte strings in a row: how compiled programs are written down.

/// Appends a number.
pub fn put_number(out: &mut Vec<u8>, n: u64) {
    out.extend(n.to_le_bytes());
}

/// Appends bytes with their length before them.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend(bytes);
}

/// Takes a number off the front.
pub fn number(from: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(from.split_off(..8)?.try_into().ok()?))
}

/// Takes bytes that [`put_bytes`] wrote off the front.
pub fn bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(number(from)?).ok()?;
    from.split_off(..len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken_and_nothing_more() {
        let mut out = vec![];
        put_bytes(&mut out, b"code");
        put_number(&mut out, 7);
        let mut from = &out[..];
        assert_eq!(bytes(&mut from), Some(&b"code"[..]));
        assert_eq!(number(&mut from), Some(7));
        assert_eq!((number(&mut from), bytes(&mut from)), (None, None));
        assert_eq!(bytes(&mut &u64::MAX.to_le_bytes()[..]), None);
    }
}
