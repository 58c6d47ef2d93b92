//! What a guest prints: its end is kept, its beginning forgotten, and the guest never blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::text;

/// How many lines of it are shown to a person.
const SHOWN_LINES: usize = 20;
/// The most a guest may write in one call, in bytes.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Clone)]
pub(super) struct Transcript {
    limit: usize,
    kept: Arc<Mutex<VecDeque<u8>>>,
}

impl Transcript {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: Arc::default(),
        }
    }

    /// The last lines of what was kept, cleaned.
    pub(super) fn end(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (front, back) = kept.as_slices();
        text::tail(&[front, back].concat(), SHOWN_LINES)
    }
}

impl IsTerminal for Transcript {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Transcript {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one; it is not linked.
        Box::new(MemoryOutputPipe::new(0))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Transcript {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes.iter());
        let excess = kept.len().saturating_sub(self.limit);
        kept.drain(..excess);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

#[async_trait]
impl Pollable for Transcript {
    async fn ready(&mut self) {}
}
