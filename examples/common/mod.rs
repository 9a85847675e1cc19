//! Data for the image examples: the full set where it is, else a small one.

use craneflow::nn::data::{Dataset, FOLDER_VARIABLE, Labels, Split, load};
use craneflow::nn::rng::Rng;
use ndarray::{ArrayD, IxDyn};
use std::error::Error;

/// The data set at the path of the first argument, or called `name` in the folder that
/// `CRANEFLOW_DATA` names, and `true`; without either, a small set that is made up, and `false`.
pub fn images(name: &str, shape: [usize; 3]) -> Result<(Split, bool), Box<dyn Error>> {
    if let Some(path) = std::env::args().nth(1) {
        return Ok((load(path)?, true));
    }
    if std::env::var_os(FOLDER_VARIABLE).is_some() {
        return Ok((load(name)?, true));
    }
    println!(
        "No full {name}: training on small made-up images. `craneflow data fetch-hint {name}` tells how to get it;\n\
         then give its folder as argument, or set {FOLDER_VARIABLE}."
    );
    Ok((patterns(shape)?, false))
}

/// Images of ten classes: each has a pattern of its own, moved about and buried in noise.
fn patterns(shape: [usize; 3]) -> Result<Split, Box<dyn Error>> {
    const SAMPLES: usize = 640;
    let [height, width, channels] = shape;
    let mut rng = Rng::new(1);
    let pattern = ArrayD::from_shape_fn(IxDyn(&[10, height, width, channels]), |_| {
        f32::from(u8::from(rng.uniform() < 0.25))
    });
    let class = |sample: usize| sample % 10;
    let moves: Vec<usize> = (0..SAMPLES).map(|_| rng.below(3) as usize).collect();
    let x = ArrayD::from_shape_fn(IxDyn(&[SAMPLES, height, width, channels]), |at| {
        let column = (at[2] + moves[at[0]]) % width;
        0.7 * pattern[[class(at[0]), at[1], column, at[3]]] + 0.3 * rng.uniform()
    });
    let y = ArrayD::from_shape_fn(IxDyn(&[SAMPLES]), |at| class(at[0]) as i32);
    let names = (0..10).map(|c| c.to_string()).collect();
    let data = Dataset::new("patterns", x, Labels::Classes(y), names)?;
    Ok(data.train_test_split_stratified(1, 0.2)?)
}
