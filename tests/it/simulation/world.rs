//! Plays a case on an embedded cluster, with the product's own check beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use rollguard::cancel::Cancel;
use rollguard::console::Console;
use rollguard::failure::Failure;
use rollguard::recorder::Recorder;
use rollguard::run::check::{Checked, check};
use rollguard::run::tools::Tools;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Login, connect};
use rollguard_core::report::Report;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{ApiFailure, Fault, Requests, Sandbox, Script};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::case::{Case, Change, Kind, Load, Sort, What};
use super::late;

pub(crate) const NAMESPACE: &str = "shop";
const ORIGIN: &str = "2026-01-01T00:00:00Z";
/// When the former version is complete.
const SETTLED: Duration = Duration::from_secs(30);

/// The outcome of a case.
pub(crate) struct Seen {
    /// The result of the check, and its report where there is one.
    pub(crate) outcome: Outcome,
    pub(crate) report: Option<Report>,
    /// Why there is none.
    pub(crate) failure: String,
    /// When it ended, in seconds after the update.
    pub(crate) ended: f64,
    /// When it returned: what it has to mark and to read takes a while.
    pub(crate) returned: f64,
    /// How each workload is then.
    pub(crate) states: Vec<State>,
}

/// How a workload really is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Whether it has as many ready pods of the update as it shall, and no others are left.
    pub(crate) complete: bool,
    /// How often containers of the update were started again.
    pub(crate) restarts: i32,
}

pub(crate) fn name(index: usize) -> String {
    format!("w{index}")
}

pub(crate) fn reference(case: &Case, index: usize) -> WorkloadRef {
    let kind = case.loads.get(index).map(|it| it.kind);
    WorkloadRef {
        kind: match kind {
            Some(Kind::Deployment | Kind::Recreated) | None => WorkloadKind::Deployment,
            Some(Kind::StatefulSet) => WorkloadKind::StatefulSet,
            Some(Kind::DaemonSet) => WorkloadKind::DaemonSet,
            Some(Kind::Job) => WorkloadKind::Job,
        },
        namespace: NAMESPACE.to_owned(),
        name: name(index),
    }
}

fn is_of(pod: &Pod, name: &str, version: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let has = |label: &str, value: &str| {
        labels.is_some_and(|it| it.get(label).is_some_and(|it| it == value))
    };
    has("app", name) && has("version", version)
}

/// The cluster of a case, and those who change it.
struct World<'a> {
    case: &'a Case,
    sandbox: Sandbox,
    admin: Client,
    updated: Instant,
    /// One for each workload: whether its pods are let in.
    admitted: Vec<Arc<AtomicBool>>,
}

/// Something that happens at a time.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Change(usize, Change),
    Admit(usize),
    Resume(usize),
    Begin(Sort),
    End(Sort),
}

pub(crate) async fn play(case: &Case) -> Result<Seen> {
    let origin: Timestamp = ORIGIN.parse()?;
    let update = origin + SignedDuration::try_from(SETTLED)?;
    let mut builder = Sandbox::builder().origin(origin).namespace(NAMESPACE);
    for node in 0..case.nodes {
        builder = builder.node(&format!("n{node}"));
    }
    for (index, load) in case.loads.iter().enumerate() {
        let of = name(index);
        builder = builder.play(move |pod| is_of(pod, &of, "v2"), load.script(update));
        let of = name(index);
        let stops_in = Duration::from_millis(load.stops_in * 1000 + 500);
        builder = builder.play(
            move |pod| is_of(pod, &of, "v1"),
            Script::healthy().stopping_in(stops_in),
        );
    }
    let sandbox = builder.build();
    let admin = sandbox.unimpaired_client();
    let client = late::client(&sandbox.client(), case.late);
    let connection = connect(&Login::Client(client), sandbox.now()).await?;
    let world = World {
        case,
        admin,
        sandbox,
        updated: Instant::now() + SETTLED,
        admitted: case.loads.iter().map(|_| Arc::default()).collect(),
    };
    for (index, load) in case.loads.iter().enumerate() {
        if !load.first {
            world.deploy(index, "v1").await?;
        }
    }
    sleep_until(world.updated).await;
    for (index, load) in case.loads.iter().enumerate() {
        world.refuse(index, load);
        world.deploy(index, "v2").await?;
    }
    let inputs = CheckInputs {
        workloads: (0..case.loads.len())
            .map(|it| reference(case, it))
            .collect(),
        ..CheckInputs::of(
            reference(case, 0),
            Duration::from_secs(case.timeout),
            Duration::from_secs(case.stable_for),
        )
    };
    let checked = async {
        sleep(Duration::from_secs(case.begins)).await;
        let (_sender, cancel) = Cancel::by_hand();
        let mut tools = Tools {
            console: &mut Console::new(Box::new(std::io::sink()), Box::new(std::io::sink())),
            recorder: &mut Recorder::off(),
            cancel: &cancel,
        };
        Box::pin(check(&connection, &inputs, "a simulation", &mut tools)).await
    };
    let checked = tokio::select! {
        biased;
        failed = world.happens() => return Err(failed.err().context("the happenings ended")?),
        checked = checked => checked,
    };
    world.seen(checked).await
}

