//! End to end, through the binary, with a real git and real components.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test starts programs, and fails by panicking"
)]

mod check;
mod commands;
mod conditions;
mod decision;
mod evaluate;
mod everyday;
mod experiments;
mod gaming;
mod grants;
mod guards;
mod guests;
mod hostile;
mod import;
mod init;
mod journeys;
mod killed;
mod killer;
mod meters;
mod model;
mod night;
mod old;
mod programs;
mod projects;
mod qualify;
mod results;
mod review;
mod run;
mod sandbox;
mod scope;
mod serve;
mod signals;
mod support;
mod test_pass_rate;
mod unwritable;
