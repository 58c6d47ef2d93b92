//! Why an agent has no change to offer.

use crate::text;

/// What an agent says of its own failure, each with its words, cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing will change until its owner logs it in.
    NotLoggedIn(String),
    /// Nothing will change until its owner pays.
    NoCredit(String),
    /// There is no such model, or not for its owner.
    NoModel(String),
    /// Its provider wants it to wait.
    RateLimited(String),
    /// Its provider cannot be reached, or fails. It may work again later.
    Unreachable(String),
    /// The model declined; another attempt may not.
    Refused(String),
    /// It ended without a result that is known here: its last words, if there are any.
    NoResult(String),
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
    "api_key client option must be set",
    "missing api key",
    "missing environment variable",
    "missing bearer",
    "no api key",
    "401 unauthorized",
    "unauthenticated",
    "authenticationerror",
    "authentication_error",
    "not able to authenticate",
    "set an auth method",
    "invalid auth method",
    "oauth token has expired",
    // Aider's.
    "no llm model was specified and no api keys were provided",
    "openrouter authentication did not complete",
];

const NO_CREDIT: &[&str] = &[
    "insufficient_quota",
    "insufficient quota",
    "insufficient credits",
    "insufficient balance",
    "credit balance is too low",
    "billing_hard_limit_reached",
    "billing_not_active",
    "check your plan and billing",
    "quota exceeded. check your plan",
    "402 payment required",
];

const NO_MODEL: &[&str] = &[
    "issue with the selected model",
    "model_not_found",
    "does not exist or you do not have access",
    "is not found for api version",
    "litellm.notfounderror",
];

/// What is said of limits that pass, also in the words of those that do not.
const PASSES: &[&str] = &[
    "retry in",
    "try again in",
    "resource_exhausted",
    "quota exceeded for metric",
];

const RATE_LIMITED: &[&str] = &[
    "rate limit",
    "rate_limit",
    "ratelimit",
    "usage limit",
    "hit your limit",
    "too many requests",
    "exceeded your current quota",
    "exhausted your daily quota",
    "exhausted your capacity",
    "quota exceeded",
    "resource_exhausted",
    "resource exhausted",
    "overloaded",
    "high demand",
    "is at capacity",
];

const UNREACHABLE: &[&str] = &[
    "connection error",
    "connection refused",
    "connection reset",
    "connection timed out",
    "error sending request",
    "stream disconnected",
    "stream closed before",
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
    "unexpected status 500",
    "unexpected status 502",
    "unexpected status 503",
    "unexpected status 504",
    "last status: 500",
    "last status: 502",
    "last status: 503",
    "last status: 504",
];

const REFUSED: &[&str] = &["content filter", "content_filter", "safeguards flagged"];

impl Problem {
    /// From the status of the provider's answer, where the program tells it, and else the words.
    pub(super) fn of_status(status: Option<u64>, message: &str) -> Self {
        let line = text::clean_line(message, LIMIT);
        // A provider says with the same status that it wants a pause, and that it wants money.
        let of_message = Self::of_message(message);
        match status {
            Some(402) => Self::NoCredit(line),
            Some(404) => Self::NoModel(line),
            Some(400 | 403 | 429) if matches!(of_message, Self::NoCredit(_)) => of_message,
            Some(401 | 403) => Self::NotLoggedIn(line),
            // 529 is Anthropic's for an overloaded service.
            Some(429 | 529) => Self::RateLimited(line),
            Some(408 | 500..=599) => Self::Unreachable(line),
            _ => of_message,
        }
    }

    /// From the words alone. Only for words of the program's own: a model may quote anything.
    pub(super) fn of_message(message: &str) -> Self {
        let line = text::clean_line(message, LIMIT);
        let lower = text::clean_line(message, usize::MAX).to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| has_words(&lower, word));
        if says(NOT_LOGGED_IN) {
            Self::NotLoggedIn(line)
        } else if says(NO_MODEL) {
            Self::NoModel(line)
        } else if says(NO_CREDIT) && !says(PASSES) {
            Self::NoCredit(line)
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
            | Self::NoCredit(message)
            | Self::NoModel(message)
            | Self::RateLimited(message)
            | Self::Unreachable(message)
            | Self::Refused(message)
            | Self::NoResult(message)
            | Self::Other(message) => message,
        }
    }
}

/// Whether a text has words that begin where a word begins: `ENOTFOUND` is not in `FileNotFoundError`.
fn has_words(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric())
    })
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
    fn words_are_found_where_they_begin() {
        for error in [
            "FileNotFoundError: [Errno 2] No such file or directory: 'x'",
            "ModuleNotFoundError: No module named 'x'",
        ] {
            assert!(
                matches!(Problem::of_message(error), Problem::Other(_)),
                "{error}"
            );
        }
        for error in [
            "getaddrinfo ENOTFOUND api.example",
            "unexpected status 500 Internal Server Error",
            "request failed: unexpected status 502",
        ] {
            assert!(
                matches!(Problem::of_message(error), Problem::Unreachable(_)),
                "{error}"
            );
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_told() {
        for words in [
            "The model `gpt-0` does not exist or you do not have access to it.",
            "[API Error: models/none is not found for API version v1beta, or is not supported]",
            "litellm.NotFoundError: AnthropicException - model: none",
        ] {
            assert!(
                matches!(Problem::of_message(words), Problem::NoModel(_)),
                "{words}"
            );
        }
        assert!(matches!(
            Problem::of_status(Some(404), "model: none"),
            Problem::NoModel(_)
        ));
    }

    #[test]
    fn a_pause_and_a_bill_are_told_apart() {
        for words in [
            "You have exhausted your daily quota on this model.",
            "We're currently experiencing high demand, which may cause temporary errors.",
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details. Please retry in 31s.",
        ] {
            assert!(
                matches!(Problem::of_message(words), Problem::RateLimited(_)),
                "{words}"
            );
        }
        for words in [
            "You exceeded your current quota, please check your plan and billing details. (insufficient_quota)",
            "Quota exceeded. Check your plan and billing details.",
            "Your credit balance is too low to access the API.",
        ] {
            assert!(
                matches!(Problem::of_status(Some(429), words), Problem::NoCredit(_)),
                "{words}"
            );
        }
    }

    #[test]
    fn messages_are_cut() {
        let problem = Problem::of_message(&"x".repeat(1_000_000));
        assert_eq!(problem.message().chars().count(), LIMIT + 1);
    }
}
