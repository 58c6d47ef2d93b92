//! How long files are when they are compressed, each by itself, as a web server sends them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use structured_zstd::encoding::{CompressionLevel, StreamingEncoder};

/// As `gzip -9`.
const GZIP_LEVEL: u32 = 9;
/// As `zstd -3`, which is its default.
const ZSTD_LEVEL: i32 = 3;

/// A format that a file is compressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Format {
    /// The metric for it.
    pub fn metric(self) -> &'static str {
        match self {
            Self::Gzip => "gzip_bytes",
            Self::Zstd => "zstd_bytes",
        }
    }
}

/// Compresses a file to nowhere and returns how long it became. The file need not fit in memory.
pub fn length(path: &Path, format: Format) -> io::Result<u64> {
    let mut file = File::open(path)?;
    match format {
        Format::Gzip => {
            let mut encoder = GzEncoder::new(Count(0), Compression::new(GZIP_LEVEL));
            io::copy(&mut file, &mut encoder)?;
            Ok(encoder.finish()?.0)
        }
        Format::Zstd => {
            let level = CompressionLevel::from_level(ZSTD_LEVEL);
            let mut encoder = StreamingEncoder::new(Count(0), level);
            // A small file gets a smaller window and header, as with the command.
            encoder.set_pledged_content_size(file.metadata()?.len())?;
            io::copy(&mut file, &mut encoder)?;
            Ok(encoder.finish()?.0)
        }
    }
}

/// Forgets what is written to it, but not how much it was.
#[derive(Debug)]
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(bytes: &[u8]) -> (u64, u64) {
        let path = std::env::temp_dir().join(format!(
            "benchmark_size-compress-{}-{}",
            std::process::id(),
            bytes.len()
        ));
        std::fs::write(&path, bytes).unwrap();
        let lengths = [Format::Gzip, Format::Zstd].map(|format| length(&path, format).unwrap());
        std::fs::remove_file(path).unwrap();
        lengths.into()
    }

    #[test]
    fn files_are_as_long_as_the_commands_make_them() {
        // Of `for i in $(seq 1 5000); do echo "line $i of a file"; done`: 98,893 bytes, of which
        // `gzip -9` 1.12 makes 12,896 and `zstd -3 --no-check` 1.5.4 makes 3,657.
        let lines: Vec<String> = (1..=5000)
            .map(|i| format!("line {i} of a file\n"))
            .collect();
        let (gzip, zstd) = lengths(lines.concat().as_bytes());
        let near = |length: u64, theirs: f64| (length as f64 / theirs - 1.0).abs() < 0.05;
        assert!(near(gzip, 12_896.0), "{gzip}");
        assert!(near(zstd, 3_657.0), "{zstd}");
    }

    #[test]
    fn long_and_empty_files_are_compressed() {
        // Empty: a header and an end.
        let (gzip, zstd) = lengths(b"");
        assert!(gzip == 20 && zstd < 20, "{gzip} {zstd}");
        let (gzip, zstd) = lengths(&vec![b'x'; 3_000_000]);
        assert!(gzip < 10_000 && zstd < 10_000, "{gzip} {zstd}");
        // What cannot be compressed becomes hardly longer.
        let mut seed = 1_u32;
        let noise: Vec<u8> = (0..200_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed.to_be_bytes()[0]
            })
            .collect();
        let (gzip, zstd) = lengths(&noise);
        assert!((195_000..201_000).contains(&gzip), "{gzip}");
        assert!((195_000..201_000).contains(&zstd), "{zstd}");
    }
}
