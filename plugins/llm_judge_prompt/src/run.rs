//! Tries a prompt on every case and has the answers judged.
//!
//! The judge sees a case's input, what is expected, and the answer, but not the prompt: a prompt that
//! asks for less would be followed more easily, and one that praises itself has no reader.

use std::path::{Component, Path};

use judge::answer::{Tenths, mean};
use judge::ask::{Judgement, Trouble, ask, complete};
use judge::evaluate::{Inputs, Notes};
use judge::passage::{self, Passage, TEXT_LIMIT};
use judge::{Criterion, Failure, Host, Note, Outcome, Rubric};

use crate::cases::{self, Case};

/// The mean of all cases and criteria, times ten.
pub const PRIMARY: &str = "quality_score";

/// How many cases there are.
pub const CASES: &str = "cases_tested";

/// The mean of all cases and criteria.
pub const AVERAGE: &str = "avg_per_case";

/// What makes a good answer.
pub const RUBRIC: Rubric = Rubric {
    subject: "an assistant's answer to a request. The part `input` is the request, the part `expected` \
              says what a right answer contains or achieves, and the part `answer` is what you judge",
    best: "all that is expected is there, and nothing could be said better",
    criteria: &[
        Criterion {
            name: "accuracy",
            question: "Is what it says right, and does it agree with what is expected?",
        },
        Criterion {
            name: "completeness",
            question: "Is all that is expected there, in substance if not in words?",
        },
        Criterion {
            name: "clarity",
            question: "Is it understood at first reading, without padding?",
        },
        Criterion {
            name: "instruction_following",
            question: "Does it do what the input asks, in the form and length that the input and \
                       what is expected call for?",
        },
    ],
};

/// What a case that fails scores, by each criterion.
const NOTHING: [Tenths; 4] = [0; 4];

/// The runtime keeps a hundred diagnostics; who judged and what is left out need room too.
const MOST_NOTES: usize = 90;

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tried {
    /// In the order of the criteria.
    Judged(Vec<Tenths>),
    /// The answer cannot be judged.
    NoAnswer(String),
    /// The model could not be asked, or did not judge.
    NoVerdict(String),
}

