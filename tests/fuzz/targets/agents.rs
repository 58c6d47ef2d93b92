//! Whatever an agent prints, its cost is a number or unknown, and its words are clean.
#![no_main]

use autoresearch::agent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (stdout, stderr) = text.split_once('\u{1}').unwrap_or((&text, ""));
    for adapter in agent::adapters() {
        let answer = (adapter.read)(stdout, stderr);
        assert!(
            answer
                .cost_usd
                .is_none_or(|cost| cost.is_finite() && cost >= 0.0)
        );
        assert!(!answer.text.contains('\u{1b}'));
    }
    let _ = agent::description(&text);
});
