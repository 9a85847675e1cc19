//! Index arithmetic of the lowering: integer expressions over loop indices with known ranges, kept
//! as sums of terms and simplified as they are built.

use super::{Loop, Val};

/// An atom of an index expression. Every atom is a non-negative integer with a known bound.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Atom {
    /// A loop index.
    Loop(Loop),
    /// A computed `i64` value.
    Val(Val),
    /// Quotient by a positive constant.
    Div(Box<Index>, i64),
    /// Remainder by a positive constant.
    Mod(Box<Index>, i64),
}

/// `offset + sum(coefficient * atom)`: atoms are distinct and sorted, coefficients are not zero. Each
/// term carries the greatest value of its atom, so that ranges are known.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Index {
    /// Constant part.
    pub offset: i64,
    /// Atom, its greatest value, its coefficient.
    pub terms: Vec<(Atom, i64, i64)>,
}

impl From<usize> for Index {
    fn from(offset: usize) -> Index {
        Index {
            offset: offset as i64,
            terms: vec![],
        }
    }
}

impl Index {
    /// A constant.
    pub fn constant(offset: i64) -> Index {
        Index {
            offset,
            terms: vec![],
        }
    }

    /// An atom whose values are `0..extent`; 0 when the extent is 1.
    pub fn atom(atom: Atom, extent: i64) -> Index {
        let terms = if extent <= 1 {
            vec![]
        } else {
            vec![(atom, extent - 1, 1)]
        };
        Index { offset: 0, terms }
    }