/// Tries the prompt below `base` on the cases of a file.
pub fn evaluate(
    host: &mut impl Host,
    base: &Path,
    inputs: &Inputs,
    cases: &str,
) -> Result<Outcome, Failure> {
    let passes = inputs.samples()?;
    // What judges is out of the candidate's reach.
    if inputs.targets.iter().any(|target| same(target, cases)) {
        return Err(Failure::InvalidParameters(format!(
            "the test cases, `{cases}`, must not be a target"
        )));
    }
    let files = passage::chosen(inputs.file.as_deref(), &inputs.targets)?;
    if files.len() > 1 {
        return Err(Failure::InvalidParameters(
            "there are several targets: name the one that is the prompt with the parameter `file`"
                .into(),
        ));
    }
    let prompt: String = passage::read(base, &files)?
        .iter()
        .map(Passage::text)
        .collect();
    let cases = cases::read(base, cases)?;

    let mut notes = Notes::default();
    let mut tried: Vec<Vec<Tried>> = vec![Vec::new(); cases.len()];
    // At most 100,000: neither number is large.
    let total = u32::try_from(cases.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(passes);
    let mut done = 0;
    for _ in 0..passes {
        for (number, (case, tried)) in (1..).zip(cases.iter().zip(&mut tried)) {
            host.progress(done, total, &format!("case {number} of {}", cases.len()));
            tried.push(attempt(host, &prompt, case, &mut notes)?);
            done += 1;
        }
    }
    host.progress(total, total, "judged");

    // Where not one case got a verdict, it is the model that fails, not the prompt.
    let mut all = tried.iter().flatten();
    if let Some(Tried::NoVerdict(reason)) = all.next()
        && all.all(|one| matches!(one, Tried::NoVerdict(_)))
    {
        return Err(Failure::Unavailable(format!(
            "no case was judged; the first: {reason}"
        )));
    }
    let mut notes = notes.0;
    notes.extend(about(&tried));
    Ok(Outcome {
        measurements: measurements(&tried),
        notes,
    })
}

fn same(one: &str, other: &str) -> bool {
    let names = |path| {
        Path::new(path)
            .components()
            .filter(|part| *part != Component::CurDir)
    };
    names(one).eq(names(other))
}

/// Tries one case. The error is what would end every other as well.
fn attempt(
    host: &mut impl Host,
    prompt: &str,
    case: &Case,
    notes: &mut Notes,
) -> Result<Tried, Failure> {
    let answer = match complete(host, &request(prompt, case)) {
        Ok(completion) => Passage::printed("answer", &completion.text),
        Err(Trouble::Passing(reason) | Trouble::Malformed(reason)) => {
            return Ok(Tried::NoVerdict(reason));
        }
        Err(Trouble::Lasting(failure)) => return Err(failure),
    };
    if answer.text().trim().is_empty() {
        return Ok(Tried::NoAnswer("the model answered nothing".into()));
    }
    if answer.text().len() as u64 > TEXT_LIMIT {
        return Ok(Tried::NoAnswer(format!(
            "the answer is larger than {} KiB",
            TEXT_LIMIT / 1024
        )));
    }
    let passages = [
        Passage::new("input", &case.input),
        Passage::new("expected", &case.expected),
        answer,
    ];
    match ask(host, &RUBRIC, &passages) {
        Ok(Judgement { scores, model, .. }) => {
            notes.model(model.as_deref());
            Ok(Tried::Judged(scores))
        }
        Err(Trouble::Passing(reason) | Trouble::Malformed(reason)) => Ok(Tried::NoVerdict(reason)),
        Err(Trouble::Lasting(failure)) => Err(failure),
    }
}

/// The prompt under test as it would be used: followed by the input, with nothing added.
fn request(prompt: &str, case: &Case) -> String {
    let prompt = prompt.trim_end();
    if case.input.trim().is_empty() {
        return prompt.to_owned();
    }
    format!("{prompt}\n\n{}", case.input)
}

fn measurements(tried: &[Vec<Tried>]) -> Vec<(String, Vec<f64>)> {
    let mut averages = Vec::new();
    let mut by_criterion = vec![Vec::new(); RUBRIC.criteria.len()];
    for pass in 0..tried.first().map_or(0, Vec::len) {
        let mut scores: Vec<Tenths> = Vec::new();
        for case in tried {
            match case.get(pass) {
                Some(Tried::Judged(given)) => scores.extend(given),
                _ => scores.extend(NOTHING),
            }
        }
        averages.extend(mean(&scores));
        for (index, samples) in by_criterion.iter_mut().enumerate() {
            samples.extend(mean(&column(&scores, index)));
        }
    }
    let mut measurements = vec![
        (
            PRIMARY.to_owned(),
            averages.iter().map(|mean| mean * 10.0).collect(),
        ),
        (CASES.to_owned(), vec![tried.len() as f64]),
        (AVERAGE.to_owned(), averages),
    ];
    for (criterion, samples) in RUBRIC.criteria.iter().zip(by_criterion) {
        measurements.push((criterion.name.to_owned(), samples));
    }
    measurements
}

/// Says how each case went; where there are too many, how those that failed did before the others.
fn about(tried: &[Vec<Tried>]) -> Vec<Note> {
    let mut failed = Vec::new();
    let mut judged = Vec::new();
    let mut notes = Vec::new();
    for (number, passes) in (1..).zip(tried) {
        let message = format!("case {number} of {}: {}", tried.len(), summary(passes));
        let note = if passes.iter().all(|one| matches!(one, Tried::Judged(_))) {
            Note::Info(message)
        } else {
            Note::Warning(message)
        };
        if tried.len() <= MOST_NOTES {
            notes.push(note);
        } else if matches!(note, Note::Warning(_)) {
            failed.push(note);
        } else {
            judged.push(note);
        }
    }
    if tried.len() > MOST_NOTES {
        notes.append(&mut failed);
        notes.append(&mut judged);
        notes.truncate(MOST_NOTES);
        notes.push(Note::Info(format!(
            "and {} more cases",
            tried.len() - MOST_NOTES
        )));
    }
    notes
}

/// How all passes over a case went.
fn summary(passes: &[Tried]) -> String {
    let mut scores: Vec<Tenths> = Vec::new();
    let mut failed = 0;
    let mut first = "";
    for one in passes {
        match one {
            Tried::Judged(given) => scores.extend(given),
            Tried::NoAnswer(reason) | Tried::NoVerdict(reason) => {
                scores.extend(NOTHING);
                failed += 1;
                if failed == 1 {
                    first = reason;
                }
            }
        }
    }
    let all = mean(&scores).unwrap_or_default();
    if failed > 0 {
        return match passes.len() {
            1 => format!("counts as 0: {first}"),
            all_passes => {
                format!("{all:.1}, with {failed} of {all_passes} passes counted as 0: {first}")
            }
        };
    }
    let mut said = format!("{all:.1}");
    for (index, criterion) in RUBRIC.criteria.iter().enumerate() {
        let of_all = mean(&column(&scores, index)).unwrap_or_default();
        let separator = if index == 0 { " (" } else { ", " };
        said.push_str(&format!("{separator}{} {of_all:.1}", criterion.name));
    }
    said.push(')');
    said
}

/// The scores of one criterion among those of several cases or passes.
fn column(scores: &[Tenths], index: usize) -> Vec<Tenths> {
    scores
        .iter()
        .skip(index)
        .step_by(RUBRIC.criteria.len())
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::{Completion, ModelError};
    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Answers requests and questions with what the test says.
    struct Fake<A, J> {
        answer: A,
        judge: J,
        prompts: Vec<String>,
        steps: Vec<String>,
        drawn: u128,
    }

    impl<A, J> Host for Fake<A, J>
    where
        A: FnMut(&str) -> Result<String, ModelError>,
        J: FnMut(&str) -> Result<String, ModelError>,
    {
        fn complete(&mut self, prompt: &str) -> Result<Completion, ModelError> {
            self.prompts.push(prompt.to_owned());
            let last = prompt.lines().last().unwrap();
            let text = match last.strip_suffix(" instruction_following: SCORE") {
                Some(marker) => (self.judge)(prompt)?.replace("M ", &format!("{marker} ")),
                None => (self.answer)(prompt)?,
            };
            Ok(Completion {
                text,
                model: Some("fake-1".into()),
            })
        }
        fn random(&mut self) -> Option<u128> {
            self.drawn += 0x1234_5678_9abc_def1_2345;
            Some(self.drawn)
        }
        fn progress(&mut self, done: u32, total: u32, message: &str) {
            self.steps.push(format!("{done}/{total} {message}"));
        }
    }

    fn fake<A, J>(answer: A, judge: J) -> Fake<A, J>
    where
        A: FnMut(&str) -> Result<String, ModelError>,
        J: FnMut(&str) -> Result<String, ModelError>,
    {
        Fake {
            answer,
            judge,
            prompts: Vec::new(),
            steps: Vec::new(),
            drawn: 0,
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "what the model answers is a result"
    )]
    fn echo(prompt: &str) -> Result<String, ModelError> {
        Ok(format!("you said {}", prompt.lines().last().unwrap()))
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "what the model answers is a result"
    )]
    fn scores(scores: [&str; 4]) -> Result<String, ModelError> {
        let [one, two, three, four] = scores;
        Ok(format!(
            "M accuracy: {one}\nM completeness: {two}\nM clarity: {three}\nM instruction_following: {four}"
        ))
    }

    struct Folder(PathBuf);

    impl Folder {
        /// A prompt, and a case for each input.
        fn new(inputs: &[&str]) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("llm_judge_prompt-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            let cases: Vec<_> = inputs
                .iter()
                .map(|input| serde_json::json!({"input": input, "expected": "what is expected"}))
                .collect();
            fs::write(path.join("prompt.md"), "Answer well.\n\n").unwrap();
            let cases = serde_json::to_string(&cases).unwrap();
            fs::write(path.join("cases.json"), cases).unwrap();
            Self(path)
        }

        fn run(&self, host: &mut impl Host, samples: i64) -> Result<Outcome, Failure> {
            let inputs = Inputs {
                file: None,
                samples: Some(samples),
                targets: vec!["prompt.md".into()],
            };
            evaluate(host, &self.0, &inputs, "cases.json")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn samples<'a>(outcome: &'a Outcome, metric: &str) -> &'a [f64] {
        let found = outcome.measurements.iter().find(|(name, _)| name == metric);
        &found.unwrap().1
    }

    fn notes(outcome: &Outcome) -> Vec<&str> {
        outcome
            .notes
            .iter()
            .map(|note| match note {
                Note::Info(text) | Note::Warning(text) => text.as_str(),
            })
            .collect()
    }

    #[test]
    fn each_case_is_answered_and_the_answer_judged() {
        let folder = Folder::new(&["one", "two\n"]);
        let mut host = fake(echo, |prompt: &str| {
            if prompt.contains("you said one") {
                scores(["4", "5", "6", "7"])
            } else {
                scores(["8", "8.5", "9", "8"])
            }
        });
        let outcome = folder.run(&mut host, 1).unwrap();
        assert_eq!(outcome.measurements[0], (PRIMARY.to_owned(), vec![69.375]));
        assert_eq!(samples(&outcome, CASES), [2.0]);
        assert_eq!(samples(&outcome, AVERAGE), [6.9375]);
        assert_eq!(samples(&outcome, "completeness"), [6.75]);
        assert_eq!(
            notes(&outcome),
            [
                "judged by fake-1",
                "case 1 of 2: 5.5 (accuracy 4.0, completeness 5.0, clarity 6.0, instruction_following 7.0)",
                "case 2 of 2: 8.4 (accuracy 8.0, completeness 8.5, clarity 9.0, instruction_following 8.0)",
            ]
        );
        assert_eq!(
            host.steps,
            ["0/2 case 1 of 2", "1/2 case 2 of 2", "2/2 judged"]
        );

        // The prompt under test is used as it is, and the judge does not see it.
        assert_eq!(host.prompts[0], "Answer well.\n\none");
        assert_eq!(host.prompts.len(), 4);
        let question = &host.prompts[1];
        assert!(!question.contains("Answer well."));
        for part in [
            " input]\none\n[END ",
            " expected]\nwhat is expected\n[END ",
            " answer]\nyou said one\n[END ",
        ] {
            assert_eq!(question.matches(part).count(), 1, "{part}: {question}");
        }
    }

    #[test]
    fn a_case_that_fails_counts_as_0() {
        let folder = Folder::new(&["good", "silent", "failing", "unjudged", "endless"]);
        let mut host = fake(
            |prompt: &str| match prompt.lines().last().unwrap() {
                "silent" => Ok("\u{1b}[0m \n".to_owned()),
                "failing" => Err(ModelError::Failed("exit code 1".into())),
                "endless" => Ok("x".repeat(200_000)),
                other => Ok(other.to_owned()),
            },
            |prompt: &str| {
                if prompt.contains("]\nunjudged\n") {
                    Ok("M accuracy: 10".to_owned())
                } else {
                    scores(["10", "10", "10", "10"])
                }
            },
        );
        let outcome = folder.run(&mut host, 1).unwrap();
        assert_eq!(samples(&outcome, PRIMARY), [20.0]);
        assert_eq!(samples(&outcome, CASES), [5.0]);
        assert_eq!(samples(&outcome, AVERAGE), [2.0]);
        assert_eq!(samples(&outcome, "clarity"), [2.0]);
        let notes = notes(&outcome);
        assert!(notes[1].starts_with("case 1 of 5: 10.0 (accuracy 10.0"));
        for (note, said) in notes[2..].iter().zip([
            "case 2 of 5: counts as 0: the model answered nothing",
            "case 3 of 5: counts as 0: the model did not answer: exit code 1",
            "case 4 of 5: counts as 0: the judge's answer could not be used",
            "case 5 of 5: counts as 0: the answer is larger than 100 KiB",
        ]) {
            assert!(note.starts_with(said), "{note}");
        }
        assert!(matches!(outcome.notes[2], Note::Warning(_)));
    }

    #[test]
    fn where_no_case_is_judged_it_is_the_models_fault() {
        let folder = Folder::new(&["one", "two"]);
        let mut host = fake(echo, |_: &str| Ok("no".to_owned()));
        assert!(matches!(
            folder.run(&mut host, 1),
            Err(Failure::Unavailable(_))
        ));
        let failed = |_: &str| Err(ModelError::Failed("exit code 1".into()));
        let mut host = fake(failed, |_: &str| Ok(String::new()));
        let Err(Failure::Unavailable(text)) = folder.run(&mut host, 1) else {
            panic!()
        };
        assert!(text.contains("exit code 1"));
        // A prompt that makes the model say nothing is just a bad prompt.
        let mut host = fake(|_: &str| Ok(String::new()), |_: &str| Ok(String::new()));
        assert_eq!(samples(&folder.run(&mut host, 1).unwrap(), PRIMARY), [0.0]);
        assert_eq!(host.prompts.len(), 2);
    }

    #[test]
    fn what_would_end_every_case_ends_the_evaluation() {
        let folder = Folder::new(&["one", "two", "three"]);
        let mut calls = 0;
        let mut host = fake(
            |_: &str| {
                calls += 1;
                if calls == 2 {
                    return Err(ModelError::BudgetExhausted("10 calls".into()));
                }
                Ok("fine".to_owned())
            },
            |_: &str| scores(["5", "5", "5", "5"]),
        );
        let Err(Failure::Unavailable(text)) = folder.run(&mut host, 1) else {
            panic!()
        };
        assert_eq!(text, "the model's budget is spent: 10 calls");
        assert_eq!(host.prompts.len(), 3);
    }

    #[test]
    fn each_pass_over_the_cases_is_a_sample() {
        let folder = Folder::new(&["one", "two"]);
        let mut count = 0;
        let mut host = fake(
            |_: &str| {
                count += 1;
                Ok(if count == 4 { "" } else { "fine" }.to_owned())
            },
            |_: &str| scores(["6", "6", "6", "6"]),
        );
        let outcome = folder.run(&mut host, 2).unwrap();
        assert_eq!(samples(&outcome, PRIMARY), [60.0, 30.0]);
        assert_eq!(samples(&outcome, AVERAGE), [6.0, 3.0]);
        assert_eq!(samples(&outcome, CASES), [2.0]);
        assert_eq!(
            notes(&outcome)[2],
            "case 2 of 2: 3.0, with 1 of 2 passes counted as 0: the model answered nothing"
        );
        assert_eq!(host.steps.last().unwrap(), "4/4 judged");
        assert_eq!(host.steps[2], "2/4 case 1 of 2");
    }

    #[test]
    fn of_many_cases_the_failed_ones_are_told_first() {
        let inputs: Vec<String> = (1..=200).map(|n| format!("input {n}")).collect();
        let folder = Folder::new(&inputs.iter().map(String::as_str).collect::<Vec<_>>());
        let mut host = fake(echo, |prompt: &str| {
            if prompt.contains("]\ninput 150\n") {
                Ok("no".to_owned())
            } else {
                scores(["5", "5", "5", "5"])
            }
        });
        let outcome = folder.run(&mut host, 1).unwrap();
        let notes = notes(&outcome);
        assert!(notes.len() <= 100);
        assert!(notes[1].starts_with("case 150 of 200: counts as 0"));
        assert!(notes[2].starts_with("case 1 of 200"));
        assert_eq!(notes.last(), Some(&"and 110 more cases"));
    }

    #[test]
    fn one_file_is_the_prompt() {
        let folder = Folder::new(&["one"]);
        let mut host = fake(echo, |_: &str| scores(["5", "5", "5", "5"]));
        let mut inputs = Inputs {
            targets: vec!["prompt.md".into(), "other.md".into()],
            ..Inputs::default()
        };
        assert!(matches!(
            evaluate(&mut host, &folder.0, &inputs, "cases.json"),
            Err(Failure::InvalidParameters(_))
        ));
        inputs.file = Some("prompt.md".into());
        assert!(evaluate(&mut host, &folder.0, &inputs, "cases.json").is_ok());
        inputs.file = Some("missing.md".into());
        assert!(matches!(
            evaluate(&mut host, &folder.0, &inputs, "cases.json"),
            Err(Failure::CandidateFailed(_))
        ));
        inputs.file = None;
        inputs.targets.clear();
        assert!(matches!(
            evaluate(&mut host, &folder.0, &inputs, "cases.json"),
            Err(Failure::InvalidParameters(_))
        ));
    }

    #[test]
    fn the_cases_are_not_a_target() {
        let folder = Folder::new(&["one"]);
        let mut host = fake(echo, |_: &str| scores(["5", "5", "5", "5"]));
        for target in ["cases.json", "./cases.json"] {
            let inputs = Inputs {
                file: Some("prompt.md".into()),
                samples: None,
                targets: vec!["prompt.md".into(), target.into()],
            };
            assert!(matches!(
                evaluate(&mut host, &folder.0, &inputs, "cases.json"),
                Err(Failure::InvalidParameters(_))
            ));
        }
    }

    #[test]
    fn a_case_without_input_is_the_prompt_alone() {
        let case = |input: &str| Case {
            input: input.into(),
            expected: "x".into(),
        };
        assert_eq!(request("Say x.\n", &case(" ")), "Say x.");
        assert_eq!(request("Say x.\n", &case(" a\n")), "Say x.\n\n a\n");
    }
}
