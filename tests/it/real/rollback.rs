//! Rollbacks on the real cluster: a table of cases, each with the state that it must end in.
//!
//! A case tells a story up to a bad update, then what is asked for and what goes wrong in between. In
//! a test the real binary is asked; in a comparison `kubectl rollout undo` is asked the same of the
//! same story in a second namespace, and both are written down.

mod act;
mod case;
mod case_namespace;
mod cases;
mod left;
mod pipeline;
mod row;
mod tool;
mod trial;
mod workload_version;

pub(crate) use case::Case;
pub(crate) use row::lines;
pub(crate) use trial::ends;

/// Every case, in the order of the page.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    cases::FAMILIES.iter().flat_map(|family| family.iter())
}