    /// The value when it is a constant.
    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.offset)
    }

    /// Least and greatest possible value.
    pub fn range(&self) -> (i64, i64) {
        self.terms
            .iter()
            .fold((self.offset, self.offset), |(lo, hi), (_, max, c)| {
                if *c > 0 {
                    (lo, hi + c * max)
                } else {
                    (lo + c * max, hi)
                }
            })
    }

    /// Sum.
    pub fn add(&self, other: &Index) -> Index {
        let mut out = self.clone();
        out.offset += other.offset;
        for (atom, max, c) in &other.terms {
            match out.terms.binary_search_by(|t| t.0.cmp(atom)) {
                Ok(i) => out.terms[i].2 += c,
                Err(i) => out.terms.insert(i, (atom.clone(), *max, *c)),
            }
        }
        out.terms.retain(|t| t.2 != 0);
        out.fold_div_mod()
    }

    /// `c * (x / c) + x % c = x`: undoes a split that a later reshape merges again.
    fn fold_div_mod(mut self) -> Index {
        loop {
            let pair = self
                .terms
                .iter()
                .enumerate()
                .find_map(|(i, (atom, _, ci))| match atom {
                    Atom::Mod(x, m) => {
                        let quotient = x.div(*m);
                        // The quotient may itself have simplified to a plain sum; only a single atom is matched.
                        let [(q, _, 1)] = quotient.terms.as_slice() else {
                            return None;
                        };
                        (quotient.offset == 0)
                            .then(|| {
                                self.terms
                                    .iter()
                                    .position(|(a, _, c)| a == q && *c == ci * m)
                            })
                            .flatten()
                            .map(|j| (i, j, x.mul(*ci)))
                    }
                    _ => None,
                });
            let Some((i, j, whole)) = pair else {
                return self;
            };
            let mut keep = 0..;
            self.terms.retain(|_| {
                let at = keep.next();
                at != Some(i) && at != Some(j)
            });
            self = self.add(&whole);
        }
    }

    /// Product with a constant.
    pub fn mul(&self, c: i64) -> Index {
        if c == 0 {
            return Index::constant(0);
        }
        let terms = self
            .terms
            .iter()
            .map(|(a, m, k)| (a.clone(), *m, k * c))
            .collect();
        Index {
            offset: self.offset * c,
            terms,
        }
    }

    /// Sum with a constant.
    pub fn plus(&self, c: i64) -> Index {
        Index {
            offset: self.offset + c,
            terms: self.terms.clone(),
        }
    }

    /// Splits into the part divisible by `c` and the rest; the rest is in `0..c` iff `Some`.
    fn split(&self, c: i64) -> Option<(Index, Index)> {
        let whole: Vec<_> = self
            .terms
            .iter()
            .filter(|t| t.2 % c == 0)
            .cloned()
            .collect();
        let rest: Vec<_> = self
            .terms
            .iter()
            .filter(|t| t.2 % c != 0)
            .cloned()
            .collect();
        let whole = Index {
            offset: self.offset.div_euclid(c) * c,
            terms: whole,
        };
        let rest = Index {
            offset: self.offset.rem_euclid(c),
            terms: rest,
        };
        let (lo, hi) = rest.range();
        (lo >= 0 && hi < c).then_some((whole, rest))
    }

    /// Splits off the part of the offset that never carries: with `g` the greatest common divisor of `c` and
    /// all coefficients, `(g x + r) / c = (g x) / c` and `(g x + r) % c = (g x) % c + r` for `r` in `0..g`.
    fn loose(&self, c: i64) -> (Index, i64) {
        let g = self.terms.iter().fold(c, |g, t| gcd(g, t.2.abs()));
        let rest = self.offset.rem_euclid(g);
        (self.plus(-rest), rest)
    }

    /// Quotient by a positive constant; the expression must not be negative.
    pub fn div(&self, c: i64) -> Index {
        if c == 1 {
            return self.clone();
        }
        if let Some((whole, _)) = self.split(c) {
            let terms = whole
                .terms
                .iter()
                .map(|(a, m, k)| (a.clone(), *m, k / c))
                .collect();
            return Index {
                offset: whole.offset / c,
                terms,
            };
        }
        if let Some((Atom::Div(x, d), _, 1)) = self.single() {
            return x.div(d * c);
        }
        let (fixed, rest) = self.loose(c);
        if rest > 0 {
            return fixed.div(c);
        }
        let (_, hi) = self.range();
        Index::atom(Atom::Div(Box::new(self.clone()), c), hi / c + 1)
    }

    /// Remainder by a positive constant; the expression must not be negative.
    pub fn rem(&self, c: i64) -> Index {
        if c == 1 {
            return Index::constant(0);
        }
        if let Some((_, rest)) = self.split(c) {
            return rest;
        }
        let (fixed, loose) = self.loose(c);
        if loose > 0 {
            return fixed.rem(c).plus(loose);
        }
        // Multiples of `c` do not matter: (c * y + x) % c = x % c, as long as x stays non-negative.
        let terms: Vec<_> = self
            .terms
            .iter()
            .filter(|t| t.2 % c != 0)
            .cloned()
            .collect();
        let rest = Index {
            offset: self.offset.rem_euclid(c),
            terms,
        };
        let inner = if rest.range().0 >= 0 {
            rest
        } else {
            self.clone()
        };
        Index::atom(Atom::Mod(Box::new(inner), c), c)
    }

    fn single(&self) -> Option<&(Atom, i64, i64)> {
        match self.terms.as_slice() {
            [t] if self.offset == 0 => Some(t),
            _ => None,
        }
    }

    /// Coefficient of a loop index outside quotients and remainders.
    pub fn coefficient(&self, l: Loop) -> i64 {
        self.terms
            .iter()
            .find(|t| t.0 == Atom::Loop(l))
            .map_or(0, |t| t.2)
    }

    /// The row-major position of a multi-index in `shape`.
    pub fn linear(at: &[Index], shape: &[usize]) -> Index {
        let mut sum = Index::default();
        for (i, &extent) in at.iter().zip(shape) {
            sum = sum.mul(extent as i64).add(i);
        }
        sum
    }

    /// The multi-index of a row-major position in `shape`.
    pub fn unravel(&self, shape: &[usize]) -> Vec<Index> {
        let mut rest = self.clone();
        let mut at = vec![Index::default(); shape.len()];
        for axis in (0..shape.len()).rev() {
            let extent = shape[axis].max(1) as i64;
            at[axis] = if axis == 0 {
                rest.clone()
            } else {
                rest.rem(extent)
            };
            rest = rest.div(extent);
        }
        at
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of an expression over one atom per loop.
    fn value(x: &Index, at: &[i64]) -> i64 {
        let of = |atom: &Atom| match atom {
            Atom::Loop(l) => at[l.0 as usize],
            Atom::Val(_) => unreachable!("no values here"),
            Atom::Div(x, c) => value(x, at).div_euclid(*c),
            Atom::Mod(x, c) => value(x, at).rem_euclid(*c),
        };
        x.terms.iter().fold(x.offset, |sum, (a, max, c)| {
            let v = of(a);
            assert!((0..=*max).contains(&v), "{a:?} is {v}");
            sum + c * v
        })
    }

    #[test]
    fn quotients_and_remainders_are_those_of_numbers() {
        let (a, b) = (
            Index::atom(Atom::Loop(Loop(0)), 9),
            Index::atom(Atom::Loop(Loop(1)), 5),
        );
        for (ca, cb, offset) in [
            (4, 0, 3),
            (4, 32, 1),
            (8, 4, 6),
            (6, 10, 5),
            (1, 9, 2),
            (12, 36, 11),
        ] {
            let x = a.mul(ca).add(&b.mul(cb)).plus(offset);
            for c in [1, 2, 3, 4, 8, 11, 12, 32] {
                let (q, r) = (x.div(c), x.rem(c));
                let whole = q.mul(c).add(&r);
                for at in (0..45).map(|i| [i / 5, i % 5]) {
                    let n = value(&x, &at);
                    assert_eq!(value(&q, &at), n / c, "{n} / {c}");
                    assert_eq!(value(&r, &at), n % c, "{n} % {c}");
                    assert_eq!(value(&whole, &at), n);
                }
            }
        }
    }

    #[test]
    fn neighbours_in_a_row_differ_by_a_constant() {
        let x = Index::atom(Atom::Loop(Loop(0)), 100).mul(4);
        for i in 0..4 {
            assert_eq!(x.plus(i).div(32), x.div(32));
            assert_eq!(x.plus(i).rem(32), x.rem(32).plus(i));
        }
    }
}
