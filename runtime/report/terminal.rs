//! Results for a terminal: aligned, as wide as it is, and with colours that say nothing new.

use std::time::SystemTime;

use super::words::{age, cost, count, counts, description, line, percent, seconds};
use super::{Activity, Curve, Listed, Progress, Status, plot};
use crate::decision::{number, quantity};
use crate::git;
use crate::journal::Tried;
use crate::text;

/// The least that is left of a text that is cut, in columns.
const LEAST: usize = 12;
/// How high a plot is, in lines.
const PLOT_HEIGHT: usize = 10;
/// The widest plot, in columns.
const PLOT_WIDTH: usize = 100;
const GAP: &str = "  ";

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// Where it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// In columns.
    pub width: usize,
    /// Whether people look at it as it comes.
    pub terminal: bool,
    pub color: bool,
    pub now: SystemTime,
}

impl Screen {
    fn paint(&self, color: &str, text: &str) -> String {
        if self.color && !color.is_empty() {
            format!("\u{1b}[{color}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// All experiments, and what they come to.
pub fn dashboard(experiments: &[Listed], screen: Screen) -> String {
    let mut table = Grid::new(&[
        ("experiment", Align::Left),
        ("runs", Align::Right),
        ("kept", Align::Right),
        ("best", Align::Right),
        ("change", Align::Right),
        ("activity", Align::Left),
        ("last", Align::Right),
        ("metric", Align::Left),
    ])
    .spare(&[6, 5, 1, 2]);
    for listed in experiments {
        let progress = &listed.progress;
        let best = progress
            .best
            .as_ref()
            .map_or_else(|| "-".to_owned(), |best| best_of(best.value, progress));
        let last = progress.last.as_deref().unwrap_or_default();
        table.row(vec![
            Cell::plain(line(&format!("{}/{}", listed.domain, listed.name))),
            Cell::plain(progress.tries.to_string()),
            Cell::plain(progress.keeps.to_string()),
            Cell::plain(best),
            Cell::painted(improvement_color(progress), gain(progress)),
            Cell::painted(activity_color(listed.activity), listed.activity.word()),
            Cell::plain(age(last, screen.now)),
            Cell::plain(line(&progress.metric)),
        ]);
    }
    let mut out = table.render(screen);
    if experiments.len() > 1 {
        out.push('\n');
        out.push_str(&sums(experiments));
        out.push('\n');
    }
    out
}

/// The change since the start, once there is one.
fn gain(progress: &Progress) -> String {
    percent(progress.change().filter(|change| *change != 0.0))
}

fn best_of(value: f64, progress: &Progress) -> String {
    quantity(value, &line(&progress.unit))
}

/// Totals: of each domain where there are several, and across.
fn sums(experiments: &[Listed]) -> String {
    let mut domains: Vec<&str> = experiments.iter().map(|e| e.domain.as_str()).collect();
    domains.sort_unstable();
    domains.dedup();
    let sum = |name: &str, of: &dyn Fn(&&Listed) -> bool| {
        let chosen: Vec<&Listed> = experiments.iter().filter(of).collect();
        let total = super::totals(chosen.iter().map(|listed| &listed.progress));
        format!(
            "{name}: {}; {}; {}",
            count(chosen.len() as u64, "experiment", "experiments"),
            counts(&total),
            cost(total.cost_usd, total.unknown_costs)
        )
    };
    let mut lines = Vec::new();
    if domains.len() > 1 && domains.len() < 20 {
        lines.extend(
            domains
                .iter()
                .map(|domain| sum(domain, &|listed| listed.domain == *domain)),
        );
    }
    lines.push(sum("all", &|_| true));
    lines.join("\n")
}

/// What an experiment comes to: the lines above its tries.
pub fn heading(
    id: &str,
    activity: Activity,
    progress: &Progress,
    curve: &Curve,
    screen: Screen,
) -> String {
    let mut out = String::new();
    let mut add = |line: String| {
        out.push_str(&line);
        out.push('\n');
    };
    let metric = line(&progress.metric);
    let better = progress
        .direction
        .map_or_else(String::new, |direction| format!(", {direction} is better"));
    let what = if metric.is_empty() {
        "no baseline yet".to_owned()
    } else {
        format!("{metric}{better}")
    };
    add(format!(
        "{}  {what}  {}",
        screen.paint(BOLD, &line(id)),
        screen.paint(activity_color(activity), activity.word())
    ));
    if let Some(best) = &progress.best {
        let unit = line(&progress.unit);
        let value = match progress.first {
            Some(first) if first != best.value => progress.gain.told(first, best.value, &unit),
            _ => quantity(best.value, &unit),
        };
        let which = match best.n {
            0 => "the baseline".to_owned(),
            n => format!("try {n}"),
        };
        add(screen.paint(
            improvement_color(progress),
            &format!("{value}, {which}, {}", git::short(&best.commit)),
        ));
    }
    let mut facts = vec![counts(progress)];
    if progress.cost_usd > 0.0 || progress.unknown_costs > 0 {
        facts.push(cost(progress.cost_usd, progress.unknown_costs));
    }
    if progress.measuring_seconds > 0.0 {
        facts.push(format!("{} measuring", seconds(progress.measuring_seconds)));
    }
    if progress.agent_seconds > 0.0 {
        facts.push(format!("{} of agents", seconds(progress.agent_seconds)));
    }
    add(facts.join("; "));
    if progress.uncontrolled_keeps > 0 {
        add(format!(
            "{} decided without control of the noise",
            count(progress.uncontrolled_keeps, "keep was", "keeps were")
        ));
    }
    let drawn = plot::plot(curve, screen.width.min(PLOT_WIDTH), PLOT_HEIGHT);
    if !drawn.is_empty() {
        add(String::new());
        drawn.into_iter().for_each(&mut add);
        for line in plot::legend(screen.width) {
            add(screen.paint(DIM, &line));
        }
    }
    out
}

/// Tries as a table; the heading names its columns.
pub fn tries(rows: &[Tried], progress: &Progress, screen: Screen) -> String {
    let unit = line(&progress.unit);
    let value = match unit.as_str() {
        "" => line(&progress.metric),
        unit => unit.to_owned(),
    };
    let mut table = Grid::new(&[
        ("try", Align::Right),
        ("when", Align::Right),
        ("verdict", Align::Left),
        (&value, Align::Right),
        ("change", Align::Right),
        ("what", Align::Left),
    ])
    .spare(&[1, 3, 4]);
    for tried in rows {
        table.row(row(tried, screen));
    }
    table.render(screen)
}

/// A try as one line without alignment: what is told while a loop runs.
pub fn news(tried: &Tried, screen: Screen) -> String {
    let cells = row(tried, screen);
    let texts: Vec<String> = cells
        .iter()
        .zip([4, 6, 8, 10, 8, 0])
        .enumerate()
        .map(|(column, (cell, width))| {
            let align = match column {
                2 | 5 => Align::Left,
                _ => Align::Right,
            };
            cell.aligned(width, align, screen)
        })
        .collect();
    let joined = texts.join(GAP);
    console::truncate_str(&joined, screen.width.max(LEAST), "…").into_owned()
}

/// A diff without what would control the terminal, and with colours.
pub fn painted_diff(diff: &str, screen: Screen) -> String {
    let mut out = String::new();
    for line in diff.lines() {
        let color = match line.get(..1) {
            _ if line.starts_with("+++") || line.starts_with("---") => BOLD,
            Some("+") => GREEN,
            Some("-") => RED,
            Some("@") => CYAN,
            Some(" ") => "",
            _ => BOLD,
        };
        let line = text::clean_line_keeping_indent(line);
        out.push_str(&screen.paint(color, &line));
        out.push('\n');
    }
    out
}

fn row(tried: &Tried, screen: Screen) -> Vec<Cell> {
    let status = tried.status();
    let measured = tried.value.is_some();
    vec![
        Cell::plain(tried.n.to_string()),
        Cell::plain(age(&tried.time, screen.now)),
        Cell::painted(status_color(status), status.word()),
        Cell::plain(tried.value.map_or_else(|| "-".to_owned(), number)),
        Cell::plain(if measured {
            percent(tried.change())
        } else {
            String::new()
        }),
        Cell::plain(description(tried)),
    ]
}

fn status_color(status: Status) -> &'static str {
    match status {
        Status::Keep => GREEN,
        Status::Discard => "",
        Status::Crash => RED,
        Status::Unjudged | Status::Open => YELLOW,
    }
}

fn activity_color(activity: Activity) -> &'static str {
    match activity {
        Activity::Running | Activity::Active => GREEN,
        Activity::Paused => YELLOW,
        Activity::Done | Activity::Idle => DIM,
    }
}

fn improvement_color(progress: &Progress) -> &'static str {
    if progress.keeps > 0 { GREEN } else { "" }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A text without control characters, and how it is painted.
struct Cell {
    text: String,
    color: &'static str,
}

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Self::painted("", text)
    }

