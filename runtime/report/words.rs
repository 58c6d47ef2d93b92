//! Times, costs and counts as people read them.

use std::time::{Duration, SystemTime};

use super::{Progress, Tried};
use crate::text;

/// The longest description or reason that is shown, in characters.
const LONGEST: usize = 500;

/// A duration.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.9995 => format!("{:.0} ms", s * 1000.0),
        s if s < 59.95 => format!("{s:.1} s"),
        s => Duration::try_from_secs_f64(s.round()).map_or_else(
            |_| format!("{s} s"),
            |duration| humantime::format_duration(duration).to_string(),
        ),
    }
}

/// What something cost, as far as it is known.
pub fn cost(usd: f64, unknown: u64) -> String {
    match unknown {
        0 => format!("${usd:.2}"),
        _ if usd == 0.0 => "cost unknown".to_owned(),
        _ => format!("${usd:.2} and the unknown cost of {unknown}"),
    }
}

/// `1 process`, `2 processes`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {many}")
    }
}

/// `-4.0%`; nothing where there is no such share.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!("{:+.1}%", share * 100.0))
}

/// How long ago something was, in its largest unit: `now`, `5 min`, `3 h`, `12 d`; nothing where that is
/// not known.
pub fn age(time: &str, now: SystemTime) -> String {
    let Ok(time) = humantime::parse_rfc3339(time) else {
        return String::new();
    };
    let minutes = now.duration_since(time).unwrap_or_default().as_secs() / 60;
    match minutes {
        0 => "now".to_owned(),
        1..60 => format!("{minutes} min"),
        60..1440 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

/// `12 tries: 3 kept, 7 discarded, 2 crashed`.
pub fn counts(progress: &Progress) -> String {
    let mut counts = format!(
        "{}: {} kept, {} discarded, {} crashed",
        count(progress.tries, "try", "tries"),
        progress.keeps,
        progress.discards,
        progress.crashes
    );
    if progress.unjudged > 0 {
        counts.push_str(&format!(", {} not judged", progress.unjudged));
    }
    counts
}

/// A description or reason on one line, without what does not belong in a text.
pub fn line(text: &str) -> String {
    text::clean_line(text, LONGEST)
}

/// What a try is, on one line.
pub fn description(tried: &Tried) -> String {
    line(&tried.description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let start = humantime::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        for (seconds, text) in [
            (0, "now"),
            (59, "now"),
            (60, "1 min"),
            (3600, "1 h"),
            (86_399, "23 h"),
            (86_400 * 400, "400 d"),
        ] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(age("2026-01-01T00:00:00.000Z", now), text);
        }
        assert_eq!(age("2026-01-01T00:00:01Z", start), "now");
        assert_eq!(age("yesterday", start), "");
    }
}
