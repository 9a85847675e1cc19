//! Tables with gaps: types, filling, what is learnt from the training part only.

use super::refusal;
use crate::data::prepare::{Missing, Preparation, Prepared, Scale, Task};
use crate::data::table::{Column, Table};
use crate::data::{DataError, Dataset, Labels};
use std::path::Path;

fn table(text: &str) -> Table {
    Table::parse(text.as_bytes(), Path::new("t.csv"), b',').expect("a table")
}

fn prepared(text: &str, plan: &Preparation) -> Result<(Dataset, Vec<usize>), DataError> {
    let table = table(text);
    Prepared::fit(&table, plan)?.dataset(&table)
}

const GAPS: &str = "a,b,c,y\n1,10,red,x\n2,,blue,y\n,30,red,y\n4,40,,x\n5,10,red,x\n";

fn plan(missing: Missing) -> Preparation {
    Preparation {
        missing,
        scale: Scale::None,
        ..Preparation::new("y")
    }
}

fn inputs(missing: Missing) -> Vec<f32> {
    let (data, _) = prepared(GAPS, &plan(missing)).expect("is prepared");
    data.inputs().iter().copied().collect()
}

#[test]
fn columns_have_types_and_gaps() {
    let t = table("n,w,m\n1,a,1\n?,NA,x\n-2.5e1,b,\n");
    let numbers = vec![Some(1.0), None, Some(-25.0)];
    assert_eq!(*t.column("n").expect("is there"), Column::Numbers(numbers));
    let words = [Some("a"), None, Some("b")].map(|w| w.map(str::to_string));
    assert_eq!(
        *t.column("w").expect("is there"),
        Column::Words(words.to_vec())
    );
    assert!(matches!(t.column("m").expect("is there"), Column::Words(_)));
    assert_eq!(
        refusal(t.column("q")),
        "t.csv: no column `q`; the columns are n, w, m"
    );
    let ragged = Table::parse(b"a,b\n1,2\n3\n", Path::new("t.csv"), b',');
    assert!(refusal(ragged).starts_with("t.csv: line 3: 1 cells"));
}

#[test]
fn gaps_are_filled_by_mean_median_mode_and_constant() {
    // Columns a, b, c=blue, c=red.
    let mean = [
        1.0, 10.0, 0.0, 1.0, 2.0, 22.5, 1.0, 0.0, 3.0, 30.0, 0.0, 1.0, 4.0, 40.0, 0.25, 0.75, 5.0,
        10.0, 0.0, 1.0,
    ];
    assert_eq!(inputs(Missing::Mean), mean);
    let at = |x: &[f32], row: usize, column: usize| x[row * 4 + column];
    let median = inputs(Missing::Median);
    assert_eq!((at(&median, 2, 0), at(&median, 1, 1)), (3.0, 20.0));
    let mode = inputs(Missing::MostFrequent);
    assert_eq!(
        (
            at(&mode, 2, 0),
            at(&mode, 1, 1),
            at(&mode, 3, 2),
            at(&mode, 3, 3)
        ),
        (1.0, 10.0, 0.0, 1.0)
    );
    let constant = inputs(Missing::Constant(-1.0));
    assert_eq!((at(&constant, 2, 0), at(&constant, 3, 3)), (-1.0, -1.0));
}

#[test]
fn rows_are_dropped_or_refused() {
    let (data, rows) = prepared(GAPS, &plan(Missing::Drop)).expect("is prepared");
    assert_eq!(rows, [0, 4]);
    assert_eq!(data.len(), 2);
    let message = refusal(prepared(GAPS, &plan(Missing::Refuse)));
    assert!(
        message.starts_with("t.csv: line 3, column 2 (`b`): the cell is empty; `missing = "),
        "{message}"
    );
}

#[test]
fn neighbours_fill_with_what_is_most_alike() {
    let text = "a,b,y\n0,100,x\n0.1,110,x\n9,500,y\n9.1,,y\n0.05,,x\n";
    let fill = |k| {
        let (data, _) = prepared(text, &plan(Missing::Neighbours(k))).expect("is prepared");
        (data.inputs()[[3, 1]], data.inputs()[[4, 1]])
    };
    assert_eq!(fill(1), (500.0, 100.0));
    assert_eq!(fill(2).1, 105.0);
}

