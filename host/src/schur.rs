//! Schur forms by QR steps with implicit shifts (Francis, "The QR transformation", 1961).

use crate::config::has;
use crate::factor::square;
use crate::matrix::{C, Matrix, doubled, matrices, parts, split, tensor};
use crate::reflect::{from_left, from_right, reflector, vector};
use crate::similar::hessenberg;
use craneflow_ir::host::HostFunction;

/// Steps for each eigenvalue after which there is none.
const STEPS: usize = 60;

/// `a = z t z^H` with unitary `z`.
pub struct Schur {
    pub t: Matrix,
    pub z: Matrix,
}

/// `schur(a)`: `t` and `z`. `t` is triangular; of a real matrix, it has blocks of two rows on its diagonal for
/// pairs of complex eigenvalues, with equal diagonal elements.
pub const SCHUR: HostFunction = HostFunction {
    infer: |config, x| {
        let complex = has(config, "complex");
        parts(x, complex)?;
        square(x, complex)?;
        Ok(doubled(vec![x[0].clone(); 2], complex))
    },
    eval: |config, x| {
        let complex = has(config, "complex");
        let (_, n, _) = split(&x[0].ty).expect("checked");
        let all: Vec<Schur> = matrices(x, n, n)
            .into_iter()
            .map(|a| schur(a, complex).unwrap_or_else(|| Schur::invalid(n)))
            .collect();
        let mut results = tensor(&x[0].ty, all.iter().flat_map(|s| &s.t.data), complex);
        results.extend(tensor(
            &x[0].ty,
            all.iter().flat_map(|s| &s.z.data),
            complex,
        ));
        results
    },
};

impl Schur {
    fn invalid(n: usize) -> Schur {
        let (t, z) = (Matrix::invalid(n, n), Matrix::invalid(n, n));
        Schur { t, z }
    }

    /// Rows `k` and `k + 1` times a unitary matrix of two rows, columns by its adjoint.
    fn turn(&mut self, k: usize, g: [[C; 2]; 2], columns: std::ops::Range<usize>, rows: usize) {
        for j in columns {
            let (a, b) = (self.t[(k, j)], self.t[(k + 1, j)]);
            self.t[(k, j)] = g[0][0] * a + g[0][1] * b;
            self.t[(k + 1, j)] = g[1][0] * a + g[1][1] * b;
        }
        let right = |m: &mut Matrix, i: usize| {
            let (a, b) = (m[(i, k)], m[(i, k + 1)]);
            m[(i, k)] = a * g[0][0].conj() + b * g[0][1].conj();
            m[(i, k + 1)] = a * g[1][0].conj() + b * g[1][1].conj();
        };
        (0..rows).for_each(|i| right(&mut self.t, i));
        (0..self.z.rows).for_each(|i| right(&mut self.z, i));
    }

    /// The first row of the block that ends with row `end`: above it the subdiagonal is 0.
    fn start(&mut self, end: usize) -> usize {
        for k in (1..=end).rev() {
            let around = self.t[(k - 1, k - 1)].norm() + self.t[(k, k)].norm();
            if self.t[(k, k - 1)].norm() <= f64::EPSILON * around.max(f64::MIN_POSITIVE) {
                self.t[(k, k - 1)] = C::default();
                return k;
            }
        }
        0
    }
}

/// The Schur form; none when numbers are not finite or steps are too many.
pub fn schur(a: Matrix, complex: bool) -> Option<Schur> {
    if !a.is_finite() {
        return None;
    }
    let n = a.rows;
    let (reduced, factors) = hessenberg(a);
    let mut z = Matrix::from_fn(n, n, |i, j| C::new((i == j) as u8 as f64, 0.0));
    for (j, &factor) in factors.iter().enumerate().rev() {
        from_left(&mut z, &vector(&reduced, j + 1, j), factor, j + 1, 0..n);
    }
    let inside = |i: usize, j: usize| {
        if i <= j + 1 {
            reduced[(i, j)]
        } else {
            C::default()
        }
    };
    let mut s = Schur {
        t: Matrix::from_fn(n, n, inside),
        z,
    };
    let mut end = n.saturating_sub(1);
    let mut steps = 0;
    while end > 0 {
        let start = s.start(end);
        let done = end - start;
        if done == 0 || (done == 1 && !complex) {
            if done == 1 {
                s.pair(start);
            }
            (end, steps) = (end.saturating_sub(done + 1), 0);
            continue;
        }
        steps += 1;
        if steps > STEPS {
            return None;
        }
        // A shift of no meaning now and then leaves cycles.
        let odd = steps % 10 == 0;
        match complex {
            true => s.step(start, end, odd),
            false => s.double_step(start, end, odd),
        }
    }
    Some(s)
}

/// The unitary matrix that turns `(x, y)` into a multiple of `(1, 0)`.
fn rotation(x: C, y: C) -> [[C; 2]; 2] {
    let size = x.norm().hypot(y.norm());
    if size == 0.0 {
        let (one, zero) = (C::new(1.0, 0.0), C::default());
        return [[one, zero], [zero, one]];
    }
    let (c, s) = (x / size, y / size);
    [[c.conj(), s.conj()], [-s, c]]
}

