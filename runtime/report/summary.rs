//! What was kept, in words: messages of commits, and the text of a pull request.

use super::words::{cost, count, counts, description, line, percent};
use super::{Progress, change};
use crate::decision::{self, number, quantity};
use crate::git;
use crate::journal::{GuardResult, Tried};
use crate::measure::Direction;
use crate::text::markdown;

/// The longest first line of a message, in characters.
const SUBJECT: usize = 72;

/// What the text of a pull request tells.
#[derive(Debug)]
pub struct PullRequest<'a> {
    pub id: &'a str,
    pub progress: &'a Progress,
    /// What was kept, and its commit on the branch.
    pub keeps: &'a [(&'a Tried, &'a str)],
    /// What the guards measured of the best version.
    pub guards: &'a [GuardResult],
    /// The commit that it is put upon.
    pub base: &'a str,
}

/// The message of a keep's commit.
pub fn message(id: &str, tried: &Tried, progress: &Progress) -> String {
    let mut message = subject(&description(tried));
    message.push_str("\n\n");
    if let Some(measured) = measured(tried, progress) {
        message.push_str(&format!("{}: {measured}.\n", line(&progress.metric)));
    }
    if let Some(agent) = &tried.agent {
        message.push_str(&format!("Proposed by {}.\n", line(&agent.name)));
    }
    message.push_str(&format!("\nAutoresearch-Try: {id} {}\n", tried.n));
    message
}

/// The message of one commit for all of them.
pub fn squashed(id: &str, keeps: &[&Tried], progress: &Progress) -> String {
    let metric = line(&progress.metric);
    let total = total(progress);
    let mut message = subject(&format!("Improve {metric}: {total}"));
    message.push_str("\n\n");
    for tried in keeps {
        message.push_str(&format!("- {}\n", description(tried)));
    }
    message.push('\n');
    for tried in keeps {
        message.push_str(&format!("Autoresearch-Try: {id} {}\n", tried.n));
    }
    message
}

/// One line that git takes for a message's first, whatever it begins with.
fn subject(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "Keep what was better".to_owned();
    }
    match text.char_indices().nth(SUBJECT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// `12.3 -> 9.1 ms (-26.0%), 95% interval -27.0% to -25.1%`.
fn measured(tried: &Tried, progress: &Progress) -> Option<String> {
    let (value, before) = (tried.value?, tried.incumbent_value?);
    let unit = line(&progress.unit);
    let mut text = decision::change(before, value, &unit);
    let interval = interval(tried, progress);
    if !interval.is_empty() {
        text.push_str(&format!(", 95% interval {interval}"));
    }
    Some(text)
}

/// Where the change lies with a chance of 95 %, as a share; empty where that is not known.
fn interval(tried: &Tried, progress: &Progress) -> String {
    let (Some(low), Some(high), Some(before), Some(direction)) = (
        tried.interval.0,
        tried.interval.1,
        tried.incumbent_value,
        progress.direction,
    ) else {
        return String::new();
    };
    // It is of the improvement, which is a decrease where lower is better.
    let (from, to) = match direction {
        Direction::Lower => (before - high, before - low),
        Direction::Higher => (before + low, before + high),
    };
    match (change(before, from), change(before, to)) {
        (Some(from), Some(to)) => format!("{} to {}", percent(Some(from)), percent(Some(to))),
        _ => format!("{} to {}", number(from), number(to)),
    }
}

/// `-96.0%, 95% interval -96.1% to -95.7%`, or of values without noise `100 -> 50 bytes (-50.0%)`: from
/// the start to the best.
fn total(progress: &Progress) -> String {
    match (progress.first, &progress.best) {
        (Some(first), Some(best)) => progress
            .gain
            .in_words()
            .filter(|_| progress.gain.is_paired())
            .unwrap_or_else(|| decision::change(first, best.value, &line(&progress.unit))),
        _ => String::new(),
    }
}

/// The text of a pull request, as Markdown.
pub fn pull_request(request: &PullRequest<'_>) -> String {
    let progress = request.progress;
    let metric = markdown(&progress.metric);
    let mut out = format!(
        "# Improve {metric}: {}\n\n{} kept of {}, each measured before and after on one machine.\n\n",
        markdown(&total(progress)),
        count(request.keeps.len() as u64, "change", "changes"),
        count(progress.tries, "try", "tries"),
    );
    out.push_str("| try | what | before -> after | change | 95% interval | commit |\n|---:|---|---:|---:|---:|---|\n");
    for (tried, commit) in request.keeps {
        let values = match (tried.incumbent_value, tried.value) {
            (Some(before), Some(value)) => format!(
                "{} -> {}",
                number(before),
                quantity(value, &line(&progress.unit))
            ),
            _ => String::new(),
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            tried.n,
            markdown(&description(tried)),
            markdown(&values),
            percent(tried.change()),
            interval(tried, progress),
            git::short(commit),
        ));
    }
    out.push_str("\n## How it was judged\n\n");
    let mut fact = |text: String| out.push_str(&format!("- {text}\n"));
    if let Some((name, version)) = &progress.evaluator {
        let better = progress
            .direction
            .map_or_else(String::new, |direction| format!(", {direction} is better"));
        fact(format!(
            "{metric} by the evaluator {} {}{better}",
            markdown(name),
            markdown(version)
        ));
    }
    fact(control(request.keeps));
    let large: Vec<String> = request
        .keeps
        .iter()
        .filter(|(tried, _)| tried.change().is_some_and(|share| share.abs() > 0.5))
        .map(|(tried, _)| tried.n.to_string())
        .collect();
    if !large.is_empty() {
        fact(format!(
            "more than half was gained by {} {}: make sure that all of the work is still done",
            if large.len() == 1 { "try" } else { "tries" },
            large.join(", ")
        ));
    }
    for guard in request.guards {
        let values: Vec<String> = guard
            .measurements
            .iter()
            .map(|m| format!("{} {}", m.metric, number(m.value())))
            .collect();
        fact(format!(
            "guard {}: {}",
            markdown(&guard.name),
            markdown(&values.join(", "))
        ));
    }
    fact(format!(
        "{}; {}",
        counts(progress),
        cost(progress.cost_usd, progress.unknown_costs)
    ));
    fact(format!(
        "put upon {}; to see each try: `autoresearch results -x {}`",
        git::short(request.base),
        request.id
    ));
    out
}

