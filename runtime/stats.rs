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

/// The median absolute deviation of normally distributed values is this many standard deviations.
const MAD_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

/// The standard deviation of what most samples come from: their median absolute deviation from
/// `centre`, scaled for normal values. A few wild samples do not move it. NaN of nothing.
///
/// Rousseeuw and Croux, *Alternatives to the Median Absolute Deviation*, JASA 88 (1993).
pub fn spread(samples: &[f64], centre: f64) -> f64 {
    let deviations: Vec<f64> = samples.iter().map(|x| (x - centre).abs()).collect();
    finite(median(&deviations) / MAD_OF_NORMAL)
}

/// The nearest number that there is: what is computed from measurements is recorded, and compared.
pub fn finite(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

/// Each value less the one before it, with the standard deviation of one value where these are independent:
/// whatever all of them have in common plays no part (von Neumann, *Distribution of the ratio of the mean
/// square successive difference to the variance*, 1941).
pub fn changes(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .zip(values.iter().skip(1))
        .map(|(one, next)| finite(next - one) * std::f64::consts::FRAC_1_SQRT_2)
        .collect()
}

/// The standard deviation of what most samples come from, wherever their centre is, from the distances
/// between each two: half of the samples may be wild. More exact than [`spread`] where there are few. NaN
/// of fewer than two.
///
/// `Qn` with its corrections for few samples: Rousseeuw and Croux, *Alternatives to the Median Absolute
/// Deviation*, JASA 88 (1993); Croux and Rousseeuw, *Time-efficient algorithms for two highly robust
/// estimators of scale* (1992).
pub fn distance_spread(samples: &[f64]) -> f64 {
    const NORMAL: f64 = 2.219_14;
    const FEW: [f64; 8] = [0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872];
    let count = samples.len();
    let mut distances: Vec<f64> = samples
        .iter()
        .enumerate()
        .flat_map(|(i, a)| samples.iter().skip(i + 1).map(move |b| (a - b).abs()))
        .collect();
    distances.sort_by(f64::total_cmp);
    let half = count / 2 + 1;
    let quarter = distances.get((half * (half - 1) / 2).saturating_sub(1));
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let n = count as f64;
    let correction = match count.checked_sub(2).and_then(|i| FEW.get(i)) {
        Some(few) => *few,
        None if count % 2 == 1 => n / (n + 1.4),
        None => n / (n + 3.8),
    };
    quarter.map_or(f64::NAN, |quarter| NORMAL * correction * quarter)
}

/// Evidence that paired differences are positive: an e-process for the hypothesis that they are not.
///
/// Where candidate and incumbent are the same, and a coin says which of them is measured first in
/// each pair, each difference has one sign as likely as the other, whatever the noise looks like:
/// heavy tails, drift and spikes change sizes and not signs. So betting on the sign, with a stake
/// that may depend on all that is known but the sign, multiplies one's money by one in the mean.
/// Money that is multiplied by `1 / alpha` at any time is therefore seen with a chance of `alpha` at
/// most (Ville's inequality), and one may stop and go on as one likes.
///
/// The stake is what is best where differences are normal with a mean of `effect` standard
/// deviations: `tanh(effect * |u|)`, the chance of a plus less that of a minus given the size. It is
/// held below all of the money, so that one spike does not ruin; two purses with different
/// bounds, whose mean is an e-process too, serve for calm and for wild noise.
///
/// Ramdas, Ruf, Larsson and Koolen, *Admissible anytime-valid sequential inference must rely on
/// nonnegative martingales* (2020), section on symmetry; Vovk and Wang, *Nonparametric e-tests of
/// symmetry* (NEJSDS, 2024); Waudby-Smith and Ramdas, *Estimating means of bounded random variables by
/// betting* (JRSS B, 2024).
#[derive(Debug, Clone, PartialEq)]
pub struct SignBet {
    effect: f64,
    purses: [f64; 2],
}

/// The share of the money at the start, and the most of it that is put at stake.
const PURSES: [(f64, f64); 2] = [(0.6, 0.98), (0.4, 0.85)];

impl SignBet {
    /// `effect` is the mean that is expected of a difference, in standard deviations of one.
    pub fn new(effect: f64) -> Self {
        Self {
            effect,
            purses: PURSES.map(|(share, _)| share),
        }
    }

    /// The mean that is expected of a difference, in standard deviations of one.
    pub fn effect(&self) -> f64 {
        self.effect
    }

    /// One more difference, in units of a scale that was found without looking at its sign. Zero is
    /// no evidence.
    pub fn observe(&mut self, difference: f64) {
        let stake = (self.effect * difference).tanh();
        for (purse, (_, most)) in self.purses.iter_mut().zip(PURSES) {
            *purse *= 1.0 + most * stake;
        }
    }

    /// The e-value so far: below 1 where differences are rather negative.
    pub fn value(&self) -> f64 {
        self.purses.iter().sum()
    }

    /// The highest e-value after so many more differences.
    pub fn reach(&self, more: u32) -> f64 {
        let more = i32::try_from(more).unwrap_or(i32::MAX);
        self.purses
            .iter()
            .zip(PURSES)
            .map(|(purse, (_, most))| purse * (1.0 + most).powi(more))
            .sum()
    }

    /// How many differences it takes at least for an e-value of `1 / alpha`.
    pub fn least(alpha: f64) -> u32 {
        let start = Self::new(1.0);
        (1..=u32::MAX)
            .find(|n| start.reach(*n) >= 1.0 / alpha)
            .unwrap_or(u32::MAX)
    }
}

/// The scale by which differences are put to a [`SignBet`] where none is known from before: for each,
/// the median size of those up to it. It depends on no sign.
///
/// Noise alone has a standard deviation of 1.5 times that, noise with a mean of 1.4 times its standard
/// deviation one of 0.7 times that: this lies between, so that the stakes for such a gain are not much
/// too low.
pub fn running_scale(sizes: &[f64]) -> f64 {
    median(sizes)
}

/// The e-value of differences being above `shift`: of a [`SignBet`] on each less that, in order.
///
/// `scale` is the standard deviation of a difference where that is known from other data.
pub fn e_value(differences: &[f64], shift: f64, effect: f64, scale: Option<f64>) -> f64 {
    let mut bet = SignBet::new(effect);
    let mut sizes = Vec::with_capacity(differences.len());
    for difference in differences {
        let difference = finite(difference - shift);
        sizes.push(difference.abs());
        bet.observe(ratio(
            difference,
            scale.unwrap_or_else(|| running_scale(&sizes)),
        ));
    }
    bet.value()
}

/// `a / b`, where no difference is none on any scale.
pub fn ratio(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a / b }
}

