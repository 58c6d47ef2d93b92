//! How often the command is run.

use common::settings;

/// The number of measured runs where the owner gives none.
pub const DEFAULT_RUNS: u32 = 5;
/// The number of unmeasured runs before them where the owner gives none.
pub const DEFAULT_WARMUP: u32 = 1;

/// How often the command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Measured runs, at least one.
    pub runs: u32,
    /// Runs before them that are not measured.
    pub warmup: u32,
}

impl Settings {
    /// Checks what the owner gave; the error says which bound it broke.
    pub fn new(runs: Option<i64>, warmup: Option<i64>) -> Result<Self, String> {
        Ok(Self {
            runs: settings::runs("runs", runs, DEFAULT_RUNS, 1)?,
            warmup: settings::runs("warmup", warmup, DEFAULT_WARMUP, 0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_its_default() {
        assert_eq!(
            Settings::new(None, None),
            Ok(Settings { runs: 5, warmup: 1 })
        );
        assert_eq!(
            Settings::new(Some(9), None),
            Ok(Settings { runs: 9, warmup: 1 })
        );
    }

    #[test]
    fn the_bounds_themselves_are_allowed() {
        assert_eq!(
            Settings::new(Some(1), Some(0)),
            Ok(Settings { runs: 1, warmup: 0 })
        );
        assert_eq!(
            Settings::new(Some(1000), Some(1000)),
            Ok(Settings {
                runs: 1000,
                warmup: 1000
            })
        );
    }

    #[test]
    fn what_is_outside_is_named() {
        let error = Settings::new(Some(0), None).unwrap_err();
        assert_eq!(error, "`runs` must be from 1 to 1000, not 0");
        assert!(Settings::new(None, Some(-1)).is_err());
        assert!(Settings::new(Some(1001), None).is_err());
    }
}
