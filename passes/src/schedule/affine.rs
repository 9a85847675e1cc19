//! Arithmetic on addresses.

use craneflow_ir::loops::{Affine, Kernel, Loop, Term, Val, verify};

/// A constant.
pub(super) fn constant(offset: i64) -> Affine {
    let terms = vec![];
    Affine { offset, terms }
}

/// `c * l + offset`.
pub(super) fn of_loop(l: Loop, c: i64, offset: i64) -> Affine {
    let terms = vec![(Term::Loop(l), c)];
    Affine { offset, terms }
}

/// A value.
pub(super) fn of_val(v: Val) -> Affine {
    let terms = vec![(Term::Val(v), 1)];
    Affine { offset: 0, terms }
}

/// `a += c * b`.
pub(super) fn add(a: &mut Affine, b: &Affine, c: i64) {
    a.offset = a.offset.wrapping_add(b.offset.wrapping_mul(c));
    for &(term, k) in &b.terms {
        add_term(a, term, k.wrapping_mul(c));
    }
}

/// `a += c * term`.
pub(super) fn add_term(a: &mut Affine, term: Term, c: i64) {
    match a.terms.binary_search_by(|t| t.0.cmp(&term)) {
        Ok(i) => {
            a.terms[i].1 += c;
            if a.terms[i].1 == 0 {
                a.terms.remove(i);
            }
        }
        Err(i) if c != 0 => a.terms.insert(i, (term, c)),
        Err(_) => {}
    }
}

/// `a + offset`.
pub(super) fn plus(a: &Affine, offset: i64) -> Affine {
    let mut a = a.clone();
    a.offset += offset;
    a
}

/// Quotient and remainder by `d > 0`, where they are affine: the address is not negative, and the
/// terms that `d` does not divide stay within `0..d`.
pub(super) fn div_rem(k: &Kernel, a: &Affine, d: i64) -> Option<(Affine, Affine)> {
    if d <= 0 || verify::range(k, a)?.0 < 0 {
        return None;
    }
    let (whole, rest): (Vec<_>, Vec<_>) = a.terms.iter().partition(|t| t.1 % d == 0);
    let rest = Affine {
        offset: a.offset.rem_euclid(d),
        terms: rest,
    };
    let (lo, hi) = verify::range(k, &rest)?;
    let whole = Affine {
        offset: a.offset.div_euclid(d),
        terms: whole.into_iter().map(|(t, c)| (t, c / d)).collect(),
    };
    (lo >= 0 && hi < d).then_some((whole, rest))
}
