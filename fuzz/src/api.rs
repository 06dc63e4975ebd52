//! An API server that answers anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use http::{Response, StatusCode};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::client::Body;
use rollguard_agent::neutralise_line;
use rollguard_cluster::record::redact;
use rollguard_cluster::{Clock, ClusterError, Watch, access, doctor, history, http as pods, logs};
use rollguard_cluster::{look_up, observe, prediction, secrets_of_kubeconfig};
use rollguard_core::finding::{Finding, FindingCode, Lookup, Subject};
use rollguard_core::http::HttpCheck;
use rollguard_core::observation::Observation;
use rollguard_core::policy::Policy;
use rollguard_core::prediction::Question;
use rollguard_core::report::early_line;
use rollguard_core::session::Session;
use rollguard_core::workload::{Workload, WorkloadKind, WorkloadRef};
use serde_json::json;

use crate::agent::harmless;

/// Between two answers; the last one is repeated.
const NEXT: &str = "\n---\n";
/// How many observations of a watch are read: one that fails is opened again without end.
const OBSERVATIONS: usize = 12;
/// After so many requests nothing is answered: thousands of pages that each name another one take long.
const REQUESTS: usize = 64;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The statuses that the second byte chooses from.
const STATUSES: [u16; 14] = [
    200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 409, 410, 429, 503,
];

/// The first byte says what is asked, the second the status, the third whether it is a stream that ends or a
/// page with headers; the answers follow.
pub(crate) fn api(data: &[u8]) {
    let [what, status, _, answers @ ..] = data else {
        return;
    };
    let headers = data.get(2).copied().unwrap_or_default();
    let status = STATUSES.get(usize::from(*status) % STATUSES.len());
    let code = StatusCode::from_u16(*status.unwrap_or(&200)).unwrap_or_default();
    let answers = String::from_utf8_lossy(answers).into_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        // It spawns a task of its own.
        let client = client(code, headers, answers.clone());
        asked(*what, &client, &answers).await;
    });
}

fn client(code: StatusCode, headers: u8, answers: String) -> Client {
    let nth = Arc::new(AtomicUsize::new(0));
    let service = tower::service_fn(move |_: http::Request<Body>| {
        let answers: Vec<&str> = answers.split(NEXT).collect();
        let nth = nth.fetch_add(1, Ordering::Relaxed);
        let is_over = nth > REQUESTS;
        let nth = nth.min(answers.len() - 1);
        let text = answers.get(nth).copied().unwrap_or_default();
        let mut response = Response::builder().status(code);
        let (head, body) = text.split_once('\n').unwrap_or(("", text));
        let named = headers % 2 == 1;
        if named {
            // A header may hold no more than this, and anything that it may hold is tried.
            for name in ["retry-after", "date", "content-type", "warning", "audit-id"] {
                if let Ok(value) = http::HeaderValue::from_str(head) {
                    response = response.header(name, value);
                }
            }
        }
        let body = if named { body } else { text };
        let body = Body::from(body.as_bytes().to_vec());
        async move {
            if is_over {
                return Err(BoxError::from("the server is gone"));
            }
            response.body(body).map_err(BoxError::from)
        }
    });
    Client::new(service, "shop")
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn workload() -> Workload {
    let object = json!({
        "metadata": { "name": "web", "namespace": "shop", "uid": "u1" },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": {} },
    });
    Workload::Deployment(serde_json::from_value(object).unwrap())
}

fn pod() -> Pod {
    let object = json!({
        "metadata": { "name": "web-1", "namespace": "shop", "uid": "p1" },
        "spec": { "containers": [{ "name": "app", "ports": [{ "containerPort": 8080 }] }] },
        "status": { "podIP": "10.0.0.1" },
    });
    serde_json::from_value(object).unwrap()
}

/// Everything that an error says may be printed.
fn shown<T>(result: Result<T, ClusterError>) -> Option<T> {
    result
        .map_err(|error| {
            harmless(&neutralise_line(&format!("{error} {error:?}")));
            harmless(&neutralise_line(&error.hint().unwrap_or_default()));
        })
        .ok()
}

async fn asked(what: u8, client: &Client, answers: &str) {
    match what % 9 {
        0 => drop(shown(access::find(client, &web()).await)),
        1 => drop(shown(
            access::select_with_jobs(client, "shop", "app=web").await,
        )),
        2 => {
            if let Some(found) = shown(history::history(client, &web()).await) {
                let _ = found.in_words();
            }
        }
        3 => watched(client).await,
        4 => {
            let logs = logs::evidence(client, "shop", "web-1", "app").await;
            let subject = Subject::container("web-1", "app");
            for code in [FindingCode::CrashAtStart, FindingCode::ReadinessFailing] {
                let finding = Finding::new(code, subject.clone(), Timestamp::UNIX_EPOCH);
                if let Some(line) = early_line(&finding, &logs.evidence) {
                    harmless(&neutralise_line(&line.text()));
                }
            }
        }
        5 => {
            for lookup in [
                Lookup::Secret {
                    name: "a".to_owned(),
                },
                Lookup::ConfigMap {
                    name: "a".to_owned(),
                },
                Lookup::RevisionQuota,
                Lookup::LeavingPods,
                Lookup::Traffic,
            ] {
                drop(look_up(client, "shop", lookup).await);
            }
        }
        6 => {
            let _ = shown(doctor::identity(client).await);
            let _ = secrets_of_kubeconfig(answers);
        }
        7 => {
            let question = Question::History(web());
            drop(prediction::ask(client, vec![question]).await);
        }
        _ => {
            let check = HttpCheck::parse("/healthz:8080~ok").unwrap();
            drop(pods::ask(client, &pod(), 0, &check).await);
        }
    }
}

/// Watches, and shows a session what was seen; what is recorded can be read again.
async fn watched(client: &Client) {
    let Some(watch) = shown(Watch::new(&[workload()])) else {
        return;
    };
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let seen = observe(client, &watch, clock).take(OBSERVATIONS);
    let limit = std::time::Duration::from_secs(600);
    let observations: Vec<Observation> = seen.take_until(tokio::time::sleep(limit)).collect().await;
    let mut session = Session::new(vec![web()], Policy::default(), Timestamp::UNIX_EPOCH);
    for observation in observations {
        let _ = serde_json::to_string(&redact(&observation)).unwrap();
        let _ = session.observe(observation);
    }
}
