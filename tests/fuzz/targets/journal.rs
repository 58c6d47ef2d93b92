//! A journal of any bytes is read by whoever shows it and by whoever goes on with it, in pieces or as a
//! whole.
#![no_main]

use autoresearch::journal::{self, Depth, Item, Position};
use autoresearch::report::Progress;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(journal::path(directory.path()), data).unwrap();
    for depth in [Depth::Whole, Depth::Verdicts] {
        let mut progress = Progress::default();
        let mut offsets = Vec::new();
        let start = Position::default();
        let end = journal::scan(directory.path(), start, depth, 1, |item| {
            progress.add(&item);
            if let Item::Tried(tried) = item {
                offsets.push(tried.offset);
            }
        })
        .unwrap();
        assert!(end.offset <= data.len() as u64);
        for offset in offsets {
            let _ = journal::entry(directory.path(), offset).unwrap();
        }
    }
    let _ = journal::read(directory.path());
});
