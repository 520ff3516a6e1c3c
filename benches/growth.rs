//! Draws how time and memory grow with the log: lines of `BYTES SECONDS MIB` on
//! standard input, an SVG on standard output. Both axes count in powers of ten, so
//! that a time in proportion to the bytes is a line of the slope that is drawn
//! beside it.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 56.0;

/// Bytes, seconds, mebibytes.
type Point = [f64; 3];

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let points: Vec<Point> = text.lines().filter_map(point).collect();
    if points.len() < 2 {
        return Err(io::Error::other("two sizes at least are needed"));
    }
    io::stdout().write_all(draw(&points).as_bytes())
}

fn point(line: &str) -> Option<Point> {
    let numbers: Vec<f64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    numbers.try_into().ok()
}

/// An axis of whole powers of ten.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.fold(0.0, f64::max).log10().ceil();
        Axis {
            low,
            high: high.max(low + 1.0),
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - self.low) / (self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    fn powers(&self) -> impl Iterator<Item = f64> + use<'_> {
        let count = (self.high - self.low).round();
        (0..=100)
            .map(f64::from)
            .take_while(move |&step| step <= count)
            .map(|step| 10f64.powf(self.low + step))
    }
}

fn draw(points: &[Point]) -> String {
    let x = Axis::over(points.iter().map(|point| point[0]), MARGIN, WIDTH - MARGIN);
    let y = Axis::over(
        points.iter().flat_map(|point| [point[1], point[2]]),
        HEIGHT - MARGIN,
        MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    grid(&mut svg, &x, &y);
    curves(&mut svg, &x, &y, points);
    svg.push_str("</svg>\n");
    svg
}

fn grid(svg: &mut String, x: &Axis, y: &Axis) {
    for power in x.powers() {
        let at = x.place(power);
        line(svg, [(at, y.from), (at, y.to)], "#ddd");
        label(
            svg,
            at,
            HEIGHT - MARGIN + 18.0,
            "middle",
            &bytes(power),
            "black",
        );
    }
    for power in y.powers() {
        let at = y.place(power);
        line(svg, [(x.from, at), (x.to, at)], "#ddd");
        label(
            svg,
            MARGIN - 6.0,
            at + 4.0,
            "end",
            &power.to_string(),
            "black",
        );
    }
}

fn curves(svg: &mut String, x: &Axis, y: &Axis, points: &[Point]) {
    // In proportion to the bytes, through the largest.
    let [most, seconds, mebibytes] = points[points.len() - 1];
    let first = points[0][0];
    let ideal = [
        (x.place(first), y.place(seconds * first / most)),
        (x.place(most), y.place(seconds)),
    ];
    line(svg, ideal, "#999");
    for (value, color) in [(1, "#c2410c"), (2, "#1d4ed8")] {
        let mut before = None;
        for point in points {
            let here = (x.place(point[0]), y.place(point[value]));
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{color}\"/>",
                here.0, here.1
            );
            if let Some(before) = before.replace(here) {
                line(svg, [before, here], color);
            }
        }
    }
    label(
        svg,
        x.to,
        y.place(seconds) - 8.0,
        "end",
        &format!("{seconds:.2} s"),
        "#c2410c",
    );
    label(
        svg,
        x.to,
        y.place(mebibytes) - 8.0,
        "end",
        &format!("{mebibytes:.0} MiB at most"),
        "#1d4ed8",
    );
    label(
        svg,
        MARGIN,
        MARGIN - 24.0,
        "start",
        "seconds (grey: in proportion to the bytes) and MiB, by size of the log",
        "black",
    );
}

fn line(svg: &mut String, [(x1, y1), (x2, y2)]: [(f64, f64); 2], color: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\"/>"
    );
}

fn label(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str, color: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{text}</text>"
    );
}

fn bytes(power: f64) -> String {
    match power {
        1e9.. => format!("{} GB", power / 1e9),
        1e6.. => format!("{} MB", power / 1e6),
        _ => format!("{power} B"),
    }
}
