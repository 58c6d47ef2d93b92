//! Tries shown as they are judged.

use std::time::Duration;

use super::experiment::{Seen, in_terminal};
use super::{Args, Context, Place, TERMINAL_TRIES, ui, warn};
use crate::failure::Failure;
use crate::journal::{self, Damage, Depth, Item, Outcome, Position};
use crate::report::terminal;

/// How often the journal is looked at.
const PAUSE: Duration = Duration::from_millis(300);

pub(super) fn run(context: &Context, place: &Place, arguments: &Args) -> anyhow::Result<()> {
    context.watch_signals()?;
    let limit = arguments.limit.map_or(TERMINAL_TRIES, usize::from);
    let mut seen = Seen::read(&place.directory, arguments.status, limit)?;
    seen.tries.retain(|tried| tried.outcome != Outcome::Open);
    let shown = in_terminal(place, &seen, ui::screen(true));
    warn(context, &place.id, &seen.damages);
    context
        .ui
        .write(|out| Ok(out.write_all(shown.as_bytes())?))?;
    context.ui.info("following until Ctrl-C");
    let mut position = seen.position;
    let mut told = seen.damages.last().map_or(0, |damage| damage.line);
    loop {
        std::thread::sleep(PAUSE);
        if context.cancel.is_cancelled() {
            return Ok(());
        }
        let journal = journal::path(&place.directory);
        if journal
            .metadata()
            .is_ok_and(|there| there.len() < position.offset)
        {
            context
                .ui
                .warning("the journal was replaced: following the new one");
            (position, told) = (Position::default(), 0);
        }
        let mut lines = Vec::new();
        let mut damages: Vec<Damage> = Vec::new();
        let screen = ui::screen(true);
        position = journal::scan(
            &place.directory,
            position,
            Depth::Whole,
            1,
            |item| match item {
                Item::Tried(tried)
                    if tried.outcome != Outcome::Open
                        && arguments
                            .status
                            .is_none_or(|status| tried.status() == status) =>
                {
                    lines.push(terminal::news(&tried, screen));
                }
                Item::Damaged(damage) if damage.line > told => damages.push(damage),
                _ => {}
            },
        )
        .map_err(Failure::from)?;
        told = damages.last().map_or(told, |damage| damage.line);
        warn(context, &place.id, &damages);
        if !lines.is_empty() {
            lines.push(String::new());
            context
                .ui
                .write(|out| Ok(out.write_all(lines.join("\n").as_bytes())?))?;
        }
        context.ui.finish()?;
    }
}
