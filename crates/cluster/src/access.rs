//! The first look at the workloads, before anything else.
//!
//! A watch of a workload that does not exist is as silent as a watch of a healthy one: only a `get`
//! tells them apart.

use std::fmt::Debug;

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use rollguard_core::observation::{EndedRead, FreshRead, ResourceKind};
use rollguard_core::workload::{Workload, WorkloadKind, WorkloadRef};
use serde::de::DeserializeOwned;

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::list::{PAGES, turn};
use crate::patience::patiently;
use crate::request::{PAGE, READ_LIMIT, within};
use crate::typed::Typed;

mod cron_job;

pub use cron_job::latest_job;

/// How many other names a hint lists at most.
const NAMES: u32 = 20;
/// How many workloads are asked for at once.
const AT_ONCE: usize = 8;

/// The workload as it is now.
///
/// # Errors
/// Not found, saying whether the workload or its namespace is missing and what exists instead;
/// forbidden with the permission to grant; credentials; unreachable.
pub async fn find(client: &Client, workload: &WorkloadRef) -> Result<Workload> {
    let read = patiently(|| read(client, workload)).await;
    found(client, workload, read).await
}

/// Reads a workload once, for the recheck of a verdict, which repeats the read itself.
pub async fn reread(client: &Client, workload: WorkloadRef) -> EndedRead {
    let read = match read(client, &workload).await {
        Ok(object) => FreshRead::Found {
            object: Box::new(object),
        },
        Err(cause) if cause.is_missing(&workload.name) => FreshRead::NotFound,
        Err(cause) => FreshRead::Blind {
            why: cause.blindness(),
        },
    };
    EndedRead { workload, read }
}

async fn read(client: &Client, workload: &WorkloadRef) -> std::result::Result<Workload, Cause> {
    let WorkloadRef {
        namespace, name, ..
    } = workload;
    match workload.kind {
        WorkloadKind::Deployment => get(client, namespace, name)
            .await
            .map(|it| Workload::Deployment(Box::new(it))),
        WorkloadKind::StatefulSet => get(client, namespace, name)
            .await
            .map(|it| Workload::StatefulSet(Box::new(it))),
        WorkloadKind::DaemonSet => get(client, namespace, name)
            .await
            .map(|it| Workload::DaemonSet(Box::new(it))),
        WorkloadKind::Job => get(client, namespace, name)
            .await
            .map(|it| Workload::Job(Box::new(it))),
    }
}

async fn found(
    client: &Client,
    workload: &WorkloadRef,
    read: std::result::Result<Workload, Cause>,
) -> Result<Workload> {
    let WorkloadRef {
        namespace, name, ..
    } = workload;
    match read {
        Ok(found) => Ok(found),
        Err(cause) if cause.is_missing(name) => Err(missing(client, workload).await),
        Err(cause) => {
            let doing = format!("read {workload} in namespace `{namespace}`");
            let needed = Permission::to_look(namespace, Some(workload.kind));
            Err(ClusterError::new(doing, cause).needs(&needed))
        }
    }
}

/// All of these workloads, in their order.
///
/// # Errors
/// The first of the errors that [`find`] has.
pub async fn find_all(client: &Client, workloads: &[WorkloadRef]) -> Result<Vec<Workload>> {
    let each: Vec<_> = workloads
        .iter()
        .map(|workload| find(client, workload).boxed())
        .collect();
    stream::iter(each).buffered(AT_ONCE).try_collect().await
}

async fn get<K>(client: &Client, namespace: &str, name: &str) -> std::result::Result<K, Cause>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + DeserializeOwned + Debug,
{
    let api: Api<Typed<K>> = Api::namespaced(client.clone(), namespace);
    let found = within(READ_LIMIT, api.get(name)).await;
    found.map(|Typed(object)| object)
}

/// The workloads that a selector found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selected {
    /// The workloads, by kind and name.
    pub workloads: Vec<Workload>,
    /// Of which kinds nothing could be seen, and why: the selection may lack some.
    pub notes: Vec<String>,
    /// The kinds.
    pub unseen: Vec<WorkloadKind>,
}

/// The workloads with revisions whose own labels match a selector. That one kind may not be listed
/// does not keep the others from being followed; but a success is none then, as some may be left out.
///
/// # Errors
/// Not found when nothing matches; bad input when it is no selector; forbidden when no kind may be
/// listed; credentials; unreachable.
pub async fn select(client: &Client, namespace: &str, selector: &str) -> Result<Selected> {
    let found = with_revisions(client, namespace, selector).await;
    let about = Selection {
        client,
        namespace,
        selector,
        what: "Deployment, StatefulSet or DaemonSet",
    };
    selected(about, found.into()).await
}

