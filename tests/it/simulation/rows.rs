//! Rollouts that were once judged wrong, each as small as it could be made, with the seed that drew it.

use anyhow::{Result, ensure};
use libtest_mimic::{Failed, Trial};

use super::case::{Case, Change, Kind, Load, Sort, Spell, Trouble, What};
use super::judge::Mark;
use super::search::played;

#[derive(Clone)]
struct Row {
    says: &'static str,
    seed: u64,
    case: Case,
    /// The result of the check that is right.
    outcome: &'static str,
}

/// One healthy workload in fair weather.
fn calm(kind: Kind) -> Case {
    Case {
        timeout: 300,
        stable_for: 10,
        begins: 0,
        nodes: 1,
        loads: vec![load(kind)],
        weather: Vec::new(),
        late: [0; 3],
    }
}

fn load(kind: Kind) -> Load {
    Load {
        kind,
        replicas: 1,
        first: true,
        probed: false,
        ready_after: 0,
        stops_in: 0,
        troubles: Vec::new(),
        change: None,
    }
}

const fn heals(what: What, at: u64) -> Trouble {
    Trouble {
        what,
        heals: Some(at),
    }
}

fn rows() -> Vec<Row> {
    [judged(), between_tries(), at_the_verdict()].concat()
}

fn judged() -> Vec<Row> {
    vec![
        Row {
            says: "a StatefulSet is scaled while a pod of the only revision is not ready",
            seed: 1128,
            case: Case {
                timeout: 900,
                begins: 20,
                loads: vec![Load {
                    replicas: 4,
                    ready_after: 45,
                    troubles: vec![heals(What::Flaps(8), 92)],
                    change: Some((163, Change::Scaled(2))),
                    ..load(Kind::StatefulSet)
                }],
                ..calm(Kind::StatefulSet)
            },
            outcome: "Succeeded",
        },
        Row {
            says: "a pause is lifted after 5 s, and the check hears of it late",
            seed: 256,
            case: Case {
                loads: vec![Load {
                    first: false,
                    troubles: vec![heals(What::Paused, 5)],
                    ..load(Kind::Deployment)
                }],
                late: [2276, 2946, 2434],
                ..calm(Kind::Deployment)
            },
            outcome: "Succeeded",
        },
        Row {
            says: "a Job's own pod lacks a key, and no other Job runs that may add it",
            seed: 1476,
            case: Case {
                begins: 20,
                loads: vec![Load {
                    troubles: vec![Trouble {
                        what: What::NoKey,
                        heals: None,
                    }],
                    ..load(Kind::Job)
                }],
                ..calm(Kind::Job)
            },
            outcome: "Failed",
        },
    ]
}

/// A controller or a kubelet has not tried again yet, or its try is not seen.
fn between_tries() -> Vec<Row> {
    vec![
        Row {
            says: "a StatefulSet is scaled while a webhook refuses its pods: the controller pauses beyond the end of the outage",
            seed: 2127,
            case: Case {
                timeout: 600,
                loads: vec![Load {
                    replicas: 2,
                    ready_after: 1,
                    troubles: vec![heals(What::Webhook, 89)],
                    change: Some((58, Change::Scaled(1))),
                    ..load(Kind::StatefulSet)
                }],
                ..calm(Kind::StatefulSet)
            },
            outcome: "Succeeded",
        },
        Row {
            says: "a container is killed twice, and its node is away when the third start is due, which comes through",
            seed: 5060,
            case: Case {
                nodes: 2,
                loads: vec![Load {
                    first: false,
                    troubles: vec![heals(What::Killed, 2)],
                    ..load(Kind::Recreated)
                }],
                weather: vec![Spell {
                    at: 43,
                    lasts: 74,
                    of: Sort::NodeLost,
                }],
                ..calm(Kind::Recreated)
            },
            outcome: "Succeeded",
        },
        Row {
            says: "a pod is refused at first, and the event of its creation is lost",
            seed: 9091,
            case: Case {
                loads: vec![Load {
                    replicas: 2,
                    troubles: vec![heals(What::Denied, 1), heals(What::Killed, 2)],
                    ..load(Kind::StatefulSet)
                }],
                weather: vec![Spell {
                    at: 1,
                    lasts: 12,
                    of: Sort::EventsLost,
                }],
                late: [840, 2153, 1169],
                ..calm(Kind::StatefulSet)
            },
            outcome: "Succeeded",
        },
    ]
}

fn at_the_verdict() -> Vec<Row> {
    vec![
        Row {
            says: "a node is lost in the moment of the verdict, and comes back",
            seed: 1526,
            case: Case {
                timeout: 900,
                stable_for: 30,
                begins: 5,
                nodes: 2,
                loads: vec![Load {
                    ready_after: 1,
                    stops_in: 5,
                    troubles: vec![heals(What::Falls(2), 97)],
                    ..load(Kind::StatefulSet)
                }],
                weather: vec![Spell {
                    at: 40,
                    lasts: 38,
                    of: Sort::NodeLost,
                }],
                ..calm(Kind::StatefulSet)
            },
            outcome: "Succeeded",
        },
        Row {
            says: "it completes right after the moment of the timeout",
            seed: 1138,
            case: Case {
                timeout: 60,
                begins: 1,
                loads: vec![Load {
                    replicas: 3,
                    stops_in: 1,
                    troubles: vec![heals(What::NoKey, 59)],
                    ..load(Kind::Deployment)
                }],
                weather: vec![Spell {
                    at: 7,
                    lasts: 20,
                    of: Sort::Drops,
                }],
                ..calm(Kind::Deployment)
            },
            outcome: "Undetermined",
        },
    ]
}

pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    rows().into_iter().map(|row| {
        Trial::test(row.says, move || {
            is_right(&row).map_err(|error| Failed::from(format!("{error:#}")))
        })
    })
}

fn is_right(row: &Row) -> Result<()> {
    let seed = row.seed;
    let (outcome, mark) = played(&row.case)?;
    let right = matches!(mark, Mark::Right { named } if named != Some(false));
    ensure!(right, "seed {seed}: {mark:?}");
    ensure!(outcome == row.outcome, "seed {seed}: {outcome}");
    Ok(())
}
