//! Whatever an evaluator's memory holds where it says that its description and its report are, they are
//! taken as the contract has them or refused.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use autoresearch::evaluator::is_name;
use autoresearch::host::{Evaluation, Host, Limits};
use autoresearch::process::{Cancel, Launcher};
use autoresearch::sandbox::Confinement;
use libfuzzer_sys::{Corpus, fuzz_target};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A module that describes itself from the start of its memory on, and reports from the middle of what the
/// fuzzer fills.
const MODULE: &str = r#"(module
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
  (func (export "autoresearch:evaluator/evaluator@0.1.0#describe") (result i32) (i32.const 0))
  (func (export "autoresearch:evaluator/evaluator@0.1.0#evaluate") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 1024))
  (data (i32.const 0) "FILLED"))"#;
const FILLED: usize = 2048;
const MARK: u8 = 0xa5;

static HOST: LazyLock<Host> =
    LazyLock::new(|| Host::new(None, Launcher::at("/nonexistent")).unwrap());

/// The component, and where in it is what fills the memory.
static COMPONENT: LazyLock<(Vec<u8>, usize)> = LazyLock::new(|| {
    let filled = format!("\\{MARK:02x}").repeat(FILLED);
    let mut module = wat::parse_str(MODULE.replace("FILLED", &filled)).unwrap();
    let mut resolve = Resolve::default();
    let contract = include_str!("../../../wit/evaluator.wit");
    let package = resolve.push_source("evaluator.wit", contract).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap();
    let start = component
        .windows(FILLED)
        .position(|bytes| bytes.iter().all(|byte| *byte == MARK))
        .unwrap();
    (component, start)
});

fuzz_target!(|data: &[u8]| -> Corpus {
    if data.len() > FILLED {
        return Corpus::Reject;
    }
    let (mut component, start) = COMPONENT.clone();
    component[start..][..FILLED].fill(0);
    component[start..][..data.len()].copy_from_slice(data);
    let limits = Limits::default();
    let Ok(evaluator) = HOST.load(&component, "", &limits) else {
        return Corpus::Keep;
    };
    let descriptor = evaluator.descriptor();
    assert_eq!(descriptor.check(), Ok(()));
    assert!(!descriptor.summary.contains(char::is_control));
    let Ok(settings) = descriptor.settings(&BTreeMap::new(), &BTreeMap::new()) else {
        return Corpus::Keep;
    };
    let evaluation = Evaluation {
        directory: Path::new("."),
        targets: &["target".to_owned()],
        settings: &settings,
        round: 0,
        model: None,
        environment: &[],
        confinement: &Confinement::none(),
        tape: None,
        limits: &limits,
        time_limit: Duration::from_secs(1),
        cancel: &Cancel::default(),
    };
    match HOST.evaluate(&evaluator, &evaluation, Arc::new(|_| {})) {
        Ok(report) => {
            assert!(!report.measurements.is_empty());
            for measurement in report.measurements {
                assert!(is_name(&measurement.metric));
                assert!(!measurement.samples.is_empty());
                assert!(measurement.samples.iter().all(|sample| sample.is_finite()));
            }
        }
        Err(failed) => assert!(!failed.to_string().contains('\u{1b}')),
    }
    Corpus::Keep
});
