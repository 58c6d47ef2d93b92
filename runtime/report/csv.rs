//! Results as comma-separated values, and as the tables that older tools read.
//!
//! Texts that a spreadsheet would take for a formula have an apostrophe before them.

use std::borrow::Cow;
use std::io::Write;

use super::words::line;
use super::{Listed, Progress};
use crate::git;
use crate::journal::{Baseline, Tried};
use crate::report::Status;
use crate::text;

const TRIES: &[&str] = &[
    "experiment",
    "n",
    "time",
    "status",
    "metric",
    "unit",
    "value",
    "incumbent_value",
    "change",
    "improvement_low",
    "improvement_high",
    "rounds",
    "alpha",
    "seconds",
    "agent",
    "agent_model",
    "agent_seconds",
    "cost_usd",
    "failed_guard",
    "commit",
    "parent",
    "description",
    "reason",
];

const EXPERIMENTS: &[&str] = &[
    "domain",
    "experiment",
    "activity",
    "runs",
    "kept",
    "discarded",
    "crashed",
    "unjudged",
    "metric",
    "unit",
    "direction",
    "baseline",
    "best",
    "change",
    "best_try",
    "commit",
    "cost_usd",
    "unknown_costs",
    "agent_seconds",
    "measuring_seconds",
    "started",
    "last",
    "problem",
];

/// Texts below this many bytes are not cut.
const SHORT: usize = 300;

/// One experiment's tries.
pub struct Tries<W: Write> {
    out: csv::Writer<W>,
    experiment: String,
}

impl<W: Write> Tries<W> {
    pub fn new(out: W, experiment: &str) -> Result<Self, csv::Error> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(TRIES)?;
        Ok(Self {
            out,
            experiment: experiment.to_owned(),
        })
    }

    /// `progress` tells the metric.
    pub fn add(&mut self, tried: &Tried, progress: &Progress) -> Result<(), csv::Error> {
        let agent = tried.agent.as_ref();
        let fields = &mut Fields(&mut self.out);
        fields.text(&self.experiment)?;
        fields.display(tried.n)?;
        fields.text(&tried.time)?;
        fields.text(tried.status().word())?;
        fields.text(&progress.metric)?;
        fields.text(&progress.unit)?;
        fields.number(tried.value)?;
        fields.number(tried.incumbent_value)?;
        fields.number(tried.change())?;
        fields.number(tried.interval.0)?;
        fields.number(tried.interval.1)?;
        fields.display(tried.rounds)?;
        fields.number(tried.alpha)?;
        fields.number(Some(tried.seconds))?;
        fields.text(agent.map_or("", |agent| &agent.name))?;
        fields.text(agent.and_then(|agent| agent.model.as_deref()).unwrap_or(""))?;
        fields.number(agent.map(|agent| agent.seconds))?;
        fields.number(tried.cost_usd())?;
        fields.text(tried.failed_guard.as_deref().unwrap_or(""))?;
        fields.text(&tried.commit)?;
        fields.text(&tried.parent)?;
        fields.text(&tried.description)?;
        fields.text(&tried.reason)?;
        fields.end()
    }

    pub fn finish(mut self) -> Result<(), csv::Error> {
        Ok(self.out.flush()?)
    }
}

/// All experiments of a dashboard.
pub fn dashboard<W: Write>(out: W, experiments: &[Listed]) -> Result<(), csv::Error> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(EXPERIMENTS)?;
    for listed in experiments {
        let progress = &listed.progress;
        let best = progress.best.as_ref();
        let fields = &mut Fields(&mut out);
        fields.text(&listed.domain)?;
        fields.text(&listed.name)?;
        fields.text(listed.activity.word())?;
        fields.display(progress.tries)?;
        fields.display(progress.keeps)?;
        fields.display(progress.discards)?;
        fields.display(progress.crashes)?;
        fields.display(progress.unjudged)?;
        fields.text(&progress.metric)?;
        fields.text(&progress.unit)?;
        fields.text(
            &progress
                .direction
                .map_or_else(String::new, |d| d.to_string()),
        )?;
        fields.number(progress.first)?;
        fields.number(best.map(|best| best.value))?;
        fields.number(progress.change())?;
        match best {
            Some(best) => fields.display(best.n)?,
            None => fields.text("")?,
        }
        fields.text(best.map_or("", |best| &best.commit))?;
        fields.number(Some(progress.cost_usd))?;
        fields.display(progress.unknown_costs)?;
        fields.number(Some(progress.agent_seconds))?;
        fields.number(Some(progress.measuring_seconds))?;
        fields.text(progress.started.as_deref().unwrap_or(""))?;
        fields.text(progress.last.as_deref().unwrap_or(""))?;
        fields.text(listed.problem.as_deref().unwrap_or(""))?;
        fields.end()?;
    }
    Ok(out.flush()?)
}

/// The fields of one record.
struct Fields<'a, W: Write>(&'a mut csv::Writer<W>);

