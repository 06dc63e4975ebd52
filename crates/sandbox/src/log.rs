//! Container logs, by pod, container and instance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use crate::clock::micros;
use crate::http::Call;
use crate::object::{int, items, name, text, uid};
use crate::status::ApiFailure;

/// A run of a container, counted by its restarts from zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContainerRun {
    pub(crate) pod_uid: String,
    pub(crate) container: String,
    pub(crate) instance: i64,
}

/// The lines that containers wrote.
#[derive(Debug, Default)]
pub(crate) struct Logs(BTreeMap<ContainerRun, Vec<(Timestamp, String)>>);

impl Logs {
    pub(crate) fn write(&mut self, run: ContainerRun, at: Timestamp, line: String) {
        self.0.entry(run).or_default().push((at, line));
    }

    pub(crate) fn forget(&mut self, pod_uid: &str) {
        self.0.retain(|run, _| run.pod_uid != pod_uid);
    }

    fn lines(&self, run: &ContainerRun) -> &[(Timestamp, String)] {
        self.0.get(run).map_or(&[], Vec::as_slice)
    }
}

/// Answers `GET …/pods/<name>/log`. What is there is answered and the answer ends, also with
/// `follow`.
pub(crate) fn read(logs: &Logs, pod: &Value, call: &Call) -> Result<String, ApiFailure> {
    let container = container(pod, call.query("container"))?;
    if text(pod, "/spec/nodeName").is_empty() {
        return Ok(String::new());
    }
    let status = ["/status/containerStatuses", "/status/initContainerStatuses"]
        .into_iter()
        .flat_map(|list| items(pod, list))
        .find(|status| status["name"] == container);
    let instance = instance(pod, container, status, call.is_set("previous"))?;
    let lines = logs.lines(&ContainerRun {
        pod_uid: uid(pod).to_owned(),
        container: container.to_owned(),
        instance,
    });
    let tail = call
        .number("tailLines")
        .and_then(|tail| usize::try_from(tail).ok())
        .unwrap_or(usize::MAX);
    let mut answer = String::new();
    for (at, line) in lines
        .get(lines.len().saturating_sub(tail)..)
        .unwrap_or_default()
    {
        if call.is_set("timestamps") {
            let _ = write!(answer, "{} ", micros(*at));
        }
        answer.push_str(line);
        answer.push('\n');
    }
    if let Some(limit) = call.number("limitBytes")
        && let Ok(limit) = usize::try_from(limit)
    {
        let end = (0..=limit.min(answer.len()))
            .rev()
            .find(|end| answer.is_char_boundary(*end));
        answer.truncate(end.unwrap_or(0));
    }
    Ok(answer)
}

/// The container that is meant (kubernetes `pkg/registry/core/pod/strategy.go`, `LogLocation`).
fn container<'a>(pod: &'a Value, asked: &str) -> Result<&'a str, ApiFailure> {
    let names = |list| items(pod, list).iter().map(|it| text(it, "/name"));
    if !asked.is_empty() {
        return names("/spec/containers")
            .chain(names("/spec/initContainers"))
            .find(|it| *it == asked)
            .ok_or_else(|| {
                ApiFailure::bad_request(format!(
                    "container {asked} is not valid for pod {}",
                    name(pod)
                ))
            });
    }
    let all: Vec<_> = names("/spec/containers").collect();
    match all.as_slice() {
        [one] => Ok(one),
        several => Err(ApiFailure::bad_request(format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            name(pod),
            several.join(" ")
        ))),
    }
}

/// Which instance is meant (kubernetes `pkg/kubelet/kubelet_pods.go`,
/// `validateContainerLogStatus`). While a container waits to be restarted, its last run is both
/// the current and the previous one.
fn instance(
    pod: &Value,
    container: &str,
    status: Option<&Value>,
    previous: bool,
) -> Result<i64, ApiFailure> {
    let fail = |text: String| Err(ApiFailure::bad_request(text));
    let pod = name(pod);
    let Some(status) = status else {
        return fail(format!(
            "container \"{container}\" in pod \"{pod}\" is not available"
        ));
    };
    let restarts = int(status, "/restartCount");
    let waiting = status.pointer("/state/waiting");
    let ended = status.pointer("/lastState/terminated").is_some();
    match (waiting, ended) {
        (None, true) if previous => Ok(restarts - 1),
        (_, false) if previous => fail(format!(
            "previous terminated container \"{container}\" in pod \"{pod}\" not found"
        )),
        (Some(_), true) | (None, _) => Ok(restarts),
        (Some(waiting), false) => {
            let why = match text(waiting, "/reason") {
                "ErrImagePull" => "image can't be pulled",
                "ImagePullBackOff" => "trying and failing to pull image",
                reason => reason,
            };
            fail(format!(
                "container \"{container}\" in pod \"{pod}\" is waiting to start: {why}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;

    fn pod(status: &Value) -> Value {
        let mut status = status.clone();
        status["name"] = json!("app");
        json!({"metadata": {"name": "web-1", "uid": "u1"},
               "spec": {"nodeName": "n", "containers": [{"name": "app"}]},
               "status": {"containerStatuses": [status]}})
    }

    fn logs() -> Logs {
        let mut logs = Logs::default();
        for (instance, line) in [(0, "first"), (1, "second"), (1, "third")] {
            let run = ContainerRun {
                pod_uid: "u1".to_owned(),
                container: "app".to_owned(),
                instance,
            };
            logs.write(run, Timestamp::UNIX_EPOCH, line.to_owned());
        }
        logs
    }

    fn ask(status: &Value, query: &str) -> Result<String, String> {
        let uri = format!("/api/v1/namespaces/shop/pods/web-1/log?{query}");
        let call = Call::parse(&Method::GET, &uri.parse().unwrap()).unwrap();
        read(&logs(), &pod(status), &call).map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn the_instance_that_is_asked_for_is_read() {
        let running =
            json!({"restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {}}});
        let backing_off = json!({"restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                                 "lastState": {"terminated": {}}});
        assert_eq!(ask(&running, "").unwrap(), "second\nthird\n");
        assert_eq!(ask(&running, "tailLines=1").unwrap(), "third\n");
        assert_eq!(ask(&running, "previous=true").unwrap(), "first\n");
        assert_eq!(ask(&backing_off, "").unwrap(), "second\nthird\n");
        assert_eq!(
            ask(&backing_off, "previous=true").unwrap(),
            "second\nthird\n"
        );
        assert_eq!(ask(&running, "limitBytes=3").unwrap(), "sec");
    }

    #[test]
    fn what_is_not_there_is_a_bad_request_in_the_kubelets_words() {
        let starting =
            json!({"restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}});
        assert_eq!(
            ask(&starting, "").unwrap_err(),
            "container \"app\" in pod \"web-1\" is waiting to start: ContainerCreating"
        );
        let running = json!({"restartCount": 0, "state": {"running": {}}});
        assert_eq!(
            ask(&running, "previous=true").unwrap_err(),
            "previous terminated container \"app\" in pod \"web-1\" not found"
        );
        assert_eq!(
            ask(&running, "container=proxy").unwrap_err(),
            "container proxy is not valid for pod web-1"
        );
    }
}
