//! placeholder
use std::path::Path;
pub struct Options<'a> {
    pub model: Option<&'a str>,
    pub extra: &'a [String],
    pub max_cost_usd: Option<f64>,
    pub prompt_file: &'a Path,
    pub targets: &'a [String],
}
#[derive(Debug)]
pub enum PromptVia {
    Stdin,
    File,
}
#[derive(Debug)]
pub struct Adapter {
    pub name: &'static str,
    pub program: &'static str,
    pub propose: fn(&Options<'_>) -> Vec<String>,
    pub prompt: PromptVia,
    pub tells_cost: bool,
    pub read: fn(&str, &str) -> Answer,
    pub install_hint: &'static str,
}
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    pub model: Option<String>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cost_usd: Option<f64>,
    pub problem: Option<Problem>,
}
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    NotLoggedIn(String),
    RateLimited(String),
    Refused(String),
    Other(String),
}
pub fn adapter(_name: &str) -> Option<&'static Adapter> {
    None
}
pub fn names() -> impl Iterator<Item = &'static str> {
    ["claude"].into_iter()
}
pub fn description(text: &str) -> Option<String> {
    text.lines()
        .rev()
        .find(|l| !l.trim().is_empty())
        .map(|l| crate::text::clean_line(l, 500))
}