    fn painted(color: &'static str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            color,
        }
    }

    fn width(&self) -> usize {
        console::measure_text_width(&self.text)
    }

    fn aligned(&self, width: usize, align: Align, screen: Screen) -> String {
        let pad = " ".repeat(width.saturating_sub(self.width()));
        let text = screen.paint(self.color, &self.text);
        match align {
            Align::Left => format!("{text}{pad}"),
            Align::Right => format!("{pad}{text}"),
        }
    }
}

/// A table whose columns are as wide as what is in them; the last one gets what is left. If there is too
/// little room, columns are left out.
struct Grid {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
    /// The columns that can be missed, the first one first.
    spare: &'static [usize],
}

impl Grid {
    fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns
                .iter()
                .map(|(title, align)| ((*title).to_owned(), *align))
                .collect(),
            rows: Vec::new(),
            spare: &[],
        }
    }

    /// Which columns can be missed, the first one first.
    fn spare(mut self, columns: &'static [usize]) -> Self {
        self.spare = columns;
        self
    }

    fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    fn render(self, screen: Screen) -> String {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|(title, _)| console::measure_text_width(title))
            .collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let mut shown = vec![true; widths.len()];
        let taken = |shown: &[bool]| -> usize {
            let all = widths.iter().zip(shown);
            let others = all.take(widths.len().saturating_sub(1));
            others
                .filter(|(_, shown)| **shown)
                .map(|(width, _)| width + GAP.len())
                .sum()
        };
        for column in self.spare {
            if taken(&shown) + LEAST <= screen.width {
                break;
            }
            if let Some(shown) = shown.get_mut(*column) {
                *shown = false;
            }
        }
        let left = screen.width.saturating_sub(taken(&shown)).max(LEAST);
        let Some(last) = widths.last_mut() else {
            return String::new();
        };
        *last = left;
        let titles: Vec<Cell> = self
            .columns
            .iter()
            .map(|(title, _)| Cell::painted(DIM, title.as_str()))
            .collect();
        let mut out = String::new();
        for row in std::iter::once(titles).chain(self.rows) {
            let end = row.len().saturating_sub(1);
            let cells: Vec<String> = row
                .into_iter()
                .zip(&self.columns)
                .zip(&widths)
                .enumerate()
                .filter(|(column, _)| shown.get(*column) != Some(&false))
                .map(|(column, ((mut cell, (_, align)), width))| {
                    if column == end {
                        cell.text = console::truncate_str(&cell.text, *width, "…").into_owned();
                        cell.aligned(0, *align, screen)
                    } else {
                        cell.aligned(*width, *align, screen)
                    }
                })
                .collect();
            out.push_str(cells.join(GAP).trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, baseline, tried};
    use super::*;
    use crate::journal::Item;

    fn screen(width: usize) -> Screen {
        Screen {
            width,
            terminal: false,
            color: false,
            now: humantime::parse_rfc3339("2026-01-01T03:00:00Z").unwrap(),
        }
    }

    fn listed(name: &str, items: &[Item]) -> Listed {
        let mut progress = Progress::default();
        for item in items {
            progress.add(item);
        }
        Listed {
            domain: "custom".into(),
            name: name.into(),
            activity: Activity::Paused,
            progress,
            course: vec![],
            problem: None,
        }
    }

    #[test]
    fn the_dashboard_is_aligned() {
        let kept = Item::Tried(tried(1, Status::Keep, Some(8.0)));
        let experiments = [
            listed("one", &[baseline(10.0), kept]),
            listed("another", &[]),
        ];
        assert_eq!(
            dashboard(&experiments, screen(80)),
            "\
experiment      runs  kept  best  change  activity  last  metric
custom/one         1     1  8 ms  -20.0%  paused     2 h  p50_ms
custom/another     0     0     -          paused

all: 2 experiments; 1 try: 1 kept, 0 discarded, 0 crashed; $0.25
"
        );
    }

    #[test]
    fn tries_are_aligned_and_cut_to_the_width() {
        let mut wide = tried(2, Status::Crash, None);
        wide.description = "宽".repeat(40);
        let mut hostile = tried(12, Status::Discard, Some(0.0));
        hostile.description = HOSTILE.into();
        let mut progress = Progress::default();
        progress.add(&baseline(10.0));
        let rows = [tried(1, Status::Keep, Some(8.0)), wide, hostile];
        let shown = tries(&rows, &progress, screen(60));
        for line in shown.lines() {
            assert!(console::measure_text_width(line) <= 60, "{line}");
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\t', '\u{200b}']));
        }
        assert_eq!(shown.lines().count(), 4);
        assert!(
            shown.contains(" 12   2 h  discard   0  -100.0%  a b c|d<script>"),
            "{shown}"
        );
        assert!(shown.lines().nth(2).unwrap().ends_with("宽…"), "{shown}");
    }

    #[test]
    fn colour_changes_no_word() {
        let mut painted = screen(80);
        painted.color = true;
        let rows = [
            tried(1, Status::Keep, Some(8.0)),
            tried(2, Status::Crash, None),
        ];
        let progress = Progress::default();
        let colourful = tries(&rows, &progress, painted);
        assert!(colourful.contains("\u{1b}[32mkeep"));
        assert_eq!(
            console::strip_ansi_codes(&colourful),
            tries(&rows, &progress, screen(80))
        );
    }
}
