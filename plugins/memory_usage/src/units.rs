//! The units of memory: the binary ones, in which operating systems count pages.

/// Converts bytes to KiB, of 1024 bytes.
pub fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// Converts bytes to MiB, of 1024 KiB.
pub fn mib(bytes: u64) -> f64 {
    kib(bytes) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_binary() {
        assert_eq!(kib(4096), 4.0);
        assert_eq!(mib(3 << 20), 3.0);
        assert_eq!(mib(1 << 19), 0.5);
        assert!(mib(u64::MAX).is_finite());
    }
}
