//! What the cells of a column have in common.

use super::{Scale, Task};
use crate::data::table::Column;

/// The distinct words in order.
pub(super) fn distinct(column: &Column) -> Vec<String> {
    let rows = match column {
        Column::Numbers(cells) => cells.len(),
        Column::Words(cells) => cells.len(),
    };
    let words: std::collections::BTreeSet<String> =
        (0..rows).filter_map(|row| column.word(row)).collect();
    words.into_iter().collect()
}

/// The distinct labels: numbers by size, words by alphabet.
pub(super) fn classes(column: &Column) -> Vec<String> {
    let mut words = distinct(column);
    if let Column::Numbers(_) = column {
        let number = |word: &String| word.parse::<f64>().unwrap_or(f64::INFINITY);
        words.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    words
}

pub(super) fn is_classes(column: &Column, task: Task) -> bool {
    match (task, column) {
        (Task::Classes, _) => true,
        (Task::Values, _) => false,
        (Task::Auto, Column::Words(_)) => true,
        (Task::Auto, Column::Numbers(_)) => {
            let words = classes(column);
            let numbers = words.iter().enumerate();
            words.len() > 1 && numbers.into_iter().all(|(i, w)| *w == i.to_string())
        }
    }
}

/// Offset and scale of the cells that are there.
pub(super) fn scaled(cells: &[Option<f64>], scale: Scale) -> (f64, f64) {
    let given: Vec<f64> = cells.iter().flatten().copied().collect();
    let n = given.len().max(1) as f64;
    let or_one = |x: f64| if x > 0.0 { x } else { 1.0 };
    match scale {
        Scale::None => (0.0, 1.0),
        Scale::Standard => {
            let mean = given.iter().sum::<f64>() / n;
            let variance = given.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            (mean, or_one(variance.sqrt()))
        }
        Scale::MinMax if given.is_empty() => (0.0, 1.0),
        Scale::MinMax => {
            let min = given.iter().copied().fold(f64::INFINITY, f64::min);
            let max = given.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (min, or_one(max - min))
        }
    }
}
