//! A scripted API server for tests: routes and canned answers, no state.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, future};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use rollguard_core::history::History;
use rollguard_core::rollback::{Request, RollbackDecision, RollbackPlan, decide};
use rollguard_core::workload::{Revision, WorkloadKind, WorkloadRef};
use serde_json::{Value, json};
use tower::service_fn;

use crate::login::BoxError;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) accept: String,
    pub(crate) body: Vec<u8>,
    /// Counted from 1, per route.
    pub(crate) nth: usize,
    pub(crate) at: tokio::time::Instant,
}

pub(crate) enum Answer {
    Whole(StatusCode, Vec<u8>),
    /// Of something in between.
    Page(StatusCode),
    /// With a `Retry-After`.
    Later(StatusCode, Vec<u8>, &'static str),
    Stream(BoxStream<'static, Result<Bytes, BoxError>>),
    Never,
    Refused,
}

pub(crate) fn ok(body: &Value) -> Answer {
    bytes(body.to_string().into_bytes())
}

pub(crate) fn text(body: &str) -> Answer {
    bytes(body.as_bytes().to_vec())
}

pub(crate) fn bytes(body: Vec<u8>) -> Answer {
    Answer::Whole(StatusCode::OK, body)
}

/// An error as the API server words it.
pub(crate) fn status(code: u16, message: &str) -> Answer {
    let body = status_body(code, message);
    Answer::Whole(StatusCode::from_u16(code).unwrap(), body)
}

fn status_body(code: u16, message: &str) -> Vec<u8> {
    let reason = if code == 404 { "NotFound" } else { "" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    status.to_string().into_bytes()
}

/// An error of something in between.
pub(crate) fn page(code: u16) -> Answer {
    Answer::Page(StatusCode::from_u16(code).unwrap())
}

/// An error that says when to come back.
pub(crate) fn later(code: u16, seconds: &'static str) -> Answer {
    let body = status_body(code, "later");
    Answer::Later(StatusCode::from_u16(code).unwrap(), body, seconds)
}

pub(crate) fn silence() -> Answer {
    Answer::Never
}

pub(crate) fn refused() -> Answer {
    Answer::Refused
}

/// A watch that sends these lines and then stays open.
pub(crate) fn open_watch(lines: &[Value]) -> Answer {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| Ok(Bytes::from(format!("{line}\n"))))
        .collect();
    Answer::Stream(
        futures::stream::iter(lines)
            .chain(futures::stream::pending())
            .boxed(),
    )
}

/// A watch that sends these lines and then ends as configured.
pub(crate) fn ended_watch(lines: &[Value], end: Result<(), &str>) -> Answer {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| Ok(Bytes::from(format!("{line}\n"))))
        .collect();
    let end = end.err().map(|text| Err(BoxError::from(text.to_owned())));
    Answer::Stream(futures::stream::iter(lines.into_iter().chain(end)).boxed())
}

type Handler = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

struct Route {
    method: &'static str,
    path: &'static str,
    handler: Handler,
}

#[derive(Default)]
pub(crate) struct Server {
    routes: Arc<Mutex<Vec<Route>>>,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Answers requests whose path ends so; the first route that fits wins.
    pub(crate) fn on(
        self,
        method: &'static str,
        path: &'static str,
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.routes.lock().unwrap().push(Route {
            method,
            path,
            handler: Box::new(handler),
        });
        self
    }

    pub(crate) fn json(self, method: &'static str, path: &'static str, body: Value) -> Self {
        self.on(method, path, move |_| ok(&body))
    }

    /// These routes, and those of another server for what they do not answer.
    pub(crate) fn over(self, other: &Self) -> Self {
        let mut below = other.routes.lock().unwrap();
        self.routes.lock().unwrap().append(&mut below);
        self
    }

    /// Everything that was asked, in order.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// Returns what was asked of a route, in order.
    pub(crate) fn requests(&self, method: &str, path: &str) -> Vec<Asked> {
        let log = self.log.lock().unwrap();
        let fits = |asked: &&Asked| asked.method == method && asked.path.ends_with(path);
        log.iter().filter(fits).cloned().collect()
    }

    pub(crate) fn client(&self) -> Client {
        let (routes, log) = (Arc::clone(&self.routes), Arc::clone(&self.log));
        let service = service_fn(move |request| {
            let (routes, log) = (Arc::clone(&routes), Arc::clone(&log));
            async move {
                let answer = answer(&routes, &log, request).await?;
                respond(answer).await
            }
        });
        Client::new(service, "default")
    }
}

async fn answer(
    routes: &Mutex<Vec<Route>>,
    log: &Mutex<Vec<Asked>>,
    request: http::Request<Body>,
) -> Result<Answer, BoxError> {
    let (parts, body) = request.into_parts();
    let header = |name| {
        let value = parts.headers.get(name);
        value.map_or_else(String::new, |it| it.to_str().unwrap().to_owned())
    };
    let mut asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        content_type: header(http::header::CONTENT_TYPE),
        accept: header(http::header::ACCEPT),
        body: body.collect_bytes().await?.to_vec(),
        nth: 1,
        at: tokio::time::Instant::now(),
    };
    let routes = routes.lock().unwrap();
    let fits = |route: &&Route| route.method == asked.method && asked.path.ends_with(route.path);
    let route = routes.iter().find(fits);
    let mut log = log.lock().unwrap();
    if let Some(route) = route {
        let before = |it: &&Asked| it.method == asked.method && it.path.ends_with(route.path);
        asked.nth += log.iter().filter(before).count();
    }
    log.push(asked.clone());
    let answer = route.map_or_else(
        || status(404, "no such route"),
        |route| (route.handler)(&asked),
    );
    Ok(about(answer, &asked.path))
}

