//! Metrics of the user's.

use crate::tensor::Tensor;
use std::fmt;
use std::sync::Arc;

type Compute = dyn Fn(&Tensor, &Tensor) -> Tensor + Send + Sync;
type Finish = dyn Fn(&[f64]) -> f64 + Send + Sync;

/// A metric of the user's.
#[derive(Clone)]
pub struct Custom {
    pub(super) name: &'static str,
    pub(super) compute: Arc<Compute>,
    /// From sums to the number; `None` for a mean.
    pub(super) finish: Option<Arc<Finish>>,
}

impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        Arc::ptr_eq(&self.compute, &other.compute)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({})", self.name)
    }
}
