//! From tables to numbers: filling what is missing, one column for each word, common scales. All that
//! is learnt is learnt from the training part, and saved with the model.
//!
//! ```
//! use craneflow_nn::data::{Table, prepare::{Missing, Preparation, Prepared}};
//! let text = "island,mass,species\nA,1.0,x\nB,,y\nA,3.0,x\n";
//! let table = Table::parse(text.as_bytes(), "t.csv".as_ref(), b',')?;
//! let plan = Preparation { missing: Missing::Mean, ..Preparation::new("species") };
//! let prepared = Prepared::fit(&table, &plan)?;
//! let (data, rows) = prepared.dataset(&table)?;
//! assert_eq!(data.inputs().shape(), [3, 3]);
//! assert_eq!(rows, [0, 1, 2]);
//! assert_eq!(data.inputs()[[1, 2]], 0.0); // the mean, on the common scale
//! # Ok::<(), craneflow_nn::data::DataError>(())
//! ```

mod columns;
mod plan;
mod warnings;

pub use plan::{Missing, Preparation, Scale, Task};

use super::impute::Imputer;
use super::table::{Column, Table};
use super::{CellProblem, DataError, Dataset, Labels};
use columns::{classes, distinct, is_classes, scaled};
use ndarray::{Array2, ArrayD};
use serde::{Deserialize, Serialize};
pub(crate) use warnings::rows_have;

/// What a column became.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Feature {
    name: String,
    kind: Kind,
    /// Whether a column says where it is missing.
    indicator: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// `(x - offset) / scale`.
    Number { offset: f64, scale: f64 },
    /// A column for each word; words that are not known have none.
    Words(Vec<String>),
}

/// A preparation that was fitted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Prepared {
    target: String,
    classes: Option<Vec<String>>,
    features: Vec<Feature>,
    missing: Missing,
    imputer: Imputer,
    /// Offset and scale of values to be predicted, where they are scaled.
    #[serde(default)]
    values: Option<(f64, f64)>,
}

impl Prepared {
    /// Learns from the training part.
    pub fn fit(table: &Table, plan: &Preparation) -> Result<Prepared, DataError> {
        let mut prepared = Prepared::labels(table, plan)?;
        let used = table.names().iter().zip(table.columns());
        let used = used.filter(|(n, _)| **n != plan.target && !plan.ignore.contains(n));
        let feature = |(name, column): (&String, &Column)| Feature {
            name: name.clone(),
            kind: match column {
                Column::Numbers(cells) => {
                    let (offset, scale) = scaled(cells, plan.scale);
                    Kind::Number { offset, scale }
                }
                Column::Words(_) => Kind::Words(distinct(column)),
            },
            indicator: plan.indicators && column.missing() > 0,
        };
        prepared.features = used.map(feature).collect();
        if prepared.features.is_empty() {
            return Err(DataError::OneColumn {
                path: table.path().into(),
                delimiter: ',',
            });
        }
        let matrix = prepared.matrix(table, &all(table))?;
        prepared.imputer = Imputer::fit(&matrix, plan.missing, &prepared.offsets());
        Ok(prepared)
    }

    /// Learns about the label alone, for inputs that are made in another way.
    pub(crate) fn labels(table: &Table, plan: &Preparation) -> Result<Prepared, DataError> {
        for name in plan.ignore.iter().chain([&plan.target]) {
            table.column(name)?;
        }
        let label = table.column(&plan.target)?;
        let classes = is_classes(label, plan.task).then(|| classes(label));
        if classes.is_none() && matches!(label, Column::Words(_)) {
            let row = (0..table.len())
                .find(|&r| !label.is_missing(r))
                .unwrap_or(0);
            let text = label.word(row).unwrap_or_default();
            return Err(table.wrong(row, &plan.target, CellProblem::NotValue { text }));
        }
        let values = match (&classes, label) {
            (None, Column::Numbers(cells)) if plan.scale_target => {
                Some(scaled(cells, Scale::Standard))
            }
            _ => None,
        };
        Ok(Prepared {
            values,
            target: plan.target.clone(),
            classes,
            features: vec![],
            missing: plan.missing,
            imputer: Imputer::Nothing,
        })
    }

