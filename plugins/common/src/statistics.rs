//! The statistics of repeated measurements.
//!
//! - Quantiles interpolate linearly between the sorted values: definition 7 of R. J. Hyndman and Y. Fan,
//!   "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996), the default of
//!   R and `NumPy`. With few runs a nearest rank would make the 95th percentile the maximum.
//! - Outliers have a large modified z-score: B. Iglewicz and D. Hoaglin, "How to Detect and Handle
//!   Outliers", ASQC Basic References in Quality Control 16 (1993), with hyperfine's threshold.

/// Distance from the median, in median absolute deviations. 1.4826 of these estimate one standard
/// deviation of normal noise, so this is ten of them: hyperfine's threshold, which flags disturbances
/// rather than tails.
const OUTLIER_DISTANCE: f64 = 14.826;

/// The arithmetic mean; none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The median; none of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The sample's standard deviation (n - 1); none of fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / freedom as f64).sqrt())
}

/// The value below which a share of the values lies; none of nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a slice: it cannot be negative or too large"
)]
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = sorted.len().checked_sub(1)? as f64 * share;
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

/// Returns the values, with their index, that lie far from the median, measured by how the others
/// scatter.
pub fn outliers(values: &[f64]) -> Vec<(usize, f64)> {
    let Some(median) = median(values) else {
        return Vec::new();
    };
    let distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    let Some(scatter) = self::median(&distances) else {
        return Vec::new();
    };
    // Multiplied rather than divided: where most values agree exactly, any other is far off.
    let far = OUTLIER_DISTANCE * scatter;
    values
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, value)| (value - median).abs() > far)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: Option<f64>, right: f64) -> bool {
        (left.unwrap() - right).abs() < 1e-9
    }

    #[test]
    fn nothing_has_no_statistics() {
        assert_eq!(mean(&[]), None);
        assert_eq!(median(&[]), None);
        assert_eq!(standard_deviation(&[]), None);
        assert!(outliers(&[]).is_empty());
    }

    #[test]
    fn one_value_is_its_own_mean_and_does_not_scatter() {
        assert_eq!(mean(&[7.0]), Some(7.0));
        assert_eq!(quantile(&[7.0], 0.95), Some(7.0));
        assert_eq!(standard_deviation(&[7.0]), None);
    }

    #[test]
    fn order_does_not_matter_and_quantiles_interpolate() {
        let values = [50.0, 10.0, 40.0, 20.0, 30.0];
        assert!(close(median(&values), 30.0));
        // Position 0.95 x 4 = 3.8: four fifths of the way from 40 to 50.
        assert!(close(quantile(&values, 0.95), 48.0));
        assert!(close(mean(&values), 30.0));
        assert!(close(median(&[1.0, 2.0, 3.0, 10.0]), 2.5));
    }

    #[test]
    fn results_match_numpy() {
        // numpy.quantile([...], 0.95) and numpy.std([...], ddof=1)
        let values = [15.0, 20.0, 35.0, 40.0, 50.0, 61.0];
        assert!(close(quantile(&values, 0.95), 58.25));
        assert!(close(quantile(&values, 0.5), 37.5));
        let four = [2.0, 4.0, 4.0, 6.0];
        assert!(close(standard_deviation(&four), (8.0_f64 / 3.0).sqrt()));
    }

    #[test]
    fn a_disturbed_value_is_an_outlier() {
        assert_eq!(outliers(&[100.0, 101.0, 99.0, 300.0, 100.5]), [(3, 300.0)]);
        assert_eq!(outliers(&[100.0, 1.0, 99.0, 101.0, 100.5]), [(1, 1.0)]);
        // Where the others agree exactly, anything else is one.
        assert_eq!(outliers(&[20.0, 20.0, 20.0, 25.0]), [(3, 25.0)]);
    }

    #[test]
    fn ordinary_scatter_is_none() {
        assert!(outliers(&[100.0, 108.0, 93.0, 121.0, 99.0]).is_empty());
        assert!(outliers(&[42.0; 10]).is_empty());
        // Two values can't tell which of them is odd.
        assert!(outliers(&[10.0, 1000.0]).is_empty());
    }

    #[test]
    fn the_threshold_is_ten_standard_deviations() {
        // Median 0, deviations 1 1 1 1 and the last: the scatter is 1.
        let at = |far: f64| outliers(&[-1.0, 1.0, -1.0, 1.0, 0.0, 0.0, 1.0, -1.0, far]);
        assert!(at(14.82).is_empty());
        assert_eq!(at(14.83), [(8, 14.83)]);
        assert_eq!(at(-14.83), [(8, -14.83)]);
    }
}
