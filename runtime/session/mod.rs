//! One session of an experiment as a state machine without I/O: it says what to do next, and is
//! told what came of it.

mod measuring;
mod order;

use std::time::Duration;

use crate::decision::{Policy, Ruling, Verdict};
use measuring::Measuring;
pub use measuring::{Candidate, Coins, Judgement};
pub use order::Order;

/// After this many crashes in a row, something else than the candidates is broken.
pub const CRASHES_IN_A_ROW: u32 = 5;
/// After this many proposals in a row that were not worth measuring, the proposer is of no use.
pub const UNFIT_IN_A_ROW: u32 = 10;

/// What the driver is to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Measure the incumbent and record it as the baseline; then [`Session::baseline`].
    MeasureBaseline,
    /// Measure the guards on the incumbent and record that; then [`Session::guards_known`].
    MeasureGuards,
    /// Get a candidate and record the try; then [`Session::proposed`], [`Session::unfit`] or
    /// [`Session::finish`].
    Propose(Task),
    /// Measure one side, in this round from 0; then [`Session::measured`], [`Session::crashed`] or
    /// [`Session::unjudged`].
    Measure(Side, u32),
    /// Hold the guard of this place in the experiment against the candidate; then
    /// [`Session::guarded`], [`Session::crashed`] or [`Session::unjudged`].
    Guard(usize),
    /// Record the judgement and put it into effect; then [`Session::recorded`].
    Record(Box<Judgement>),
    Finish(Ended),
}

/// What a proposer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Something better than the incumbent.
    Improve,
    /// The candidate that crashed last, mended.
    Fix,
}

/// The two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Incumbent,
    Candidate,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Incumbent => "incumbent",
            Side::Candidate => "candidate",
        })
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As many tries as were asked for.
    Tries,
    Time,
    Cost,
    /// [`CRASHES_IN_A_ROW`].
    Crashes,
    /// [`UNFIT_IN_A_ROW`].
    Unfit,
    /// There is nothing to try.
    NothingToTry,
    /// Somebody wants it to end.
    Stopped,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ended::Tries => "all tries are done",
            Ended::Time => "the time is up",
            Ended::Cost => "the money is spent",
            Ended::Crashes => "too many crashes in a row",
            Ended::Unfit => "too many proposals in a row that were not fit to be measured",
            Ended::NothingToTry => "there is nothing to try",
            Ended::Stopped => "stopped",
        })
    }
}

/// How far a session may go. What is `None` has no end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    pub tries: Option<u64>,
    /// Nothing new is begun after this.
    pub time: Option<Duration>,
    /// Nothing new is begun once this is spent, in US dollars.
    pub cost_usd: Option<f64>,
    /// How often a candidate that crashes is given back to its proposer.
    pub fix_attempts: u32,
    /// Nobody watches: what may pass is waited for, and measured again.
    pub unattended: bool,
}

/// What a session has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    pub time: Duration,
    /// In US dollars, as far as it is known.
    pub cost_usd: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Ready,
    Measuring(Box<Measuring>),
    /// Guards are held against the candidate before the next stage.
    Guarding {
        /// The next one last.
        left: Vec<usize>,
        next: Box<Stage>,
    },
    Ruled {
        judgement: Box<Judgement>,
        /// Whether it came to a measurement.
        fit: bool,
    },
    Done(Ended),
}

impl Stage {
    /// The stage once these guards hold, in their order.
    fn behind(guards: &[usize], next: Stage) -> Stage {
        if guards.is_empty() {
            return next;
        }
        Stage::Guarding {
            left: guards.iter().rev().copied().collect(),
            next: Box::new(next),
        }
    }
}

/// A session that judges candidates.
#[derive(Debug)]
pub struct Session {
    policy: Policy,
    bounds: Bounds,
    incumbent: Option<f64>,
    /// Whether the guards were measured on the incumbent.
    guards_known: bool,
    order: Order,
    stage: Stage,
    /// Verdicts so far.
    tries: u64,
    crashes_in_a_row: u32,
    unfit_in_a_row: u32,
    /// How often the candidate that crashed last may still be given back; none where the last one
    /// did not crash.
    fixes_left: Option<u32>,
    task: Task,
}

