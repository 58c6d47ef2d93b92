//! `evaluator add`, `update` and `remove`: evaluators by others, pinned by their digests.

use std::path::{Path, PathBuf};

use super::super::Context;
use crate::catalog::{self, Component};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::grants::{self, Added, Lock};
use crate::host::Limits;
use crate::project::{self, DIRECTORY};
use crate::registry::{self, Source};

/// Add an evaluator to the project, so that experiments can name it
///
/// SOURCE is a path to a `.wasm` component, or a place in a registry. Its component is written into
/// `.autoresearch/evaluators`, and where it comes from with its digest into `.autoresearch/evaluators.lock`: commit both. It may do
/// nothing yet: what it would get is asked for when it is used.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AddArgs {
    /// A path, or `oci://registry/name:tag`, with `@sha256:...` to have exactly that
    source: String,
    /// Call it this [default: what it calls itself]
    #[arg(long)]
    name: Option<String>,
    /// Take it, and what comes later, only if it is signed with this public key (cosign.pub)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Fetch evaluators again from where they came, and say what is new
///
/// With a tag that moved on this takes the newer one; what it gets must then be approved again.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct UpdateArgs {
    /// Only this one [default: all that were added]
    name: Option<String>,
}

/// Take an evaluator that was added away, and what it was approved to have
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RemoveArgs {
    /// Take away this one
    name: String,
}

/// A component, and its manifest's digest if it comes from a registry.
struct Obtained {
    component: Component,
    manifest: Option<String>,
}

pub(super) fn add(context: &Context, arguments: &AddArgs) -> anyhow::Result<()> {
    let place = context.place();
    let experiments = place.join(DIRECTORY);
    let mut lock = Lock::read(&experiments)?;
    let key = arguments.key.as_deref().map(read_key).transpose()?;
    if key.is_some() && !Source::is_meant(&arguments.source) {
        return Err(
            Failure::input("what is not in a registry has no signature there")
                .hint("leave `--key` away")
                .into(),
        );
    }
    context.watch_signals()?;
    let source = source(context, &place, &arguments.source);
    let obtained = obtain(context, &place, &source, key.as_deref())?;
    let (called, version) = described(context, &arguments.source, &obtained.component)?;
    let name = arguments.name.as_deref().unwrap_or(&called);
    catalog::check_name(name)?;
    if catalog::is_built_in(name) {
        return Err(
            Failure::input(format!("`{name}` is a built-in evaluator's name"))
                .hint("call it something else: `--name NAME`")
                .into(),
        );
    }
    if let Some(before) = lock.added(name) {
        return Err(
            Failure::input(format!("`{name}` is there already, from {}", before.source))
                .hint(format!(
                    "call it something else with `--name NAME`, or `autoresearch evaluator update {name}`"
                ))
                .into(),
        );
    }
    let added = Added {
        name: name.to_owned(),
        source,
        manifest: obtained.manifest,
        sha256: obtained.component.digest.clone(),
        key,
    };
    write(&experiments, name, &obtained.component.bytes)?;
    lock.add(added)?;
    context.ui.info(&format!(
        "added `{name}` ({called} {version}, sha256 {})",
        grants::short(&obtained.component.digest)
    ));
    context.ui.hint(&format!(
        "`autoresearch evaluator inspect {name}` shows what it measures and asks for; commit `{DIRECTORY}/evaluators*`"
    ));
    Ok(())
}

