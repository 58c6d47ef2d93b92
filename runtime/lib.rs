//! TODO

pub mod catalog;
pub mod cli;
pub mod decision;
pub mod directories;
pub mod driver;
pub mod environment;
pub mod evaluator;
pub mod experiment;
pub mod failure;
pub mod git;
pub mod host;
pub mod journal;
pub mod measure;
pub mod process;
pub mod project;
pub mod runlog;
pub mod session;
pub mod stats;
pub mod text;
pub mod workspace;