impl Session {
    /// A session against an incumbent whose value is known or not.
    pub fn new(policy: Policy, bounds: Bounds, incumbent: Option<f64>) -> Self {
        Self {
            policy,
            bounds,
            incumbent,
            guards_known: true,
            order: Order::default(),
            stage: Stage::Ready,
            tries: 0,
            crashes_in_a_row: 0,
            unfit_in_a_row: 0,
            fixes_left: None,
            task: Task::Improve,
        }
    }

    /// The guards, or some of them, are yet to be measured on the incumbent.
    pub fn guards_unknown(&mut self) {
        self.guards_known = false;
    }

    /// The guards were measured on the incumbent, and that is recorded.
    pub fn guards_known(&mut self) {
        self.guards_known = true;
    }

    /// When the guards have their turn from the next candidate on.
    pub fn guard_in(&mut self, order: Order) {
        self.order = order;
    }

    /// What to do next. Asking again changes nothing.
    pub fn next_step(&self, spent: &Spent) -> Step {
        match &self.stage {
            Stage::Ready if self.incumbent.is_none() => Step::MeasureBaseline,
            Stage::Ready if !self.guards_known => Step::MeasureGuards,
            Stage::Ready => match self.over(spent) {
                Some(ended) => Step::Finish(ended),
                None if self.fixes_left.is_some_and(|left| left > 0) => Step::Propose(Task::Fix),
                None => Step::Propose(Task::Improve),
            },
            Stage::Measuring(measuring) => match measuring.next() {
                Some(side) => Step::Measure(side, measuring.round()),
                None => Step::Finish(Ended::Stopped),
            },
            Stage::Guarding { left, .. } => match left.last() {
                Some(index) => Step::Guard(*index),
                None => Step::Finish(Ended::Stopped),
            },
            Stage::Ruled { judgement, .. } => Step::Record(judgement.clone()),
            Stage::Done(ended) => Step::Finish(*ended),
        }
    }

    fn over(&self, spent: &Spent) -> Option<Ended> {
        let bounds = &self.bounds;
        if bounds.tries.is_some_and(|tries| self.tries >= tries) {
            Some(Ended::Tries)
        } else if self.crashes_in_a_row >= CRASHES_IN_A_ROW {
            Some(Ended::Crashes)
        } else if self.unfit_in_a_row >= UNFIT_IN_A_ROW {
            Some(Ended::Unfit)
        } else if bounds.time.is_some_and(|time| spent.time >= time) {
            Some(Ended::Time)
        } else if bounds.cost_usd.is_some_and(|cost| spent.cost_usd >= cost) {
            Some(Ended::Cost)
        } else {
            None
        }
    }

    /// The incumbent's value was measured and recorded, and so were its guards'.
    pub fn baseline(&mut self, value: f64) {
        self.incumbent = Some(value);
        self.guards_known = true;
    }

    /// There is a candidate. A metric with noise is measured on both sides in each round, in random
    /// order; else the incumbent's recorded value serves.
    pub fn proposed(&mut self, task: Task, candidate: Candidate) {
        let Some(incumbent) = self.incumbent else {
            return;
        };
        self.task = task;
        let measuring = Measuring::new(&self.policy, incumbent, candidate);
        let measuring = Stage::Measuring(Box::new(measuring));
        self.stage = Stage::behind(&self.order.before, measuring);
    }

    /// What was proposed, if anything, is not to be measured.
    pub fn unfit(&mut self, task: Task, ruling: Ruling) {
        self.task = task;
        self.rule(ruling, false);
    }

    /// One side's value, and how long it took. It may be ruled then.
    pub fn measured(&mut self, side: Side, value: f64, took: Duration) {
        let Stage::Measuring(measuring) = &mut self.stage else {
            return;
        };
        measuring.add(side, value, took);
        if let Some(judgement) = measuring.conclude(&self.policy) {
            let guards = match judgement.ruling.verdict {
                Verdict::Keep => self.order.after.as_slice(),
                Verdict::Discard | Verdict::Crash => &[],
            };
            let ruled = Stage::Ruled {
                judgement: Box::new(judgement),
                fit: true,
            };
            self.stage = Stage::behind(guards, ruled);
        }
    }

    /// A guard holds, or does not for this reason, which discards the candidate.
    pub fn guarded(&mut self, index: usize, broken: Option<String>) {
        let Stage::Guarding { left, next } = &mut self.stage else {
            return;
        };
        left.retain(|other| *other != index);
        let is_last = left.is_empty();
        match (broken, &mut **next) {
            (None, next) if is_last => self.stage = std::mem::replace(next, Stage::Ready),
            (None, _) => {}
            // What was measured before is told all the same.
            (Some(reason), Stage::Ruled { judgement, .. }) => {
                judgement.ruling = Ruling::discard(reason);
                self.stage = std::mem::replace(next, Stage::Ready);
            }
            (Some(reason), _) => self.rule(Ruling::discard(reason), true),
        }
    }

