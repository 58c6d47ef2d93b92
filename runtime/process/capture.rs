//! Keep the last bytes of a stream, and go on reading it so that its writer never blocks.
//!
//! A transcript is what both streams of a command wrote, byte for byte and in the order in which it
//! was read, so a line of one may be broken by a line of the other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Captured;

/// How long to wait for a stream's end once every process that we know of has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// What a pipe holds that nobody reads: the kernel's own bound for ordinary users.
#[cfg(target_os = "linux")]
const PIPE_BYTES: libc::c_int = 1 << 20;

/// The largest transcript, in bytes, but for the line that says that there was more.
pub const TRANSCRIPT_LIMIT: u64 = 64 << 20;
/// The last line of a transcript that is not whole.
const DROPPED: &[u8] = b"\n[the rest was dropped: the transcript is full]\n";

/// A file that takes both streams of a command, until it is full or cannot be written.
#[derive(Debug, Clone)]
pub(super) struct Transcript(Arc<Mutex<Option<Open>>>);

#[derive(Debug)]
struct Open {
    file: File,
    /// Bytes that it may still take.
    left: u64,
}

impl Transcript {
    /// Makes the file anew, if that is possible.
    pub(super) fn create(path: &Path) -> Option<Self> {
        let file = File::create(path).ok()?;
        let left = TRANSCRIPT_LIMIT;
        Some(Self(Arc::new(Mutex::new(Some(Open { file, left })))))
    }

    fn write(&self, bytes: &[u8]) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *open = open.take().and_then(|open| open.with(bytes).ok()?);
    }
}

impl Open {
    /// None once it is full.
    fn with(mut self, bytes: &[u8]) -> std::io::Result<Option<Self>> {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX);
        if let Some(first) = bytes.get(..fits)
            && bytes.len() > fits
        {
            self.file.write_all(first)?;
            self.file.write_all(DROPPED)?;
            return Ok(None);
        }
        self.file.write_all(bytes)?;
        self.left -= bytes.len() as u64;
        Ok(Some(self))
    }
}

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

/// Starts to read `stream`, keeping its last `limit` bytes and passing all on to a transcript.
pub(super) fn start(
    stream: Option<impl Read + AsFd + Send + 'static>,
    limit: usize,
    transcript: Option<Transcript>,
) -> Capture {
    if let Some(stream) = &stream {
        widen(stream.as_fd());
    }
    let (send, done) = channel();
    std::thread::spawn(move || {
        let captured = stream
            .map(|stream| drain(stream, limit, transcript.as_ref()))
            .unwrap_or_default();
        let _ = send.send(captured);
    });
    Capture { done }
}

/// Has a pipe hold as much as an ordinary user's may, where that can be said.
///
/// Programs that write without waiting, as those of Node do at their end, lose what does not fit while
/// its reader is late.
fn widen(pipe: BorrowedFd<'_>) {
    #[cfg(target_os = "linux")]
    // SAFETY: fcntl takes a descriptor that is open, and integers.
    unsafe {
        libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pipe.as_raw_fd();
}

fn drain(mut stream: impl Read, limit: usize, transcript: Option<&Transcript>) -> Captured {
    let mut kept: VecDeque<u8> = VecDeque::new();
    let mut truncated = false;
    let mut chunk = [0; 16 * 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                let read = chunk.get(..n).unwrap_or_default();
                if let Some(transcript) = transcript {
                    transcript.write(read);
                }
                kept.extend(read);
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
        let captured = drain(&b"a: 1\nb: 2\n"[..], 10, None);
        assert_eq!(captured.bytes, b"a: 1\nb: 2\n");
        assert!(!captured.truncated);
    }

    #[test]
    fn keeps_whole_last_lines_of_a_long_stream() {
        let captured = drain(&b"first: 1\nsecond: 2\nthird: 3\n"[..], 15, None);
        assert_eq!(captured.bytes, b"third: 3\n");
        assert!(captured.truncated);
    }

    #[test]
    fn keeps_the_end_of_one_endless_line() {
        let captured = drain(std::io::repeat(b'x').take(1 << 20), 1000, None);
        assert_eq!(captured.bytes.len(), 1000);
        assert!(captured.truncated);
    }

    #[test]
    fn limit_of_zero_keeps_nothing() {
        assert!(drain(&b"abc"[..], 0, None).bytes.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_program_leaves_at_its_end_fits_although_nobody_reads_yet() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        widen(reader.as_fd());
        // SAFETY: as in `widen`.
        let set = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        assert_eq!(set, 0);
        assert_eq!(writer.write(&vec![b'x'; 500_000]).unwrap(), 500_000);
    }

    #[test]
    fn transcript_is_whole_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("transcript");
        let file = File::create(&path).unwrap();
        let open = Open { file, left: 8 };
        let transcript = Transcript(Arc::new(Mutex::new(Some(open))));
        let full = [b"abcdefgh", DROPPED].concat();
        for (bytes, expected) in [
            (&b"abcdef"[..], &b"abcdef"[..]),
            (b"gh", b"abcdefgh"),
            (b"ij", &full),
            (b"k", &full),
        ] {
            drain(bytes, 1, Some(&transcript));
            assert_eq!(std::fs::read(&path).unwrap(), expected);
        }
    }

    #[test]
    fn transcript_that_cannot_be_written_is_left_alone() {
        assert!(Transcript::create(Path::new("/no/such/directory/file")).is_none());
        let full = Transcript::create(Path::new("/dev/full")).unwrap();
        let captured = drain(&b"abc"[..], 10, Some(&full));
        assert_eq!(captured.bytes, b"abc");
        assert!(full.0.lock().unwrap().is_none());
    }
}
