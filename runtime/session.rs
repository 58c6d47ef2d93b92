//! One session of an experiment as a state machine without I/O: it says what to do next, and is
//! told what came of it.

use crate::decision::{Policy, Ruling, decide};

/// What the driver is to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Measure the incumbent and record it as the baseline; then [`Session::baseline`].
    MeasureBaseline,
    /// Take up a candidate and record the try; then [`Session::proposed`] or [`Session::finish`].
    Propose,
    /// Measure one side; then [`Session::measured`].
    Measure(Side),
    /// Record the ruling and put it into effect; then [`Session::recorded`].
    Record {
        ruling: Ruling,
        value: Option<f64>,
        incumbent: f64,
    },
    Finish,
}

/// The two sides of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Incumbent,
    Candidate,
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Start,
    Ready,
    /// The sides still to be measured, the next one last.
    Measuring {
        left: Vec<Side>,
        candidate: Option<f64>,
        incumbent: f64,
    },
    Ruled {
        ruling: Ruling,
        value: Option<f64>,
        incumbent: f64,
    },
    Done,
}

/// A session that judges a number of candidates.
#[derive(Debug)]
pub struct Session {
    policy: Policy,
    incumbent: Option<f64>,
    tries_left: u64,
    stage: Stage,
}

impl Session {
    /// A session of `tries` candidates, against an incumbent whose value is known or not.
    pub fn new(policy: Policy, incumbent: Option<f64>, tries: u64) -> Self {
        Self {
            policy,
            incumbent,
            tries_left: tries,
            stage: Stage::Start,
        }
    }

    /// What to do next. Asking again changes nothing.
    pub fn next_step(&self) -> Step {
        match &self.stage {
            Stage::Start if self.incumbent.is_none() => Step::MeasureBaseline,
            Stage::Start | Stage::Ready if self.tries_left > 0 => Step::Propose,
            Stage::Start | Stage::Ready | Stage::Done => Step::Finish,
            Stage::Measuring { left, .. } => match left.last() {
                Some(side) => Step::Measure(*side),
                None => Step::Finish,
            },
            Stage::Ruled {
                ruling,
                value,
                incumbent,
            } => Step::Record {
                ruling: ruling.clone(),
                value: *value,
                incumbent: *incumbent,
            },
        }
    }

    /// The incumbent's value was measured and recorded.
    pub fn baseline(&mut self, value: f64) {
        self.incumbent = Some(value);
        self.stage = Stage::Ready;
    }

    /// There is a candidate. A metric with noise is measured on both sides, in the order that
    /// `candidate_first` says, which should come from a coin; else the recorded value serves.
    pub fn proposed(&mut self, candidate_first: bool) {
        let mut left = vec![Side::Candidate];
        if !self.policy.deterministic {
            left.push(Side::Incumbent);
            if candidate_first {
                left.reverse();
            }
        }
        self.stage = match self.incumbent {
            Some(incumbent) => Stage::Measuring {
                left,
                candidate: None,
                incumbent,
            },
            None => Stage::Start,
        };
    }

    /// One side's value. With both sides known, it is ruled.
    pub fn measured(&mut self, side: Side, value: f64) {
        let Stage::Measuring {
            left,
            candidate,
            incumbent,
        } = &mut self.stage
        else {
            return;
        };
        left.retain(|other| *other != side);
        match side {
            Side::Candidate => *candidate = Some(value),
            Side::Incumbent => *incumbent = value,
        }
        if let (true, Some(candidate)) = (left.is_empty(), *candidate) {
            let incumbent = *incumbent;
            self.stage = Stage::Ruled {
                ruling: decide(&self.policy, candidate, incumbent),
                value: Some(candidate),
                incumbent,
            };
        }
    }

    /// The candidate could not be measured.
    pub fn crashed(&mut self, reason: impl Into<String>) {
        let Stage::Measuring { incumbent, .. } = self.stage else {
            return;
        };
        self.stage = Stage::Ruled {
            ruling: Ruling::crash(reason),
            value: None,
            incumbent,
        };
    }

    /// The ruling is recorded and in effect.
    pub fn recorded(&mut self) {
        if let Stage::Ruled { ruling, value, .. } = &self.stage {
            if ruling.verdict == crate::decision::Verdict::Keep {
                self.incumbent = *value;
            }
            self.tries_left = self.tries_left.saturating_sub(1);
            self.stage = Stage::Ready;
        }
    }

    /// There is nothing more to try.
    pub fn finish(&mut self) {
        self.stage = Stage::Done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Verdict;
    use crate::measure::Direction;

    fn session(deterministic: bool, incumbent: Option<f64>) -> Session {
        let policy = Policy::new("m", "", Direction::Lower, deterministic, None);
        Session::new(policy, incumbent, 2)
    }

    fn ruling(session: &Session) -> (Verdict, Option<f64>, f64) {
        match session.next_step() {
            Step::Record {
                ruling,
                value,
                incumbent,
            } => (ruling.verdict, value, incumbent),
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn a_deterministic_metric_is_measured_once_and_compared_with_the_record() {
        let mut session = session(true, None);
        assert_eq!(session.next_step(), Step::MeasureBaseline);
        session.baseline(10.0);
        assert_eq!(session.next_step(), Step::Propose);
        session.proposed(true);
        assert_eq!(session.next_step(), Step::Measure(Side::Candidate));
        session.measured(Side::Candidate, 9.0);
        assert_eq!(ruling(&session), (Verdict::Keep, Some(9.0), 10.0));
        session.recorded();
        session.proposed(true);
        session.measured(Side::Candidate, 9.5);
        assert_eq!(ruling(&session), (Verdict::Discard, Some(9.5), 9.0));
        session.recorded();
        assert_eq!(session.next_step(), Step::Finish);
    }

    #[test]
    fn a_noisy_metric_is_measured_on_both_sides_in_either_order() {
        for candidate_first in [true, false] {
            let mut session = session(false, Some(1.0));
            session.proposed(candidate_first);
            let mut order = vec![];
            while let Step::Measure(side) = session.next_step() {
                order.push(side);
                session.measured(side, if side == Side::Candidate { 9.0 } else { 10.0 });
            }
            assert_eq!(order.len(), 2);
            assert_eq!(order[0] == Side::Candidate, candidate_first);
            // The recorded 1.0 is of another day and plays no part.
            assert_eq!(ruling(&session), (Verdict::Keep, Some(9.0), 10.0));
        }
    }

    #[test]
    fn a_crash_is_a_verdict_and_the_incumbent_stays() {
        let mut session = session(false, Some(5.0));
        session.proposed(true);
        session.crashed("exit code 1");
        assert_eq!(ruling(&session), (Verdict::Crash, None, 5.0));
        session.recorded();
        assert_eq!(session.next_step(), Step::Propose);
        session.finish();
        assert_eq!(session.next_step(), Step::Finish);
    }
}
