//! The measurements of the comparisons with other tools. The trials on the real cluster write them as
//! JSON, and `cargo xtask bench-verdict`, `bench-rollback`, `bench-field`, `bench-start`,
//! `bench-traffic` and `bench-scale` make pages of it.

pub mod fields;
pub mod predictions;
pub mod rollbacks;
pub mod scale;
pub mod starts;
pub mod traffic;
pub mod verdicts;
