//! Reading a journal for a report: quickly, and whatever is wrong with single lines.
//!
//! Only what reports show is taken from a line; [`super::entry`] reads one try whole. The file is cut
//! into pieces that begin with a try, which is always followed by its own verdict, so that each piece
//! tells by itself what is in it and several can be read at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};

use super::record::{AgentUse, Baseline, Event, Judged, ModelUse, Record, Try};
use super::skim::{self, Skimmed, skim};
use super::{JournalError, OLDEST, VERSION};
use crate::decision::Verdict;
use crate::git::CommitId;
use crate::text;

/// How much is read at once, in bytes: many lines, and little memory.
const PIECE: usize = 2 << 20;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 << 20;

/// What a report shows of a journal, in its order.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are tries, and a box for each would cost more"
)]
pub enum Item {
    Baseline {
        time: String,
        baseline: Box<Baseline>,
    },
    Tried(Tried),
    Damaged(Damage),
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// From 1.
    pub line: u64,
    pub what: String,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Judged(Verdict),
    /// It was given up: interrupted, or nothing could be measured.
    Unjudged,
    /// There is no verdict, or none yet.
    Open,
}

/// A try as reports show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub n: u64,
    /// Where it begins in the journal, in bytes.
    pub offset: u64,
    /// Of the verdict, or else when it was taken up: UTC, RFC 3339.
    pub time: String,
    pub outcome: Outcome,
    /// What a kept candidate is on the branch, or else the candidate's own; empty where its line is
    /// damaged.
    pub commit: CommitId,
    pub parent: CommitId,
    pub description: String,
    pub reason: String,
    /// None where it was not measured.
    pub value: Option<f64>,
    pub incumbent_value: Option<f64>,
    /// How many rounds its evidence has; 0 where it has none.
    pub rounds: u64,
    /// Where the improvement lies with a chance of 95 %, in the metric's unit.
    pub interval: (Option<f64>, Option<f64>),
    /// The chance that a candidate which changes nothing is kept, where noise was controlled.
    pub alpha: Option<f64>,
    /// The guard that discarded it.
    pub failed_guard: Option<String>,
    pub agent: Option<AgentUse>,
    pub model: Option<ModelUse>,
    /// How long measuring took.
    pub seconds: f64,
}

/// How far a journal was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// In bytes.
    pub offset: u64,
    /// The number of lines before it.
    pub line: u64,
}

/// How much of each line is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// No texts and, of what was discarded, no values, evidence or guards; nor whether all that can be
    /// read.
    Verdicts,
    /// All but measurements, of which it is not told whether they can be read.
    Whole,
}

/// Calls `each` with what is in a directory's journal from a position on, in order, and returns where
/// the next call can go on: a try without a verdict at the end is told now and then again.
///
/// Takes no part in the journal: no lock, nothing repaired. The last line counts only if it is whole.
///
/// # Errors
///
/// Where the file cannot be read. A damaged line is no error; it is told to `each`.
pub fn scan(
    directory: &Path,
    from: Position,
    depth: Depth,
    threads: usize,
    each: impl FnMut(Item),
) -> Result<Position, JournalError> {
    scan_in_pieces(directory, from, depth, threads, PIECE, each)
}

fn scan_in_pieces(
    directory: &Path,
    from: Position,
    depth: Depth,
    threads: usize,
    size: usize,
    mut each: impl FnMut(Item),
) -> Result<Position, JournalError> {
    let path = super::path(directory);
    let io = |cause| JournalError::Io {
        path: path.clone(),
        cause,
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(from),
        Err(error) => return Err(io(error)),
    };
    file.seek(SeekFrom::Start(from.offset)).map_err(io)?;
    let mut pieces = Pieces {
        file,
        offset: from.offset,
        size,
        rest: Vec::new(),
        ended: false,
    };
    let mut end = from;
    let mut resume = from;
    let mut pass_on = |parsed: Parsed| {
        for item in parsed.items {
            each(match item {
                Item::Damaged(damage) => Item::Damaged(Damage {
                    line: end.line + damage.line,
                    ..damage
                }),
                item => item,
            });
        }
        let open = parsed.open.map(|open| Position {
            line: end.line + open.line,
            ..open
        });
        end = Position {
            offset: parsed.end,
            line: end.line + parsed.lines,
        };
        resume = open.unwrap_or(end);
    };
    // Most journals are one piece.
    let first = pieces.next().map_err(io)?;
    let Some(first) = first else {
        return Ok(resume);
    };
    if threads <= 1 || pieces.ended {
        pass_on(parse(&first, depth));
        while let Some(piece) = pieces.next().map_err(io)? {
            pass_on(parse(&piece, depth));
        }
        return Ok(resume);
    }
    in_parallel(first, pieces, depth, threads, pass_on).map_err(io)?;
    Ok(resume)
}

