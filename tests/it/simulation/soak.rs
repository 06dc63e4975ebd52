//! Hours of virtual time in one check: what it keeps in memory, how many tasks it has and how often it asks must not
//! grow.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allocation_counter::measure;
use anyhow::{Context as _, Result, anyhow, ensure};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::{Api, Client};
use libtest_mimic::{Failed, Trial};
use rollguard::cancel::Cancel;
use rollguard::console::Console;
use rollguard::recorder::Recorder;
use rollguard::run::check::check;
use rollguard::run::tools::Tools;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{BearerTokens, BoxError, Login, bearing, connect};
use rollguard_core::session::Session;
use rollguard_core::trace::Trace;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{Act, Requests, Sandbox, Script};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use tower::service_fn;

use super::world::NAMESPACE;

/// How many hours; `cargo xtask simulate` asks for six.
const HOURS: &str = "ROLLGUARD_SOAK_HOURS";
/// Without [`HOURS`]: a build for tests takes a quarter of a minute for each.
const FEW: u64 = 4;
const HOUR: Duration = Duration::from_secs(3600);
/// How long a token is good.
const TOKEN: Duration = Duration::from_secs(15 * 60);
/// How often the history is forgotten, and every watch ends with 410.
const EXPIRES_EVERY: u64 = 6;
/// How many events come each minute; the API server keeps them for an hour.
const EVENTS: u64 = 6;
/// The most that the bytes in use may grow in an hour. A leak of one object for each event would be a megabyte.
const GROWTH: i64 = 64 * 1024;
/// The most requests in any minute: eight resources, each watched for ten seconds at a time, and a list for each where
/// the history was forgotten.
const REQUESTS: usize = 120;

pub(crate) fn trial() -> Trial {
    let asked = std::env::var(HOURS).ok().and_then(|it| it.parse().ok());
    let hours: u64 = asked.unwrap_or(FEW);
    let name = format!("{hours} hours leave no trace in memory, tasks and requests");
    Trial::test(name, move || {
        soak(hours).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Tokens that end after a while.
#[derive(Default)]
struct Tokens {
    handed_out: Mutex<Option<String>>,
    renewed: AtomicU64,
}

/// The token of a time.
fn token_at(begun: Instant) -> String {
    format!("token-{}", begun.elapsed().as_secs() / TOKEN.as_secs())
}

struct Issuer {
    tokens: Tokens,
    begun: Instant,
}

#[async_trait::async_trait]
impl BearerTokens for Issuer {
    async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError> {
        let mut known = self
            .tokens
            .handed_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|it| Some(it.as_str()) != rejected) {
            return Ok(known.clone());
        }
        self.tokens.renewed.fetch_add(1, Ordering::Relaxed);
        let token = token_at(self.begun);
        *known = Some(token.clone());
        Ok(token)
    }
}

/// An API server that knows only the token of the present quarter of an hour.
fn gateway(client: Client, begun: Instant) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let expected = format!("Bearer {}", token_at(begun));
            let header = request.headers().get(AUTHORIZATION);
            if header.is_some_and(|it| it.as_bytes() == expected.as_bytes()) {
                return client.send(request).await;
            }
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401,
                "reason": "Unauthorized", "message": "Unauthorized"});
            let mut answer = Response::new(Body::from(status.to_string().into_bytes()));
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(answer)
        }
    });
    Client::new(service, namespace)
}

fn reference(kind: WorkloadKind, name: &str) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
    }
}

/// A Deployment whose pods never are ready, so that the check goes on, a StatefulSet and a DaemonSet.
async fn deploy(admin: &Client) -> Result<()> {
    let template = |name: &str| {
        json!({
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": "registry.test/app:v2"}]},
        })
    };
    let object = |kind: &str, name: &str, spec: serde_json::Value| {
        let mut object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        object["spec"]["selector"] = json!({"matchLabels": {"app": name}});
        object["spec"]["template"] = template(name);
        object
    };
    let web = object(
        "Deployment",
        "web",
        json!({"replicas": 4, "progressDeadlineSeconds": 30000}),
    );
    let db = object(
        "StatefulSet",
        "db",
        json!({"replicas": 2, "serviceName": "db"}),
    );
    let agent = object("DaemonSet", "agent", json!({}));
    let params = PostParams::default();
    let web = serde_json::from_value(web)?;
    Api::<Deployment>::namespaced(admin.clone(), NAMESPACE)
        .create(&params, &web)
        .await?;
    let db = serde_json::from_value(db)?;
    Api::<StatefulSet>::namespaced(admin.clone(), NAMESPACE)
        .create(&params, &db)
        .await?;
    let agent = serde_json::from_value(agent)?;
    Api::<DaemonSet>::namespaced(admin.clone(), NAMESPACE)
        .create(&params, &agent)
        .await?;
    Ok(())
}

