//! What the owner says about the tests.

use crate::reports::Pattern;
use crate::runners::Runner;

/// The choice that leaves it to the output which runner it was.
pub const AUTO: &str = "auto";
/// The choice by which the whole command is one test, which passes if it exits with 0.
pub const EXIT_CODE: &str = "exit-code";

/// What the owner says about the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose words are read; none where the output tells.
    pub runner: Option<Runner>,
    /// Whether the command is one test, and nothing that it prints is read.
    pub exit_code: bool,
    /// The files to read instead of the output.
    pub report: Option<Pattern>,
}

impl Settings {
    /// Checks what the owner gave.
    pub fn new(format: Option<&str>, report: Option<&str>) -> Result<Self, String> {
        let runner = match format {
            None | Some(AUTO | EXIT_CODE) => None,
            Some(name) => {
                Some(Runner::named(name).ok_or_else(|| format!("there is no `format` `{name}`"))?)
            }
        };
        let exit_code = format == Some(EXIT_CODE);
        if exit_code && report.is_some() {
            return Err(format!("`format` `{EXIT_CODE}` reads no `report`"));
        }
        Ok(Self {
            runner,
            exit_code,
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
            exit_code: false,
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
        assert!(Settings::new(Some(EXIT_CODE), None).unwrap().exit_code);
        assert!(Settings::new(Some(EXIT_CODE), Some("report.xml")).is_err());
    }

    #[test]
    fn a_report_elsewhere_is_refused() {
        assert!(Settings::new(None, Some("../report.xml")).is_err());
        assert!(Settings::new(None, Some("report.xml")).is_ok());
    }
}
