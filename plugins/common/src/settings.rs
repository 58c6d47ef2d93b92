//! What several evaluators ask of their settings.

use std::path::{Component, Path, PathBuf};

/// The most runs of a command that an evaluator takes.
pub const MOST_RUNS: u32 = 1000;

/// Checks a number of runs that the owner gave; the error says which bound it broke.
pub fn runs(name: &str, given: Option<i64>, default: u32, least: u32) -> Result<u32, String> {
    let Some(given) = given else {
        return Ok(default);
    };
    match u32::try_from(given) {
        Ok(value) if (least..=MOST_RUNS).contains(&value) => Ok(value),
        _ => Err(format!(
            "`{name}` must be from {least} to {MOST_RUNS}, not {given}"
        )),
    }
}

/// Checks that a path stays in the candidate's directory, and returns it without `.` and doubled
/// slashes, so that equal places are equal paths. The whole directory is `.`.
pub fn path_within(path: &str) -> Result<PathBuf, String> {
    let mut plain = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            _ => return Err(format!("`{path}` must be a relative path without `..`")),
        }
    }
    if path.is_empty() {
        return Err("a path must not be empty: `.` is the whole directory".into());
    }
    Ok(if plain.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_within_bounds_are_taken() {
        assert_eq!(runs("runs", None, 5, 1), Ok(5));
        assert_eq!(runs("runs", Some(1), 5, 1), Ok(1));
        assert_eq!(runs("warmup", Some(0), 1, 0), Ok(0));
        assert_eq!(runs("runs", Some(1000), 5, 1), Ok(1000));
    }

    #[test]
    fn runs_outside_are_named() {
        assert_eq!(
            runs("runs", Some(0), 5, 1).unwrap_err(),
            "`runs` must be from 1 to 1000, not 0"
        );
        // A cast would make 1 of the third.
        for given in [-1, 1001, (1 << 32) + 1, i64::MIN, i64::MAX] {
            assert!(runs("runs", Some(given), 5, 0).is_err(), "{given}");
        }
    }

    #[test]
    fn paths_are_normalised() {
        assert_eq!(path_within("./a//b/./c/"), Ok(PathBuf::from("a/b/c")));
        assert_eq!(path_within("././"), Ok(PathBuf::from(".")));
        // Three dots are a name like any other.
        assert_eq!(path_within(".../..x"), Ok(PathBuf::from(".../..x")));
    }

    #[test]
    fn paths_out_of_the_directory_are_refused() {
        for path in ["/etc", "..", "../x", "a/../b", "a/.."] {
            assert!(path_within(path).unwrap_err().contains(path), "{path}");
        }
        assert!(path_within("").is_err());
    }
}
