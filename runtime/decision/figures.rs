//! Values and changes as people read them.

/// `12.3 -> 9.1 ms (-26.0%)`, with as many digits as it takes to see the difference.
pub fn change(from: f64, to: f64, unit: &str) -> String {
    let (before, after) = apart(from, to);
    let change = format!("{before} -> {}", with_unit(&after, unit));
    let share = (to - from) / from.abs();
    match percentage(share) {
        Some(percent) => format!("{change} ({percent})"),
        None => change,
    }
}

/// Two numbers for people that look different if they are.
fn apart(one: f64, other: f64) -> (String, String) {
    let texts = (number(one), number(other));
    if texts.0 != texts.1 || one == other || !one.is_finite() || !other.is_finite() {
        return texts;
    }
    (1..=17)
        .map(|digits| (format!("{one:.digits$}"), format!("{other:.digits$}")))
        .find(|(one, other)| one != other)
        .unwrap_or((one.to_string(), other.to_string()))
}

/// `-26.0%`, with more digits if it would look like nothing; none if it is no number.
pub(super) fn percentage(share: f64) -> Option<String> {
    let percent = share * 100.0;
    if !percent.is_finite() {
        return None;
    }
    Some(if percent != 0.0 && percent.abs() < 0.05 {
        format!("{percent:+.1e}%")
    } else {
        format!("{percent:+.1}%")
    })
}

/// `9.1 ms`, `7.5/10`.
pub fn quantity(value: f64, unit: &str) -> String {
    with_unit(&number(value), unit)
}

fn with_unit(number: &str, unit: &str) -> String {
    let gap = if unit.is_empty() || unit.starts_with('/') {
        ""
    } else {
        " "
    };
    format!("{number}{gap}{unit}")
}

/// A number for people: whole where it is whole, else with four significant digits or more.
pub fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the magnitude was checked to be small"
    )]
    let decimals = (3.0 - magnitude).clamp(1.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_seen_however_small() {
        assert_eq!(change(12.3, 9.1, "ms"), "12.30 -> 9.100 ms (-26.0%)");
        assert_eq!(
            change(0.9973, 0.997_300_01, ""),
            "0.99730000 -> 0.99730001 (+1.0e-6%)"
        );
        assert_eq!(change(5.0, 5.0, "ms"), "5 -> 5 ms (+0.0%)");
        assert_eq!(change(0.0, 3.0, ""), "0 -> 3");
        let next = f64::from_bits(1.5_f64.to_bits() + 1);
        let told = change(1.5, next, "");
        let (before, after) = told.split_once(" -> ").unwrap();
        assert_ne!(before, after.split_once(' ').unwrap().0);
    }

    #[test]
    fn numbers_for_people() {
        for (value, text) in [
            (0.0, "0"),
            (12_345_678.0, "12345678"),
            (1234.56, "1234.6"),
            (0.012_345, "0.01235"),
            (1e-9, "1.000e-9"),
            (1e20, "1.000e20"),
            (-2.5, "-2.500"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
