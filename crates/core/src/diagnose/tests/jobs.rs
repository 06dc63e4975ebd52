//! Causes that only Jobs have, and those of their pods.

use super::*;
use crate::testing::{JobBuilder, job, job_pod, workload_event};

const ERROR: (&str, i32, &str) = ("Error", 1, "");
const NO_PROGRAM: (&str, i32, &str) = (
    "StartError",
    128,
    "exec: \"/migrate\": stat /migrate: no such file or directory",
);
const LIMIT: &str = "Job has reached the specified backoff limit";

fn run(says: &'static str, job: JobBuilder, pods: &[PodBuilder], judged: (u64, Expect)) -> Row {
    with_pods(says, vec![job.seen(0)], pods, judged)
}

/// A Job of three indexes with one failure allowed for each.
fn indexed() -> JobBuilder {
    job()
        .spec("completions", 3)
        .spec("completionMode", "Indexed")
        .spec("backoffLimitPerIndex", 1)
}

fn another(seconds: u64) -> Vec<Observation> {
    vec![job().metadata("uid", "j-2").seen(seconds)]
}

pub(super) fn rows() -> Vec<Row> {
    let lost = || job_pod("a").ended(5, ERROR);
    [
        ended(&lost()),
        indexes(),
        suspended(),
        retried(&lost()),
        of_pods(),
    ]
    .concat()
}

fn ended(lost: &PodBuilder) -> Vec<Row> {
    let exceeded = || job().counts(0, 0, 3).failed("BackoffLimitExceeded", LIMIT);
    let target = |reason| {
        job()
            .counts(1, 0, 1)
            .condition("FailureTarget", (reason, ""))
    };
    vec![
        run("its pods failed too often", exceeded(), std::slice::from_ref(lost), (6, Terminal(JobRetriesExhausted)))
            .healed_by(9, another(9)),
        run("none of its pods is left", exceeded(), &[], (6, Terminal(JobRetriesExhausted))),
        run(
            "it has failed, and a pod still ends",
            target("BackoffLimitExceeded"),
            &[lost.clone(), job_pod("b").running(1, 0)],
            (6, Terminal(JobRetriesExhausted)),
        ),
        run("one failure is left", job().counts(0, 0, 2), std::slice::from_ref(lost), (600, Absent(JobRetriesExhausted))),
        run(
            "it took too long",
            job().spec("activeDeadlineSeconds", 30).counts(0, 0, 1).failed("DeadlineExceeded", "Job was active longer than specified deadline"),
            &[],
            (31, Terminal(JobDeadlineExceeded)),
        )
        .healed_by(40, another(40)),
        run(
            "its time is over soon",
            job().spec("activeDeadlineSeconds", 30).counts(1, 0, 0),
            &[job_pod("a").running(1, 0)],
            (29, Absent(JobDeadlineExceeded)),
        ),
        run(
            "its policy ended it",
            job().counts(0, 0, 1).failed(
                "PodFailurePolicy",
                "Container app for pod shop/a failed with exit code 42 matching FailJob rule at index 0",
            ),
            &[job_pod("a").ended(5, ("Error", 42, "")), job_pod("b").ended(7, ERROR)],
            (8, Terminal(JobPolicyFailed)),
        )
        .healed_by(9, another(9)),
        run(
            "no rule of its policy matches",
            job().spec("podFailurePolicy", json!({"rules": []})).counts(0, 0, 1),
            std::slice::from_ref(lost),
            (60, Absent(JobPolicyFailed)),
        ),
        run(
            "another controller says that it failed",
            job().spec("managedBy", "acme.test/multi").failed("ClusterLost", "cluster eu is gone"),
            &[],
            (6, Terminal(JobFailed)),
        )
        .healed_by(9, another(9)),
        run("it has succeeded", job().counts(0, 1, 1).complete(), std::slice::from_ref(lost), (6, Absent(JobFailed))),
    ]
}

fn indexes() -> Vec<Row> {
    let failed = || indexed().counts(1, 1, 2).status("failedIndexes", "1");
    let policy = json!({"rules": [{"succeededCount": 2}]});
    vec![
        run(
            "an index has failed for the last time while another runs",
            failed(),
            &[job_pod("a").ended(5, ERROR)],
            (6, Terminal(JobIndexFailed)),
        )
        .healed_by(9, vec![indexed().counts(1, 1, 2).seen(9)]),
        run(
            "the rest may still meet the success policy",
            failed().spec("successPolicy", policy),
            &[job_pod("a").ended(5, ERROR)],
            (600, Transient(JobIndexFailed)),
        ),
        run(
            "too many indexes failed",
            indexed().status("failedIndexes", "0,2").failed(
                "MaxFailedIndexesExceeded",
                "Job has exceeded the specified maximal number of failed indexes",
            ),
            &[],
            (6, Terminal(JobIndexFailed)),
        ),
        run(
            "an index may fail once more",
            indexed().counts(1, 1, 1),
            &[],
            (600, Absent(JobIndexFailed)),
        ),
    ]
}

