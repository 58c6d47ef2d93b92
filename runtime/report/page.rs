//! Stand-in.
use super::{Activity, Curve, Listed, Progress};
use crate::journal::{Damage, Entry, Tried};
pub struct ExperimentPage<'a> {
    pub id: &'a str,
    pub activity: Activity,
    pub progress: &'a Progress,
    pub curve: &'a Curve,
    pub rows: &'a [PageRow],
    pub left_out: u64,
    pub damages: &'a [Damage],
    pub made: &'a str,
    pub live: bool,
}
pub struct PageRow {
    pub tried: Tried,
    pub entry: Option<Entry>,
    pub diff: Option<String>,
}
pub struct DashboardPage<'a> {
    pub title: &'a str,
    pub experiments: &'a [Listed],
    pub made: &'a str,
    pub live: bool,
}
pub fn experiment(page: &ExperimentPage<'_>) -> String {
    page.id.to_owned()
}
pub fn dashboard(page: &DashboardPage<'_>) -> String {
    page.title.to_owned()
}
