//! What can be wrong with a data set, and where.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// A data set that cannot be used. Byte positions count from 0 in the (uncompressed) file; lines,
/// columns and rows of text count from 1.
#[derive(Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is not what it was when the data set was opened.
    #[error(
        "{}: changed since the training began; leave the files alone while it runs, and begin anew", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Neither a name nor a path.
    #[error(
        "`{name}` is neither the name of a bundled data set (digits) nor an existing file or folder\n{hint}"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// How to obtain it, or which names are known.
        hint: String,
    },
    /// A file or folder in no known format.
    #[error(
        "{}: no known data set format; expected a .csv or .npz file, a folder with the four IDX files of MNIST \
         (train-images-idx3-ubyte, ...), or a folder with CIFAR-10 as data_batch_1.bin or data_batch_1.png, ...",
        path.display()
    )]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
    },
    /// A data set of several files lacks one.
    #[error("{}: `{file}` is missing; put it beside the other files of the data set", folder.display())]
    MissingFile {
        /// Where it was looked for.
        folder: PathBuf,
        /// Its usual name.
        file: String,
    },
    /// A gzip stream that is damaged or cut short.
    #[error("{}: the gzip stream breaks off after {at} uncompressed bytes ({source}); fetch the file again", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// How many bytes came out of it.
        at: u64,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// The first bytes are not those of the format.
    #[error("{}: not {format}: byte {at} starts with {found}, expected {expected}", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The format it should have.
        format: &'static str,
        /// Where the unexpected bytes are.
        at: u64,
        /// The bytes there.
        found: String,
        /// The bytes of the format.
        expected: &'static str,
    },
    /// The file ends too early.
    #[error("{}: ends at byte {at}, in the middle of {what} ({missing} bytes are missing); the file is cut short, fetch it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        at: u64,
        /// What was being read.
        what: &'static str,
        /// How many bytes more that needs.
        missing: u64,
    },
    /// The file goes on after its declared end.
    #[error("{}: {extra} bytes too many from byte {at} on, where {what} should end; the header is wrong or two files were joined", path.display())]
    Trailing {
        /// The file.
        path: PathBuf,
        /// Where it should end.
        at: u64,
        /// What ends there.
        what: &'static str,
        /// How many bytes follow.
        extra: u64,
    },
    /// A declared or actual size that no memory is given to.
    #[error("{}: byte {at}: {what} is larger than the limit of {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Where the size is declared, or was passed.
        at: u64,
        /// The quantity.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// A textual header that does not follow its grammar.
    #[error("{}: byte {at}: malformed header, expected {expected}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The first byte that does not fit.
        at: u64,
        /// What would fit.
        expected: &'static str,
    },
    /// An array of the wrong element type or rank.
    #[error("{}: holds {found}, expected {expected}", path.display())]
    Elements {
        /// The file.
        path: PathBuf,
        /// Element type and shape found.
        found: String,
        /// Those required.
        expected: &'static str,
    },
    /// A class label without a class.
    #[error("{}: {unit} {at}: label {label} is outside 0..{classes}", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// `byte` or `entry`: what `at` counts.
        unit: &'static str,
        /// The place.
        at: u64,
        /// The label there.
        label: i64,
        /// The number of classes.
        classes: usize,
    },
    /// Inputs and labels that do not pair up.
    #[error("{} has {inputs} inputs, but {} has {labels} labels; the files do not belong together", inputs_path.display(), labels_path.display())]
    Counts {
        /// Where the inputs are.
        inputs_path: PathBuf,
        /// How many.
        inputs: usize,
        /// Where the labels are.
        labels_path: PathBuf,
        /// How many.
        labels: usize,
    },
    /// A PNG file that cannot be decoded.
    #[error("{}: damaged PNG in pixel row {row}, near byte {at}: {source}", path.display())]
    Png {
        /// The file.
        path: PathBuf,
        /// Rows decoded before (0 also for the header).
        row: u64,
        /// How far the file was read.
        at: u64,
        /// What the decoder said.
        source: png::DecodingError,
    },
    /// A file that its format's reader refuses.
    #[error("{}: damaged {format}: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A sound with another number of samples in a second than the others.
    #[error("{}: {found} samples in a second, expected {expected}; convert it first", path.display())]
    SoundRate {
        /// The file.
        path: PathBuf,
        /// Its samples in a second.
        found: u32,
        /// Those of the others.
        expected: u32,
    },
    /// Samples that cannot be cut into so many parts.
    #[error(
        "data set `{name}`: {samples} samples do not make {folds} folds; at least 2 folds, each of at least one sample"
    )]
    Folds {
        /// The data set.
        name: String,
        /// Number of folds.
        folds: usize,
        /// Number of samples.
        samples: usize,
    },
    /// A JSON file of labels that is not an array of small numbers.
    #[error("{}: expected a JSON array of labels: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// A table with a label column only.
    #[error("{}: one column only, but features and a label need at least two; cells should be separated by `{}`", path.display(), delimiter.escape_default())]
    OneColumn {
        /// The file.
        path: PathBuf,
        /// What was taken to separate cells.
        delimiter: char,
    },
    /// A table without rows, or a data set without samples.
    #[error("{}: holds no samples", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A row of a table with too few or too many cells.
    #[error("{}: line {line}: {found} cells, but the lines before have {expected}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: u64,
        /// Cells in this row.
        found: usize,
        /// Cells in the first row.
        expected: usize,
    },
    /// A cell of a table that cannot be used.
    #[error("{}: line {line}, column {column}{}: {problem}", path.display(), name.as_ref().map(|n| format!(" (`{n}`)")).unwrap_or_default())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: u64,
        /// The column.
        column: usize,
        /// The column's name, where the table has a header.
        name: Option<String>,
        /// What is wrong.
        problem: CellProblem,
    },
    /// A label column that the table does not have.
    #[error("{}: no column {wanted}; the columns are {columns}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        columns: String,
    },
    /// Inputs and labels given in memory do not pair up.
    #[error(
        "data set `{name}`: inputs of shape {inputs:?} and labels of shape {labels:?}; the first axis of both counts the samples"
    )]
    Samples {
        /// The data set.
        name: String,
        /// Shape of the inputs.
        inputs: Vec<usize>,
        /// Shape of the labels.
        labels: Vec<usize>,
    },
    /// A class label given in memory is outside the classes.
    #[error("data set `{name}`: sample {sample} has label {label}, outside 0..{classes}")]
    ClassRange {
        /// The data set.
        name: String,
        /// The sample, from 0.
        sample: usize,
        /// Its label.
        label: i32,
        /// The number of classes.
        classes: usize,
    },
    /// A split that would leave a part empty.
    #[error(
        "data set `{name}`: holding out {fraction} of {samples} samples leaves a part empty; use a fraction between 0 and 1 that fits"
    )]
    Fraction {
        /// The data set.
        name: String,
        /// The fraction asked for.
        fraction: f64,
        /// How many samples there are.
        samples: usize,
    },
    /// Elements of a pipeline that cannot be stacked to a batch.
    #[error(
        "sample {sample} of the epoch: array {column} is {found}, the batch begins with {expected}; padded_batch stacks different sizes"
    )]
    Stack {
        /// The sample, from 0 in the order of the epoch.
        sample: usize,
        /// Which of its arrays.
        column: usize,
        /// Type of that array in the first sample.
        expected: String,
        /// Its type in this sample.
        found: String,
    },
    /// A thread of a pipeline ended before its work.
    #[error("a thread that makes samples ready ended in a panic; its message is above")]
    Worker,
    /// What a user's function had to say.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
    /// Stratification needs classes.
    #[error("data set `{name}`: its labels are values, not classes; use the split without strata")]
    NoClasses {
        /// The data set.
        name: String,
    },
}