/// A `Status` of a missing object names the object, as the API server's own does.
fn about(answer: Answer, path: &str) -> Answer {
    let Answer::Whole(StatusCode::NOT_FOUND, body) = answer else {
        return answer;
    };
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(mut status) if status["reason"] == "NotFound" && status["details"].is_null() => {
            status["details"] = json!({"name": path.rsplit('/').next()});
            status.to_string().into_bytes()
        }
        Ok(_) | Err(_) => body,
    };
    Answer::Whole(StatusCode::NOT_FOUND, body)
}

async fn respond(answer: Answer) -> Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError> {
    let mut response = Response::builder();
    let (code, body) = match answer {
        Answer::Whole(code, body) => {
            let body = Full::from(body).map_err(|never| match never {});
            response = response.header("audit-id", "a-1");
            (code, body.boxed_unsync())
        }
        Answer::Page(code) => {
            let body = Full::from("<html>gateway</html>").map_err(|never| match never {});
            (code, body.boxed_unsync())
        }
        Answer::Later(code, body, seconds) => {
            response = response.header(http::header::RETRY_AFTER, seconds);
            let body = Full::from(body).map_err(|never| match never {});
            (code, body.boxed_unsync())
        }
        Answer::Stream(lines) => {
            let frames = lines.map(|line| line.map(http_body::Frame::data));
            response = response.header("audit-id", "a-1");
            (StatusCode::OK, StreamBody::new(frames).boxed_unsync())
        }
        Answer::Never => future::pending().await,
        Answer::Refused => {
            return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
        }
    };
    Ok(response
        .status(code)
        .header(http::header::DATE, "Thu, 01 Jan 2026 10:00:00 GMT")
        .body(body)?)
}

pub(crate) fn web() -> WorkloadRef {
    workload(WorkloadKind::Deployment)
}

/// The workload `web` of a kind.
pub(crate) fn workload(kind: WorkloadKind) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn template(version: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web", "version": version}},
        "spec": {"containers": [{"name": "app", "image": format!("web:{version}")}]},
    })
}

/// The Deployment `web` with the template of a version.
pub(crate) fn deployment(version: &str) -> Value {
    object(WorkloadKind::Deployment, version)
}

/// The workload `web` of a kind with the template of a version.
pub(crate) fn object(kind: WorkloadKind, version: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind.to_string(),
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "resourceVersion": "10",
            "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template(version)},
    })
}

fn owner() -> Value {
    json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1",
        "controller": true}])
}

/// Its ReplicaSet of a version.
pub(crate) fn replica_set(revision: u64, version: &str) -> Value {
    let mut template = template(version);
    template["metadata"]["labels"]["pod-template-hash"] = json!(version);
    json!({
        "metadata": {"name": format!("web-{version}"), "namespace": "shop",
            "uid": format!("rs-{version}"), "resourceVersion": "9",
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": owner()},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
        "status": {"replicas": 1, "readyReplicas": 1},
    })
}

/// The ControllerRevision of a version.
pub(crate) fn controller_revision(revision: u64, version: &str) -> Value {
    let mut template = template(version);
    template["$patch"] = json!("replace");
    json!({
        "metadata": {"name": format!("web-{version}"), "namespace": "shop",
            "uid": format!("cr-{version}"), "ownerReferences": owner()},
        "revision": revision,
        "data": {"spec": {"template": template}},
    })
}

/// Where the revision objects of a kind are listed, and those of v1 and v2.
pub(crate) fn revision_objects(kind: WorkloadKind) -> (&'static str, Vec<Value>) {
    match kind {
        WorkloadKind::Deployment => (
            "/replicasets",
            vec![replica_set(1, "v1"), replica_set(2, "v2")],
        ),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => (
            "/controllerrevisions",
            vec![controller_revision(1, "v1"), controller_revision(2, "v2")],
        ),
    }
}

/// The path of the workload `web` of a kind.
pub(crate) fn path(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "/deployments/web",
        WorkloadKind::StatefulSet => "/statefulsets/web",
        WorkloadKind::DaemonSet => "/daemonsets/web",
        WorkloadKind::Job => "/jobs/web",
    }
}

/// The workload `web` at v2, with v1 before.
pub(crate) fn history_of(kind: WorkloadKind) -> History {
    History::new(
        workload(kind),
        object(kind, "v2"),
        revision_objects(kind).1,
        Vec::new(),
    )
}

/// A plan from v2 back to v1.
pub(crate) fn plan(kind: WorkloadKind) -> RollbackPlan {
    let request = Request {
        to_revision: Some(Revision(1)),
        run: "run 7".to_owned(),
        ..Request::default()
    };
    match decide(&history_of(kind), &request) {
        RollbackDecision::Apply(plan) => *plan,
        other @ (RollbackDecision::Already(_) | RollbackDecision::Refuse(_)) => panic!("{other:?}"),
    }
}
