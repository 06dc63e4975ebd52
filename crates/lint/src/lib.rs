//! Judges manifests before they are applied: ten practices, Pod Security levels, the arithmetic of probes.
//!
//! Pure: texts come in as arguments, with the day on which exemptions hold. [`judge`] judges one text, [`Run`] collects
//! those of a whole call, [`report`] renders them.

mod admission;
mod aks;
mod api_version;
mod baseline;
mod code;
pub mod config;
mod exemption;
mod finding;
mod image;
mod judge;
mod level;
mod manifest;
mod pod;
mod practice;
mod probe;
pub mod report;
mod run;
mod severity;
mod spot;
mod types;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use baseline::{Baseline, BaselineError};
pub use code::{LintCode, PRACTICES};
pub use config::{Config, FailOn};
pub use exemption::EXEMPT;
pub use finding::{Excuse, Finding, ObjectName};
pub use judge::{Judgement, MAX_FINDINGS, Rules, judge};
pub use level::{KubernetesVersion, Level};
pub use run::{LintedFile, Located, Problem, Report, Run, Source, Summary};
pub use severity::Severity;
