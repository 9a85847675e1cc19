//! Dropout.

use super::{Meta, layer};
use crate::functional::dropout;

/// While training, zeroes a share of the elements and scales the others; else does nothing.
#[derive(Clone, Debug)]
pub struct Dropout {
    meta: Meta,
    rate: f64,
}

impl Dropout {
    /// Zeroes the share `rate`, at least 0 and below 1.
    pub fn new(rate: f64) -> Dropout {
        Dropout {
            meta: Meta::new("dropout"),
            rate,
        }
    }
}

layer!(Dropout, |self, cx, x| {
    if !cx.training() {
        return x[0].clone();
    }
    let bits = cx.random_bits(x[0].shape());
    dropout(&x[0], self.rate, &bits)
});
