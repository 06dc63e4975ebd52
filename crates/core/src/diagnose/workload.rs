//! What the workload itself says.

use super::{Candidate, Case};
use crate::finding::{Finding, FindingCode, Subject};
use crate::progress;
use crate::snapshot::{created, name_of};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let spec = case.workload.spec.as_ref();
    let subject = || Subject::new("Deployment", name_of(&case.workload.metadata));
    let mut found = Vec::new();
    if spec.and_then(|spec| spec.paused) == Some(true) && progress::complete(case.workload).is_err()
    {
        let conditions = case
            .workload
            .status
            .as_ref()
            .and_then(|it| it.conditions.as_ref());
        let since = conditions
            .and_then(|all| {
                all.iter()
                    .find(|it| it.reason.as_deref() == Some("DeploymentPaused"))
            })
            .and_then(|it| it.last_update_time.as_ref().map(|time| time.0))
            .or_else(|| created(&case.workload.metadata));
        let finding = Finding::new(FindingCode::Paused, subject(), since.unwrap_or(case.now))
            .message("the Deployment is paused, so its new revision is not rolled out")
            .remedy(format!(
                "kubectl rollout resume deployment/{}",
                name_of(&case.workload.metadata)
            ));
        found.push(finding.into());
    }
    if spec.and_then(|spec| spec.replicas) == Some(0) {
        let finding = Finding::new(FindingCode::NothingToVerify, subject(), case.now)
            .message(format!(
                "Deployment \"{}\" has 0 replicas: the rollout is complete, but nothing was verified",
                name_of(&case.workload.metadata)
            ))
            .remedy("scale it up and check again");
        found.push(finding.into());
    }
    found
}
