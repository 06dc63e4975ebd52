//! Sessions of Jobs: their end is final, whatever happens to the object.

use super::*;
use crate::observation::{EndedRead, FreshRead};
use crate::report::{Proposal, Report};
use crate::session::Recheck;
use crate::testing::{JobBuilder, job, job_pod, listed_for, migrate};
use crate::workload::WorkloadKind;
use serde_json::json;

const LOST: (&str, i32, &str) = ("Error", 1, "");

/// The Job as it is at second 0, everything listed, and what is seen later.
fn seen_from(job: JobBuilder, later: impl IntoIterator<Item = Observation>) -> Vec<Observation> {
    let mut all = vec![job.seen(0)];
    all.extend(listed_for(WorkloadKind::Job, 0, &["j-1"]));
    all.extend(later);
    all
}

fn gone(second: u64) -> Observation {
    Observation::new(
        at(second),
        Seen::Gone {
            resource: ResourceKind::Job,
            uid: "j-1".to_owned(),
        },
    )
}

/// Runs to the verdict, and returns the session and when that was.
fn run(seen: Vec<Observation>) -> (Session, Verdict, Timestamp) {
    let mut session = Session::new([migrate()], Policy::default(), start());
    let mut pending = seen.into_iter().peekable();
    let mut wake_at = start();
    loop {
        let next = pending.next_if(|it| it.at <= wake_at);
        let observation = next.unwrap_or_else(|| Session::tick(wake_at));
        let now = observation.at;
        let step = session.observe(observation);
        if step.verdict.is_terminal() {
            return (session, step.verdict, now);
        }
        let next = pending.peek().map_or(step.wake_at, |it| it.at);
        wake_at = step.wake_at.min(next).max(now);
    }
}

fn sentence(seen: Vec<Observation>) -> (String, u64) {
    let (session, verdict, now) = run(seen);
    let report = Report::new(&session, &verdict, now);
    let second = u64::try_from(now.as_second()).unwrap();
    (format!("{}: {}", verdict.word(), report.sentence), second)
}

