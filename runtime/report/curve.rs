//! The course of an experiment, to be drawn: every try's value, and the best one so far.

use super::Status;
use crate::journal::{Item, Tried};

/// One try's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Which try, from 1.
    pub n: u64,
    /// None where it was not measured. What was measured beside the incumbent is drawn as far from it
    /// as it was then: the machine's drift is not in the course.
    pub value: Option<f64>,
    pub status: Status,
}

/// The course of an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    pub points: Vec<Point>,
    /// Whenever it changes: after which try (0 for before the first), and the best value from then on.
    pub best: Vec<(u64, f64)>,
    /// After which tries what a value means has changed, so that those before cannot be compared.
    pub breaks: Vec<u64>,
    metric: String,
    meaning: String,
    last: u64,
}

impl Curve {
    pub fn add(&mut self, item: &Item) {
        match item {
            Item::Baseline { baseline, .. } => {
                if self.metric != baseline.metric {
                    // Another scale.
                    self.points.clear();
                    self.best.clear();
                    self.breaks.clear();
                } else if self.meaning != baseline.meaning {
                    self.breaks.push(self.last);
                }
                self.metric.clone_from(&baseline.metric);
                self.meaning.clone_from(&baseline.meaning);
                self.best.push((self.last, baseline.value));
            }
            Item::Tried(tried) => {
                self.last = tried.n;
                let status = tried.status();
                let value = tried.value.map(|value| self.level(tried, value));
                self.points.push(Point {
                    n: tried.n,
                    value,
                    status,
                });
                if let (Status::Keep, Some(value)) = (status, value) {
                    self.best.push((tried.n, value));
                }
            }
            Item::Damaged(_) => {}
        }
    }

    /// A try's value as it would be if its incumbent had the value that is drawn.
    fn level(&self, tried: &Tried, value: f64) -> f64 {
        let drawn = self.best.last().map(|(_, best)| *best);
        let scaled = drawn
            .zip(tried.incumbent_value)
            .filter(|_| tried.rounds > 0)
            .map(|(drawn, incumbent)| (drawn / incumbent, drawn / incumbent * value));
        match scaled {
            Some((scale, scaled)) if scale > 0.0 && scaled.is_finite() => scaled,
            _ => value,
        }
    }

    /// The first and the last try that are drawn.
    pub fn span(&self) -> (u64, u64) {
        let first = match (self.best.first(), self.points.first()) {
            (Some((n, _)), _) => *n,
            (None, Some(point)) => point.n,
            (None, None) => 0,
        };
        (first, self.last.max(first))
    }

    /// The values between which the best one moved, widened so that what comes near them is seen, but
    /// not by the few that are far away; none where there is no value.
    pub fn range(&self) -> Option<(f64, f64)> {
        let best = self.best.iter().map(|(_, value)| *value);
        let (low, high) = ends(best)?;
        let mut tried: Vec<f64> = self.points.iter().filter_map(|point| point.value).collect();
        tried.sort_by(f64::total_cmp);
        let at = |share: usize| tried.get(tried.len() * share / 20).copied();
        let most = (high - low) / 2.0;
        let (near_low, near_high) = if high > low {
            (low - most, high + most)
        } else {
            // Nothing was kept: as much as most of the others need.
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        let low = at(1).map_or(low, |value| low.min(value.max(near_low)));
        let high = at(18).map_or(high, |value| high.max(value.min(near_high)));
        let margin = match (high - low) * 0.04 {
            margin if margin > 0.0 && margin.is_finite() => margin,
            _ => (high.abs() * 0.05).max(f64::MIN_POSITIVE),
        };
        let (low, high) = (low - margin, high + margin);
        (low.is_finite() && high.is_finite()).then_some((low, high))
    }
}

/// The least and the greatest value.
pub(super) fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{baseline, tried};
    use super::*;

    #[test]
    fn what_the_machine_drifted_is_not_in_the_course() {
        let mut curve = Curve::default();
        curve.add(&baseline(10.0));
        let of = |n, status, incumbent, value| {
            Item::Tried(Tried {
                incumbent_value: Some(incumbent),
                ..tried(n, status, Some(value))
            })
        };
        curve.add(&of(1, Status::Keep, 10.0, 8.0));
        // Everything takes four times as long from now on.
        curve.add(&of(2, Status::Discard, 32.0, 36.0));
        curve.add(&of(3, Status::Keep, 32.0, 16.0));
        let drawn: Vec<f64> = curve
            .points
            .iter()
            .filter_map(|point| point.value)
            .collect();
        assert_eq!(drawn, [8.0, 9.0, 4.0]);
        assert_eq!(curve.best, [(0, 10.0), (1, 8.0), (3, 4.0)]);
    }
}
