//! What charts are drawn on: SVG, or pixels.

use font8x8::{BASIC_FONTS, UnicodeFonts};
use std::fmt::Write;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Where the given point of a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A surface; y grows downwards.
pub(super) trait Canvas {
    fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64);
    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Colour);
    fn text(&mut self, x: f64, y: f64, text: &str, anchor: Anchor);
}

/// An SVG picture.
pub(super) struct Svg {
    body: String,
    width: usize,
    height: usize,
}

impl Svg {
    pub fn new(width: usize, height: usize) -> Svg {
        Svg {
            body: String::new(),
            width,
            height,
        }
    }

    pub fn finish(self) -> String {
        let (w, h) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" font-family=\"sans-serif\" font-size=\"12\">{}</svg>",
            self.body
        )
    }
}

fn hex([r, g, b]: Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text that may stand in HTML and SVG.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Canvas for Svg {
    fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = write!(
            self.body,
            "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" points=\"{}\"/>",
            hex(colour),
            points.join(" ")
        );
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Colour) {
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
            hex(colour)
        );
    }

    fn text(&mut self, x: f64, y: f64, text: &str, anchor: Anchor) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333\">{}</text>",
            escaped(text)
        );
    }
}

/// White pixels to begin with.
pub(super) struct Pixels {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
    /// Pixels for each unit.
    scale: f64,
}

impl Pixels {
    pub fn new(width: usize, height: usize, scale: usize) -> Pixels {
        let (width, height) = (width * scale, height * scale);
        Pixels {
            width,
            height,
            rgb: vec![255; width * height * 3],
            scale: scale as f64,
        }
    }

    /// Covers a pixel by a share.
    fn cover(&mut self, x: i64, y: i64, colour: Colour, share: f64) {
        if x < 0 || y < 0 || x >= self.width as i64 || y >= self.height as i64 {
            return;
        }
        let at = (y as usize * self.width + x as usize) * 3;
        for (place, new) in self.rgb[at..at + 3].iter_mut().zip(colour) {
            let old = f64::from(*place);
            *place = (old + (f64::from(new) - old) * share).round() as u8;
        }
    }

    /// A line of round ends: pixels are covered by how near they are.
    fn segment(&mut self, a: (f64, f64), b: (f64, f64), colour: Colour, width: f64) {
        let reach = width / 2.0 + 1.0;
        let low = |p: f64, q: f64| (p.min(q) - reach).floor() as i64;
        let high = |p: f64, q: f64| (p.max(q) + reach).ceil() as i64;
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = (dx * dx + dy * dy).max(1e-12);
        for y in low(a.1, b.1)..=high(a.1, b.1) {
            for x in low(a.0, b.0)..=high(a.0, b.0) {
                let (px, py) = (x as f64 + 0.5 - a.0, y as f64 + 0.5 - a.1);
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let (ex, ey) = (px - along * dx, py - along * dy);
                let far = (ex * ex + ey * ey).sqrt();
                let share = (width / 2.0 + 0.5 - far).clamp(0.0, 1.0);
                if share > 0.0 {
                    self.cover(x, y, colour, share);
                }
            }
        }
    }
}

impl Canvas for Pixels {
    fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) {
        let s = self.scale;
        for pair in points.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|(x, y)| (x * s, y * s));
            self.segment(a, b, colour, width * s);
        }
    }

    fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Colour) {
        let s = self.scale;
        for row in (y * s).round() as i64..((y + height) * s).round() as i64 {
            for column in (x * s).round() as i64..((x + width) * s).round() as i64 {
                self.cover(column, row, colour, 1.0);
            }
        }
    }

    fn text(&mut self, x: f64, y: f64, text: &str, anchor: Anchor) {
        let s = self.scale;
        let wide = 8.0 * text.chars().count() as f64;
        let (left, top) = (x * s, y * s - 8.0);
        let left = match anchor {
            Anchor::Start => left,
            Anchor::Middle => left - wide / 2.0,
            Anchor::End => left - wide,
        };
        for (i, c) in text.chars().enumerate() {
            let glyph = BASIC_FONTS.get(c).unwrap_or([0; 8]);
            for (row, bits) in glyph.into_iter().enumerate() {
                for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                    let x = left as i64 + 8 * i as i64 + column;
                    self.cover(x, top as i64 + row as i64, [51; 3], 1.0);
                }
            }
        }
    }
}
