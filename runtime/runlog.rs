//! `runs/0007/candidate.log` in an experiment's directory: what happened while one side of one try
//! was measured, for people. What a language model was asked meanwhile, and what it answered, is
//! beside it in `candidate.model.md`: the log's end may go into an agent's prompt, and how its work
//! is judged should not.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::host::{Event, Failed, Report};
use crate::text;

/// The most that is read back of a log: its end, in bytes.
const END: u64 = 16 << 10;
const END_LINES: usize = 40;

/// The directory of a try's logs, made if there is none.
pub fn directory(experiment: &Path, n: u64) -> std::io::Result<PathBuf> {
    let directory = experiment.join(format!("runs/{n:04}"));
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// The log of a try's side that was written last: guards have one each, `candidate-NAME.log`.
pub fn last(experiment: &Path, n: u64, side: &str) -> Option<PathBuf> {
    let is_of_side = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_suffix(".log")
            .and_then(|name| name.strip_prefix(side))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    std::fs::read_dir(experiment.join(format!("runs/{n:04}")))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_of_side)
        .max_by_key(|path| path.metadata().and_then(|file| file.modified()).ok())
}

/// The end of a log, cleaned; empty where there is none.
pub fn end(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    text::tail(&read().unwrap_or_default(), END_LINES)
}

/// The log of one evaluation. What cannot be written is not: a log is no reason to stop a night.
#[derive(Debug)]
pub struct RunLog {
    log: Option<Mutex<File>>,
    model: PathBuf,
}

impl RunLog {
    /// The log of a try's side, to which later rounds are added; none where the experiment has no
    /// directory yet.
    pub fn open(experiment: &Path, n: u64, name: &str, round: u32) -> Self {
        let model = experiment.join(format!("runs/{n:04}/{name}.model.md"));
        if !experiment.is_dir() {
            return Self { log: None, model };
        }
        if round == 0 {
            // Of an earlier measurement of the same side.
            let _ = std::fs::remove_file(&model);
        }
        let file = directory(experiment, n).and_then(|directory| {
            let path = directory.join(format!("{name}.log"));
            match round {
                0 => File::create(path),
                _ => OpenOptions::new().append(true).create(true).open(path),
            }
        });
        let log = Self {
            log: file.ok().map(Mutex::new),
            model,
        };
        if round > 0 {
            log.line(&format!("-- round {round}"));
        }
        log
    }

    pub fn event(&self, event: &Event<'_>) {
        match event {
            Event::Debug(message) => self.line(&format!("debug: {message}")),
            Event::Info(message) => self.line(&format!("info: {message}")),
            Event::Warning(message) => self.line(&format!("warning: {message}")),
            Event::ModelAsked {
                number,
                name,
                prompt,
            } => {
                self.line(&format!("model: asking {name} (call {number})"));
                self.model(&format!("# Call {number}: {name} is asked"), prompt);
            }
            Event::ModelAnswered {
                number,
                answer,
                used,
            } => {
                let (cost, model) = (used.cost_usd, used.model.as_deref());
                self.line(&format!(
                    "model: call {number}: {} after {:.3} s, model {}, cost {}, {} tokens read, {} written",
                    match answer {
                        Ok(_) => "it answered".to_owned(),
                        Err(error) => error.to_string(),
                    },
                    used.seconds,
                    model.unwrap_or("unknown"),
                    cost.map_or("unknown".to_owned(), |cost| format!("${cost:.4}")),
                    used.input_tokens.map_or("unknown".to_owned(), |n| n.to_string()),
                    used.output_tokens.map_or("unknown".to_owned(), |n| n.to_string()),
                ));
                match answer {
                    Ok(text) => self.model(&format!("# Call {number}: it answers"), text),
                    Err(error) => {
                        self.model(&format!("# Call {number}: no answer"), &error.to_string());
                    }
                }
            }
            // For whoever watches; afterwards the commands tell the same.
            Event::Progress { .. } => {}
            Event::CommandStarted { role, line } => {
                self.line(&format!("command {role}: {:?}", line.argv()));
            }
            Event::CommandEnded { role, result } => match result {
                Ok(output) => {
                    let usage = output.usage;
                    self.line(&format!(
                        "command {role}: {}, wall {:.3} ms, user {:.3} ms, system {:.3} ms, peak {} KiB, {} survivors killed",
                        output.exit,
                        usage.wall_ns as f64 / 1e6,
                        usage.user_ns as f64 / 1e6,
                        usage.system_ns as f64 / 1e6,
                        usage.peak_rss_bytes >> 10,
                        output.survivors,
                    ));
                    self.output("stdout", &output.stdout.bytes);
                    self.output("stderr", &output.stderr.bytes);
                }
                Err(error) => self.line(&format!("command {role}: {error}")),
            },
        }
    }

    /// How the evaluation ended.
    pub fn result(&self, result: &Result<Report, Failed>) {
        match result {
            Ok(report) => {
                for measurement in &report.measurements {
                    let mut samples = String::new();
                    for sample in &measurement.samples {
                        let _ = write!(samples, " {sample}");
                    }
                    self.line(&format!("measured {}:{samples}", measurement.metric));
                }
                for diagnostic in &report.diagnostics {
                    self.line(&format!(
                        "{:?}: {}",
                        diagnostic.severity, diagnostic.message
                    ));
                }
            }
            Err(failed) => {
                self.line(&format!("failed: {failed}"));
                self.line(&failed.detail());
            }
        }
    }

    fn model(&self, heading: &str, text: &str) {
        if self.log.is_some() {
            let text = text::clean(text, usize::MAX);
            let _ = File::options()
                .append(true)
                .create(true)
                .open(&self.model)
                .and_then(|mut file| file.write_all(format!("{heading}\n\n{text}\n\n").as_bytes()));
        }
    }

    fn output(&self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.line(&format!("--- {name}"));
            self.line(&text::clean(&String::from_utf8_lossy(bytes), usize::MAX));
            self.line("---");
        }
    }

    fn line(&self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        if let Some(file) = &self.log {
            let _ = file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(bytes);
        }
    }
}
