//! The embedded cluster: a stateful Kubernetes API in this process, the few controllers that the
//! rollout of a Deployment, a StatefulSet or a DaemonSet needs, and a fake kubelet that plays pod
//! statuses, events, logs and answers over HTTP.
//!
//! Tests run it in paused tokio time, `rollguard drill` in real time. It knows the API well enough
//! for a `kube::Client` with watchers, paging, patches and dry runs, and refuses in the words of
//! the real server; [`Faults`] break it on purpose.

mod admission;
mod clock;
mod cluster;
mod controllers;
mod defaults;
mod event;
mod fake_kubelet;
mod fault;
mod faults;
mod http;
mod log;
mod names;
mod node;
mod object;
mod patch;
mod resource;
mod sandbox;
mod selector;
mod shared;
mod status;
mod store;
mod validate;
mod watch;

pub use admission::PodRefusal;
pub use fake_kubelet::{Act, Answer, LogLines, Script, Until};
pub use fault::{Fault, Requests};
pub use faults::Faults;
pub use http::{Request, Verb};
pub use sandbox::{Sandbox, SandboxBuilder};
pub use status::ApiFailure;