#[test]
fn a_job_is_followed_to_its_end() {
    let running = || job().counts(1, 0, 0);
    let failed = || job().counts(0, 0, 3).failed("BackoffLimitExceeded", "");
    let template = json!({"spec": {"containers": [], "nodeSelector": {"pool": "night"}}});
    let rows: [(&str, Vec<Observation>, (&str, u64)); 10] = [
        (
            "it is complete when the check begins, and nothing else can be seen yet",
            vec![job().counts(0, 1, 0).complete().seen(0)],
            ("succeeded: Job \"migrate\" has completed", 0),
        ),
        (
            "it completes later: nothing has to stay as it is",
            seen_from(running(), [job().counts(0, 1, 0).complete().seen(40)]),
            ("succeeded: Job \"migrate\" has completed", 40),
        ),
        (
            "it fails",
            seen_from(
                running(),
                job_pod("a")
                    .ended(9, LOST)
                    .seen(10)
                    .into_iter()
                    .chain([failed().seen(12)]),
            ),
            (
                "failed: Job \"migrate\" fails: pods of the Job failed more often than its backoffLimit of 2 allows; container `app` of pod `a` \
                 ended with exit code 1 (JobRetriesExhausted)",
                12,
            ),
        ),
        (
            "two pods fail, and the third succeeds",
            seen_from(
                running(),
                [
                    job().counts(0, 0, 2).seen(50),
                    job().counts(0, 1, 2).complete().seen(90),
                ],
            ),
            ("succeeded: Job \"migrate\" has completed", 90),
        ),
        (
            "it is deleted before its end",
            seen_from(running(), [gone(20)]),
            (
                "undetermined: Job \"migrate\" is undetermined: the workload was deleted in the meantime",
                25,
            ),
        ),
        (
            "it is deleted and created again",
            seen_from(running(), [gone(17), job().metadata("uid", "j-2").seen(20)]),
            (
                "superseded: Job \"migrate\" is superseded: the workload was deleted and created again in the meantime",
                20,
            ),
        ),
        (
            "a queue binds it to nodes before its first pod",
            seen_from(
                job()
                    .suspended()
                    .metadata("labels", json!({"kueue.x-k8s.io/queue-name": "night"})),
                [
                    running().spec("template", template).seen(20),
                    job().complete().seen(30),
                ],
            ),
            ("succeeded: Job \"migrate\" has completed", 30),
        ),
        (
            "it is suspended",
            seen_from(job().suspended(), []),
            (
                "failed: Job \"migrate\" fails: the Job is suspended, so it runs no pod (JobSuspended)",
                10,
            ),
        ),
        (
            "it runs for longer than the check may take",
            seen_from(running(), job_pod("a").ready(5).seen(5)),
            (
                "timedOut: Job \"migrate\" did not complete in time: 0 of 1 completions, 1 pod active; pod `a` \
                 has not ended yet",
                300,
            ),
        ),
        (
            "it still tries again when the time is over",
            seen_from(running(), job_pod("a").ended(9, LOST).seen(10)),
            (
                "timedOut: Job \"migrate\" did not complete in time: 0 of 1 completions, 1 pod active; suspect: container `app` ended with \
                 exit code 1; the Job has failed once and tries again until its backoffLimit of 2 is exceeded (JobPodFailed)",
                300,
            ),
        ),
    ];
    let mut wrong = Vec::new();
    for (says, seen, (expected, second)) in rows {
        let (said, at) = sentence(seen);
        if said != expected || at != second {
            wrong.push(format!("{says}: {said} at {at} s"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_job_has_done_stays_done_when_its_time_to_live_is_over() {
    let complete = || job().counts(0, 1, 0).complete();
    let failed = || job().failed("BackoffLimitExceeded", "");
    for (says, end, word) in [
        ("it completed", complete(), "succeeded"),
        ("it failed", failed(), "failed"),
    ] {
        let (mut session, verdict, now) = run(seen_from(job(), [end.seen(40)]));
        let mut recheck = Recheck::new(&session, verdict, now);
        let read = recheck.step(&mut session, None, now);
        assert_eq!(read.reads, [migrate()], "{says}");
        let ended = EndedRead {
            workload: migrate(),
            read: FreshRead::NotFound,
        };
        let step = recheck.step(&mut session, Some(ended), now);
        assert_eq!(step.verdict.map(|it| it.word()), Some(word), "{says}");
    }
    // One that was to be seen and was not is another matter.
    let (mut session, verdict, now) = run(seen_from(job().counts(1, 0, 0), []));
    let mut recheck = Recheck::new(&session, verdict, now);
    let _ = recheck.step(&mut session, None, now);
    let ended = EndedRead {
        workload: migrate(),
        read: FreshRead::NotFound,
    };
    let step = recheck.step(&mut session, Some(ended), now);
    assert_eq!(step.verdict.map(|it| it.word()), Some("undetermined"));
}

#[test]
fn a_green_job_stays_green_while_others_are_followed() {
    let mut session = Session::new([migrate(), web()], Policy::default(), start());
    let both = [job().complete().seen(0), seen(0, deployment("web"))];
    for observation in both {
        let _ = session.observe(observation);
    }
    let step = session.observe(gone(5));
    assert!(!step.verdict.is_terminal(), "{:?}", step.verdict);
    let jobs = session
        .workloads()
        .iter()
        .filter(|it| *it.workload() == migrate());
    let verdicts: Vec<&str> = jobs.map(|it| it.verdict().word()).collect();
    assert_eq!(verdicts, ["succeeded"]);
}

#[test]
fn no_rollback_is_offered_for_a_job() {
    let failed = job().failed("DeadlineExceeded", "");
    let (session, verdict, now) = run(seen_from(failed, []));
    let report = Report::new(&session, &verdict, now);
    assert!(!report.offers_rollback);
    let Some(Proposal::Refused { why, .. }) = Proposal::of_jobs(&session) else {
        panic!("nothing is said");
    };
    assert_eq!(why, "Jobs have no revisions to go back to");
}
