//! Answers of the pods and of their Service through the API server's proxy: each refusal or wrong answer, and
//! the same that heals.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::finding::FindingCode;
use rollguard_core::http::HttpCheck;
use rollguard_sandbox::{Answer, Script};

use super::super::test_cluster::{TestCluster, as_error, check_of, web, workload};
use super::{STABLE_FOR, TIMEOUT, codes};
use crate::trial;

/// A Service before pods of v2 whose answers are scripted.
struct Case {
    says: &'static str,
    /// The number of the pods' port that the Service leads to.
    target: u16,
    /// The port that the readiness probe of v2 asks; that of v1 asks 8080.
    probed: u16,
    checks: &'static [&'static str],
    /// From so many seconds after the pod's creation on, port and answer.
    answers: fn() -> Vec<(u64, u16, Answer)>,
    /// The code of the failure; none for what heals.
    fails: Option<FindingCode>,
}

const CHECKS: &[&str] = &["/:8080=200~^ok$", "service/web/:80=200~^ok$"];

const CASES: &[Case] = &[
    Case {
        says: "the port that the Service leads to refuses connections",
        target: 8080,
        probed: 9090,
        checks: &[],
        answers: || vec![(0, 8080, Answer::refused())],
        fails: Some(FindingCode::NoPodListens),
    },
    Case {
        says: "the port that the Service leads to opens twenty seconds later",
        target: 8080,
        probed: 9090,
        checks: &[],
        answers: || {
            vec![
                (0, 8080, Answer::refused()),
                (20, 8080, Answer::new(200, "ok")),
            ]
        },
        fails: None,
    },
    Case {
        says: "the port that the Service leads to speaks another protocol",
        target: 8080,
        probed: 9090,
        checks: &[],
        answers: || {
            vec![(
                0,
                8080,
                Answer::unreachable("read: connection reset by peer"),
            )]
        },
        fails: None,
    },
    Case {
        says: "the Service answers otherwise than the pods",
        target: 9090,
        probed: 8080,
        checks: CHECKS,
        answers: || vec![(0, 9090, Answer::new(200, "an old page"))],
        fails: Some(FindingCode::ServiceCheckFailing),
    },
    Case {
        says: "the Service answers otherwise than the pods for fifteen seconds",
        target: 9090,
        probed: 8080,
        checks: CHECKS,
        answers: || {
            vec![
                (0, 9090, Answer::new(200, "an old page")),
                (15, 9090, Answer::new(200, "ok")),
            ]
        },
        fails: None,
    },
];

pub(super) fn trials() -> impl Iterator<Item = Trial> {
    CASES.iter().map(|case| {
        let ends = if case.fails.is_some() {
            "fails"
        } else {
            "heals"
        };
        trial(format!("{} {ends}", case.says), move || ends_as(case))
    })
}

async fn ends_as(case: &'static Case) -> Result<()> {
    let script = (case.answers)().into_iter();
    let script = script.fold(Script::healthy(), |script, (seconds, port, answer)| {
        script.answering_after(Duration::from_secs(seconds), &format!("{port}/*"), answer)
    });
    let cluster = TestCluster::where_v2(script).await?;
    let service = super::service("app: web").replace("8080", &case.target.to_string());
    cluster.apply(&service).await?;
    let v2 = web("v2").replace("8080", &case.probed.to_string());
    cluster.apply(&v2).await?;
    let checks = case.checks.iter().map(|it| HttpCheck::parse(it));
    let inputs = CheckInputs {
        http: checks.collect::<Result<_, _>>()?,
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    };
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    let (sentence, codes) = (&checked.report.sentence, codes(&checked));
    match case.fails {
        Some(code) => {
            ensure!(checked.outcome == Outcome::Failed, "{sentence}");
            ensure!(codes.first() == Some(&code), "{codes:?}: {sentence}");
        }
        None => ensure!(
            checked.outcome == Outcome::Succeeded,
            "{codes:?}: {sentence}"
        ),
    }
    Ok(())
}