/// The same, with the Jobs that match.
///
/// # Errors
/// As [`select`].
pub async fn select_with_jobs(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> Result<Selected> {
    let (found, jobs) = futures::join!(
        with_revisions(client, namespace, selector),
        matching(client, namespace, selector),
    );
    let mut found: Vec<Found> = found.into();
    let jobs = of_kind(jobs, |it| Workload::Job(Box::new(it)));
    found.push((WorkloadKind::Job, jobs));
    let about = Selection {
        client,
        namespace,
        selector,
        what: "Deployment, StatefulSet, DaemonSet or Job",
    };
    selected(about, found).await
}

/// The workloads of a kind, or why they were not listed.
type Found = (WorkloadKind, std::result::Result<Vec<Workload>, Cause>);

async fn with_revisions(client: &Client, namespace: &str, selector: &str) -> [Found; 3] {
    let (deployments, stateful_sets, daemon_sets) = futures::join!(
        matching(client, namespace, selector),
        matching(client, namespace, selector),
        matching(client, namespace, selector),
    );
    [
        (
            WorkloadKind::Deployment,
            of_kind(deployments, |it| Workload::Deployment(Box::new(it))),
        ),
        (
            WorkloadKind::StatefulSet,
            of_kind(stateful_sets, |it| Workload::StatefulSet(Box::new(it))),
        ),
        (
            WorkloadKind::DaemonSet,
            of_kind(daemon_sets, |it| Workload::DaemonSet(Box::new(it))),
        ),
    ]
}

/// A selection of workloads.
#[derive(Clone, Copy)]
struct Selection<'a> {
    client: &'a Client,
    namespace: &'a str,
    selector: &'a str,
    /// The kinds, for people.
    what: &'a str,
}

async fn selected(about: Selection<'_>, found: Vec<Found>) -> Result<Selected> {
    let Selection {
        namespace,
        selector,
        ..
    } = about;
    let kinds = found.len();
    let mut selected = Selected::default();
    let mut refusal = None;
    for (kind, found) in found {
        match found {
            Ok(found) => selected.workloads.extend(found),
            Err(cause @ Cause::Answer { code: 403, .. }) => {
                let plural = ResourceKind::of(kind).plural();
                selected.notes.push(format!(
                    "may not list {plural}, so none is selected: {cause}"
                ));
                selected.unseen.push(kind);
                refusal = Some(cause);
            }
            Err(cause) => return Err(not_listed(namespace, selector, cause)),
        }
    }
    match refusal {
        Some(cause) if selected.notes.len() == kinds => Err(not_listed(namespace, selector, cause)),
        _ if selected.workloads.is_empty() => Err(nothing(about, &selected.notes).await),
        _ => {
            selected.workloads.sort_by_key(Workload::reference);
            Ok(selected)
        }
    }
}

fn of_kind<K>(
    found: std::result::Result<Vec<K>, Cause>,
    wrap: impl Fn(K) -> Workload,
) -> std::result::Result<Vec<Workload>, Cause> {
    found.map(|all| all.into_iter().map(wrap).collect())
}

async fn matching<K>(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> std::result::Result<Vec<K>, Cause>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + DeserializeOwned + Debug,
{
    let api: Api<Typed<K>> = Api::namespaced(client.clone(), namespace);
    let mut params = ListParams::default().labels(selector).limit(PAGE);
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let page = patiently(|| within(READ_LIMIT, api.list(&params))).await?;
        all.extend(page.items.into_iter().map(|Typed(object)| object));
        if !turn(&mut params, page.metadata.continue_)? {
            return Ok(all);
        }
    }
    Err(Cause::Endless)
}

fn not_listed(namespace: &str, selector: &str, cause: Cause) -> ClusterError {
    let doing = format!("list the workloads with labels `{selector}` in namespace `{namespace}`");
    if let Cause::Answer {
        code: 400, message, ..
    } = &cause
    {
        let doing = format!("{doing}: {message}");
        return ClusterError::plain(ClusterErrorKind::BadInput, doing)
            .with_hint("write the selector as for `kubectl get -l`, such as `app=web`");
    }
    let needed = Permission::to_look(namespace, None);
    ClusterError::new(doing, cause).needs(&needed)
}