    /// The candidate could not be measured.
    pub fn crashed(&mut self, reason: impl Into<String>) {
        if let Stage::Measuring(_) | Stage::Guarding { .. } = self.stage {
            self.rule(Ruling::crash(reason), true);
        }
    }

    /// Rules without a value.
    fn rule(&mut self, ruling: Ruling, fit: bool) {
        if let Some(incumbent) = self.incumbent {
            let judgement = Box::new(Judgement {
                ruling,
                value: None,
                incumbent,
                evidence: None,
            });
            self.stage = Stage::Ruled { judgement, fit };
        }
    }

    /// Nobody could judge the candidate, and that is not its fault.
    pub fn unjudged(&mut self) {
        self.stage = Stage::Ready;
    }

    /// The ruling is recorded and in effect.
    pub fn recorded(&mut self) {
        let Stage::Ruled { judgement, fit } = &self.stage else {
            return;
        };
        let verdict = judgement.ruling.verdict;
        let crashed = verdict == Verdict::Crash;
        if verdict == Verdict::Keep {
            self.incumbent = judgement.value;
        }
        self.tries += 1;
        self.crashes_in_a_row = if crashed {
            self.crashes_in_a_row + 1
        } else {
            0
        };
        self.unfit_in_a_row = if *fit || crashed {
            0
        } else {
            self.unfit_in_a_row + 1
        };
        self.fixes_left = match self.task {
            // A crash before there was a candidate leaves nothing to mend.
            _ if !crashed || !*fit => None,
            Task::Improve => Some(self.bounds.fix_attempts),
            Task::Fix => self.fixes_left.map(|left| left.saturating_sub(1)),
        };
        self.stage = Stage::Ready;
    }