/// The life of the cluster.
struct Traffic<'a> {
    sandbox: &'a Sandbox,
    admin: Client,
    /// The names of the events that are there, the oldest first, and when they came.
    events: RefCell<VecDeque<(u64, String)>>,
    /// The requests of each minute.
    requests: RefCell<Vec<usize>>,
}

impl Traffic<'_> {
    /// One minute after the other; without an end.
    async fn flows(&self, begun: Instant) -> Result<()> {
        for minute in 1.. {
            sleep_until(begun + Duration::from_secs(minute * 60)).await;
            let asked = self.sandbox.take_requests().len();
            self.requests.borrow_mut().push(asked);
            if minute % EXPIRES_EVERY == 0 {
                self.sandbox.faults().compact_history();
                self.sandbox.faults().drop_watches(&Requests::all());
            }
            self.flood(minute).await?;
            // An autoscaler that cannot make up its mind.
            let patch = json!({"spec": {"replicas": 4 + minute % 3}});
            let api: Api<Deployment> = Api::namespaced(self.admin.clone(), NAMESPACE);
            let params = PatchParams::default();
            api.patch("web", &params, &Patch::Merge(&patch)).await?;
        }
        Ok(())
    }

    /// New events about the pods, and the end of those that are an hour old.
    async fn flood(&self, minute: u64) -> Result<()> {
        let api: Api<Event> = Api::namespaced(self.admin.clone(), NAMESPACE);
        let pods: Api<Pod> = Api::namespaced(self.admin.clone(), NAMESPACE);
        let pods = pods.list(&ListParams::default()).await?.items;
        for number in 0..EVENTS {
            let name = format!("flood.{minute}.{number}");
            let about = pods.get(usize::try_from(number)? % pods.len().max(1));
            let about = about.map(|it| it.metadata.clone()).unwrap_or_default();
            let event = json!({
                "metadata": {"name": name},
                "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": about.name, "uid": about.uid},
                "type": "Warning", "reason": "Flood", "message": format!("the {number}th of minute {minute}"),
                "firstTimestamp": self.sandbox.now().to_string(), "lastTimestamp": self.sandbox.now().to_string(),
            });
            api.create(&PostParams::default(), &serde_json::from_value(event)?)
                .await?;
        }
        // Those of the controllers and the kubelet as well.
        let known = api.list(&ListParams::default()).await?.items;
        let names = known.into_iter().filter_map(|it| it.metadata.name);
        for name in self.ended(names.collect(), minute) {
            api.delete(&name, &DeleteParams::default()).await?;
        }
        Ok(())
    }

    /// Takes in the names of the events that are there, and returns those that are an hour old.
    fn ended(&self, names: Vec<String>, minute: u64) -> Vec<String> {
        let mut events = self.events.borrow_mut();
        for name in names {
            if !events.iter().any(|(_, it)| *it == name) {
                events.push_back((minute, name));
            }
        }
        let old = events
            .iter()
            .take_while(|(came, _)| minute - *came >= 60)
            .count();
        events.drain(..old).map(|(_, name)| name).collect()
    }
}

/// The measurements after each hour but the last.
struct Measured {
    /// How many bytes more are in use.
    grown: Vec<i64>,
    tasks: Vec<usize>,
    /// The requests of each minute.
    requests: Vec<usize>,
    /// How many tokens were handed out.
    tokens: u64,
    /// How many bytes more a session of the recording keeps.
    kept: Vec<i64>,
}

fn soak(hours: u64) -> Result<()> {
    ensure!(hours >= FEW, "no hour would be judged");
    let Measured {
        grown,
        tasks,
        requests,
        tokens,
        kept,
    } = measured(hours)?;
    let most = requests.iter().max().copied().unwrap_or_default();
    eprintln!(
        "bytes more in use after each hour: {grown:?}; tasks: {tasks:?}; requests in a minute: {most} at most; tokens: {tokens}; kept by a session of the recording, each hour: {kept:?}"
    );
    // In the first two hours caches fill and are dropped; later the bytes go up and down with the replicas.
    let flat = |hours: &[i64]| {
        let later = hours.iter().skip(2);
        let (all, count) = later.fold((0, 0), |(all, count), it| (all + it, count + 1));
        all <= GROWTH * count
    };
    ensure!(flat(&grown), "the bytes in use grew: {grown:?}");
    ensure!(flat(&kept), "the session kept more and more: {kept:?}");
    let constant = tasks.iter().all(|it| Some(it) == tasks.first());
    ensure!(constant, "the tasks are not constant: {tasks:?}");
    ensure!(most > 0 && most <= REQUESTS, "{most} requests in a minute");
    ensure!(tokens >= hours * 4, "only {tokens} tokens");
    Ok(())
}

