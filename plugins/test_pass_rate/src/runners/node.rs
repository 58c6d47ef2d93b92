//! The last lines of `node --test`, in its `tap` reporter `# tests 6`, in `spec` `ℹ tests 6`; then `suites`,
//! `pass`, `fail`, `cancelled`, `skipped`, `todo` and `duration_ms`.

use super::{Counts, Found, Reading, is_decimal};

/// Reads the last summary.
pub fn read(text: &str) -> Found {
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len())
        .rev()
        .find_map(|start| summary(lines.get(start..)?))
        .map(|counts| Ok(Reading::from(counts)))
}

fn summary(lines: &[&str]) -> Option<Counts> {
    let sign = lines.first()?.chars().next()?;
    if !matches!(sign, '#' | 'ℹ') {
        return None;
    }
    let mut values = lines
        .iter()
        .map_while(|line| line.strip_prefix(sign)?.strip_prefix(' ')?.split_once(' '))
        // Node 18 has no suites.
        .filter(|(name, _)| *name != "suites");
    let mut number = |name: &str| -> Option<u64> {
        let (found, value) = values.next()?;
        (found == name).then(|| value.parse().ok())?
    };
    let tests = number("tests")?;
    let counts = Counts {
        passed: number("pass")?,
        failed: number("fail")?.saturating_add(number("cancelled")?),
        skipped: number("skipped")?.saturating_add(number("todo")?),
    };
    let (name, value) = values.next()?;
    (name == "duration_ms" && is_decimal(value) && tests == counts.total()).then_some(counts)
}
