//! Answers of pods to the check `/healthz`.

use std::time::Duration;

use super::*;
use crate::http::HttpAnswer;
use crate::observation::{Answer, NO_ANSWER};

fn answered(second: u64, status: u16) -> Observation {
    let answer = Answer::Came {
        answer: HttpAnswer::new(status, Duration::from_millis(12), "not yet"),
    };
    seen_answer(second, answer)
}

fn seen_answer(second: u64, answer: Answer) -> Observation {
    let seen = Seen::Answered {
        pod: "pod-a".into(),
        check: 0,
        answer,
    };
    Observation::new(at(second), seen)
}

/// The answer of the Service, which is asked as the second check.
fn service_answered(second: u64, status: u16) -> Observation {
    of_service(answered(second, status))
}

fn of_service(mut answered: Observation) -> Observation {
    if let Seen::Answered { check, .. } = &mut answered.seen {
        *check = 1;
    }
    answered
}

fn ready(says: &'static str, answers: Vec<Observation>, judged: (u64, Expect)) -> Row {
    let mut row = rollout(
        says,
        deployment("web").counts(1, 1, 1, 1),
        &[pod("a").ready(0)],
        judged,
    );
    row.observations.extend(answers);
    row
}

/// The same while the rollout still has pods to replace.
fn under_way(says: &'static str, answers: Vec<Observation>, judged: (u64, Expect)) -> Row {
    let mut row = ready(says, answers, judged);
    row.observations
        .insert(1, seen(0, deployment("web").counts(3, 4, 1, 3)));
    row
}

pub(super) fn rows() -> Vec<Row> {
    let silence = || Answer::Failed {
        message: format!("{NO_ANSWER} 10s"),
    };
    let refused = || Answer::Failed {
        message: "error trying to reach service: connection refused".into(),
    };
    let every = |seconds: u64| (0..=seconds / 2).map(move |it| answered(it * 2, 503));
    let refusals = (0..=15).map(|it| seen_answer(it * 2, refused()));
    vec![
        ready(
            "503 for half a minute",
            every(30).collect(),
            (30, Terminal(HttpCheckFailing)),
        )
        .healed_by(34, vec![answered(34, 200)]),
        under_way(
            "503 for half a minute while other pods are still missing: it may need them",
            every(30).collect(),
            (30, Transient(HttpCheckFailing)),
        ),
        under_way(
            "503 three times as long while other pods are still missing",
            every(80).collect(),
            (80, Terminal(HttpCheckFailing)),
        ),
        ready(
            "nothing ever came back: it may be a NetworkPolicy",
            (0..9).map(|it| seen_answer(it * 12, silence())).collect(),
            (100, Transient(HttpCheckFailing)),
        )
        .healed_by(110, vec![answered(109, 200)]),
        ready(
            "nothing ever came back from the pod, and the Service leads to others that answer",
            std::iter::once(service_answered(0, 200))
                .chain((0..9).map(|it| seen_answer(it * 12, silence())))
                .collect(),
            (100, Transient(HttpCheckFailing)),
        ),
        ready(
            "nothing ever came back from the pod, and the Service answers 503",
            (0..9)
                .map(|it| seen_answer(it * 12, silence()))
                .chain((0..=15).map(|it| service_answered(it * 2, 503)))
                .collect(),
            (100, Terminal(ServiceCheckFailing)),
        ),
        ready(
            "nothing ever came back from the Service, and the pod answers",
            std::iter::once(answered(0, 200))
                .chain((0..9).map(|it| of_service(seen_answer(it * 12, silence()))))
                .collect(),
            (100, Transient(ServiceCheckFailing)),
        ),
        ready(
            "nothing comes back any more from a Service that had answered",
            std::iter::once(service_answered(0, 503))
                .chain((1..9).map(|it| of_service(seen_answer(it * 12, silence()))))
                .collect(),
            (100, Terminal(ServiceCheckFailing)),
        ),
        ready(
            "nothing comes back any more from a pod that had refused",
            std::iter::once(seen_answer(0, refused()))
                .chain((1..9).map(|it| seen_answer(it * 12, silence())))
                .collect(),
            (100, Terminal(HttpCheckFailing)),
        ),
        ready(
            "503 for ten seconds after ready: caches may be warming",
            every(10).collect(),
            (10, Transient(HttpCheckFailing)),
        ),
        ready(
            "503 thrice in half a minute, each answer observed twice",
            [0, 0, 15, 15, 30, 30]
                .map(|second| answered(second, 503))
                .to_vec(),
            (30, Transient(HttpCheckFailing)),
        ),
        ready(
            "no answer for half a minute",
            refusals.collect(),
            (30, Terminal(HttpCheckFailing)),
        ),
        ready(
            "the Service answers 503, and the pod as expected",
            std::iter::once(answered(0, 200))
                .chain((0..=15).map(|it| service_answered(it * 2, 503)))
                .collect(),
            (30, Terminal(ServiceCheckFailing)),
        )
        .healed_by(34, vec![service_answered(34, 200)]),
        ready(
            "the Service answers 503 for ten seconds: its endpoints may lag",
            (0..=5).map(|it| service_answered(it * 2, 503)).collect(),
            (10, Transient(ServiceCheckFailing)),
        ),
        ready(
            "the Service answers as expected",
            vec![service_answered(1, 200)],
            (60, Absent(ServiceCheckFailing)),
        ),
        ready(
            "answered as expected",
            vec![answered(1, 200)],
            (60, Absent(HttpCheckFailing)),
        ),
        ready("not asked yet", vec![], (60, Absent(HttpCheckFailing))),
        {
            let mut row = ready(
                "what it answered before it became ready again does not count",
                every(30).collect(),
                (40, Absent(HttpCheckFailing)),
            );
            row.observations.extend(pod("a").ready(38).seen(38));
            row
        },
    ]
}
