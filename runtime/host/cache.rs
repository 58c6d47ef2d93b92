//! Compiled components on disk, in a directory of the user's own.
//!
//! Layout: `DIRECTORY/ENGINE/SHA256.cwasm`, where `ENGINE` stands for the compiler's version and
//! settings. What is here is native code, so a directory or file that somebody else could have
//! written is not read, and nothing from outside is ever put here: a file is what this program
//! compiled from bytes of that digest.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasmtime::Engine;
use wasmtime::component::Component;

pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    pub(super) fn new(engine: &Engine, directory: &Path) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self {
            directory: directory.join(format!("{:016x}", hasher.finish())),
        }
    }

    /// The compiled form of the component with a digest, if it is here and can be trusted.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        if !self.is_private() {
            return None;
        }
        let path = self.path(digest);
        if !is_own(&path.symlink_metadata().ok()?) {
            return None;
        }
        // SAFETY: deserialising runs the file's code. Only this program, for this user, writes to
        // the directory, whole files at a time, from its own compiler's output.
        unsafe { Component::deserialize_file(engine, path) }.ok()
    }

    /// A directory to compile in, which goes when it is dropped.
    pub(super) fn room(&self) -> std::io::Result<TempDir> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)?;
        if !self.is_private() {
            return Err(std::io::Error::other("it is not the user's own"));
        }
        tempfile::Builder::new().tempdir_in(&self.directory)
    }

    /// Keeps code that this program compiled. Renamed when whole, so that a reader never maps half a
    /// file.
    pub(super) fn keep(&self, code: &Path, digest: &str) -> std::io::Result<()> {
        std::fs::rename(code, self.path(digest))
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("{digest}.cwasm"))
    }

    fn is_private(&self) -> bool {
        self.directory
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir() && is_own(&metadata))
    }
}

/// Owned by this user, and writable by nobody else.
fn is_own(metadata: &std::fs::Metadata) -> bool {
    // SAFETY: geteuid cannot fail and touches no memory.
    let user = unsafe { libc::geteuid() };
    metadata.uid() == user && metadata.mode() & 0o022 == 0
}
