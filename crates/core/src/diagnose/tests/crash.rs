//! Containers that start and end again.

use super::*;

fn crash(restarts: i32) -> PodBuilder {
    pod("a").crash_loop(restarts, ("Error", 1, ""))
}

fn unstarted(restarts: i32, message: &str) -> PodBuilder {
    pod("a").crash_loop(restarts, ("StartError", 128, message))
}

const BAD_COMMAND: &str = "exec: \"/app\": executable file not found in $PATH";
const BAD_FORMAT: &str = "exec /app: exec format error";
const BAD_FOLDER: &str = "runc create failed: unable to start container process: error during container init: \
                          mkdir or chdir to cwd (\"/srv\") set in config.json failed: exec: no such file or directory";

const BAD_SHARED: &str = "exec: \"/shared/run\": stat /shared/run: no such file or directory";

/// Unstarted twice, with a volume at `/shared`.
fn on_volume(message: &str, volume: &serde_json::Value) -> PodBuilder {
    let mounts = json!([{"name": "shared", "mountPath": "/shared"}]);
    unstarted(3, message)
        .with("/spec/volumes", json!([volume]))
        .with("/spec/containers/0/volumeMounts", mounts)
}

/// A container of its own restart policy that ended at second 5.
fn ended(policy: &str, exit_code: i32) -> PodBuilder {
    let state = json!({"terminated": {"exitCode": exit_code, "reason": "Error",
        "startedAt": at(1), "finishedAt": at(5)}});
    pod("a")
        .with("/spec/containers/0/restartPolicy", json!(policy))
        .with("/status/containerStatuses/0/state", state)
}

/// A sidecar that has ended so often, with an exit code.
fn sidecar(restarts: i32, exit_code: i32) -> PodBuilder {
    init(
        &json!({"name": "proxy", "image": "proxy", "restartPolicy": "Always"}),
        restarts,
        exit_code,
    )
}

/// An init container that has ended so often, with an exit code.
fn init(spec: &serde_json::Value, restarts: i32, exit_code: i32) -> PodBuilder {
    let status = json!({"name": spec["name"], "image": "", "imageID": "", "ready": false, "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": exit_code, "reason": "Error"}}});
    pod("a")
        .with("/spec/initContainers", json!([spec]))
        .with("/status/initContainerStatuses", json!([status]))
}

/// Ready and down again so often, every 15 s; down for the first time at second 10.
fn flapping(name: &str, ends: i32) -> Vec<Observation> {
    let down = |restarts| {
        pod(name)
            .crash_loop(restarts, ("Error", 1, ""))
            .ready_once(9)
    };
    let mut all = Vec::new();
    for end in 0..ends {
        let second = u64::try_from(end).unwrap() * 15;
        all.extend(pod(name).ready(second).seen(second));
        all.extend(down(end).seen(second + 10));
    }
    all
}

/// Ready once, then down so often without being ready in between.
fn lost(ends: i32) -> Vec<Observation> {
    let mut all = flapping("a", 1);
    let down = pod("a").crash_loop(ends - 1, ("Error", 1, ""));
    all.extend(down.ready_once(9).seen(40));
    all
}

/// A row about pods that were seen to flap.
fn flaps(says: &'static str, seen: Vec<Observation>, seconds: u64, expect: Expect) -> Row {
    let mut row = row(says, &[], seconds, expect);
    row.observations.extend(seen);
    row
}

/// The same pod without a readiness probe.
fn unprobed(mut observation: Observation) -> Observation {
    if let crate::observation::Seen::Pod { object } = &mut observation.seen {
        let spec = object.spec.as_mut().unwrap();
        spec.containers[0].readiness_probe = None;
    }
    observation
}

pub(super) fn rows() -> Vec<Row> {
    [at_start(), after_ready(), commands()]
        .into_iter()
        .flatten()
        .collect()
}

