//! Judges manifests before they are applied: ten practices, Pod Security levels, the arithmetic of probes.
//!
//! Pure: texts come in as arguments, with the day on which exemptions hold. [`judge`] judges one text, [`Run`] collects
//! those of a whole call, [`report`] renders them.

mod admission;
mod aks;
mod alias;
mod api_version;
mod baseline;
mod code;
pub mod config;
mod edit;
mod exemption;
mod field;
mod finding;
mod fix;
mod image;
mod judge;
mod level;
mod manifest;
mod parsed;
mod pod;
mod practice;
mod probe;
pub mod report;
mod run;
mod secret;
mod service;
mod severity;
mod suggestion;
mod types;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use baseline::{Baseline, BaselineError};
pub use code::{LintCode, PRACTICES};
pub use config::{Config, FailOn};
pub use edit::Edit;
pub use exemption::EXEMPT;
pub use finding::{Finding, ObjectName, Suppression};
pub use fix::{Applied, Fixed, fix, unified_diff};
pub use judge::{ClusterDefaults, Judgement, MAX_FINDINGS, Rules, judge};
pub use level::{KubernetesVersion, Level};
pub use parsed::{Parsed, parsed};
pub use run::{LintedFile, Located, Problem, Report, Run, Source, Summary};
pub use severity::Severity;
pub use suggestion::suggestion;
