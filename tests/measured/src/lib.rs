//! What the comparisons with other tools measure. The trials on the real cluster write it as JSON,
//! and `cargo xtask bench-verdict` and `bench-rollback` make pages of it.

pub mod rollbacks;
pub mod verdicts;
