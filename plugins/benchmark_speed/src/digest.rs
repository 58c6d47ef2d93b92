//! A command's output as a number, by which it can be told whether it is the same.

use sha2::{Digest as _, Sha256};

/// Bytes of the digest that a metric's value holds exactly.
const BYTES: usize = 6;

/// The first 48 bits of an output's SHA-256.
pub fn digest(output: &[u8]) -> f64 {
    let digest = Sha256::digest(output);
    digest
        .iter()
        .take(BYTES)
        .fold(0.0, |number, byte| number * 256.0 + f64::from(*byte))
}

/// The digest of what every run printed; an error says why there is none.
#[derive(Debug, Default)]
pub struct Outputs {
    seen: Option<f64>,
    /// Why there is no digest.
    trouble: Option<&'static str>,
}

impl Outputs {
    /// Adds what one run printed on standard output.
    pub fn add(&mut self, output: &[u8], truncated: bool) {
        if truncated {
            self.trouble = Some("a run printed more than the runtime keeps");
            return;
        }
        let now = digest(output);
        if self.seen.is_some_and(|before| before != now) {
            self.trouble = Some("the runs did not all print the same");
        }
        self.seen = Some(now);
    }

    /// The digest of what all runs printed.
    ///
    /// # Errors
    /// If they printed different things, or too much, or there was none.
    pub fn digest(&self) -> Result<f64, &'static str> {
        match (self.trouble, self.seen) {
            (Some(trouble), _) => Err(trouble),
            (None, Some(digest)) => Ok(digest),
            (None, None) => Err("there was no run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_start_of_the_sha256() {
        // e3b0c44298fc: of nothing.
        assert_eq!(digest(b""), 0xe3b0_c442_98fc_u64 as f64);
        assert_ne!(digest(b"a"), digest(b"b"));
    }

    #[test]
    fn outputs_that_differ_have_none() {
        let mut outputs = Outputs::default();
        assert!(outputs.digest().is_err());
        outputs.add(b"same", false);
        outputs.add(b"same", false);
        assert_eq!(outputs.digest(), Ok(digest(b"same")));
        outputs.add(b"other", false);
        outputs.add(b"other", false);
        assert!(outputs.digest().unwrap_err().contains("did not all"));
        let mut long = Outputs::default();
        long.add(b"end", true);
        assert!(long.digest().unwrap_err().contains("keeps"));
    }
}
