//! Counts in, "complete" or a typed reason why not out; one file per kind.

mod deployment;

pub use deployment::complete;
pub(crate) use deployment::desired;
