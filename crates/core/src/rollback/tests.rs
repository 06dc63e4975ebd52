//! Every decision as a named row.

mod decision;
mod handover;
mod kinds;
mod laws;
mod marks;
mod past;
mod patch;
mod preflight;
mod release;
mod risks;
mod unblock;
