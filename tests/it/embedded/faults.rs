//! Faults of the network and the API server during a check, and the verdicts that must not follow.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::http::HttpCheck;
use rollguard_core::report::Proposal;
use rollguard_sandbox::{Answer as PodAnswer, ApiFailure, Fault, Faults, Requests, Script, Verb};
use tokio::time::sleep;

use super::test_cluster::{TestCluster, as_error, check_of, workload};
use crate::trial;

/// The timeout of every check.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a complete rollout must stay so.
const STABLE_FOR: Duration = Duration::from_secs(10);
/// When the trouble begins, after the update.
const TROUBLE: Duration = Duration::from_secs(3);
/// How long a start takes that must be waited for through the trouble.
const SLOW: Duration = Duration::from_secs(35);

/// One trial per fault.
pub(crate) fn trials() -> Vec<Trial> {
    [
        trial(
            "a dropped watch does not hide that v2 heals",
            dropped_then_healed,
        ),
        trial(
            "a dropped watch does not hide that v2 fails",
            dropped_then_failed,
        ),
        trial(
            "a forgotten history (410) does not hide that v2 heals",
            expired_then_healed,
        ),
        trial(
            "a forgotten history (410) does not hide that v2 fails",
            expired_then_failed,
        ),
        trial(
            "stalled watches do not hide that v2 fails",
            stalled_then_failed,
        ),
        trial(
            "who may not see events sees that v2 heals",
            no_events_and_healed,
        ),
        trial(
            "who may not see events sees that v2 fails",
            no_events_and_failed,
        ),
        trial(
            "who may not see the Deployment any more cannot tell",
            forbidden_midway,
        ),
        trial(
            "an API server that is away for 20 s is waited for",
            away_and_back,
        ),
        trial(
            "an API server that is away for 40 s leaves nothing to tell",
            away_for_long,
        ),
        trial(
            "an API server that fails for 20 s is waited for",
            failing_and_back,
        ),
        trial("a newer rollout during the check is not judged", superseded),
        trial(
            "a Deployment that is deleted during the check is not judged",
            deleted,
        ),
        trial(
            "credentials that expire during the check leave nothing to tell",
            expired_credentials,
        ),
        trial("a success that is out of date is not reported", stale_green),
        trial(
            "a missing right to ask pods is reported, and changes nothing else",
            may_not_ask,
        ),
        trial(
            "a failure that is deleted before the last look is not reported",
            deleted_at_the_end,
        ),
    ]
    .into_iter()
    .chain(gateways())
    .chain(last_looks())
    .collect()
}

fn gateways() -> [Trial; 5] {
    [
        trial(
            "a gateway that answers 502 to everything for 25 s says nothing about pods",
            gateway_and_back,
        ),
        trial(
            "a gateway that answers 502 for long leaves nothing to tell",
            gateway_for_long,
        ),
        trial("a pod that answers 503 itself fails", wrong_answers),
        trial(
            "a gateway's 404 does not say that the Deployment does not exist",
            gateway_without_a_route,
        ),
        trial(
            "reads that fail for some seconds at the start are repeated",
            first_reads_fail,
        ),
    ]
}

/// Every GET of the Deployment itself goes wrong, while its watch goes on.
fn last_looks() -> impl Iterator<Item = Trial> {
    [
        (
            "an error of the API server",
            Fault::Answer(ApiFailure::internal("etcdserver: request timed out")),
        ),
        (
            "an overload",
            Fault::Answer(ApiFailure::too_many_requests(1)),
        ),
        ("a missing permission", Fault::Forbid),
        (
            "expired credentials",
            Fault::Answer(ApiFailure::unauthorized()),
        ),
        ("silence", Fault::NeverAnswer),
        ("a broken connection", Fault::Disconnect),
    ]
    .into_iter()
    .flat_map(|(says, fault)| {
        let other = fault.clone();
        [
            trial(
                format!("a failure whose last look meets {says} stands"),
                async move || stands(&last_look(crashes(), fault).await?, "CrashAtStart"),
            ),
            trial(
                format!("a success whose last look meets {says} is not reported"),
                async move || undetermined(&last_look(Script::healthy(), other).await?),
            ),
        ]
    })
}

