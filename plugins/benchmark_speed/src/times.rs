//! What the times of the runs tell, in milliseconds.

use common::statistics;

/// From so many runs on their spread is known well enough to tell outliers; hyperfine makes no fewer.
const ENOUGH_FOR_SPREAD: usize = 10;
/// Of fewer runs, one is an outlier only where it is also so far from the median, as a part of it.
const FAR: f64 = 0.2;

/// Below this, starting the process dominates and a timing says little; hyperfine draws the same line.
const TOO_SHORT_MS: f64 = 5.0;

/// What is reported besides the times themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The 95th percentile.
    pub p95: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The fastest run.
    pub min: f64,
    /// The standard deviation; a single run has none.
    pub stddev: Option<f64>,
}

/// Converts a time to milliseconds.
pub fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Summarises the times of all runs; none where there are none.
pub fn summarize(times: &[f64]) -> Option<Summary> {
    Some(Summary {
        p95: statistics::quantile(times, 0.95)?,
        mean: statistics::mean(times)?,
        min: statistics::quantile(times, 0.0)?,
        stddev: statistics::standard_deviation(times),
    })
}

/// Says what makes these times hard to trust, and what to do about it: under the conditions under
/// which hyperfine does.
pub fn warnings(times: &[f64]) -> Vec<String> {
    let (Some(median), Some(Summary { min, .. })) = (statistics::median(times), summarize(times))
    else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    if min < TOO_SHORT_MS {
        warnings.push(format!(
            "the fastest run takes {min:.3} ms, less than {TOO_SHORT_MS} ms, which is too short to \
             time well: let the command repeat its work"
        ));
    }
    let mut outliers = statistics::outliers(times);
    if times.len() < ENOUGH_FOR_SPREAD {
        outliers.retain(|(_, time)| (time - median).abs() > FAR * median);
    }
    let distance = |(_, time): &(usize, f64)| (time - median).abs();
    let furthest = outliers
        .iter()
        .max_by(|a, b| distance(a).total_cmp(&distance(b)));
    // A slow first run has a reason of its own, whatever else is odd; a fast one has not.
    let slow_start = outliers
        .first()
        .filter(|(index, time)| *index == 0 && *time > median);
    if let Some((_, first)) = slow_start {
        warnings.push(format!(
            "the first run took {first:.3} ms, much longer than the median of {median:.3} ms: if it \
             fills caches, raise `warmup`"
        ));
    } else if let Some(&(index, time)) = furthest {
        warnings.push(format!(
            "outliers among the runs: {} of {}, the furthest is run {} with {time:.3} ms, where the \
             median is {median:.3} ms: something else may be using the machine",
            outliers.len(),
            times.len(),
            index + 1,
        ));
    }
    warnings
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
        assert!(warnings(&[]).is_empty());
    }

    #[test]
    fn one_run_is_its_own_summary() {
        assert_eq!(
            summarize(&[7.0]),
            Some(Summary {
                p95: 7.0,
                mean: 7.0,
                min: 7.0,
                stddev: None
            })
        );
        assert!(warnings(&[7.0]).is_empty());
    }

    #[test]
    fn several_runs_are_summarised() {
        let summary = summarize(&[50.0, 10.0, 40.0, 20.0, 30.0]).unwrap();
        assert!(close(summary.p95, 48.0));
        assert!(close(summary.mean, 30.0));
        assert!(close(summary.min, 10.0));
        assert!(close(summary.stddev.unwrap(), 250.0_f64.sqrt()));
    }

    #[test]
    fn nanoseconds_become_milliseconds() {
        assert!(close(milliseconds(1_234_567), 1.234_567));
        assert_eq!(milliseconds(0), 0.0);
        assert!(milliseconds(u64::MAX).is_finite());
    }

    #[test]
    fn short_runs_are_pointed_out() {
        assert_eq!(warnings(&[4.9, 4.8, 4.7]).len(), 1);
        assert!(warnings(&[4.9])[0].contains("too short"));
        // One is enough.
        assert!(warnings(&[5.4, 4.9, 5.6])[0].contains("4.900 ms"));
        assert!(warnings(&[5.0]).is_empty());
    }

    #[test]
    fn a_slow_first_run_suggests_a_warm_up() {
        let cold = warnings(&[300.0, 100.0, 101.0, 99.0, 100.5]);
        assert_eq!(cold.len(), 1);
        assert!(cold[0].contains("the first run took 300.000 ms") && cold[0].contains("`warmup`"));
        // Also where another one is odd.
        let both = warnings(&[300.0, 100.0, 101.0, 99.0, 100.5, 500.0, 100.2]);
        assert!(both[0].contains("the first run") && both.len() == 1);
    }

    #[test]
    fn other_outliers_suggest_a_busy_machine() {
        let noisy = warnings(&[100.0, 101.0, 99.0, 300.0, 100.5]);
        assert_eq!(noisy.len(), 1);
        assert!(noisy[0].contains("1 of 5") && noisy[0].contains("run 4 with 300.000 ms"));
        // Five runs may be close together by chance.
        assert_eq!(
            warnings(&[6.40, 6.41, 7.1, 6.42, 6.40]),
            Vec::<String>::new()
        );
        let fast_start = warnings(&[10.0, 101.0, 99.0, 100.2, 100.5]);
        assert!(fast_start[0].contains("run 1") && !fast_start[0].contains("`warmup`"));
    }
}