    /// The samples of a table with labels, and which of its rows they are: a row without a label, or
    /// with a missing cell if such rows are dropped, is none.
    pub fn dataset(&self, table: &Table) -> Result<(Dataset, Vec<usize>), DataError> {
        let label = table.column(&self.target)?;
        let rows: Vec<usize> = self
            .complete(table)?
            .into_iter()
            .filter(|&row| !label.is_missing(row))
            .collect();
        let inputs = self.rows(table, &rows)?;
        Ok((self.with_labels(table, inputs, &rows)?, rows))
    }

    /// Inputs of all rows with their labels.
    pub(crate) fn labelled(
        &self,
        table: &Table,
        inputs: ArrayD<f32>,
    ) -> Result<Dataset, DataError> {
        let label = table.column(&self.target)?;
        if let Some(row) = (0..table.len()).find(|&row| label.is_missing(row)) {
            let mark = String::new();
            return Err(table.wrong(row, &self.target, CellProblem::Missing { mark }));
        }
        self.with_labels(table, inputs, &all(table))
    }

    fn with_labels(
        &self,
        table: &Table,
        inputs: ArrayD<f32>,
        rows: &[usize],
    ) -> Result<Dataset, DataError> {
        let label = table.column(&self.target)?;
        let labels = match (&self.classes, label) {
            (Some(classes), _) => {
                let id = |&row: &usize| {
                    let word = label.word(row).unwrap_or_default();
                    let found = classes.iter().position(|c| *c == word);
                    let problem = CellProblem::Class {
                        text: word,
                        known: classes.join(", "),
                    };
                    found
                        .map(|i| i as i32)
                        .ok_or_else(|| table.wrong(row, &self.target, problem))
                };
                let ids: Vec<i32> = rows.iter().map(id).collect::<Result<_, _>>()?;
                Labels::Classes(ndarray::Array1::from(ids).into_dyn())
            }
            (None, Column::Numbers(cells)) => {
                let (offset, scale) = self.values.unwrap_or((0.0, 1.0));
                let values = rows.iter().map(|&r| cells[r].unwrap_or(0.0));
                let values = values.map(|x| ((x - offset) / scale) as f32);
                let values = Array2::from_shape_vec((rows.len(), 1), values.collect());
                Labels::Values(values.expect("one column").into_dyn())
            }
            (None, Column::Words(_)) => {
                let row = rows.first().copied().unwrap_or(0);
                let text = label.word(row).unwrap_or_default();
                return Err(table.wrong(row, &self.target, CellProblem::NotValue { text }));
            }
        };
        let classes = self.classes.clone().unwrap_or_default();
        let data = Dataset::new(super::stem(table.path()), inputs, labels, classes)?;
        Ok(data.placed_at(rows.iter().map(|&row| table.place(row)).collect()))
    }

    /// The inputs of a table, labels or not, and which of its rows they are.
    pub fn inputs(&self, table: &Table) -> Result<(ArrayD<f32>, Vec<usize>), DataError> {
        let rows = self.complete(table)?;
        Ok((self.rows(table, &rows)?, rows))
    }

    /// The names of the classes, if the label is one.
    pub fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// The column that is predicted.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// A value to be predicted in the units of its column, of one that the model gives or is to give.
    pub fn value(&self, x: f32) -> f64 {
        match self.values {
            Some((offset, scale)) => f64::from(x) * scale + offset,
            None => f64::from(x),
        }
    }

    /// Whether values to be predicted have a scale of their own.
    pub(crate) fn scales_values(&self) -> bool {
        self.values.is_some()
    }

    /// What a mean or a root mean of differences of values is multiplied by to be in the units of the column,
    /// where values are scaled; `name` is that of the metric.
    pub fn units(&self, name: &str) -> Option<f64> {
        let linear = ["mean_absolute_error", "root_mean_squared_error"];
        let (_, scale) = self.values.filter(|_| linear.contains(&name))?;
        Some(scale)
    }

