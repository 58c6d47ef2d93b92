//! From an evaluator reference to its bytes: the built-in set, those that were added, or a file.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::evaluator::is_name;
use crate::failure::{Exit, Failure};
use crate::grants::{self, Added, Lock};
use crate::project::DIRECTORY;

macro_rules! built_in {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../plugins/", $name, ".wasm")),
        )
    };
}

/// The evaluators in the binary, by name.
const BUILT_IN: &[(&str, &[u8])] = &[
    built_in!("benchmark_speed"),
    built_in!("benchmark_size"),
    built_in!("build_speed"),
    built_in!("memory_usage"),
    built_in!("test_pass_rate"),
    built_in!("llm_judge_content"),
    built_in!("llm_judge_copy"),
    built_in!("llm_judge_prompt"),
    built_in!("command"),
];

/// Read at most this much of a file, in bytes; the host refuses what is over its own limit.
const READ_LIMIT: u64 = 256 << 20;

/// An evaluator's bytes, and where they come from.
#[derive(Debug, Clone)]
pub struct Component {
    /// As the owner wrote it.
    pub reference: String,
    pub bytes: std::borrow::Cow<'static, [u8]>,
    /// SHA-256, in hexadecimal.
    pub digest: String,
}

/// The names of the built-in evaluators.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// Whether a reference is the name of one of those.
pub fn is_built_in(reference: &str) -> bool {
    BUILT_IN.iter().any(|(name, _)| *name == reference)
}

/// Whether a reference is a path rather than a name.
pub fn is_path(reference: &str) -> bool {
    reference.contains('/') || reference.contains('.')
}

/// Checks that an evaluator can be called that.
pub fn check_name(name: &str) -> Result<(), Failure> {
    if is_name(name) {
        return Ok(());
    }
    Err(
        Failure::input(format!("`{name}` is no name for an evaluator"))
            .hint("a name is lower-case letters, digits and `_`, a letter first"),
    )
}

/// Finds an evaluator. A path is relative to `base`; what was added there has a name.
pub fn find(reference: &str, base: &Path) -> Result<Component, Failure> {
    if is_path(reference) {
        return read(reference, &base.join(reference));
    }
    if let Some((_, bytes)) = BUILT_IN.iter().find(|(name, _)| *name == reference) {
        return Ok(component(reference, (*bytes).into()));
    }
    let experiments = base.join(DIRECTORY);
    match Lock::read(&experiments)?.added(reference) {
        Some(added) => read_added(added, &experiments),
        None => Err(
            Failure::input(format!("there is no evaluator `{reference}`")).hint(format!(
                "the built-in ones are {}; `autoresearch evaluator add` adds others, and a path to one ends in `.wasm`",
                built_in().collect::<Vec<_>>().join(", ")
            )),
        ),
    }
}

/// Reads one that was added: it is what it was then, or nothing.
fn read_added(added: &Added, experiments: &Path) -> Result<Component, Failure> {
    let name = &added.name;
    let hint = format!("`autoresearch evaluator update {name}` fetches it again");
    let path = grants::component(experiments, name);
    let component = read(name, &path)
        .map_err(|failure| Failure::new(failure.exit, failure.message).hint(hint.clone()))?;
    if component.digest != added.sha256 {
        return Err(Failure::new(
            Exit::Evaluator,
            format!("`{}` is not the component that was added", path.display()),
        )
        .hint(hint));
    }
    Ok(component)
}

/// Reads a file, of which the user may speak as `reference`.
pub fn read(reference: &str, path: &Path) -> Result<Component, Failure> {
    if Path::new(reference)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("cwasm"))
    {
        return Err(Failure::new(
            Exit::Evaluator,
            format!("`{reference}` is compiled code, which is never taken from outside"),
        )
        .hint("give the `.wasm` component that it was compiled from"));
    }
    let unreadable = |error: std::io::Error| {
        Failure::input(format!("cannot read the evaluator `{reference}`: {error}")).hint(format!(
            "`autoresearch evaluator list` shows the built-in ones: {}",
            built_in().collect::<Vec<_>>().join(", ")
        ))
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(
            Failure::input(format!("the evaluator `{reference}` is not a file"))
                .hint("an evaluator is a `.wasm` component"),
        );
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(READ_LIMIT).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    Ok(component(reference, bytes.into()))
}

/// An evaluator from its bytes.
pub fn component(reference: &str, bytes: std::borrow::Cow<'static, [u8]>) -> Component {
    Component {
        reference: reference.to_owned(),
        digest: digest(&bytes),
        bytes,
    }
}

/// SHA-256 of some bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_nothing() {
        assert_eq!(
            digest(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
