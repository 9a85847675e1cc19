//! How many stars a user would give a film: a vector for each, and how alike they are.
//!
//! `cargo run --release --example recommender [FOLDER] [SEED]`; the folder has `train.csv` and `test.csv` with
//! the columns `user`, `film` and `stars`. Without it, tastes are made up.

use craneflow::nn::data::table::{Column, Table};
use craneflow::nn::host::Feed;
use craneflow::nn::layers::{Call, Dot, Embedding, Regularizer, Rescaling, Symbol};
use craneflow::nn::rng::Rng;
use craneflow::prelude::*;
use ndarray::{Array1, Array2, Axis};
use std::error::Error;
use std::path::Path;

/// Users, films and stars.
struct Ratings {
    users: Array2<i32>,
    films: Array2<i32>,
    stars: Array2<f32>,
}

impl Ratings {
    fn inputs(&self) -> [Feed<'_>; 2] {
        [(&self.users).into(), (&self.films).into()]
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seed = std::env::args().nth(2).map_or(Ok(1), |n| n.parse())?;
    let (train, test, full) = match std::env::args().nth(1) {
        Some(folder) => {
            let part = |name| read(&Path::new(&folder).join(name));
            (part("train.csv")?, part("test.csv")?, true)
        }
        None => (made_up(1, 4000)?, made_up(2, 1000)?, false),
    };
    let most = |f: fn(&Ratings) -> &Array2<i32>| {
        let all = f(&train).iter().chain(f(&test));
        all.max().map_or(0, |n| *n as usize + 1)
    };
    let (users, films) = (most(|r| &r.users), most(|r| &r.films));
    let mean = train.stars.mean().unwrap_or(0.0);
    println!(
        "{} ratings of {films} films by {users} users",
        train.stars.len()
    );

    let mut model = model(users, films, mean)?.seed(seed);
    let metrics = [Metric::RootMeanSquaredError];
    model.compile(Adam::new(0.003), Loss::MeanSquaredError, &metrics)?;
    let options = FitOptions {
        epochs: if full { 6 } else { 20 },
        batch_size: if full { 256 } else { 32 },
        verbose: Verbose::Lines,
        ..FitOptions::default()
    };
    let start = std::time::Instant::now();
    model.fit_all(&train.inputs(), &[(&train.stars).into()], options)?;
    let seconds = start.elapsed().as_secs_f64();
    let logs = model.evaluate_all(&test.inputs(), &[(&test.stars).into()], 256)?;
    let error = logs.last().map_or(f64::NAN, |log| log.1);
    let deviation = (&test.stars - mean)
        .mapv(|d| d * d)
        .mean()
        .unwrap_or(0.0)
        .sqrt();
    println!(
        "seed {seed}: {error:.4} stars off, {seconds:.1} s; always saying the mean: {deviation:.4}"
    );
    assert!(error < f64::from(deviation), "it knows more than the mean");

    let suggestions = suggest(&mut model, 0, films)?;
    println!("for user 0: films {suggestions:?}");
    Ok(())
}

fn model(users: usize, films: usize, mean: f32) -> Result<Model, NnError> {
    let user = Input::new([1]).dtype(DType::I32).name("user").symbol();
    let film = Input::new([1]).dtype(DType::I32).name("film").symbol();
    let table = |rows: usize, width: usize, x: &Symbol| {
        let table = Embedding::new(rows, width).regularizer(Regularizer::L2(1e-5));
        Flatten::new().call(&table.call(x))
    };
    let alike = Dot::new([1, 1]).call_all(&[&table(users, 16, &user), &table(films, 16, &film)]);
    let kind = &table(users, 1, &user) + &table(films, 1, &film);
    let stars = Rescaling::new(1.0, f64::from(mean)).call(&(&alike + &kind));
    Model::new(&[&user, &film], &[&stars])
}

/// The five films that a user would like best.
fn suggest(model: &mut Model, user: i32, films: usize) -> Result<Vec<usize>, NnError> {
    let users = Array2::from_elem((films, 1), user);
    let all = Array1::from_iter(0..films as i32).insert_axis(Axis(1));
    let stars = model.predict_all(&[(&users).into(), (&all).into()], 256)?;
    let stars: Vec<f32> = stars[0].iter().copied().collect();
    let mut order: Vec<usize> = (0..films).collect();
    order.sort_by(|&a, &b| stars[b].total_cmp(&stars[a]));
    order.truncate(5);
    Ok(order)
}

fn read(path: &Path) -> Result<Ratings, Box<dyn Error>> {
    let table = Table::read(path, b',')?;
    let numbers = |name: &str| -> Result<Vec<f64>, Box<dyn Error>> {
        match table.column(name)? {
            Column::Numbers(cells) => {
                let cells: Option<Vec<f64>> = cells.iter().copied().collect();
                Ok(cells.ok_or(format!("{}: {name} has gaps", path.display()))?)
            }
            Column::Words(_) => Err(format!("{}: {name} has words", path.display()).into()),
        }
    };
    let column = |name: &str| -> Result<Array2<f64>, Box<dyn Error>> {
        Ok(Array1::from(numbers(name)?).insert_axis(Axis(1)))
    };
    Ok(Ratings {
        users: column("user")?.mapv(|n| n as i32),
        films: column("film")?.mapv(|n| n as i32),
        stars: column("stars")?.mapv(|n| n as f32),
    })
}

/// Ratings of 40 films by 60 users, who have tastes of three parts.
fn made_up(seed: u64, count: usize) -> Result<Ratings, Box<dyn Error>> {
    let mut tastes = Rng::new(0);
    let mut table = |rows| Array2::from_shape_simple_fn((rows, 3), || tastes.normal());
    let (users, films) = (table(60), table(40));
    let mut rng = Rng::new(seed);
    let mut pick = |n| Array2::from_shape_simple_fn((count, 1), || rng.below(n) as i32);
    let (user, film) = (pick(60), pick(40));
    let stars = user.iter().zip(&film).map(|(&u, &f)| {
        let alike = users.row(u as usize).dot(&films.row(f as usize));
        (3.0 + alike / 2.0).clamp(0.5, 5.0)
    });
    Ok(Ratings {
        stars: Array1::from_iter(stars).insert_axis(Axis(1)),
        users: user,
        films: film,
    })
}
