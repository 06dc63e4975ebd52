//! Everything that decides, and nothing else: observations go in, a verdict and a plan come out.
//!
//! No clock, environment, file, network or printing in here: time arrives as an argument
//! (`crates/core/clippy.toml` enforces it). The same [`session::Session`] therefore runs in production,
//! in a replay of a recorded rollout and in virtual time.
#![deny(clippy::indexing_slicing)]

pub mod annotation;
pub mod approval;
pub mod diagnose;
pub mod doctor;
pub mod duration;
pub mod finding;
pub mod foreign_text;
pub mod history;
pub mod http;
pub mod label_selector;
pub mod observation;
pub mod permission;
pub mod policy;
pub mod prediction;
pub mod probe;
pub mod progress;
pub mod quantity;
pub mod report;
pub mod rollback;
pub mod session;
pub mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trace;
pub mod traffic;
pub mod verdict;
pub mod workload;