fn suspended() -> Vec<Row> {
    let queued = json!({"kueue.x-k8s.io/queue-name": "night"});
    vec![
        run(
            "it is suspended",
            job().suspended(),
            &[],
            (10, Terminal(JobSuspended)),
        )
        .healed_by(12, vec![job().counts(1, 0, 0).seen(12)]),
        run(
            "it was suspended just now",
            job().suspended(),
            &[],
            (9, Transient(JobSuspended)),
        ),
        run(
            "a queue admits it later",
            job().suspended().metadata("labels", queued),
            &[],
            (280, Transient(JobSuspended)),
        ),
        run(
            "another controller resumes it",
            job().suspended().spec("managedBy", "acme.test/multi"),
            &[],
            (280, Transient(JobSuspended)),
        ),
        run(
            "it may run no pod",
            job().spec("parallelism", 0),
            &[],
            (10, Terminal(JobSuspended)),
        ),
        run(
            "it was suspended after its end",
            job().suspended().complete(),
            &[],
            (60, Absent(JobSuspended)),
        ),
    ]
}

fn retried(lost: &PodBuilder) -> Vec<Row> {
    let restarts = |times| {
        job_pod("a")
            .with("/spec/restartPolicy", json!("OnFailure"))
            .crash_loop(times, ERROR)
    };
    vec![
        run(
            "a pod failed, and the next one is to come",
            job().counts(0, 0, 1),
            std::slice::from_ref(lost),
            (280, Transient(JobPodFailed)),
        )
        .healed_by(290, vec![job().counts(0, 1, 1).complete().seen(290)]),
        run(
            "its container is restarted",
            job().counts(1, 0, 0),
            &[restarts(2)],
            (280, Transient(JobPodFailed)),
        ),
        run(
            "a crash in its pod is no crash of a server",
            job().counts(1, 0, 0),
            &[restarts(6)],
            (280, Absent(CrashAtStart)),
        ),
        run(
            "its pod used too much memory once",
            job().counts(0, 0, 1),
            &[job_pod("a").ended(5, ("OOMKilled", 137, ""))],
            (280, Absent(OutOfMemory)),
        ),
        run(
            "its pod runs",
            job().counts(1, 0, 0),
            &[job_pod("a").running(1, 0)],
            (280, Absent(JobPodFailed)),
        ),
        run(
            "its pod succeeded",
            job().counts(0, 1, 0),
            &[job_pod("a").ended(5, ("Completed", 0, ""))],
            (60, Absent(JobPodFailed)),
        ),
        run(
            "its pod succeeded: nothing else is wrong",
            job().counts(0, 1, 0),
            &[job_pod("a").ended(5, ("Completed", 0, ""))],
            (60, Absent(ExitsAtOnce)),
        ),
    ]
}

/// Its pod waits for a Secret for two minutes, while a Job runs.
fn waits_for_secret(says: &'static str, runs: &str, expect: Expect) -> Row {
    let pod = job_pod("a").waiting("CreateContainerConfigError", "secret \"db\" not found");
    let mut row = run(says, job().counts(1, 0, 0), &[pod], (121, expect));
    let promise = Promise {
        since: Some(at(0)),
        ..Promise::read(format!("Job `{runs}`"))
    };
    let seen = Seen::LookedUp {
        lookup: Lookup::Secret { name: "db".into() },
        promises: vec![promise],
    };
    row.observations.push(Observation::new(at(1), seen));
    row
}

fn of_pods() -> Vec<Row> {
    let pull = || job_pod("a").waiting("InvalidImageName", "");
    let quota = "Error creating: pods \"migrate-\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2";
    let refused = |says, active, at, expect| {
        let mut row = run(says, job().counts(active, 0, 0), &[], (at, expect));
        row.observations
            .push(workload_event(1, "j-1", "FailedCreate", quota));
        row
    };
    vec![
        run(
            "its image's name is malformed",
            job().counts(1, 0, 0),
            &[pull()],
            (5, Terminal(InvalidImageName)),
        ),
        run(
            "two pods found no program",
            job().counts(0, 0, 2),
            &[
                job_pod("a").ended(5, NO_PROGRAM),
                job_pod("b").ended(15, NO_PROGRAM),
            ],
            (16, Terminal(CommandNotRunnable)),
        ),
        run(
            "one pod found no program",
            job().counts(0, 0, 1),
            &[job_pod("a").ended(5, NO_PROGRAM)],
            (60, Transient(CommandNotRunnable)),
        ),
        waits_for_secret(
            "its pod waits for a Secret, and no Job runs but itself",
            "migrate",
            Terminal(ConfigObjectMissing),
        ),
        waits_for_secret(
            "its pod waits for a Secret, and another Job runs",
            "certs",
            Transient(ConfigObjectMissing),
        ),
        refused("a quota refuses its pod", 0, 40, Terminal(QuotaExceeded)),
        refused(
            "its pod was created in the end",
            1,
            40,
            Absent(QuotaExceeded),
        ),
    ]
}

#[test]
fn a_container_that_was_killed_with_its_pod_is_not_the_cause() {
    let deleted = job_pod("b")
        .ended(21, ("Error", 137, ""))
        .with("/metadata/deletionTimestamp", json!(at(50)))
        .with("/metadata/deletionGracePeriodSeconds", json!(30));
    let job = job()
        .spec("activeDeadlineSeconds", 20)
        .counts(0, 0, 2)
        .failed("DeadlineExceeded", "");
    let pods = [job_pod("a").ended(5, ERROR), deleted];
    let found = findings(&run("", job, &pods, (22, Absent(JobFailed))));
    let said = found.first().map(|it| it.message.as_str());
    assert_eq!(
        said,
        Some(
            "the Job ran longer than its activeDeadlineSeconds of 20s; 0 of 1 completions; container `app` of pod `a` ended with exit code 1"
        )
    );
}
