//! `runtime/stats.rs` beside `check.py`, which has the same from the papers.

use autoresearch::stats::{SignBet, e_lond, e_value, interval, median, spread};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    median: Vec<Median>,
    spread: Vec<Spread>,
    e_value: Vec<EValue>,
    interval: Vec<Interval>,
    least: Vec<Least>,
    e_lond: Vec<ELond>,
}

#[derive(Deserialize)]
struct Median {
    samples: Vec<f64>,
    is: f64,
}

#[derive(Deserialize)]
struct Spread {
    samples: Vec<f64>,
    centre: f64,
    is: f64,
}

#[derive(Deserialize)]
struct EValue {
    differences: Vec<f64>,
    shift: f64,
    effect: f64,
    scale: Option<f64>,
    is: f64,
}

#[derive(Deserialize)]
struct Interval {
    differences: Vec<f64>,
    alpha: f64,
    effect: f64,
    scale: Option<f64>,
    is: (Option<f64>, Option<f64>),
}

#[derive(Deserialize)]
struct Least {
    alpha: f64,
    is: u32,
}

#[derive(Deserialize)]
struct ELond {
    rate: f64,
    n: u64,
    rejections: u64,
    is: f64,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

/// Within a billionth of the value, or of what it is a value of.
#[track_caller]
fn close(ours: f64, other: f64, size: f64) {
    let most = 1e-9 * other.abs().max(size);
    assert!((ours - other).abs() <= most, "{ours} is not {other}");
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn medians_and_spreads() {
    for case in cases().median {
        close(median(&case.samples), case.is, 0.0);
    }
    for case in cases().spread {
        close(
            spread(&case.samples, case.centre),
            case.is,
            largest(&case.samples),
        );
    }
}

#[test]
fn e_values() {
    for case in cases().e_value {
        let ours = e_value(&case.differences, case.shift, case.effect, case.scale);
        close(ours, case.is, 0.0);
    }
}

#[test]
fn intervals() {
    for case in cases().interval {
        let (low, high) = interval(&case.differences, case.alpha, case.effect, case.scale);
        for (ours, other) in [(low, case.is.0), (high, case.is.1)] {
            match (ours, other) {
                (Some(ours), Some(other)) => close(ours, other, largest(&case.differences)),
                (None, None) => {}
                _ => panic!("{ours:?} is not {other:?} for {:?}", case.differences),
            }
        }
    }
}

#[test]
fn levels_and_least_numbers() {
    for case in cases().least {
        assert_eq!(SignBet::least(case.alpha), case.is, "{}", case.alpha);
    }
    for case in cases().e_lond {
        close(e_lond(case.rate, case.n, case.rejections), case.is, 0.0);
    }
}
