//! When each guard has its turn.

/// When each guard, by its place in the experiment, has its turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Before the objective is measured.
    pub before: Vec<usize>,
    /// After it, for a candidate that would be kept.
    pub after: Vec<usize>,
}

impl Order {
    /// From what the guards and the objective are expected to take, in seconds: first what is
    /// cheaper, so that a candidate fails fast. What is unknown may take any time.
    pub fn cheapest_first(guards: &[Option<f64>], objective: Option<f64>) -> Self {
        let mut expected: Vec<(f64, usize)> = guards
            .iter()
            .map(|seconds| seconds.unwrap_or(f64::INFINITY))
            .zip(0..)
            .collect();
        // Stable: of two that take as long, the one that stands first.
        expected.sort_by(|a, b| a.0.total_cmp(&b.0));
        let objective = objective.unwrap_or(f64::INFINITY);
        let (before, after): (Vec<_>, Vec<_>) = expected
            .into_iter()
            .partition(|(seconds, _)| *seconds < objective);
        let places = |guards: Vec<(f64, usize)>| guards.into_iter().map(|(_, at)| at).collect();
        Self {
            before: places(before),
            after: places(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_by_what_each_takes() {
        let order = |guards: &[Option<f64>], objective| {
            let Order { before, after } = Order::cheapest_first(guards, objective);
            (before, after)
        };
        let guards = [Some(9.0), Some(0.5), None, Some(0.25), Some(0.5), Some(5.0)];
        assert_eq!(order(&guards, Some(5.0)), (vec![3, 1, 4], vec![5, 0, 2]));
        assert_eq!(order(&guards, None), (vec![3, 1, 4, 5, 0], vec![2]));
        assert_eq!(order(&[], Some(1.0)), (vec![], vec![]));
    }
}
