//! Load evaluators and let them measure: all that knows wasmtime.
//!
//! A component is compiled once and kept (`cache`), instantiated anew for each evaluation with
//! nothing but what its settings grant it, and held to its [`Limits`]. What comes back is plain
//! data, checked against the contract.

mod bindings;
mod cache;
mod command;
pub mod compile;
mod convert;
mod deadline;
mod engine;
mod limits;
mod model;
mod progress;
mod state;
mod transcript;

pub use engine::CONTRACT;
pub use limits::{LIMIT_NAMES, Limits, LimitsError};

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::evaluator::{Descriptor, Settings};
use crate::journal::{AgentUse, ModelUse};
use crate::measure::{Diagnostic, Measurement};
use crate::model::{Model, ModelError};
use crate::process::{Cancel, Launcher, Output, RunError};
use crate::sandbox::Confinement;
use crate::tape::Tape;
use crate::text;
use bindings::{Plugin, PluginPre};
use deadline::Deadline;
use state::State;

/// The largest component that is read, in bytes.
const COMPONENT_LIMIT: usize = 128 << 20;
/// How long an evaluator has, after the limit ended its command, to say what it saw.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often an evaluation looks whether it is cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(20);

/// Compiles components and runs them.
pub struct Host {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<cache::Cache>,
    launcher: Launcher,
}

/// A component that implements the contract, ready to measure.
pub struct Evaluator {
    pre: PluginPre<State>,
    descriptor: Descriptor,
    imports: Vec<String>,
}

/// One evaluation: what to measure, with what, within what.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The candidate's directory: the guest's `.`, read-only, and where its commands run.
    pub directory: &'a Path,
    /// Relative to `directory`.
    pub targets: &'a [String],
    pub settings: &'a Settings,
    /// Of a repeated measurement, from 0.
    pub round: u32,
    /// Who answers where the evaluator asks a language model.
    pub model: Option<&'a Arc<Model>>,
    /// The whole environment of the commands.
    pub environment: &'a [(OsString, OsString)],
    /// What they may touch.
    pub confinement: &'a Confinement,
    /// Takes down what commands and model answer, or answers in their place.
    pub tape: Option<&'a Tape>,
    pub limits: &'a Limits,
    /// The wall time of the whole evaluation.
    pub time_limit: Duration,
    /// Ends the evaluation and its command from another thread.
    pub cancel: &'a Cancel,
}

/// What an evaluator reported, checked.
#[derive(Debug, Clone)]
pub struct Report {
    pub measurements: Vec<Measurement>,
    pub diagnostics: Vec<Diagnostic>,
    /// What it asked of a language model.
    pub model: Option<ModelUse>,
    /// The linear memory that the component had in the end, in bytes.
    pub memory: u64,
}

impl Report {
    /// The measurement of a metric.
    pub fn measurement(&self, metric: &str) -> Option<&Measurement> {
        self.measurements.iter().find(|m| m.metric == metric)
    }
}

/// What happens during an evaluation, for whoever waits.
#[derive(Debug)]
pub enum Event<'a> {
    Debug(String),
    Info(String),
    Warning(String),
    Progress {
        done: u32,
        total: Option<u32>,
        message: String,
    },
    CommandStarted {
        role: &'a str,
        line: &'a crate::process::CommandLine,
    },
    CommandEnded {
        role: &'a str,
        result: &'a Result<Output, RunError>,
    },
    /// Calls are numbered from 1.
    ModelAsked {
        number: u32,
        name: &'a str,
        prompt: &'a str,
    },
    ModelAnswered {
        number: u32,
        answer: &'a Result<String, ModelError>,
        used: &'a AgentUse,
    },
}

/// Receives events; called from the host's threads.
pub type Observer = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// Why a file is not an evaluator that this runtime can run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("it is not a WebAssembly file")]
    NotWasm,
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    #[error("it is {0} MiB large; the limit is {limit} MiB", limit = COMPONENT_LIMIT >> 20)]
    TooLarge(usize),
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    #[error("it cannot be compiled within 3 minutes and 3 GiB of memory: {0}")]
    Uncompilable(String),
    #[error("it imports `{0}`, of WASI 0.3")]
    FutureWasi(String),
    #[error("it implements `{found}`, and this runtime implements `{CONTRACT}`")]
    OtherVersion { found: String },
    #[error("it does not export `{CONTRACT}`: it is a component of another world")]
    OtherWorld,
    #[error("it imports `{0}`, which evaluators do not get")]
    UnknownImport(String),
    #[error("it does not fit the contract: {0}")]
    Mismatch(String),
    #[error("it cannot describe itself: {0}")]
    Describe(#[from] Failed),
    #[error("it describes itself wrongly: {0}")]
    Descriptor(String),
}

