//! Finds the error-like lines that only the pods of the new revision log.
//!
//! Lines are compared without what differs from one to the next: numbers, times, ids and addresses. A note
//! that never decides: an error that is logged may be handled, and the log of a pod that ran for weeks is read
//! only at its beginning and its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::deciding_line::error_lines;
use crate::session::{Session, TrackedWorkload};
use crate::snapshot::{PodView, Rollout};
use crate::workload::WorkloadRef;

/// How many lines are told at most.
const TOLD: usize = 3;
/// How many different lines of a log are kept at most.
const KEPT: usize = 500;
/// Of how many pods of each revision logs are compared at most, those that have gone included.
pub const COMPARED_PODS: usize = 2;
/// Of how many containers of each.
const CONTAINERS: usize = 2;
/// Of how many workloads.
const WORKLOADS: usize = 5;

/// An error-like line that only the pods of the new revision logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewLine {
    /// How often it was logged; lines that differ in numbers, times, ids and addresses count as one.
    pub count: usize,
    /// The first of them; foreign text.
    pub example: String,
}

impl fmt::Display for NewLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, example } = self;
        write!(f, "new in this revision: {count} × {example}")
    }
}

/// The error-like lines of logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorLines(BTreeMap<String, NewLine>);

impl ErrorLines {
    /// Reads a log.
    #[must_use]
    pub fn of(log: &str) -> Self {
        let mut lines = Self::default();
        for example in error_lines(log) {
            lines.add(pattern(&example), NewLine { count: 1, example });
        }
        lines
    }

    /// Adds the lines of another log.
    pub fn extend(&mut self, other: Self) {
        for (pattern, line) in other.0 {
            self.add(pattern, line);
        }
    }

    fn add(&mut self, pattern: String, line: NewLine) {
        let full = self.0.len() >= KEPT;
        if let Some(known) = self.0.get_mut(&pattern) {
            known.count += line.count;
        } else if !full {
            self.0.insert(pattern, line);
        }
    }

    /// Returns the lines that others do not have, the most frequent first, three at most.
    #[must_use]
    pub fn without(&self, others: &Self) -> Vec<NewLine> {
        let new = self.0.iter().filter(|it| !others.0.contains_key(it.0));
        let mut new: Vec<NewLine> = new.map(|it| it.1.clone()).collect();
        new.sort_by_key(|it| std::cmp::Reverse(it.count));
        new.truncate(TOLD);
        new
    }
}

/// Returns a line without what differs from one to the next: every word with a digit becomes `#`, and so do hexadecimal
/// words and the random ends of names beside one.
fn pattern(line: &str) -> String {
    let mut pattern = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric();
        let end = rest.find(|c: char| is_word(c) != is_word(first));
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        let varies = is_word(first) && varies(piece, &pattern);
        if varies && is_within(&pattern) {
            // The parts of an address, a time or an id are one.
            let whole = pattern.rfind('#').map_or(0, |at| at + 1);
            pattern.truncate(whole);
        } else if varies {
            pattern.push('#');
        } else {
            pattern.push_str(piece);
        }
        rest = after;
    }
    pattern
}

/// Returns whether what was written last joins the next part to a part that varies.
fn is_within(before: &str) -> bool {
    let joins = |c: char| "-.:/_+".contains(c);
    before.trim_end_matches(joins).ends_with('#') && !before.is_empty()
}

fn varies(word: &str, before: &str) -> bool {
    let has_digit = word.chars().any(|c| c.is_ascii_digit());
    let is_hexadecimal = word.chars().all(|c| c.is_ascii_hexdigit());
    // `rand.String` of apimachinery draws from these.
    let is_random = word.len() == 5 && word.chars().all(|c| "bcdfghjklmnpqrstvwxz".contains(c));
    let joined = before.ends_with(['-', ':']) && is_within(before);
    has_digit || (joined && (is_hexadecimal || is_random || matches!(word, "T" | "Z")))
}

/// A container whose log is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComparedLog {
    /// The workload.
    pub workload: WorkloadRef,
    /// The pod.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The container.
    pub container: String,
    /// Whether it is of the new revision.
    pub is_new: bool,
}

/// Returns the logs to compare: of old pods as long as they are there, and of new ones once the rollout is complete. Those
/// of workloads that the last observation did not have judged again are the same as before, and come only with `again`.
#[must_use]
pub fn compared_logs(session: &Session, again: bool) -> Vec<ComparedLog> {
    let tracked = session.workloads().iter().filter(|it| it.has_revisions());
    let judged: BTreeSet<&WorkloadRef> = session.judged().map(TrackedWorkload::workload).collect();
    tracked
        .take(WORKLOADS)
        .filter(|it| again || judged.contains(it.workload()))
        .filter_map(|it| Some((it, session.snapshot().rollout(it.workload())?)))
        .flat_map(|(tracked, rollout)| {
            let mut logs = of_pods(&rollout, &rollout.old_pods(), false);
            if tracked.is_complete() {
                logs.extend(of_pods(&rollout, &rollout.new_pods(), true));
            }
            logs
        })
        .collect()
}