    /// Names of the inputs: `mass`, `island=A`, `mass?` where one says what is missing.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![];
        for f in &self.features {
            match &f.kind {
                Kind::Number { .. } => names.push(f.name.clone()),
                Kind::Words(words) => {
                    names.extend(words.iter().map(|w| format!("{}={w}", f.name)));
                }
            }
        }
        let marks = self.features.iter().filter(|f| f.indicator);
        names.extend(marks.map(|f| format!("{}?", f.name)));
        names
    }

    /// Rows that can be used; a missing cell that is refused is an error.
    fn complete(&self, table: &Table) -> Result<Vec<usize>, DataError> {
        let mut rows = vec![];
        'rows: for row in all(table) {
            for f in &self.features {
                if !table.column(&f.name)?.is_missing(row) {
                    continue;
                }
                match self.missing {
                    Missing::Drop => continue 'rows,
                    Missing::Refuse => return Err(table.wrong(row, &f.name, CellProblem::Gap)),
                    _ => {}
                }
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn rows(&self, table: &Table, rows: &[usize]) -> Result<ArrayD<f32>, DataError> {
        let mut matrix = self.matrix(table, rows)?;
        self.imputer.fill(&mut matrix);
        let marks: Vec<&Feature> = self.features.iter().filter(|f| f.indicator).collect();
        let width = matrix.ncols();
        let mut inputs = Array2::<f32>::zeros((rows.len(), width + marks.len()));
        for ((r, c), x) in matrix.indexed_iter() {
            inputs[[r, c]] = *x as f32;
        }
        for (m, mark) in marks.iter().enumerate() {
            let column = table.column(&mark.name)?;
            for (r, &row) in rows.iter().enumerate() {
                inputs[[r, width + m]] = f32::from(u8::from(column.is_missing(row)));
            }
        }
        Ok(inputs.into_dyn())
    }

    /// The columns on their scales; what is missing is no number.
    fn matrix(&self, table: &Table, rows: &[usize]) -> Result<Array2<f64>, DataError> {
        let width = self.offsets().len();
        let mut matrix = Array2::from_elem((rows.len(), width), f64::NAN);
        let mut at = 0;
        for f in &self.features {
            let column = table.column(&f.name)?;
            for (r, &row) in rows.iter().enumerate() {
                match (&f.kind, column) {
                    (Kind::Number { offset, scale }, Column::Numbers(cells)) => {
                        if let Some(x) = cells[row] {
                            matrix[[r, at]] = (x - offset) / scale;
                        }
                    }
                    (Kind::Number { .. }, Column::Words(_)) => {
                        if let Some(text) = column.word(row) {
                            let problem = CellProblem::NotNumber { text };
                            return Err(table.wrong(row, &f.name, problem));
                        }
                    }
                    (Kind::Words(words), _) => {
                        if let Some(word) = column.word(row) {
                            for (w, known) in words.iter().enumerate() {
                                matrix[[r, at + w]] = f64::from(u8::from(*known == word));
                            }
                        }
                    }
                }
            }
            at += f.kind.width();
        }
        Ok(matrix)
    }

    /// Offset and scale of each column of the matrix, for constants that are said on its own scale.
    fn offsets(&self) -> Vec<(f64, f64)> {
        let mut offsets = vec![];
        for f in &self.features {
            match &f.kind {
                Kind::Number { offset, scale } => offsets.push((*offset, *scale)),
                Kind::Words(words) => offsets.extend(words.iter().map(|_| (0.0, 1.0))),
            }
        }
        offsets
    }
}

impl Kind {
    fn width(&self) -> usize {
        match self {
            Kind::Number { .. } => 1,
            Kind::Words(words) => words.len(),
        }
    }
}

fn all(table: &Table) -> Vec<usize> {
    (0..table.len()).collect()
}
