//! autoresearch: a host that owns an experiment loop, and evaluators that are sandboxed components.
//!
//! This page is for whoever changes the code. The modules, in the order in which to read them:
//!
//! | module | what it is for |
//! |---|---|
//! | [`measure`] | metrics and measurements: plain values |
//! | [`stats`] | the statistics |
//! | [`decision`] | measurements and policy to a verdict with its reason |
//! | [`session`] | a session as a state machine without I/O: what to do next |
//! | [`requirement`] | what a guard requires of a metric |
//! | [`evaluator`] | what an evaluator says of itself; the owner's settings checked against it |
//! | [`agent`] | for each agent: how it is started, and what its output tells |
//! | [`experiment`] | `experiment.toml`, and the original tool's `config.cfg`: their keys, defaults and checks |
//! | [`environment`] | the environment of commands |
//! | [`text`] | text from outside, made fit for terminal, log and prompt |
//! | [`failure`] | a failure as its user sees it; the exit codes |
//! | [`directories`] | where things are kept that are not the project's |
//! | [`sandbox`] | confine a command by the operating system, and say what that reached |
//! | [`process`] | run one command and everything it starts, and be sure that all of it has ended |
//! | [`conditions`] | the machine's state around an evaluation, and what makes its values doubtful |
//! | [`model`] | the owner's agent as the language model that answers evaluators |
//! | [`tape`] | what an evaluator's commands and model answered, recorded and played back |
//! | [`host`] | load evaluators and let them measure: all that knows wasmtime |
//! | [`registry`] | evaluators in OCI registries: all that knows their protocol |
//! | [`catalog`] | evaluator reference to bytes and digest |
//! | [`git`] | the only caller of git |
//! | [`project`] | the user's project and where its experiments are |
//! | [`workspace`] | the target, in the checkout and in the worktrees |
//! | [`detour`] | installed dependencies that lead back into the checkout |
//! | [`instrument`] | an evaluator made ready to be called |
//! | [`grants`] | what evaluators by others were approved to have |
//! | [`guard`] | an evaluator made ready for what must hold besides the objective |
//! | [`files`] | writing files as a whole |
//! | [`lock`] | one process at a time |
//! | [`measuring`] | one measurement at a time on this machine |
//! | [`journal`] | the record of truth and `results.tsv` |
//! | [`report`] | what journals amount to, as text: terminal, CSV, Markdown, JSON, HTML |
//! | [`import`] | the original tool's results as events of a journal |
//! | [`runlog`] | what happened during one evaluation, for people |
//! | [`activity`] | what a run is doing, for whoever watches |
//! | [`prompt`] | what an agent is asked |
//! | [`caller`] | an agent's program, and one call of it |
//! | [`proposer`] | an agent made ready, and one proposal of it |
//! | [`housekeeping`] | worktrees that stay after their runs |
//! | [`driver`] | carry out what the session decides |
//! | [`finish`] | what was kept as a branch to review |
//! | [`needs`] | what worktrees need that git does not give them |
//! | [`creation`] | a new experiment: checked, its baseline measured, written |
//! | [`conformance`] | what a published evaluator has to do, checked by having it do it |
//! | [`templates`] | the projects that `evaluator new` makes |
//! | [`server`] | pages for browsers on this machine: all that knows hyper |
//! | [`cli`] | the command line; `cli::ui` alone writes to the terminal |
//!
//! Data flows one way: command line to [`experiment::Experiment`] to [`driver`], which asks
//! [`session`] what to do and has [`workspace`], [`host`] and [`process`] do it, to [`journal`], to
//! the terminal.
//!
//! # One try
//!
//! An agent changes the target in a worktree that stands at the incumbent, or the checkout's target is
//! written there. What touches anything else is discarded at once; the rest is committed there. The
//! journal gets a `try`. The evaluator measures the worktree; for a metric with noise the incumbent's
//! too, in rounds, until a [`decision::Trial`] has a verdict. Guards do the same: the cheap ones before,
//! the dear ones for what would be kept. Before each evaluation tracked files are what was committed.
//! The journal gets a `verdict`, with its evidence. Only then do refs, branch and checkout change, and
//! the journal gets `settled`. Killed between any two of these, the next run finishes or repeats what
//! is left; each step may be repeated without harm.
//!
//! # Noise
//!
//! A keep rests on the pairs of its own trial and on nothing else: on the signs of their differences,
//! which are fair coins where the candidate changes nothing, because a coin says who is measured first.
//! All that is known besides (how large differences are as a rule, where the incumbent was) scales the
//! bets and decides when to give up: if it is wrong, gains are missed, and no more no-ops are kept.
//!
//! # Looking at results
//!
//! [`journal::scan`] reads what reports show of each line, several pieces of a long journal at once, and
//! goes on after a damaged one. It takes no part in the journal: a loop may run meanwhile. What it hands
//! on, [`report`] sums up and turns into text; every format cleans what comes from outside in its own way.
//! `finish` replays what was kept by merging trees: nothing is checked out.
//!
//! # Ending
//!
//! One [`process::Cancel`] runs through everything that takes time: signals cancel it, and agent,
//! setup, evaluation and waits end for it, each with its process tree. The loop looks at it before
//! each step, gives up the try in the making, and comes back with what it has done.
//!
//! # Invariants
//!
//! 1. [`session`], [`decision`], [`requirement`], [`stats`], [`measure`] and [`report`] touch no file,
//!    process, clock, environment or wasmtime; time and randomness come in as values.
//! 2. Only [`host`] names wasmtime, and types generated from the WIT stop inside it. Only
//!    [`process`] starts processes; only [`git`] runs git; only `cli::ui` prints; only [`experiment`]
//!    reads experiment files; only [`journal`] writes records; only [`server`] listens; only [`registry`] speaks to other machines. The linter holds what it can
//!    (`clippy.toml`), `tests/layers.rs` the rest.
//! 3. Plugins never depend on the runtime: the WIT is all they share. An evaluator never decides.
//! 4. Nobody's work is lost. The user's HEAD, index and files other than the target are never
//!    touched (but for what commands write into paths that the user shares), and the target only
//!    where it still is the candidate that was judged. A checkout of the experiment's own branch
//!    goes along with it, so that it stays as clean as it was: there alone the target's entry in the
//!    index changes, and the target, where both still are the version before. Every candidate stays
//!    reachable as `refs/autoresearch/{domain}/{name}/{n}`.
//! 5. What judges is out of the candidate's reach: the experiment and the evaluator are read from
//!    the user's checkout, every other file of a worktree comes from the incumbent, is shared from
//!    the checkout, or is one that git ignores: build caches stay, and a candidate could leave
//!    something in them. `.github/SECURITY.md` has what candidates may try, each tried by a test.
//! 6. Nothing from a guest, a command or an agent is believed unchecked: numbers are finite, names
//!    declared, sizes bounded, and control characters removed before a terminal, a log or a prompt sees
//!    them. In a prompt it is quoted: data, never an instruction.
//! 7. Deny by default: a component gets its candidate's directory read-only, clocks and randomness,
//!    the commands that the owner bound and, if it says that it asks one, the owner's language model;
//!    no network, environment or standard input.
//! 8. A command is native code: what confines it is the operating system ([`sandbox`]), and what that
//!    reached stands in each row of the journal. In bubblewrap a worktree is seen in the place of the
//!    checkout; the launcher is inside, and out of its command's reach. What is judged is what was
//!    committed: a target that is another after it was measured is a crash.
//! 9. Every persisted format carries a version; unknown keys are errors.
//! 10. Timings are compared only within one host, and kept candidates only within one pairing: giving
//!     up may look at what the same session measured before. No two measurements of one user run at
//!     once ([`measuring`]).
//!
//! `unsafe` stands in [`process`] and `sandbox::kernel`, where the operating system's calls are, and in
//! `host::cache`, which loads the code that it compiled itself.

pub mod activity;
pub mod agent;
pub mod caller;
pub mod catalog;
pub mod cli;
pub mod conditions;
pub mod conformance;
pub mod creation;
pub mod decision;
pub mod detour;
pub mod directories;
pub mod driver;
pub mod environment;
pub mod evaluator;
pub mod experiment;
pub mod failure;
pub mod files;
pub mod finish;
pub mod git;
pub mod grants;
pub mod guard;
pub mod host;
pub mod housekeeping;
pub mod import;
pub mod instrument;
pub mod journal;
pub mod lock;
pub mod measure;
pub mod measuring;
pub mod model;
pub mod needs;
pub mod process;
pub mod project;
pub mod prompt;
pub mod proposer;
pub mod registry;
pub mod report;
pub mod requirement;
pub mod runlog;
pub mod sandbox;
pub mod server;
pub mod session;
pub mod stats;
pub mod tape;
pub mod templates;
pub mod text;
pub mod workspace;
