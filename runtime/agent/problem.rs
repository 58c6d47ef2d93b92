//! Why an agent has no change to offer.

use crate::text;

/// What an agent says of its own failure, each with its words, cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing will change until its owner logs it in.
    NotLoggedIn(String),
    /// Its provider wants it to wait.
    RateLimited(String),
    /// Its provider cannot be reached, or fails. It may work again later.
    Unreachable(String),
    /// The model declined; another attempt may not.
    Refused(String),
    Other(String),
}

/// Characters kept of a message.
const LIMIT: usize = 300;

const NOT_LOGGED_IN: &[&str] = &[
    "not logged in",
    "please run /login",
    "invalid api key",
    "invalid x-api-key",
    "incorrect api key",
    "api key not valid",
    "api key is missing",
    "missing api key",
    "missing environment variable",
    "missing bearer",
    "401 unauthorized",
    "unauthenticated",
    "authenticationerror",
    "authentication_error",
    "not able to authenticate",
    "set an auth method",
    "invalid auth method",
    "oauth token has expired",
];

const RATE_LIMITED: &[&str] = &[
    "rate limit",
    "rate_limit",
    "ratelimit",
    "usage limit",
    "hit your limit",
    "too many requests",
    "exceeded your current quota",
    "resource_exhausted",
    "overloaded",
];

const UNREACHABLE: &[&str] = &[
    "connection error",
    "connection refused",
    "connection reset",
    "connection timed out",
    "error sending request",
    "stream disconnected",
    "unable to connect",
    "econnrefused",
    "econnreset",
    "enotfound",
    "etimedout",
    "eai_again",
    "fetch failed",
    "service unavailable",
    "internal server error",
    "bad gateway",
    "gateway timeout",
];

const REFUSED: &[&str] = &["content filter", "content_filter", "safeguards flagged"];

impl Problem {
    /// From the status of the provider's answer, where the program tells it, and else the words.
    pub(super) fn of_status(status: Option<u64>, message: &str) -> Self {
        let line = text::clean_line(message, LIMIT);
        match status {
            Some(401 | 403) => Self::NotLoggedIn(line),
            // 529 is Anthropic's for an overloaded service.
            Some(429 | 529) => Self::RateLimited(line),
            Some(408 | 500..=599) => Self::Unreachable(line),
            _ => Self::of_message(message),
        }
    }

    /// From the words alone. Only for words of the program's own: a model may quote anything.
    pub(super) fn of_message(message: &str) -> Self {
        let line = text::clean_line(message, LIMIT);
        let lower = line.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(NOT_LOGGED_IN) {
            Self::NotLoggedIn(line)
        } else if says(RATE_LIMITED) {
            Self::RateLimited(line)
        } else if says(UNREACHABLE) {
            Self::Unreachable(line)
        } else if says(REFUSED) {
            Self::Refused(line)
        } else {
            Self::Other(line)
        }
    }

    pub(super) fn refused(message: &str) -> Self {
        Self::Refused(text::clean_line(message, LIMIT))
    }

    /// The agent's words.
    pub fn message(&self) -> &str {
        match self {
            Self::NotLoggedIn(message)
            | Self::RateLimited(message)
            | Self::Unreachable(message)
            | Self::Refused(message)
            | Self::Other(message) => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_more_than_words() {
        assert!(matches!(
            Problem::of_status(Some(429), "invalid api key"),
            Problem::RateLimited(_)
        ));
        assert!(matches!(
            Problem::of_status(Some(503), "the API has a cold"),
            Problem::Unreachable(_)
        ));
        assert!(matches!(
            Problem::of_status(None, "API Error: Connection error."),
            Problem::Unreachable(_)
        ));
        assert!(matches!(
            Problem::of_status(None, "You've hit your usage limit."),
            Problem::RateLimited(_)
        ));
        assert_eq!(
            Problem::of_status(Some(400), "a\n\u{1b}[31mb"),
            Problem::Other("a b".to_owned())
        );
    }

    #[test]
    fn messages_are_cut() {
        let problem = Problem::of_message(&"x".repeat(1_000_000));
        assert_eq!(problem.message().chars().count(), LIMIT + 1);
    }
}
