//! Describes what probes request and how containers answer.

use k8s_openapi::api::core::v1::{Event, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::diagnose::{between, clipped};
use crate::foreign_text::{command as shown_command, without_query};
use crate::snapshot::{ContainerView, event_time};

/// Describes what the probe requests, and the answer.
pub(super) fn outcome(probe: &Probe, answer: Option<&str>) -> String {
    let port = |port: &IntOrString| match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    let (asked, fails) = if let Some(http) = &probe.http_get {
        let path = without_query(http.path.as_deref().unwrap_or("/"));
        let asked = format!("GET {path} on port {}", port(&http.port));
        (asked, "fails")
    } else if let Some(tcp) = &probe.tcp_socket {
        (format!("a connection to port {}", port(&tcp.port)), "fails")
    } else if let Some(grpc) = &probe.grpc {
        let asked = format!("the gRPC health check on port {}", grpc.port);
        (asked, "fails")
    } else {
        let command = probe.exec.as_ref().and_then(|exec| exec.command.as_ref());
        let command = command.map(|it| clipped(&shown_command(it.iter().map(String::as_str)), 120));
        let asked = command.map_or_else(
            || "its command".to_owned(),
            |it| format!("its command `{it}`"),
        );
        (asked, "fails")
    };
    match answer.and_then(said) {
        Some(answer) => format!("{asked} {answer}"),
        None => format!("{asked} {fails}"),
    }
}

/// Shortens the kubelet's message about an answer (`probe/http`, `tcp`, `exec`, `grpc`).
fn said(event: &str) -> Option<String> {
    const LATE: [&str; 5] = [
        "Client.Timeout",
        "deadline exceeded",
        "i/o timeout",
        "did not complete within",
        "timed out",
    ];
    let (_, answer) = event.split_once(": ")?;
    let answer = answer.trim();
    if let Some(status) = answer.strip_prefix("HTTP probe failed with statuscode: ") {
        return Some(format!("answers HTTP {}", clipped(status, 10)));
    }
    if answer.contains("connection refused") {
        return Some("is refused: nothing listens there".to_owned());
    }
    if LATE.iter().any(|it| answer.contains(it)) {
        return Some("gets no answer in time (timeoutSeconds)".to_owned());
    }
    if let Some(status) = between(answer, "responded with \"", "\"") {
        return Some(format!("answers {}", clipped(status, 40)));
    }
    (!answer.is_empty()).then(|| format!("fails: {}", clipped(answer, 160)))
}

pub(super) fn newest_failure<'a>(container: &ContainerView<'a>, kind: &str) -> Option<&'a str> {
    let failed = newest_event(container, &format!("{kind} probe failed"))?;
    failed.message.as_deref()
}

/// Returns the newest `Unhealthy` event of a container with a message that begins with `begins`.
///
/// An event that names no container counts for this one.
pub(super) fn newest_event<'a>(container: &ContainerView<'a>, begins: &str) -> Option<&'a Event> {
    let field = format!("{{{}}}", container.name());
    let wanted = |event: &&Event| {
        let text = event.message.as_deref().unwrap_or_default();
        let about = event.involved_object.field_path.as_deref();
        event.reason.as_deref() == Some("Unhealthy")
            && text.to_ascii_lowercase().starts_with(begins)
            && about.is_none_or(|it| it.contains(&field))
    };
    let events = container.pod.events().filter(wanted);
    events.max_by_key(|event| event_time(event))
}
