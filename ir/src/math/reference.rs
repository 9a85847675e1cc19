//! Functions that the standard library lacks, in plain `f64`, to check the expansions by.

/// `1 / (1 + e^-x)`.
pub(crate) fn logistic(x: &[f64]) -> f64 {
    let e = (-x[0].abs()).exp();
    (if x[0] < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// The error function: Taylor's series near 0, a continued fraction beyond.
pub(crate) fn erf(x: &[f64]) -> f64 {
    let x = x[0];
    if x.is_nan() {
        return x;
    }
    if x.abs() < 2.5 {
        // 2/sqrt(pi) x e^(-x^2) sum (2 x^2)^n / (1 3 5 .. (2n+1)), all terms positive
        let (mut term, mut sum) = (1.0, 1.0);
        let mut n = 1;
        while term > 1e-18 * sum {
            term *= 2.0 * x * x / (2 * n + 1) as f64;
            sum += term;
            n += 1;
        }
        return std::f64::consts::FRAC_2_SQRT_PI * x * (-x * x).exp() * sum;
    }
    let a = x.abs().min(6.0);
    let tail = (1..40).rev().fold(0.0, |f, k| k as f64 / 2.0 / (a + f));
    let erfc = (-a * a).exp() / (a + tail) * std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    (1.0 - erfc).copysign(x)
}
