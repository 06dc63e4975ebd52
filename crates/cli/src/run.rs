//! One file, one command.

pub mod check;
pub mod doctor;
pub(crate) mod drill;
pub mod explain;
pub mod forecast;
pub(crate) mod history;
pub(crate) mod lint;
mod plan;
pub mod replay;
pub mod rollback;
pub mod task;
pub(crate) mod templates;
pub mod tools;
