//! The logs of containers: evidence for a report, and excerpts to compare. Neither is a reason for a check to fail.

use std::time::Duration;

use futures::future::join;
use kube::Client;
use kube::api::LogParams;
use kube::client::Body;
use rollguard_core::finding::{Evidence, EvidenceKind};

use crate::error::Cause;
use crate::request::{pods, status_of, within};

/// How many lines of each instance: the message of an exception stands above its frames.
const LINES: i64 = 60;
/// How many bytes of each instance at most. The kubelet counts them from the first of the lines
/// (`pkg/kubelet/kuberuntime/logs/logs.go`), hence generous.
const BYTES: i64 = 64 * 1024;
/// How many bytes of the beginning, and of the end, of a log that is compared.
const END: i64 = 128 * 1024;
/// How many lines of its end.
const END_LINES: i64 = 500;
/// How long all of them may take: they are read at once.
const LIMIT: Duration = Duration::from_secs(10);

/// The part of a container's logs that could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// The last lines of the former instance first, since that is the one that failed, then those
    /// of the present one.
    pub evidence: Vec<Evidence>,
    /// Why something could not be read.
    pub notes: Vec<String>,
}

/// The last 60 lines of the former and of the present instance of a container, within 10 s.
pub async fn evidence(client: &Client, namespace: &str, pod: &str, container: &str) -> Logs {
    let instance = |previous: bool| {
        let params = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(LINES),
            limit_bytes: Some(BYTES),
            ..LogParams::default()
        };
        within(LIMIT, read(client, namespace, pod, params))
    };
    let (former, present) = join(instance(true), instance(false)).await;
    let mut logs = Logs::default();
    for (kind, read) in [
        (EvidenceKind::PreviousLog, former),
        (EvidenceKind::CurrentLog, present),
    ] {
        match read {
            Ok(text) => {
                let text = of_container(&text);
                if !text.is_empty() {
                    logs.evidence.push(Evidence::new(kind, text));
                }
            }
            // No such instance, or none yet: there is nothing to report.
            Err(Cause::Answer { code: 400, .. }) => {}
            Err(cause) => {
                let note = format!("logs of container `{container}` in pod `{pod}`: {cause}");
                if !logs.notes.contains(&note) {
                    logs.notes.push(note);
                }
            }
        }
    }
    logs
}

/// The part of a log that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excerpt {
    /// The text.
    Read(String),
    /// Logs may not be read.
    Forbidden,
    /// Nothing: the pod is gone, or its node does not answer.
    Nothing,
}

/// Returns the beginning of a container's log, 128 KiB at most.
pub async fn beginning(client: &Client, namespace: &str, pod: &str, container: &str) -> Excerpt {
    let params = LogParams {
        container: Some(container.to_owned()),
        limit_bytes: Some(END),
        ..LogParams::default()
    };
    excerpt(within(LIMIT, read(client, namespace, pod, params)).await)
}

/// Returns the beginning of a container's log and its last 500 lines, 128 KiB each at most: what it logged as it
/// started, and what it logs now.
pub async fn both_ends(client: &Client, namespace: &str, pod: &str, container: &str) -> Excerpt {
    let params = LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(END_LINES),
        limit_bytes: Some(END),
        ..LogParams::default()
    };
    let end = within(LIMIT, read(client, namespace, pod, params));
    let (begin, end) = join(beginning(client, namespace, pod, container), end).await;
    match (begin, excerpt(end)) {
        (Excerpt::Read(begin), Excerpt::Read(end)) => Excerpt::Read(format!("{begin}\n{end}")),
        (Excerpt::Forbidden, _) | (_, Excerpt::Forbidden) => Excerpt::Forbidden,
        // Half of it would make old errors look new.
        (Excerpt::Nothing, _) | (_, Excerpt::Nothing) => Excerpt::Nothing,
    }
}

fn excerpt(read: Result<String, Cause>) -> Excerpt {
    match read {
        Ok(text) => Excerpt::Read(of_container(&text).to_owned()),
        Err(Cause::Answer { code: 403, .. }) => Excerpt::Forbidden,
        Err(_) => Excerpt::Nothing,
    }
}

/// Returns what the container itself wrote: the kubelet ends a log that it cannot read, or not to its
/// end, with an error of its own, and with status 200 (`kuberuntime_container.go`, `GetContainerLogs`;
/// `cri-client`, `pkg/logs/logs.go`).
fn of_container(text: &str) -> &str {
    const OF_KUBELET: [&str; 5] = [
        "unable to retrieve container logs for ",
        "failed to try resolving symlinks in path \"/var/log/",
        "failed to open log file \"/var/log/",
        "failed to get container status ",
        "failed to create fsnotify watcher: ",
    ];
    let text = text.trim_end();
    let last = text.rfind('\n').map_or(0, |at| at + 1);
    let (rest, line) = text.split_at(last);
    let error = OF_KUBELET.iter().any(|it| line.starts_with(it));
    if error { rest.trim_end() } else { text }
}