fn at_start() -> Vec<Row> {
    vec![
        row(
            "crashed four times in 2m30s, never ready",
            &[crash(3)],
            150,
            Terminal(CrashAtStart),
        ),
        row(
            "crashed four times in 2 min: a fifth start may find its database",
            &[crash(3)],
            120,
            Transient(CrashAtStart),
        ),
        row(
            "crashed three times: it may wait for a dependency",
            &[crash(2)],
            180,
            Transient(CrashAtStart),
        )
        .healed_by(250, well(190)),
        row(
            "crashed four times, but another new pod is ready",
            &[crash(3), pod("b").ready(3)],
            180,
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
            "one crash after an hour of work, though it had crashed before",
            &[pod("a").crashed_after_an_hour(6)],
            60,
            Transient(CrashAtStart),
        ),
        row(
            "an init container fails four times",
            &[init(&json!({"name": "migrate", "image": "m"}), 3, 2)],
            150,
            Terminal(CrashAtStart),
        ),
        row(
            "an init container fails twice: waiting by failing is common",
            &[init(&json!({"name": "migrate", "image": "m"}), 1, 2)],
            35,
            Transient(CrashAtStart),
        ),
        row(
            "a sidecar fails four times",
            &[sidecar(3, 1)],
            150,
            Terminal(CrashAtStart),
        ),
        row(
            "a sidecar ends three times with code 0",
            &[sidecar(2, 0)],
            35,
            Terminal(ExitsAtOnce),
        ),
        row(
            "an init container that ended with code 0 is done",
            &[init(&json!({"name": "migrate", "image": "m"}), 2, 0)],
            35,
            Absent(ExitsAtOnce),
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
        )
        .healed_by(50, well(40)),
    ]
}

fn after_ready() -> Vec<Row> {
    let both = |ends| [flapping("a", ends), flapping("b", ends)].concat();
    let up_again = |seconds| pod("b").ready_after_crash(seconds, 8).seen(seconds);
    vec![
        flaps(
            "three ends after being ready",
            flapping("a", 3),
            160,
            Terminal(CrashAfterReady),
        ),
        flaps(
            "four ends, none of them ready again after the first",
            lost(4),
            160,
            Terminal(CrashAfterReady),
        ),
        flaps(
            "three ends, none of them ready again after the first: what it lost may be back",
            lost(3),
            160,
            Transient(CrashAfterReady),
        ),
        flaps(
            "three ends after being ready, as the other pod is just up between two of its own",
            [both(3), up_again(159)].concat(),
            160,
            Terminal(CrashAfterReady),
        ),
        flaps(
            "three ends after being ready, but another pod stays ready",
            [flapping("a", 3), pod("b").ready(1).seen(1)].concat(),
            160,
            Transient(CrashAfterReady),
        ),
        flaps(
            "two ends after being ready: the dependency may be back",
            flapping("a", 2),
            45,
            Transient(CrashAfterReady),
        )
        .healed_by(90, well(50)),
        flaps(
            "without a readiness probe every start is ready, which tells nothing",
            flapping("a", 3).into_iter().map(unprobed).collect(),
            45,
            Transient(CrashAtStart),
        ),
        row(
            "crashed four times last week and runs since: a blip of readiness is no crash",
            &[pod("a").runs_after_crashes(4)],
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
            &[crash(5).ready_once(30), crash(6).ready_once(30)],
            60,
            Transient(CrashAfterReady),
        ),
        row(
            "ended with code 1 and stays so for 30 s",
            &[ended("Never", 1)],
            35,
            Terminal(NotRestarted),
        ),
        row(
            "the whole pod ended, as no container is started again",
            &[ended("Never", 1).with("/status/phase", json!("Failed"))],
            35,
            Terminal(NotRestarted),
        ),
        row(
            "a pod that was evicted is no container's fault",
            &[ended("Never", 1)
                .with("/status/phase", json!("Failed"))
                .with("/status/reason", json!("Evicted"))],
            35,
            Absent(NotRestarted),
        ),
        row(
            "ended with code 0 under OnFailure",
            &[ended("OnFailure", 0)],
            35,
            Terminal(NotRestarted),
        ),
        row(
            "ended with code 1 and stays so for 10 s: a rule may restart it",
            &[ended("Never", 1)],
            15,
            Transient(NotRestarted),
        )
        .healed_by(50, well(40)),
        row(
            "ended with code 1 under OnFailure: it comes back",
            &[ended("OnFailure", 1)],
            35,
            Absent(NotRestarted),
        ),
    ]
}

