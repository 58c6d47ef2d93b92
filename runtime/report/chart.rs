//! The course of an experiment drawn as SVG.
//!
//! Places across are percentages and places down are pixels, so that a drawing is as wide as its page
//! and its text has the same size everywhere. What is drawn as one path stands in a nested drawing
//! that is stretched.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::curve::ends;
use super::{Curve, Point, Status};
use crate::decision::{number, quantity};

/// The height of the area of values, in pixels.
const HEIGHT: f64 = 280.0;
/// Where what has no value stands, below that area.
const RAIL: f64 = HEIGHT + 20.0;
/// The height of what stands there for several tries.
const RAIL_HEIGHT: f64 = 20.0;
/// How far from the edge the mark of what lies outside is, in pixels.
const EDGE: f64 = 5.0;
/// How wide the end of an interval is to both sides, in percent of the width.
const CAP: f64 = 0.35;
/// Room at both ends, in percent of the width.
const MARGIN: f64 = 1.5;
/// The most tries that are drawn one by one.
const MOST_POINTS: usize = 2000;
/// The most keeps that are drawn one by one where there are more tries than that.
const MOST_KEEPS: usize = 500;
/// Into how many columns more tries are put together.
const COLUMNS: usize = 600;
/// The most steps of a small drawing.
const SPARK_STEPS: usize = 60;

/// What a point tells besides its place.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) text: String,
    /// Between which values its own lies, where that is known.
    pub(super) interval: Option<(f64, f64)>,
}

/// Draws a curve, its values called `name`, with what the tries that have a row tell; none where nothing has
/// a value.
pub(super) fn progress(
    curve: &Curve,
    name: &str,
    unit: &str,
    told: &BTreeMap<u64, Told>,
) -> Option<Markup> {
    let drawing = Drawing::of(curve, unit, told)?;
    Some(html! {
        figure.plot {
            figcaption {
                (drawing.legend())
                (drawing.notes())
            }
            div.canvas {
                svg width="100%" height=(HEIGHT + 58.0) role="img"
                    aria-label="The value of each try, and the best one so far; the table below has the numbers" {
                    (axes(&drawing.scale, name))
                    (drawing.paths())
                    @for column in &drawing.columns { (column.tip(unit)) }
                    @for point in &drawing.single { (drawing.mark(point)) }
                }
            }
        }
    })
}

/// Draws in small how the best value went, until after so many tries; nothing where there is none.
pub(super) fn sparkline(course: &[(u64, f64)], tries: u64) -> Markup {
    let Some((low, high)) = ends(course.iter().map(|(_, value)| *value)) else {
        return html! {};
    };
    let first = course.first().map_or(0, |(n, _)| *n);
    let last = course.last().map_or(0, |(n, _)| *n).max(tries);
    let scale = Scale {
        first,
        last: last.max(first),
        low,
        high,
        height: 20.0,
        margin: 0.0,
    };
    html! {
        svg.spark viewBox="0 -2 100 24" preserveAspectRatio="none" aria-hidden="true" {
            path d=(steps(course, &scale, SPARK_STEPS)) vector-effect="non-scaling-stroke" {}
        }
    }
}

/// Draws differences as dots on a line, right of the middle where they are positive; `told` says of each by
/// its place whether it is to stand out.
pub(super) fn differences(values: &[f64], stands_out: impl Fn(usize) -> bool) -> Markup {
    let most = values
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    let place = |value: f64| {
        let share = if most > 0.0 { value / most } else { 0.0 };
        let share = if share.is_nan() {
            value.signum()
        } else {
            share
        };
        percent(50.0 + 46.0 * share)
    };
    html! {
        svg.dots width="100%" height="28" role="img" aria-label="The differences of the rounds; right of the middle the candidate is better" {
            line.grid x1="4%" x2="96%" y1="14" y2="14" {}
            line.axis x1="50%" x2="50%" y1="3" y2="25" {}
            @for (round, value) in values.iter().enumerate() {
                circle.fresh[stands_out(round)] cx=(place(*value)) cy="14" r="3.5" {
                    title { "round " (round + 1) ": " (number(*value)) }
                }
            }
        }
    }
}

