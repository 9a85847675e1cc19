use std::path::Path;

use ndarray::array;

use super::super::csv::{Column, CsvOptions, Header, Target};
use super::super::{DataError, Dataset, Labels, csv};
use super::refusal;

fn parse(text: &str) -> Result<Dataset, DataError> {
    with(text, CsvOptions::default())
}

fn with(text: &str, options: CsvOptions) -> Result<Dataset, DataError> {
    csv::parse(text.as_bytes(), Path::new("folder/t.csv"), &options)
}

fn class_ids(text: &str) -> (Vec<i32>, Vec<String>) {
    let table = parse(text).unwrap();
    let ids = table
        .class_ids()
        .expect("classes")
        .iter()
        .copied()
        .collect();
    (ids, table.classes().to_vec())
}

#[test]
fn headers_are_recognised() {
    let plain = parse("1,2.5,0\n-3,4e-1,1\n").unwrap();
    assert_eq!(plain.name(), "t");
    assert_eq!(plain.inputs(), array![[1.0, 2.5], [-3.0, 0.4]].into_dyn());
    assert_eq!(plain.labels(), &Labels::Classes(array![0, 1].into_dyn()));
    for text in [
        "x,y,label\n1,2.5,0\n-3,4e-1,1\n",
        "\u{feff}\"x\", y ,label\r\n 1, 2.5,0\r\n\r\n-3,\"0.4\",1",
    ] {
        assert_eq!(parse(text).unwrap(), plain, "{text:?}");
    }
    let first = CsvOptions {
        header: Header::Present,
        ..Default::default()
    };
    assert_eq!(with("0,1,2\n1,2.5,0\n-3,0.4,1\n", first).unwrap(), plain);
}

#[test]
fn labels_become_classes_or_values() {
    let strings = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(
        class_ids("1,b\n2,a\n3,b\n"),
        (vec![1, 0, 1], strings(&["a", "b"]))
    );
    assert_eq!(
        class_ids("1,2\n2,0\n3,1\n"),
        (vec![2, 0, 1], strings(&["0", "1", "2"]))
    );
    assert_eq!(
        class_ids("1,1.0\n2,-0\n3,01\n4,0\n").0,
        [1, 0, 1, 0],
        "spelling makes no class"
    );
    assert_eq!(
        class_ids("3,1,no,yes\n1,1\n2,0\n3,1\n"),
        (vec![1, 0, 1], strings(&["no", "yes"]))
    );
    let values = parse("1,3\n2,1\n").unwrap();
    assert_eq!(
        values.labels(),
        &Labels::Values(array![[3.0], [1.0]].into_dyn())
    );
    let options = |target| CsvOptions {
        target,
        ..Default::default()
    };
    let table = with("1,10\n2,9\n3,10\n", options(Target::Class)).unwrap();
    assert_eq!(table.class_ids(), Some(&array![1, 0, 1].into_dyn()));
    assert_eq!(table.classes(), ["9", "10"]);
    assert_eq!(
        table.one_hot(),
        Some(array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]].into_dyn())
    );
    let table = with("1,1\n2,0\n", options(Target::Value)).unwrap();
    assert_eq!(table.values(), Some(&array![[1.0], [0.0]].into_dyn()));
    assert_eq!(
        refusal(with("1,1\n2,x\n", options(Target::Value))),
        "folder/t.csv: line 2, column 2: `x` is not a number; encode the column as numbers or leave it out"
    );
    assert_eq!(
        refusal(parse("1,1\n2,x\n")),
        refusal(with("1,1\n2,x\n", options(Target::Value)))
    );
}

#[test]
fn the_label_column_is_found() {
    let option = |label| CsvOptions {
        label,
        ..Default::default()
    };
    let text = "kind,x,y\na,1,2\nb,3,4\n";
    let expected = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
    for label in [Column::Index(0), Column::Name("kind".into())] {
        let table = with(text, option(label)).unwrap();
        assert_eq!((table.inputs(), table.classes().len()), (&expected, 2));
    }
    assert_eq!(
        refusal(with(text, option(Column::Name("sort".into())))),
        "folder/t.csv: no column `sort`; the columns are kind, x, y"
    );
    assert_eq!(
        refusal(with("1,2\n", option(Column::Index(2)))),
        "folder/t.csv: no column number 3; the columns are 1 to 2, without names"
    );
}

#[test]
fn bad_cells_are_refused_with_line_and_column() {
    let cell = |text| refusal(parse(text));
    assert_eq!(
        cell("x,y,label\n1,2,0\n\n1,,1\n"),
        "folder/t.csv: line 4, column 2 (`y`): the cell is missing (empty); fill it in or leave the row out"
    );
    assert_eq!(
        cell("1,2,0\n1,NA,1\n"),
        "folder/t.csv: line 2, column 2: the cell is missing (`NA`); fill it in or leave the row out"
    );
    assert_eq!(
        cell("1,2,0\n1,2,?\n"),
        "folder/t.csv: line 2, column 3: the cell is missing (`?`); fill it in or leave the row out"
    );
    assert_eq!(
        cell("1,2,0\n\"two\nlines\",2,0\n"),
        "folder/t.csv: line 2, column 1: `two\nlines` is not a number; encode the column as numbers or leave it out"
    );
    assert_eq!(
        cell("1,1e39,0\n"),
        "folder/t.csv: line 1, column 2: `1e39` is not a finite number within the range of f32"
    );
    assert_eq!(
        cell("1,2,0\n1,2\n"),
        "folder/t.csv: line 2: 2 cells, but the lines before have 3"
    );
    assert_eq!(
        cell("x,label\n1,2,0\n"),
        "folder/t.csv: line 2: 3 cells, but the lines before have 2"
    );
    let latin = csv::parse(
        b"a,b\n1,2\n\xe9,0\n",
        Path::new("t.csv"),
        &CsvOptions::default(),
    );
    assert_eq!(
        refusal(latin),
        "t.csv: line 3, column 1: the cell is not UTF-8 text; convert the file to UTF-8"
    );
}

#[test]
fn tables_without_content_are_refused() {
    for text in ["", "\n\n", "x,label\n"] {
        assert_eq!(
            refusal(parse(text)),
            "folder/t.csv: holds no samples",
            "{text:?}"
        );
    }
    assert_eq!(
        refusal(parse("1 2\n3 4\n")),
        "folder/t.csv: one column only, but features and a label need at least two; \
         cells should be separated by `,`"
    );
    let spaces = CsvOptions {
        delimiter: b' ',
        ..Default::default()
    };
    assert_eq!(
        with("1 2.5\n3 4.5\n", spaces).unwrap().inputs(),
        array![[1.0], [3.0]].into_dyn()
    );
}
