//! All that is written to the terminal: data on standard output, everything else on standard error.

use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::live::Live;
use super::output;
use crate::activity::Doing;
use crate::decision::{self, Verdict};
use crate::detour::{Detour, Way};
use crate::driver::Notice;
use crate::failure::Failure;
use crate::git;
use crate::host::{Event, Observer};
use crate::journal::AgentUse;
use crate::measure::{Diagnostic, Severity, Source};
use crate::process::Exit;
use crate::report::terminal::Screen;
pub(super) use crate::report::words::{cost, count, seconds};
use crate::sandbox::{Sandbox, Tier};
use crate::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// The terminal.
#[derive(Debug, Clone)]
pub(super) struct Ui {
    verbosity: Verbosity,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    color: bool,
    /// What is going on, where standard error is a terminal.
    live: Option<Live>,
    /// Why data did not reach standard output.
    lost: Option<std::io::Error>,
}

/// How wide data is that no terminal shows, in columns.
const WIDTH: usize = 100;

/// The longest line that is written, in characters.
const LINE_LIMIT: usize = 2000;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const DIM: &str = "2";

impl Ui {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            verbosity,
            inner: Arc::new(Mutex::new(Inner {
                color: terminal && !plain(),
                live: (terminal && verbosity > Verbosity::Quiet).then(Live::default),
                lost: None,
            })),
        }
    }

    /// A line of data, cleaned.
    pub(super) fn data(&self, line: &str) {
        self.write_data(&text::clean_line_keeping_indent(line));
    }

    /// A value as JSON.
    pub(super) fn json(&self, value: &serde_json::Value) {
        self.write_data(&format!("{value:#}"));
    }

    /// A value as JSON on one line.
    pub(super) fn json_line(&self, value: &serde_json::Value) {
        self.write_data(&value.to_string());
    }

    /// A verdict with its reason, as data.
    pub(super) fn verdict(&self, verdict: Verdict, reason: &str) {
        let color = match verdict {
            Verdict::Keep => GREEN,
            Verdict::Discard => YELLOW,
            Verdict::Crash => RED,
        };
        let word = verdict.to_string();
        let word = if std::io::stdout().is_terminal() {
            self.paint(color, &word)
        } else {
            word
        };
        self.write_data(&format!("{word}: {}", text::clean_line(reason, LINE_LIMIT)));
    }

    fn write_data(&self, text: &str) {
        let mut inner = self.lock();
        let written = inner.aside(|| writeln!(std::io::stdout().lock(), "{text}"));
        if let Err(error) = written {
            inner.lost.get_or_insert(error);
        }
    }

    /// Data as it comes, from whoever made it fit to be read. A reader that goes away ends it.
    pub(super) fn write(
        &self,
        content: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut inner = self.lock();
        let written = inner.aside(|| {
            let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
            content(&mut out).and_then(|()| Ok(out.flush()?))
        });
        let io = match &written {
            Err(error) => output::io_error(error),
            Ok(()) => None,
        };
        match io {
            Some(error) => {
                let lost = std::io::Error::from(error.kind());
                inner.lost.get_or_insert(lost);
                Ok(())
            }
            None => written,
        }
    }

    /// Whether data was lost. A reader that has gone away (`| head`) has lost nothing.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        let flushed = std::io::stdout().lock().flush().err();
        match self.lock().lost.take().or(flushed) {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
                crate::failure::Exit::Failure,
                format!("the result cannot be written: {error}"),
            )
            .hint("standard output must take what is written to it")
            .into()),
            _ => Ok(()),
        }
    }

    /// A line for the person who waits.
    pub(super) fn info(&self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.line(&text::clean_line(line, LINE_LIMIT));
        }
    }

    pub(super) fn verbose(&self, line: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.line(&self.paint(DIM, &text::clean_line(line, LINE_LIMIT)));
        }
    }

    pub(super) fn warning(&self, line: &str) {
        let line = text::clean_line(line, LINE_LIMIT);
        self.line(&format!("{}: {line}", self.paint(YELLOW, "warning")));
    }

    pub(super) fn hint(&self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            let line = text::clean_line(line, LINE_LIMIT);
            self.line(&format!("{}: {line}", self.paint(CYAN, "hint")));
        }
    }

    /// The failure that ends the program.
    pub(super) fn error(&self, error: &anyhow::Error) {
        let label = self.paint(RED, "error");
        match error.downcast_ref::<Failure>() {
            Some(failure) => {
                self.line(&format!(
                    "{label}: {}",
                    text::clean_line(&failure.message, LINE_LIMIT)
                ));
                if let Some(detail) = &failure.detail {
                    for line in detail.lines() {
                        let line = text::clean_line_keeping_indent(line);
                        self.line(&format!("  {line}"));
                    }
                }
                if let Some(hint) = &failure.hint {
                    let hint = text::clean_line(hint, LINE_LIMIT);
                    self.line(&format!("{}: {hint}", self.paint(CYAN, "hint")));
                }
            }
            None => self.line(&format!(
                "{label}: {}",
                text::clean_line(&format!("{error:#}"), LINE_LIMIT)
            )),
        }
    }

    /// What an evaluator does.
    pub(super) fn observer(&self) -> Observer {
        let ui = self.clone();
        Arc::new(move |event| ui.event(&event))
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Debug(message) | Event::Info(message) => self.verbose(message),
            Event::Warning(message) => self.warning(message),
            Event::Progress {
                done,
                total,
                message,
            } => {
                let total = total.map_or(String::new(), |total| format!("/{total}"));
                if let Some(live) = &self.lock().live {
                    live.progress(&format!("{done}{total} {message}"));
                }
            }
            Event::ModelAsked { number, name, .. } => {
                self.verbose(&format!("model: asking {name} (call {number})"));
            }
            Event::ModelAnswered {
                number,
                answer,
                used,
            } => {
                let what = match answer {
                    Ok(_) => "it answered".to_owned(),
                    Err(error) => error.to_string(),
                };
                self.verbose(&format!(
                    "model: call {number}: {what} after {}",
                    seconds(used.seconds)
                ));
            }
            Event::CommandStarted { role, line } => {
                let how = if line.uses_shell() {
                    "with sh -c"
                } else {
                    "directly"
                };
                self.verbose(&format!("{role}: running {how}: {:?}", line.argv()));
            }
            Event::CommandEnded { role, result } => match result {
                Ok(output) => {
                    self.verbose(&format!(
                        "{role}: {} after {}",
                        output.exit,
                        seconds(output.usage.wall_ns as f64 / 1e9)
                    ));
                    let ended = matches!(output.exit, Exit::TimedOut | Exit::Cancelled);
                    if output.survivors > 0 && !ended {
                        self.warning(&format!(
                            "the command for `{role}` left {} running; killed",
                            count(u64::from(output.survivors), "process", "processes")
                        ));
                    }
                }
                Err(error) => self.verbose(&format!("{role}: {error}")),
            },
        }
    }

    /// What happens in an experiment.
    pub(super) fn notice(&self, notice: &Notice<'_>) {
        match notice {
            Notice::Untracked(files) => self.warning(&format!(
                "git does not track {}, which the commands name: the worktrees lack it; commit it, or name it with `--share`",
                files.join(", ")
            )),
            Notice::Needs(workspace, tools) => {
                for tool in *tools {
                    self.info(tool);
                }
                if !workspace.share.is_empty() {
                    self.info(&format!(
                        "the worktrees share {} with your checkout (`share` in experiment.toml)",
                        workspace.share.join(", ")
                    ));
                }
                if let Some(setup) = &workspace.setup {
                    self.info(&format!(
                        "the worktrees are set up with `{setup}` (`setup` in experiment.toml)"
                    ));
                }
            }
            Notice::Doing(activity) => {
                if let Doing::SettingUp(_) = activity.doing {
                    self.info(&activity.doing.to_string());
                }
                if let Some(live) = &self.lock().live {
                    live.doing(activity);
                }
            }
            Notice::Baseline(baseline) => self.info(&format!(
                "baseline: {} {} ({})",
                baseline.metric,
                decision::quantity(baseline.value, &baseline.unit),
                seconds(baseline.seconds)
            )),
            Notice::GuardsChanged => {
                self.info("guards are new or were changed: measuring them on the best version");
            }
            Notice::Guards(results) => {
                for result in *results {
                    let values: Vec<String> = result
                        .measurements
                        .iter()
                        .map(|m| format!("{} {}", m.metric, decision::number(m.value())))
                        .collect();
                    self.info(&format!(
                        "guard {}: {} ({})",
                        result.name,
                        values.join(", "),
                        seconds(result.seconds)
                    ));
                }
            }
            Notice::Uncontrolled(policy) => self.warning(&format!(
                "the noise of {} is not controlled, as there are rounds or time for less than {} rounds of measurements: up to half of all changes that do nothing may be kept; `autoresearch qualify` says more",
                policy.metric,
                policy.rules.least_rounds()
            )),
            Notice::MeaningChanged => self.info(
                "the evaluator or its settings differ from the baseline's: measuring it again",
            ),
            Notice::Imported { is_here: true } => {
                self.info("the best value so far is imported: measuring it here");
            }
            Notice::Imported { is_here: false } => self.info(
                "the best version that was imported is not in this repository: going on from the branch, or from your last commit",
            ),
            Notice::Paired { round, pair } => self.info(&format!(
                "round {}: {} and {}",
                round + 1,
                decision::number(pair.incumbent),
                decision::number(pair.candidate)
            )),
            Notice::Trying(candidate) => {
                let name = format!("try {}", candidate.n);
                let by = candidate.agent.as_ref().map_or(String::new(), |agent| format!(" ({})", by(agent)));
                if candidate.description == name {
                    self.info(&format!("{name}{by}"));
                } else {
                    self.info(&format!("{name}: {}{by}", candidate.description));
                }
            }
            Notice::Judged {
                candidate,
                judged,
                policy,
            } => {
                for diagnostic in &judged.diagnostics {
                    // The machine's were told when they came up.
                    if diagnostic.source == Source::Evaluator {
                        self.diagnostic(diagnostic);
                    }
                }
                if let Some(live) = &self.lock().live {
                    live.judged(candidate, judged, policy);
                }
            }
            Notice::BranchMoved(commit) => self.warning(&format!(
                "the branch was moved to {}: going on from there, with a new baseline",
                git::short(commit)
            )),
            Notice::NotOnBranch(judged) => self.warning(&format!(
                "try {} is kept and not on the branch, because somebody else moved it",
                judged.n
            )),
            Notice::Stuck(tries) => self.info(&format!(
                "{tries} tries in a row brought nothing: the agent is asked for another approach"
            )),
            Notice::NotNow {
                message,
                wait,
                most,
            } => self.info(&match wait {
                Some(wait) => format!(
                    "no answer now ({message}); asking again in {}, for {} at most",
                    seconds(wait.as_secs_f64()),
                    seconds(most.as_secs_f64())
                ),
                None => format!("no answer now ({message}), and no time or money to wait for one"),
            }),
            Notice::MeasuringAgain(failure) => {
                let message = failure.message.trim_end_matches(':');
                let detail = failure.detail.iter().flat_map(|detail| detail.lines()).next();
                let detail = detail.map_or_else(String::new, |line| format!(": {line}"));
                self.warning(&format!("{message}{detail}; trying once more"));
            }
            Notice::Void => self.warning(
                "the measurement is void, because it was stopped or the machine was asleep: measuring again",
            ),
            Notice::WaitingForMachine(process) => self.waiting_for_machine(*process),
            Notice::Doubtful(warning) => self.warning(&warning.to_string()),
            Notice::Newer(files) => self.warning(&format!(
                "{} committed since the best version, and what is measured does not have {}: {}{}",
                count(files.len() as u64, "file was", "files were"),
                if files.len() > 1 { "them" } else { "it" },
                first(files),
                if files.len() > 1 { ", ..." } else { "" }
            )),
            Notice::NewerTarget(files) => self.warning(&format!(
                "you have committed changes to {} that the best version does not have: this goes on from the best version, and merging it may conflict",
                first(files),
            )),
            Notice::NoProgram(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.warning("there is no program.md, so the agent does not get your words");
            }
            Notice::NoProgram(error) => self.warning(&format!(
                "program.md cannot be read, so the agent does not get your words: {error}"
            )),
            Notice::BranchMadeAgain => {
                self.warning("the experiment's branch was gone: it is made again");
            }
            Notice::LeftAlone(files) => self.warning(&format!(
                "left alone, because of what was edited or staged there meanwhile: {}",
                files.join(", ")
            )),
            Notice::Interrupted(candidate) => self.warning(&format!(
                "try {} was interrupted and not judged{}",
                candidate.n,
                if candidate.agent.is_some() {
                    "; it is judged again without asking the agent"
                } else {
                    "; your target is as you left it"
                }
            )),
            Notice::Unsettled(judged) => self.info(&format!(
                "try {} was judged before an earlier run ended: {}",
                judged.n, judged.verdict
            )),
            Notice::Evaluator(event) => self.event(event),
            Notice::Detour(detour) => self.detour(detour),
            Notice::Approved(approval) => self.info(&format!("approved: {}", approval.title())),
            Notice::Confined(sandbox) => self.confined(sandbox),
            Notice::NotShared(path) => self.warning(&format!(
                "`{path}` is to be shared with the worktrees but does not exist"
            )),
            Notice::Implausible { n, share } if self.verbosity >= Verbosity::Normal => {
                self.warning(&format!(
                    "try {n} gains {:.0}%, which is more than most changes bring: look at it before you trust it, with `autoresearch diff {n}`",
                    share * 100.0
                ));
            }
            Notice::Implausible { .. } => {}
            Notice::UnknownResult(agent) => self.warning(&format!(
                "{agent} ended without a result that this version of autoresearch knows: {agent} may be newer; what it changed is judged"
            )),
            Notice::Removed(added) => self.info(&format!(
                "removed what the agent left besides the target: {}",
                text::clean_line(&added.to_string(), 200)
            )),
        }
    }

    /// Asks at a terminal whether something is to be; anywhere else it is not.
    pub(super) fn ask(&self, what: &str, question: &str) -> bool {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !is_terminal {
            return false;
        }
        for line in what.lines() {
            self.info(line);
        }
        let inner = self.lock();
        let mut answer = String::new();
        let read = inner.aside(|| {
            let mut err = std::io::stderr().lock();
            write!(err, "{question} [y/N] ")?;
            err.flush()?;
            std::io::stdin().read_line(&mut answer)
        });
        read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    fn confined(&self, sandbox: &Sandbox) {
        match (sandbox.tier(), sandbox.shortfall()) {
            (Tier::Bubblewrap, _) => self.info("commands are confined by bubblewrap"),
            (Tier::Landlock, why) => self.info(&format!(
                "commands are confined by Landlock: {}",
                why.unwrap_or("bubblewrap is not wanted")
            )),
            (Tier::None, Some(why)) => self.warning(&format!(
                "commands are not confined, and run with all that you may do: {why}"
            )),
            (Tier::None, None) => self.info("commands are not confined: `sandbox` is off"),
        }
    }

    pub(super) fn waiting_for_machine(&self, process: Option<u32>) {
        let process = process.map_or_else(String::new, |id| format!(" (process {id})"));
        self.info(&format!("{}{process}", Doing::WaitingForMachine));
    }

    fn detour(&self, detour: &Detour) {
        let Detour {
            installed, used, ..
        } = detour;
        self.warning(&format!(
            "`{installed}` leads commands to `{used}` in your checkout: what they load from there is not the candidate",
        ));
        self.hint(&match &detour.way {
            Way::Python { path } => format!(
                "give `--env PYTHONPATH={path}` when you make the experiment, or `set = {{ PYTHONPATH = \"{path}\" }}` under `[environment]`",
            ),
            Way::Node => format!(
                "have each worktree install its own: take `{installed}` out of `share`, and give `setup` under `[workspace]`, such as `npm ci`",
            ),
        });
    }

    pub(super) fn diagnostic(&self, diagnostic: &Diagnostic) {
        match diagnostic.severity {
            Severity::Info => self.verbose(&diagnostic.message),
            Severity::Warning | Severity::Error => self.warning(&diagnostic.message),
        }
    }

    /// Nothing is going on any more.
    pub(super) fn idle(&self) {
        if let Some(live) = &self.lock().live {
            live.idle();
        }
    }

    fn line(&self, line: &str) {
        self.lock().aside(|| {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.lock().color {
            format!("\u{1b}[{color}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Writes while the live line is out of the way.
    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.aside(write),
            None => write(),
        }
    }
}

/// Where standard output, if data goes there, is looked at.
pub(super) fn screen(standard: bool) -> Screen {
    let terminal = console::Term::stdout();
    let seen = standard && terminal.is_term();
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = match seen.then(|| terminal.size_checked()).flatten() {
        Some((_, width)) => usize::from(width),
        None => columns().filter(|_| standard).unwrap_or(WIDTH),
    };
    Screen {
        width,
        terminal: seen,
        color: seen && !plain(),
        now: SystemTime::now(),
    }
}

/// Whether the user wants no colors, or the terminal is not known to have any.
fn plain() -> bool {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_unwanted || std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

fn first(files: &[std::path::PathBuf]) -> String {
    files
        .first()
        .map_or_else(String::new, |path| path.display().to_string())
}

/// `claude, 41.2 s, $0.03`.
pub(super) fn by(agent: &AgentUse) -> String {
    let cost = agent
        .cost_usd
        .map_or(String::new(), |cost| format!(", ${cost:.2}"));
    format!("{}, {}{cost}", agent.name, seconds(agent.seconds))
}

/// What clap says of a command line: help on standard output, mistakes on standard error.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // In the form of our own failures.
        let text = error.render().to_string();
        let text = text.replace(
            "For more information, try '--help'.",
            "hint: `--help` shows what there is",
        );
        let _ = write!(std::io::stderr().lock(), "{text}");
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
