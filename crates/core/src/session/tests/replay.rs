//! A recorded session comes to the verdict of the live one, whatever its recheck read.

use super::*;
use crate::trace::{self, FORMAT, Header, Trace};

fn found(workload: DeploymentBuilder) -> FreshRead {
    FreshRead::Found {
        object: Box::new(workload.build()),
    }
}

fn lost() -> FreshRead {
    let why = Blindness::Disconnected {
        message: "connection reset".to_owned(),
    };
    FreshRead::Blind { why }
}

fn reread(second: u64, read: FreshRead) -> Observation {
    let read = EndedRead {
        workload: web(),
        read,
    };
    Observation::new(at(second), Seen::Reread(read))
}

/// Replays the observations as a trace that was written and read again.
fn replayed(observations: &[Observation]) -> (Verdict, u64) {
    let header = Header {
        workloads: vec![web()],
        ..Header::of(&policy(60))
    };
    let mut text = trace::line(&header).unwrap();
    for observation in observations {
        text.push_str(&trace::line(observation).unwrap());
    }
    let trace = Trace::parse(&text).unwrap();
    assert_eq!(trace.header.rollguard_trace, FORMAT);
    assert_eq!(trace.observations, observations);
    let mut session = Session::new(vec![web()], policy(60), observations[0].at);
    let decided = crate::session::replay(&mut session, trace.observations, |_| ());
    let second = crate::duration::elapsed(start(), decided.at).as_secs();
    (decided.verdict, second)
}

#[test]
fn a_replay_comes_to_the_verdict_after_the_recheck() {
    let succeeds = || first_look(complete(), &[pod("a").ready(0)]);
    let fails = || first_look(rolling(), &[pod("a").waiting("InvalidImageName", "")]);
    let times_out = || first_look(rolling(), &[]);
    let incomplete = || found(deployment("web").counts(1, 1, 1, 0));
    let rows = [
        (
            "an old trace has no reads",
            succeeds(),
            vec![],
            ("succeeded", 10),
        ),
        (
            "a success is confirmed",
            succeeds(),
            vec![reread(10, found(complete()))],
            ("succeeded", 10),
        ),
        (
            "a success is confirmed at the third read",
            succeeds(),
            vec![
                reread(10, lost()),
                reread(11, incomplete()),
                reread(12, found(complete())),
            ],
            ("succeeded", 10),
        ),
        (
            "a newer rollout began",
            succeeds(),
            vec![reread(10, found(complete().version("v3")))],
            ("superseded", 10),
        ),
        (
            "the workload was deleted",
            succeeds(),
            vec![reread(10, FreshRead::NotFound)],
            ("undetermined", 10),
        ),
        (
            "the counts never come to rest: it goes on until the time is over",
            succeeds(),
            (10..20).map(|at| reread(at, incomplete())).collect(),
            ("timedOut", 60),
        ),
        (
            "the run was killed between two reads",
            succeeds(),
            vec![reread(10, incomplete())],
            ("succeeded", 10),
        ),
        (
            "a failure stands",
            fails(),
            vec![reread(4, found(rolling()))],
            ("failed", 4),
        ),
        (
            "a failure was of a former rollout",
            fails(),
            vec![reread(4, found(rolling().version("v3")))],
            ("superseded", 4),
        ),
        (
            "the rollout completed when it timed out",
            times_out(),
            (60..70).map(|at| reread(at, found(complete()))).collect(),
            ("undetermined", 60),
        ),
        (
            "a read long before the verdict, which another timeout explains",
            times_out(),
            vec![reread(30, found(complete()))],
            ("timedOut", 60),
        ),
    ];
    for (says, seen, reads, expected) in rows {
        let (verdict, second) = replayed(&[seen, reads].concat());
        assert_eq!((verdict.word(), second), expected, "{says}");
    }
}
