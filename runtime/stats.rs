//! The statistics, pure.

/// The median; the mean of the two middle values where their number is even; NaN of nothing.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    match (sorted.get(lower), sorted.get(upper)) {
        // Halved before they are added: the sum of two large values can overflow.
        (Some(a), Some(b)) if lower != upper => a / 2.0 + b / 2.0,
        (Some(a), _) => *a,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_one_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[-0.0]), 0.0);
        assert_eq!(median(&[f64::MAX, f64::MAX]), f64::MAX);
        assert!(median(&[]).is_nan());
    }
}