/// The shapes of marks, to be referred to: one for each verdict.
pub(super) fn marks() -> Markup {
    html! {
        svg.marks width="0" height="0" aria-hidden="true" {
            defs {
                g #mark-keep { circle.hit r="7" {} circle.keep r="4.6" {} }
                g #mark-discard { circle.hit r="6" {} circle.discard r="3.2" {} }
                g #mark-crash { circle.hit r="6" {} path.crash d="M-3.5-3.5 3.5 3.5M-3.5 3.5 3.5-3.5" {} }
                g #mark-unjudged { circle.hit r="6" {} path.unjudged d="M0-4.5 4.5 0 0 4.5-4.5 0Z" {} }
                g #mark-open { circle.hit r="6" {} path.open d="M-3.5-3.5H3.5V3.5H-3.5Z" {} }
                g #mark-above { circle.hit r="6" {} path.outside d="M0-4.5 4.5 3.5H-4.5Z" {} }
                g #mark-below { circle.hit r="6" {} path.outside d="M0 4.5 4.5-3.5H-4.5Z" {} }
            }
        }
    }
}

/// A mark beside text.
pub(super) fn inline_mark(name: &str) -> Markup {
    html! {
        svg.mark width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" { use href={ "#mark-" (name) } {} }
    }
}

/// A curve, and how it is drawn.
struct Drawing<'a> {
    curve: &'a Curve,
    unit: &'a str,
    told: &'a BTreeMap<u64, Told>,
    scale: Scale,
    /// The tries that are drawn one by one, keeps last, so that they lie above the others.
    single: Vec<&'a Point>,
    /// The others put together; empty where there are few.
    columns: Vec<Column>,
}

impl<'a> Drawing<'a> {
    fn of(curve: &'a Curve, unit: &'a str, told: &'a BTreeMap<u64, Told>) -> Option<Self> {
        let scale = Scale::of(curve)?;
        let is_keep = |point: &&Point| point.status == Status::Keep;
        let points = curve.points.iter();
        let (mut single, columns): (Vec<&Point>, _) = if curve.points.len() <= MOST_POINTS {
            (points.collect(), Vec::new())
        } else if points.clone().filter(is_keep).count() <= MOST_KEEPS {
            (points.filter(is_keep).collect(), Column::all(curve, &scale))
        } else {
            (Vec::new(), Column::all(curve, &scale))
        };
        single.sort_by_key(is_keep);
        Some(Self {
            curve,
            unit,
            told,
            scale,
            single,
            columns,
        })
    }

    /// What the marks and lines mean that there are.
    fn legend(&self) -> Markup {
        let has = |shape| {
            self.single
                .iter()
                .any(|point| self.scale.shape(point).0 == shape)
        };
        let intervals = !self.intervals().is_empty();
        html! {
            ul.legend {
                li { (sample(11, &html! { path.best d="M-11-4H0V4H11" {} })) "best so far" }
                @for (shape, meaning) in [
                    ("keep", "keep"),
                    ("discard", "discard"),
                    ("crash", "crash, or not measured"),
                    ("unjudged", "not judged"),
                    ("open", "no verdict yet"),
                ] {
                    @if has(shape) { li { (inline_mark(shape)) (meaning) } }
                }
                @if !self.columns.is_empty() {
                    li { (sample(7, &html! { path.range d="M0-7V7" {} path.median d="M-3 0H3" {} })) "discards: least, median, greatest" }
                    li { (sample(7, &html! { path.crashes d="M0 6V-4" {} })) "how many had no value" }
                }
                @if intervals { li { (sample(7, &html! { path.interval d="M0-6V6M-3-6H3M-3 6H3" {} })) "95% interval" } }
            }
        }
    }

