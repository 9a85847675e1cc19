//! One page: text, tables and pictures, all inside of it.

use super::Report;
use super::canvas::escaped;
use super::chart::histogram;
use super::mistakes::Picture;
use std::fmt::Write;

const STYLE: &str = "body{font-family:sans-serif;max-width:1120px;margin:2em auto;padding:0 1em;color:#222}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd;padding-bottom:.2em}\
table{border-collapse:collapse;font-size:13px}td,th{padding:3px 8px;text-align:right}th{font-weight:600;color:#555}\
td:first-child,th:first-child{text-align:left}.row{display:flex;flex-wrap:wrap;gap:16px}\
figure{margin:0;font-size:12px;color:#555;width:260px;overflow-wrap:anywhere}figure img{image-rendering:pixelated;display:block;background:#eee}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px;background:#f6f6f6;padding:6px;margin:2px 0}\
.node{display:inline-block;border:1px solid #0072b2;border-radius:6px;padding:4px 12px;background:#eef6fb;font-size:13px}\
.bar{background:#0072b2;height:11px;display:inline-block}.wrong{background:#fde8dc}";

/// The page.
pub(super) fn page(r: &Report) -> String {
    let mut p = String::new();
    let title = escaped(&r.title);
    let _ = write!(
        p,
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
    );
    p += "<table><tbody>";
    for (name, value) in &r.facts {
        let _ = write!(
            p,
            "<tr><td>{}</td><td>{}</td></tr>",
            escaped(name),
            escaped(value)
        );
    }
    p += "</tbody></table><h2>Curves</h2><div class=\"row\">";
    for (_, chart) in &r.charts {
        p += &chart.svg();
    }
    p += "</div>";
    confusion(&mut p, r);
    mistakes(&mut p, r);
    p += "<h2>Model</h2>";
    p += &super::drawing::svg(&r.layers);
    times(&mut p, r);
    histograms(&mut p, r);
    p += "</body></html>\n";
    p
}

fn confusion(p: &mut String, r: &Report) {
    let Some(counts) = &r.confusion else { return };
    *p += "<h2>Confusion matrix (held-out samples)</h2><p>Rows are the labels, columns what the model says.</p><table><thead><tr><th></th>";
    for class in &r.classes {
        let _ = write!(p, "<th>{}</th>", escaped(class));
    }
    *p += "<th>recall</th></tr></thead><tbody>";
    let share = |part: usize, whole: usize| match whole {
        0 => "–".to_string(),
        _ => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    };
    for (i, row) in counts.iter().enumerate() {
        let total: usize = row.iter().sum();
        let _ = write!(p, "<tr><td>{}</td>", escaped(&r.classes[i]));
        for (j, &n) in row.iter().enumerate() {
            let strength = n as f64 / total.max(1) as f64;
            let rgb = if i == j { "0,114,178" } else { "213,94,0" };
            let ink = if strength > 0.6 { "#fff" } else { "#222" };
            let _ = write!(
                p,
                "<td style=\"background:rgba({rgb},{strength:.3});color:{ink}\">{n}</td>"
            );
        }
        let _ = write!(p, "<td>{}</td></tr>", share(row[i], total));
    }
    *p += "<tr><td>precision</td>";
    for j in 0..counts.len() {
        let said: usize = counts.iter().map(|row| row[j]).sum();
        let _ = write!(p, "<td>{}</td>", share(counts[j][j], said));
    }
    *p += "<td></td></tr></tbody></table>";
}

fn mistakes(p: &mut String, r: &Report) {
    if r.mistakes.is_empty() {
        return;
    }
    *p += "<h2>Worst mistakes (held-out samples)</h2><div class=\"row\">";
    for m in &r.mistakes {
        *p += "<figure>";
        if let Some(Picture { shape, png }) = &m.picture {
            let [w, h] = shown(shape[1], shape[0]);
            let _ = write!(
                p,
                "<img alt=\"{}\" width=\"{w}\" height=\"{h}\" src=\"data:image/png;base64,{}\">",
                m.place,
                base64(png)
            );
        }
        if let Some(text) = &m.text {
            let _ = write!(p, "<pre>{}</pre>", escaped(text));
        }
        let _ = write!(
            p,
            "<figcaption>{}: {}</figcaption></figure>",
            m.place,
            escaped(&m.said)
        );
    }
    *p += "</div>";
}

/// The size of a picture on the page: small ones in whole multiples, so that pixels stay square.
fn shown(width: usize, height: usize) -> [usize; 2] {
    const LEAST: usize = 112;
    const MOST: usize = 224;
    let side = width.max(height).max(1);
    match side {
        0..=LEAST => [width, height].map(|n| n * (LEAST / side)),
        _ => [width, height].map(|n| (n * side.min(MOST) / side).max(1)),
    }
}

fn times(p: &mut String, r: &Report) {
    let whole: f64 = r.times.iter().map(|(_, t)| t).sum();
    if whole <= 0.0 {
        return;
    }
    *p += "<h2>Time of a training step by layer</h2><table><thead><tr><th>layers (fused ones together)</th><th>time</th><th>share</th><th></th></tr></thead><tbody>";
    for (name, time) in &r.times {
        let share = time / whole;
        let name = match name.as_str() {
            "" => "no layer: counters and the like",
            name => name,
        };
        let _ = write!(
            p,
            "<tr><td>{}</td><td>{:.1} us</td><td>{:.1} %</td><td style=\"text-align:left\"><span class=\"bar\" style=\"width:{:.0}px\"></span></td></tr>",
            escaped(name),
            1e6 * time,
            100.0 * share,
            260.0 * share
        );
    }
    *p += "</tbody></table>";
}

fn histograms(p: &mut String, r: &Report) {
    *p += "<h2>Weights and gradients</h2><p>Gradients are those of one batch of the training part.</p><table><thead><tr><th>weight</th><th>numbers</th><th>values</th><th>range</th><th>gradients</th><th>range</th></tr></thead><tbody>";
    for w in &r.weights {
        let cells = |numbers: &[f32]| {
            let (svg, low, high) = histogram(numbers);
            format!("<td>{svg}</td><td>{low:.3e}<br>{high:.3e}</td>")
        };
        let gradient = w
            .gradient
            .as_ref()
            .map_or("<td>not trained</td><td></td>".into(), |g| cells(g));
        let _ = write!(
            p,
            "<tr><td>{}</td><td>{}</td>{}{gradient}</tr>",
            escaped(&w.name),
            w.values.len(),
            cells(&w.values)
        );
    }
    *p += "</tbody></table>";
}

/// Bytes as letters, for pictures inside of a page.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0, |w, i| {
            w << 8 | u32::from(chunk.get(i).copied().unwrap_or(0))
        });
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i > chunk.len() { '=' } else { letter as char });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_become_letters() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in cases {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
