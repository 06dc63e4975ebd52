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
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
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
    pub(crate) body: Vec<u8>,
    /// Counted from 1, per route.
    pub(crate) nth: usize,
}

pub(crate) enum Answer {
    Whole(StatusCode, Vec<u8>),
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
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "", "code": code});
    let body = status.to_string().into_bytes();
    Answer::Whole(StatusCode::from_u16(code).unwrap(), body)
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

/// A watch that sends these lines and then ends as told.
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

    /// What was asked of a route, in order.
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
    let content_type = parts.headers.get(http::header::CONTENT_TYPE);
    let mut asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        content_type: content_type.map_or_else(String::new, |it| it.to_str().unwrap().to_owned()),
        body: body.collect_bytes().await?.to_vec(),
        nth: 1,
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
    Ok(route.map_or_else(
        || status(404, "no such route"),
        |route| (route.handler)(&asked),
    ))
}

async fn respond(answer: Answer) -> Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError> {
    let (code, body) = match answer {
        Answer::Whole(code, body) => {
            let body = Full::from(body).map_err(|never| match never {});
            (code, body.boxed_unsync())
        }
        Answer::Stream(lines) => {
            let frames = lines.map(|line| line.map(http_body::Frame::data));
            (StatusCode::OK, StreamBody::new(frames).boxed_unsync())
        }
        Answer::Never => future::pending().await,
        Answer::Refused => {
            return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
        }
    };
    Ok(Response::builder()
        .status(code)
        .header(http::header::DATE, "Thu, 01 Jan 2026 10:00:00 GMT")
        .body(body)?)
}

pub(crate) fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
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
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "resourceVersion": "10",
            "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template(version)},
    })
}

/// Its ReplicaSet of a version.
pub(crate) fn replica_set(revision: u64, version: &str) -> Value {
    let mut template = template(version);
    template["metadata"]["labels"]["pod-template-hash"] = json!(version);
    json!({
        "metadata": {"name": format!("web-{version}"), "namespace": "shop",
            "uid": format!("rs-{version}"), "resourceVersion": "9",
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
                "uid": "d-1", "controller": true}]},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
        "status": {"replicas": 1, "readyReplicas": 1},
    })
}
