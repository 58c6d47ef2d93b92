//! `evaluator publish`: put an evaluator where others fetch it.

use super::super::Context;
use crate::catalog;
use crate::failure::Failure;
use crate::host::{CONTRACT, Limits};
use crate::registry::{About, Source};

/// Publish an evaluator in a registry, where `evaluator add` and wkg find it
///
/// The login is the one of `docker login`. Check it first: `evaluator check`. To sign it, `cosign sign --key` afterwards what is printed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A path to a `.wasm` component
    evaluator: String,
    /// `oci://registry/name:tag`
    destination: String,
}

pub(super) fn run(context: &Context, arguments: &Args) -> anyhow::Result<()> {
    let destination = Source::parse(&arguments.destination)?;
    let component = catalog::find(&arguments.evaluator, &context.base_of(&arguments.evaluator))?;
    let host = context.host()?;
    let evaluator = host
        .load(&component.bytes, &component.digest, &Limits::default())
        .map_err(|error| Failure::load(&arguments.evaluator, &error))?;
    let descriptor = evaluator.descriptor();
    let about = About {
        name: &descriptor.name,
        version: &descriptor.version,
        summary: &descriptor.summary,
        imports: evaluator.imports(),
        exports: &[CONTRACT],
    };
    context.watch_signals()?;
    let manifest = destination
        .publish(component.bytes.into_owned(), &about, &context.cancel)
        .map_err(|failure| context.unless_stopped(failure))?;
    context.ui.info(&format!(
        "published {} {}",
        descriptor.name, descriptor.version
    ));
    context.ui.data(&destination.at(&manifest).to_string());
    Ok(())
}
