//! Evaluators from WAT: `tests/guests/NAME.wat` with what all share, made into a component.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract's version, as in `wit/`.
pub const VERSION: &str = "0.1.0";

/// Where the prelude expects the descriptor, and where the heap begins.
const DESCRIPTOR: usize = 4096;
const HEAP: usize = 65536;

/// What a guest says of itself.
#[derive(Clone)]
pub struct Descriptor {
    pub name: String,
    pub metrics: Vec<String>,
    /// All optional.
    pub roles: Vec<String>,
    pub uses_model: bool,
}

impl Default for Descriptor {
    fn default() -> Self {
        Self {
            name: "guest".into(),
            metrics: vec!["value".into()],
            roles: vec!["work".into()],
            uses_model: false,
        }
    }
}

impl Descriptor {
    /// Its bytes at [`DESCRIPTOR`], as the canonical ABI lays them out.
    fn layout(&self) -> Vec<u8> {
        const SIZE: usize = 56;
        const METRIC: usize = 28;
        const ROLE: usize = 20;
        let metrics = SIZE;
        let roles = metrics + METRIC * self.metrics.len();
        let mut image = vec![0; roles + ROLE * self.roles.len()];
        put_text(&mut image, 0, &self.name);
        put_text(&mut image, 8, "1.2.3");
        put_text(&mut image, 16, "A guest of the tests");
        put_list(&mut image, 24, metrics, self.metrics.len());
        put_list(&mut image, 44, roles, self.roles.len());
        image[52] = u8::from(self.uses_model);
        for (n, metric) in self.metrics.iter().enumerate() {
            let at = metrics + METRIC * n;
            put_text(&mut image, at, metric);
            put_text(&mut image, at + 8, "u");
            // Lower is better; deterministic.
            image[at + 16..at + 18].copy_from_slice(&[0, 1]);
            put_text(&mut image, at + 20, "");
        }
        for (n, role) in self.roles.iter().enumerate() {
            let at = roles + ROLE * n;
            put_text(&mut image, at, role);
            put_text(&mut image, at + 12, "");
        }
        assert!(DESCRIPTOR + image.len() <= HEAP);
        image
    }
}

fn put_list(image: &mut [u8], at: usize, start: usize, count: usize) {
    for (at, value) in [(at, DESCRIPTOR + start), (at + 4, count)] {
        let value = u32::try_from(value).unwrap();
        image[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

fn put_text(image: &mut Vec<u8>, at: usize, text: &str) {
    let start = image.len();
    image.extend(text.as_bytes());
    put_list(image, at, start, text.len());
}

/// The component of `tests/guests/NAME.wat`.
pub fn component(name: &str) -> Vec<u8> {
    component_with(name, &Descriptor::default(), VERSION)
}

/// As [`component`], with a descriptor of one's own, for a version of the contract.
pub fn component_with(name: &str, descriptor: &Descriptor, version: &str) -> Vec<u8> {
    let mut module = wat::parse_str(source(name, descriptor, version)).unwrap();
    let mut resolve = Resolve::default();
    resolve
        .push_source("evaluator.wit", &contract(version))
        .unwrap();
    let guest = read("tests/guests/guest.wit")
        .replace(&format!("plugin@{VERSION}"), &format!("plugin@{version}"));
    let package = resolve.push_source("guest.wit", &guest).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}

/// The core module of a guest, which is no component.
pub fn core_module(name: &str) -> Vec<u8> {
    wat::parse_str(source(name, &Descriptor::default(), VERSION)).unwrap()
}

/// The names of all guests.
pub fn names() -> Vec<String> {
    std::fs::read_dir(root().join("tests/guests"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(".wat")?.to_owned())
        })
        .filter(|name| name != "prelude")
        .collect()
}

fn source(name: &str, descriptor: &Descriptor, version: &str) -> String {
    let guest = read(&format!("tests/guests/{name}.wat"));
    let mut prelude = read("tests/guests/prelude.wat").replace("VERSION", version);
    let memory = if guest.contains("(memory ") {
        ""
    } else {
        r#"(memory (export "memory") 2)"#
    };
    prelude = prelude.replace("MEMORY", memory);
    if guest.contains(r#"(export "cabi_realloc")"#) {
        prelude = prelude.replace(r#"(export "cabi_realloc")"#, "");
    }
    let describe = if guest.contains("(func $describe") {
        String::new()
    } else {
        format!("(func $describe (result i32) (i32.const {DESCRIPTOR}))")
    };
    let mut image = String::new();
    for byte in descriptor.layout() {
        write!(image, "\\{byte:02x}").unwrap();
    }
    let data = format!("(data (i32.const {DESCRIPTOR}) \"{image}\")");
    format!("(module\n{guest}\n{prelude}\n{describe}\n{data})")
}

fn contract(version: &str) -> String {
    read("wit/evaluator.wit").replace(&format!("@{VERSION}"), &format!("@{version}"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
