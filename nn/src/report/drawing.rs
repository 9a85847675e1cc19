//! A drawing of a model: a box for each layer, arrows for what flows.

use super::canvas::{Anchor, Canvas, Svg};
use crate::model::Wire;

const WIDE: f64 = 250.0;
const HIGH: f64 = 34.0;
const GAP: f64 = 18.0;

/// Boxes stand in rows: each below all that it takes. Boxes of a row are side by side.
pub(super) fn svg(nodes: &[Wire]) -> String {
    let mut rows: Vec<usize> = vec![];
    for node in nodes {
        let above = node.from.iter().map(|&i| rows[i] + 1).max();
        rows.push(above.unwrap_or(0));
    }
    let count = |row: usize| rows.iter().filter(|r| **r == row).count();
    let depth = rows.iter().max().map_or(0, |r| r + 1);
    let most = (0..depth).map(count).max().unwrap_or(1).max(1);
    let width = most as f64 * (WIDE + GAP) + GAP + 60.0;
    let mut used = vec![0; depth];
    let mut places = vec![];
    for &row in &rows {
        let left = (width - count(row) as f64 * (WIDE + GAP)) / 2.0;
        places.push((
            left + used[row] as f64 * (WIDE + GAP),
            GAP + row as f64 * (HIGH + GAP),
        ));
        used[row] += 1;
    }
    let height = depth as f64 * (HIGH + GAP) + GAP;
    let mut svg = Svg::new(width as usize, height as usize);
    for (i, node) in nodes.iter().enumerate() {
        let (x, y) = places[i];
        for &from in &node.from {
            let (fx, fy) = places[from];
            let start = (fx + WIDE / 2.0, fy + HIGH);
            let end = (x + WIDE / 2.0, y);
            // Past boxes in between, at their side.
            let path = match rows[i] - rows[from] {
                1 => vec![start, end],
                _ => {
                    let side = x.max(fx) + WIDE + 14.0;
                    let low = (start.0, start.1 + 5.0);
                    vec![
                        start,
                        low,
                        (side, low.1),
                        (side, end.1 - 9.0),
                        (end.0, end.1 - 9.0),
                        end,
                    ]
                }
            };
            svg.line(&path, [110; 3], 1.3);
            svg.line(
                &[(end.0 - 4.0, end.1 - 6.0), end, (end.0 + 4.0, end.1 - 6.0)],
                [110; 3],
                1.3,
            );
        }
        svg.rectangle(x, y, WIDE, HIGH, [0, 114, 178]);
        svg.rectangle(x + 1.0, y + 1.0, WIDE - 2.0, HIGH - 2.0, [238, 246, 251]);
        svg.text(x + 10.0, y + 22.0, &node.name, Anchor::Start);
        let shape: Vec<String> = node.shape.iter().map(usize::to_string).collect();
        svg.text(x + WIDE - 10.0, y + 22.0, &shape.join("x"), Anchor::End);
    }
    svg.finish()
}
