//! The `progress` import: pass on what an evaluator tells whoever waits.

use super::Event;
use super::bindings::autoresearch::evaluator::progress as wit;
use super::limits::Message;
use super::state::State;
use crate::text;

/// The longest message that is passed on, in characters.
const MESSAGE_LIMIT: usize = 500;

impl wit::Host for State {
    async fn log(&mut self, level: wit::Level, message: String) -> wasmtime::Result<()> {
        self.meter.count_bytes(message.len())?;
        match self.meter.count_message() {
            Message::Pass => {
                let message = text::clean_line(&message, MESSAGE_LIMIT);
                self.tell(match level {
                    wit::Level::Debug => Event::Debug(message),
                    wit::Level::Info => Event::Info(message),
                    wit::Level::Warning => Event::Warning(message),
                });
            }
            Message::DropFirst => self.tell(Event::Warning(format!(
                "the evaluator has logged more than {} lines (the limit `messages`): the rest is dropped",
                self.limits.messages
            ))),
            Message::Drop => {}
        }
        Ok(())
    }

    async fn update(
        &mut self,
        done: u32,
        total: Option<u32>,
        message: String,
    ) -> wasmtime::Result<()> {
        self.meter.count_bytes(message.len())?;
        self.tell(Event::Progress {
            done,
            total,
            message: text::clean_line(&message, MESSAGE_LIMIT),
        });
        Ok(())
    }
}
