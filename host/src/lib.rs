//! Functions of the host that imported programs call: linear algebra and Fourier transforms.
//!
//! Matrices are the last two axes, transforms the last axes; axes before them are batches. A complex
//! operand is two tensors, real and imaginary parts, and so is a complex result. Everything is computed
//! in `f64` and rounded once. Factorisations and transforms are scalar code with a fixed order;
//! eigenvalues of Hermitian matrices and singular values come from a library that chooses its vectors by the
//! machine, so their last bits may differ from machine to machine.

mod config;
mod decompose;
mod eigen;
mod factor;
mod fourier;
mod matrix;
mod qr;
mod reflect;
mod schur;
mod similar;
mod tridiagonal;

use craneflow_ir::host::register;
use std::sync::Once;

/// Makes all functions of this crate known.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register("fft", fourier::FFT);
        register("cholesky", factor::CHOLESKY);
        register("triangular_solve", factor::TRIANGULAR_SOLVE);
        register("tridiagonal_solve", tridiagonal::TRIDIAGONAL_SOLVE);
        register("qr", qr::QR);
        register("pivoted_qr", qr::PIVOTED_QR);
        register("householder_product", qr::HOUSEHOLDER_PRODUCT);
        register("householder_multiply", qr::HOUSEHOLDER_MULTIPLY);
        register("lu", factor::LU);
        register("eigh", decompose::EIGH);
        register("svd", decompose::SVD);
        register("eig", eigen::EIG);
        register("schur", schur::SCHUR);
        register("hessenberg", similar::HESSENBERG);
        register("tridiagonal", similar::TRIDIAGONAL);
    });
}
