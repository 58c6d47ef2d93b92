use super::testing::{baseline, tried};
use super::*;

fn progress(items: &[Item]) -> Progress {
    let mut progress = Progress::default();
    for item in items {
        progress.add(item);
    }
    progress
}

#[test]
fn progress_counts_and_keeps_the_best() {
    let items = [
        baseline(10.0),
        Item::Tried(tried(1, Status::Discard, Some(11.0))),
        Item::Tried(tried(2, Status::Keep, Some(8.0))),
        Item::Tried(tried(3, Status::Crash, None)),
        Item::Tried(tried(4, Status::Unjudged, None)),
        Item::Tried(tried(5, Status::Open, None)),
    ];
    let progress = progress(&items);
    assert_eq!(
        (
            progress.tries,
            progress.keeps,
            progress.discards,
            progress.crashes,
            progress.unjudged
        ),
        (5, 1, 1, 1, 1)
    );
    let best = progress.best.as_ref().unwrap();
    assert_eq!((best.n, best.value), (2, 8.0));
    assert_eq!(progress.first, Some(10.0));
    assert!((progress.change().unwrap() + 0.2).abs() < 1e-9);
    assert_eq!((progress.cost_usd, progress.unknown_costs), (1.25, 0));
    assert_eq!(
        (progress.agent_seconds, progress.measuring_seconds),
        (10.0, 19.0)
    );
}

#[test]
fn zero_is_a_number() {
    let to_zero = progress(&[
        baseline(3.0),
        Item::Tried(tried(1, Status::Keep, Some(0.0))),
    ]);
    assert_eq!(to_zero.best.as_ref().unwrap().value, 0.0);
    assert_eq!(to_zero.change(), Some(-1.0));
    let from_zero = progress(&[
        baseline(0.0),
        Item::Tried(tried(1, Status::Keep, Some(-1.0))),
    ]);
    assert_eq!(from_zero.first, Some(0.0));
    assert_eq!(from_zero.change(), None);
}

#[test]
fn values_of_another_meaning_are_not_compared() {
    let mut other = baseline(3.0);
    if let Item::Baseline { baseline, .. } = &mut other {
        baseline.meaning = "y".into();
    }
    let keep = Item::Tried(tried(1, Status::Keep, Some(8.0)));
    let both = progress(&[baseline(10.0), keep, other]);
    assert_eq!((both.first, both.change()), (Some(3.0), Some(0.0)));
}

#[test]
fn activity_is_by_age() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1000);
    let ago = |hours| Some(now - Duration::from_hours(hours));
    for (running, last, activity) in [
        (true, None, Activity::Running),
        (false, None, Activity::Idle),
        (false, ago(0), Activity::Active),
        (false, Some(now + Duration::from_hours(9)), Activity::Active),
        (false, ago(1), Activity::Active),
        (false, ago(2), Activity::Paused),
        (false, ago(24), Activity::Paused),
        (false, ago(25), Activity::Done),
    ] {
        assert_eq!(Activity::of(running, last, now), activity);
    }
}

#[test]
fn an_unknown_cost_is_not_nothing() {
    let mut free = tried(1, Status::Keep, Some(1.0));
    assert_eq!(free.cost_usd(), Some(0.25));
    free.agent.as_mut().unwrap().cost_usd = None;
    assert_eq!(free.cost_usd(), None);
    let both = progress(&[Item::Tried(free)]);
    assert_eq!((both.cost_usd, both.unknown_costs), (0.0, 1));
}
