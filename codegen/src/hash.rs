//! A hash of 128 bits that is the same on every machine: two lanes of FNV-1a's kind, finished by
//! multiplication. It tells programs apart and finds damage; it is no defence against an adversary.

/// A hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash([u64; 2]);

impl Hash {
    /// Bytes of a hash.
    pub const BYTES: usize = 16;

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        let mut lanes = [0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15];
        let mut absorb = |word: u64| {
            lanes[0] = (lanes[0] ^ word).wrapping_mul(0x0000_0100_0000_01b3);
            lanes[0] ^= lanes[0] >> 29;
            lanes[1] = (lanes[1].rotate_left(23) ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
            lanes[1] ^= lanes[1] >> 32;
        };
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|w| absorb(u64::from_le_bytes(*w)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        absorb(u64::from_le_bytes(last));
        absorb(bytes.len() as u64);
        absorb(0xc4ce_b9fe_1a85_ec53);
        Hash(lanes)
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; Hash::BYTES] {
        let mut bytes = [0; Hash::BYTES];
        bytes[..8].copy_from_slice(&self.0[0].to_le_bytes());
        bytes[8..].copy_from_slice(&self.0[1].to_le_bytes());
        bytes
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn small_changes_change_it() {
        let mut seen = HashSet::new();
        for len in 0..40_usize {
            for at in 0..len.max(1) {
                let mut bytes = vec![0_u8; len];
                if let Some(b) = bytes.get_mut(at) {
                    *b = 1;
                }
                assert!(seen.insert(Hash::of(&bytes).to_string()), "{len} {at}");
            }
            assert!(len == 0 || seen.insert(Hash::of(&vec![0; len]).to_string()));
        }
    }
}