    /// What the drawing does not show by itself.
    fn notes(&self) -> Markup {
        let is_outside = |value| self.scale.side(value) != Side::Within;
        let points = &self.curve.points;
        let outside = points
            .iter()
            .filter(|point| point.value.is_some_and(is_outside))
            .count();
        let (are, drawn) = match outside {
            1 => ("value is", "a triangle"),
            _ => ("values are", "triangles"),
        };
        html! {
            @if !self.columns.is_empty() {
                p {
                    (points.len()) " tries are too many to draw each: they are put together in " (self.columns.len()) " columns"
                    @if self.single.is_empty() { "." } @else { ", but for keeps." }
                }
            }
            @if outside > 0 {
                p {
                    (outside) " " (are) " outside"
                    @if self.columns.is_empty() { ", drawn as " (drawn) " at the edge." } @else { "." }
                }
            }
            @if !self.curve.breaks.is_empty() {
                p { "At a dashed line, what a value means has changed: values on both sides cannot be compared." }
            }
        }
    }

    /// What is drawn as paths.
    fn paths(&self) -> Markup {
        let (scale, columns) = (&self.scale, &self.columns);
        let path = |class: &str, d: &str| {
            html! { @if !d.is_empty() { path class=(class) d=(d) vector-effect="non-scaling-stroke" {} } }
        };
        let height = HEIGHT + 30.0;
        html! {
            svg width="100%" height=(height) viewBox={ "0 0 100 " (height) } preserveAspectRatio="none" {
                (path("range", &ranges(columns, scale)))
                (path("median", &medians(columns, scale)))
                (path("crashes", &unmeasured(columns)))
                (path("divider", &dividers(self.curve, scale)))
                (path("best", &best(self.curve, scale)))
                (path("interval", &self.intervals()))
            }
        }
    }

    /// Between which values those of the tries lie.
    fn intervals(&self) -> String {
        let scale = &self.scale;
        self.single
            .iter()
            .filter(|point| matches!(point.status, Status::Keep | Status::Discard))
            .filter(|point| {
                point
                    .value
                    .is_some_and(|value| scale.side(value) == Side::Within)
            })
            .filter_map(|point| Some((point, self.told.get(&point.n)?.interval?)))
            .map(|(point, (low, high))| {
                let x = scale.x(point.n);
                let (from, x, to) = (plain(x - CAP), plain(x), plain(x + CAP));
                let (low, high) = (plain(scale.y(low)), plain(scale.y(high)));
                format!("M{x} {low}V{high}M{from} {low}H{to}M{from} {high}H{to}")
            })
            .collect::<Vec<_>>()
            .concat()
    }

    fn mark(&self, point: &Point) -> Markup {
        let (shape, y) = self.scale.shape(point);
        let told = self.told.get(&point.n);
        let drawn = html! {
            use href={ "#mark-" (shape) } x=(percent(self.scale.x(point.n))) y=(plain(y)) {
                title {
                    "try " (point.n) ": " (point.status.word())
                    @if let Some(value) = point.value { ", " (quantity(value, self.unit)) }
                    @if let Some(told) = told { "\n" (told.text) }
                }
            }
        };
        html! {
            @if told.is_some() {
                a href={ "#try-" (point.n) } tabindex="-1" { (drawn) }
            } @else {
                (drawn)
            }
        }
    }
}

/// From numbers to places.
struct Scale {
    first: u64,
    last: u64,
    low: f64,
    high: f64,
    /// In pixels.
    height: f64,
    /// In percent.
    margin: f64,
}

/// Where a value lies, seen from the area of values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Within,
    Below,
}

impl Scale {
    fn of(curve: &Curve) -> Option<Self> {
        let (low, high) = curve.range()?;
        let (first, last) = curve.span();
        Some(Self {
            first,
            last,
            low,
            high,
            height: HEIGHT,
            margin: MARGIN,
        })
    }

    /// In percent of the width.
    fn x(&self, n: u64) -> f64 {
        let (first, last) = (self.first as f64, self.last as f64);
        let share = if last > first {
            ((n as f64 - first) / (last - first)).clamp(0.0, 1.0)
        } else {
            0.5
        };
        self.margin + (100.0 - 2.0 * self.margin) * share
    }

