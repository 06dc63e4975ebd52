//! Remembers every cause that a session has seen: since when, what could heal it, when it decides.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, FindingCode, Prognosis, Subject};

/// A cause that was seen and may decide, or may have decided, the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Suspect {
    /// The stable name of the cause.
    pub code: FindingCode,
    /// One representative of what it is about.
    pub subject: Subject,
    /// The workload that shows it, as `deployment/web`.
    pub workload: String,
    /// One sentence with the names that matter.
    pub message: String,
    /// When the check first saw it.
    pub first_seen: Timestamp,
    /// What could heal it, as a clause.
    pub heals: String,
    /// When it decides if nothing changes, as was last known: as a cause that does not heal, or at the
    /// timeout.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decides_at: Option<Timestamp>,
    /// When the check saw that it had gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gone_at: Option<Timestamp>,
}

/// A cause in a container of one name.
type Key = (FindingCode, Option<String>);

/// The suspects of one workload.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspects(BTreeMap<Key, Suspect>);

impl Suspects {
    /// Takes in the findings of a look. What decides nothing is no suspect.
    pub(super) fn take(&mut self, workload: &str, findings: &[Finding], now: Timestamp) {
        let may_decide = |it: &&Finding| it.prognosis != Prognosis::Informational;
        let found: Vec<&Finding> = findings.iter().filter(may_decide).collect();
        for (key, known) in &mut self.0 {
            let still = found.iter().any(|it| self::key(it) == *key);
            if !still {
                known.gone_at = known.gone_at.or(Some(now));
            }
        }
        for finding in found {
            let known = self.0.entry(key(finding)).or_insert_with(|| Suspect {
                code: finding.code,
                subject: finding.subject.clone(),
                workload: workload.to_owned(),
                message: String::new(),
                first_seen: now,
                heals: finding.code.healing().by.to_owned(),
                decides_at: None,
                gone_at: None,
            });
            known.subject.clone_from(&finding.subject);
            known.message.clone_from(&finding.message);
            known.gone_at = None;
            if finding.prognosis == Prognosis::Terminal {
                known.decides_at = Some(known.decides_at.map_or(now, |at| at.min(now)));
            } else {
                known.heals.clone_from(&finding.heals);
                known.decides_at = finding.decides_at;
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Suspect> {
        self.0.values()
    }
}

fn key(finding: &Finding) -> Key {
    (finding.code, finding.subject.container.clone())
}