/// The sentence: what a `main` that returns it prints.
impl fmt::Debug for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with one cell of a table.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CellProblem {
    /// Empty, or one of the usual marks for "not available".
    #[error("the cell is missing ({}); fill it in or leave the row out", if mark.is_empty() { "empty".into() } else { format!("`{mark}`") })]
    Missing {
        /// The mark; empty where the cell is.
        mark: String,
    },
    /// Empty, where nothing was said about gaps.
    #[error(
        "the cell is empty; `missing = \"mean\"` fills such cells and \"drop\" leaves their rows out (`Preparation::missing`)"
    )]
    Gap,
    /// Text in the column to be predicted, which is said to be numbers.
    #[error(
        "`{text}` is not a number, but the column is to be predicted as values; `task = \"classes\"` takes words"
    )]
    NotValue {
        /// The cell.
        text: String,
    },
    /// Text where a number is needed.
    #[error("`{text}` is not a number; encode the column as numbers or leave it out")]
    NotNumber {
        /// The cell.
        text: String,
    },
    /// A number that `f32` cannot hold, or an infinity.
    #[error("`{text}` is not a finite number within the range of f32")]
    NotFinite {
        /// The cell.
        text: String,
    },
    /// A class that was not there in training.
    #[error("the model knows no class `{text}`; it knows {known}")]
    Class {
        /// The cell.
        text: String,
        /// The classes of the training part.
        known: String,
    },
    /// Bytes that are not UTF-8.
    #[error("the cell is not UTF-8 text; convert the file to UTF-8")]
    Encoding,
}
