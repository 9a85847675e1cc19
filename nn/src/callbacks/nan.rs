//! Ends a training whose loss is no number any more.

use super::Callback;

/// Ends the training with an error when the loss is not finite, and names the first layer in which
/// a number is not. To find it, the epoch is run again up to that step, which gives the same bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN;

impl Callback for TerminateOnNaN {
    fn finds_non_finite(&self) -> bool {
        true
    }
}
