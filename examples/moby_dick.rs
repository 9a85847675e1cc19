//! Learns to write like Melville, character by character: an LSTM and a small GPT.
//!
//! `cargo run --release --example moby_dick [lstm|gpt] [FILE] [EPOCHS] [SEED]`; without the file of the
//! whole book it takes the first three chapters.

use craneflow::nn::layers::{
    Call, Embedding, LayerNorm, Lstm, TokenAndPositionEmbedding, TransformerDecoder,
};
use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use ndarray::{Array2, s};
use std::collections::BTreeSet;
use std::error::Error;

/// Characters that the model sees at once.
const TIME: usize = 64;
const EXCERPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/moby_dick.txt");

fn main() -> Result<(), Box<dyn Error>> {
    let argument = |n| std::env::args().nth(n);
    let kind = argument(1).unwrap_or("lstm".to_string());
    let path = argument(2).unwrap_or(EXCERPT.to_string());
    let epochs = argument(3).map_or(Ok(2), |n| n.parse())?;
    let seed = argument(4).map_or(Ok(1), |n| n.parse())?;

    let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let characters: Vec<char> = text.chars().collect::<BTreeSet<_>>().into_iter().collect();
    let number = |c: char| characters.binary_search(&c).map_or(0, |n| n as i32);
    let numbers: Vec<i32> = text.chars().map(number).collect();
    // The last tenth of the book is held out.
    let (train, test) = numbers.split_at(numbers.len() * 9 / 10);
    let ((x, y), (test_x, test_y)) = (windows(train), windows(test));

    let mut model = match kind.as_str() {
        "lstm" => lstm(characters.len())?,
        "gpt" => gpt(characters.len())?,
        other => return Err(format!("{other}: is neither lstm nor gpt").into()),
    }
    .seed(seed);
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    model.compile(Adam::new(0.002), loss, &[])?;
    let options = FitOptions {
        epochs,
        batch_size: 32,
        validation_data: Some(((&test_x).into(), (&test_y).into())),
        verbose: Verbose::Lines,
        ..FitOptions::default()
    };
    let start = std::time::Instant::now();
    let history = model.fit(&x, &y, options)?;
    let bits = history.last("val_loss").unwrap_or(f64::NAN) / std::f64::consts::LN_2;
    let seconds = start.elapsed().as_secs_f64();
    println!("{kind}, seed {seed}: {bits:.3} bits for a character not seen, {seconds:.1} s");
    assert!(bits < 5.0, "six bits would be guessing");

    let written = write(&mut model, &test[..TIME], 300, seed)?;
    let written: String = written.iter().map(|&n| characters[n as usize]).collect();
    println!("\n{}", written.trim());
    Ok(())
}

/// Pieces of the text, and the characters that follow each of theirs.
fn windows(numbers: &[i32]) -> (Array2<i32>, Array2<i32>) {
    let count = (numbers.len() - 1) / TIME;
    let piece = |from: usize| {
        let numbers = numbers[from..from + count * TIME].to_vec();
        Array2::from_shape_vec((count, TIME), numbers).expect("is of that length")
    };
    (piece(0), piece(1))
}

fn lstm(characters: usize) -> Result<Model, NnError> {
    Sequential::new(Input::new([TIME]).dtype(DType::I32))
        .add(Embedding::new(characters, 32))
        .add(Lstm::new(128).return_sequences())
        .add(Dense::new(characters))
        .build()
}

fn gpt(characters: usize) -> Result<Model, NnError> {
    let x = Input::new([TIME]).dtype(DType::I32).symbol();
    let mut y = TokenAndPositionEmbedding::new(characters, TIME, 64).call(&x);
    for _ in 0..2 {
        let block = TransformerDecoder::new(4, 256).activation(Activation::Gelu);
        y = block.normalize_first().call(&y);
    }
    let y = Dense::new(characters).call(&LayerNorm::new().call(&y));
    Model::new(&[&x], &[&y])
}

/// Goes on with a text, each character drawn with the probability that the model gives it.
fn write(model: &mut Model, start: &[i32], count: usize, seed: u64) -> Result<Vec<i32>, NnError> {
    let mut rng = Rng::new(seed);
    let mut text = start.to_vec();
    for _ in 0..count {
        let last = text[text.len() - TIME..].to_vec();
        let x = Array2::from_shape_vec((1, TIME), last).expect("is one row");
        let logits = model.predict(&x)?;
        let logits = logits.slice(s![0, TIME - 1, ..]);
        // Gumbel's way to draw from a softmax; colder than 1, so that it writes fewer misprints.
        let noise = |rng: &mut Rng| -(-(rng.uniform().max(1e-7)).ln()).ln();
        let scores = logits.iter().map(|x| x / 0.7 + noise(&mut rng));
        let best = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        text.push(best.map_or(0, |(n, _)| n as i32));
    }
    Ok(text.split_off(TIME))
}