impl Schur {
    /// A step with the eigenvalue of the last two rows that is next to the last element.
    fn step(&mut self, start: usize, end: usize, odd: bool) {
        let t = &self.t;
        let (a, b) = (t[(end - 1, end - 1)], t[(end - 1, end)]);
        let (c, d) = (t[(end, end - 1)], t[(end, end)]);
        let half = (a - d) / 2.0;
        let root = (half * half + b * c).sqrt();
        let far = if (half + root).norm() >= (half - root).norm() {
            half + root
        } else {
            half - root
        };
        let shift = match (odd, far.norm() > 0.0) {
            (true, _) => d + c.norm(),
            (_, true) => d - b * c / far,
            _ => d,
        };
        let (mut x, mut y) = (t[(start, start)] - shift, t[(start + 1, start)]);
        for k in start..end {
            let g = rotation(x, y);
            let n = self.t.columns;
            self.turn(
                k,
                g,
                k.saturating_sub((k > start) as usize)..n,
                (k + 3).min(end + 1),
            );
            if k > start {
                self.t[(k + 1, k - 1)] = C::default();
            }
            if k + 1 < end {
                (x, y) = (self.t[(k + 1, k)], self.t[(k + 2, k)]);
            }
        }
    }

    /// Two steps at once, with both eigenvalues of the last two rows, in real numbers.
    fn double_step(&mut self, start: usize, end: usize, odd: bool) {
        let n = self.t.columns;
        let t = |i: usize, j: usize| self.t[(i, j)].re;
        let (a, b, c, d) = (
            t(end - 1, end - 1),
            t(end - 1, end),
            t(end, end - 1),
            t(end, end),
        );
        let (mut sum, mut product) = (a + d, a * d - b * c);
        if odd {
            let size = c.abs() + t(end - 1, end - 2).abs();
            (sum, product) = (
                2.0 * (0.75 * size + d),
                (0.75 * size + d).powi(2) + 0.4375 * size * size,
            );
        }
        let (h, below) = (t(start, start), t(start + 1, start));
        let mut v = [
            h * h + t(start, start + 1) * below - sum * h + product,
            below * (h + t(start + 1, start + 1) - sum),
            below * t(start + 2, start + 1),
        ];
        for k in start..end {
            let count = if k + 1 < end { 3 } else { 2 };
            let mut column = Matrix::new(count, 1);
            (0..count).for_each(|i| column[(i, 0)] = C::new(v[i], 0.0));
            let factor = reflector(&mut column, 0, 0);
            let w = vector(&column, 0, 0);
            from_left(
                &mut self.t,
                &w,
                factor,
                k,
                k.saturating_sub((k > start) as usize)..n,
            );
            from_right(&mut self.t, &w, factor, k, 0..(k + 4).min(end + 1));
            from_right(&mut self.z, &w, factor, k, 0..n);
            if k > start {
                (k + 1..k + count).for_each(|i| self.t[(i, k - 1)] = C::default());
            }
            for (i, v) in v.iter_mut().enumerate().take((end - k).min(3)) {
                *v = self.t[(k + 1 + i, k)].re;
            }
        }
    }

    /// Makes rows `k` and `k + 1` of a real form triangular, or their diagonal elements equal.
    fn pair(&mut self, k: usize) {
        let t = |i: usize, j: usize| self.t[(k + i, k + j)].re;
        let (a, b, c, d) = (t(0, 0), t(0, 1), t(1, 0), t(1, 1));
        let half = (a - d) / 2.0;
        let discriminant = half * half + b * c;
        let (x, y) = match discriminant >= 0.0 {
            // An eigenvector.
            true => (half + discriminant.sqrt().copysign(half), c),
            false if half == 0.0 => (1.0, 0.0),
            false => {
                let sum = b + c;
                let size = sum.hypot(a - d);
                let cosine = ((1.0 + sum.abs() / size) / 2.0).sqrt();
                (cosine, -half * sum.signum() / (size * cosine))
            }
        };
        let g = rotation(C::new(x, 0.0), C::new(y, 0.0));
        let n = self.t.columns;
        self.turn(k, g, k..n, k + 2);
        if discriminant >= 0.0 {
            self.t[(k + 1, k)] = C::default();
        } else {
            let middle = (self.t[(k, k)] + self.t[(k + 1, k + 1)]) / 2.0;
            self.t[(k, k)] = middle;
            self.t[(k + 1, k + 1)] = middle;
        }
    }

    /// A triangular form with complex numbers of a real one.
    pub fn triangular(mut self) -> Schur {
        let n = self.t.rows;
        for k in (0..n.saturating_sub(1)).filter(|&k| k + 1 < n) {
            let (b, c) = (self.t[(k, k + 1)].re, self.t[(k + 1, k)].re);
            if c == 0.0 {
                continue;
            }
            let middle = self.t[(k, k)].re;
            let beside = b.abs().sqrt() * c.abs().sqrt();
            let g = rotation(C::new(b, 0.0), C::new(0.0, beside));
            self.turn(k, g, k..n, k + 2);
            self.t[(k, k)] = C::new(middle, beside);
            self.t[(k + 1, k + 1)] = C::new(middle, -beside);
            self.t[(k + 1, k)] = C::default();
        }
        self
    }
}
