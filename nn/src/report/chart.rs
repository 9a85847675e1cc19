//! Charts: lines over epochs, bars of counts.

use super::canvas::{Anchor, Canvas, Colour, Pixels, Svg};

/// A line of a chart.
pub(super) struct Series {
    pub name: String,
    /// Pairs of x and y; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// Lines over one axis.
pub(super) struct Chart {
    pub title: String,
    pub x: String,
    pub series: Vec<Series>,
}

const WIDTH: usize = 520;
const HEIGHT: usize = 300;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 40.0;

/// Told apart by people who see few colours, too.
const COLOURS: [Colour; 5] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 86, 86],
];

const GRID: Colour = [225, 225, 225];

impl Chart {
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(WIDTH, HEIGHT);
        self.draw(&mut svg);
        svg.finish()
    }

    /// A PNG file at twice the size.
    pub fn png(&self) -> Vec<u8> {
        let mut pixels = Pixels::new(WIDTH, HEIGHT, 2);
        self.draw(&mut pixels);
        super::png(pixels.width, pixels.height, 3, &pixels.rgb)
    }

    fn draw(&self, canvas: &mut impl Canvas) {
        let finite = |s: &Series| -> Vec<(f64, f64)> {
            let points = s.points.iter().copied();
            points
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .collect()
        };
        let lines: Vec<Vec<(f64, f64)>> = self.series.iter().map(finite).collect();
        let all = || lines.iter().flatten();
        let (x0, x1) = bounds(all().map(|p| p.0));
        let (y0, y1) = bounds(all().map(|p| p.1));
        let ticks = ticks(y0, y1);
        let (y0, y1) = (y0.min(ticks[0]), y1.max(ticks[ticks.len() - 1]));
        let place = |(x, y): (f64, f64)| {
            let (w, h) = (WIDTH as f64 - LEFT - RIGHT, HEIGHT as f64 - TOP - BOTTOM);
            (
                LEFT + (x - x0) / (x1 - x0) * w,
                TOP + h - (y - y0) / (y1 - y0) * h,
            )
        };
        canvas.text(LEFT, 18.0, &self.title, Anchor::Start);
        for &tick in &ticks {
            let (left, y) = place((x0, tick));
            let (right, _) = place((x1, tick));
            canvas.line(&[(left, y), (right, y)], GRID, 1.0);
            canvas.text(left - 6.0, y + 4.0, &short(tick), Anchor::End);
        }
        let wholes = whole_ticks(x0, x1);
        for x in wholes {
            let (at, bottom) = place((x, y0));
            canvas.line(&[(at, bottom), (at, bottom + 4.0)], [120; 3], 1.0);
            canvas.text(at, bottom + 18.0, &short(x), Anchor::Middle);
        }
        let middle = (LEFT + WIDTH as f64 - RIGHT) / 2.0;
        canvas.text(middle, HEIGHT as f64 - 6.0, &self.x, Anchor::Middle);
        let mut at = LEFT;
        for (i, (series, points)) in self.series.iter().zip(&lines).enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            canvas.rectangle(at, 29.0, 14.0, 4.0, colour);
            canvas.text(at + 20.0, 36.0, &series.name, Anchor::Start);
            at += 36.0 + 8.0 * series.name.chars().count() as f64;
            let points: Vec<(f64, f64)> = points.iter().map(|&p| place(p)).collect();
            if let [(x, y)] = points[..] {
                canvas.rectangle(x - 2.5, y - 2.5, 5.0, 5.0, colour);
            }
            canvas.line(&points, colour, 1.8);
        }
    }
}

/// Least and greatest of finite numbers, apart from each other; 0 and 1 for none.
pub(crate) fn bounds(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = numbers.clone().fold(f64::INFINITY, f64::min);
    let high = numbers.fold(f64::NEG_INFINITY, f64::max);
    match (low.is_finite(), high > low) {
        (false, _) => (0.0, 1.0),
        (true, true) => (low, high),
        (true, false) => {
            let half = if low == 0.0 { 0.5 } else { 0.5 * low.abs() };
            (low - half, low + half)
        }
    }
}

/// Four to eight round numbers that cover a range.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * power);
    let step = steps
        .into_iter()
        .find(|&s| s >= rough)
        .unwrap_or(10.0 * power);
    let first = (low / step).floor() as i64;
    let last = (high / step).ceil() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Whole numbers within a range, at most ten.
fn whole_ticks(low: f64, high: f64) -> Vec<f64> {
    let inside = |x: &f64| *x >= low && *x <= high && x.fract() == 0.0;
    ticks(low, high).into_iter().filter(inside).collect()
}

/// A number for an axis.
fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_string(),
        a if (1e-3..1e5).contains(&a) => {
            let text = format!("{x:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{x:.1e}"),
    }
}

/// Bars of how many finite numbers are in each of 40 parts of their range, and the range.
pub(super) fn histogram(numbers: &[f32]) -> (String, f64, f64) {
    const PARTS: usize = 40;
    let finite = numbers
        .iter()
        .map(|&x| f64::from(x))
        .filter(|x| x.is_finite());
    let (low, high) = bounds(finite.clone());
    let mut counts = [0usize; PARTS];
    for x in finite {
        let part = (x - low) / (high - low) * PARTS as f64;
        counts[(part as usize).min(PARTS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let mut svg = Svg::new(160, 44);
    for (i, &count) in counts.iter().enumerate() {
        let height = count as f64 / most * 42.0;
        if count > 0 {
            svg.rectangle(
                4.0 * i as f64,
                44.0 - height.max(1.0),
                3.4,
                height.max(1.0),
                COLOURS[0],
            );
        }
    }
    (svg.finish(), low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(
            ticks(0.0, 1.0),
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|x: f64| (x / 0.2).round() * 0.2)
        );
        assert_eq!(ticks(13.0, 87.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(whole_ticks(1.0, 4.0), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(
            (short(0.25), short(20.0), short(1e-5)),
            ("0.25".into(), "20".into(), "1.0e-5".into())
        );
    }

    #[test]
    fn charts_draw_in_both_forms() {
        let series = |name: &str, points: Vec<(f64, f64)>| Series {
            name: name.into(),
            points,
        };
        let chart = Chart {
            title: "loss & more".into(),
            x: "epoch".into(),
            series: vec![
                series("loss", vec![(1.0, 0.5), (2.0, f64::NAN), (3.0, 0.25)]),
                series("one", vec![(2.0, 0.3)]),
                series("none", vec![]),
            ],
        };
        let svg = chart.svg();
        assert!(
            svg.contains("loss &amp; more") && !svg.contains("NaN"),
            "{svg}"
        );
        let png = chart.png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("whole");
        let blue = pixels.chunks_exact(3).filter(|p| *p == COLOURS[0]).count();
        assert!(blue > 100, "{blue}");
        assert!(histogram(&[1.0, 1.0, 2.0, f32::NAN]).0.contains("rect"));
    }
}
