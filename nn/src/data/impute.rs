//! Filling gaps in a matrix, whose gaps are what is no number.

use super::prepare::Missing;
use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

/// What fills gaps, as learnt from the training part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Imputer {
    /// Nothing.
    Nothing,
    /// A number for each column.
    Values(Vec<f64>),
    /// The mean of the rows that are most alike among these; gaps are `None`.
    Neighbours {
        k: usize,
        rows: Vec<Vec<Option<f64>>>,
        /// Where no row has a value.
        means: Vec<f64>,
    },
    /// Regressions of columns on all others, in the order in which they are applied, each a weight
    /// for every column (0 for its own) and a constant.
    Regression {
        means: Vec<f64>,
        columns: Vec<(usize, Vec<f64>)>,
    },
}

/// Rounds in which regressions are trained on what the others filled in, and are applied.
const ROUNDS: usize = 10;

/// Weight of the squared coefficients beside the mean squared error: columns may be copies of each
/// other, such as those of the words of a column, which sum to 1.
const RIDGE: f64 = 1e-3;

impl Imputer {
    /// Learns to fill gaps; `scales` are offset and scale of each column.
    pub fn fit(matrix: &Array2<f64>, missing: Missing, scales: &[(f64, f64)]) -> Imputer {
        let columns = |f: &dyn Fn(&[f64]) -> f64| {
            let column = |c: ArrayView1<'_, f64>| {
                let given: Vec<f64> = c.iter().copied().filter(|x| !x.is_nan()).collect();
                if given.is_empty() { 0.0 } else { f(&given) }
            };
            matrix
                .columns()
                .into_iter()
                .map(column)
                .collect::<Vec<f64>>()
        };
        match missing {
            Missing::Refuse | Missing::Drop => Imputer::Nothing,
            Missing::Mean => Imputer::Values(columns(&mean)),
            Missing::Median => Imputer::Values(columns(&median)),
            Missing::MostFrequent => Imputer::Values(columns(&most_frequent)),
            Missing::Constant(x) => {
                let value = |&(offset, scale): &(f64, f64)| (x - offset) / scale;
                Imputer::Values(scales.iter().map(value).collect())
            }
            Missing::Neighbours(k) => Imputer::Neighbours {
                k: k.max(1),
                rows: matrix
                    .rows()
                    .into_iter()
                    .map(|row| {
                        row.iter()
                            .map(|&x| Some(x).filter(|x| !x.is_nan()))
                            .collect()
                    })
                    .collect(),
                means: columns(&mean),
            },
            Missing::Regression => regression(matrix, columns(&mean)),
        }
    }

    /// Fills the gaps.
    pub fn fill(&self, matrix: &mut Array2<f64>) {
        match self {
            Imputer::Nothing => {}
            Imputer::Values(values) => fill_values(matrix, values),
            Imputer::Neighbours { k, rows, means } => {
                for mut row in matrix.rows_mut() {
                    if row.iter().any(|x| x.is_nan()) {
                        let filled = from_neighbours(row.view(), rows, *k, means);
                        row.assign(&filled);
                    }
                }
            }
            Imputer::Regression { means, columns } => {
                let gaps = matrix.map(|x| x.is_nan());
                fill_values(matrix, means);
                for _ in 0..ROUNDS {
                    for (column, weights) in columns {
                        apply(matrix, &gaps, *column, weights);
                    }
                }
            }
        }
    }
}

fn fill_values(matrix: &mut Array2<f64>, values: &[f64]) {
    for ((_, c), x) in matrix.indexed_iter_mut() {
        if x.is_nan() {
            *x = values[c];
        }
    }
}

fn mean(given: &[f64]) -> f64 {
    given.iter().sum::<f64>() / given.len() as f64
}

fn median(given: &[f64]) -> f64 {
    let mut sorted = given.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[half - 1] + sorted[half]) / 2.0,
        _ => sorted[half],
    }
}

/// The smallest of the most frequent.
fn most_frequent(given: &[f64]) -> f64 {
    let mut sorted = given.to_vec();
    sorted.sort_by(f64::total_cmp);
    let runs = sorted.chunk_by(|a, b| a == b);
    let longest = runs.rev().max_by_key(|run| run.len());
    longest.map_or(0.0, |run| run[0])
}

