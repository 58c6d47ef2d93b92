//! One experiment's results, in each format.

use std::collections::VecDeque;
use std::path::Path;
use std::time::SystemTime;

use super::{Args, Context, Format, Place, TERMINAL_TRIES, ui, warn};
use crate::activity::{self, Running};
use crate::cli::output::Output;
use crate::failure::Failure;
use crate::journal::{self, Baseline, Damage, Depth, Entry, GuardResult, Item, Position, Tried};
use crate::measure::Measurement;
use crate::project::Project;
use crate::report::page::{ExperimentPage, PageRow};
use crate::report::terminal::{self, Screen};
use crate::report::{Activity, Curve, Progress, Status, csv, json, markdown, page};

/// How many tries a page shows, and how many of these may be keeps from before.
pub(super) const PAGE_TRIES: usize = 2000;
const PAGE_KEEPS: usize = 500;
/// How long a diff on a page may be, and all of them together, in bytes.
const DIFF: usize = 32 << 10;
const DIFFS: usize = 16 << 20;
/// What commands say of their peak memory, in MiB.
const PEAK_MIB: &[&str] = &["peak_vram_mb", "peak_mb"];

/// What was read of an experiment.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) progress: Progress,
    pub(super) curve: Curve,
    pub(super) damages: Vec<Damage>,
    /// The tries that are shown, the oldest first.
    pub(super) tries: VecDeque<Tried>,
    /// How many there are with the status that is asked for.
    pub(super) chosen: u64,
    /// Where reading goes on.
    pub(super) position: Position,
}

impl Seen {
    /// Reads a journal; of the tries with a status the last ones are at hand.
    pub(super) fn read(
        directory: &Path,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Self, Failure> {
        let mut seen = Self::default();
        seen.position = each(directory, |item| {
            seen.progress.add(&item);
            seen.curve.add(&item);
            match item {
                Item::Tried(tried) if status.is_none_or(|status| tried.status() == status) => {
                    seen.chosen += 1;
                    seen.tries.push_back(tried);
                    if seen.tries.len() > limit {
                        seen.tries.pop_front();
                    }
                }
                Item::Damaged(damage) => seen.damages.push(damage),
                _ => {}
            }
        })?;
        Ok(seen)
    }
}

/// Calls `each` with what a journal holds.
fn each(directory: &Path, each: impl FnMut(Item)) -> Result<Position, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    journal::scan(directory, Position::default(), Depth::Whole, threads, each)
        .map_err(Failure::from)
}

pub(super) fn activity_of(place: &Place, progress: &Progress) -> Activity {
    let running = activity::running(&place.directory) != Running::No;
    Activity::of(running, progress.last_time(), SystemTime::now())
}

pub(super) fn show(
    context: &Context,
    project: &Project,
    place: &Place,
    arguments: &Args,
    output: Output,
) -> anyhow::Result<()> {
    let screen = ui::screen(output.is_standard());
    let damages = match arguments.format() {
        Format::Terminal => {
            let limit = arguments.limit.map_or(TERMINAL_TRIES, usize::from);
            let seen = Seen::read(&place.directory, arguments.status, limit)?;
            let text = in_terminal(place, &seen, screen);
            output.write(|out| Ok(out.write_all(text.as_bytes())?))?;
            seen.damages
        }
        Format::Html => {
            let limit = arguments.limit.map_or(PAGE_TRIES, usize::from);
            let (text, damages) = made(
                project,
                place,
                arguments.status,
                limit,
                false,
                page::experiment,
            )?;
            output.write(|out| Ok(out.write_all(text.as_bytes())?))?;
            damages
        }
        Format::Markdown => as_markdown(place, arguments, output)?,
        Format::Csv => as_csv(place, arguments, output)?,
        Format::Json => as_json(place, arguments, output)?,
        Format::Karpathy => as_karpathy(place, arguments, output)?,
    };
    warn(context, &place.id, &damages);
    Ok(())
}

