//! `evaluator new`: the start of an evaluator of one's own.

use super::super::Context;
use crate::templates::{self, Language};

/// Make a small project for an evaluator of your own, which works as it is
///
/// It is put into a new directory called NAME (below `--path`), with the contract, a test and a README whose lines
/// build, check and use it. It measures something useful in the beginning: put yours in its place.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Call it this: lower-case letters, digits and `_`
    name: String,
    /// Write it in this language
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Language,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let directory = templates::make(&arguments.name, arguments.lang, &context.path)?;
    let shown = directory.strip_prefix(".").unwrap_or(&directory);
    context.ui.info(&format!("made `{}`", shown.display()));
    context.ui.hint(&format!(
        "`{}` has the lines that build, check and use it",
        shown.join("README.md").display()
    ));
    Ok(())
}
