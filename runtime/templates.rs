//! The small projects that `evaluator new` makes: the examples in `examples/evaluators`, under another name.

use std::path::{Path, PathBuf};

use crate::catalog;
use crate::failure::{Exit, Failure};

/// A language that evaluators are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// `cargo`, for the target `wasm32-wasip2`: 150 kB
    Rust,
    /// `componentize-py`, with an interpreter: 18 MB
    Python,
    /// `componentize-qjs`, from npm: 1 MB
    #[value(name = "javascript", alias = "js")]
    JavaScript,
    /// `clang` with `wasi-libc`: 80 kB
    C,
}

/// One example.
struct Template {
    language: Language,
    /// What it is called, in its files and in some of their names; nothing else there is called so.
    name: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

macro_rules! template {
    ($language:ident, $directory:literal, $name:literal, [$($file:literal),* $(,)?]) => {
        Template {
            language: Language::$language,
            name: $name,
            files: &[
                $(($file, include_bytes!(concat!("../examples/evaluators/", $directory, "/", $file)))),*
            ],
        }
    };
}

/// What every one has besides: the contract as it is here.
const CONTRACT: [(&str, &[u8]); 2] = [
    ("wit/README.md", include_bytes!("../wit/README.md")),
    (
        "wit/deps/evaluator.wit",
        include_bytes!("../wit/evaluator.wit"),
    ),
];

const TEMPLATES: [Template; 4] = [
    template!(
        Rust,
        "rust",
        "duplicate_lines",
        [
            ".gitignore",
            "Cargo.lock",
            "Cargo.toml",
            "README.md",
            "src/component.rs",
            "src/lib.rs",
            "src/measure.rs",
            "wit/world.wit",
        ]
    ),
    template!(
        Python,
        "python",
        "markdown_readability",
        [
            ".gitignore",
            "README.md",
            "app.py",
            "measure.py",
            "requirements.txt",
            "test_measure.py",
            "wit/world.wit",
        ]
    ),
    template!(
        JavaScript,
        "javascript",
        "bundle_weight",
        [
            ".gitignore",
            "README.md",
            "evaluator.js",
            "files.js",
            "measure.js",
            "measure.test.js",
            "package.json",
            "sample.js",
            "sample.js.map",
            "wit/world.wit",
        ]
    ),
    template!(
        C,
        "c",
        "byte_entropy",
        [
            ".gitignore",
            "Makefile",
            "README.md",
            "bindings/evaluator.c",
            "bindings/evaluator.h",
            "bindings/evaluator_component_type.o",
            "component.c",
            "measure.c",
            "measure.h",
            "test_measure.c",
            "wit/world.wit",
        ]
    ),
];

impl Template {
    fn of(language: Language) -> &'static Self {
        TEMPLATES
            .iter()
            .find(|template| template.language == language)
            .unwrap_or(&TEMPLATES[0])
    }

    /// Every file of a project called `name`.
    fn files(&self, name: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.files
            .iter()
            .chain(&CONTRACT)
            .map(move |(path, bytes)| {
                let bytes = match std::str::from_utf8(bytes) {
                    Ok(text) => text.replace(self.name, name).into_bytes(),
                    Err(_) => bytes.to_vec(),
                };
                (path.replace(self.name, name), bytes)
            })
    }
}

/// Makes a project for an evaluator in a new directory of its name below `above`. Returns the directory.
pub fn make(name: &str, language: Language, above: &Path) -> Result<PathBuf, Failure> {
    catalog::check_name(name)?;
    let directory = above.join(name);
    let unwritable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::input(format!("`{}` is there already", directory.display()))
                .hint("choose another name, or another place with `--path`")
        }
        _ => Failure::new(
            Exit::Failure,
            format!("cannot make `{}`: {error}", directory.display()),
        )
        .hint("name a directory that can be written with `--path`"),
    };
    std::fs::create_dir(&directory).map_err(unwritable)?;
    for (path, bytes) in Template::of(language).files(name) {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(unwritable)?;
        }
        std::fs::write(path, bytes).map_err(unwritable)?;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum;

    use super::*;

    fn examples() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/evaluators")
    }

    fn directory(language: Language) -> PathBuf {
        let value = language.to_possible_value().unwrap();
        examples().join(value.get_name())
    }

    #[test]
    fn every_example_is_a_template_as_a_whole() {
        for language in Language::value_variants() {
            let template = Template::of(*language);
            assert_eq!(template.language, *language);
            let listed: BTreeSet<String> = template
                .files
                .iter()
                .map(|(path, _)| (*path).to_owned())
                .chain(["wit/deps/evaluator.wit".to_owned()])
                .collect();
            let directory = directory(*language);
            let mut found = BTreeSet::new();
            let mut rest = vec![directory.clone()];
            while let Some(path) = rest.pop() {
                let name = path.file_name().unwrap().to_str().unwrap();
                let is_made = [
                    "target",
                    "node_modules",
                    "__pycache__",
                    ".venv",
                    "test_measure",
                ]
                .contains(&name)
                    || path
                        .extension()
                        .is_some_and(|extension| extension == "wasm")
                    || name == "package-lock.json";
                if is_made {
                    continue;
                }
                if path.is_dir() {
                    rest.extend(
                        std::fs::read_dir(&path)
                            .unwrap()
                            .map(|entry| entry.unwrap().path()),
                    );
                } else {
                    let relative = path.strip_prefix(&directory).unwrap();
                    found.insert(relative.to_str().unwrap().to_owned());
                }
            }
            assert_eq!(found, listed, "{language:?}");
        }
    }

    #[test]
    fn the_examples_have_the_contract_as_it_is() {
        for language in Language::value_variants() {
            let vendored =
                std::fs::read(directory(*language).join("wit/deps/evaluator.wit")).unwrap();
            assert_eq!(
                vendored, CONTRACT[1].1,
                "{language:?}: copy wit/evaluator.wit there"
            );
        }
    }

    #[test]
    fn nothing_of_an_examples_name_is_left() {
        for language in Language::value_variants() {
            let template = Template::of(*language);
            let mut named = 0;
            for (path, bytes) in template.files("mine") {
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(template.name), "{path}");
                named += text.matches("mine").count();
            }
            assert!(named > 3, "{language:?}: {named}");
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let above = tempfile::tempdir().unwrap();
        make("mine", Language::C, above.path()).unwrap();
        let again = make("mine", Language::Rust, above.path()).unwrap_err();
        assert!(again.message.contains("is there already"), "{again:?}");
        assert!(!above.path().join("mine/Cargo.toml").exists());
        for name in ["", "Mine", "my-metric", "../mine", "9", "a b", "/tmp/x"] {
            assert!(make(name, Language::C, above.path()).is_err(), "{name}");
        }
    }
}
