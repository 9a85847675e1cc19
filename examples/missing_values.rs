//! Penguins with gaps: each way to fill them, on the table as it is and with a third of its cells
//! taken out, judged by the species of penguins that were held out.

use craneflow::nn::data::prepare::{Missing, Preparation, Prepared};
use craneflow::nn::data::table::{Column, Table};
use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use std::error::Error;

const METHODS: [(&str, Missing); 7] = [
    ("drop rows", Missing::Drop),
    ("constant 0", Missing::Constant(0.0)),
    ("mean", Missing::Mean),
    ("median", Missing::Median),
    ("most frequent", Missing::MostFrequent),
    ("5 neighbours", Missing::Neighbours(5)),
    ("regression", Missing::Regression),
];

fn main() -> Result<(), Box<dyn Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/penguins.csv");
    let table = Table::read(path, b',')?;
    let sparse = with_gaps(&table, 1.0 / 3.0)?;
    println!("held-out accuracy, mean of three splits     as it is   a third taken out");
    for (name, missing) in METHODS {
        for indicators in [false, true] {
            if indicators && missing == Missing::Drop {
                continue;
            }
            let plan = Preparation {
                missing,
                indicators,
                ignore: vec!["island".to_string(), "year".to_string()],
                ..Preparation::new("species")
            };
            let [whole, sparse] = [mean(&table, &plan)?, mean(&sparse, &plan)?];
            let mark = if indicators { ", and where" } else { "" };
            println!(
                "{:40} {whole:8.1} % {sparse:16.1} %",
                format!("{name}{mark}")
            );
        }
    }
    Ok(())
}

/// Takes out a share of the cells of all columns but the label.
fn with_gaps(table: &Table, share: f32) -> Result<Table, Box<dyn Error>> {
    let mut rng = Rng::new(7);
    let mut gone = || rng.uniform() < share;
    let mut columns = vec![];
    for (name, column) in table.names().iter().zip(table.columns()) {
        columns.push(match column {
            column if name == "species" => column.clone(),
            Column::Numbers(cells) => {
                Column::Numbers(cells.iter().map(|c| c.filter(|_| !gone())).collect())
            }
            Column::Words(cells) => {
                let cells = cells.iter().cloned();
                Column::Words(cells.map(|c| c.filter(|_| !gone())).collect())
            }
        });
    }
    let names = table.names().to_vec();
    Ok(Table::new(table.path(), names, columns)?)
}

/// Accuracy in percent on the held-out third of three splits. Rows with gaps that are dropped
/// count as wrong: nothing is said about them.
fn mean(table: &Table, plan: &Preparation) -> Result<f64, Box<dyn Error>> {
    let mut sum = 0.0;
    for seed in 0..3 {
        let order = Rng::new(seed).permutation(table.len());
        let (test, train) = order.split_at(table.len() / 3);
        let (test, train) = (table.select(test), table.select(train));
        let prepared = Prepared::fit(&train, plan)?;
        let (data, _) = prepared.dataset(&train)?;
        let mut model = Sequential::new(Input::new(data.input_shape()))
            .add(Dense::new(16).activation(Activation::Relu))
            .add(Dense::new(3))
            .build()?
            .seed(seed);
        let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
        model.compile(Adam::new(0.01), loss, &[Metric::Accuracy])?;
        let options = FitOptions {
            epochs: 40,
            verbose: Verbose::Silent,
            ..FitOptions::default()
        };
        model.fit(data.inputs(), data.labels(), options)?;
        let (held_out, rows) = prepared.dataset(&test)?;
        let right = model.evaluate(held_out.inputs(), held_out.labels())?[1].1;
        sum += 100.0 * right * rows.len() as f64 / test.len() as f64;
    }
    Ok(sum / 3.0)
}