/// The target is not known then: the history cannot be read either.
fn stands(checked: &Checked, code: &str) -> Result<()> {
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Failed, "{report:#?}");
    ensure!(report.sentence.contains(code), "{}", report.sentence);
    ensure!(checked.approval().is_none(), "{report:#?}");
    let refused = matches!(report.rollback, Proposal::Refused { .. });
    ensure!(refused && report.offers_rollback, "{report:#?}");
    Ok(())
}

async fn last_look(script: Script, fault: Fault) -> Result<Checked> {
    let cluster = TestCluster::where_v2(script).await?;
    cluster.deploy("v2").await?;
    let trouble = async {
        // The check has found the Deployment by then.
        sleep(Duration::from_millis(500)).await;
        let gets = Requests::all().verb(Verb::Get).resource("deployments");
        cluster.faults().inject(gets, fault);
    };
    let (checked, ()) = tokio::join!(cluster.check(TIMEOUT), trouble);
    checked.map_err(as_error)
}

/// Its watch says nothing any more.
async fn deleted_at_the_end() -> Result<()> {
    let cluster = TestCluster::where_v2(crashes()).await?;
    cluster.deploy("v2").await?;
    let gone = async {
        sleep(TROUBLE).await;
        let deployments = Requests::all().resource("deployments");
        cluster.faults().stall_watches(deployments);
        cluster.delete().await
    };
    let (checked, gone) = tokio::join!(cluster.check(TIMEOUT), gone);
    gone?;
    undetermined(&checked.map_err(as_error)?)
}

async fn may_not_ask() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    cluster.deploy("v2").await?;
    cluster.faults().forbid(Verb::Get, "pods/proxy");
    let inputs = CheckInputs {
        http: vec![HttpCheck::parse("/healthz")?],
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    };
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    undetermined(&checked)?;
    let sentence = &checked.report.sentence;
    ensure!(sentence.contains("pods/proxy"), "{sentence}");
    Ok(())
}

/// A check of v2 over HTTP, while something in between answers to everything for so many seconds.
async fn behind_gateway(script: Script, (code, seconds): (u16, u64)) -> Result<Checked> {
    let cluster = TestCluster::where_v2(script).await?;
    cluster.deploy("v2").await?;
    let faults = cluster.faults();
    let trouble = async {
        sleep(TROUBLE).await;
        faults.inject(Requests::all(), Fault::Page(code));
        faults.drop_watches(&Requests::all());
        sleep(Duration::from_secs(seconds)).await;
        faults.clear();
    };
    let inputs = CheckInputs {
        http: vec![HttpCheck::parse("/healthz")?],
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    };
    let (checked, ()) = tokio::join!(cluster.check_as(&inputs), trouble);
    checked.map_err(as_error)
}

fn answers(status: u16) -> Script {
    Script::healthy().answering("/healthz", PodAnswer::new(status, ""))
}

async fn gateway_and_back() -> Result<()> {
    for code in [502, 503, 404] {
        healed(&behind_gateway(answers(200), (code, 25)).await?)?;
    }
    Ok(())
}

async fn gateway_for_long() -> Result<()> {
    undetermined(&behind_gateway(answers(200), (502, 40)).await?)
}

async fn wrong_answers() -> Result<()> {
    failed(
        &behind_gateway(answers(503), (502, 5)).await?,
        "HttpCheckFailing",
    )
}

async fn gateway_without_a_route() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    let gets = || Requests::all().verb(Verb::Get).resource("deployments");
    cluster.faults().inject(gets(), Fault::Page(404));
    let Err(failure) = cluster.check(TIMEOUT).await else {
        bail!("checked without a route");
    };
    ensure!(failure.outcome == Outcome::Unreachable, "{failure:?}");
    cluster.faults().clear();
    undetermined(&last_look(Script::healthy(), Fault::Page(404)).await?)?;
    stands(
        &last_look(crashes(), Fault::Page(404)).await?,
        "CrashAtStart",
    )
}