/// Bytes that are no UTF-8 are replaced: a log may hold anything, and its limit may cut a letter.
async fn read(
    client: &Client,
    namespace: &str,
    pod: &str,
    params: LogParams,
) -> Result<String, kube::Error> {
    let request = pods(namespace)
        .logs(pod, &params)
        .map_err(kube::Error::BuildRequest)?;
    let response = client.send(request.map(Body::from)).await?;
    let status = response.status();
    let body = response.into_body().collect_bytes().await?;
    if status.is_success() {
        Ok(String::from_utf8_lossy(&body).into_owned())
    } else {
        Err(kube::Error::Api(status_of(status, &body).boxed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, silence, status, text};

    async fn logs(server: &Server) -> Logs {
        evidence(&server.client(), "shop", "web-1", "app").await
    }

    #[tokio::test]
    async fn the_former_instance_comes_first() {
        let server = Server::new().on("GET", "/pods/web-1/log", |request| {
            let previous = request.query.contains("previous=true");
            text(if previous {
                "panic: no database\n"
            } else {
                "starting\n"
            })
        });
        let logs = logs(&server).await;
        let expected = [
            Evidence::new(EvidenceKind::PreviousLog, "panic: no database"),
            Evidence::new(EvidenceKind::CurrentLog, "starting"),
        ];
        assert_eq!(logs.evidence, expected);
        let asked = server.requests("GET", "/log");
        let bounds = "container=app&limitBytes=65536";
        assert!(
            asked.iter().all(|it| it.query.contains(bounds)),
            "{asked:?}"
        );
        assert!(
            asked.iter().all(|it| it.query.contains("tailLines=60")),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn both_ends_of_a_log_are_read_or_nothing() {
        let whole = |query: &str| {
            text(if query.contains("tailLines=500") {
                "now\n"
            } else {
                "at first\n"
            })
        };
        let rows = [
            (
                "both",
                Server::new().on("GET", "/log", move |request| whole(&request.query)),
                Excerpt::Read("at first\nnow".to_owned()),
            ),
            (
                "may not",
                Server::new().on("GET", "/log", |_| status(403, "may not get pods/log")),
                Excerpt::Forbidden,
            ),
            (
                "the pod goes between both",
                Server::new().on("GET", "/log", move |request| {
                    if request.query.contains("tailLines") {
                        status(404, "not found")
                    } else {
                        whole(&request.query)
                    }
                }),
                Excerpt::Nothing,
            ),
        ];
        for (says, server, expected) in rows {
            let read = both_ends(&server.client(), "shop", "web-1", "app").await;
            assert_eq!(read, expected, "{says}");
            let asked = server.requests("GET", "/log");
            let bounded = asked
                .iter()
                .all(|it| it.query.contains("limitBytes=131072"));
            assert!(bounded && asked.len() == 2, "{says}: {asked:?}");
        }
    }

    #[tokio::test]
    async fn an_instance_that_does_not_exist_is_nothing_to_tell() {
        let server = Server::new().on("GET", "/log", |request| {
            if request.query.contains("previous=true") {
                status(
                    400,
                    "previous terminated container \"app\" in pod \"web-1\" not found",
                )
            } else {
                text("unable to retrieve container logs for containerd://abc")
            }
        });
        assert_eq!(logs(&server).await, Logs::default());
    }

    #[test]
    fn an_error_of_the_kubelet_is_no_line_of_the_container() {
        let path = "\"/var/log/pods/shop_web-1_1/app/3.log\"";
        let rows = [
            (
                "gone",
                "unable to retrieve container logs for containerd://abc".to_owned(),
                "",
            ),
            (
                "no file",
                format!(
                    "failed to try resolving symlinks in path {path}: lstat: no such file or directory"
                ),
                "",
            ),
            (
                "after lines",
                format!("starting\nfailed to open log file {path}: no such file or directory\n"),
                "starting",
            ),
            (
                "the container's own words",
                "failed to open log file \"/data/app.log\"\n".to_owned(),
                "failed to open log file \"/data/app.log\"",
            ),
            ("nothing", "\n".to_owned(), ""),
        ];
        for (says, text, expected) in rows {
            assert_eq!(of_container(&text), expected, "{says}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_noted_once_and_does_not_fail() {
        let server = Server::new().on("GET", "/log", |_| status(403, "may not get pods/log"));
        let logs = logs(&server).await;
        assert_eq!(logs.evidence, []);
        let note = "logs of container `app` in pod `web-1`: may not get pods/log (HTTP 403)";
        assert_eq!(logs.notes, [note]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_does_not_answer_costs_ten_seconds_in_all() {
        let begin = tokio::time::Instant::now();
        let server = Server::new().on("GET", "/log", |_| silence());
        let logs = logs(&server).await;
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert_eq!(logs.notes.len(), 1);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_replaced() {
        let server = Server::new().on("GET", "/log", |_| {
            crate::testing::bytes(b"caf\xc3".to_vec())
        });
        assert_eq!(logs(&server).await.evidence[0].text, "caf\u{fffd}");
    }
}
