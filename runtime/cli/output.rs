//! Where results go: standard output, or a file that is there as a whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Context;
use super::ui::Ui;
use crate::failure::{Exit, Failure};
use crate::process::Cancel;

/// Where results go.
pub(super) enum Output {
    Standard(Ui),
    /// Takes its place when all of it is written.
    File {
        path: PathBuf,
        new: NamedTempFile,
        replace: bool,
        cancel: Cancel,
    },
    /// A device or a pipe.
    Stream {
        path: PathBuf,
        file: File,
    },
}

impl Output {
    /// Refuses what cannot be written before anything else is done. From now on a signal ends the
    /// writing of a file, and nothing of it is left.
    pub(super) fn new(
        context: &Context,
        path: Option<&Path>,
        replace: bool,
    ) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Standard(context.ui.clone()));
        };
        let name = path.display().to_string();
        let path = context.path.join(path);
        // What a link leads to is written, not the link.
        let path = path.canonicalize().unwrap_or(path);
        match path.metadata() {
            Ok(there) if there.is_dir() => {
                return Err(Failure::input(format!("`{name}` is a directory"))
                    .hint("name a file to write")
                    .into());
            }
            Ok(there) if !there.is_file() => {
                let file = OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .map_err(|error| cannot_write(&name, &error))?;
                return Ok(Self::Stream { path, file });
            }
            Ok(_) if !replace => return Err(exists(&name).into()),
            _ => {}
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !directory.is_dir() {
            return Err(
                Failure::input(format!("there is no directory `{}`", directory.display()))
                    .hint("make it first, or name another file")
                    .into(),
            );
        }
        context.watch_signals()?;
        let new = tempfile::Builder::new()
            .prefix(".autoresearch-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(directory)
            .map_err(|error| cannot_write(&name, &error))?;
        Ok(Self::File {
            path,
            new,
            replace,
            cancel: context.cancel.clone(),
        })
    }

    /// Whether people look at it in a terminal.
    pub(super) fn is_standard(&self) -> bool {
        matches!(self, Self::Standard(_))
    }

    /// Writes it all and puts it in its place. A reader of standard output that goes away has had
    /// enough.
    pub(super) fn write(
        self,
        content: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Standard(ui) => ui.write(content),
            Self::Stream { path, mut file } => into(&path, &mut file, content),
            Self::File {
                path,
                mut new,
                replace,
                cancel,
            } => {
                let written = into(&path, new.as_file_mut(), |out| {
                    content(&mut Until {
                        out,
                        cancel: &cancel,
                    })
                });
                if cancel.is_cancelled() {
                    return Err(Stopped.into());
                }
                written?;
                let placed = if replace {
                    new.persist(&path)
                } else {
                    new.persist_noclobber(&path)
                };
                placed.map(|_| ()).map_err(|error| {
                    let name = path.display().to_string();
                    match error.error.kind() {
                        std::io::ErrorKind::AlreadyExists => exists(&name).into(),
                        _ => cannot_write(&name, &error.error).into(),
                    }
                })
            }
        }
    }
}

/// A signal ended it.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(super) struct Stopped;

/// Writes until a signal ends it.
struct Until<'a> {
    out: &'a mut dyn Write,
    cancel: &'a Cancel,
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(std::io::Error::other(Stopped));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn into(
    path: &Path,
    file: &mut File,
    content: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let written = content(&mut out).and_then(|()| Ok(out.flush()?));
    written.map_err(|error| match io_error(&error) {
        Some(io) => cannot_write(&path.display().to_string(), io).into(),
        None => error,
    })
}

/// The failure to write that an error is, if it is one.
pub(super) fn io_error(error: &anyhow::Error) -> Option<&std::io::Error> {
    error.downcast_ref::<std::io::Error>().or_else(|| {
        match error.downcast_ref::<csv::Error>()?.kind() {
            csv::ErrorKind::Io(error) => Some(error),
            _ => None,
        }
    })
}

fn exists(name: &str) -> Failure {
    Failure::input(format!("`{name}` exists"))
        .hint("name another, or replace it: `results` does with `--force`")
}

fn cannot_write(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("`{name}` cannot be written: {error}"),
    )
    .hint("make room, or name another file")
}