    /// In pixels from above; what is outside is at the edge.
    fn y(&self, value: f64) -> f64 {
        // Of values so far apart that their difference is infinite, each is halved.
        let share = (self.high / 2.0 - value / 2.0) / (self.high / 2.0 - self.low / 2.0);
        let share = if share.is_nan() { 0.5 } else { share };
        share.clamp(0.0, 1.0) * self.height
    }

    fn side(&self, value: f64) -> Side {
        if value > self.high {
            Side::Above
        } else if value < self.low {
            Side::Below
        } else {
            Side::Within
        }
    }

    /// A try's mark, and how far down it stands.
    fn shape(&self, point: &Point) -> (&'static str, f64) {
        match (point.status, point.value) {
            (Status::Unjudged, _) => ("unjudged", RAIL),
            (Status::Open, _) => ("open", RAIL),
            (Status::Crash, _) | (Status::Discard, None) => ("crash", RAIL),
            (Status::Keep, None) => ("keep", RAIL),
            (status, Some(value)) => match self.side(value) {
                Side::Above => ("above", EDGE),
                Side::Below => ("below", HEIGHT - EDGE),
                Side::Within => (status.word(), self.y(value)),
            },
        }
    }
}

/// Several tries that are drawn together.
#[derive(Default, Clone)]
struct Column {
    /// The first and the last one.
    tries: (u64, u64),
    /// In percent.
    from: f64,
    to: f64,
    keeps: usize,
    discards: usize,
    crashes: usize,
    unjudged: usize,
    /// Crashed, discarded or given up without a value.
    unmeasured: usize,
    /// The least, the middle and the greatest value of what was discarded.
    values: Option<(f64, f64, f64)>,
}

impl Column {
    fn all(curve: &Curve, scale: &Scale) -> Vec<Column> {
        let each = curve.points.len().div_ceil(COLUMNS).max(1);
        curve
            .points
            .chunks(each)
            .map(|points| Column::of(points, scale))
            .collect()
    }

    fn of(points: &[Point], scale: &Scale) -> Column {
        let count = |status| points.iter().filter(|point| point.status == status).count();
        let mut values: Vec<f64> = points
            .iter()
            .filter(|point| point.status == Status::Discard)
            .filter_map(|point| point.value)
            .collect();
        values.sort_by(f64::total_cmp);
        let tries = match (points.first(), points.last()) {
            (Some(first), Some(last)) => (first.n, last.n),
            _ => (0, 0),
        };
        Column {
            tries,
            from: scale.x(tries.0),
            to: scale.x(tries.1),
            keeps: count(Status::Keep),
            discards: count(Status::Discard),
            crashes: count(Status::Crash),
            unjudged: count(Status::Unjudged) + count(Status::Open),
            unmeasured: points.iter().filter(|point| point.value.is_none()).count(),
            values: match (values.first(), values.get(values.len() / 2), values.last()) {
                (Some(low), Some(middle), Some(high)) => Some((*low, *middle, *high)),
                _ => None,
            },
        }
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.to)
    }

    /// What it says when it is pointed at.
    fn tip(&self, unit: &str) -> Markup {
        let width = (self.to - self.from).max(0.1);
        html! {
            rect.hit x=(percent(self.from)) width=(percent(width)) y="0" height=(HEIGHT + 30.0) {
                title {
                    "tries " (self.tries.0) " to " (self.tries.1) ": " (self.keeps) " kept, " (self.discards) " discarded"
                    @if let Some((low, middle, high)) = self.values {
                        " (" (number(low)) " to " (quantity(high, unit)) ", median " (number(middle)) ")"
                    }
                    ", " (self.crashes) " crashed"
                    @if self.unjudged > 0 { ", " (self.unjudged) " not judged" }
                }
            }
        }
    }
}

