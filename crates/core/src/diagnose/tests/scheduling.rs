//! Pods that find no node.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    let no_node =
        "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available";
    let growing =
        pod("a")
            .unschedulable(no_node)
            .event("TriggeredScaleUp", "pod triggered scale-up", 1);
    vec![
        row(
            "no node for 2 min",
            &[pod("a").unschedulable(no_node)],
            120,
            Terminal(Unschedulable),
        ),
        row(
            "no node for 1 min",
            &[pod("a").unschedulable(no_node)],
            60,
            Transient(Unschedulable),
        ),
        row(
            "no node for 5 min, but one is on its way",
            &[growing],
            300,
            Transient(Unschedulable),
        ),
    ]
}