/// A cluster whose `web` never is ready.
fn sandbox() -> Result<Sandbox> {
    let never = Script::acts(vec![Act::Starts { ready_after: None }]);
    let is_web = |pod: &Pod| {
        let labels = pod.metadata.labels.as_ref();
        labels.is_some_and(|it| it.get("app").is_some_and(|it| it == "web"))
    };
    let builder = Sandbox::builder().origin("2026-01-01T00:00:00Z".parse()?);
    Ok(builder.namespace(NAMESPACE).play(is_web, never).build())
}

fn inputs(hours: u64) -> Result<CheckInputs> {
    let web = || reference(WorkloadKind::Deployment, "web");
    Ok(CheckInputs {
        workloads: vec![
            web(),
            reference(WorkloadKind::StatefulSet, "db"),
            reference(WorkloadKind::DaemonSet, "agent"),
        ],
        ..CheckInputs::of(web(), HOUR * u32::try_from(hours)?, Duration::from_secs(10))
    })
}

fn measured(hours: u64) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trace.jsonl");
    let _entered = runtime.enter();
    let sandbox = sandbox()?;
    let admin = sandbox.unimpaired_client();
    runtime.block_on(deploy(&admin))?;
    runtime.block_on(sleep(Duration::from_secs(30)));
    let begun = Instant::now();
    let issuer = Arc::new(Issuer {
        tokens: Tokens::default(),
        begun,
    });
    let tokens = Arc::clone(&issuer) as Arc<dyn BearerTokens>;
    let client = bearing(&gateway(sandbox.client(), begun), tokens);
    let connection = runtime.block_on(connect(&Login::Client(client), sandbox.now()))?;
    let inputs = inputs(hours)?;
    let traffic = Traffic {
        sandbox: &sandbox,
        admin,
        events: RefCell::default(),
        requests: RefCell::default(),
    };
    let (_sender, cancel) = Cancel::by_hand();
    let mut console = Console::new(Box::new(std::io::sink()), Box::new(std::io::sink()));
    let mut recorder = Recorder::to_file(&file).map_err(|it| anyhow!("{it:?}"))?;
    let mut tools = Tools {
        console: &mut console,
        recorder: &mut recorder,
        cancel: &cancel,
    };
    let mut checked = Box::pin(check(&connection, &inputs, "a soak", &mut tools));
    let mut flows = Box::pin(traffic.flows(begun));
    let (mut grown, mut tasks) = (Vec::new(), Vec::new());
    for hour in 1..hours {
        // Not at the minute itself, at which something happens.
        let end = begun + HOUR * u32::try_from(hour)? + Duration::from_secs(30);
        let mut ended = None;
        let allocated = measure(|| {
            ended = runtime.block_on(async {
                tokio::select! {
                    biased;
                    ended = &mut checked => Some(format!("{:?}", ended.map(|it| it.report.sentence))),
                    ended = &mut flows => Some(format!("{ended:?}")),
                    () = sleep_until(end) => None,
                }
            });
        });
        ensure!(ended.is_none(), "it ended in hour {hour}: {ended:?}");
        grown.push(allocated.bytes_current);
        tasks.push(runtime.metrics().num_alive_tasks());
    }
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = &mut checked => ended.map_err(|it| anyhow!("{it:?}")),
            ended = &mut flows => Err(anyhow!("{ended:?}")),
        }
    })?;
    drop((checked, flows));
    let sentence = ended.report.sentence;
    ensure!(ended.outcome == Outcome::TimedOut, "{sentence}");
    Ok(Measured {
        grown,
        tasks,
        requests: traffic.requests.into_inner(),
        tokens: issuer.tokens.renewed.load(Ordering::Relaxed),
        kept: kept(&fs::read_to_string(&file)?, hours)?,
    })
}

/// How many bytes a session keeps more after each hour of a recording.
fn kept(text: &str, hours: u64) -> Result<Vec<i64>> {
    let trace = Trace::parse(text)?;
    let started = trace
        .observations
        .first()
        .context("nothing was recorded")?
        .at;
    let workloads = trace.header.workloads.clone();
    let mut session = Session::new(workloads, trace.header.policy(), started);
    let mut each = Vec::new();
    let mut rest = trace.observations.into_iter().peekable();
    for hour in 1..hours {
        let end = started + jiff::SignedDuration::from_hours(i64::try_from(hour)?);
        let of_hour: Vec<_> = std::iter::from_fn(|| rest.next_if(|it| it.at < end)).collect();
        // What is handed over was allocated before and is freed within.
        let copies = of_hour.clone();
        let freed = measure(|| drop(copies));
        let allocated = measure(|| {
            for observation in of_hour {
                let _ = session.observe(observation);
            }
        });
        each.push(allocated.bytes_current - freed.bytes_current);
    }
    Ok(each)
}