fn axes(scale: &Scale, name: &str) -> Markup {
    html! {
        text.name x="0" y="-12" { (name) }
        @for (value, label) in Ticks::of(scale.low, scale.high) {
            @let y = plain(scale.y(value));
            line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
            text.value x="-8" y=(y) dy="0.35em" { (label) }
        }
        line.axis x1="0" x2="100%" y1=(HEIGHT) y2=(HEIGHT) {}
        text.value x="-8" y=(RAIL) dy="0.35em" { "no value" }
        text.value x="-8" y=(HEIGHT + 50.0) { "try" }
        @for (value, label) in Ticks::whole(scale.first as f64, scale.last as f64) {
            text.try x=(percent(scale.x(whole(value)))) y=(HEIGHT + 50.0) { (label) }
        }
    }
}

/// A line as the legend shows it, so wide to both sides.
fn sample(half: i32, drawn: &Markup) -> Markup {
    html! {
        svg.mark width=(2 * half) height="14" viewBox={ (-half) " -7 " (2 * half) " 14" } aria-hidden="true" { (drawn) }
    }
}

fn best(curve: &Curve, scale: &Scale) -> String {
    let most = if curve.best.len() > MOST_POINTS {
        COLUMNS
    } else {
        MOST_POINTS
    };
    steps(&curve.best, scale, most)
}

/// A line that goes on from each place to below or above the next one, and there to it. Of more than `most`
/// places only some are drawn, the first and the last ones among them.
fn steps(places: &[(u64, f64)], scale: &Scale, most: usize) -> String {
    let each = places.len().div_ceil(most.max(1)).max(1);
    let last = places.len().saturating_sub(1);
    let mut path = String::new();
    for (place, (n, value)) in places.iter().enumerate() {
        let (x, y) = (plain(scale.x(*n)), plain(scale.y(*value)));
        if place == 0 {
            path.push_str(&format!("M{x} {y}"));
        } else if place % each == 0 || place == last {
            path.push_str(&format!("H{x}V{y}"));
        }
    }
    if !path.is_empty() {
        path.push_str(&format!("H{}", plain(scale.x(scale.last))));
    }
    path
}

fn dividers(curve: &Curve, scale: &Scale) -> String {
    curve
        .breaks
        .iter()
        .take(COLUMNS)
        .map(|n| format!("M{} 0V{HEIGHT}", plain(scale.x(*n))))
        .collect::<Vec<_>>()
        .concat()
}

fn ranges(columns: &[Column], scale: &Scale) -> String {
    let bar = |column: &Column| {
        let (low, _, high) = column.values?;
        let (low, high) = (scale.y(low), scale.y(high));
        Some(format!(
            "M{} {}V{}",
            plain(column.middle()),
            plain(low),
            plain(high)
        ))
    };
    columns.iter().filter_map(bar).collect::<Vec<_>>().concat()
}

fn medians(columns: &[Column], scale: &Scale) -> String {
    let tick = |column: &Column| {
        let (_, middle, _) = column.values?;
        (scale.side(middle) == Side::Within).then(|| {
            let (from, to) = (column.from, column.to.max(column.from + 0.1));
            format!("M{} {}H{}", plain(from), plain(scale.y(middle)), plain(to))
        })
    };
    columns.iter().filter_map(tick).collect::<Vec<_>>().concat()
}

/// How many of each column had no value, as bars from below.
fn unmeasured(columns: &[Column]) -> String {
    let most = columns
        .iter()
        .map(|column| column.unmeasured)
        .max()
        .unwrap_or(0);
    let bottom = RAIL + RAIL_HEIGHT / 2.0;
    columns
        .iter()
        .filter(|column| column.unmeasured > 0)
        .map(|column| {
            let height = RAIL_HEIGHT * column.unmeasured as f64 / most as f64;
            format!(
                "M{} {bottom}V{}",
                plain(column.middle()),
                plain(bottom - height.max(1.0))
            )
        })
        .collect::<Vec<_>>()
        .concat()
}

/// Round numbers along an axis, with their labels.
struct Ticks {
    step: f64,
    next: f64,
    end: f64,
    left: u8,
}

impl Ticks {
    /// The most of them along an axis of values, and of tries, whose labels stand side by side.
    const MOST: f64 = 8.0;
    const MOST_TRIES: f64 = 6.0;

    fn of(low: f64, high: f64) -> Self {
        Self::with_step(
            low,
            high,
            round_step((high / Self::MOST) - (low / Self::MOST)),
        )
    }

