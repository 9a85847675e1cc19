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
