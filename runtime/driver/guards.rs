//! Guards: measured on the incumbent, and held against candidates.

use std::time::Instant;

use super::patience::Subject;
use super::run::{Run, coins};
use super::{Doing, Lab, Notice, incumbent_of, out_of_step};
use crate::decision::number;
use crate::failure::Failure;
use crate::guard::{Guard, Values};
use crate::host::{Failed, Report};
use crate::journal::{
    Event as Recorded, GuardResult, Guarded, History, Incumbent, Journal, ModelUse,
};
use crate::measure::{Diagnostic, Measurement, combined};
use crate::session::{Order, Side};
use crate::workspace::{Slot, Tree};

/// How often a side is measured where a metric with noise says at first that a requirement does not
/// hold: one bad measurement is not believed.
const ROUNDS: usize = 3;

impl Lab<'_> {
    /// When each guard has its turn, by what each took last.
    pub fn order(&self, history: &History) -> Order {
        let guards: Vec<Option<f64>> = self
            .guards
            .iter()
            .map(|guard| history.guard_seconds(&guard.meaning))
            .collect();
        Order::cheapest_first(&guards, history.objective_seconds())
    }

    /// Whether every guard was measured on the incumbent.
    pub(super) fn knows_guards(&self, incumbent: &Incumbent) -> bool {
        self.guards
            .iter()
            .all(|guard| incumbent.guard(&guard.meaning).is_some())
    }

    /// Whether candidates are measured beside the incumbent by any guard.
    pub(super) fn has_paired_guards(&self) -> bool {
        self.guards.iter().any(Guard::is_paired)
    }

    /// Measures the guards on the incumbent, in its worktree, as far as that is not `known`. Fails
    /// where it does not meet a requirement itself: nothing would ever be kept.
    pub(super) fn guards_of_incumbent(
        &self,
        tree: &Tree,
        known: &[GuardResult],
    ) -> Result<(Vec<GuardResult>, Option<ModelUse>), Failure> {
        let mut results = Vec::new();
        let mut model = None;
        for guard in &self.guards {
            if let Some(known) = known.iter().find(|known| known.meaning == guard.meaning) {
                results.push(known.clone());
                continue;
            }
            let started = Instant::now();
            let mut rounds = Vec::new();
            let measurements = loop {
                self.doing(0, Doing::Guarding(guard.name.clone(), Side::Incumbent));
                let report = self
                    .report_of(guard, tree, 0, "baseline")
                    .map_err(|failed| {
                        let failure = Failure::evaluation(&failed);
                        Failure {
                            message: format!(
                                "the best version so far cannot be measured by the guard `{}`: {}",
                                guard.name, failure.message
                            ),
                            ..failure
                        }
                    })?;
                model = ModelUse::sum(model.take(), report.model);
                rounds.push(report.measurements);
                let measurements = combined(rounds.iter().map(Vec::as_slice));
                match guard.broken_by_incumbent(&measurements) {
                    None => break measurements,
                    Some(broken) if broken.is_certain || rounds.len() == ROUNDS => {
                        return Err(Failure::input(format!(
                            "the best version so far does not meet a requirement: {}",
                            broken.reason
                        ))
                        .hint(
                            "mend and commit it, or require less: as it is, nothing would ever be kept",
                        ));
                    }
                    Some(_) => {}
                }
            };
            results.push(GuardResult {
                name: guard.name.clone(),
                sha256: guard.instrument.component.digest.clone(),
                meaning: guard.meaning.clone(),
                measurements,
                incumbent_measurements: vec![],
                seconds: started.elapsed().as_secs_f64(),
                failed: None,
            });
        }
        Ok((results, model))
    }

    /// Measures a worktree by a guard, once.
    fn report_of(&self, guard: &Guard, tree: &Tree, n: u64, of: &str) -> Result<Report, Failed> {
        let metrics: Vec<&str> = guard.metrics().collect();
        self.report(&guard.instrument, &metrics, tree, n, &guard.log(of), 0)
            .map(|(report, _)| report)
    }

    /// What is required, for an agent: each guard with its requirements, and what the incumbent has.
    pub(super) fn requirements(&self, incumbent: &Incumbent) -> Vec<String> {
        let each = self.guards.iter().map(|guard| {
            let now = incumbent.guard(&guard.meaning);
            let value = |metric: &str| {
                let mut measurements = now?.measurements.iter();
                let measurement = measurements.find(|m| m.metric == metric)?;
                Some(format!(" (now {})", number(measurement.value())))
            };
            let requirements: Vec<String> = guard
                .requirements()
                .map(|requirement| {
                    let now = value(requirement.metric()).unwrap_or_default();
                    format!("`{requirement}`{now}")
                })
                .collect();
            format!("{}: {}", guard.name, requirements.join(", "))
        });
        each.collect()
    }
}

