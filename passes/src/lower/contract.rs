//! `dot_general` and `convolution` with their epilogues.

use super::{GraphLowering, Output};
use crate::fuse::Group;
use craneflow_ir::graph::NodeId;

/// Lowers the group of a contraction in its plain form: a loop over the contracted index per element.
pub(super) fn lower(
    l: &mut GraphLowering,
    group: &Group,
    _id: NodeId,
    from: &str,
    out: &mut Output,
) {
    l.plain(group, from, out);
}
