//! The random marker of one call.

use std::fmt;

use crate::passage::Passage;
use crate::{Failure, Host};

/// A source that works is never asked a second time: the chance of that is one in 2^100.
const DRAWS: u32 = 4;

/// A code that the judged text cannot contain: 128 random bits as 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// Draws a marker that none of the passages contains.
    pub fn draw(host: &mut impl Host, passages: &[Passage]) -> Result<Self, Failure> {
        for _ in 0..DRAWS {
            let Some(bits) = host.random() else {
                return Err(Failure::Other("the runtime has no random numbers".into()));
            };
            let marker = format!("{bits:032x}");
            if !passages.iter().any(|passage| passage.contains(&marker)) {
                return Ok(Self(marker));
            }
        }
        Err(Failure::Other(
            "the random numbers of this runtime can be foreseen: the judged text contains them"
                .into(),
        ))
    }

    /// The marker as it stands in the prompt.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn draw(numbers: &[u128], text: &str) -> Result<Marker, Failure> {
        let passages = [Passage::new("text", text)];
        Marker::draw(&mut Fake::drawing(numbers), &passages)
    }

    #[test]
    fn it_always_has_all_its_digits() {
        assert_eq!(
            draw(&[0xabc], "").unwrap().as_str(),
            "00000000000000000000000000000abc"
        );
        assert_eq!(
            draw(&[u128::MAX], "").unwrap().as_str(),
            "ffffffffffffffffffffffffffffffff"
        );
    }

    #[test]
    fn what_the_text_contains_is_drawn_again() {
        let lower = format!("x{:032x}y", 0xabc);
        let upper = format!("{:032X}", 0xdef);
        let text = format!("{lower} {upper}");
        assert_eq!(
            draw(&[0xabc, 0xdef, 7], &text).unwrap().to_string(),
            format!("{:032x}", 7)
        );
    }

    #[test]
    fn a_label_counts_as_well() {
        let label = format!("{:032x}", 5);
        let mut host = Fake::drawing(&[5, 6]);
        let marker = Marker::draw(&mut host, &[Passage::new(&label, "text")]).unwrap();
        assert_eq!(marker.to_string(), format!("{:032x}", 6));
    }

    #[test]
    fn a_source_that_the_text_foresees_is_an_error() {
        let text = format!("{:032x}", 5);
        assert!(matches!(draw(&[5; 4], &text), Err(Failure::Other(_))));
    }

    #[test]
    fn without_random_numbers_there_is_no_marker() {
        assert!(matches!(draw(&[], "text"), Err(Failure::Other(_))));
    }
}
