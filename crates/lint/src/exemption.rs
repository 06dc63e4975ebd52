//! Exemptions by annotation: `rollguard.dev/exempt-CODE: reason`, or `reason; until 2027-12-31`.
//!
//! The annotation stands on the object or on its pod template. The reason is mandatory; the end is the last day on
//! which the exemption holds.

use std::fmt::Write as _;

use jiff::civil::Date;

use crate::code::LintCode;
use crate::field::{Location, Scope};
use crate::finding::{Finding, Findings, Suppression};
use crate::yaml::Field;

/// What the name of such an annotation begins with.
pub const EXEMPT: &str = "rollguard.dev/exempt-";

/// The exemptions of an object.
#[derive(Debug, Default)]
pub(crate) struct Exemptions {
    all: Vec<Exemption>,
}

#[derive(Debug)]
struct Exemption {
    code: LintCode,
    reason: String,
    until: Option<Date>,
}

impl Exemptions {
    /// Reads the annotations of an object or a template. One that exempts nothing is a finding.
    pub(crate) fn read(&mut self, metadata: Option<&Scope<'_>>, findings: &mut Findings) {
        let Some(annotations) = metadata.and_then(|it| it.below("annotations")) else {
            return;
        };
        for field in annotations.node().fields() {
            let Some(code) = field.key.strip_prefix(EXEMPT) else {
                continue;
            };
            match exemption(code, field) {
                Ok(exemption) => self.all.push(exemption),
                Err(message) => {
                    let path = format!("{}[\"{}\"]", annotations.path(), field.key);
                    let mark = field.value.mark();
                    findings.add_at(LintCode::InvalidExemption, Location { mark, path }, message);
                }
            }
        }
    }

    /// Excuses the findings that are exempted today, and says of the others when their exemption ended.
    pub(crate) fn apply(&self, findings: &mut [Finding], today: Date) {
        for finding in findings {
            let mut of_code = self.all.iter().filter(|it| it.code == finding.code);
            let holds = |it: &&Exemption| it.until.is_none_or(|until| today <= until);
            if let Some(exemption) = of_code.clone().find(holds) {
                finding.suppression = Some(Suppression::Annotation {
                    reason: exemption.reason.clone(),
                    until: exemption.until,
                });
            } else if let Some(ended) = of_code.find_map(|it| it.until) {
                let _ = write!(finding.message, " (its exemption ended on {ended})");
            }
        }
    }
}

/// Returns what follows the word `until`, however it is written.
fn after_until(text: &str) -> Option<&str> {
    const UNTIL: &str = "until ";
    let (word, date) = text.split_at_checked(UNTIL.len())?;
    word.eq_ignore_ascii_case(UNTIL).then_some(date.trim())
}

fn exemption(code: &str, field: Field<'_>) -> Result<Exemption, String> {
    let Some(known) = LintCode::parse(code) else {
        return Err(format!(
            "the exemption names {code}, which is no code of a finding"
        ));
    };
    let text = field.value.written().unwrap_or_default().trim();
    let (reason, until) = match text.rsplit_once(';') {
        Some((reason, end)) => match after_until(end.trim()) {
            Some(date) => (reason.trim(), Some(date)),
            None => (text, None),
        },
        None => match after_until(text) {
            Some(date) => ("", Some(date)),
            None => (text, None),
        },
    };
    if reason.is_empty() {
        return Err(format!("the exemption of {code} gives no reason"));
    }
    let until = until.map(|date| {
        let parsed: Result<Date, _> = date.parse();
        parsed.map_err(|_| {
            format!("the exemption of {code} ends on {date}, which is no date like 2027-12-31")
        })
    });
    Ok(Exemption {
        code: known,
        reason: reason.to_owned(),
        until: until.transpose()?,
    })
}