impl LoadError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            LoadError::Describe(failed) => match failed.error {
                EvaluateError::TimedOut(_) => "give it more time with `--limit describe_ms=N`",
                _ => return failed.error.hint(),
            },
            LoadError::NotWasm => {
                "an evaluator is a `.wasm` component; `autoresearch evaluator list` shows the built-in ones"
            }
            LoadError::CoreModule => {
                "build it for a component target such as wasm32-wasip2, or wrap it with `wasm-tools component new`"
            }
            LoadError::FutureWasi(_) => "build it for WASI 0.2 (the target wasm32-wasip2)",
            LoadError::Invalid(_) => "the file may be truncated; build or fetch it again",
            LoadError::Uncompilable(_) => {
                "it may be made to do that; a machine with more memory may do, if you trust it"
            }
            LoadError::TooLarge(_) => "build it without debug information",
            LoadError::OtherWorld => {
                "an evaluator exports the interface `evaluator` of wit/evaluator.wit; a truncated file may have lost it"
            }
            LoadError::UnknownImport(_)
            | LoadError::OtherVersion { .. }
            | LoadError::Mismatch(_) => {
                "an evaluator implements the world `plugin` of wit/evaluator.wit and may also import WASI 0.2"
            }
            LoadError::Descriptor(_) => "report this to the evaluator's author",
        };
        hint.to_owned()
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The candidate is at fault, in the evaluator's words.
    #[error("{0}")]
    CandidateFailed(String),
    /// The settings make no sense, in the evaluator's words.
    #[error("the evaluator refuses its settings: {0}")]
    InvalidParameters(String),
    /// The evaluator could not do its work, in its own words.
    #[error("the evaluator could not measure: {0}")]
    Unavailable(String),
    /// The language model did not answer, and perhaps will later.
    #[error("{message}")]
    NoAnswer { message: String, later: bool },
    #[error("the evaluation took longer than its limit of {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    #[error("the evaluator went over its limit `{setting}` ({what})")]
    LimitExceeded { setting: &'static str, what: String },
    #[error("the evaluator crashed: {message}")]
    Trapped { message: String, backtrace: String },
    #[error("the evaluator broke the contract: {0}")]
    InvalidReport(String),
    #[error("the evaluation could not be set up: {0}")]
    Setup(String),
    #[error("stopped")]
    Cancelled,
}

impl EvaluateError {
    /// Whether another candidate could fare better: then it is a verdict on this one.
    ///
    /// An evaluator that measured the incumbent and traps, loops or reports nonsense on a candidate
    /// was led there by the candidate.
    pub fn blames_candidate(&self) -> bool {
        match self {
            EvaluateError::CandidateFailed(_)
            | EvaluateError::TimedOut(_)
            | EvaluateError::LimitExceeded { .. }
            | EvaluateError::Trapped { .. }
            | EvaluateError::InvalidReport(_) => true,
            EvaluateError::InvalidParameters(_)
            | EvaluateError::Unavailable(_)
            | EvaluateError::NoAnswer { .. }
            | EvaluateError::Setup(_)
            | EvaluateError::Cancelled => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            EvaluateError::CandidateFailed(_) => {
                "`--verbose` shows what it runs or asks, and where that fails"
            }
            EvaluateError::Setup(_) => "make it possible and try again",
            EvaluateError::Cancelled => "nothing is lost; run it again to measure",
            EvaluateError::InvalidParameters(_) | EvaluateError::Unavailable(_) => {
                "`autoresearch evaluator inspect` shows its parameters and roles"
            }
            EvaluateError::NoAnswer { later: true, .. } => {
                "try again later; `run --loop` waits for it"
            }
            EvaluateError::NoAnswer { later: false, .. } => {
                "see `--judge`, or `[model]` in the experiment: who answers, and how much may be asked"
            }
            EvaluateError::TimedOut(_) => {
                "give it more time with `--budget`, or `budget` in the experiment"
            }
            EvaluateError::LimitExceeded { setting, .. } => {
                return format!(
                    "raise it with `--limit {setting}=N`, or under `[limits]` in the experiment"
                );
            }
            EvaluateError::Trapped { .. } | EvaluateError::InvalidReport(_) => {
                "report this to the evaluator's author"
            }
        };
        hint.to_owned()
    }
}

