//! Pods that are ready but do not answer as the user expects.

use super::{Candidate, Case};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::http::HttpCheck;
use crate::observation::Answer;
use crate::snapshot::{Answers, PodView};

const REMEDY: &str = "request the same path of the pod (`kubectl port-forward`), and let the readiness \
                      probe ask for what the check asks";

/// The check comes from the control plane, the readiness probe from the pod's own node.
const WAY: &str = "; the check comes by way of the API server: see that it listens on that port of the \
                   pod's address, that no NetworkPolicy shuts the control plane out and, on AKS, that \
                   the konnectivity-agent pods in kube-system are well";

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let ready = case.pods.iter().filter(|pod| pod.ready_since().is_some());
    ready
        .filter_map(|pod| {
            let mut checks = case.policy.http.iter().enumerate();
            checks.find_map(|(index, check)| one(pod, check, index))
        })
        .map(Candidate::from)
        .collect()
}

fn one(pod: &PodView<'_>, check: &HttpCheck, index: usize) -> Option<Finding> {
    let answers = pod.snapshot().answers(pod.uid(), index)?;
    if answers.ready_since() != pod.ready_since() {
        return None;
    }
    let (_, newest) = answers.newest()?;
    let mut remedy = REMEDY.to_owned();
    let (what, words) = match newest {
        Answer::Came { answer } => (check.judge(answer).err()?, answer.body.as_str()),
        Answer::Failed { message } => {
            remedy += WAY;
            ("it does not answer".to_owned(), message.as_str())
        }
    };
    Some(finding(pod, check, answers, (what, words)).remedy(remedy))
}

fn finding(
    pod: &PodView<'_>,
    check: &HttpCheck,
    answers: &Answers,
    (what, words): (String, &str),
) -> Finding {
    let since = answers.first().unwrap_or_default();
    let finding = Finding::new(
        FindingCode::HttpCheckFailing,
        Subject::new("Pod", pod.name()),
        since,
    )
    .attempts(answers.times())
    .message(format!(
        "pods are ready, but HTTP check `{check}` fails: {what}"
    ));
    if words.is_empty() {
        finding
    } else {
        finding.evidence(EvidenceKind::HttpAnswer, words)
    }
}