/// Distances are Euclidean over what both rows have, scaled up to all columns. Of rows equally far
/// the first come first.
fn from_neighbours(
    row: ArrayView1<'_, f64>,
    rows: &[Vec<Option<f64>>],
    k: usize,
    means: &[f64],
) -> Array1<f64> {
    let distance = |other: &[Option<f64>]| {
        let (mut sum, mut both) = (0.0, 0);
        for (x, y) in row.iter().zip(other) {
            if let (false, Some(y)) = (x.is_nan(), y) {
                sum += (x - y) * (x - y);
                both += 1;
            }
        }
        (both > 0).then(|| sum / f64::from(both))
    };
    let mut near: Vec<(f64, &Vec<Option<f64>>)> = rows
        .iter()
        .filter_map(|other| Some((distance(other)?, other)))
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let value = |(c, &x): (usize, &f64)| {
        if !x.is_nan() {
            return x;
        }
        let values: Vec<f64> = near.iter().filter_map(|(_, r)| r[c]).take(k).collect();
        if values.is_empty() {
            means[c]
        } else {
            mean(&values)
        }
    };
    row.iter().enumerate().map(value).collect()
}

/// Trains a regression for every column with gaps, those with the fewest first, in rounds.
fn regression(matrix: &Array2<f64>, means: Vec<f64>) -> Imputer {
    let gaps = matrix.map(|x| x.is_nan());
    let count = |c: usize| gaps.column(c).iter().filter(|gap| **gap).count();
    let mut order: Vec<usize> = (0..matrix.ncols()).collect();
    order.sort_by_key(|&c| count(c));
    let mut filled = matrix.clone();
    fill_values(&mut filled, &means);
    let mut columns = vec![];
    let partial = order.iter().any(|&c| count(c) > 0);
    let rounds = if partial { ROUNDS } else { 1 };
    for _ in 0..rounds {
        // A column without gaps here may have some in other data.
        columns = order
            .iter()
            .map(|&c| {
                let weights = ridge(&filled, &gaps, c);
                apply(&mut filled, &gaps, c, &weights);
                (c, weights)
            })
            .collect();
    }
    Imputer::Regression { means, columns }
}

/// Puts the predictions for a column into its gaps.
fn apply(matrix: &mut Array2<f64>, gaps: &Array2<bool>, column: usize, weights: &[f64]) {
    for (mut row, gap) in matrix.rows_mut().into_iter().zip(gaps.column(column)) {
        if *gap {
            let terms = row.iter().chain([&1.0]).zip(weights);
            row[column] = terms.map(|(x, w)| x * w).sum();
        }
    }
}

/// The regression of a column, over the rows that have it, on all others and a constant.
fn ridge(matrix: &Array2<f64>, gaps: &Array2<bool>, column: usize) -> Vec<f64> {
    let n = matrix.ncols() + 1;
    let mut normal = Array2::<f64>::zeros((n, n));
    let mut right = vec![0.0; n];
    let mut x = vec![0.0; n];
    let mut rows = 0.0;
    for (row, gap) in matrix.rows().into_iter().zip(gaps.column(column)) {
        if *gap {
            continue;
        }
        rows += 1.0;
        for (place, value) in x.iter_mut().zip(row.iter().chain([&1.0])) {
            *place = *value;
        }
        // Its own column explains nothing.
        x[column] = 0.0;
        for i in 0..n {
            right[i] += x[i] * row[column];
            for j in 0..=i {
                normal[[i, j]] += x[i] * x[j];
            }
        }
    }
    for i in 0..n {
        normal[[i, i]] += if i + 1 < n {
            RIDGE * f64::max(rows, 1.0)
        } else {
            1e-9
        };
    }
    solve(normal, right)
}

/// Solves a positive definite system of which the lower half is given, by Cholesky's factors.
fn solve(mut a: Array2<f64>, mut x: Vec<f64>) -> Vec<f64> {
    let n = x.len();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            let rest = a[[i, j]] - sum;
            a[[i, j]] = if i == j {
                rest.max(1e-12).sqrt()
            } else {
                rest / a[[j, j]]
            };
        }
    }
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| a[[i, k]] * x[k]).sum();
        x[i] = (x[i] - sum) / a[[i, i]];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| a[[k, i]] * x[k]).sum();
        x[i] = (x[i] - sum) / a[[i, i]];
    }
    x
}