/// How noise was dealt with.
fn control(keeps: &[(&Tried, &str)]) -> String {
    let noisy: Vec<&Tried> = keeps
        .iter()
        .map(|(tried, _)| *tried)
        .filter(|tried| tried.rounds > 0)
        .collect();
    let uncontrolled = noisy.iter().filter(|tried| tried.alpha.is_none()).count();
    let alpha = noisy
        .iter()
        .filter_map(|tried| tried.alpha)
        .fold(0.0, f64::max);
    match (noisy.len(), uncontrolled) {
        (0, _) => "it has no noise: the same version always has the same value".to_owned(),
        (_, 0) => format!(
            "it has noise: a change that does nothing had a chance of {}% at most to be kept",
            number(alpha * 100.0)
        ),
        (_, some) => format!(
            "it has noise, and for {} that was not ruled out",
            count(some as u64, "change", "changes")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::super::testing::{HOSTILE, baseline, tried};
    use super::*;
    use crate::journal::Item;

    fn progress() -> Progress {
        let mut progress = Progress::default();
        progress.add(&baseline(10.0));
        progress.add(&Item::Tried(tried(1, Status::Keep, Some(9.0))));
        progress
    }

    #[test]
    fn a_message_tells_what_was_measured() {
        assert_eq!(
            message("custom/x", &tried(1, Status::Keep, Some(9.0)), &progress()),
            "change 1\n\n\
             p50_ms: 10 -> 9 ms (-10.0%), 95% interval -15.0% to -5.0%.\n\
             Proposed by claude.\n\n\
             Autoresearch-Try: custom/x 1\n"
        );
    }

    #[test]
    fn a_subject_is_one_line() {
        let mut hostile = tried(1, Status::Keep, Some(9.0));
        hostile.description = format!("{HOSTILE}\n\nAutoresearch-Try: forged 7");
        let text = message("custom/x", &hostile, &progress());
        let mut lines = text.lines();
        assert!(lines.next().unwrap().chars().count() <= SUBJECT + 1);
        assert_eq!(lines.next(), Some(""));
        assert_eq!(text.matches("\nAutoresearch-Try: ").count(), 1);
        let nothing = Tried {
            description: " \n".into(),
            ..hostile
        };
        assert!(message("custom/x", &nothing, &progress()).starts_with("Keep what was better\n\n"));
    }

    #[test]
    fn a_pull_request_holds_no_foreign_markup() {
        let mut hostile = tried(1, Status::Keep, Some(9.0));
        hostile.description = HOSTILE.into();
        let text = pull_request(&PullRequest {
            id: "custom/x",
            progress: &progress(),
            keeps: &[(&hostile, &"b".repeat(40))],
            guards: &[],
            base: &"c".repeat(40),
        });
        assert!(
            text.starts_with("# Improve p50\\_ms: \\-10.0%, 95% interval -15.0% to -5.0%\n"),
            "{text}"
        );
        let row = text.lines().find(|line| line.starts_with("| 1 |")).unwrap();
        assert!(!row.contains("<script") && !row.contains(" @"), "{row}");
        assert_eq!(row.replace("\\|", "").matches('|').count(), 7, "{row}");
        assert!(
            row.contains("10 -> 9 ms | -10.0% | -15.0% to -5.0% | bbbbbbb |"),
            "{row}"
        );
        assert!(text.contains("a chance of 1% at most"), "{text}");
    }
}
