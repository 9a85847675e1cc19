//! Functions of the host that imported programs call: linear algebra and Fourier transforms.
//!
//! Matrices are the last two axes, transforms the last axes; axes before them are batches. A complex
//! operand is two tensors, real and imaginary parts, and so is a complex result. Everything is computed
//! in `f64` and rounded once. Factorisations and transforms are scalar code with a fixed order;
//! eigenvalues and singular values come from a library that chooses its vectors by the machine, so their
//! last bits may differ from machine to machine.

mod config;
mod decompose;
mod factor;
mod fourier;
mod matrix;

use craneflow_ir::host::register;
use std::sync::Once;

/// Makes all functions of this crate known.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register("fft", fourier::FFT);
        register("cholesky", factor::CHOLESKY);
        register("triangular_solve", factor::TRIANGULAR_SOLVE);
        register("qr", factor::QR);
        register("householder_product", factor::HOUSEHOLDER_PRODUCT);
        register("lu", factor::LU);
        register("eigh", decompose::EIGH);
        register("svd", decompose::SVD);
        register("eig", decompose::EIG);
    });
}
