//! A candidate that is measured, in one round or several.

use std::time::Duration;

use super::Side;
use crate::decision::{Evidence, Policy, Prior, Round, Ruling, Took, Trial, decide};

/// A candidate that is to be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Say which side comes first in each round; should be drawn anew for each candidate.
    pub coins: Coins,
    /// The chance of keeping it if it changes nothing.
    pub alpha: f64,
    pub prior: Prior,
    /// It has fewer lines than the incumbent.
    pub simpler: bool,
    /// Values of the incumbent that serve instead of new ones, one a round: those of a metric whose
    /// noise does not drift, such as a judge's.
    pub incumbents: Vec<f64>,
}

/// A ruling and the values that it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub ruling: Ruling,
    /// The candidate's; none where it was not measured.
    pub value: Option<f64>,
    pub incumbent: f64,
    /// For a metric with noise that was measured.
    pub evidence: Option<Evidence>,
}

/// A candidate that is being measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measuring {
    candidate: Candidate,
    /// None where one value of the candidate decides.
    trial: Option<Trial>,
    /// The sides still to be measured in this round, the next one last.
    left: Vec<Side>,
    /// The values of this round; the incumbent's is the recorded one before it is measured.
    value: Option<f64>,
    incumbent: f64,
    /// How long this round has taken.
    took: Took,
}

impl Measuring {
    pub(super) fn new(policy: &Policy, incumbent: f64, candidate: Candidate) -> Self {
        let Candidate {
            alpha,
            prior,
            simpler,
            ..
        } = candidate;
        let trial = (!policy.deterministic).then(|| Trial::new(policy, alpha, prior, simpler));
        let mut measuring = Self {
            candidate,
            trial,
            left: vec![],
            value: None,
            incumbent,
            took: Took::default(),
        };
        measuring.begin_round();
        measuring
    }

    /// The side to be measured next.
    pub(super) fn next(&self) -> Option<Side> {
        self.left.last().copied()
    }

    /// One side's value in this round, and how long it took.
    pub(super) fn add(&mut self, side: Side, value: f64, took: Duration) {
        self.left.retain(|other| *other != side);
        match side {
            Side::Candidate => {
                self.value = Some(value);
                self.took.candidate = took;
            }
            Side::Incumbent => {
                self.incumbent = value;
                self.took.incumbent = took;
            }
        }
    }

    /// The round that is being measured, from 0.
    pub(super) fn round(&self) -> u32 {
        let done = self.trial.as_ref().map_or(0, Trial::rounds);
        u32::try_from(done).unwrap_or(u32::MAX)
    }

    /// Begins a round, with the sides in an order that nobody can foresee.
    fn begin_round(&mut self) {
        let done = self.trial.as_ref().map_or(0, Trial::rounds);
        let known = self.candidate.incumbents.get(done);
        if let (Some(known), true) = (known, self.trial.is_some()) {
            self.incumbent = *known;
        }
        self.left = match self.trial {
            None => vec![Side::Candidate],
            Some(_) if known.is_some() => vec![Side::Candidate],
            Some(_) if self.candidate.coins.flip(self.round()) => {
                vec![Side::Candidate, Side::Incumbent]
            }
            Some(_) => vec![Side::Incumbent, Side::Candidate],
        };
        self.value = None;
        self.took = Took::default();
    }

    /// What the values say, once this round is complete; begins another where that is open.
    pub(super) fn conclude(&mut self, policy: &Policy) -> Option<Judgement> {
        let value = self.value.filter(|_| self.left.is_empty())?;
        let incumbent = self.incumbent;
        let Some(trial) = &mut self.trial else {
            return Some(Judgement {
                ruling: decide(policy, value, incumbent, self.candidate.simpler),
                value: Some(value),
                incumbent,
                evidence: None,
            });
        };
        let round = Round {
            incumbent,
            candidate: value,
        };
        trial.add(round, self.took);
        let Some((ruling, mut evidence)) = trial.ruling() else {
            self.begin_round();
            return None;
        };
        evidence.reused = trial.rounds().min(self.candidate.incumbents.len());
        let (incumbent, value) = evidence.values();
        Some(Judgement {
            ruling,
            value: Some(value),
            incumbent,
            evidence: Some(evidence),
        })
    }
}

/// A fair coin for each round, from a seed, by `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coins(pub u64);

impl Coins {
    pub fn flip(self, round: u32) -> bool {
        let Self(seed) = self;
        let mut x = seed.wrapping_add(u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) & 1 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_are_fair_and_no_two_candidates_have_the_same() {
        let heads = (0..1000).filter(|round| Coins(7).flip(*round)).count();
        assert!((440..560).contains(&heads), "{heads}");
        let same = (0..1000)
            .filter(|r| Coins(7).flip(*r) == Coins(8).flip(*r))
            .count();
        assert!((440..560).contains(&same), "{same}");
    }
}
