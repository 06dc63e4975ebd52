//! Every decision as a named row.

mod approval;
mod batch;
mod decision;
mod execution;
mod helm;
mod helps;
mod history;
mod kinds;
mod laws;
mod marks;
mod past;
mod patch;
mod preflight;
mod preparation;
mod refusals;
mod selected;
mod stuck_pods;
mod workload;
