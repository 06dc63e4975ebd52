//! Pods whose sandbox or devices the node cannot prepare.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    let on_node = |pod: PodBuilder| pod.with("/spec/nodeName", serde_json::json!("node-1"));
    let sandbox = |last: u64, why: &str, count: i32| {
        let text = format!(
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: {why}"
        );
        on_node(pod("a")).event_until(last, ("FailedCreatePodSandBox", &text), count)
    };
    let plugin = "plugin type=\"azure-vnet\" failed (add): timed out";
    let no_ip = "plugin type=\"azure-vnet\" failed (add): IPAM Invoker Add failed: no available IPs on this subnet";
    let handler = |count| {
        let text = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for \"kata\" is configured";
        on_node(pod("a")).event_until(60, ("FailedCreatePodSandBox", text), count)
    };
    let device = |last, count| {
        let text = "Failed to prepare dynamic resources: claim shop/gpu: driver gpu.test is not registered";
        on_node(pod("a")).event_until(last, ("FailedPrepareDynamicResources", text), count)
    };
    let went_on = |it: PodBuilder, second| {
        it.later_event(second, "Pulled", "image already present")
            .seen(second)
    };
    let silent = || {
        on_node(pod("a")).with(
            "/status/conditions",
            serde_json::json!([{"type": "PodScheduled", "status": "True", "lastTransitionTime": at(0)}]),
        )
    };
    vec![
        row(
            "on its node for 1 min without a word",
            &[silent().event("Scheduled", "Successfully assigned shop/a to node-1", 1)],
            60,
            Noted(StillCreating),
        )
        .healed_by(70, went_on(silent(), 70)),
        row(
            "on its node for 1 min, and pulling its image",
            &[silent().event("Pulling", "Pulling image", 1)],
            60,
            Absent(StillCreating),
        ),
        row(
            "no sandbox for 5 min",
            &[sandbox(290, plugin, 20)],
            300,
            Terminal(SandboxNotCreated),
        )
        .healed_by(301, went_on(sandbox(290, plugin, 20), 301)),
        row(
            "no sandbox for 2 min: the node has just joined",
            &[sandbox(110, plugin, 9)],
            120,
            Transient(SandboxNotCreated),
        ),
        row(
            "no sandbox in the first minute, and nothing heard since",
            &[sandbox(60, plugin, 5)],
            400,
            Transient(SandboxNotCreated),
        ),
        row(
            "no IP address for 3 min",
            &[sandbox(170, no_ip, 15)],
            180,
            Terminal(SubnetExhausted),
        )
        .healed_by(181, went_on(sandbox(170, no_ip, 15), 181)),
        row(
            "no IP address for 1 min: an old pod gives one back",
            &[sandbox(60, no_ip, 5)],
            60,
            Transient(SubnetExhausted),
        ),
        row(
            "no runtime handler for 1 min",
            &[handler(5)],
            60,
            Terminal(RuntimeHandlerMissing),
        )
        .healed_by(70, went_on(handler(5), 70)),
        row(
            "no runtime handler, seen once",
            &[handler(1)],
            60,
            Transient(RuntimeHandlerMissing),
        ),
        row(
            "devices cannot be prepared for 2 min",
            &[device(115, 8)],
            120,
            Terminal(DeviceNotPrepared),
        )
        .healed_by(130, went_on(device(115, 8), 130)),
        row(
            "devices cannot be prepared for 1 min",
            &[device(55, 4)],
            60,
            Transient(DeviceNotPrepared),
        ),
    ]
}
