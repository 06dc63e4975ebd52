//! A case as a trial: the real binary's runs must be as expected.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use http::Method;
use kube::core::DynamicObject;
use rollguard_tests::cluster::with_namespace;
use serde_json::Value;

use super::act::{Acted, act, expect};
use super::case::{Also, Case};
use super::case_namespace::CaseNamespace;
use super::row::row;
use super::tool::Tool;
use super::workload_version::SECRET;
use super::{left::Left, pipeline};
use crate::{Stage, compares_rollbacks};

const MARK: &str = "rollguard.dev/last-known-good-";
const RESTORED: &str = "rollguard.dev/restored";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Tells the story, rolls back, and looks at what is left; in a comparison kubectl does so as well.
pub(crate) async fn ends(stage: Arc<Stage>, case: &'static Case) -> Result<()> {
    let kubectl = beside(&stage, case).await?;
    let cluster = stage.cluster()?;
    with_namespace(cluster, case.name, async |client, name| {
        let namespace = CaseNamespace {
            cluster: Arc::clone(cluster),
            client,
            name,
            case,
        };
        let acted = tell(&namespace, Tool::Rollguard).await?;
        stage.keep_rollback(row(case, kubectl.as_ref(), &acted));
        for (number, (run, done)) in case.runs.iter().zip(&acted.done).enumerate() {
            expect(run, &acted.before, done)
                .map_err(|wrong| anyhow!("run {}: {wrong}", number + 1))?;
        }
        for also in case.also {
            holds(*also, &namespace, &acted)
                .await
                .with_context(|| format!("{also:?} does not hold"))?;
        }
        Ok(())
    })
    .await
}

/// The same by kubectl; what comes of it is written down and not judged.
async fn beside(stage: &Stage, case: &'static Case) -> Result<Option<Acted>> {
    if !compares_rollbacks() {
        return Ok(None);
    }
    let cluster = stage.cluster()?;
    let mut acted = None;
    let name = format!("{}-k", case.name);
    with_namespace(cluster, &name, async |client, name| {
        let namespace = CaseNamespace {
            cluster: Arc::clone(cluster),
            client,
            name,
            case,
        };
        acted = Some(tell(&namespace, Tool::Kubectl).await?);
        Ok(())
    })
    .await?;
    Ok(acted)
}

/// The story, the check where one hands over, what happens in between, and the runs.
async fn tell(namespace: &CaseNamespace, tool: Tool) -> Result<Acted> {
    let case = namespace.case;
    namespace.carry_out(case.story).await?;
    let handed = if case.approved && tool == Tool::Rollguard {
        let workloads = case.workloads();
        let handed = pipeline::check(&namespace.cluster, &namespace.name, &workloads).await?;
        let text = std::fs::read_to_string(handed.evidence.path())?;
        ensure!(!text.contains(SECRET), "a secret value in {text}");
        ensure!(
            !handed.ran.all().contains(SECRET),
            "a secret value in: {}",
            handed.ran.all()
        );
        Some(handed)
    } else {
        None
    };
    namespace.carry_out(case.meanwhile).await?;
    act(
        namespace,
        tool,
        handed.as_ref().map(|it| it.evidence.path()),
    )
    .await
}

async fn holds(also: Also, namespace: &CaseNamespace, acted: &Acted) -> Result<()> {
    let left = namespace.left().await?;
    match also {
        Also::PodsStayed => pods_stayed(&acted.before, &left),
        Also::Annotated => annotated(namespace, &left).await,
        Also::Marked => marked(&namespace.revision(left.version()).await?),
        Also::DeletedOneByOne => deleted_one_by_one(acted),
        Also::Replicas(wanted) => {
            ensure!(left.spec["replicas"] == wanted, "{}", left.spec["replicas"]);
            Ok(())
        }
        Also::Beside(workload, version) => {
            let left = namespace.left_of(workload).await?;
            ensure!(left.version() == version, "{}", left.says());
            Ok(())
        }
    }
}

fn pods_stayed(before: &Left, left: &Left) -> Result<()> {
    let good = before.pods.iter().filter(|pod| pod.ready);
    let mut good = good.filter(|pod| pod.version == left.version()).peekable();
    ensure!(good.peek().is_some(), "no pod served before: {before:?}");
    for pod in good {
        ensure!(left.pods.contains(pod), "{pod:?} is gone: {left:?}");
    }
    Ok(())
}

/// Returns what a rollback writes beside the template.
async fn annotated(namespace: &CaseNamespace, left: &Left) -> Result<()> {
    let target = namespace.revision(left.version()).await?;
    let causes = target.metadata.annotations.as_ref();
    let cause = causes.and_then(|it| it.get(CHANGE_CAUSE));
    let cause = cause.context("no cause")?;
    ensure!(
        cause.starts_with("rollguard: rolled back to revision 1 by "),
        "{cause}"
    );
    let inherited = left.annotations.get(CHANGE_CAUSE);
    ensure!(inherited.is_none(), "later revisions inherit {inherited:?}");
    let restored = left.annotations.get(RESTORED).context("not restored")?;
    let restored: Value = serde_json::from_str(restored)?;
    ensure!(
        restored["version"] == 1 && Some(&restored["uid"]) == uid(&target).as_ref(),
        "{restored}"
    );
    let from = restored["from"].as_str().unwrap_or_default();
    ensure!(
        !from.is_empty() && restored["run"].is_string() && restored["from"] != restored["uid"],
        "{restored}"
    );
    Ok(())
}

/// The mark of a revision that was seen healthy.
fn marked(revision: &DynamicObject) -> Result<()> {
    let annotations = revision.metadata.annotations.as_ref();
    let own = revision.metadata.uid.as_deref().unwrap_or_default();
    let mark = annotations.and_then(|it| it.get(&format!("{MARK}{own}")));
    let mark = mark.context("no mark")?;
    let mark: Value = serde_json::from_str(mark)?;
    ensure!(
        mark["version"] == 1 && Some(&mark["uid"]) == uid(revision).as_ref(),
        "{mark}"
    );
    let images = mark["images"]["app"].as_array();
    ensure!(images.is_some_and(|it| it.len() == 1), "{mark}");
    ensure!(
        mark["verifiedAt"].is_string() && mark["run"].is_string(),
        "{mark}"
    );
    Ok(())
}

fn uid(object: &DynamicObject) -> Option<Value> {
    object.metadata.uid.clone().map(Value::from)
}

/// None after it was replaced, none by force, each under the precondition that it is still this one. A
/// deletion whose precondition failed is asked for again, of the same pod. That one is there again
/// before the next goes, the controller and the states in between show.
fn deleted_one_by_one(acted: &Acted) -> Result<()> {
    let deletions = acted.writes.iter();
    let deletions = deletions.filter(|it| it.parts.method == Method::DELETE);
    let mut seen: Vec<(&str, Value)> = Vec::new();
    for deletion in deletions {
        let path = deletion.parts.uri.path();
        let options: Value = serde_json::from_slice(&deletion.body)?;
        let preconditions = &options["preconditions"];
        let uid = &preconditions["uid"];
        if seen.iter().any(|(it, other)| *it == path && other != uid) {
            bail!("{path} was deleted twice");
        }
        ensure!(
            uid.is_string() && preconditions["resourceVersion"].is_string(),
            "{path} was deleted without a precondition: {options}"
        );
        ensure!(options["gracePeriodSeconds"] != 0, "{path} was forced");
        seen.push((path, uid.clone()));
    }
    ensure!(!seen.is_empty(), "no pod was deleted");
    Ok(())
}
