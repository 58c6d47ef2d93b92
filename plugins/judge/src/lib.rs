//! What the judges share: how a language model is asked for scores, and how its answer is checked.
//!
//! The judged text is the candidate's, so nothing in it is trusted, and the model has read it, so
//! neither is the answer:
//!
//! - [`marker`]: every call draws 128 random bits. The text stands between lines that carry them, and
//!   only lines of the answer that carry them count. Who wrote the text cannot know them.
//! - [`question`]: the prompt: the criteria, the delimited text, then the form of the answer.
//! - [`answer`]: one line a criterion, each exactly once and in range; anything else is malformed.
//! - [`ask`]: one call, a second one if the answer is malformed, and the average of the scores, which
//!   is computed here whatever sum the model names.
//! - [`passage`]: the judged files: there, UTF-8, neither empty nor huge.
//! - [`evaluate`]: all of this for a judge of texts.
//!
//! The glue to the contract is in `contract`, for WebAssembly alone; the rest is pure but for the
//! files that it reads, and tested natively with a model that answers from a list.

pub mod answer;
pub mod ask;
#[cfg(test)]
mod attacks;
#[cfg(target_arch = "wasm32")]
pub mod contract;
pub mod evaluate;
#[cfg(test)]
mod fake;
pub mod marker;
pub mod passage;
pub mod question;

/// One thing that is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion {
    /// Its name in the answer, which is the metric's.
    pub name: &'static str,
    /// What the judge asks itself.
    pub question: &'static str,
}

/// What is judged, and by which criteria.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rubric {
    /// What the model is told to judge: the object of "You judge".
    pub subject: &'static str,
    /// What earns 9 or 10.
    pub best: &'static str,
    /// At least one, each name once.
    pub criteria: &'static [Criterion],
}

/// What the model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The answer, as it came.
    pub text: String,
    /// What the model calls itself, where that is known.
    pub model: Option<String>,
}

/// Why the model did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelError {
    /// The owner granted no model.
    NotGranted(String),
    /// The owner's budget is spent.
    BudgetExhausted(String),
    /// This call failed; another may not.
    Failed(String),
    /// Anything else.
    Other(String),
}

/// What a judge needs from outside: the runtime, or the stand-in of a test.
pub trait Host {
    /// Asks the model.
    fn complete(&mut self, prompt: &str) -> Result<Completion, ModelError>;
    /// Draws 128 bits that nobody can foresee; none where that fails.
    fn random(&mut self) -> Option<u128>;
    /// Tells who waits how far it is.
    fn progress(&mut self, done: u32, total: u32, message: &str);
}

/// Why nothing was measured, as the contract has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The settings make no sense.
    InvalidParameters(String),
    /// The candidate is at fault.
    CandidateFailed(String),
    /// The judge could not do its work.
    Unavailable(String),
    /// Anything else that is not the candidate's fault.
    Other(String),
}

/// Something that the owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Good to know.
    Info(String),
    /// Something went wrong on the way.
    Warning(String),
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Every metric with its samples, in the order taken.
    pub measurements: Vec<(String, Vec<f64>)>,
    /// What else there is to say.
    pub notes: Vec<Note>,
}
