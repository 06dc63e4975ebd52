//! The cases beside kubectl, kubedog and Helm, in the same run.
//!
//! kubectl and kubedog follow the same update at the same time. Helm applies the objects itself, as a chart,
//! so that it gets a namespace of its own.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::traffic::{Measured, Row, Stable};
use rollguard_measured::verdicts::Judgement;
use rollguard_tests::cluster::{ADMIN_TOKEN, client_without_retry, with_namespace};
use rollguard_tests::counting::Counting;
use rollguard_tests::lagging::Lagging;
use rollguard_tests::product::{Ran, Rollguard, build};
use rollguard_tests::said::{first, has_word};

use super::cases::{self, Case};
use super::{Place, codes};
use crate::Stage;
use crate::peers::helm::Release;
use crate::peers::{Peer, Update};

/// The timeout of every tool, in seconds.
const TIMEOUT: u64 = 120;
/// Between v1 and its update under Helm: an update while pods still end would wait for them.
const SETTLE: Duration = Duration::from_secs(2);

/// Has every tool follow the update.
pub(super) async fn compared(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let cluster = stage.cluster()?;
    let mut ran = None;
    let mut told = None;
    with_namespace(cluster, case.name, async |client, namespace| {
        let place = Place {
            cluster,
            client,
            namespace: &namespace,
            case,
        };
        place.has_v1().await?;
        let lagging = place.lagging().await?;
        let lagging = lagging.as_ref();
        place.is_updated().await?;
        let peer = async |peer: Peer| {
            let update = Update {
                namespace: &namespace,
                kind: case.v2.kind,
                timeout: TIMEOUT,
                sign: case.sign,
            };
            peer.follows(cluster, update).await
        };
        let (ours, without, kubectl, kubedog, ()) = tokio::try_join!(
            place.judged(lagging, &[]),
            place.judged(None, &["--no-traffic"]),
            peer(Peer::Kubectl),
            peer(Peer::Kubedog),
            place.repairs(),
        )?;
        ran = Some(ours.0);
        told = Some((ours.1, without.1, kubectl, kubedog));
        Ok(())
    })
    .await?;
    let mut helm = None;
    with_namespace(cluster, case.name, async |client, namespace| {
        let place = Place {
            cluster,
            client,
            namespace: &namespace,
            case,
        };
        helm = Some(place.released().await?);
        Ok(())
    })
    .await?;
    if let (Some((rollguard, without, kubectl, kubedog)), Some(helm)) = (told, helm) {
        stage.keep_traffic(Row {
            case: case.name.to_owned(),
            says: case.says.to_owned(),
            is_fault: case.is_fault,
            code: case.code().or_else(|| case.note()).map(str::to_owned),
            decides: case.decides(),
            sign: case.sign.to_owned(),
            rollguard,
            without,
            kubectl,
            kubedog,
            helm,
        });
    }
    ran.map_or(Ok(()), |it| case.is_right(&it))
}

impl Place<'_> {
    /// Checks the update and counts what that asks of the API server, unless it goes through a proxy that
    /// lags.
    async fn judged(&self, lagging: Option<&Lagging>, more: &[&str]) -> Result<(Ran, Judgement)> {
        let once = client_without_retry(&self.cluster.kubeconfig_for(ADMIN_TOKEN)).await?;
        let counting = Counting::start(once).await?;
        let kubeconfig = lagging.map_or(counting.kubeconfig(), Lagging::kubeconfig);
        let rollguard = Rollguard::new(kubeconfig)?;
        let started = Instant::now();
        let timeout = format!("{TIMEOUT}s");
        let more = [more, &["--timeout", timeout.as_str()]].concat();
        let ran = self.check(&rollguard, &more).await?;
        let seconds = started.elapsed().as_secs_f64();
        let report = ran.json()?;
        let expected = self.case.code();
        let named = expected.is_some_and(|it| codes(&report).contains(&it));
        let cause = expected.and_then(|code| first(&ran.said, |line| has_word(line, code)));
        let verdict = report["verdict"].as_str().and_then(VerdictKind::parse);
        let judgement = Judgement {
            verdict: verdict.unwrap_or(VerdictKind::Undetermined),
            named,
            cause_seconds: cause.map(|it| it.as_secs_f64()).filter(|_| named),
            seconds,
            load: lagging.is_none().then(|| counting.load()),
        };
        Ok((ran, judgement))
    }

    /// Lives through the case as a release of Helm.
    async fn released(&self) -> Result<Judgement> {
        let Case {
            objects,
            changes,
            v1,
            v2,
            ..
        } = self.case;
        let release = Release::new(self.cluster, self.namespace)?;
        let before = documents(objects, &v1.workload(1));
        let installed = release.becomes(&before, TIMEOUT, "").await?;
        ensure!(
            installed.verdict == VerdictKind::Succeeded,
            "v1 was not installed by Helm"
        );
        tokio::time::sleep(SETTLE).await;
        // What the update changes takes the place of the object that it has the name of.
        let kept = objects.iter().filter(|it| {
            let mut changed = changes.iter();
            changed.all(|change| head(change) != head(it))
        });
        let all: Vec<&str> = kept.chain(changes.iter()).copied().collect();
        let after = documents(&all, &v2.workload(2));
        let upgrade = release.becomes(&after, TIMEOUT, self.case.sign);
        let (judgement, ()) = tokio::try_join!(upgrade, self.repairs())?;
        Ok(judgement)
    }
}

/// The lines of an object that name it.
fn head(object: &str) -> Vec<&str> {
    object.lines().take(3).collect()
}

fn documents(objects: &[&str], workload: &str) -> String {
    let all: Vec<&str> = objects.iter().copied().chain([workload]).collect();
    all.join("---\n")
}

/// All rows, in the order of the cases.
pub(crate) fn measured(kubernetes: String, mut rows: Vec<Row>, stable: Stable) -> Measured {
    let place = |name: &str| cases::all().position(|it| it.name == name);
    rows.sort_by_key(|row| place(&row.case));
    Measured {
        kubernetes,
        build: build().to_owned(),
        cases: cases::all().count(),
        rows,
        stable,
    }
}

/// One line for each case.
pub(crate) fn lines(measured: &Measured) -> String {
    let mut lines = String::new();
    for row in &measured.rows {
        let all = [&row.rollguard, &row.kubectl, &row.helm, &row.kubedog];
        let all = all.map(|it| format!("{} {:.1} s", it.verdict, it.seconds));
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}: {}", row.case, all.join(", "));
    }
    lines
}
