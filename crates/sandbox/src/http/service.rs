//! The tower service: answers requests, with the faults that are in force.

use std::future::{pending, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderName, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use serde_json::{Value, json};

use super::proxy::Asked;
use super::reply::{BoxError, Content, Reply, ResponseBody, refusal};
use super::{Call, Path, Request, Verb, proxy, read, review, write};
use crate::clock::http_date;
use crate::cluster::Cluster;
use crate::fake_kubelet::Content as Answered;
use crate::fault::Fault;
use crate::resource::Resource;
use crate::shared::Shared;
use crate::status::ApiFailure;
use crate::watch;

/// Why a connection yields no answer.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("connect to the embedded cluster: it has ended")]
    Ended,
    #[error("connect to the embedded cluster: connection refused")]
    Refused,
    #[error("read the answer: connection closed before message completed")]
    Lost,
}

/// The API server as a service, one clone per connection.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) shared: Arc<Shared>,
    /// Whether its requests are counted and meet faults.
    pub(crate) observed: bool,
}

impl tower::Service<http::Request<Body>> for Api {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if self.shared.with(|cluster| cluster.closed) {
            return Box::pin(ready(Err(Broken::Ended.into())));
        }
        Box::pin(serve(self.clone(), request))
    }
}

async fn serve(api: Api, request: http::Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
    let Api { shared, observed } = api;
    let (head, body) = request.into_parts();
    let call = match Call::parse(&head.method, &head.uri) {
        Ok(call) => call,
        Err(failure) => return respond(&shared, refusal(&failure)),
    };
    let fault = shared.with(|cluster| {
        if !observed {
            return None;
        }
        let path = head.uri.path_and_query().map_or("", |it| it.as_str());
        cluster.requests.push(Request {
            verb: call.verb,
            path: path.to_owned(),
        });
        cluster.faults.take(&call)
    });
    match &fault {
        Some(Fault::Answer(failure)) => return respond(&shared, refusal(failure)),
        Some(Fault::Forbid) => return respond(&shared, refusal(&call.forbidden())),
        Some(Fault::Page(code)) => return page(*code),
        Some(Fault::NeverAnswer) => return pending().await,
        Some(Fault::Disconnect) => return Err(Broken::Refused.into()),
        Some(Fault::LoseAnswer) | None => {}
    }
    if call.verb == Verb::Watch {
        return match watch::open(&shared, &call) {
            Ok(stream) => Ok(watching(&shared, stream)),
            Err(failure) => respond(&shared, refusal(&failure)),
        };
    }
    let proxied = matches!(call.resource(), Some(Resource::Pods | Resource::Services));
    if call.subresource.as_deref() == Some("proxy") && proxied {
        return respond(&shared, pass_on(&shared, &call).await?);
    }
    let body = body.collect().await?.to_bytes();
    let reply = shared
        .change(|cluster| answer(cluster, &call, &head, &body))
        .unwrap_or_else(|failure| refusal(&failure));
    if fault == Some(Fault::LoseAnswer) {
        return Err(Broken::Lost.into());
    }
    respond(&shared, reply)
}

/// Fetches a pod's answer, which takes as long as the pod does.
async fn pass_on(shared: &Shared, call: &Call) -> Result<Reply, Broken> {
    let (answer, address) = match shared.with(|cluster| proxy::ask(cluster, call)) {
        Ok(Asked::Answered { answer, address }) => (answer, address),
        Ok(Asked::Aborted) => return Err(Broken::Lost),
        Err(failure) => return Ok(refusal(&failure)),
    };
    tokio::time::sleep(answer.delay).await;
    match answer.content {
        Answered::Http { status, body } => Ok(Reply {
            code: status,
            content: Content::Text(body),
        }),
        Answered::Unreachable(because) => Ok(refusal(&proxy::unreachable(&address, &because))),
        Answered::Silence => pending().await,
    }
}

fn answer(
    cluster: &mut Cluster,
    call: &Call,
    head: &http::request::Parts,
    body: &[u8],
) -> Result<Reply, ApiFailure> {
    match (call.path, call.verb) {
        (Path::Version, _) => Ok(Reply::ok(version())),
        (Path::Groups, _) => Ok(Reply::ok(groups())),
        (Path::Health, _) => Ok(Reply {
            code: 200,
            content: Content::Text("ok".to_owned()),
        }),
        (Path::Resource(_), Verb::Get) => Ok(read::get(cluster, call)?.narrowed_for(head)),
        (Path::Resource(_), Verb::List | Verb::Watch) => {
            Ok(read::list(cluster, call)?.narrowed_for(head))
        }
        (Path::Resource(Resource::SelfSubjectAccessReviews), _) => review::access(cluster, body),
        (Path::Resource(Resource::SelfSubjectReviews), _) => Ok(review::identity()),
        (Path::Resource(_), Verb::Create) => write::create(cluster, call, head, body),
        (Path::Resource(_), Verb::Update) => write::update(cluster, call, head, body),
        (Path::Resource(_), Verb::Patch) => write::patch(cluster, call, head, body),
        (Path::Resource(_), Verb::Delete) => write::delete(cluster, call, body),
    }
}

/// Answers `/version`. The suffix distinguishes the embedded cluster from a real one.
fn version() -> Value {
    json!({
        "major": "1", "minor": "35", "gitVersion": "v1.35.4+rollguard",
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "", "platform": "embedded",
    })
}

/// Answers `/apis`: the groups of the resources that are served.
fn groups() -> Value {
    let mut groups: Vec<(&str, &str)> = Resource::ALL
        .into_iter()
        .map(|it| (it.group(), it.version()))
        .filter(|(group, _)| !group.is_empty())
        .collect();
    groups.sort_unstable();
    groups.dedup();
    let groups = groups.into_iter().map(|(name, version)| {
        let version = json!({"groupVersion": format!("{name}/{version}"), "version": version});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    });
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<Value>>()})
}

/// What every answer carries that came through the API server, a pod's included (apiserver
/// `endpoints/filters/audit_init.go`).
const AUDIT_ID: &str = "audit-id";
/// The same for all requests here, so that runs are reproducible.
const AUDITED: &str = "00000000-0000-0000-0000-000000000000";

/// The answer of something in between.
fn page(code: u16) -> Result<Response<ResponseBody>, BoxError> {
    let body = Full::new(Bytes::from_static(b"<html>gateway</html>")).map_err(Into::into);
    let response = Response::builder()
        .status(StatusCode::from_u16(code)?)
        .header(header::CONTENT_TYPE, "text/html");
    Ok(response.body(body.boxed_unsync())?)
}

fn respond(shared: &Shared, reply: Reply) -> Result<Response<ResponseBody>, BoxError> {
    let (kind, body, retry) = match reply.content {
        Content::Json(value) => {
            let retry = value
                .pointer("/details/retryAfterSeconds")
                .and_then(Value::as_u64);
            ("application/json", value.to_string(), retry)
        }
        Content::Text(text) => ("text/plain", text, None),
    };
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.code)?)
        .header(header::CONTENT_TYPE, kind)
        .header(AUDIT_ID, AUDITED)
        .header(header::DATE, http_date(shared.with(|it| it.now())));
    if let Some(seconds) = retry {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    let body = Full::new(Bytes::from(body)).map_err(Into::into);
    Ok(response.body(body.boxed_unsync())?)
}

fn watching(shared: &Shared, stream: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(stream);
    let date = http_date(shared.with(|it| it.now()));
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::DATE, date.as_str()),
        (HeaderName::from_static(AUDIT_ID), AUDITED),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