/// The course and the last tries.
pub(super) fn in_terminal(place: &Place, seen: &Seen, screen: Screen) -> String {
    let id = place.id.to_string();
    let activity = activity_of(place, &seen.progress);
    let mut text = terminal::heading(&id, activity, &seen.progress, &seen.curve, screen);
    let tries: Vec<Tried> = seen.tries.iter().cloned().collect();
    if tries.is_empty() && seen.progress.tries > 0 {
        text.push_str("\nno try has this verdict\n");
    }
    if !tries.is_empty() {
        text.push('\n');
        text.push_str(&terminal::tries(&tries, &seen.progress, screen));
        let left_out = seen.chosen - tries.len() as u64;
        if left_out > 0 {
            let kept = if seen.chosen == seen.progress.tries {
                "; `--status keep` what was kept"
            } else {
                ""
            };
            text.push_str(&format!(
                "({left_out} more: `--limit {}` or another format shows them{kept})\n",
                seen.chosen
            ));
        }
    }
    text
}

/// Hands on the tries that are asked for, each with what was known by then: all as they are read, or the last ones.
fn stream(
    place: &Place,
    arguments: &Args,
    mut each_try: impl FnMut(&Tried, &Progress) -> anyhow::Result<()>,
    mut each_baseline: impl FnMut(&Baseline) -> anyhow::Result<()>,
) -> anyhow::Result<(Progress, Vec<Damage>)> {
    let mut progress = Progress::default();
    let mut damages = Vec::new();
    let mut last = VecDeque::new();
    let mut written = Ok(());
    each(&place.directory, |item| {
        progress.add(&item);
        match item {
            Item::Baseline { baseline, .. } if written.is_ok() => {
                written = each_baseline(&baseline);
            }
            Item::Tried(tried)
                if written.is_ok()
                    && arguments
                        .status
                        .is_none_or(|status| tried.status() == status) =>
            {
                match arguments.limit {
                    None => written = each_try(&tried, &progress),
                    Some(limit) => {
                        last.push_back(tried);
                        if last.len() > limit.get() {
                            last.pop_front();
                        }
                    }
                }
            }
            Item::Damaged(damage) => damages.push(damage),
            _ => {}
        }
    })?;
    written?;
    for tried in &last {
        each_try(tried, &progress)?;
    }
    Ok((progress, damages))
}

fn as_csv(place: &Place, arguments: &Args, output: Output) -> anyhow::Result<Vec<Damage>> {
    let mut damages = Vec::new();
    output.write(|out| {
        let mut tries = csv::Tries::new(out, &place.id.to_string())?;
        let add = |tried: &Tried, progress: &Progress| Ok(tries.add(tried, progress)?);
        damages = stream(place, arguments, add, |_| Ok(()))?.1;
        Ok(tries.finish()?)
    })?;
    Ok(damages)
}

fn as_json(place: &Place, arguments: &Args, output: Output) -> anyhow::Result<Vec<Damage>> {
    let mut damages = Vec::new();
    output.write(|out| {
        write!(
            out,
            "{{\"v\":{},\"experiment\":{},\"tries\":[",
            json::VERSION,
            serde_json::Value::from(place.id.to_string())
        )?;
        let mut gap = "\n";
        let add = |tried: &Tried, _: &Progress| {
            out.write_all(gap.as_bytes())?;
            gap = ",\n";
            Ok(serde_json::to_writer(&mut *out, &json::tried(tried))
                .map_err(std::io::Error::from)?)
        };
        let (progress, damaged) = stream(place, arguments, add, |_| Ok(()))?;
        let activity = activity_of(place, &progress);
        let told: Vec<_> = damaged.iter().map(json::damage).collect();
        writeln!(
            out,
            "\n],\"activity\":{},\"summary\":{},\"damaged\":{}}}",
            serde_json::json!(activity),
            json::summary(&progress),
            serde_json::Value::from(told)
        )?;
        damages = damaged;
        Ok(())
    })?;
    Ok(damages)
}

/// Two passes: what it comes to stands first.
fn as_markdown(place: &Place, arguments: &Args, output: Output) -> anyhow::Result<Vec<Damage>> {
    let seen = Seen::read(&place.directory, arguments.status, 0)?;
    let activity = activity_of(place, &seen.progress);
    output.write(|out| {
        let heading = markdown::heading(&place.id.to_string(), activity, &seen.progress);
        out.write_all(heading.as_bytes())?;
        let add = |tried: &Tried, progress: &Progress| {
            Ok(out.write_all(markdown::row(tried, progress).as_bytes())?)
        };
        stream(place, arguments, add, |_| Ok(())).map(|_| ())
    })?;
    Ok(seen.damages)
}