async fn nothing(about: Selection<'_>, notes: &[String]) -> ClusterError {
    let Selection {
        client,
        namespace,
        selector,
        what,
    } = about;
    if let Some(error) = no_namespace(client, namespace, "workloads").await {
        return error;
    }
    let doing =
        format!("find workloads: no {what} in namespace `{namespace}` has labels `{selector}`");
    let hint = match notes {
        [] => "the selector applies to the labels of the workloads themselves, not of their \
               pods: kubectl get deployments,statefulsets,daemonsets --show-labels"
            .to_owned(),
        notes => notes.join("; "),
    };
    ClusterError::plain(ClusterErrorKind::NotFound, doing).with_hint(hint)
}

/// The error for a namespace that does not exist. Whatever else cannot be seen (a namespace may not
/// be readable) changes nothing about the answer, only how much it says.
async fn no_namespace(client: &Client, namespace: &str, what: &str) -> Option<ClusterError> {
    let namespaces: Api<Typed<Namespace>> = Api::all(client.clone());
    let answer = within(READ_LIMIT, namespaces.get(namespace)).await;
    answer
        .is_err_and(|cause| cause.is_missing(namespace))
        .then(|| {
            ClusterError::plain(
                ClusterErrorKind::NotFound,
                format!("find {what}: namespace `{namespace}` does not exist"),
            )
            .with_hint("check the namespace and the cluster (--namespace, --context)")
        })
}

/// Says what is missing.
async fn missing(client: &Client, workload: &WorkloadRef) -> ClusterError {
    let WorkloadRef {
        kind,
        namespace,
        name,
    } = workload;
    if let Some(error) = no_namespace(client, namespace, &workload.to_string()).await {
        return error;
    }
    let error = ClusterError::plain(
        ClusterErrorKind::NotFound,
        format!("find {workload}: it does not exist in namespace `{namespace}`"),
    );
    // A Job that is not there may have been, unlike any other kind.
    let gone = match kind {
        WorkloadKind::Job => "; a Job with ttlSecondsAfterFinished is deleted once it has ended",
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "",
    };
    match others(client, workload).await {
        Some(others) if others.is_empty() => error.with_hint(format!(
            "namespace `{namespace}` has no {kind}s; check the namespace and the cluster{gone}"
        )),
        Some(mut others) => {
            others.sort_by_key(|other| (distance(other, name), other.clone()));
            error.with_hint(format!("{kind}s there: {}{gone}", others.join(", ")))
        }
        None => error.with_hint(format!(
            "check the name, the namespace and the cluster{gone}"
        )),
    }
}

async fn others(client: &Client, workload: &WorkloadRef) -> Option<Vec<String>> {
    let namespace = &workload.namespace;
    match workload.kind {
        WorkloadKind::Deployment => names::<Deployment>(client, namespace).await,
        WorkloadKind::StatefulSet => names::<StatefulSet>(client, namespace).await,
        WorkloadKind::DaemonSet => names::<DaemonSet>(client, namespace).await,
        WorkloadKind::Job => names::<Job>(client, namespace).await,
    }
}

async fn names<K>(client: &Client, namespace: &str) -> Option<Vec<String>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let few = ListParams::default().limit(NAMES);
    let list = within(READ_LIMIT, api.list_metadata(&few)).await.ok()?;
    Some(list.items.iter().map(ResourceExt::name_any).collect())
}

