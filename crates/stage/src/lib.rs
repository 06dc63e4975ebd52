//! Reads stage templates of Azure Pipelines and walks their jobs without Azure DevOps.
//!
//! [`Template::parse`] reads the YAML, [`Template::expand`] fills in the parameters, [`run_stage`]
//! walks the jobs by `dependsOn` and `condition` ([`run_pipeline`] the stages, too) and hands each task to a [`StepRunner`]. Everything
//! but the runner is pure. What this crate does not know is an error that says where and what.

mod catalog;
mod error;
mod expression;
mod model;
mod rehearsal;
mod report;
mod runner;
mod shipped;
mod template;
mod walk;

pub use catalog::{CATALOG_SCHEMA_VERSION, Catalog, CatalogEntry, CatalogParameter, Exported};
pub use error::{Problem, TemplateError};
pub use expression::{Expression, ExpressionError, Function, Scope, StatusFunction, Value};
pub use model::{Job, Pool, Stage, TaskStep, Variable, VariableValue};
pub use rehearsal::{REHEARSAL_SCHEMA_VERSION, RehearsalReport, Rehearsed, RehearsedStep};
pub use report::{JobReport, JobResult, SkipReason, StageReport};
pub use rollguard_agent::TaskResult;
pub use runner::{ResolvedTask, StageEvent, StepOutcome, StepRunner};
pub use shipped::{SHIPPED, STAGE_PATH, shipped, shipped_stage};
pub use template::{Parameter, ParameterType, Template};
pub use walk::{run_pipeline, run_stage};
