//! A workload's past, as an API server or the author of an annotation may send it.

use rollguard_core::history::History;
use rollguard_core::report::parse_approval;
use rollguard_core::rollback::preflight::questions;
use rollguard_core::rollback::{
    ReadBack, Request, RollbackDecision, RollbackPlan, decide, read_back, stuck_pod_step,
};
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use serde_json::Value;

/// `{"kind": …, "object": …, "revisionObjects": […], "pods": […], "evidence": …}`.
pub(crate) fn past(text: &str) {
    let Ok(past) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let history = history(&past);
    let evidence = past.get("evidence").map(Value::to_string);
    let evidence = evidence.and_then(|it| parse_approval(&it).ok());
    let approved = evidence.as_ref().and_then(|it| it.of(history.workload()));
    let judged = history.current().map(|it| it.uid().to_owned());
    let requests = [
        Request::default(),
        Request {
            judged,
            ..Request::default()
        },
        Request {
            approval: approved.cloned(),
            ..Request::default()
        },
    ];
    for request in requests {
        if let RollbackDecision::Apply(plan) = decide(&history, &request) {
            keeps_its_promises(&plan, &history);
        }
    }
    for entry in history.entries() {
        let _ = stuck_pod_step(&history, &entry);
    }
}

fn history(past: &Value) -> History {
    let kind = match past.get("kind").and_then(Value::as_str) {
        Some("StatefulSet") => WorkloadKind::StatefulSet,
        Some("DaemonSet") => WorkloadKind::DaemonSet,
        Some(_) | None => WorkloadKind::Deployment,
    };
    let workload = WorkloadRef {
        kind,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    let list = |name: &str| -> Vec<Value> {
        let list = past.get(name).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let pods = list("pods").into_iter();
    let pods = pods.filter_map(|it| serde_json::from_value(it).ok());
    let object = past.get("object").cloned().unwrap_or_default();
    History::new(workload, object, list("revisionObjects"), pods.collect())
}

fn keeps_its_promises(plan: &RollbackPlan, history: &History) {
    assert_ne!(plan.from.uid, plan.to.uid);
    // What the patch tests before it replaces.
    assert_eq!(plan.uid, history.uid());
    assert_eq!(&plan.template_change.judged, history.template());
    assert_ne!(read_back(plan, history), ReadBack::Superseded);
    let asked = questions(plan, history);
    assert_eq!(asked.pod["kind"], "Pod");
}