    /// The session is over.
    pub fn finish(&mut self, ended: Ended) {
        self.stage = Stage::Done(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Prior, Rules};
    use crate::measure::Direction;

    fn session(deterministic: bool, incumbent: Option<f64>, bounds: Bounds) -> Session {
        let policy = Policy {
            metric: "m".to_owned(),
            unit: String::new(),
            direction: Direction::Lower,
            deterministic,
            min_improvement: None,
            rules: Rules::default(),
        };
        Session::new(policy, bounds, incumbent)
    }

    fn next(session: &Session) -> Step {
        session.next_step(&Spent::default())
    }

    fn ruling(session: &Session) -> (Verdict, Option<f64>, f64) {
        match next(session) {
            Step::Record(judgement) => (
                judgement.ruling.verdict,
                judgement.value,
                judgement.incumbent,
            ),
            step => panic!("{step:?}"),
        }
    }

    fn crash(session: &mut Session) {
        let Step::Propose(task) = next(session) else {
            panic!("{:?}", next(session));
        };
        session.proposed(task, any());
        session.crashed("exit code 1");
        session.recorded();
    }

    fn any() -> Candidate {
        Candidate {
            coins: Coins(3),
            alpha: 0.01,
            prior: Prior::default(),
            simpler: false,
            incumbents: vec![],
        }
    }

    const IMPROVE: Step = Step::Propose(Task::Improve);

    #[test]
    fn a_deterministic_metric_is_measured_once_and_compared_with_the_record() {
        let two = Bounds {
            tries: Some(2),
            ..Bounds::default()
        };
        let mut session = session(true, None, two);
        assert_eq!(next(&session), Step::MeasureBaseline);
        session.baseline(10.0);
        assert_eq!(next(&session), IMPROVE);
        session.proposed(Task::Improve, any());
        assert_eq!(next(&session), Step::Measure(Side::Candidate, 0));
        session.measured(Side::Candidate, 9.0, Duration::ZERO);
        assert_eq!(ruling(&session), (Verdict::Keep, Some(9.0), 10.0));
        session.recorded();
        session.proposed(Task::Improve, any());
        session.measured(Side::Candidate, 9.5, Duration::ZERO);
        assert_eq!(ruling(&session), (Verdict::Discard, Some(9.5), 9.0));
        session.recorded();
        assert_eq!(next(&session), Step::Finish(Ended::Tries));
    }

    #[test]
    fn a_noisy_metric_is_measured_in_rounds_of_both_sides_in_either_order() {
        let mut session = session(false, Some(1.0), Bounds::default());
        session.proposed(Task::Improve, any());
        let mut order = vec![];
        while let Step::Measure(side, round) = next(&session) {
            order.push((round, side));
            let value = if side == Side::Candidate { 9.0 } else { 10.0 };
            session.measured(side, value, Duration::from_secs(1));
        }
        let firsts: Vec<Side> = order.iter().step_by(2).map(|(_, side)| *side).collect();
        assert!(firsts.contains(&Side::Candidate) && firsts.contains(&Side::Incumbent));
        for (round, pair) in (0..).zip(order.chunks(2)) {
            let [(first, one), (second, other)] = pair else {
                panic!("half a round");
            };
            assert_eq!([*first, *second], [round, round]);
            assert_ne!(one, other);
        }
        // The recorded 1.0 is of another day and plays no part.
        assert_eq!(ruling(&session), (Verdict::Keep, Some(9.0), 10.0));
    }

    #[test]
    fn recorded_values_of_the_incumbent_are_used_before_it_is_measured_again() {
        let mut session = session(false, Some(1.0), Bounds::default());
        let candidate = Candidate {
            incumbents: vec![10.0, 11.0, 9.0],
            ..any()
        };
        session.proposed(Task::Improve, candidate);
        let mut sides = vec![];
        while let Step::Measure(side, _) = next(&session) {
            sides.push(side);
            let value = if side == Side::Candidate { 5.0 } else { 10.0 };
            session.measured(side, value, Duration::from_secs(1));
        }
        assert_eq!(sides[..3], [Side::Candidate; 3]);
        let Step::Record(judgement) = next(&session) else {
            panic!("{:?}", next(&session));
        };
        let evidence = judgement.evidence.unwrap();
        assert_eq!(judgement.ruling.verdict, Verdict::Keep);
        assert_eq!(evidence.reused, 3);
        assert_eq!(evidence.rounds[1].incumbent, 11.0);
        assert_eq!(sides.len(), 2 * evidence.rounds.len() - 3);
    }

    #[test]
    fn a_crash_is_a_verdict_and_the_incumbent_stays() {
        let mut session = session(false, Some(5.0), Bounds::default());
        session.proposed(Task::Improve, any());
        session.crashed("exit code 1");
        assert_eq!(ruling(&session), (Verdict::Crash, None, 5.0));
        session.recorded();
        assert_eq!(next(&session), IMPROVE);
        session.finish(Ended::NothingToTry);
        assert_eq!(next(&session), Step::Finish(Ended::NothingToTry));
    }

    #[test]
    fn crashes_in_a_row_end_it_and_anything_else_between_them_does_not() {
        let mut session = session(true, Some(5.0), Bounds::default());
        for _ in 1..CRASHES_IN_A_ROW {
            crash(&mut session);
        }
        session.proposed(Task::Improve, any());
        session.measured(Side::Candidate, 6.0, Duration::ZERO);
        session.recorded();
        for _ in 0..CRASHES_IN_A_ROW {
            assert_eq!(next(&session), IMPROVE);
            crash(&mut session);
        }
        assert_eq!(next(&session), Step::Finish(Ended::Crashes));
    }

    #[test]
    fn a_crash_goes_back_to_its_proposer_as_often_as_allowed() {
        let once = Bounds {
            fix_attempts: 1,
            ..Bounds::default()
        };
        let mut session = session(true, Some(5.0), once);
        crash(&mut session);
        assert_eq!(next(&session), Step::Propose(Task::Fix));
        crash(&mut session);
        assert_eq!(next(&session), IMPROVE);
        // Nor is there anything to mend where the proposer itself failed.
        session.unfit(Task::Improve, Ruling::crash("the agent failed"));
        session.recorded();
        assert_eq!(next(&session), IMPROVE);
    }

    #[test]
    fn a_proposer_of_no_use_is_not_asked_for_ever() {
        let mut session = session(true, Some(5.0), Bounds::default());
        for _ in 0..UNFIT_IN_A_ROW {
            assert_eq!(next(&session), IMPROVE);
            session.unfit(Task::Improve, Ruling::discard("changed nothing"));
            session.recorded();
        }
        assert_eq!(next(&session), Step::Finish(Ended::Unfit));
    }

    #[test]
    fn time_and_cost_end_it_between_tries_only() {
        let bounds = Bounds {
            time: Some(Duration::from_secs(9)),
            cost_usd: Some(2.0),
            ..Bounds::default()
        };
        let mut session = session(true, Some(5.0), bounds);
        let late = Spent {
            time: Duration::from_secs(9),
            cost_usd: 0.0,
        };
        let dear = Spent {
            time: Duration::ZERO,
            cost_usd: 2.0,
        };
        assert_eq!(session.next_step(&late), Step::Finish(Ended::Time));
        assert_eq!(session.next_step(&dear), Step::Finish(Ended::Cost));
        session.proposed(Task::Improve, any());
        assert_eq!(session.next_step(&late), Step::Measure(Side::Candidate, 0));
    }

    #[test]
    fn what_nobody_judged_is_no_try() {
        let one = Bounds {
            tries: Some(1),
            ..Bounds::default()
        };
        let mut session = session(true, Some(5.0), one);
        session.proposed(Task::Improve, any());
        session.unjudged();
        assert_eq!(next(&session), IMPROVE);
    }

    /// A session with two guards before the objective and two after it, at its first candidate.
    fn guarded_session() -> Session {
        let mut session = session(true, Some(10.0), Bounds::default());
        session.guard_in(Order {
            before: vec![3, 0],
            after: vec![1, 2],
        });
        session.proposed(Task::Improve, any());
        session
    }

    #[test]
    fn cheap_guards_come_before_the_objective_and_the_others_after_it() {
        let mut session = guarded_session();
        let mut steps = vec![];
        loop {
            let step = next(&session);
            match step {
                Step::Guard(index) => session.guarded(index, None),
                Step::Measure(side, _) => session.measured(side, 9.0, Duration::ZERO),
                _ => break,
            }
            steps.push(step);
        }
        let expected = [
            Step::Guard(3),
            Step::Guard(0),
            Step::Measure(Side::Candidate, 0),
            Step::Guard(1),
            Step::Guard(2),
        ];
        assert_eq!(steps, expected);
        assert_eq!(ruling(&session), (Verdict::Keep, Some(9.0), 10.0));
        session.recorded();
        assert_eq!(next(&session), IMPROVE);
        // What the objective discards needs no more guards.
        session.proposed(Task::Improve, any());
        session.guarded(3, None);
        session.guarded(0, None);
        session.measured(Side::Candidate, 9.5, Duration::ZERO);
        assert_eq!(ruling(&session), (Verdict::Discard, Some(9.5), 9.0));
    }

    #[test]
    fn a_guard_that_does_not_hold_discards_at_once() {
        for (holding, value) in [(0, None), (1, None), (2, Some(9.0)), (3, Some(9.0))] {
            let mut session = guarded_session();
            let mut held = 0;
            while let Step::Guard(_) | Step::Measure(..) = next(&session) {
                match next(&session) {
                    Step::Guard(index) if held == holding => {
                        session.guarded(index, Some("guard g: too big".to_owned()));
                    }
                    Step::Guard(index) => {
                        session.guarded(index, None);
                        held += 1;
                    }
                    _ => session.measured(Side::Candidate, 9.0, Duration::ZERO),
                }
            }
            assert_eq!(held, holding);
            assert_eq!(ruling(&session), (Verdict::Discard, value, 10.0));
            session.recorded();
            assert_eq!(next(&session), IMPROVE);
        }
    }

    #[test]
    fn a_guard_may_crash_and_nobody_may_judge() {
        let mut session = guarded_session();
        session.crashed("guard g: exit code 1");
        assert_eq!(ruling(&session), (Verdict::Crash, None, 10.0));
        session.recorded();
        session.proposed(Task::Improve, any());
        session.unjudged();
        assert_eq!(next(&session), IMPROVE);
    }

    #[test]
    fn guards_are_measured_on_the_incumbent_before_anything_is_tried() {
        let mut known = session(true, Some(1.0), Bounds::default());
        known.guards_unknown();
        assert_eq!(next(&known), Step::MeasureGuards);
        known.guards_known();
        assert_eq!(next(&known), IMPROVE);
        let mut new = session(true, None, Bounds::default());
        new.guards_unknown();
        assert_eq!(next(&new), Step::MeasureBaseline);
        new.baseline(1.0);
        assert_eq!(next(&new), IMPROVE);
    }
}
