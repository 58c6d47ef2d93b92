//! Writing files as a whole.

use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes a file as a whole or not at all. A run that is killed here leaves `PATH.new`, which the
/// next one overwrites.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    std::fs::rename(new, path)
}
