//! Containers that start and end again.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    let crash = |restarts| pod("a").crash_loop(restarts, ("Error", 1, ""));
    let bad_command = "exec: \"/app\": executable file not found in $PATH";
    vec![
        row(
            "crashed four times, never ready",
            &[crash(3)],
            35,
            Terminal(CrashAtStart),
        ),
        row(
            "crashed three times: it may wait for a dependency",
            &[crash(2)],
            35,
            Transient(CrashAtStart),
        ),
        row(
            "crashed four times, but another new pod is ready",
            &[crash(3), pod("b").ready(3)],
            35,
            Transient(CrashAtStart),
        ),
        row(
            "an old pod crashes: not the new revision's fault",
            &[pod_of("old", "v1").crash_loop(9, ("Error", 1, ""))],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "crashed three times before it became ready",
            &[crash(3), pod("a").ready(40)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "crashed four times last week and runs since: a blip of readiness is no crash",
            &[pod("a").runs_after_crashes(4)],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "one crash after an hour of work, though it had crashed before",
            &[pod("a").crashed_after_an_hour(6)],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "ready between two crashes: not well before it outlives the run it crashed after",
            &[pod("a").ready_after_crash(20, 15)],
            30,
            Transient(CrashAtStart),
        ),
        row(
            "ready for longer than the run it crashed after",
            &[pod("a").ready_after_crash(20, 15)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "restarted six times before the session and crashed once in it",
            &[
                pod("a").crash_loop(5, ("Error", 1, "")).ready_once(30),
                pod("a").crash_loop(6, ("Error", 1, "")).ready_once(30),
            ],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "ended three times with code 0",
            &[pod("a").crash_loop(2, ("Completed", 0, ""))],
            20,
            Terminal(ExitsAtOnce),
        ),
        row(
            "ended twice with code 0",
            &[pod("a").crash_loop(1, ("Completed", 0, ""))],
            20,
            Transient(ExitsAtOnce),
        ),
        row(
            "command not found, twice",
            &[pod("a").crash_loop(1, ("StartError", 128, bad_command))],
            3,
            Terminal(CommandNotRunnable),
        ),
        row(
            "command not found, twice, its start recorded as 1970",
            &[pod("a").never_started(1, bad_command)],
            3600,
            Terminal(CommandNotRunnable),
        ),
        row(
            "command not found, once",
            &[pod("a").crash_loop(0, ("StartError", 128, bad_command))],
            1,
            Transient(CommandNotRunnable),
        ),
        row(
            "a missing file of the runtime itself is no fault of the command",
            &[pod("a").crash_loop(
                1,
                (
                    "StartError",
                    128,
                    "mkdir /run/containerd: no such file or directory",
                ),
            )],
            30,
            Absent(CommandNotRunnable),
        ),
        row(
            "start error that is the node's fault",
            &[pod("a").crash_loop(3, ("StartError", 128, "cannot allocate memory"))],
            30,
            Absent(CommandNotRunnable),
        ),
        row(
            "out of memory three times",
            &[pod("a").crash_loop(2, ("OOMKilled", 137, ""))],
            20,
            Terminal(OutOfMemory),
        ),
        row(
            "out of memory twice",
            &[pod("a").crash_loop(1, ("OOMKilled", 137, ""))],
            20,
            Transient(OutOfMemory),
        ),
    ]
}
