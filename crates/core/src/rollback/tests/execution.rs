//! The steps of an execution: named rows, the laws, and replays.

mod laws;
mod model;
mod outcomes;
mod patching;
mod patience;
mod replay;
mod stuck;
mod words;