impl World<'_> {
    async fn seen(&self, checked: Result<Checked, Failure>) -> Result<Seen> {
        let checked = checked.map(|it| (it.outcome, it.report));
        let at = match &checked {
            Ok((_, report)) => report.ended,
            Err(_) => self.sandbox.now(),
        };
        let mut states = Vec::new();
        for index in 0..self.case.loads.len() {
            states.push(self.state(index, at).await?);
        }
        let update = ORIGIN.parse::<Timestamp>()? + SignedDuration::try_from(SETTLED)?;
        let seconds = |at: Timestamp| at.duration_since(update).as_secs_f64();
        let (ended, returned) = (seconds(at), seconds(self.sandbox.now()));
        Ok(match checked {
            Ok((outcome, report)) => Seen {
                outcome,
                report: Some(report),
                failure: String::new(),
                ended,
                returned,
                states,
            },
            Err(failure) => Seen {
                outcome: failure.outcome,
                report: None,
                failure: failure.messages().join("; "),
                ended,
                returned,
                states,
            },
        })
    }

    /// All that happens to workloads and the view, in order. Ends only with an error.
    async fn happens(&self) -> Result<()> {
        let mut all: Vec<(u64, Happening)> = Vec::new();
        for (index, load) in self.case.loads.iter().enumerate() {
            all.extend(
                load.change
                    .map(|(at, change)| (at, Happening::Change(index, change))),
            );
            for trouble in load.troubles.iter().filter(|it| it.what.is_before_pods()) {
                let happening = if trouble.what == What::Paused {
                    Happening::Resume(index)
                } else {
                    Happening::Admit(index)
                };
                all.extend(trouble.heals.map(|at| (at, happening)));
            }
        }
        for spell in &self.case.weather {
            all.push((spell.at, Happening::Begin(spell.of)));
            all.push((spell.at + spell.lasts, Happening::End(spell.of)));
            if spell.of == Sort::Drops {
                all.extend(
                    (1..spell.lasts.min(20)).map(|it| (spell.at + it, Happening::Begin(spell.of))),
                );
            }
        }
        all.sort_by_key(|(at, _)| *at);
        for (at, happening) in all {
            sleep_until(self.updated + Duration::from_secs(at)).await;
            self.happen(happening).await?;
        }
        std::future::pending().await
    }

    async fn happen(&self, happening: Happening) -> Result<()> {
        match happening {
            Happening::Change(index, Change::Newer) => self.deploy(index, "v3").await,
            Happening::Change(index, Change::Scaled(replicas)) => {
                let patch = json!({"spec": {"replicas": replicas}});
                self.patch(index, &patch).await
            }
            Happening::Change(index, Change::Deleted) => {
                let params = DeleteParams::default();
                self.api(index).delete(&name(index), &params).await?;
                Ok(())
            }
            Happening::Admit(index) => {
                if let Some(admitted) = self.admitted.get(index) {
                    admitted.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
            Happening::Resume(index) => {
                let patch = json!({"spec": {"paused": false}});
                self.patch(index, &patch).await
            }
            Happening::Begin(sort) => {
                self.begin(sort);
                Ok(())
            }
            Happening::End(sort) => {
                self.end(sort);
                Ok(())
            }
        }
    }

    fn begin(&self, sort: Sort) {
        let faults = self.sandbox.faults();
        let all = Requests::all;
        match sort {
            Sort::Drops => faults.drop_watches(&all()),
            Sort::Expires => {
                faults.compact_history();
                faults.drop_watches(&all());
            }
            Sort::Stalls(resource) => faults.stall_watches(all().resource(resource)),
            Sort::Away => {
                faults.inject(all(), Fault::Disconnect);
                faults.drop_watches(&all());
            }
            Sort::Errors => {
                let failure = ApiFailure::internal("etcdserver: request timed out");
                faults.inject(all(), Fault::Answer(failure));
                faults.drop_watches(&all());
            }
            Sort::Overloaded => {
                let failure = ApiFailure::too_many_requests(1);
                faults.inject(all(), Fault::Answer(failure));
                faults.drop_watches(&all());
            }
            Sort::Forbidden(resource) => {
                faults.inject(all().resource(resource), Fault::Forbid);
                faults.drop_watches(&all().resource(resource));
            }
            Sort::EventsLost => {
                faults.refuse_creation("events", ApiFailure::internal("etcdserver: no leader"));
            }
            Sort::NodeLost => faults.lose_node("n0"),
        }
    }

    fn end(&self, sort: Sort) {
        let faults = self.sandbox.faults();
        match sort {
            Sort::Drops | Sort::Expires => {}
            Sort::Stalls(resource) | Sort::Forbidden(resource) => {
                faults.lift(&Requests::all().resource(resource));
            }
            Sort::Away | Sort::Errors | Sort::Overloaded => faults.lift(&Requests::all()),
            Sort::EventsLost => faults.allow_creation("events"),
            Sort::NodeLost => faults.find_node("n0"),
        }
    }

    fn refuse(&self, index: usize, load: &Load) {
        let Some(admitted) = self.admitted.get(index) else {
            return;
        };
        for refusal in load.troubles.iter().filter_map(|it| it.what.refusal()) {
            let (of, admitted) = (name(index), Arc::clone(admitted));
            self.sandbox.faults().refuse_pods(
                move |pod| !admitted.load(Ordering::Relaxed) && is_of(pod, &of, "v2"),
                refusal,
            );
        }
    }

    fn api(&self, index: usize) -> Api<DynamicObject> {
        let reference = reference(self.case, index);
        let group = if reference.kind == WorkloadKind::Job {
            "batch"
        } else {
            "apps"
        };
        let kind = GroupVersionKind::gvk(group, "v1", reference.kind.as_str());
        Api::namespaced_with(self.admin.clone(), NAMESPACE, &ApiResource::from_gvk(&kind))
    }

    async fn patch(&self, index: usize, patch: &Value) -> Result<()> {
        let patch = Patch::Merge(patch);
        let api = self.api(index);
        match api
            .patch(&name(index), &PatchParams::default(), &patch)
            .await
        {
            Ok(_) => Ok(()),
            // Deleted before.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn deploy(&self, index: usize, version: &str) -> Result<()> {
        let load = self.case.loads.get(index).context("no such workload")?;
        let api = self.api(index);
        let object = object(load, &name(index), version);
        if api.get_opt(&name(index)).await?.is_some() {
            return self.patch(index, &json!({"spec": object["spec"]})).await;
        }
        let object: DynamicObject = serde_json::from_value(object)?;
        api.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// How a workload really was at a time of the last seconds, by the cluster itself.
    async fn state(&self, index: usize, at: Timestamp) -> Result<State> {
        let api: Api<Pod> = Api::namespaced(self.admin.clone(), NAMESPACE);
        let params = ListParams::default().labels(&format!("app={}", name(index)));
        let pods = api.list(&params).await?.items;
        let object = self.api(index).get_opt(&name(index)).await?;
        let load = self.case.loads.get(index).context("no such workload")?;
        let desired = object.as_ref().map_or(0, |it| match load.kind {
            Kind::DaemonSet => self.case.nodes,
            Kind::Job => 0,
            Kind::Deployment | Kind::Recreated | Kind::StatefulSet => {
                let replicas = it.data["spec"]["replicas"].as_u64().unwrap_or(1);
                usize::try_from(replicas).unwrap_or_default()
            }
        });
        let name = name(index);
        let (new, old): (Vec<&Pod>, Vec<&Pod>) = pods.iter().partition(|it| is_of(it, &name, "v2"));
        let ready = new.iter().filter(|it| was_ready(it, at)).count();
        let old = old
            .iter()
            .filter(|it| it.metadata.deletion_timestamp.is_none());
        let complete = if load.kind == Kind::Job {
            object.is_some_and(|it| it.data["status"]["succeeded"] == 1)
        } else {
            ready >= desired && old.count() == 0
        };
        Ok(State {
            complete,
            restarts: new.iter().map(|it| restarts(it, at)).sum(),
        })
    }
}

/// Returns whether a pod was ready then; it may have changed once since, and the times are whole seconds.
fn was_ready(pod: &Pod, at: Timestamp) -> bool {
    let conditions = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|it| it.type_ == "Ready");
    let changed = ready.and_then(|it| it.last_transition_time.as_ref());
    let since = changed.is_some_and(|it| it.0 + SignedDuration::from_secs(1) > at);
    let is_ready = ready.is_some_and(|it| it.status == "True");
    let gone = pod.metadata.deletion_timestamp.is_some();
    (is_ready && !gone) || (!is_ready && since)
}

/// How often a pod's container had been started again then.
fn restarts(pod: &Pod, at: Timestamp) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|it| it.container_statuses.as_ref());
    let of = |status: &k8s_openapi::api::core::v1::ContainerStatus| {
        let last = status.last_state.as_ref();
        let ended = last.and_then(|it| it.terminated.as_ref()?.finished_at.as_ref());
        let since = ended.is_some_and(|it| it.0 + SignedDuration::from_secs(1) > at);
        status.restart_count - i32::from(since)
    };
    statuses.into_iter().flatten().map(of).sum()
}