/// An interval that holds the differences' centre of symmetry with a chance of `1 - alpha`, however it
/// was decided when to stop: the shifts that neither a [`SignBet`] upwards nor one downwards refutes
/// with `alpha / 2`. A side that too few differences leave open is none.
pub fn interval(
    differences: &[f64],
    alpha: f64,
    effect: f64,
    scale: Option<f64>,
) -> (Option<f64>, Option<f64>) {
    let lower = lower_limit(differences, alpha / 2.0, effect, scale);
    let mirrored: Vec<f64> = differences.iter().map(|x| -x).collect();
    let upper = lower_limit(&mirrored, alpha / 2.0, effect, scale);
    (lower, upper.map(|limit| -limit))
}

/// The highest shift that is refuted as too low, by bisection.
fn lower_limit(differences: &[f64], alpha: f64, effect: f64, scale: Option<f64>) -> Option<f64> {
    let refuted = |shift: f64| e_value(differences, shift, effect, scale) >= 1.0 / alpha;
    let centre = median(differences);
    let least = differences.iter().copied().fold(f64::INFINITY, f64::min);
    // Far below all of them every stake is the highest.
    let reach = (centre - least).max(scale.unwrap_or(0.0)).max(centre.abs());
    let mut low = least - 100.0 * reach.max(f64::MIN_POSITIVE);
    if !low.is_finite() || !refuted(low) {
        return None;
    }
    let mut high = centre;
    if refuted(high) {
        return Some(high);
    }
    for _ in 0..100 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if refuted(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// What part of the error that a whole run may make its `n`th test may make, from 1.
///
/// The parts of all add up to one, and those of the first hundred, a night's, to one half, in nearly
/// equal shares.
fn part(n: u64) -> f64 {
    const NIGHT: f64 = 100.0;
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^53 tries")]
    let n = n.max(1) as f64;
    NIGHT / ((n + NIGHT - 1.0) * (n + NIGHT))
}

/// The `alpha` of the `n`th test of a run, from 1, after so many rejections, so that in the mean
/// a share of at most `rate` of all rejections is false, however tests depend on each other.
///
/// e-LOND: Xu and Ramdas, *Online multiple testing with e-values* (AISTATS 2024).
pub fn e_lond(rate: f64, n: u64, rejections: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^53 tries")]
    let rejections = rejections as f64;
    (rate * part(n) * (rejections + 1.0)).min(1.0)
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

    #[test]
    fn a_few_wild_samples_do_not_move_the_spread() {
        let calm = [9.0, 10.0, 11.0, 10.5, 9.5];
        let wild = [9.0, 10.0, 11.0, 10.5, 9.5, 1e9, -1e9];
        assert!((spread(&calm, 10.0) - 0.5 / MAD_OF_NORMAL).abs() < 1e-12);
        assert!((spread(&wild, 10.0) - 1.0 / MAD_OF_NORMAL).abs() < 1e-12);
        assert_eq!(spread(&[3.0, 3.0], 3.0), 0.0);
        assert!(spread(&[], 0.0).is_nan());
    }

    #[test]
    fn half_of_the_samples_may_be_wild_for_the_spread_by_distances() {
        let calm = [1.0, 2.0, 3.0, 4.0, 5.0];
        // The third of the ten distances, which are 1 four times.
        assert!((distance_spread(&calm) - 2.219_14 * 0.844).abs() < 1e-12);
        assert_eq!(distance_spread(&[3.0, 3.0, 3.0]), 0.0);
        assert!(distance_spread(&[1.0, 2.0, 3.0, 4.0, 5.0, 1e9, -1e9, 1e12]) < 10.0);
        assert!(distance_spread(&[1.0]).is_nan() && distance_spread(&[]).is_nan());
    }

    /// Every pattern of signs for the given sizes.
    fn all_signs(sizes: &[f64]) -> impl Iterator<Item = Vec<f64>> + '_ {
        (0..1_u32 << sizes.len()).map(move |bits| {
            let sign = |i: usize| if bits >> i & 1 == 0 { 1.0 } else { -1.0 };
            sizes.iter().enumerate().map(|(i, x)| sign(i) * x).collect()
        })
    }

    fn shaped(shape: u32) -> Vec<f64> {
        let at = |i: u32| f64::from((i * 7 + shape * 13) % 11 + 1);
        (0..12)
            .map(|i| match shape % 4 {
                0 => 1.0,
                1 => at(i),
                2 => at(i).powi(6),
                _ if i % 3 == 0 => 0.0,
                _ => at(i).recip(),
            })
            .collect()
    }

    #[test]
    fn a_no_op_multiplies_the_money_by_one_whatever_the_sizes() {
        for shape in 0..8 {
            for scale in [None, Some(0.01), Some(3.0)] {
                for effect in [0.3, 1.4, 8.0] {
                    let sizes = shaped(shape);
                    let mean = all_signs(&sizes)
                        .map(|differences| e_value(&differences, 0.0, effect, scale))
                        .sum::<f64>()
                        / f64::from(1 << sizes.len());
                    assert!(
                        (mean - 1.0).abs() < 1e-9,
                        "{shape} {scale:?} {effect}: {mean}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_no_op_crosses_at_any_time_no_more_often_than_alpha() {
        for shape in 0..8 {
            let sizes = shaped(shape);
            let crossings = all_signs(&sizes)
                .filter(|differences| {
                    (1..=differences.len())
                        .any(|n| e_value(&differences[..n], 0.0, 1.4, None) >= 100.0)
                })
                .count();
            assert!(crossings * 100 <= 1 << sizes.len(), "{shape}: {crossings}");
        }
    }

    #[test]
    fn the_least_number_of_differences_is_enough_and_one_less_is_not() {
        assert_eq!(SignBet::least(0.01), 7);
        for alpha in [0.5, 0.05, 0.01, 1e-6] {
            let n = SignBet::least(alpha) as usize;
            let e = |n| e_value(&vec![1.0; n], 0.0, 1e9, Some(1.0));
            assert!(e(n) >= 1.0 / alpha);
            assert!(e(n - 1) < 1.0 / alpha);
        }
    }

    #[test]
    fn ties_are_no_evidence_and_no_scale_is_none() {
        assert_eq!(e_value(&[0.0; 9], 0.0, 1.4, None), 1.0);
        assert_eq!(e_value(&[0.0; 9], 0.0, 1.4, Some(0.0)), 1.0);
        // A constant gain without any noise is as clear as can be.
        assert!(e_value(&[1e-300; 7], 0.0, 1.4, Some(0.0)) > 100.0);
        assert!(e_value(&[-1e-300; 7], 0.0, 1.4, Some(0.0)) < 1e-6);
    }

    #[test]
    fn intervals_move_with_the_data_and_mirror_it() {
        let data = [1.2, 0.8, 1.1, 0.9, 1.0, 1.3, 0.7, 1.05, 0.95, 1.0];
        let (low, high) = interval(&data, 0.05, 1.4, None);
        let (low, high) = (low.unwrap(), high.unwrap());
        assert!(
            0.5 < low && low < 1.0 && 1.0 < high && high < 1.5,
            "{low} {high}"
        );
        let close = |a: f64, b: Option<f64>| assert!((a - b.unwrap()).abs() < 1e-9, "{a} {b:?}");
        let (low_up, high_up) = interval(&data.map(|x| x + 7.0), 0.05, 1.4, None);
        close(low + 7.0, low_up);
        close(high + 7.0, high_up);
        let (low_mirrored, high_mirrored) = interval(&data.map(|x| -x), 0.05, 1.4, None);
        close(-low, high_mirrored);
        close(-high, low_mirrored);
        assert_eq!(interval(&data[..3], 0.05, 1.4, None), (None, None));
        assert_eq!(interval(&[], 0.05, 1.4, None), (None, None));
        // Where the money says better with 0.025, the interval lies above zero, and the reverse.
        for n in 4..=data.len() {
            for shift in [0.0, 0.5, 0.9, 1.0] {
                let shifted: Vec<f64> = data[..n].iter().map(|x| x - shift).collect();
                let better = e_value(&shifted, 0.0, 1.4, Some(0.2)) >= 40.0;
                let (low, _) = interval(&shifted, 0.05, 1.4, Some(0.2));
                assert_eq!(
                    better,
                    low.is_some_and(|low| low >= 0.0),
                    "{n} {shift} {low:?}"
                );
            }
        }
    }

    #[test]
    fn the_parts_of_a_runs_error_add_up_to_one() {
        let sum = |n| (1..=n).map(part).sum::<f64>();
        assert!((sum(100) - 0.5).abs() < 1e-9);
        assert!((sum(999_900) - 0.9999).abs() < 1e-9);
        assert!((1..1000).all(|n| part(n + 1) <= part(n)));
        assert!(e_lond(0.05, 10, 3) > e_lond(0.05, 10, 0));
        assert_eq!(e_lond(1.0, 1, 1000), 1.0);
    }
}
