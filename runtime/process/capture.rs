//! Keep the last bytes of a stream, and go on reading it so that its writer never blocks.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::Captured;

/// How long to wait for a stream's end once every process that we know of has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// A capture that goes on in a thread of its own.
#[derive(Debug)]
pub(super) struct Capture {
    done: Receiver<Captured>,
}

impl Capture {
    /// What was captured; empty where the stream is still held open by something out of reach.
    pub(super) fn finish(self) -> Captured {
        self.done.recv_timeout(DRAIN).unwrap_or(Captured {
            bytes: Vec::new(),
            truncated: true,
        })
    }
}

/// Starts to read `stream`, keeping its last `limit` bytes.
pub(super) fn start(stream: Option<impl Read + Send + 'static>, limit: usize) -> Capture {
    let (send, done) = channel();
    std::thread::spawn(move || {
        let captured = stream
            .map(|stream| drain(stream, limit))
            .unwrap_or_default();
        let _ = send.send(captured);
    });
    Capture { done }
}

fn drain(mut stream: impl Read, limit: usize) -> Captured {
    let mut kept: VecDeque<u8> = VecDeque::new();
    let mut truncated = false;
    let mut chunk = [0; 16 * 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                kept.extend(chunk.get(..n).unwrap_or_default());
                let excess = kept.len().saturating_sub(limit);
                truncated |= excess > 0;
                kept.drain(..excess);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let mut bytes = Vec::from(kept);
    if truncated && let Some(newline) = bytes.iter().position(|&b| b == b'\n') {
        bytes.drain(..=newline);
    }
    Captured { bytes, truncated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_of_a_short_stream() {
        let captured = drain(&b"a: 1\nb: 2\n"[..], 10);
        assert_eq!(captured.bytes, b"a: 1\nb: 2\n");
        assert!(!captured.truncated);
    }

    #[test]
    fn keeps_whole_last_lines_of_a_long_stream() {
        let captured = drain(&b"first: 1\nsecond: 2\nthird: 3\n"[..], 15);
        assert_eq!(captured.bytes, b"third: 3\n");
        assert!(captured.truncated);
    }

    #[test]
    fn keeps_the_end_of_one_endless_line() {
        let captured = drain(std::io::repeat(b'x').take(1 << 20), 1000);
        assert_eq!(captured.bytes.len(), 1000);
        assert!(captured.truncated);
    }

    #[test]
    fn limit_of_zero_keeps_nothing() {
        assert!(drain(&b"abc"[..], 0).bytes.is_empty());
    }
}
