//! Finds rollouts that are complete and that users do not reach, from the objects between them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::{Candidate, Case};
use crate::duration::after;
use crate::finding::{Finding, PodPort};
use crate::policy::Policy;
use crate::snapshot::{RevisionView, Rollout};
use crate::traffic::{
    Defect, NewPod, Serving, Situation, TriedPort, baseline, defects, ports_to_try, serving,
};

/// The newest answer about the ways to the pods of a complete rollout.
#[derive(Debug, Clone, Copy)]
pub struct WaysSeen<'a> {
    /// What is wrong.
    pub defects: &'a [Defect],
    /// When the answer came.
    pub answered_at: Timestamp,
    /// Since when, without a break, answers have shown that no way is left.
    pub lost_since: Option<Timestamp>,
}

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let Some(ways) = case.ways else {
        return Vec::new();
    };
    let found = ways.defects.iter();
    found.map(|defect| candidate(case, &ways, defect)).collect()
}

fn candidate(case: &Case<'_>, ways: &WaysSeen<'_>, defect: &Defect) -> Candidate {
    let lost = defect.code.keeps_users_away();
    let since = ways.lost_since.filter(|_| lost);
    let since = since.unwrap_or(ways.answered_at);
    let finding = Finding::new(defect.code, defect.subject.clone(), since)
        .message(&*defect.message)
        .remedy(&*defect.remedy);
    let rule = case.policy.rule(defect.code);
    let grace = rule.map_or(Duration::ZERO, |it| it.grace);
    // An answer must show it once more after the grace: the Service may have been applied since.
    let unconfirmed = ways.answered_at < after(since, grace);
    Candidate {
        blocked: lost && unconfirmed && case.now >= after(since, grace),
        ..Candidate::from(finding)
    }
}

/// The revisions that a new one is compared with.
#[derive(Debug, Clone, Default)]
pub struct Formers<'a> {
    /// Those that may have served, the most credible first.
    pub revisions: Vec<RevisionView<'a>>,
    /// Whether the first of them was rolled back.
    pub rolled_back: bool,
}

/// Finds what is wrong with the ways to the pods of a rollout, by the newest answer and by what is known of
/// the ports that were tried.
pub(crate) fn ways_to(
    rollout: &Rollout<'_>,
    formers: &Formers<'_>,
    tried: &[TriedPort],
    policy: &Policy,
) -> Vec<Defect> {
    let first = formers.revisions.first().filter(|_| formers.rolled_back);
    let rolled_back = first.and_then(RevisionView::created);
    let templates = formers.revisions.iter().filter_map(RevisionView::template);
    let templates: Vec<Cow<'_, PodTemplateSpec>> = templates.collect();
    situated(rollout, policy, |situation| {
        let former = baseline(situation.objects, &templates);
        defects(&Situation {
            former: templates.get(former).map(|it| &**it),
            rolled_back,
            tried,
            ..*situation
        })
    })
    .unwrap_or_default()
}

/// Returns the ports of the new pods that are to be tried.
pub(crate) fn ports_of(rollout: &Rollout<'_>, policy: &Policy) -> BTreeSet<PodPort> {
    situated(rollout, policy, ports_to_try).unwrap_or_default()
}

/// Returns how users reach the new pods of a rollout, by the newest answer.
pub(crate) fn serving_of(rollout: &Rollout<'_>, policy: &Policy) -> Option<Serving> {
    situated(rollout, policy, serving).flatten()
}

/// Looks at the situation of a rollout, without a former revision.
fn situated<T>(
    rollout: &Rollout<'_>,
    policy: &Policy,
    look: impl FnOnce(&Situation<'_>) -> T,
) -> Option<T> {
    let (at, objects) = rollout.snapshot().traffic()?;
    let workload = rollout.workload();
    let pods: Vec<NewPod> = rollout
        .new_pods()
        .iter()
        .map(|pod| {
            let since = pod.ready_since();
            let lag = policy.patience.endpoint_lag;
            NewPod {
                name: pod.name().to_owned(),
                uid: pod.uid().to_owned(),
                ready: since.is_some(),
                settled: since.is_some_and(|since| after(since, lag) <= at),
            }
        })
        .collect();
    Some(look(&Situation {
        objects,
        kind: workload.kind().as_str(),
        name: workload.name(),
        namespace: workload.metadata().namespace.as_deref().unwrap_or_default(),
        new: workload.template()?,
        former: None,
        rolled_back: None,
        pods: &pods,
        tried: &objects.tried,
        read_at: Some(at),
    }))
}
