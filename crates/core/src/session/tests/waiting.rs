//! While a session waits, it says for what and how long at most.

use serde_json::json;

use super::*;
use crate::report::{Line, event_lines};

const STATUS: &str = "/status/containerStatuses/0";

/// A container that ended at the start, and waits for its next start.
fn backing_off(restarts: i32, says: &str) -> PodBuilder {
    pod("a")
        .crash_loop(restarts, ("Error", 1, ""))
        .with(
            &format!("{STATUS}/lastState/terminated/finishedAt"),
            json!(start()),
        )
        .with(&format!("{STATUS}/state/waiting/message"), json!(says))
}

fn lacking(what: &str) -> PodBuilder {
    pod("a").waiting("CreateContainerConfigError", &format!("{what} not found"))
}

struct Wait {
    says: &'static str,
    pod: PodBuilder,
    timeout: u64,
    at: u64,
    suspects: &'static [&'static str],
    total: &'static str,
}

#[test]
fn a_wait_says_for_what_it_waits_when_that_decides_and_how_much_time_is_left() {
    const BACK_OFF: &str = "back-off 20s restarting failed container=app pod=a_shop";
    let rows = [
        Wait {
            says: "the next start comes in 15 s",
            pod: backing_off(2, BACK_OFF),
            timeout: 300,
            at: 5,
            suspects: &[
                "CrashAtStart: 3 of 4 ends, next start in 15s, decides by +5m: container `app` ended 3 times with exit code 1 and was never ready",
            ],
            total: "2 restarts, 4m55s left",
        },
        Wait {
            says: "the back-off is over",
            pod: backing_off(1, BACK_OFF),
            timeout: 300,
            at: 25,
            suspects: &[
                "CrashAtStart: 2 of 4 ends, the next start is due, decides by +5m: container `app` ended 2 times with exit code 1 and was never ready",
            ],
            total: "1 restart, 4m35s left",
        },
        Wait {
            says: "the kubelet does not say how long it waits",
            pod: backing_off(1, "restarting soon"),
            timeout: 300,
            at: 5,
            suspects: &[
                "CrashAtStart: 2 of 4 ends, decides by +5m: container `app` ended 2 times with exit code 1 and was never ready",
            ],
            total: "1 restart, 4m55s left",
        },
        Wait {
            says: "often enough, and not yet for long enough",
            pod: backing_off(3, BACK_OFF),
            timeout: 300,
            at: 12,
            suspects: &[
                "CrashAtStart for 12s, decides by +2m30s: container `app` ended 4 times with exit code 1 and was never ready",
            ],
            total: "3 restarts, 4m48s left",
        },
        Wait {
            says: "a ConfigMap may still come",
            pod: lacking("configmap \"app-config\""),
            timeout: 300,
            at: 12,
            suspects: &[
                "ConfigObjectMissing for 12s, decides by +2m: container `app` needs ConfigMap `app-config`, which does not exist",
            ],
            total: "4m48s left",
        },
        Wait {
            says: "the timeout comes first",
            pod: lacking("configmap \"app-config\""),
            timeout: 60,
            at: 12,
            suspects: &[
                "ConfigObjectMissing for 12s, decides by +1m: container `app` needs ConfigMap `app-config`, which does not exist",
            ],
            total: "48s left",
        },
        Wait {
            says: "an image with a long name cannot be pulled, and more pulls must fail",
            pod: pod("a").waiting("ErrImagePull", "x: not found").with(
                "/spec/containers/0/image",
                json!("contoso.azurecr.io/shop/web:2026.11.30"),
            ),
            timeout: 300,
            at: 12,
            suspects: &[
                "ImagePullFailing: 1 of 3 pulls, decides by +5m: image `…/web:2026.11.30` cannot be pulled",
            ],
            total: "4m48s left",
        },
        Wait {
            says: "nothing is suspected",
            pod: pod("a").ready(0),
            timeout: 300,
            at: 12,
            suspects: &[],
            total: "4m48s left",
        },
    ];
    for row in rows {
        let policy = policy(row.timeout);
        let mut session = Session::new([web()], policy, start());
        let mut all = first_look(rolling(), &[row.pod]);
        all.push(Session::tick(at(row.at)));
        for observation in all {
            let _ = session.observe(observation);
        }
        let waiting = session.waiting(&session.workloads()[0], at(row.at));
        assert_eq!(waiting.suspects, row.suspects, "{}", row.says);
        assert_eq!(waiting.to_string(), row.total, "{}", row.says);
    }
}

#[test]
fn a_reminder_has_a_line_for_each_suspect() {
    let mut session = Session::new([web()], policy(300), start());
    let mut told = Vec::new();
    let mut all = first_look(rolling(), &[lacking("configmap \"app-config\"")]);
    all.push(Session::tick(at(30)));
    for observation in all {
        let step = session.observe(observation);
        let reminders = step.events.iter();
        let reminders = reminders.filter(|it| matches!(it, SessionEvent::Reminder { .. }));
        told.extend(reminders.flat_map(|it| event_lines(it, start(), false)));
    }
    let told: Vec<String> = told.iter().map(Line::text).collect();
    let [wait, suspect] = told.as_slice() else {
        panic!("{told:#?}")
    };
    assert!(wait.starts_with("  +30s  still waiting: "), "{wait}");
    assert!(wait.ends_with("; 4m30s left"), "{wait}");
    assert!(
        suspect.starts_with("        ConfigObjectMissing for 30s, decides by +2m: "),
        "{suspect}"
    );
}

#[test]
fn progress_is_the_share_of_the_time_that_is_over() {
    let session = Session::new([web()], policy(200), start());
    for (second, percent) in [(0, 0), (9, 0), (10, 5), (100, 50), (199, 95), (4000, 95)] {
        assert_eq!(session.progress(at(second)), percent, "{second}");
    }
}
