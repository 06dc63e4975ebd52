//! Which pipeline run this is, for people: it goes into the change cause of a rollback.

use crate::env::{self, AgentEnv};
use crate::text::neutralise;

/// The pipeline run that a task belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The pipeline's name.
    pub pipeline: Option<String>,
    /// The run's number, as the pipeline formats it.
    pub number: String,
    /// Where to look at it.
    pub url: Option<String>,
}

impl Run {
    /// Reads the run; `None` outside a pipeline.
    #[must_use]
    pub fn from_env(env: &AgentEnv) -> Option<Self> {
        let number = neutralise(env.get(&env::BUILD_NUMBER)?);
        Some(Self {
            pipeline: env.get(&env::DEFINITION_NAME).map(neutralise),
            number,
            url: url(env),
        })
    }
}

/// The address of the run's page, in the form of the agent's `Build.BuildUri` links.
fn url(env: &AgentEnv) -> Option<String> {
    let collection = env.get(&env::COLLECTION_URI)?.trim_end_matches('/');
    let project = env.get(&env::PROJECT)?.replace(' ', "%20");
    let build = env.get(&env::BUILD_ID)?;
    let address = format!("{collection}/{project}/_build/results?buildId={build}");
    Some(neutralise(&address))
}

impl std::fmt::Display for Run {
    /// `pipeline "shop", run 20261121.3, https://…`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(pipeline) = &self.pipeline {
            write!(f, "pipeline \"{pipeline}\", ")?;
        }
        write!(f, "run {}", self.number)?;
        if let Some(url) = &self.url {
            write!(f, ", {url}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_with_pipeline_number_and_link() {
        let run = Run::from_env(&AgentEnv::from_pairs([
            ("BUILD_BUILDNUMBER", "20261121.3"),
            ("BUILD_DEFINITIONNAME", "shop"),
            ("BUILD_BUILDID", "77"),
            (
                "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
                "https://dev.azure.com/contoso/",
            ),
            ("SYSTEM_TEAMPROJECT", "web shop"),
        ]))
        .unwrap();
        assert_eq!(
            run.to_string(),
            "pipeline \"shop\", run 20261121.3, \
             https://dev.azure.com/contoso/web%20shop/_build/results?buildId=77"
        );
    }

    #[test]
    fn outside_a_pipeline_there_is_no_run() {
        assert_eq!(Run::from_env(&AgentEnv::default()), None);
    }

    #[test]
    fn a_hostile_pipeline_name_stays_text() {
        let run = Run::from_env(&AgentEnv::from_pairs([
            ("BUILD_BUILDNUMBER", "1"),
            (
                "BUILD_DEFINITIONNAME",
                "x\n##vso[task.complete result=Skipped]",
            ),
        ]))
        .unwrap();
        assert_eq!(
            run.to_string(),
            "pipeline \"x⏎**vso[task.complete result=Skipped]\", run 1"
        );
    }
}