pub(super) fn update(context: &Context, arguments: &UpdateArgs) -> anyhow::Result<()> {
    let place = context.place();
    let experiments = place.join(DIRECTORY);
    let mut lock = Lock::read(&experiments)?;
    let chosen: Vec<Added> = match &arguments.name {
        None => lock.all_added().to_vec(),
        Some(name) => vec![known(&lock, name)?.clone()],
    };
    if chosen.is_empty() {
        context.ui.info("no evaluator was added here");
    }
    context.watch_signals()?;
    for before in chosen {
        let name = &before.name;
        let obtained = obtain(context, &place, &before.source, before.key.as_deref())?;
        let (called, version) = described(context, &before.source, &obtained.component)?;
        let digest = &obtained.component.digest;
        write(&experiments, name, &obtained.component.bytes)?;
        if *digest == before.sha256 {
            context
                .ui
                .info(&format!("`{name}` is what it was ({called} {version})"));
            continue;
        }
        context.ui.info(&format!(
            "`{name}` is another: {called} {version}, sha256 {} -> {}",
            grants::short(&before.sha256),
            grants::short(digest)
        ));
        lock.add(Added {
            manifest: obtained.manifest,
            sha256: digest.clone(),
            ..before
        })?;
    }
    Ok(())
}

pub(super) fn remove(context: &Context, arguments: &RemoveArgs) -> anyhow::Result<()> {
    let experiments = context.place().join(DIRECTORY);
    let mut lock = Lock::read(&experiments)?;
    let name = &known(&lock, &arguments.name)?.name.clone();
    lock.remove(name)?;
    match std::fs::remove_file(grants::component(&experiments, name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => context.ui.info(&format!("removed `{name}`")),
    }
    Ok(())
}

fn known<'a>(lock: &'a Lock, name: &str) -> Result<&'a Added, Failure> {
    lock.added(name).ok_or_else(|| {
        let names: Vec<&str> = lock
            .all_added()
            .iter()
            .map(|added| added.name.as_str())
            .collect();
        Failure::input(format!("no evaluator `{name}` was added here")).hint(if names.is_empty() {
            "`autoresearch evaluator add SOURCE` adds one".to_owned()
        } else {
            format!("those that were are {}", names.join(", "))
        })
    })
}

/// A source as the lock file has it: a path is relative to the project, or absolute outside it.
fn source(context: &Context, place: &Path, given: &str) -> String {
    if Source::is_meant(given) {
        return given.to_owned();
    }
    let path = context.path.canonicalize().map(|base| base.join(given));
    let path = path.unwrap_or_else(|_| PathBuf::from(given));
    let path = project::lexically(&path);
    let path = path.strip_prefix(place).unwrap_or(&path);
    path.to_str().unwrap_or(given).to_owned()
}

fn obtain(
    context: &Context,
    place: &Path,
    source: &str,
    key: Option<&str>,
) -> Result<Obtained, Failure> {
    if !Source::is_meant(source) {
        return Ok(Obtained {
            component: catalog::read(source, &place.join(source))?,
            manifest: None,
        });
    }
    let source = Source::parse(source)?;
    let fetched = source
        .fetch(key, &context.cancel)
        .map_err(|failure| context.unless_stopped(failure))?;
    Ok(Obtained {
        component: catalog::component(&source.to_string(), fetched.bytes.into()),
        manifest: Some(fetched.manifest),
    })
}

/// What a component says that it is called, and its version.
fn described(
    context: &Context,
    source: &str,
    component: &Component,
) -> anyhow::Result<(String, String)> {
    let host = context.host()?;
    let evaluator = host
        .load(&component.bytes, &component.digest, &Limits::default())
        .map_err(|error| Failure::load(source, &error))?;
    let descriptor = evaluator.descriptor();
    Ok((descriptor.name.clone(), descriptor.version.clone()))
}

fn read_key(path: &Path) -> Result<String, Failure> {
    let pem = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!("cannot read the key `{}`: {error}", path.display()))
            .hint("name a file with a public key, such as cosign.pub")
    })?;
    registry::public_key(&pem)?;
    Ok(pem.trim().to_owned())
}

fn write(experiments: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = grants::component(experiments, name);
    let directory = path.parent().unwrap_or(experiments);
    std::fs::create_dir_all(directory)
        .and_then(|()| files::replace(&path, bytes))
        .map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("cannot write `{}`: {error}", path.display()),
            )
            .hint("make it possible and try again")
        })
}