/// A try with all that is recorded of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it was taken up.
    pub taken_up: String,
    pub candidate: Try,
    /// Its verdict, and when that was.
    pub judged: Option<(String, Judged)>,
}

/// The try whose line begins at [`Tried::offset`]; none where it cannot be read.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn entry(directory: &Path, offset: u64) -> Result<Option<Entry>, JournalError> {
    let path = super::path(directory);
    let io = |cause| JournalError::Io {
        path: path.clone(),
        cause,
    };
    let mut file = File::open(&path).map_err(io)?;
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut reader = BufReader::new(file.take(LONGEST_LINE as u64));
    let mut line = Vec::new();
    let mut next = || -> Result<Option<Record>, JournalError> {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(io)?;
        Ok(serde_json::from_slice(&line).ok())
    };
    let Some(Record {
        time: taken_up,
        event: Event::Try(candidate),
        ..
    }) = next()?
    else {
        return Ok(None);
    };
    let judged = match next()? {
        Some(Record {
            time,
            event: Event::Verdict(judged),
            ..
        }) if judged.n == candidate.n => Some((time, *judged)),
        _ => None,
    };
    Ok(Some(Entry {
        taken_up,
        candidate,
        judged,
    }))
}

fn in_parallel(
    first: Piece,
    pieces: Pieces,
    depth: Depth,
    threads: usize,
    mut pass_on: impl FnMut(Parsed),
) -> std::io::Result<()> {
    let source = Mutex::new((0_usize, Some(first), pieces));
    let take = || -> std::io::Result<Option<(usize, Piece)>> {
        let mut source = source
            .lock()
            .map_err(|_| std::io::Error::other("a reader of the journal failed"))?;
        let (number, first, pieces) = &mut *source;
        let piece = match first.take() {
            Some(piece) => Some(piece),
            None => pieces.next()?,
        };
        *number += 1;
        Ok(piece.map(|piece| (*number, piece)))
    };
    std::thread::scope(|scope| {
        let (sender, parsed) = sync_channel(threads);
        for _ in 0..threads {
            let sender = sender.clone();
            let take = &take;
            scope.spawn(move || {
                loop {
                    let result = take()
                        .map(|taken| taken.map(|(number, piece)| (number, parse(&piece, depth))));
                    let (last, result) = match result {
                        Ok(Some(parsed)) => (false, Ok(parsed)),
                        Ok(None) => return,
                        Err(error) => (true, Err(error)),
                    };
                    if sender.send(result).is_err() || last {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut next = 1;
        for result in parsed {
            let (number, piece) = result?;
            early.insert(number, piece);
            while let Some(piece) = early.remove(&next) {
                pass_on(piece);
                next += 1;
            }
        }
        Ok(())
    })
}

/// Whole lines.
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

/// A journal in pieces.
struct Pieces {
    file: File,
    /// Of what is read next from `rest` and the file after it.
    offset: u64,
    /// About how large a piece is.
    size: usize,
    rest: Vec<u8>,
    ended: bool,
}

impl Pieces {
    fn next(&mut self) -> std::io::Result<Option<Piece>> {
        let mut bytes = std::mem::take(&mut self.rest);
        while !self.ended {
            let before = bytes.len();
            bytes.reserve_exact(self.size + 1);
            let read = (&mut self.file)
                .take(self.size as u64)
                .read_to_end(&mut bytes)?;
            self.ended = read < self.size;
            if !self.ended
                && let Some(cut) = last_try(&bytes)
                    .or_else(|| (before >= LONGEST_LINE).then(|| last_line(&bytes))?)
            {
                self.rest = bytes.split_off(cut);
                break;
            }
            if before >= LONGEST_LINE && !self.ended {
                return Err(std::io::Error::other(format!(
                    "a line is longer than {} MiB",
                    LONGEST_LINE >> 20
                )));
            }
        }
        if self.ended && self.rest.is_empty() {
            bytes.truncate(last_line(&bytes).unwrap_or(0));
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some(Piece { offset, bytes }))
    }
}

/// Where the last line that takes up a try begins, but not at the very start.
fn last_try(bytes: &[u8]) -> Option<usize> {
    memchr::memrchr_iter(b'\n', bytes)
        .map(|end| end + 1)
        .find(|start| event(bytes.get(*start..).unwrap_or_default()) == b"try")
}

/// Where what follows the last whole line begins.
fn last_line(bytes: &[u8]) -> Option<usize> {
    memchr::memrchr(b'\n', bytes).map(|end| end + 1)
}

/// What a line says that it is, as it is written: `{"v":4,"time":"2026-...Z","event":"try",...`.
fn event(line: &[u8]) -> &[u8] {
    let key = b"\",\"event\":\"";
    let time = br#"{"v":4,"time":""#.len() + "2026-01-02T03:04:05.678Z".len();
    line.get(time..)
        .and_then(|rest| rest.strip_prefix(key))
        .and_then(|event| event.split(|&b| b == b'"').next())
        .unwrap_or_default()
}

/// What a piece tells.
struct Parsed {
    items: Vec<Item>,
    lines: u64,
    /// Its end in the file, in bytes.
    end: u64,
    /// A try at its end that has no verdict: where its line begins, relative to the piece's lines.
    open: Option<Position>,
}

fn parse(piece: &Piece, depth: Depth) -> Parsed {
    let mut items = Vec::new();
    let mut open: Option<(Tried, Position)> = None;
    let mut start = 0;
    let mut lines = 0;
    for end in memchr::memchr_iter(b'\n', &piece.bytes) {
        let line = piece.bytes.get(start..end).unwrap_or_default();
        let here = Position {
            offset: piece.offset + start as u64,
            line: lines,
        };
        start = end + 1;
        lines += 1;
        if line.is_empty() {
            continue;
        }
        match read(line, depth, here.offset) {
            Ok(Told::Nothing) => {}
            Ok(Told::Baseline(time, baseline)) => {
                items.extend(open.take().map(|(tried, _)| Item::Tried(tried)));
                items.push(Item::Baseline { time, baseline });
            }
            Ok(Told::Try(tried)) => {
                let before = open.replace((tried, here));
                items.extend(before.map(|(tried, _)| Item::Tried(tried)));
            }
            Ok(Told::Verdict(judged)) => {
                // Without its try's line, which is damaged then, it stands for itself.
                let tried = match open.take_if(|(tried, _)| tried.n == judged.n) {
                    Some((tried, _)) => tried.with(judged),
                    None => judged,
                };
                items.extend(open.take().map(|(tried, _)| Item::Tried(tried)));
                items.push(Item::Tried(tried));
            }
            Err(what) => items.push(Item::Damaged(Damage {
                line: lines,
                what: text::clean_line(&what, 200),
            })),
        }
    }
    let position = open.as_ref().map(|(_, position)| *position);
    items.extend(open.map(|(tried, _)| Item::Tried(tried)));
    Parsed {
        items,
        lines,
        end: piece.offset + start as u64,
        open: position,
    }
}

enum Told {
    Nothing,
    Baseline(String, Box<Baseline>),
    Try(Tried),
    /// Of a try what its verdict tells.
    Verdict(Tried),
}

impl Tried {
    /// With what the verdict tells.
    fn with(self, judged: Tried) -> Tried {
        Tried {
            offset: self.offset,
            commit: if judged.commit.is_empty() {
                self.commit
            } else {
                judged.commit
            },
            parent: self.parent,
            description: self.description,
            agent: self.agent,
            ..judged
        }
    }
}

fn read(line: &[u8], depth: Depth, offset: u64) -> Result<Told, String> {
    if depth == Depth::Verdicts
        && let Some(told) = skimmed(line, offset)
    {
        return Ok(told);
    }
    let line_of = |text| serde_json::from_slice::<Line>(text);
    let shortened = match event(line) {
        b"verdict" => skim::without_measurements(line),
        _ => None,
    };
    let parsed = match shortened.as_deref().map(line_of) {
        Some(Ok(parsed)) => parsed,
        _ => line_of(line).map_err(|error| error.to_string())?,
    };
    if !(OLDEST..=VERSION).contains(&parsed.v) {
        return Err(format!(
            "it has version {}, and this program reads versions {OLDEST} to {VERSION}",
            parsed.v
        ));
    }
    match parsed.event {
        Kind::Baseline => match serde_json::from_slice::<Record>(line) {
            Ok(Record {
                time,
                event: Event::Baseline(baseline),
                ..
            }) => Ok(Told::Baseline(time, baseline)),
            Ok(_) => Ok(Told::Nothing),
            Err(error) => Err(error.to_string()),
        },
        Kind::Try if parsed.n > 0 => Ok(Told::Try(parsed.tried(depth, offset))),
        Kind::Verdict if parsed.n > 0 && parsed.verdict.is_some() => {
            Ok(Told::Verdict(parsed.tried(depth, offset)))
        }
        Kind::Try | Kind::Verdict => Err("it lacks the try's number or the verdict".to_owned()),
        Kind::Guards | Kind::Settled | Kind::Qualification => Ok(Told::Nothing),
    }
}

/// What counts of a line, where that can be had without reading all of it.
fn skimmed(line: &[u8], offset: u64) -> Option<Told> {
    let tried = |n, time: &str, outcome| Tried {
        n,
        offset,
        time: time.to_owned(),
        outcome,
        commit: CommitId::new(),
        parent: CommitId::new(),
        description: String::new(),
        reason: String::new(),
        value: None,
        incumbent_value: None,
        rounds: 0,
        interval: (None, None),
        alpha: None,
        failed_guard: None,
        agent: None,
        model: None,
        seconds: 0.0,
    };
    match skim(line)? {
        Skimmed::Settled => Some(Told::Nothing),
        Skimmed::Try {
            n,
            time,
            commit,
            agent,
        } => {
            let agent = match agent {
                Some(agent) => Some(serde_json::from_slice::<Agent>(agent).ok()?),
                None => None,
            };
            Some(Told::Try(Tried {
                commit: commit.to_owned(),
                agent: agent.map(|agent| agent.used(Depth::Verdicts)),
                ..tried(n, time, Outcome::Open)
            }))
        }
        Skimmed::Discarded { n, time, seconds } => Some(Told::Verdict(Tried {
            seconds,
            ..tried(n, time, Outcome::Judged(Verdict::Discard))
        })),
    }
}

/// Of a line what reports show.
#[derive(Deserialize)]
struct Line<'a> {
    v: u32,
    #[serde(borrow)]
    time: Cow<'a, str>,
    event: Kind,
    #[serde(default)]
    n: u64,
    #[serde(default, borrow)]
    commit: Cow<'a, str>,
    #[serde(default, borrow)]
    parent: Cow<'a, str>,
    #[serde(default, borrow)]
    description: Cow<'a, str>,
    #[serde(default, borrow)]
    reason: Cow<'a, str>,
    #[serde(default)]
    verdict: Option<Verdict>,
    #[serde(default)]
    unjudged: bool,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    incumbent_value: Option<f64>,
    #[serde(default)]
    evidence: Option<EvidenceHead>,
    #[serde(default)]
    guards: Vec<GuardHead>,
    #[serde(default, borrow)]
    agent: Option<Agent<'a>>,
    #[serde(default)]
    model: Option<ModelUse>,
    #[serde(default)]
    seconds: f64,
}

/// [`AgentUse`], as it stands in a line.
#[derive(Deserialize)]
struct Agent<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow)]
    model: Cow<'a, str>,
    seconds: f64,
    #[serde(default)]
    cost_usd: Option<f64>,
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

impl Agent<'_> {
    fn used(self, depth: Depth) -> AgentUse {
        let model = depth.text(self.model);
        AgentUse {
            name: depth.text(self.name),
            model: (!model.is_empty()).then_some(model),
            seconds: self.seconds,
            cost_usd: self.cost_usd,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
        }
    }
}

impl Depth {
    /// A text, where texts are looked at.
    fn text(self, text: Cow<'_, str>) -> String {
        match self {
            Depth::Verdicts => String::new(),
            Depth::Whole => text.into_owned(),
        }
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Baseline,
    Guards,
    Try,
    Verdict,
    Settled,
    Qualification,
}

#[derive(Deserialize)]
struct EvidenceHead {
    rounds: Count,
    interval: (Option<f64>, Option<f64>),
    alpha: Option<f64>,
}

#[derive(Deserialize)]
struct GuardHead {
    name: String,
    #[serde(default)]
    failed: Option<String>,
}

impl Line<'_> {
    fn tried(self, depth: Depth, offset: u64) -> Tried {
        let outcome = match self.verdict {
            _ if self.unjudged => Outcome::Unjudged,
            Some(verdict) => Outcome::Judged(verdict),
            None => Outcome::Open,
        };
        let evidence = self.evidence;
        Tried {
            n: self.n,
            offset,
            time: self.time.into_owned(),
            outcome,
            commit: self.commit.into_owned(),
            parent: depth.text(self.parent),
            description: depth.text(self.description),
            reason: depth.text(self.reason),
            value: self.value,
            incumbent_value: self.incumbent_value,
            rounds: evidence.as_ref().map_or(0, |evidence| evidence.rounds.0),
            interval: evidence
                .as_ref()
                .map_or((None, None), |evidence| evidence.interval),
            alpha: evidence.and_then(|evidence| evidence.alpha),
            failed_guard: self
                .guards
                .into_iter()
                .find(|guard| guard.failed.is_some())
                .map(|guard| guard.name),
            agent: self.agent.map(|agent| agent.used(depth)),
            model: self.model,
            seconds: self.seconds,
        }
    }
}

/// How many elements a list has.
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Count;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_seq(Counting)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        std::fs::read(fixtures.join(name)).unwrap()
    }

    struct Place(tempfile::TempDir);

    impl Place {
        fn with(bytes: &[u8]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            std::fs::write(place.journal(), bytes).unwrap();
            place
        }

        fn journal(&self) -> PathBuf {
            self.0.path().join("journal.jsonl")
        }

        fn scan(&self, depth: Depth, threads: usize, size: usize) -> (Vec<Item>, Position) {
            let mut items = Vec::new();
            let end = scan_in_pieces(
                self.0.path(),
                Position::default(),
                depth,
                threads,
                size,
                |item| items.push(item),
            )
            .unwrap();
            (items, end)
        }
    }

    fn tries(items: &[Item]) -> Vec<&Tried> {
        items
            .iter()
            .filter_map(|item| match item {
                Item::Tried(tried) => Some(tried),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn pieces_and_threads_change_nothing() {
        for name in ["journal-v1.jsonl", "journal-v2.jsonl", "journal-v3.jsonl"] {
            let text = fixture(name);
            let place = Place::with(&text.repeat(5));
            let (whole, end) = place.scan(Depth::Whole, 1, PIECE);
            assert_eq!(end.offset, 5 * text.len() as u64);
            assert!(!whole.iter().any(|item| matches!(item, Item::Damaged(_))));
            for size in [1, 7, 64, 700, 1500, 4000] {
                for threads in [1, 2, 5] {
                    let (items, there) = place.scan(Depth::Whole, threads, size);
                    assert_eq!(items, whole, "{size} {threads}");
                    assert_eq!(there, end);
                }
            }
        }
    }

    #[test]
    fn what_reports_show_is_what_is_recorded() {
        for name in ["journal-v1.jsonl", "journal-v2.jsonl", "journal-v3.jsonl"] {
            let place = Place::with(&fixture(name));
            let (items, _) = place.scan(Depth::Whole, 1, PIECE);
            let (heads, _) = place.scan(Depth::Verdicts, 1, PIECE);
            let history = super::super::read(place.0.path()).unwrap();
            let tries = tries(&items);
            assert_eq!(tries.len() as u64, history.tries);
            for (tried, row) in tries.iter().zip(&history.recent) {
                assert_eq!((tried.n, tried.value), (row.n, row.value));
                assert_eq!(tried.outcome, Outcome::Judged(row.verdict));
                assert_eq!(tried.reason, row.reason);
                assert_eq!(tried.description, row.description);
                let entry = entry(place.0.path(), tried.offset).unwrap().unwrap();
                let judged = entry.judged.unwrap().1;
                assert_eq!(tried.commit, judged.kept_commit(&entry.candidate));
                let rounds = judged
                    .evidence
                    .as_ref()
                    .map_or(0, |e| e.rounds.len() as u64);
                assert_eq!(tried.rounds, rounds);
                assert_eq!(tried.seconds, judged.seconds);
                assert_eq!(tried.agent, entry.candidate.agent);
            }
            for (tried, head) in tries.iter().zip(self::tries(&heads)) {
                let mut bare = (*tried).clone();
                for text in [&mut bare.parent, &mut bare.description, &mut bare.reason] {
                    text.clear();
                }
                if let Some(agent) = &mut bare.agent {
                    agent.name.clear();
                    agent.model = None;
                }
                if tried.outcome == Outcome::Judged(Verdict::Discard) {
                    (bare.rounds, bare.interval) = (0, (None, None));
                    (bare.alpha, bare.failed_guard) = (None, None);
                    (bare.value, bare.incumbent_value) = (None, None);
                    bare.commit.clone_from(&head.commit);
                }
                assert_eq!(*head, bare);
            }
        }
    }

    #[test]
    fn a_damaged_line_is_told_and_the_rest_is_shown() {
        let text = String::from_utf8(fixture("journal-v2.jsonl")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for damaged in 0..lines.len() {
            for instead in [
                "",
                "{\"v\":2}",
                "{",
                "\u{0}\u{0}",
                "{\"v\":99,\"time\":\"\",\"event\":\"try\"}",
            ] {
                let mut lines = lines.clone();
                lines[damaged] = instead;
                let place = Place::with(format!("{}\n", lines.join("\n")).as_bytes());
                for (threads, size) in [(1, PIECE), (2, 100)] {
                    let (items, end) = place.scan(Depth::Whole, threads, size);
                    let told: Vec<u64> = items
                        .iter()
                        .filter_map(|item| match item {
                            Item::Damaged(damage) => Some(damage.line),
                            _ => None,
                        })
                        .collect();
                    let expected = match instead {
                        "" => vec![],
                        _ => vec![damaged as u64 + 1],
                    };
                    assert_eq!(told, expected, "{instead}");
                    // A try is known by its own line or by its verdict's.
                    assert_eq!(tries(&items).len(), 4);
                    assert!(
                        end.line >= lines.len() as u64 - 3,
                        "{damaged} {instead} {size} {} {end:?}",
                        lines.len()
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_added_later_is_read_later() {
        let text = fixture("journal-v2.jsonl");
        let place = Place::with(&[]);
        let mut position = Position::default();
        let mut seen = Vec::new();
        for end in 0..=text.len() {
            std::fs::write(place.journal(), &text[..end]).unwrap();
            position = scan(place.0.path(), position, Depth::Whole, 2, |item| {
                if !matches!(&item, Item::Tried(tried) if tried.outcome == Outcome::Open) {
                    seen.push(item);
                }
            })
            .unwrap();
        }
        assert_eq!(seen, place.scan(Depth::Whole, 1, PIECE).0);
        assert_eq!(position.line, 13);
    }

    #[test]
    fn without_a_journal_there_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let end = scan(
            directory.path(),
            Position::default(),
            Depth::Whole,
            2,
            |_| {
                panic!("there is nothing");
            },
        );
        assert_eq!(end.unwrap(), Position::default());
    }
}