/// An evaluation without a report.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    pub error: EvaluateError,
    /// The end of what the guest printed, cleaned.
    pub printed: String,
    /// What it asked of a language model.
    pub model: Option<Box<ModelUse>>,
}

impl Failed {
    /// One that printed and asked nothing.
    pub fn silent(error: EvaluateError) -> Self {
        Self {
            error,
            printed: String::new(),
            model: None,
        }
    }

    /// More lines for a person: the backtrace of a crash, and what the guest printed.
    pub fn detail(&self) -> String {
        let mut detail = match &self.error {
            EvaluateError::Trapped { backtrace, .. } => backtrace.clone(),
            _ => String::new(),
        };
        if !self.printed.is_empty() {
            detail.push_str("\nthe evaluator printed:\n");
            detail.push_str(&self.printed);
        }
        detail.trim().to_owned()
    }
}

impl Host {
    /// A host that keeps compiled code in `cache`, if there is one.
    ///
    /// # Errors
    /// Where this machine is none that the compiler supports.
    pub fn new(cache: Option<PathBuf>, launcher: Launcher) -> wasmtime::Result<Self> {
        let engine = engine::new()?;
        let linker = engine::linker(&engine)?;
        let cache = cache.map(|directory| cache::Cache::new(&engine, &directory));
        Ok(Self {
            engine,
            linker,
            cache,
            launcher,
        })
    }

    /// What starts the programs of an evaluation.
    pub fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    /// Compiles a component, or loads it from the cache, and asks it to describe itself.
    ///
    /// `digest` is the SHA-256 of `bytes`, in hexadecimal.
    pub fn load(
        &self,
        bytes: &[u8],
        digest: &str,
        limits: &Limits,
    ) -> Result<Evaluator, LoadError> {
        let component = self.compile(bytes, digest)?;
        let imports = engine::check_world(&self.engine, &component)?;
        let pre = self
            .linker
            .instantiate_pre(&component)
            .and_then(PluginPre::new)
            .map_err(|error| LoadError::Mismatch(text::clean_line(&format!("{error:#}"), 500)))?;
        let descriptor = self.describe(&pre, limits)?;
        Ok(Evaluator {
            pre,
            descriptor,
            imports,
        })
    }

    fn compile(&self, bytes: &[u8], digest: &str) -> Result<Component, LoadError> {
        engine::check_header(bytes)?;
        if bytes.len() > COMPONENT_LIMIT {
            return Err(LoadError::TooLarge(bytes.len() >> 20));
        }
        if let Some(cache) = &self.cache
            && let Some(component) = cache.load(&self.engine, digest)
        {
            return Ok(component);
        }
        if let Some(cache) = &self.cache
            && let Some(compiled) = compile::into_cache(cache, &self.launcher, bytes, digest)
        {
            compiled?;
            if let Some(component) = cache.load(&self.engine, digest) {
                return Ok(component);
            }
        }
        // Without room for its code it has to be done here.
        Component::from_binary(&self.engine, bytes)
            .map_err(|error| engine::explain_invalid(bytes, &format!("{error:#}")))
    }

    /// Instantiates the component once without any grant and asks what it is.
    fn describe(&self, pre: &PluginPre<State>, limits: &Limits) -> Result<Descriptor, LoadError> {
        let time_limit = limits.describe_time();
        let observer: Observer = Arc::new(|_| {});
        let state = State::new(limits, None, None, observer)
            .map_err(|what| Failed::silent(EvaluateError::Setup(what)))?;
        let (described, _) = self.drive(
            state,
            pre,
            time_limit,
            &Deadline::after(time_limit),
            &Cancel::default(),
            async |plugin, store| {
                plugin
                    .autoresearch_evaluator_evaluator()
                    .call_describe(store)
                    .await
            },
        )?;
        let descriptor = convert::descriptor(described).map_err(LoadError::Descriptor)?;
        descriptor
            .check()
            .map_err(|wrong| LoadError::Descriptor(text::clean_line(&wrong, 300)))?;
        Ok(descriptor)
    }

