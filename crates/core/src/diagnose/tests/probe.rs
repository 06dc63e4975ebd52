//! Probes that keep a pod from being ready, or kill it.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    let killed = |count| {
        pod("a").crash_loop(count, ("Error", 137, "")).event(
            "Killing",
            "Container app failed liveness probe, will be restarted",
            count,
        )
    };
    let exhausted = |count| {
        pod("a").crash_loop(count, ("Error", 137, "")).event(
            "Killing",
            "Container app failed startup probe, will be restarted",
            count,
        )
    };
    let unready = |events: bool| {
        let pod = pod("a").running(0, 0);
        if events {
            pod.event(
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                9,
            )
        } else {
            pod
        }
    };
    vec![
        row(
            "killed twice by its liveness probe",
            &[killed(2)],
            30,
            Terminal(LivenessKillsStart),
        ),
        row(
            "killed twice by its liveness probe, but long ready in between",
            &[killed(2).ready_once(30)],
            40,
            Transient(LivenessKillsStart),
        ),
        row(
            "killed once by its liveness probe",
            &[killed(1)],
            30,
            Transient(LivenessKillsStart),
        ),
        row(
            "a kill by the liveness probe is no crash",
            &[killed(4)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "killed twice by its startup probe",
            &[exhausted(2)],
            30,
            Terminal(StartupProbeExhausted),
        ),
        row(
            "killed once by its startup probe",
            &[exhausted(1)],
            30,
            Transient(StartupProbeExhausted),
        ),
        row(
            "readiness fails for 5 min",
            &[unready(true)],
            300,
            Terminal(ReadinessFailing),
        ),
        row(
            "readiness fails since a second, after days of being ready",
            &[unready(true).ready_once(299)],
            300,
            Transient(ReadinessFailing),
        ),
        row(
            "readiness fails for 1 min",
            &[unready(true)],
            60,
            Transient(ReadinessFailing),
        ),
        row(
            "not ready within the probe's own budget",
            &[unready(false)],
            4,
            Absent(ReadinessFailing),
        ),
        row(
            "not ready beyond the probe's budget, events unseen",
            &[unready(false)],
            30,
            Transient(ReadinessFailing),
        ),
    ]
}
