//! Finds pods that are ready but do not answer HTTP checks as expected, by themselves or behind a Service.

use jiff::Timestamp;

use super::workload::is_complete;
use super::{Candidate, Case};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::http::HttpCheck;
use crate::observation::Answer;
use crate::snapshot::{Answers, PodView};

const REMEDY: &str = "request the same path from the pod (`kubectl port-forward`), and let the readiness probe make the same request as the check";

/// The check comes from the control plane, the readiness probe from the pod's own node.
const WAY: &str = "; the check goes through the API server: make sure that the pod listens on that port at its pod IP (not only on localhost), that no NetworkPolicy blocks the control plane and, on AKS, that the konnectivity-agent pods in kube-system are healthy";

/// Without any answer, the way to the pods of a Service may be closed as well.
const SERVICE_SILENCE: &str = "; the Service has never answered, not even by refusing a connection: a NetworkPolicy that blocks the control plane everywhere looks the same, so this alone never fails the check";

/// Without any answer, the way to the pod may be closed rather than the pod unhealthy.
const SILENCE: &str = "; no pod of this rollout has ever answered, not even by refusing a connection: a NetworkPolicy that blocks the control plane everywhere looks the same, so this alone never fails the check";

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    // While the rollout is in progress, peers that a pod depends on may still be missing.
    let early = case.policy.patience.check_under_way;
    let under_way = !is_complete(case);
    let ready = case.pods.iter().filter(|pod| pod.ready_since().is_some());
    ready
        .filter_map(|pod| {
            let checks = case.policy.http.iter().enumerate();
            let failing = checks.filter_map(|(index, check)| {
                let finding = one(case, pod, (index, check))?;
                Some((finding, check.service(), is_silent(case, check)))
            });
            // One that decides comes before one that is only silent.
            failing.min_by_key(|(_, _, silent)| *silent)
        })
        .map(|(mut finding, service, silent)| {
            if silent {
                finding.remedy += service.map_or(SILENCE, |_| SERVICE_SILENCE);
            }
            let rule = case.policy.rule(finding.code).filter(|_| under_way);
            Candidate {
                grace: rule.map(|rule| rule.grace.saturating_mul(early)),
                blocked: silent,
                ..Candidate::from(finding)
            }
        })
        .collect()
}

/// Returns whether what a check asks has never been reached: the pods of the rollout by themselves, or the
/// Service. A Service may lead to pods of others, so that its answers say nothing about these.
fn is_silent(case: &Case<'_>, failing: &HttpCheck) -> bool {
    let checks = case.policy.http.iter().enumerate();
    let mut same = checks.filter(|(_, check)| check.service() == failing.service());
    !same.any(|(index, _)| {
        let mut pods = case.pods.iter();
        pods.any(|pod| {
            let answers = case.snapshot.answers(pod.uid(), index);
            answers.is_some_and(Answers::reached)
        })
    })
}

fn one(case: &Case<'_>, pod: &PodView<'_>, (index, check): (usize, &HttpCheck)) -> Option<Finding> {
    let answers = pod.snapshot().answers(pod.uid(), index)?;
    if answers.ready_since() != pod.ready_since() {
        return None;
    }
    let (_, newest) = answers.newest()?;
    let (what, words, reached) = match newest {
        Answer::Came { answer } => (check.judge(answer).err()?, answer.body.as_str(), true),
        Answer::Failed { message } => ("it does not answer".to_owned(), message.as_str(), false),
    };
    let since = answers.first().unwrap_or_default();
    let finding = match check.service() {
        Some(service) => {
            let alone = answers_alone(case, pod, check);
            of_service(service, since, check, (&what, alone))
        }
        None => of_pod(pod, since, check, (&what, reached)),
    };
    let finding = finding.attempts(answers.times());
    Some(if words.is_empty() {
        finding
    } else {
        finding.evidence(EvidenceKind::HttpAnswer, words)
    })
}

fn of_pod(
    pod: &PodView<'_>,
    since: Timestamp,
    check: &HttpCheck,
    (what, reached): (&str, bool),
) -> Finding {
    let way = if reached { "" } else { WAY };
    Finding::new(
        FindingCode::HttpCheckFailing,
        Subject::new("Pod", pod.name()),
        since,
    )
    .message(format!(
        "pods are ready, but HTTP check `{check}`{} fails: {what}",
        chosen_port(pod, check)
    ))
    .remedy(format!("{REMEDY}{way}"))
}

fn of_service(
    service: &str,
    since: Timestamp,
    check: &HttpCheck,
    (what, pods_answer): (&str, bool),
) -> Finding {
    let pods = if pods_answer {
        "pods answer as expected by themselves"
    } else {
        "pods are ready"
    };
    Finding::new(
        FindingCode::ServiceCheckFailing,
        Subject::new("Service", service),
        since,
    )
    .message(format!("{pods}, but HTTP check `{check}` fails: {what}"))
    .remedy(format!(
        "compare the ports, the selector and the endpoints of Service `{service}` with the pods (`kubectl describe service {service}`), and name its port in the check if its ports have names"
    ))
}

/// Returns whether a pod passes the same request as the check of a Service, where both are asked for.
fn answers_alone(case: &Case<'_>, pod: &PodView<'_>, of_service: &HttpCheck) -> bool {
    let mut checks = case.policy.http.iter().enumerate();
    checks.any(|(index, check)| {
        let answers = pod.snapshot().answers(pod.uid(), index);
        let newest = answers.and_then(|it| it.newest());
        let passed =
            matches!(newest, Some((_, Answer::Came { answer })) if check.judge(answer).is_ok());
        check.service().is_none() && check.path() == of_service.path() && passed
    })
}

/// Returns which port was requested, if the check does not name one.
fn chosen_port(pod: &PodView<'_>, check: &HttpCheck) -> String {
    match (check.port(), check.port_of(pod.object())) {
        (None, Ok(Some(port))) => format!(" on port {port}"),
        (Some(_), _) | (None, Ok(None) | Err(_)) => String::new(),
    }
}