#[test]
fn regressions_find_a_line() {
    // b = 3 a + 1, on scales that differ; c is noise without gaps.
    let mut text = "a,b,c,y\n".to_string();
    for i in 0..40 {
        let a = f64::from(i);
        let b = if i % 7 == 3 {
            String::new()
        } else {
            (3.0 * a + 1.0).to_string()
        };
        text += &format!("{a},{b},{},{}\n", (i * 31) % 11, a * 2.0);
    }
    let plan = Preparation {
        missing: Missing::Regression,
        task: Task::Values,
        ..Preparation::new("y")
    };
    let table = table(&text);
    let prepared = Prepared::fit(&table, &plan).expect("fits");
    let (data, _) = prepared.dataset(&table).expect("is prepared");
    let x = data.inputs();
    // On the common scales a and b are the same number, up to what the ridge and the gaps cost.
    for row in [3, 10, 17, 24, 31, 38] {
        let (a, b) = (x[[row, 0]], x[[row, 1]]);
        assert!((a - b).abs() < 0.06, "{row}: {a} {b}");
    }
}

#[test]
fn what_is_learnt_is_learnt_from_the_training_part() {
    let plan = Preparation {
        missing: Missing::Mean,
        indicators: true,
        ..Preparation::new("y")
    };
    let fitted = Prepared::fit(&table(GAPS), &plan).expect("fits");
    assert_eq!(
        fitted.names(),
        ["a", "b", "c=blue", "c=red", "a?", "b?", "c?"]
    );
    let other = table("c,y,b,a\ngreen,x,,3\n");
    let (x, rows) = fitted.inputs(&other).expect("is prepared");
    assert_eq!(rows, [0]);
    // a is 3, the mean of the training part; b is missing; green is unknown.
    let row: Vec<f32> = x.iter().copied().collect();
    assert_eq!(row, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let wrong = table("c,y,b,a\nred,z,1,3\n");
    assert_eq!(
        refusal(fitted.dataset(&wrong)),
        "t.csv: line 2, column 2 (`y`): the model knows no class `z`; it knows x, y"
    );
    let wrong = table("c,y,b,a\nred,x,1,much\n");
    assert!(refusal(fitted.inputs(&wrong)).contains("`much` is not a number"));

    // Saved and read back, it does the same to the bit.
    for missing in [
        Missing::Mean,
        Missing::Neighbours(2),
        Missing::Regression,
        Missing::Constant(0.1),
    ] {
        let plan = Preparation {
            missing,
            ..plan.clone()
        };
        let fitted = Prepared::fit(&table(GAPS), &plan).expect("fits");
        let text = serde_json::to_string(&fitted).expect("is JSON");
        let read: Prepared = serde_json::from_str(&text).expect("reads");
        assert_eq!(read, fitted);
        let inputs = |p: &Prepared| p.inputs(&table(GAPS)).expect("is prepared").0;
        assert_eq!(inputs(&read), inputs(&fitted));
    }
}

#[test]
fn labels_are_classes_or_values() {
    let labels = |text: &str, task| {
        let plan = Preparation {
            task,
            ..Preparation::new("y")
        };
        prepared(text, &plan).map(|(data, _)| (data.labels().clone(), data.classes().to_vec()))
    };
    let ids = "a,y\n1,0\n2,1\n3,1\n";
    let (found, classes) = labels(ids, Task::Auto).expect("is prepared");
    assert!(matches!(found, Labels::Classes(_)));
    assert_eq!(classes, ["0", "1"]);
    assert!(matches!(
        labels(ids, Task::Values).expect("is prepared").0,
        Labels::Values(_)
    ));
    let years = "a,y\n1,1999\n2,2001\n3,1999\n";
    assert!(matches!(
        labels(years, Task::Auto).expect("is prepared").0,
        Labels::Values(_)
    ));
    let (_, classes) = labels(years, Task::Classes).expect("is prepared");
    assert_eq!(classes, ["1999", "2001"]);
    let words = "a,y\n1,x\n2,z\n";
    assert!(refusal(labels(words, Task::Values)).contains("`x` is not a number"));
}
