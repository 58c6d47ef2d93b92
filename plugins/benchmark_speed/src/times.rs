//! The statistics of run times, in milliseconds.
//!
//! - Quantiles interpolate linearly between the sorted times: definition 7 of R. J. Hyndman and Y. Fan,
//!   "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996), the default of
//!   R and `NumPy`. With few runs a nearest rank would make the 95th percentile the maximum.
//! - Outliers have a large modified z-score: B. Iglewicz and D. Hoaglin, "How to Detect and Handle
//!   Outliers", ASQC Basic References in Quality Control 16 (1993), with hyperfine's threshold.

/// Below this, starting the process dominates and a timing says little; hyperfine draws the same line.
const TOO_SHORT_MS: f64 = 5.0;

/// Distance from the median, in median absolute deviations. 1.4826 of these estimate one standard
/// deviation of normal noise, so this is ten of them: hyperfine's threshold, which flags disturbances
/// rather than tails.
const OUTLIER_DISTANCE: f64 = 14.826;

/// And least distance as a share of the median: among a few runs that agree closely, one that is
/// off by less changes nothing that matters.
const OUTLIER_SHARE: f64 = 0.2;

/// What is reported besides the times themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The fastest run.
    pub min: f64,
}

/// Converts a wall time to milliseconds.
pub fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Summarises the times of all runs; none where there are none.
pub fn summarize(times: &[f64]) -> Option<Summary> {
    let sorted = sorted(times);
    Some(Summary {
        p50: quantile(&sorted, 0.5)?,
        p95: quantile(&sorted, 0.95)?,
        mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        min: *sorted.first()?,
    })
}

/// Says what makes these times hard to trust, and what to do about it.
pub fn warnings(times: &[f64]) -> Vec<String> {
    let Some(Summary { p50, .. }) = summarize(times) else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    if p50 < TOO_SHORT_MS {
        warnings.push(format!(
            "the median run takes {p50:.3} ms, less than {TOO_SHORT_MS} ms, which is too short to \
             time well: let the command repeat its work"
        ));
    }
    let outliers = outliers(times);
    let distance = |(_, time): &(usize, f64)| (time - p50).abs();
    let furthest = outliers
        .iter()
        .max_by(|a, b| distance(a).total_cmp(&distance(b)));
    if let Some(&(index, time)) = furthest {
        let advice = if outliers.len() == 1 && index == 0 {
            "if it fills caches, raise `warmup`"
        } else {
            "something else may be using the machine"
        };
        warnings.push(format!(
            "outliers among the runs: {} of {}, the furthest is run {} with {:.3} ms, where the \
             median is {p50:.3} ms: {advice}",
            outliers.len(),
            times.len(),
            index + 1,
            time,
        ));
    }
    warnings
}

/// Returns the runs, by index and time, that lie far from the median, measured by how the others
/// scatter.
pub fn outliers(times: &[f64]) -> Vec<(usize, f64)> {
    let Some(median) = quantile(&sorted(times), 0.5) else {
        return Vec::new();
    };
    let distances: Vec<f64> = times.iter().map(|time| (time - median).abs()).collect();
    let Some(scatter) = quantile(&sorted(&distances), 0.5) else {
        return Vec::new();
    };
    // Multiplied rather than divided: where most runs agree exactly, any other is far off.
    let far = (OUTLIER_DISTANCE * scatter).max(OUTLIER_SHARE * median);
    times
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, time)| (time - median).abs() > far)
        .collect()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a slice: it cannot be negative or too large"
)]
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = sorted.len().checked_sub(1)? as f64 * share;
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(summarize(&[]), None);
        assert!(outliers(&[]).is_empty());
        assert!(warnings(&[]).is_empty());
    }

    #[test]
    fn one_run_is_its_own_summary() {
        assert_eq!(
            summarize(&[7.0]),
            Some(Summary {
                p50: 7.0,
                p95: 7.0,
                mean: 7.0,
                min: 7.0
            })
        );
        assert!(warnings(&[7.0]).is_empty());
    }

    #[test]
    fn order_does_not_matter_and_quantiles_interpolate() {
        let summary = summarize(&[50.0, 10.0, 40.0, 20.0, 30.0]).unwrap();
        assert!(close(summary.p50, 30.0));
        // Position 0.95 x 4 = 3.8: four fifths of the way from 40 to 50.
        assert!(close(summary.p95, 48.0));
        assert!(close(summary.mean, 30.0));
        assert!(close(summary.min, 10.0));
    }

    #[test]
    fn an_even_number_of_runs_has_the_middle_as_median() {
        let summary = summarize(&[1.0, 2.0, 3.0, 10.0]).unwrap();
        assert!(close(summary.p50, 2.5));
        assert!(close(summary.p95, 3.0 + 0.85 * 7.0));
    }

    #[test]
    fn quantiles_match_numpy() {
        // numpy.quantile([15, 20, 35, 40, 50, 61], 0.95) == 58.25
        let summary = summarize(&[15.0, 20.0, 35.0, 40.0, 50.0, 61.0]).unwrap();
        assert!(close(summary.p95, 58.25));
        assert!(close(summary.p50, 37.5));
    }

    #[test]
    fn nanoseconds_become_milliseconds() {
        assert!(close(milliseconds(1_234_567), 1.234_567));
        assert_eq!(milliseconds(0), 0.0);
        assert!(milliseconds(u64::MAX).is_finite());
    }

    #[test]
    fn a_disturbed_run_is_an_outlier() {
        assert_eq!(outliers(&[100.0, 101.0, 99.0, 300.0, 100.5]), [(3, 300.0)]);
        assert_eq!(outliers(&[100.0, 1.0, 99.0, 101.0, 100.5]), [(1, 1.0)]);
        assert_eq!(outliers(&[20.0, 20.0, 20.0, 25.0]), [(3, 25.0)]);
    }

    #[test]
    fn ordinary_scatter_is_none() {
        assert!(outliers(&[100.0, 108.0, 93.0, 121.0, 99.0]).is_empty());
        assert!(outliers(&[42.0; 10]).is_empty());
        // Far off by how the others scatter, but not by much.
        assert!(outliers(&[20.0, 20.0, 20.0, 21.0]).is_empty());
        // Two runs can't tell which of them is odd.
        assert!(outliers(&[10.0, 1000.0]).is_empty());
    }

    #[test]
    fn the_threshold_is_ten_standard_deviations() {
        // Median 0, deviations 1 1 1 1 and the last: the scatter is 1.
        let at = |far: f64| outliers(&[-1.0, 1.0, -1.0, 1.0, 0.0, 0.0, 1.0, -1.0, far]);
        assert!(at(14.82).is_empty());
        assert_eq!(at(14.83), [(8, 14.83)]);
    }

    #[test]
    fn short_runs_are_pointed_out() {
        assert_eq!(warnings(&[4.9, 4.8, 4.7]).len(), 1);
        assert!(warnings(&[4.9])[0].contains("too short"));
        assert!(warnings(&[5.0]).is_empty());
    }

    #[test]
    fn a_slow_first_run_suggests_a_warm_up() {
        let cold = warnings(&[300.0, 100.0, 101.0, 99.0, 100.5]);
        assert_eq!(cold.len(), 1);
        assert!(cold[0].contains("1 of 5") && cold[0].contains("run 1 with 300.000 ms"));
        assert!(cold[0].contains("`warmup`"));
        let noisy = warnings(&[100.0, 101.0, 99.0, 300.0, 100.5]);
        assert!(noisy[0].contains("run 4") && !noisy[0].contains("`warmup`"));
    }
}
