//! Where windows leave the input.

/// Where a window may leave the input along an axis: position `w` of the window of result `i` is on element
/// `stride * i + dilation * w - low`, if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Axis of the result.
    pub out: usize,
    /// Of the window.
    pub stride: i64,
    /// Of the window.
    pub dilation: i64,
    /// Padding before the input.
    pub low: i64,
    /// Elements of the input.
    pub extent: i64,
    /// Positions of the window that are on an element for every result: from, to.
    pub inside: (usize, usize),
}

impl Edge {
    /// An edge of `results` windows of `size`; `None` when no window leaves the input.
    pub fn of(edge: Edge, results: usize, size: usize) -> Option<Edge> {
        let (last, size) = ((results as i64 - 1) * edge.stride, size as i64);
        let from = edge.low.max(0).div_euclid(edge.dilation)
            + (edge.low.max(0) % edge.dilation > 0) as i64;
        let room = edge.extent - 1 + edge.low - last;
        let to = (room.div_euclid(edge.dilation) + 1).clamp(0, size);
        let from = from.min(to);
        (from > 0 || to < size).then_some(Edge {
            inside: (from as usize, to as usize),
            ..edge
        })
    }
}