impl Run<'_> {
    /// Measures the guards that are new or defined anew on the incumbent, and records that.
    pub(super) fn measure_guards(&mut self, journal: &mut Journal) -> Result<(), Failure> {
        let lab = self.lab;
        let incumbent = incumbent_of(journal.history())?;
        (lab.notify)(Notice::GuardsChanged);
        let tree = lab.tree(Slot::First, &incumbent.commit)?;
        let (guards, model) = lab.guards_of_incumbent(&tree, &incumbent.guards)?;
        self.tally.asked(model.as_ref());
        (lab.notify)(Notice::Guards(&guards));
        journal.append(Recorded::Guards(Guarded {
            commit: incumbent.commit,
            guards,
            model,
        }))?;
        self.session.guards_known();
        Ok(())
    }

    /// Holds a guard against the candidate.
    pub(super) fn guard(&mut self, journal: &mut Journal, index: usize) -> Result<(), Failure> {
        let lab = self.lab;
        let guard = lab.guards.get(index).ok_or_else(out_of_step)?;
        let history = journal.history();
        let mut rounds = Rounds {
            recorded: incumbent_of(history)?
                .guard(&guard.meaning)
                .map_or_else(Vec::new, |result| result.measurements.clone()),
            baseline: history.guard_at_first(&guard.meaning).to_vec(),
            ..Rounds::default()
        };
        let started = Instant::now();
        let broken = loop {
            for side in sides(guard) {
                let Some(report) = self.measure_by(journal, guard, side)? else {
                    return Ok(());
                };
                rounds.add(side, report);
                // Then what the incumbent has does not matter any more.
                if side == Side::Candidate && guard.certainly_broken(&rounds.values()).is_some() {
                    break;
                }
            }
            match guard.broken(&rounds.values()) {
                Some(broken) if !broken.is_certain && rounds.of_candidate.len() < ROUNDS => {}
                broken => break broken,
            }
        };
        let turn = self.turn.as_mut().ok_or_else(out_of_step)?;
        turn.guards.push(GuardResult {
            name: guard.name.clone(),
            sha256: guard.instrument.component.digest.clone(),
            meaning: guard.meaning.clone(),
            measurements: rounds.candidate,
            incumbent_measurements: rounds.beside,
            seconds: started.elapsed().as_secs_f64(),
            failed: broken.as_ref().map(|broken| broken.requirement.clone()),
        });
        let remarks = rounds.diagnostics.into_iter().map(|remark| Diagnostic {
            message: format!("guard {}: {}", guard.name, remark.message),
            ..remark
        });
        turn.remarks.extend(remarks);
        let reason = broken.map(|broken| match rounds.of_candidate.len() {
            1 => broken.reason,
            n => format!("{}; the median of {n} measurements", broken.reason),
        });
        self.session.guarded(index, reason);
        Ok(())
    }

    fn measure_by(
        &mut self,
        journal: &mut Journal,
        guard: &Guard,
        side: Side,
    ) -> Result<Option<Report>, Failure> {
        let lab = self.lab;
        let turn = self.turn.as_ref().ok_or_else(out_of_step)?;
        let n = turn.candidate.n;
        let subject = Subject {
            side,
            doing: Doing::Guarding(guard.name.clone(), side),
            guard: Some(&guard.name),
        };
        let of = side.to_string();
        let measured = self.measure_patiently(journal, &subject, |tree| {
            let report = lab.report_of(guard, tree, n, &of)?;
            Ok((report, ()))
        })?;
        Ok(measured.map(|(report, ())| report))
    }
}

/// Who is measured in one round, in which order.
fn sides(guard: &Guard) -> Vec<Side> {
    let mut sides = vec![Side::Candidate];
    if guard.is_paired() {
        sides.push(Side::Incumbent);
        if coins().flip(0) {
            sides.reverse();
        }
    }
    sides
}

/// What a guard has measured so far, and what else it compares that with.
#[derive(Default)]
struct Rounds {
    recorded: Vec<Measurement>,
    baseline: Vec<Measurement>,
    of_candidate: Vec<Vec<Measurement>>,
    of_incumbent: Vec<Vec<Measurement>>,
    /// What all rounds amount to.
    candidate: Vec<Measurement>,
    beside: Vec<Measurement>,
    /// Of the candidate, the first time.
    diagnostics: Vec<Diagnostic>,
}

impl Rounds {
    fn add(&mut self, side: Side, report: Report) {
        match side {
            Side::Candidate => {
                if self.of_candidate.is_empty() {
                    self.diagnostics = report.diagnostics;
                }
                self.of_candidate.push(report.measurements);
                self.candidate = combined(self.of_candidate.iter().map(Vec::as_slice));
            }
            Side::Incumbent => {
                self.of_incumbent.push(report.measurements);
                self.beside = combined(self.of_incumbent.iter().map(Vec::as_slice));
            }
        }
    }

    fn values(&self) -> Values<'_> {
        Values {
            candidate: &self.candidate,
            beside: &self.beside,
            recorded: &self.recorded,
            baseline: &self.baseline,
        }
    }
}