    /// Measures once.
    pub fn evaluate(
        &self,
        evaluator: &Evaluator,
        evaluation: &Evaluation<'_>,
        observer: Observer,
    ) -> Result<Report, Failed> {
        let deadline = Deadline::after(evaluation.time_limit);
        let request = convert::request(evaluation);
        let grants = command::Grants {
            bindings: evaluation.settings.commands.clone(),
            directory: evaluation.directory.to_owned(),
            environment: evaluation.environment.to_vec(),
            confinement: evaluation.confinement.clone(),
            launcher: self.launcher.clone(),
            model: evaluation.model.cloned(),
            deadline: deadline.clone(),
        };
        let tape = evaluation.tape.map(Tape::rewound);
        let state = State::new(evaluation.limits, Some(grants), tape, observer)
            .map_err(|what| Failed::silent(EvaluateError::Setup(what)))?;
        let (transcript, account) = (state.transcript.clone(), state.account.clone());
        let (answer, memory) = self.drive(
            state,
            &evaluator.pre,
            evaluation.time_limit,
            &deadline,
            evaluation.cancel,
            async |plugin, store| {
                plugin
                    .autoresearch_evaluator_evaluator()
                    .call_evaluate(store, &request)
                    .await
            },
        )?;
        convert::report(answer, &evaluator.descriptor)
            .and_then(|report| {
                if deadline.has_passed() {
                    // Said with its last words: what it measured was cut short.
                    Err(EvaluateError::TimedOut(evaluation.time_limit))
                } else {
                    Ok(Report {
                        model: account.total(),
                        memory,
                        ..report
                    })
                }
            })
            .map_err(|error| Failed {
                error: account.explain(error),
                printed: transcript.end(),
                model: account.total().map(Box::new),
            })
    }

    /// Instantiates a component in a store of its own and makes one call, within a wall time. Returns the
    /// answer and the memory that the component then had, in bytes.
    fn drive<T>(
        &self,
        state: State,
        pre: &PluginPre<State>,
        time_limit: Duration,
        deadline: &Deadline,
        cancel: &Cancel,
        call: impl AsyncFnOnce(&Plugin, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<(T, u64), Failed> {
        let setup = |error: std::io::Error| Failed::silent(EvaluateError::Setup(error.to_string()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(setup)?;
        let _ticker = engine::Ticker::start(&self.engine).map_err(setup)?;
        let transcript = state.transcript.clone();
        let (commands, account) = (state.commands.clone(), state.account.clone());
        let exceeded = state.exceeded.clone();
        let mut store = Store::new(&self.engine, state);
        limits::install(&mut store);
        let finished = runtime.block_on(async {
            let work = async {
                let plugin = pre.instantiate_async(&mut store).await?;
                call(&plugin, &mut store).await
            };
            let out_of_time = async {
                deadline.passed().await;
                // A command that is being ended for the same limit: let the evaluator explain it.
                if commands.is_running() {
                    while commands.is_running() {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    tokio::time::sleep(LAST_WORDS).await;
                }
            };
            let cancelled = async {
                while !cancel.is_cancelled() {
                    tokio::time::sleep(CANCEL_POLL).await;
                }
            };
            tokio::pin!(work, out_of_time, cancelled);
            std::future::poll_fn(|context| {
                use std::task::Poll;
                if cancelled.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(EvaluateError::Cancelled));
                }
                if let Poll::Ready(result) = work.as_mut().poll(context) {
                    return Poll::Ready(Ok(result));
                }
                let timed_out = || Err(EvaluateError::TimedOut(time_limit));
                out_of_time.as_mut().poll(context).map(|()| timed_out())
            })
            .await
        });
        // Nothing that the evaluation started outlives it; a guest's read that blocks in the
        // kernel (a FIFO) is left to its thread.
        commands.end_and_wait();
        let memory = store.data().meter.memory();
        drop(store);
        runtime.shutdown_background();
        let error = match finished {
            Ok(Ok(answer)) => return Ok((answer, memory)),
            Err(ended) => ended,
            Ok(Err(error)) => match exceeded.take() {
                Some(limit) => EvaluateError::LimitExceeded {
                    setting: limit.setting,
                    what: limit.what,
                },
                None => engine::explain_trap(&error),
            },
        };
        Err(Failed {
            error,
            printed: transcript.end(),
            model: account.total().map(Box::new),
        })
    }
}

impl Evaluator {
    /// What it says of itself.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The interfaces that it imports, by name.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }
}
