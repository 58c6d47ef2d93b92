//! The course of an experiment drawn with characters: the best value so far as a line of Braille dots,
//! each try as a mark.

use super::{Curve, Point, Status};
use crate::decision::number;

/// Dots in a character, across and down.
const ACROSS: usize = 2;
const DOWN: usize = 4;
/// The bits of a Braille character's dots, by column and row.
const DOTS: [[u32; DOWN]; ACROSS] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
/// The Braille character without dots.
const EMPTY: u32 = 0x2800;

const KEEP: char = '●';
const DISCARD: char = '·';
const NOT_MEASURED: char = '×';

/// What the marks mean.
const LEGEND: [&str; 4] = ["● keep", "· discard", "× not measured", "⠤ best so far"];

/// What the marks mean, in lines of so many characters.
pub(super) fn legend(width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for mark in LEGEND {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + mark.chars().count() <= width => {
                line.push_str("  ");
                line.push_str(mark);
            }
            _ => lines.push(mark.to_owned()),
        }
    }
    lines
}

/// Draws in so many lines of at most so many characters; nothing where there is nothing to draw, or too
/// little room.
pub fn plot(curve: &Curve, width: usize, height: usize) -> Vec<String> {
    let Some((low, high)) = curve.range() else {
        return Vec::new();
    };
    let (first, last) = curve.span();
    let (Some((_, start)), Some((_, now))) = (curve.best.first(), curve.best.last()) else {
        return Vec::new();
    };
    let labels = [number(*start), number(*now)];
    let label_width = labels.iter().map(String::len).max().unwrap_or(0);
    let columns = width.saturating_sub(label_width + 2);
    if columns < 10 || height < 2 || last <= first {
        return Vec::new();
    }
    let mut canvas = Canvas::new(columns, height);
    let dots = (columns * ACROSS - 1) as f64;
    let x = |n: u64| round((n - first) as f64 / (last - first) as f64 * dots);
    // What was not measured has a line of its own.
    let unmeasured = curve.points.iter().any(is_unmeasured);
    let rows = ((height - usize::from(unmeasured)) * DOWN - 1) as f64;
    // Of values so far apart that their difference is infinite, each is halved.
    let share = |value: f64| (high / 2.0 - value / 2.0) / (high / 2.0 - low / 2.0);
    let y = |value: f64| round(share(value).clamp(0.0, 1.0) * rows);

    let mut best = curve.best.iter().peekable();
    let mut before: Option<usize> = None;
    while let Some((n, value)) = best.next() {
        let level = y(*value);
        let from = x((*n).max(first));
        let to = best
            .peek()
            .map_or_else(|| x(last), |(n, _)| x((*n).max(first)));
        if let Some(before) = before {
            (before.min(level)..=before.max(level)).for_each(|row| canvas.dot(from, row));
        }
        (from..=to).for_each(|column| canvas.dot(column, level));
        before = Some(level);
    }
    for point in &curve.points {
        let column = x(point.n.max(first)) / ACROSS;
        let (mark, row) = match (point.status, point.value) {
            (Status::Keep, Some(value)) => (KEEP, y(value) / DOWN),
            (Status::Discard, Some(value)) => (DISCARD, y(value) / DOWN),
            _ if is_unmeasured(point) => (NOT_MEASURED, height - 1),
            _ => continue,
        };
        canvas.mark(column, row, mark);
    }
    let mut lines: Vec<String> = canvas
        .lines()
        .enumerate()
        .map(|(row, line)| {
            let label = match row {
                row if row == y(*now) / DOWN => labels[1].as_str(),
                row if row == y(*start) / DOWN => labels[0].as_str(),
                _ => "",
            };
            format!("{label:>label_width$} │{}", line.trim_end())
        })
        .collect();
    let (from, to) = (first.to_string(), format!("try {last}"));
    let gap = columns.saturating_sub(from.len());
    lines.push(format!("{:label_width$} └{}", "", "─".repeat(columns)));
    lines.push(format!("{:label_width$}  {from}{to:>gap$}", ""));
    lines
}

fn is_unmeasured(point: &Point) -> bool {
    match point.status {
        Status::Crash => true,
        Status::Discard => point.value.is_none(),
        _ => false,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place on the canvas"
)]
fn round(place: f64) -> usize {
    place.round() as usize
}

/// Characters, each of dots or a mark.
struct Canvas {
    columns: usize,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u32,
    mark: Option<char>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            cells: vec![Cell::default(); columns * rows],
        }
    }

    fn dot(&mut self, x: usize, y: usize) {
        let bit = DOTS.get(x % ACROSS).and_then(|column| column.get(y % DOWN));
        let cell = self.cells.get_mut(y / DOWN * self.columns + x / ACROSS);
        if let (Some(bit), Some(cell)) = (bit, cell) {
            cell.dots |= bit;
        }
    }

    /// A keep hides everything, the line what was discarded.
    fn mark(&mut self, column: usize, row: usize, mark: char) {
        if let Some(cell) = self.cells.get_mut(row * self.columns + column)
            && (mark == KEEP || (cell.mark != Some(KEEP) && cell.dots == 0))
        {
            cell.mark = Some(mark);
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.cells.chunks(self.columns).map(|row| {
            row.iter()
                .map(|cell| match (cell.mark, cell.dots) {
                    (Some(mark), _) => mark,
                    (None, 0) => ' ',
                    (None, dots) => char::from_u32(EMPTY + dots).unwrap_or(' '),
                })
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{baseline, tried};
    use super::*;
    use crate::journal::{Item, Tried};

    #[test]
    fn the_best_so_far_is_a_line_and_each_try_a_mark() {
        let mut curve = Curve::default();
        curve.add(&baseline(10.0));
        for (n, status, value) in [
            (2, Status::Discard, Some(11.0)),
            (4, Status::Keep, Some(6.0)),
            (6, Status::Crash, None),
            (8, Status::Keep, Some(2.0)),
        ] {
            curve.add(&Item::Tried(Tried {
                // What was the best one then.
                incumbent_value: Some(if n > 4 { 6.0 } else { 10.0 }),
                ..tried(n, status, value)
            }));
        }
        let drawn = plot(&curve, 40, 5);
        assert_eq!(
            drawn,
            [
                "10 │⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⡄",
                "   │                  ⡇",
                "   │                  ●⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⢹",
                " 2 │                                   ●",
                "   │                          ×",
                "   └────────────────────────────────────",
                "    0                              try 8",
            ],
            "{}",
            drawn.join("\n")
        );
    }

    proptest! {
        #[test]
        fn no_values_break_it(
            values in proptest::collection::vec((any::<f64>().prop_filter("finite", |v| v.is_finite()), 0..5_u8), 0..30),
            width in 0..200_usize,
            height in 0..30_usize,
        ) {
            let mut curve = Curve::default();
            for (n, (value, status)) in (1..).zip(values) {
                curve.add(&match status {
                    0 => baseline(value),
                    1 => Item::Tried(tried(n, Status::Crash, None)),
                    2 => Item::Tried(tried(n, Status::Keep, Some(value))),
                    _ => Item::Tried(tried(n, Status::Discard, Some(value))),
                });
            }
            for line in plot(&curve, width, height) {
                prop_assert!(line.chars().count() <= width.max(1), "{line}");
            }
        }
    }
}
