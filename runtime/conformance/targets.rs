//! Targets that an evaluator meets sooner or later, because some candidate will be like that.

use std::io::{BufWriter, Write};
use std::path::Path;

/// A kind of target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) check: &'static str,
    pub(super) is_missing: bool,
    write: fn(&mut dyn Write) -> std::io::Result<()>,
}

/// The size of the huge one, in bytes.
const HUGE: usize = 32 << 20;

pub(super) const ALL: [Target; 4] = [
    Target {
        check: "target-empty",
        is_missing: false,
        write: |_| Ok(()),
    },
    Target {
        check: "target-missing",
        is_missing: true,
        write: |_| Ok(()),
    },
    Target {
        check: "target-binary",
        is_missing: false,
        write: |out| {
            // Every byte, in no order that is UTF-8.
            for number in 0..65536_u32 {
                out.write_all(&(number.wrapping_mul(2_654_435_761) >> 8).to_le_bytes())?;
            }
            Ok(())
        },
    },
    Target {
        check: "target-huge",
        is_missing: false,
        write: |out| {
            let line = b"a line of text that is like all the others, \"quoted\" {and} <marked>;\n";
            for _ in 0..HUGE / line.len() {
                out.write_all(line)?;
            }
            Ok(())
        },
    },
];

/// A target that most evaluators of text can make something of.
pub(super) const SAMPLE: &str = "# A sample

This file is here so that an evaluator has something to measure. It has *some* Markdown,
a few sentences, and a line of code:

```
fn main() { println!(\"{}\", 6 * 7); }
```
";

impl Target {
    /// Writes it below a directory, unless it is to be missing.
    pub(super) fn write(&self, directory: &Path, name: &str) -> std::io::Result<()> {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if self.is_missing {
            return Ok(());
        }
        let mut out = BufWriter::new(std::fs::File::create(path)?);
        (self.write)(&mut out)?;
        out.flush()
    }
}
