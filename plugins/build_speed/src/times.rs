//! What build times tell about the builds.

use common::statistics;

/// A build that does its work again takes about as long each time. Where the later builds take less
/// than this share of the first, they found most of it done.
const WARM_SHARE: f64 = 0.5;

/// In seconds. A smaller difference is that of cold and warm file caches.
const WARM_LEAST: f64 = 0.1;

/// Converts a time to seconds.
pub fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Says so where the builds after the first were warm, and what to do about it.
pub fn warm_warning(times: &[f64], cleaned: bool) -> Option<String> {
    let (&first, later) = times.split_first()?;
    let later = statistics::median(later)?;
    if later >= first * WARM_SHARE || first - later < WARM_LEAST {
        return None;
    }
    let advice = if cleaned {
        "does the `clean` command remove all that a build leaves?"
    } else {
        "bind a `clean` command, which runs before each build, to measure whole builds"
    };
    Some(format!(
        "the first build took {first:.3} s and the later ones {later:.3} s: they found work already \
         done, and that is what was measured; {advice}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_become_seconds() {
        assert_eq!(seconds(1_500_000_000), 1.5);
        assert!(seconds(u64::MAX).is_finite());
    }

    #[test]
    fn warm_builds_are_told_with_what_to_do() {
        let warning = warm_warning(&[60.0, 0.2, 0.3], false).unwrap();
        assert!(warning.contains("60.000 s") && warning.contains("0.250 s"));
        assert!(warning.contains("bind a `clean` command"));
        let warning = warm_warning(&[60.0, 0.2], true).unwrap();
        assert!(warning.contains("does the `clean` command"));
    }

    #[test]
    fn builds_that_do_their_work_are_not() {
        assert_eq!(warm_warning(&[], false), None);
        assert_eq!(warm_warning(&[60.0], false), None);
        assert_eq!(warm_warning(&[60.0, 50.0, 52.0], false), None);
        assert_eq!(warm_warning(&[0.2, 60.0, 60.0], false), None);
        // Cold file caches.
        assert_eq!(warm_warning(&[0.1, 0.03, 0.03], false), None);
    }
}