fn as_karpathy(place: &Place, arguments: &Args, output: Output) -> anyhow::Result<Vec<Damage>> {
    let mut damages = Vec::new();
    output.write(|out| {
        let table = std::cell::RefCell::new(csv::Karpathy::new(out)?);
        let add = |tried: &Tried, _: &Progress| {
            let entry = journal::entry(&place.directory, tried.offset)?;
            let judged = entry
                .and_then(|entry| entry.judged)
                .map(|(_, judged)| judged);
            let peak = judged.and_then(|judged| peak_mib(&judged.measurements, &judged.guards));
            Ok(table.borrow_mut().add(tried, peak)?)
        };
        let mut first = true;
        let start = |baseline: &Baseline| {
            // What is measured again later is no try.
            if std::mem::take(&mut first) {
                let peak = peak_mib(&baseline.measurements, &baseline.guards);
                table.borrow_mut().baseline(baseline, peak)?;
            }
            Ok(())
        };
        damages = stream(place, arguments, add, start)?.1;
        Ok(table.into_inner().finish()?)
    })?;
    Ok(damages)
}

/// The peak memory that something measured.
fn peak_mib(measurements: &[Measurement], guards: &[GuardResult]) -> Option<f64> {
    let all = || {
        measurements
            .iter()
            .chain(guards.iter().flat_map(|guard| &guard.measurements))
    };
    PEAK_MIB
        .iter()
        .find_map(|name| all().find(|measurement| measurement.metric == *name))
        .map(Measurement::value)
}

/// What changes of the live page of an experiment; where it is served `alone`, it leads to no other page.
pub(super) fn content(
    project: &Project,
    place: &Place,
    status: Option<Status>,
    limit: usize,
    alone: bool,
) -> Result<String, Failure> {
    let make = page::experiment_content;
    Ok(made(project, place, status, limit, !alone, make)?.0)
}

fn made(
    project: &Project,
    place: &Place,
    status: Option<Status>,
    limit: usize,
    live: bool,
    make: fn(&ExperimentPage<'_>) -> String,
) -> Result<(String, Vec<Damage>), Failure> {
    let mut keeps = VecDeque::new();
    let mut seen = Seen::default();
    let mut chosen = 0;
    each(&place.directory, |item| {
        seen.progress.add(&item);
        seen.curve.add(&item);
        match item {
            Item::Tried(tried) if status.is_none_or(|status| tried.status() == status) => {
                chosen += 1;
                seen.tries.push_back(tried);
                if seen.tries.len() > limit
                    && let Some(old) = seen.tries.pop_front()
                    && old.status() == Status::Keep
                {
                    keeps.push_back(old);
                    if keeps.len() > PAGE_KEEPS {
                        keeps.pop_front();
                    }
                }
            }
            Item::Damaged(damage) => seen.damages.push(damage),
            _ => {}
        }
    })?;
    let rows = rows(project, place, keeps.into_iter().chain(seen.tries))?;
    let text = make(&ExperimentPage {
        id: &place.id.to_string(),
        activity: activity_of(place, &seen.progress),
        progress: &seen.progress,
        curve: &seen.curve,
        left_out: chosen - rows.len() as u64,
        rows: &rows,
        damages: &seen.damages,
        made: &humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        live,
    });
    Ok((text, seen.damages))
}

/// With all that is recorded of each, and what it changed.
fn rows(
    project: &Project,
    place: &Place,
    tries: impl Iterator<Item = Tried>,
) -> Result<Vec<PageRow>, Failure> {
    let mut rows: Vec<PageRow> = tries
        .map(|tried| {
            let entry: Option<Entry> = journal::entry(&place.directory, tried.offset)?;
            Ok(PageRow {
                tried,
                entry,
                diff: None,
            })
        })
        .collect::<Result<_, journal::JournalError>>()?;
    let pairs: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.tried.parent.clone(), row.tried.commit.clone()))
        .collect();
    let mut room = DIFFS;
    let patches = project.repository.patches(&pairs, DIFF)?;
    for (row, patch) in rows.iter_mut().zip(patches).rev() {
        row.diff = patch.filter(|patch| patch.len() <= room);
        room -= row.diff.as_ref().map_or(0, String::len);
    }
    Ok(rows)
}