/// The number of letters to add, drop or change (Levenshtein), so that a typing error's target
/// comes first.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, wanted) in row.iter_mut().skip(1).zip(&other) {
            let change = diagonal + usize::from(letter != *wanted);
            diagonal = *above;
            left = change.min(left + 1).min(*above + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rollguard_core::observation::Blindness;

    use super::*;
    use crate::testing::{Server, bytes, deployment, ok, page, refused, status, web};

    #[test]
    fn distance_counts_letters() {
        for (one, other, expected) in [
            ("web", "web", 0),
            ("wbe", "web", 2),
            ("we", "web", 1),
            ("", "web", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    fn server() -> Server {
        Server::new().on("GET", "/deployments/web", |_| status(404, "not found"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_namespace_is_named_rather_than_the_deployment() {
        let server = server().on("GET", "/namespaces/shop", |_| status(404, "not found"));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "find deployment/web: namespace `shop` does not exist"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateways_404_is_waited_out_and_never_says_that_nothing_exists() {
        let server = Server::new().on("GET", "/deployments/web", |_| page(404));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
        assert_eq!(error.to_string(), "read deployment/web in namespace `shop`");
        assert!(error.hint().unwrap().contains("gateway"));
        let server = Server::new().on("GET", "/deployments/web", |asked| match asked.nth {
            1 => page(404),
            2 => refused(),
            3 => bytes(b"{\"kind\": \"Deploym".to_vec()),
            _ => ok(&deployment("v1")),
        });
        let found = find(&server.client(), &web()).await.unwrap();
        assert_eq!(found.reference(), web());
        let server = Server::new().on("GET", "/deployments/web", |_| page(404));
        let ended = reread(&server.client(), web()).await;
        let FreshRead::Blind { why } = ended.read else {
            panic!("{ended:?}");
        };
        assert!(matches!(why, Blindness::Disconnected { .. }), "{why:?}");
        assert_eq!(server.log().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_deployment_names_the_similar_ones_first() {
        let server = server()
            .on("GET", "/namespaces/shop", |_| status(403, "no"))
            .json(
                "GET",
                "/deployments",
                serde_json::json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": {"resourceVersion": "1"},
                    "items": [{"metadata": {"name": "billing"}}, {"metadata": {"name": "wbe"}}],
                }),
            );
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "find deployment/web: it does not exist in namespace `shop`"
        );
        assert_eq!(error.hint().unwrap(), "Deployments there: wbe, billing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_names_the_permission_to_grant() {
        let server = Server::new().on("GET", "/deployments/web", |_| status(403, "may not"));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
        assert!(
            error
                .hint()
                .unwrap()
                .contains("grant get,list,watch on deployments.apps,")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_about_credentials() {
        let server = Server::new().on("GET", "/deployments/web", |_| status(401, "Unauthorized"));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Credentials);
    }

    fn list(kind: &str, names: &[&str]) -> serde_json::Value {
        let item = |name: &&str| {
            serde_json::json!({"kind": kind, "apiVersion": "apps/v1",
                "metadata": {"name": name, "namespace": "shop"},
                "spec": {"selector": {}, "serviceName": "", "template": {}}})
        };
        let items: Vec<serde_json::Value> = names.iter().map(item).collect();
        serde_json::json!({"kind": format!("{kind}List"), "apiVersion": "apps/v1",
            "metadata": {"resourceVersion": "1"}, "items": items})
    }

    #[tokio::test(start_paused = true)]
    async fn a_selector_finds_workloads_of_every_kind() {
        let server = Server::new()
            .json("GET", "/deployments", list("Deployment", &["web", "api"]))
            .json("GET", "/statefulsets", list("StatefulSet", &["db"]))
            .json("GET", "/daemonsets", list("DaemonSet", &[]));
        let selected = select(&server.client(), "shop", "team=checkout")
            .await
            .unwrap();
        let found: Vec<String> = selected
            .workloads
            .iter()
            .map(|it| it.reference().to_string())
            .collect();
        assert_eq!(
            found,
            ["deployment/api", "deployment/web", "statefulset/db"]
        );
        assert_eq!(selected.notes, Vec::<String>::new());
        let asked = server.requests("GET", "");
        assert_eq!(asked.len(), 3);
        let wanted = "labelSelector=team%3Dcheckout";
        assert!(
            asked.iter().all(|it| it.query.contains(wanted)),
            "{asked:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_that_may_not_be_listed_is_noted_and_three_are_an_error() {
        let forbidden = |server: Server, path| server.on("GET", path, |_| status(403, "may not"));
        let sets = |server| forbidden(forbidden(server, "/statefulsets"), "/daemonsets");
        let server = sets(Server::new().json("GET", "/deployments", list("Deployment", &["web"])));
        let selected = select(&server.client(), "shop", "a=b").await.unwrap();
        assert_eq!(selected.workloads.len(), 1);
        assert_eq!(
            selected.notes,
            [
                "may not list statefulsets, so none is selected: may not (HTTP 403)",
                "may not list daemonsets, so none is selected: may not (HTTP 403)",
            ]
        );
        let server = sets(forbidden(Server::new(), "/deployments"));
        let error = select(&server.client(), "shop", "a=b").await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
        assert!(error.hint().unwrap().contains("statefulsets.apps"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_selector_that_matches_nothing_or_is_none_says_so() {
        let empty = |kind| list(kind, &[]);
        let server = Server::new()
            .json("GET", "/deployments", empty("Deployment"))
            .json("GET", "/statefulsets", empty("StatefulSet"))
            .json("GET", "/daemonsets", empty("DaemonSet"))
            .on("GET", "/namespaces/shop", |_| status(403, "no"));
        let error = select(&server.client(), "shop", "a=b").await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "find workloads: no Deployment, StatefulSet or DaemonSet in namespace `shop` has \
             labels `a=b`"
        );
        let server = Server::new().on("GET", "", |_| status(400, "unable to parse"));
        let error = select(&server.client(), "shop", "a=").await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
    }
}
