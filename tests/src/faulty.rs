//! A proxy in front of an API server that goes wrong at one moment of a rollback.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use kube::Client;
use serde_json::json;
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use crate::front::{Answer, Asked, Front, Gate, Onward, answer};

/// How long those who are to meet wait for one another. Who does not come by then has not asked.
const MEETING: Duration = Duration::from_secs(15);

/// When something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At the patch of a workload; a dry run of it is none.
    Patch,
    /// When the cluster is first looked at after that patch.
    LookAfterPatch,
    /// When a pod is deleted.
    PodDeletion,
}

/// The fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing, but all are held until so many have come here: a race with no winner before it.
    Meeting(usize),
    /// This status answers instead of the API server, which never hears of the request.
    Refused(u16),
    /// This status answers although the API server did what was asked.
    Belied(u16),
    /// No answer ever comes, and the API server never hears of the request.
    Swallowed,
    /// No answer ever comes, and the API server did what was asked.
    Hushed,
}

/// The fault, its time, and its workload or pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap {
    /// When.
    pub moment: Moment,
    /// What.
    pub fault: Fault,
    /// The last part of the request's path; any where it is empty.
    pub name: &'static str,
    /// How often; a meeting is once, however many come.
    pub times: usize,
}

impl Trap {
    /// Once, for any workload.
    #[must_use]
    pub const fn once(moment: Moment, fault: Fault) -> Self {
        Self {
            moment,
            fault,
            name: "",
            times: 1,
        }
    }

    /// Every time, for the workload of this name.
    #[must_use]
    pub const fn always(moment: Moment, fault: Fault, name: &'static str) -> Self {
        Self {
            moment,
            fault,
            name,
            times: usize::MAX,
        }
    }
}

/// The proxy; it ends when this is dropped.
pub struct Faulty {
    front: Front,
    gate: Arc<Trapped>,
}

impl Faulty {
    /// Starts a proxy in front of the API server that `client` talks to.
    ///
    /// # Errors
    /// When no port is free, or the kubeconfig cannot be written.
    pub async fn start(client: Client, trap: Option<Trap>) -> Result<Self> {
        let gate = Arc::new(Trapped::new(trap));
        let front = Front::start(client, Arc::clone(&gate) as Arc<dyn Gate>).await?;
        Ok(Self { front, gate })
    }

