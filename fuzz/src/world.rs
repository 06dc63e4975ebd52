//! From bytes to a sequence of observations: recorded rollouts, cut up, mixed and falsified.
//!
//! Each instruction is a code and its operands; whatever ends early reads zeroes. A sequence keeps
//! the ties between objects that arbitrary objects would never have.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use rollguard_core::observation::Observation;
use rollguard_core::trace::{Header, Trace};
use serde_json::{Value, json};

use crate::mutate::mutate;

/// The most observations of one sequence: more take time and find nothing new.
const LIMIT: usize = 160;

/// The recorded rollouts: small ones, in which the interesting is close together.
const RECORDED: [&str; 13] = [
    include_str!("../../tests/traces/agent-node-lost.jsonl"),
    include_str!("../../tests/traces/answers-500.jsonl"),
    include_str!("../../tests/traces/config-key-missing.jsonl"),
    include_str!("../../tests/traces/crash-at-start.jsonl"),
    include_str!("../../tests/traces/crash-in-init.jsonl"),
    include_str!("../../tests/traces/db-broken-stays.jsonl"),
    include_str!("../../tests/traces/db-partition.jsonl"),
    include_str!("../../tests/traces/db-quota-exceeded.jsonl"),
    include_str!("../../tests/traces/image-tag-missing.jsonl"),
    include_str!("../../tests/traces/policy-denies.jsonl"),
    include_str!("../../tests/traces/readiness-blips.jsonl"),
    include_str!("../../tests/traces/unschedulable.jsonl"),
    include_str!("../../tests/traces/volume-source-missing.jsonl"),
];

struct Recorded {
    header: Header,
    observations: Vec<Observation>,
}

fn recorded() -> &'static [Recorded] {
    static RECORDS: OnceLock<Vec<Recorded>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let traces = RECORDED.iter().map(|text| Trace::parse(text).unwrap());
        traces
            .map(
                |Trace {
                     header,
                     observations,
                 }| Recorded {
                    header,
                    observations,
                },
            )
            .collect()
    })
}

/// The uids of all that is recorded.
fn uids() -> &'static [Value] {
    static UIDS: OnceLock<Vec<Value>> = OnceLock::new();
    UIDS.get_or_init(|| {
        let all = recorded().iter().flat_map(|it| &it.observations);
        let uid = |it| Some(to_value(it).pointer("/seen/object/metadata/uid")?.clone());
        let mut uids: Vec<Value> = all.filter_map(uid).collect();
        let mut known = BTreeSet::new();
        uids.retain(|it| known.insert(it.to_string()));
        uids
    })
}

struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }
}

/// A session's subject and all it sees.
pub(crate) struct World {
    pub(crate) header: Header,
    pub(crate) started: Timestamp,
    pub(crate) observations: Vec<Observation>,
}

impl World {
    /// Reads the instructions.
    pub(crate) fn read(data: &[u8]) -> Self {
        let mut bytes = Bytes(data.iter());
        let mut record = pick(bytes.byte());
        let first = record.observations.first().map(|it| it.at);
        let mut world = Self {
            header: record.header.clone(),
            started: first.unwrap_or_default(),
            observations: Vec::new(),
        };
        let mut position = 0;
        let mut now = world.started;
        while bytes.0.len() > 0 && world.observations.len() < LIMIT {
            match bytes.byte() % 8 {
                // Go on as recorded.
                0 => {
                    let count = usize::from(bytes.byte() % 32);
                    for seen in record.observations.iter().skip(position).take(count) {
                        now = now.max(seen.at);
                        world
                            .observations
                            .push(Observation::new(now, seen.seen.clone()));
                    }
                    position += count;
                }
                // The next one, falsified in one to four places.
                1 => {
                    let seen = record.observations.get(position);
                    let mut value = seen.map(to_value).unwrap_or_default();
                    for _ in 0..=bytes.byte() % 4 {
                        mutate(&mut value["seen"], bytes.word(), bytes.byte());
                    }
                    value["at"] = json!(now);
                    world.see(value);
                    position += 1;
                }
                // Leave out, or go back.
                2 => position = position.saturating_add_signed(isize::from(signed(bytes.byte()))),
                // Time passes, or stands still, or runs back by a little.
                3 => now = moved(now, i64::from(signed(bytes.byte()))),
                4 => now = moved(now, i64::from(bytes.byte()) * 30),
                // Something else is recorded.
                5 => {
                    record = pick(bytes.byte());
                    position = usize::from(bytes.byte());
                }
                6 => world.see(trouble(&mut bytes, now)),
                _ => world.see(json!({"at": now, "seen": {"kind": "tick"}})),
            }
        }
        world
    }

    fn see(&mut self, value: Value) {
        if let Ok(observation) = serde_json::from_value(value) {
            self.observations.push(observation);
        }
    }
}

fn pick(byte: u8) -> &'static Recorded {
    let all = recorded();
    &all[usize::from(byte) % all.len()]
}

fn to_value(observation: &Observation) -> Value {
    serde_json::to_value(observation).unwrap_or_default()
}

const fn signed(byte: u8) -> i8 {
    i8::from_le_bytes([byte])
}

fn moved(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(now)
}

/// A resource that cannot be seen, that was read again, or something that is gone.
fn trouble(bytes: &mut Bytes<'_>, now: Timestamp) -> Value {
    const RESOURCES: [&str; 9] = [
        "deployment",
        "statefulSet",
        "daemonSet",
        "replicaSet",
        "controllerRevision",
        "pod",
        "event",
        "node",
        "podProxy",
    ];
    const CAUSES: [&str; 3] = ["forbidden", "unauthorized", "disconnected"];
    let resource = RESOURCES[usize::from(bytes.byte()) % RESOURCES.len()];
    let uids = uids();
    let mut uid = || uids.get(usize::from(bytes.word()) % uids.len().max(1));
    let (one, two) = (uid(), uid());
    let code = bytes.byte();
    let seen = match code % 4 {
        0 => json!({"kind": "gone", "resource": resource, "uid": one}),
        1 => json!({"kind": "listed", "resource": resource, "uids": []}),
        2 => json!({"kind": "listed", "resource": resource, "uids": [one, two]}),
        _ => {
            let cause = CAUSES[usize::from(code / 4) % CAUSES.len()];
            let why = json!({"cause": cause, "message": "no ##vso[task.complete]\n"});
            json!({"kind": "blind", "resource": resource, "why": why})
        }
    };
    json!({"at": now, "seen": seen})
}
