//! What the owner says about the tests.

use crate::reports::Pattern;
use crate::runners::Runner;

/// The choice that leaves it to the output which runner it was.
pub const AUTO: &str = "auto";

/// What the owner says about the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose words are read; none where the output tells.
    pub runner: Option<Runner>,
    /// The files to read instead of the output.
    pub report: Option<Pattern>,
}

impl Settings {
    /// Checks what the owner gave.
    pub fn new(format: Option<&str>, report: Option<&str>) -> Result<Self, String> {
        let runner = match format {
            None | Some(AUTO) => None,
            Some(name) => {
                Some(Runner::named(name).ok_or_else(|| format!("there is no `format` `{name}`"))?)
            }
        };
        Ok(Self {
            runner,
            report: report.map(Pattern::new).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_output_tells_the_runner() {
        let nothing = Settings {
            runner: None,
            report: None,
        };
        assert_eq!(Settings::new(None, None), Ok(nothing.clone()));
        assert_eq!(Settings::new(Some(AUTO), None), Ok(nothing));
    }

    #[test]
    fn every_choice_is_a_runner() {
        for runner in Runner::ALL {
            assert_eq!(
                Settings::new(Some(runner.name()), None).unwrap().runner,
                Some(*runner)
            );
        }
        assert!(Settings::new(Some("mocha"), None).is_err());
    }

    #[test]
    fn a_report_elsewhere_is_refused() {
        assert!(Settings::new(None, Some("../report.xml")).is_err());
        assert!(Settings::new(None, Some("report.xml")).is_ok());
    }
}