    fn whole(low: f64, high: f64) -> Self {
        Self::with_step(
            low,
            high,
            round_step((high - low) / Self::MOST_TRIES).max(1.0),
        )
    }

    fn with_step(low: f64, high: f64, step: f64) -> Self {
        Self {
            step,
            next: (low / step).ceil(),
            end: high,
            left: 12,
        }
    }
}

impl Iterator for Ticks {
    type Item = (f64, String);

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.next * self.step;
        self.left = self.left.checked_sub(1)?;
        self.next += 1.0;
        // Also where there is no such number.
        (value <= self.end).then(|| (value, label(value, self.step)))
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not less.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|round| *round >= step)
        .unwrap_or(f64::NAN)
}

/// A number on an axis with this step: with as many digits as tell it from the next one.
fn label(value: f64, step: f64) -> String {
    let value = if value.abs() < step / 2.0 { 0.0 } else { value };
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.2e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 12"
    )]
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of a try"
)]
fn whole(n: f64) -> u64 {
    n as u64
}

/// A coordinate: with as many digits as can be seen.
fn plain(place: f64) -> String {
    let text = format!("{:.2}", if place.is_finite() { place } else { 0.0 });
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(place: f64) -> String {
    format!("{}%", plain(place))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{baseline, tried};
    use super::*;
    use crate::journal::Item;

    fn curve(tries: impl IntoIterator<Item = (Status, Option<f64>)>) -> Curve {
        let mut curve = Curve::default();
        curve.add(&baseline(10.0));
        for (n, (status, value)) in (1..).zip(tries) {
            curve.add(&Item::Tried(tried(n, status, value)));
        }
        curve
    }

    fn drawn(curve: &Curve, told: &BTreeMap<u64, Told>) -> String {
        progress(curve, "p50_ms", "ms", told).unwrap().into_string()
    }

    #[test]
    fn each_verdict_has_its_own_shape() {
        let curve = curve([
            (Status::Keep, Some(8.0)),
            (Status::Discard, Some(9.0)),
            (Status::Crash, None),
            (Status::Discard, None),
            (Status::Unjudged, None),
            (Status::Open, None),
            (Status::Discard, Some(900.0)),
        ]);
        let drawn = drawn(&curve, &BTreeMap::new());
        let (_, drawn) = drawn.split_once("class=\"canvas\"").unwrap();
        for (shape, times) in [
            ("keep", 1),
            ("discard", 1),
            ("crash", 2),
            ("unjudged", 1),
            ("open", 1),
            ("above", 1),
            ("below", 0),
        ] {
            let mark = format!("\"#mark-{shape}\"");
            assert_eq!(drawn.matches(&mark).count(), times, "{shape}: {drawn}");
        }
        assert_eq!(drawn.matches("<a ").count(), 0, "{drawn}");
    }

    #[test]
    fn a_try_with_a_row_leads_there_and_shows_its_interval() {
        let curve = curve([(Status::Keep, Some(8.0)), (Status::Discard, Some(9.0))]);
        let told = Told {
            text: "<what>".into(),
            interval: Some((7.5, 8.5)),
        };
        let drawn = drawn(&curve, &[(1, told)].into());
        assert_eq!(drawn.matches("<a href=\"#try-").count(), 1, "{drawn}");
        assert!(
            drawn.contains("try 1: keep, 8 ms\n&lt;what&gt;</title>"),
            "{drawn}"
        );
        assert!(drawn.contains("class=\"interval\" d=\"M50 "), "{drawn}");
    }

    #[test]
    fn what_lies_outside_is_told() {
        let one = curve([(Status::Keep, Some(8.0)), (Status::Discard, Some(900.0))]);
        assert!(drawn(&one, &BTreeMap::new()).contains("1 value is outside"));
        let none = curve([(Status::Keep, Some(8.0))]);
        assert!(!drawn(&none, &BTreeMap::new()).contains("outside"));
    }

    #[test]
    fn many_tries_are_put_together_but_for_keeps() {
        let tries = |n: u32, keeps: u32| {
            curve((0..n).map(move |n| match n % keeps {
                0 => (Status::Keep, Some(10.0 - f64::from(n) * 1e-4)),
                1 => (Status::Crash, None),
                n => (Status::Discard, Some(10.0 + f64::from(n) * 1e-3)),
            }))
        };
        let single = drawn(&tries(2000, 100), &BTreeMap::new());
        assert!(!single.contains("class=\"range\""));
        let together = drawn(&tries(30_000, 100), &BTreeMap::new());
        assert!(together.contains("30000 tries are too many"));
        assert!(together.contains("class=\"range\""));
        let shapes =
            |drawn: &str, shape: &str| drawn.matches(&format!("\"#mark-{shape}\" x=")).count();
        assert_eq!(
            (shapes(&together, "keep"), shapes(&together, "discard")),
            (300, 0)
        );
        assert_eq!(together.matches("<rect").count(), COLUMNS);
        assert!(together.contains(": 1 kept, 48 discarded ("));
        let more = drawn(&tries(30_000, 10), &BTreeMap::new());
        assert_eq!(shapes(&more, "keep"), 0);
        assert!(!more.contains("but for keeps"));
        assert!(more.len() < 300_000, "{}", more.len());
    }

    #[test]
    fn ticks_are_round() {
        let labels = |low, high| {
            Ticks::of(low, high)
                .map(|(_, label)| label)
                .collect::<Vec<_>>()
        };
        assert_eq!(labels(0.0, 10.0), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            labels(0.92, 1.03),
            ["0.92", "0.94", "0.96", "0.98", "1.00", "1.02"]
        );
        assert_eq!(
            labels(-0.1, 0.1),
            ["-0.10", "-0.05", "0.00", "0.05", "0.10"]
        );
        let tries: Vec<String> = Ticks::whole(0.0, 3.0).map(|(_, label)| label).collect();
        assert_eq!(tries, ["0", "1", "2", "3"]);
        assert_eq!(Ticks::whole(7.0, 7.0).count(), 1);
    }

    fn assert_finite(drawn: &str) {
        for name in [
            "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d", "width", "height",
        ] {
            for attribute in drawn.split(&format!(" {name}=\"")).skip(1) {
                let value = attribute.split('"').next().unwrap();
                let is_fit = |c: char| c.is_ascii_digit() || "MHVZ.-% ".contains(c);
                assert!(value.chars().all(is_fit), "{name}: {value}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_coordinate_is_finite(
            values in proptest::collection::vec((any::<f64>().prop_filter("finite", |v| v.is_finite()), 0..6_u8), 0..30),
            equal in any::<bool>(),
            from in 0..u64::MAX / 2,
        ) {
            let mut curve = Curve::default();
            let mut told = BTreeMap::new();
            let first = values.first().map_or(0.0, |(value, _)| *value);
            for (n, (value, kind)) in (from..).zip(values.clone()) {
                let value = if equal { first } else { value };
                told.insert(n, Told { text: String::new(), interval: Some((value - 1e308, value + 1e308)) });
                curve.add(&match kind {
                    0 => baseline(value),
                    1 => Item::Tried(tried(n, Status::Crash, None)),
                    2 => Item::Tried(tried(n, Status::Keep, Some(value))),
                    3 => Item::Tried(tried(n, Status::Unjudged, None)),
                    _ => Item::Tried(tried(n, Status::Discard, Some(value))),
                });
            }
            if let Some(drawn) = progress(&curve, "p50_ms", "ms", &told) {
                assert_finite(&drawn.into_string());
            }
            let course: Vec<(u64, f64)> = (from..).zip(values.iter().map(|(value, _)| *value)).collect();
            assert_finite(&sparkline(&course, from).into_string());
            let mut wild: Vec<f64> = values.iter().map(|(value, _)| *value).collect();
            assert_finite(&differences(&wild, |_| true).into_string());
            wild.extend([f64::INFINITY, f64::NEG_INFINITY]);
            assert_finite(&differences(&wild, |_| true).into_string());
        }
    }
}