fn commands() -> Vec<Row> {
    vec![
        row(
            "command not found, twice",
            &[unstarted(1, BAD_COMMAND)],
            3,
            Terminal(CommandNotRunnable),
        ),
        row(
            "command not found, twice, its start recorded as 1970",
            &[pod("a").never_started(1, BAD_COMMAND)],
            3600,
            Terminal(CommandNotRunnable),
        ),
        row(
            "working directory missing, twice",
            &[unstarted(1, BAD_FOLDER)],
            3,
            Terminal(CommandNotRunnable),
        ),
        row(
            "a node lacks a part of its runtime, and another new pod is ready",
            &[
                unstarted(
                    3,
                    "error running prestart hook #0: exit status 1, stderr: exec: \"nvidia-container-runtime-hook\": executable file not found in $PATH",
                ),
                pod("b").ready(0),
            ],
            60,
            Transient(CommandNotRunnable),
        ),
        row(
            "a command on an emptyDir is missing for 8 min: another container may still write it",
            &[on_volume(
                BAD_SHARED,
                &json!({"name": "shared", "emptyDir": {}}),
            )],
            480,
            Transient(CommandNotRunnable),
        )
        .healed_by(520, well(490)),
        row(
            "a command on an emptyDir is missing for 10 min",
            &[on_volume(
                BAD_SHARED,
                &json!({"name": "shared", "emptyDir": {}}),
            )],
            3600,
            Terminal(CommandNotRunnable),
        ),
        row(
            "a script in a ConfigMap that lacks its execute bit: the mode is in the template",
            &[on_volume(
                BAD_SHARED,
                &json!({"name": "shared", "configMap": {"name": "scripts"}}),
            )],
            3,
            Terminal(CommandNotRunnable),
        ),
        row(
            "a command beside the folder of a volume is in the image",
            &[on_volume(
                "exec: \"/shared-tools/run\": no such file or directory",
                &json!({"name": "shared", "emptyDir": {}}),
            )],
            3,
            Terminal(CommandNotRunnable),
        ),
        row(
            "a program on a volume that is being written has no format yet",
            &[on_volume(
                "exec /shared/run: exec format error",
                &json!({"name": "shared", "emptyDir": {}}),
            )
            .with("/spec/containers/0/command", json!(["/shared/run"]))],
            60,
            Transient(ExecFormatError),
        )
        .healed_by(90, well(70)),
        row(
            "command not found, once",
            &[unstarted(0, BAD_COMMAND)],
            1,
            Transient(CommandNotRunnable),
        )
        .healed_by(30, well(20)),
        row(
            "a missing file of the runtime itself is no fault of the command",
            &[unstarted(
                1,
                "mkdir /run/containerd: no such file or directory",
            )],
            30,
            Absent(CommandNotRunnable),
        ),
        row(
            "start error that is the node's fault",
            &[unstarted(3, "cannot allocate memory")],
            30,
            Absent(CommandNotRunnable),
        ),
        row(
            "the disk is full as the container starts, 3 min",
            &[unstarted(5, "write /run/x: no space left on device")],
            180,
            Terminal(NodeDiskFull),
        ),
        row(
            "exec format error, twice",
            &[unstarted(1, BAD_FORMAT)],
            3,
            Terminal(ExecFormatError),
        ),
        row(
            "exec format error by the end of the process, twice",
            &[pod("a").crash_loop(1, ("Error", 255, BAD_FORMAT))],
            3,
            Terminal(ExecFormatError),
        ),
        row(
            "exec format error, once",
            &[unstarted(0, BAD_FORMAT)],
            3,
            Transient(ExecFormatError),
        )
        .healed_by(30, well(20)),
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
        )
        .healed_by(50, well(40)),
    ]
}
