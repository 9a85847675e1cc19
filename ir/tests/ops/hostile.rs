//! Attributes and operand types with something changed: `parse` and `infer` say no or yes, and where
//! they say yes to something small, interpreter and loops agree on it.

use crate::common::{check, fill};
use crate::rows::{self, Numbers, Row};

use craneflow_ir::ops::check::sized;
use craneflow_ir::{Array, Attr, Attrs, DType, Op, Type};

const MILD: [i64; 8] = [-2, -1, 0, 1, 2, 3, 4, 5];
const WILD: [i64; 10] = [
    i64::MIN,
    i64::MIN + 1,
    -(1 << 40),
    -1,
    0,
    1,
    1 << 31,
    1 << 40,
    1 << 62,
    i64::MAX,
];

/// Changes at random, from a pool of numbers.
struct Mutation<'a> {
    numbers: Numbers,
    pool: &'a [i64],
}

impl Mutation<'_> {
    fn number(&mut self) -> i64 {
        self.pool[self.numbers.below(self.pool.len())]
    }

    fn list<T>(&mut self, list: &mut Vec<T>, mut new: impl FnMut(&mut Self) -> T) {
        let new = new(self);
        match (self.numbers.below(8), list.len()) {
            (0, _) => list.push(new),
            (1, 1..) => drop(list.pop()),
            (_, 0) => {}
            (_, n) => list[self.numbers.below(n)] = new,
        }
    }

    fn attr(&mut self, attr: &mut Attr) {
        match attr {
            Attr::Int(i) => *i = self.number(),
            Attr::Ints(list) => self.list(list, |m| m.number()),
            Attr::Pairs(list) => self.list(list, |m| (m.number(), m.number())),
            Attr::Word(w) => drop(w.pop()),
            Attr::Type(t) => self.ty(t),
            Attr::Types(list) => {
                let at = self.numbers.below(list.len().max(1));
                list.get_mut(at).into_iter().for_each(|t| self.ty(t));
            }
            Attr::Text(_) | Attr::Array(_) | Attr::Region(_) | Attr::Regions(_) => {}
        }
    }

    fn ty(&mut self, ty: &mut Type) {
        if self.numbers.below(4) == 0 {
            ty.dtype = DType::ALL[self.numbers.below(DType::ALL.len())];
        } else {
            self.list(&mut ty.shape.0, |m| m.number().unsigned_abs() as usize);
        }
    }

    /// A row with one to three changes; `None` when its attributes do not parse or its operands are
    /// impossible.
    fn apply(&mut self, row: &Row) -> Option<(Op, Vec<Type>)> {
        let mut attrs: Attrs = row.op.rules().attrs();
        let mut types: Vec<Type> = row.x.iter().map(|a| a.ty.clone()).collect();
        for _ in 0..1 + self.numbers.below(3) {
            match (self.numbers.below(5), attrs.list.len(), types.len()) {
                (0, _, 1..) => drop(types.pop()),
                (1, _, n @ 1..) => {
                    let at = self.numbers.below(n);
                    self.ty(&mut types[at]);
                }
                (_, n @ 1.., _) => {
                    let at = self.numbers.below(n);
                    self.attr(&mut attrs.list[at].1);
                }
                _ => {}
            }
        }
        // Operands were themselves checked: no value is larger than memory.
        if types.iter().any(|t| sized("input", t.clone()).is_err()) {
            return None;
        }
        let op = Op::parse(row.op.name(), &attrs)
            .expect("a known name")
            .ok()?;
        Some((op, types))
    }
}

fn all_rows() -> Vec<Row> {
    let mut rows = rows::structural();
    rows.extend(rows::convolutions());
    rows.extend(rows::others());
    rows
}

#[test]
fn wild_numbers_do_not_panic() {
    for (i, row) in all_rows().iter().enumerate() {
        let mut mutation = Mutation {
            numbers: Numbers(i as u64),
            pool: &WILD,
        };
        for _ in 0..400 {
            if let Some((op, types)) = mutation.apply(row) {
                let _ = op.rules().infer(&types);
            }
        }
    }
}

#[test]
fn what_is_accepted_runs() {
    let mut ran = 0;
    for (i, row) in all_rows().iter().enumerate() {
        let mut mutation = Mutation {
            numbers: Numbers(i as u64),
            pool: &MILD,
        };
        for seed in 0..30 {
            let Some((op, types)) = mutation.apply(row) else {
                continue;
            };
            let Ok(results) = op.rules().infer(&types) else {
                continue;
            };
            if types.iter().chain(&results).all(|t| t.count() < 2000) {
                let operands = types.iter().map(|t| fill(&t.to_string(), seed));
                let x: Vec<Array> = operands.collect();
                check(op, &x);
                ran += 1;
            }
        }
    }
    assert!(ran > 500, "{ran}");
}