    /// A kubeconfig that leads through the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        self.front.kubeconfig()
    }

    /// Returns once something has gone wrong: where the answer is lost, once the API server has
    /// answered.
    pub async fn sprung(&self) {
        self.gate.sprung.notified().await;
    }

    /// Returns what was asked so far that changes something, dry runs and reviews aside, in order.
    #[must_use]
    pub fn writes(&self) -> Vec<Asked> {
        let writes = self.gate.writes.lock();
        writes.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Trapped {
    trap: Option<Trap>,
    left: AtomicUsize,
    patched: AtomicBool,
    meeting: Barrier,
    sprung: Notify,
    writes: Mutex<Vec<Asked>>,
}

impl Trapped {
    fn new(trap: Option<Trap>) -> Self {
        let (times, guests) = match trap.map(|it| (it.times, it.fault)) {
            None => (0, 1),
            Some((_, Fault::Meeting(guests))) => (guests, guests),
            Some((times, _)) => (times, 1),
        };
        Self {
            trap,
            left: AtomicUsize::new(times),
            patched: AtomicBool::new(false),
            meeting: Barrier::new(guests),
            sprung: Notify::new(),
            writes: Mutex::default(),
        }
    }

    /// The fault that this request meets.
    fn springs(&self, asked: &Asked) -> Option<Fault> {
        let trap = self.trap?;
        let named = trap.name.is_empty() || asked.parts.uri.path().ends_with(trap.name);
        let now = match trap.moment {
            Moment::Patch => is_patch(asked),
            Moment::LookAfterPatch => {
                self.patched.load(Ordering::SeqCst) && asked.parts.method == Method::GET
            }
            Moment::PodDeletion => is_pod_deletion(asked),
        };
        let one_less = |left: usize| left.checked_sub(1);
        let sprung = named && now;
        let sprung = sprung
            && self
                .left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok();
        sprung.then_some(trap.fault)
    }

    async fn hand(&self, asked: Asked, onward: &Onward) -> Answer {
        let patch = is_patch(&asked);
        if is_write(&asked) {
            let writes = self.writes.lock();
            writes
                .unwrap_or_else(PoisonError::into_inner)
                .push(asked.clone());
        }
        let answer = onward.hand(asked).await;
        if patch && answer.status().is_success() {
            self.patched.store(true, Ordering::SeqCst);
        }
        answer
    }

    async fn go_wrong(&self, fault: Fault, asked: Asked, onward: &Onward) -> Answer {
        match fault {
            Fault::Meeting(_) => {
                // Alone after that long: the other had no reason to come.
                let _ = timeout(MEETING, self.meeting.wait()).await;
                self.hand(asked, onward).await
            }
            Fault::Refused(code) => {
                self.sprung.notify_one();
                status(code)
            }
            Fault::Belied(code) => {
                self.hand(asked, onward).await;
                self.sprung.notify_one();
                status(code)
            }
            Fault::Swallowed => {
                self.sprung.notify_one();
                std::future::pending().await
            }
            Fault::Hushed => {
                self.hand(asked, onward).await;
                self.sprung.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl Gate for Trapped {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer> {
        async move {
            match self.springs(&asked) {
                Some(fault) => self.go_wrong(fault, asked, onward).await,
                None => self.hand(asked, onward).await,
            }
        }
        .boxed()
    }
}

fn is_dry(asked: &Asked) -> bool {
    let query = asked.parts.uri.query().unwrap_or_default();
    query.contains("dryRun")
}

/// Returns whether it changes a Deployment, StatefulSet or DaemonSet itself.
fn is_patch(asked: &Asked) -> bool {
    let kinds = ["deployments", "statefulsets", "daemonsets"];
    let mut parts = asked.parts.uri.path().rsplit('/');
    let kind = parts.nth(1).unwrap_or_default();
    asked.parts.method == Method::PATCH && kinds.contains(&kind) && !is_dry(asked)
}

fn is_pod_deletion(asked: &Asked) -> bool {
    let mut parts = asked.parts.uri.path().rsplit('/');
    asked.parts.method == Method::DELETE && parts.nth(1) == Some("pods") && !is_dry(asked)
}

/// A review asks a question, although it is created.
fn is_write(asked: &Asked) -> bool {
    let question = asked.parts.uri.path().ends_with("reviews");
    asked.parts.method != Method::GET && !question && !is_dry(asked)
}

/// An error as an API server tells it.
fn status(code: u16) -> Answer {
    let reason = match code {
        409 => "Conflict",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let text = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "a fault of the test's", "reason": reason, "code": code,
    });
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = answer(status, text.to_string());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if code == 429 {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(method: Method, path: &str) -> Asked {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let body = hyper::body::Bytes::new();
        Asked { parts, body }
    }

    const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

    #[test]
    fn a_trap_springs_at_its_moment_and_no_other() {
        let dry = format!("{WEB}?dryRun=All");
        let status = format!("{WEB}/status");
        let set = WEB.replace("deployments/web", "replicasets/web-1");
        let pod = "/api/v1/namespaces/shop/pods/db-0";
        let rows = [
            ("a patch", Moment::Patch, Method::PATCH, WEB, true),
            (
                "its dry run",
                Moment::Patch,
                Method::PATCH,
                dry.as_str(),
                false,
            ),
            ("a read", Moment::Patch, Method::GET, WEB, false),
            (
                "a patch of the status",
                Moment::Patch,
                Method::PATCH,
                &status,
                false,
            ),
            ("a mark", Moment::Patch, Method::PATCH, &set, false),
            ("a deletion", Moment::PodDeletion, Method::DELETE, pod, true),
            (
                "a read of a pod",
                Moment::PodDeletion,
                Method::GET,
                pod,
                false,
            ),
            (
                "a look before",
                Moment::LookAfterPatch,
                Method::GET,
                WEB,
                false,
            ),
        ];
        for (says, moment, method, path, springs) in rows {
            let gate = Trapped::new(Some(Trap::once(moment, Fault::Swallowed)));
            let sprung = gate.springs(&asked(method, path)).is_some();
            assert_eq!(sprung, springs, "{says}");
        }
    }

    #[test]
    fn a_trap_springs_as_often_as_it_says() {
        let patch = asked(Method::PATCH, WEB);
        let once = Trapped::new(Some(Trap::once(Moment::Patch, Fault::Refused(500))));
        assert!(once.springs(&patch).is_some() && once.springs(&patch).is_none());
        let always = Trap::always(Moment::Patch, Fault::Refused(500), "/web");
        let always = Trapped::new(Some(always));
        assert!(always.springs(&patch).is_some() && always.springs(&patch).is_some());
        let other = asked(Method::PATCH, &WEB.replace("web", "api"));
        assert_eq!(always.springs(&other), None);
    }

    #[test]
    fn questions_are_no_writes() {
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert!(!is_write(&asked(Method::POST, review)));
        assert!(!is_write(&asked(Method::GET, WEB)));
        assert!(is_write(&asked(Method::PATCH, WEB)));
    }
}