async fn first_reads_fail() -> Result<()> {
    let faults = [
        Fault::Disconnect,
        Fault::Page(404),
        Fault::Page(502),
        Fault::Page(200),
        Fault::Answer(ApiFailure::internal("etcdserver: leader changed")),
    ];
    for fault in faults {
        let cluster = TestCluster::where_v2(Script::healthy()).await?;
        cluster.deploy("v2").await?;
        cluster.faults().inject_next(2, Requests::all(), fault);
        healed(&cluster.check(TIMEOUT).await.map_err(as_error)?)?;
    }
    Ok(())
}

/// A check of v2, which plays `script`, while `trouble` does its work.
async fn check_during<F>(script: Script, trouble: impl FnOnce(Faults) -> F) -> Result<Checked>
where
    F: Future<Output = ()>,
{
    let cluster = TestCluster::where_v2(script).await?;
    cluster.deploy("v2").await?;
    let faults = cluster.faults();
    let trouble = async {
        sleep(TROUBLE).await;
        trouble(faults).await;
    };
    let (checked, ()) = tokio::join!(cluster.check(TIMEOUT), trouble);
    checked.map_err(as_error)
}

fn healed(checked: &Checked) -> Result<()> {
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Succeeded, "{report:#?}");
    ensure!(checked.approval().is_none(), "{report:#?}");
    Ok(())
}

fn failed(checked: &Checked, code: &str) -> Result<()> {
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Failed, "{report:#?}");
    let first = report.findings.first().map(|it| it.code.to_string());
    ensure!(first.as_deref() == Some(code), "{report:#?}");
    ensure!(checked.approval().is_some(), "{report:#?}");
    Ok(())
}

fn undetermined(checked: &Checked) -> Result<()> {
    nothing_offered(checked, Outcome::Undetermined)
}

fn replaced(checked: &Checked) -> Result<()> {
    nothing_offered(checked, Outcome::Superseded)
}

/// Never a reason to roll back.
fn nothing_offered(checked: &Checked, outcome: Outcome) -> Result<()> {
    let report = &checked.report;
    ensure!(checked.outcome == outcome, "{report:#?}");
    ensure!(checked.approval().is_none(), "{report:#?}");
    ensure!(report.rollback == Proposal::None, "{report:#?}");
    Ok(())
}

fn heals() -> Script {
    Script::crashes_then_heals(2)
}

fn crashes() -> Script {
    Script::crash_at_start(&["no database"], 1)
}

/// Watches break a few times.
async fn drop_watches(faults: Faults) {
    for _ in 0..3 {
        faults.drop_watches(&Requests::all());
        sleep(Duration::from_secs(4)).await;
    }
}

async fn dropped_then_healed() -> Result<()> {
    healed(&check_during(heals(), drop_watches).await?)
}

async fn dropped_then_failed() -> Result<()> {
    failed(
        &check_during(crashes(), drop_watches).await?,
        "CrashAtStart",
    )
}

/// The `resourceVersion` from which a watch continues is no longer known.
async fn expire(faults: Faults) {
    faults.compact_history();
    faults.drop_watches(&Requests::all());
}

async fn expired_then_healed() -> Result<()> {
    healed(&check_during(heals(), expire).await?)
}

async fn expired_then_failed() -> Result<()> {
    failed(&check_during(crashes(), expire).await?, "CrashAtStart")
}

/// Open connections go dead; new ones work.
async fn stalled_then_failed() -> Result<()> {
    let stall = async |faults: Faults| {
        faults.stall_watches(Requests::all());
        sleep(Duration::from_secs(5)).await;
        faults.clear();
    };
    failed(&check_during(crashes(), stall).await?, "CrashAtStart")
}

