//! L-BFGS, for small problems whose loss is the same in every step.

/// Limited-memory BFGS with a line search: the minimum of a smooth function of a few thousand numbers.
///
/// ```
/// use craneflow_nn::optim::Lbfgs;
/// let minimum = Lbfgs::default().minimise(vec![-1.0, 2.0], |x| {
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     let value = a * a + 100.0 * b * b;
///     Ok::<_, ()>((value, vec![-2.0 * a - 400.0 * b * x[0], 200.0 * b]))
/// });
/// let found = minimum.unwrap().at;
/// assert!((found[0] - 1.0).abs() < 1e-5 && (found[1] - 1.0).abs() < 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Lbfgs {
    /// How many past steps shape the next one.
    pub memory: usize,
    /// The most iterations.
    pub iterations: usize,
    /// Ends when no element of the gradient is larger.
    pub gradient_tolerance: f64,
    /// Ends when the value falls by a smaller share.
    pub value_tolerance: f64,
}

impl Default for Lbfgs {
    fn default() -> Lbfgs {
        Lbfgs {
            memory: 10,
            iterations: 200,
            gradient_tolerance: 1e-6,
            value_tolerance: 1e-10,
        }
    }
}

/// Where a search ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The place.
    pub at: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Whether a tolerance was reached.
    pub converged: bool,
}

/// A step that was taken: its change of place, that of the gradient, and 1 over their product.
struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    rho: f64,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn moved(x: &[f64], by: f64, along: &[f64]) -> Vec<f64> {
    x.iter().zip(along).map(|(x, d)| x + by * d).collect()
}

impl Lbfgs {
    /// Searches from `start` for a minimum of `f`, which gives value and gradient. An error of `f`
    /// ends the search.
    pub fn minimise<E>(
        &self,
        start: Vec<f64>,
        mut f: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
    ) -> Result<Minimum, E> {
        let mut search = Search::begin(start, &mut f)?;
        for iteration in 0..self.iterations {
            if let Some(ended) = search.iterate(self, &mut f)? {
                let moved = matches!(ended, Ended::Gradient | Ended::Value);
                let done = iteration + usize::from(moved);
                return Ok(search.minimum(done, ended != Ended::Stuck));
            }
        }
        Ok(search.minimum(self.iterations, false))
    }
}

/// Why a search is at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// The gradient was within its tolerance before the iteration, which did nothing.
    There,
    /// The gradient is within its tolerance after the iteration.
    Gradient,
    /// The value fell by less than its tolerance in the iteration.
    Value,
    /// Nothing lower was found.
    Stuck,
}

/// A search on its way.
pub(crate) struct Search {
    /// The place.
    pub x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    pairs: Vec<Pair>,
}

impl Search {
    pub fn begin<E>(
        start: Vec<f64>,
        f: &mut impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
    ) -> Result<Search, E> {
        let (value, gradient) = f(&start)?;
        Ok(Search {
            x: start,
            value,
            gradient,
            pairs: vec![],
        })
    }

    fn minimum(self, iterations: usize, converged: bool) -> Minimum {
        Minimum {
            at: self.x,
            value: self.value,
            iterations,
            converged,
        }
    }

    /// One iteration; gives why it was the last one, if it was.
    pub fn iterate<E>(
        &mut self,
        options: &Lbfgs,
        f: &mut impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
    ) -> Result<Option<Ended>, E> {
        let (value, gradient) = (self.value, &self.gradient);
        let flat = |gradient: &[f64]| {
            let mut sizes = gradient.iter().map(|g| g.abs());
            sizes.all(|g| g <= options.gradient_tolerance)
        };
        if flat(gradient) {
            return Ok(Some(Ended::There));
        }
        let mut direction = descent(gradient, &self.pairs);
        if dot(&direction, gradient) >= 0.0 {
            self.pairs.clear();
            direction = gradient.iter().map(|g| -g).collect();
        }
        let first = match self.pairs.is_empty() {
            true => (1.0 / dot(gradient, gradient).sqrt()).min(1.0),
            false => 1.0,
        };
        let found = search(&self.x, value, gradient, &direction, first, f)?;
        let Some((to, lower, slope)) = found else {
            return Ok(Some(Ended::Stuck));
        };
        let s: Vec<f64> = to.iter().zip(&self.x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = slope.iter().zip(gradient).map(|(a, b)| a - b).collect();
        let product = dot(&s, &y);
        if product > 1e-12 * dot(&y, &y) {
            let rho = 1.0 / product;
            self.pairs.push(Pair { s, y, rho });
            if self.pairs.len() > options.memory {
                self.pairs.remove(0);
            }
        }
        let fell = value - lower;
        let size = value.abs().max(lower.abs()).max(1e-30);
        (self.x, self.value, self.gradient) = (to, lower, slope);
        Ok(match fell <= options.value_tolerance * size {
            _ if flat(&self.gradient) => Some(Ended::Gradient),
            true => Some(Ended::Value),
            false => None,
        })
    }
}

/// Minus the gradient times the approximate inverse of the second derivatives, by two passes over the
/// past steps.
fn descent(gradient: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = vec![0.0; pairs.len()];
    for (share, pair) in shares.iter_mut().zip(pairs).rev() {
        *share = pair.rho * dot(&pair.s, &q);
        q = moved(&q, -*share, &pair.y);
    }
    if let Some(last) = pairs.last() {
        let scale = 1.0 / (last.rho * dot(&last.y, &last.y));
        q.iter_mut().for_each(|x| *x *= scale);
    }
    for (share, pair) in shares.iter().zip(pairs) {
        let back = pair.rho * dot(&pair.y, &q);
        q = moved(&q, share - back, &pair.s);
    }
    q
}

type Point = (Vec<f64>, f64, Vec<f64>);

/// A step along `direction` with Wolfe's two conditions, by bisection; the best one seen should they
/// not be met; `None` when nothing is lower.
fn search<E>(
    x: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    first: f64,
    f: &mut impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
) -> Result<Option<Point>, E> {
    let slope = dot(gradient, direction);
    let (mut low, mut high, mut step) = (0.0, f64::INFINITY, first);
    let mut best: Option<Point> = None;
    for _ in 0..40 {
        let to = moved(x, step, direction);
        let (lower, at) = f(&to)?;
        let falls = lower <= value + 1e-4 * step * slope;
        let flat = dot(&at, direction) >= 0.9 * slope;
        if falls && best.as_ref().is_none_or(|b| lower < b.1) {
            best = Some((to, lower, at));
        }
        match (falls, flat) {
            (true, true) => break,
            (true, false) => low = step,
            (false, _) => high = step,
        }
        step = if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * step
        };
    }
    Ok(best)
}