fn of_pods(rollout: &Rollout<'_>, pods: &[PodView<'_>], is_new: bool) -> Vec<ComparedLog> {
    let ready = pods.iter().filter(|it| it.ready_since().is_some());
    ready
        .take(COMPARED_PODS)
        .flat_map(|pod| {
            let containers = pod.containers().filter(|it| it.running_since().is_some());
            containers.take(CONTAINERS).map(|container| ComparedLog {
                workload: rollout.workload().reference(),
                pod: pod.name().to_owned(),
                uid: pod.uid().to_owned(),
                container: container.name().to_owned(),
                is_new,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that only the new log has.
    fn told(old: &str, new: &str) -> Vec<String> {
        let new = ErrorLines::of(new).without(&ErrorLines::of(old));
        new.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_no_old_pod_logged_is_told() {
        let refused = "ERROR connection to db-old refused\n";
        let rows: [(&str, &str, String, &[&str]); 9] = [
            (
                "an error of the new revision, counted",
                "INFO started\n",
                format!("INFO started\n{}", refused.repeat(41)),
                &["new in this revision: 41 × connection to db-old refused"],
            ),
            ("the old pods logged it as well", refused, refused.to_owned(), &[]),
            (
                "it differs in a number and a time only",
                "2026-01-01T10:00:00Z ERROR request 17 failed after 20ms\n",
                "2026-02-03T11:12:13Z ERROR request 4711 failed after 31ms\n".to_owned(),
                &[],
            ),
            (
                "it differs in an id and an address only",
                "ERROR session 3f2a9c1e-77aa-4b0c-9d1f-0a1b2c3d4e5f from 10.0.0.7:5432 lost\n",
                "ERROR session a0b1c2d3-abcd-4fff-8eee-111122223333 from 10.1.2.3:6543 lost\n".to_owned(),
                &[],
            ),
            (
                "it differs in the name of a pod only",
                "ERROR peer web-7d9f8b6c5-x2k4q is gone\n",
                "ERROR peer web-5c4b7d9f8-qwxzb is gone\n".to_owned(),
                &[],
            ),
            (
                "it differs in a word",
                "ERROR cannot open orders\n",
                "ERROR cannot open invoices\n".to_owned(),
                &["new in this revision: 1 × cannot open invoices"],
            ),
            ("lines that are no errors", "", "INFO listening on 8080\nGET / 200\n".to_owned(), &[]),
            ("an empty log", "", String::new(), &[]),
            (
                "the three most frequent of four",
                "",
                "ERROR cannot open a\nERROR cannot open b\nERROR cannot open b\nERROR cannot open c\nERROR cannot open c\nERROR cannot open d\nERROR cannot open d\n".to_owned(),
                &[
                    "new in this revision: 2 × cannot open b",
                    "new in this revision: 2 × cannot open c",
                    "new in this revision: 2 × cannot open d",
                ],
            ),
        ];
        for (says, old, new, expected) in rows {
            assert_eq!(told(old, &new), expected, "{says}");
        }
    }

    #[test]
    fn lines_of_several_pods_are_added_up() {
        let mut all = ErrorLines::of("ERROR cannot open 1\n");
        all.extend(ErrorLines::of(
            "ERROR cannot open 2\nERROR cannot close 3\n",
        ));
        let told = all.without(&ErrorLines::default());
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        let expected = [
            "new in this revision: 2 × cannot open 1",
            "new in this revision: 1 × cannot close 3",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_varies_is_one_mark() {
        let rows = [
            ("an address", "dial 10.0.0.7:5432 failed", "dial # failed"),
            (
                "an address of IPv6",
                "dial [fd00::7]:80 failed",
                "dial [#]:# failed",
            ),
            (
                "a time",
                "at 2026-01-01T10:00:00Z it failed",
                "at # it failed",
            ),
            (
                "a name with a dash",
                "connection to db-old refused",
                "connection to db-old refused",
            ),
            (
                "a name with a number",
                "queue orders-2 is full",
                "queue orders-# is full",
            ),
            (
                "letters of other scripts",
                "соединение 5 потеряно",
                "соединение # потеряно",
            ),
        ];
        for (says, line, expected) in rows {
            assert_eq!(pattern(line), expected, "{says}");
        }
    }
}