impl<W: Write> Fields<'_, W> {
    fn text(&mut self, text: &str) -> Result<(), csv::Error> {
        if text::is_plain(text) && text.len() < SHORT {
            return self.0.write_field(guarded(text.trim()).as_bytes());
        }
        self.0.write_field(guarded(&line(text)).as_bytes())
    }

    fn display(&mut self, number: u64) -> Result<(), csv::Error> {
        self.0.write_field(number.to_string())
    }

    /// As exact as it is.
    fn number(&mut self, number: Option<f64>) -> Result<(), csv::Error> {
        let mut buffer = ryu::Buffer::new();
        let text = number.map_or("", |number| buffer.format(number));
        self.0.write_field(text.strip_suffix(".0").unwrap_or(text))
    }

    fn end(&mut self) -> Result<(), csv::Error> {
        self.0.write_record(None::<&[u8]>)
    }
}

/// A text that no spreadsheet takes for a formula.
fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The table of karpathy/autoresearch, as its notebook reads it: tab-separated, its metric's name
/// whatever the metric is, 0 for what was not measured, a crash for what was not judged.
pub struct Karpathy<W: Write> {
    out: W,
}

/// In a gigabyte, of those that the notebook means.
const MIB: f64 = 1024.0;

impl<W: Write> Karpathy<W> {
    pub fn new(mut out: W) -> std::io::Result<Self> {
        out.write_all(b"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n")?;
        Ok(Self { out })
    }

    /// `peak_mb` is the peak memory in MiB, where something measured that.
    pub fn baseline(&mut self, baseline: &Baseline, peak_mb: Option<f64>) -> std::io::Result<()> {
        self.row(
            &baseline.commit,
            Some(baseline.value),
            peak_mb,
            "keep",
            "baseline",
        )
    }

    /// As [`Karpathy::baseline`]. A try without a verdict has no row.
    pub fn add(&mut self, tried: &Tried, peak_mb: Option<f64>) -> std::io::Result<()> {
        let status = match tried.status() {
            Status::Open => return Ok(()),
            Status::Unjudged => Status::Crash,
            // It knows nothing that was discarded unmeasured.
            Status::Discard if tried.value.is_none() => Status::Crash,
            status => status,
        };
        self.row(
            &tried.commit,
            tried.value.filter(|_| status != Status::Crash),
            peak_mb,
            status.word(),
            &tried.description,
        )
    }

    fn row(
        &mut self,
        commit: &str,
        value: Option<f64>,
        peak_mb: Option<f64>,
        status: &str,
        description: &str,
    ) -> std::io::Result<()> {
        writeln!(
            self.out,
            "{}\t{:.6}\t{:.1}\t{status}\t{}",
            git::short(commit),
            value.unwrap_or(0.0),
            peak_mb.unwrap_or(0.0) / MIB,
            // The notebook's reader would take a quote for one that holds tabs.
            line(description).replace('"', "'")
        )
    }

    pub fn finish(mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, baseline, tried};
    use super::*;
    use crate::journal::Item;

    #[test]
    fn what_is_written_is_read_back() {
        let mut rows = [
            tried(1, Status::Keep, Some(8.25)),
            tried(2, Status::Crash, None),
        ];
        rows[0].description = HOSTILE.into();
        rows[1].description = "=1+1".into();
        let mut progress = Progress::default();
        progress.add(&baseline(10.0));
        let mut out = Vec::new();
        let mut tries = Tries::new(&mut out, "custom/x").unwrap();
        for tried in &rows {
            tries.add(tried, &progress).unwrap();
        }
        tries.finish().unwrap();
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let column = |name: &str| TRIES.iter().position(|title| *title == name).unwrap();
        assert_eq!(&read[0][column("value")], "8.25");
        assert_eq!(&read[0][column("change")], "-0.175");
        assert_eq!(&read[0][column("description")], line(HOSTILE));
        assert_eq!(&read[1][column("value")], "");
        assert_eq!(&read[1][column("description")], "'=1+1");
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn the_notebook_finds_its_five_columns() {
        let mut out = Vec::new();
        let mut table = Karpathy::new(&mut out).unwrap();
        if let Item::Baseline { baseline, .. } = baseline(1.0) {
            table.baseline(&baseline, Some(45056.0)).unwrap();
        }
        let mut hostile = tried(1, Status::Discard, Some(1.5));
        hostile.description = "a\tb\n\"c\"".into();
        table.add(&hostile, None).unwrap();
        table.add(&tried(2, Status::Unjudged, None), None).unwrap();
        table.add(&tried(3, Status::Open, None), None).unwrap();
        table.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
commit\tval_bpb\tmemory_gb\tstatus\tdescription
aaaaaaa\t1.000000\t44.0\tkeep\tbaseline
0000000\t1.500000\t0.0\tdiscard\ta b 'c'
0000000\t0.000000\t0.0\tcrash\tchange 2
"
        );
    }
}
