//! `[decision]`: how sure a verdict has to be, and what it may cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_BUDGET, optional_duration};
use crate::decision::Rules;

/// All rounds of one verdict may take the budget of one evaluation this many times: where evaluations keep
/// to it, there is time for the rounds that control of the noise takes.
const BUDGETS: u32 = 30;
/// The smallest chance of an error that can be asked for.
const LEAST_CHANCE: f64 = 1e-9;
/// The most rounds that can be asked for.
const MAX_ROUNDS: u32 = 1000;

/// How a metric with noise is decided on. What is not said has its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionSettings {
    /// The chance that a change which does nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Instead of `alpha`: the share of all keeps that may be false, in the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_keep_rate: Option<f64>,
    /// The most rounds of one verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rounds: Option<u32>,
    /// For all rounds of one verdict.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub max_time: Option<Duration>,
    /// How many rounds confirm a keep, whose estimate is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_rounds: Option<u32>,
    /// Keep what is as good and has fewer lines; for a metric without noise too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prefer_simpler: bool,
}

impl DecisionSettings {
    /// The rules, for a budget of one evaluation.
    pub fn rules(&self, budget: Duration) -> Rules {
        let default = Rules::default();
        Rules {
            alpha: self.alpha.unwrap_or(default.alpha),
            false_keep_rate: self.false_keep_rate,
            max_rounds: self.max_rounds.unwrap_or(default.max_rounds),
            max_time: self.max_time.unwrap_or(budget * BUDGETS),
            confirm_rounds: self.confirm_rounds.unwrap_or(default.confirm_rounds),
            prefer_simpler: self.prefer_simpler,
        }
    }

    /// Checks what the file's form does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_chance = |chance: f64| (LEAST_CHANCE..1.0).contains(&chance);
        match (self.alpha, self.false_keep_rate) {
            (Some(_), Some(_)) => {
                return Err("`[decision]` has either `alpha` or `false_keep_rate`".to_owned());
            }
            (Some(chance), None) if !is_chance(chance) => {
                return Err(format!(
                    "`alpha` is a chance from {LEAST_CHANCE} to less than 1, not {chance}"
                ));
            }
            (None, Some(rate)) if !is_chance(rate) => {
                return Err(format!(
                    "`false_keep_rate` is a share from {LEAST_CHANCE} to less than 1, not {rate}"
                ));
            }
            _ => {}
        }
        let range = 1..=MAX_ROUNDS;
        if self
            .max_rounds
            .is_some_and(|rounds| !range.contains(&rounds))
        {
            return Err(format!("`max_rounds` is from 1 to {MAX_ROUNDS}"));
        }
        if self
            .confirm_rounds
            .is_some_and(|rounds| rounds > MAX_ROUNDS)
        {
            return Err(format!("`confirm_rounds` is at most {MAX_ROUNDS}"));
        }
        if self
            .max_time
            .is_some_and(|time| time.is_zero() || time > MAX_BUDGET)
        {
            return Err("the decision's `max_time` is from `1ms` to `7d`".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DecisionSettings, String> {
        let settings: DecisionSettings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check().map(|()| settings)
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let minute = Duration::from_mins(1);
        let rules = read("").unwrap().rules(minute);
        assert_eq!(rules.max_time, Duration::from_mins(30));
        assert_eq!(
            rules,
            Rules {
                max_time: rules.max_time,
                ..Rules::default()
            }
        );
        let text = "alpha = 0.05\nmax_rounds = 40\nmax_time = \"2h\"\nconfirm_rounds = 0\nprefer_simpler = true\n";
        let settings = read(text).unwrap();
        let rules = settings.rules(minute);
        assert_eq!((rules.alpha, rules.max_rounds), (0.05, 40));
        assert_eq!(rules.max_time, Duration::from_hours(2));
        assert_eq!(toml::to_string(&settings).unwrap(), text);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for bad in [
            "alpha = 0",
            "alpha = 1e-10",
            "alpha = 1.0",
            "alpha = nan",
            "false_keep_rate = -0.1",
            "alpha = 0.01\nfalse_keep_rate = 0.05",
            "max_rounds = 0",
            "max_rounds = 1001",
            "max_rounds = -1",
            "confirm_rounds = 1001",
            "max_time = \"0s\"",
            "max_time = \"soon\"",
            "prefer_simpler = 1",
            "rounds = 3",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
