//! What is to be done to a table.

use serde::{Deserialize, Serialize};

/// What is done about cells that are missing.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They are an error.
    #[default]
    Refuse,
    /// Their rows are left out.
    Drop,
    /// The mean of the column.
    Mean,
    /// The median of the column.
    Median,
    /// The most frequent value of the column.
    MostFrequent,
    /// This number, on the scale of the column.
    Constant(f64),
    /// The mean of that many rows that are most alike.
    Neighbours(usize),
    /// What a regression on all other columns predicts; the regressions are trained in rounds.
    Regression,
}

/// What columns of numbers are brought to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Mean 0 and standard deviation 1.
    #[default]
    Standard,
    /// From 0 to 1.
    MinMax,
    /// They stay.
    None,
}

/// What the label column means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Words are classes; so are whole numbers that are exactly 0 to some largest, other numbers are values.
    #[default]
    Auto,
    /// Every distinct cell is a class.
    Classes,
    /// A number to be predicted.
    Values,
}

/// How a table becomes samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Preparation {
    /// The column to be predicted.
    pub target: String,
    /// What it means.
    pub task: Task,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// What is done about missing cells.
    pub missing: Missing,
    /// Whether columns with missing cells get one that says where, 1 for missing.
    pub indicators: bool,
    /// What columns of numbers are brought to.
    pub scale: Scale,
    /// Whether values to be predicted are brought to mean 0 and standard deviation 1. [`Prepared::value`] takes
    /// it back.
    ///
    /// [`Prepared::value`]: super::Prepared::value
    pub scale_target: bool,
}

impl Preparation {
    /// All other columns predict `target`; a missing cell is an error.
    pub fn new(target: &str) -> Preparation {
        Preparation {
            target: target.to_string(),
            task: Task::default(),
            ignore: vec![],
            missing: Missing::default(),
            indicators: false,
            scale: Scale::default(),
            scale_target: false,
        }
    }
}