fn object(load: &Load, name: &str, version: &str) -> Value {
    let has = |what: What| version == "v2" && load.troubles.iter().any(|it| it.what == what);
    let registry = if has(What::ImageMissingInRegion) {
        "shop.azurecr.io"
    } else {
        "registry.test"
    };
    let mut container = json!({"name": "app", "image": format!("{registry}/app:{version}")});
    if load.probed {
        container["readinessProbe"] =
            json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 3});
    }
    if has(What::Killed) {
        container["livenessProbe"] = json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5, "failureThreshold": 3});
    }
    let labels = json!({"app": name, "version": version});
    let mut template = json!({
        "metadata": {"labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 30},
    });
    let mut spec = match load.kind {
        Kind::Deployment => json!({"replicas": load.replicas}),
        Kind::Recreated => json!({"replicas": load.replicas, "strategy": {"type": "Recreate"}}),
        Kind::StatefulSet => json!({"replicas": load.replicas, "serviceName": name}),
        Kind::DaemonSet => json!({}),
        Kind::Job => json!({"backoffLimit": 1}),
    };
    if load.kind == Kind::Job {
        template["spec"]["restartPolicy"] = json!("Never");
    } else {
        spec["selector"] = json!({"matchLabels": {"app": name}});
    }
    if matches!(load.kind, Kind::Deployment | Kind::Recreated) {
        spec["paused"] = json!(has(What::Paused));
    }
    spec["template"] = template;
    let (api_version, kind) = match load.kind {
        Kind::Deployment | Kind::Recreated => ("apps/v1", "Deployment"),
        Kind::StatefulSet => ("apps/v1", "StatefulSet"),
        Kind::DaemonSet => ("apps/v1", "DaemonSet"),
        Kind::Job => ("batch/v1", "Job"),
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": {"app": name}}, "spec": spec})
}