async fn without_events(script: Script) -> Result<Checked> {
    let cluster = TestCluster::where_v2(script).await?;
    cluster.faults().forbid(Verb::List, "events");
    cluster.faults().forbid(Verb::Watch, "events");
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let blind = checked.report.blind_spots.iter();
    ensure!(
        blind.clone().any(|it| it.contains("events")),
        "{:?}",
        checked.report.blind_spots
    );
    Ok(checked)
}

async fn no_events_and_healed() -> Result<()> {
    healed(&without_events(heals()).await?)
}

async fn no_events_and_failed() -> Result<()> {
    failed(&without_events(crashes()).await?, "CrashAtStart")?;
    failed(
        &without_events(Script::image_not_found()).await?,
        "ImageNotFound",
    )
}

async fn forbidden_midway() -> Result<()> {
    let forbid = async |faults: Faults| {
        for verb in [Verb::Get, Verb::List, Verb::Watch] {
            faults.forbid(verb, "deployments");
        }
        faults.drop_watches(&Requests::all().resource("deployments"));
    };
    undetermined(&check_during(crashes(), forbid).await?)
}

/// No one reaches the API server for some time.
async fn away(faults: &Faults, seconds: u64) {
    faults.inject(Requests::all(), Fault::Disconnect);
    faults.drop_watches(&Requests::all());
    sleep(Duration::from_secs(seconds)).await;
    faults.clear();
}

async fn away_and_back() -> Result<()> {
    let trouble = async |faults: Faults| away(&faults, 20).await;
    healed(&check_during(Script::slow_start(SLOW), trouble).await?)?;
    failed(&check_during(crashes(), trouble).await?, "CrashAtStart")
}

async fn away_for_long() -> Result<()> {
    let trouble = async |faults: Faults| away(&faults, 40).await;
    undetermined(&check_during(Script::slow_start(SLOW), trouble).await?)?;
    undetermined(&check_during(crashes(), trouble).await?)
}

async fn failing_and_back() -> Result<()> {
    let trouble = async |faults: Faults| {
        let overloaded = ApiFailure::internal("etcdserver: request timed out");
        faults.inject(Requests::all(), Fault::Answer(overloaded));
        faults.drop_watches(&Requests::all());
        sleep(Duration::from_secs(20)).await;
        faults.clear();
    };
    healed(&check_during(Script::slow_start(SLOW), trouble).await?)
}

async fn superseded() -> Result<()> {
    let cluster = TestCluster::where_v2(crashes()).await?;
    cluster.deploy("v2").await?;
    let newer = async {
        sleep(TROUBLE).await;
        cluster.deploy("v3").await
    };
    let (checked, newer) = tokio::join!(cluster.check(TIMEOUT), newer);
    newer?;
    replaced(&checked.map_err(as_error)?)?;
    cluster.has("v3").await
}

async fn deleted() -> Result<()> {
    let cluster = TestCluster::where_v2(crashes()).await?;
    cluster.deploy("v2").await?;
    let gone = async {
        sleep(TROUBLE).await;
        cluster.delete().await
    };
    let (checked, gone) = tokio::join!(cluster.check(TIMEOUT), gone);
    gone?;
    undetermined(&checked.map_err(as_error)?)
}

async fn expired_credentials() -> Result<()> {
    let expire = async |faults: Faults| {
        let refused = Fault::Answer(ApiFailure::unauthorized());
        faults.inject(Requests::all(), refused);
        faults.drop_watches(&Requests::all());
    };
    undetermined(&check_during(crashes(), expire).await?)
}

/// Watches go dead while all is well, and then somebody deploys something bad.
async fn stale_green() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    cluster.deploy("v2").await?;
    let newer = async {
        sleep(TROUBLE).await;
        cluster.faults().stall_watches(Requests::all());
        cluster.deploy("v3").await
    };
    let (checked, newer) = tokio::join!(cluster.check(TIMEOUT), newer);
    newer?;
    replaced(&checked.map_err(as_error)?)
}
