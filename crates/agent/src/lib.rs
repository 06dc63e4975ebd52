//! The contract with the Azure Pipelines agent, as data: what it hands to a task and what it reads
//! from a task's output.
//!
//! No environment, clock, file or printing in here: variables arrive as pairs, lines leave as
//! values (`crates/agent/clippy.toml` enforces it).
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod command;
pub mod env;
pub mod inputs;
pub mod outputs;
pub mod result;
pub mod run;
pub mod secret;
pub mod service_connection;
mod text;

pub use command::LoggingCommand;
pub use env::{AgentEnv, is_secret_of_the_job};
pub use inputs::Inputs;
pub use result::{Outcome, TaskResult};
pub use secret::{Masker, Secret};
pub use service_connection::ServiceConnection;
pub use text::{Untrusted, neutralise, neutralise_line, neutralise_lines};
