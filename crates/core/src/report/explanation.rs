//! All that is known about a code, for people who met it in a report.

mod document;

pub use document::{EXPLANATION_SCHEMA_VERSION, ExplainedCode, ExplanationDocument};

use super::{Line, Style};
use crate::duration::Human;
use crate::finding::{Basis, FindingCode, Healing, Longest};
use crate::policy::{Policy, Rule};

/// The parts of an explanation, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: FindingCode,
    /// When it decides, such as `after 25s, seen twice`.
    pub terminal: String,
    /// The reason for that.
    pub why: &'static str,
    /// The longest time after which it is known to have healed, and where that was seen; empty where it
    /// never decides.
    pub healing: String,
    /// What the knowledge of its signals rests on, where that is not a real node.
    pub rests_on: &'static str,
}

impl Explanation {
    /// The explanation of a code under these thresholds.
    #[must_use]
    pub fn of(code: FindingCode, policy: &Policy) -> Self {
        let terminal = policy.rule(code).map_or_else(
            || "never; it is shown and decides nothing".to_owned(),
            |rule| {
                if rule.only_suspect() {
                    "never; it is a suspect if the timeout passes, and takes no grace".to_owned()
                } else {
                    format!("after {}, seen {}", lasted(rule), happened(rule))
                }
            },
        );
        Self {
            code,
            terminal,
            why: policy.why(code),
            healing: healing(code),
            rests_on: match code.basis() {
                Basis::Node => "",
                Basis::Sources => " (from reading the sources, not yet seen on a real node)",
                Basis::Documentation => " (from documentation, not yet seen on a real node)",
            },
        }
    }

    /// In lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let code = self.code;
        let part = |name: &str, text: String| {
            Line::styled(Style::Dim, format!("  {name}: ")).then(Style::Plain, text)
        };
        let mut lines = vec![
            Line::styled(Style::Strong, code.to_string())
                .then(Style::Plain, format!("  {}", code.describe())),
            Line::styled(Style::Good, "  remedy: ").then(Style::Plain, code.usual_remedy()),
            part("look", code.look().command().to_owned()),
            part(
                "a rollback",
                format!("{}: {}", code.rollback_helps().words(), code.rollback_why()),
            ),
            part(
                "fails the check",
                format!("{}: {}", self.terminal, self.why),
            ),
        ];
        if is_tried_again(code) && policy_takes_grace(&self.terminal) {
            let text = "from the first failed try to the newest; the pauses between tries grow, so the verdict comes \
                        with the first try after that time";
            lines.push(part("how that is counted", text.to_owned()));
        }
        if !self.healing.is_empty() {
            lines.push(part("longest healing known", self.healing.clone()));
        }
        lines.push(part(
            "read from",
            format!("{}{}", code.signals(), self.rests_on),
        ));
        if policy_takes_grace(&self.terminal) {
            let text = format!("--grace {code}=DURATION changes how long it must have lasted");
            lines.push(Line::styled(Style::Dim, format!("  {text}")));
        }
        lines
    }
}

fn policy_takes_grace(terminal: &str) -> bool {
    !terminal.starts_with("never")
}

/// Returns whether the cluster tries again at growing intervals, so that the newest failure counts and not the time that
/// has passed.
const fn is_tried_again(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::ImageNotFound
            | FindingCode::ImagePullDenied
            | FindingCode::ImagePullFailing
            | FindingCode::RegistryNotTrusted
            | FindingCode::VolumeNotMounted
            | FindingCode::ClaimNotProvisioned
    )
}

/// How long the cause must have lasted.
#[must_use]
pub fn lasted(rule: Rule) -> String {
    if rule.only_suspect() {
        "never, only a suspect".to_owned()
    } else if rule.grace.is_zero() {
        "any time".to_owned()
    } else {
        Human(rule.grace).to_string()
    }
}

/// How often the cause must have happened.
#[must_use]
pub fn happened(rule: Rule) -> String {
    match rule.attempts {
        0 | 1 => "once".to_owned(),
        2 => "twice".to_owned(),
        times => format!("{times} times"),
    }
}

fn healing(code: FindingCode) -> String {
    let Healing {
        longest, source, ..
    } = code.healing();
    match longest {
        Longest::Undecided => String::new(),
        Longest::Excluded => format!("excluded: {source}"),
        Longest::NotSeen => format!("no case known: {source}"),
        Longest::Seen(longest) => format!("{}: {source}", Human(longest)),
        Longest::ThirdStart => format!("the third start: {source}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_says_what_to_do_and_when_it_decides() {
        let told = |code| {
            let lines = Explanation::of(code, &Policy::default()).lines();
            let lines: Vec<String> = lines.iter().map(Line::text).collect();
            lines.join("\n")
        };
        let text = told(FindingCode::ImageNotFound);
        for part in [
            "ImageNotFound  The registry does not have the image",
            "remedy: push the image",
            "look: kubectl describe pod POD",
            "a rollback: helps: the former revision names an image that could be pulled",
            "fails the check: after 25s, seen twice",
            "how that is counted: from the first failed try to the newest",
            "--grace ImageNotFound=DURATION",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        let text = told(FindingCode::OutOfMemory);
        assert!(!text.contains("how that is counted"), "{text}");
        let text = told(FindingCode::NothingToVerify);
        assert!(text.contains("fails the check: never"), "{text}");
        assert!(!text.contains("--grace"), "{text}");
    }
}
