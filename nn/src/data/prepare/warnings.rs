//! What happens to a table without anybody asking for it, for people to read.

use super::{Kind, Missing, Prepared};
use crate::data::table::Table;
use std::collections::BTreeSet;

/// More words of a column than are usual, unless they come again.
const MANY: usize = 50;

/// `1 row has`, `2 rows have`.
pub(crate) fn rows_have(count: usize, all: usize) -> String {
    match count {
        1 => format!("1 of {all} rows has"),
        _ => format!("{count} of {all} rows have"),
    }
}

impl Prepared {
    /// Columns of words that hardly come twice: each of these words is an input.
    pub(crate) fn wide(&self, rows: usize) -> Vec<String> {
        let mut found = vec![];
        for feature in &self.features {
            if let Kind::Words(words) = &feature.kind
                && words.len() > MANY
                && words.len() * 2 > rows
            {
                found.push(format!(
                    "the column `{}` has {} different texts in {rows} rows, and each becomes an input; leave it out \
                     with `ignore`, or describe texts with kind = \"text\"",
                    feature.name,
                    words.len()
                ));
            }
        }
        found
    }

    /// What is strange about rows to predict, of which `kept` are used.
    pub(crate) fn strange(&self, table: &Table, kept: &[usize]) -> Vec<String> {
        let mut found = vec![];
        if kept.len() < table.len() {
            debug_assert!(self.missing == Missing::Drop);
            let have = rows_have(table.len() - kept.len(), table.len());
            found.push(format!("{have} gaps and are left out (missing = \"drop\")"));
        }
        let columns = self.features.iter().filter_map(|f| {
            let column = table.column(&f.name).ok()?;
            Some((f, column))
        });
        let columns: Vec<_> = columns.collect();
        for (feature, column) in &columns {
            let Kind::Words(known) = &feature.kind else {
                continue;
            };
            let words = kept.iter().filter_map(|&row| column.word(row));
            let new: BTreeSet<String> = words.filter(|w| !known.contains(w)).collect();
            if let Some(first) = new.first() {
                let more = match new.len() {
                    1 => String::new(),
                    n => format!(" and {} more", n - 1),
                };
                found.push(format!(
                    "column `{}`: `{first}`{more} was not there in training and counts as no word",
                    feature.name
                ));
            }
        }
        let blank = |row: &&usize| columns.iter().all(|(_, column)| column.is_missing(**row));
        if let Some(&row) = kept.iter().find(blank) {
            let place = table.place(row);
            found.push(format!(
                "{place} is empty: what is said about it is said of no row in particular"
            ));
        }
        found
    }
}
