//! Values and changes as people read them.

/// `12.3 -> 9.1 ms (-26.0%)`.
pub fn change(from: f64, to: f64, unit: &str) -> String {
    let relative = (to - from) / from.abs() * 100.0;
    let change = format!("{} -> {}", number(from), quantity(to, unit));
    if relative.is_finite() {
        format!("{change} ({relative:+.1}%)")
    } else {
        change
    }
}

/// `9.1 ms`, `7.5/10`.
pub fn quantity(value: f64, unit: &str) -> String {
    let gap = if unit.is_empty() || unit.starts_with('/') {
        ""
    } else {
        " "
    };
    format!("{}{gap}{unit}", number(value))
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
