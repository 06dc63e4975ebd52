//! `rollguard explain`: what a code means and what to do.

use rollguard_agent::Outcome;
use rollguard_core::finding::FindingCode;
use rollguard_core::policy::Policy;
use rollguard_core::prediction::PredictedCode;
use rollguard_core::report::{Explanation, ExplanationDocument, Line, Style};
use rollguard_lint::LintCode;
use serde_json::{Value, json};

use crate::console::Console;
use crate::failure::Failure;
use crate::output_form::{OutputForm, harmless_json};

/// The codes of predictions that no check reports.
const PREDICTED: [PredictedCode; 3] = [
    PredictedCode::ApplyRefused,
    PredictedCode::FieldImmutable,
    PredictedCode::RollbackImpossible,
];

/// The codes that are explained. A word may be a code of a check and one of a lint.
#[derive(Default)]
struct Codes {
    findings: Vec<FindingCode>,
    lints: Vec<LintCode>,
    predicted: Vec<PredictedCode>,
    /// The other codes behind a word of kubectl, beside the most frequent one.
    others: &'static [FindingCode],
}

/// Explains one code, or lists all.
pub(crate) fn explain(
    word: Option<&str>,
    form: OutputForm,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let codes = word.map_or_else(|| Ok(Codes::all()), Codes::of)?;
    let policy = Policy::default();
    if form.is_for_programs() {
        console.document(&harmless_json(codes.document(&policy))?);
    } else if let Some(word) = word {
        console.lines(&codes.lines(word, &policy));
    } else {
        console.lines(&codes.list());
    }
    Ok(Outcome::Succeeded)
}

impl Codes {
    fn all() -> Self {
        Self {
            findings: FindingCode::ALL.to_vec(),
            lints: LintCode::ALL.to_vec(),
            predicted: PREDICTED.to_vec(),
            others: &[],
        }
    }

    /// Returns what a word names: a code in any case, else the codes behind a word of kubectl.
    fn of(word: &str) -> Result<Self, Failure> {
        let parsed = FindingCode::parse(word);
        let is_it = |name: &str| name.eq_ignore_ascii_case(word);
        let mut codes = Self {
            findings: parsed.iter().copied().collect(),
            lints: LintCode::ALL.to_vec(),
            predicted: PREDICTED.to_vec(),
            others: &[],
        };
        codes.lints.retain(|it| is_it(it.as_str()));
        codes.predicted.retain(|it| is_it(it.as_str()));
        if codes.findings.is_empty() && codes.lints.is_empty() && codes.predicted.is_empty() {
            let Some((first, others)) = FindingCode::behind(word).split_first() else {
                let message = slip(word).map_or_else(
                    || parsed.err().map_or_else(String::new, |it| it.to_string()),
                    |meant| format!("`{word}` is not a finding code; did you mean `{meant}`?"),
                );
                return Err(Failure::new(Outcome::BadInput, message));
            };
            codes.findings.push(*first);
            codes.others = others;
        }
        Ok(codes)
    }

    fn document(&self, policy: &Policy) -> Result<String, serde_json::Error> {
        let document = ExplanationDocument::new(&self.findings, policy);
        let mut document = serde_json::to_value(document)?;
        let lints = self.lints.iter().map(|it| {
            json!({
                "code": it.as_str(),
                "meaning": it.what(),
                "remedy": it.fix(),
                "severity": it.severity(),
                "practice": it.practice(),
                "source": it.source(),
            })
        });
        let predicted = self.predicted.iter();
        let predicted = predicted.map(|it| json!({"code": it.as_str(), "meaning": it.describe()}));
        let others = self.others.iter().map(|it| json!(it.as_str()));
        let more: [(&str, Vec<Value>); 3] = [
            ("lintCodes", lints.collect()),
            ("predictedCodes", predicted.collect()),
            ("otherCodes", others.collect()),
        ];
        if let Some(fields) = document.as_object_mut() {
            let more = more.into_iter().filter(|(_, it)| !it.is_empty());
            fields.extend(more.map(|(name, it)| (name.to_owned(), json!(it))));
        }
        serde_json::to_string_pretty(&document)
    }

    /// Returns all that is known about the codes of a word.
    fn lines(&self, word: &str, policy: &Policy) -> Vec<Line> {
        let mut lines = Vec::new();
        if let [first] = &*self.findings
            && FindingCode::parse(word).is_err()
        {
            let others: Vec<&str> = self.others.iter().map(|it| it.as_str()).collect();
            let cause = if others.is_empty() {
                format!("is {first}")
            } else {
                format!("is most often {first}, else {}", others.join(" or "))
            };
            let line = format!("`{word}` is what Kubernetes reports; the cause {cause}");
            lines.push(Line::plain(line));
        }
        for code in &self.findings {
            lines.extend(Explanation::of(*code, policy).lines());
        }
        for code in &self.lints {
            lines.extend(of_lint(*code));
        }
        for code in &self.predicted {
            lines.extend(of_prediction(*code));
        }
        lines
    }

    /// Returns every code with its meaning, one line each.
    fn list(&self) -> Vec<Line> {
        let of_check = self.findings.iter().map(|it| (it.as_str(), it.describe()));
        let predicted = self.predicted.iter().map(|it| (it.as_str(), it.describe()));
        let of_lint = self.lints.iter().map(|it| (it.as_str(), it.what()));
        let groups: [(&str, Vec<_>); 3] = [
            ("of a check, and of a prediction", of_check.collect()),
            ("of a prediction only", predicted.collect()),
            ("of a lint", of_lint.collect()),
        ];
        let all = groups.iter().flat_map(|(_, codes)| codes);
        let width = all.map(|(name, _)| name.len()).max().unwrap_or_default();
        let lines = groups.iter().flat_map(|(title, codes)| {
            let title = Line::styled(Style::Dim, *title);
            let codes = codes.iter().map(move |(name, meaning)| {
                Line::styled(Style::Strong, format!("{name:width$}"))
                    .then(Style::Plain, format!("  {meaning}"))
            });
            std::iter::once(title).chain(codes)
        });
        lines.collect()
    }
}

/// Returns the code or the word of kubectl that differs by a slip.
fn slip(word: &str) -> Option<&'static str> {
    const SLIPS: usize = 2;
    let said = word.to_ascii_lowercase();
    let findings = FindingCode::ALL.iter().map(|it| it.as_str());
    let lints = LintCode::ALL.iter().map(|it| it.as_str());
    let codes = findings
        .chain(lints)
        .chain(PREDICTED.map(PredictedCode::as_str));
    let rated = codes.map(|it| (strsim::osa_distance(&said, &it.to_ascii_lowercase()), it));
    let (slips, code) = rated.min_by_key(|(slips, _)| *slips)?;
    if slips <= SLIPS {
        return Some(code);
    }
    FindingCode::word_like(word)
}

fn part(name: &str, text: impl Into<String>) -> Line {
    Line::styled(Style::Dim, format!("  {name}: ")).then(Style::Plain, text.into())
}

fn of_lint(code: LintCode) -> Vec<Line> {
    let practice = code.practice();
    let practice = practice.map_or_else(String::new, |it| format!(", practice {it}"));
    vec![
        Line::styled(Style::Strong, code.as_str()).then(Style::Plain, format!("  {}", code.what())),
        Line::styled(Style::Good, "  remedy: ").then(Style::Plain, code.fix()),
        part(
            "reported by",
            format!("rollguard lint, as {}{practice}", code.severity()),
        ),
        part("source", code.source()),
        part(
            "not for one object",
            format!("annotation rollguard.dev/exempt-{code}: REASON"),
        ),
    ]
}

fn of_prediction(code: PredictedCode) -> Vec<Line> {
    vec![
        Line::styled(Style::Strong, code.as_str())
            .then(Style::Plain, format!("  {}", code.describe())),
        Line::styled(Style::Good, "  remedy: ").then(
            Style::Plain,
            "the prediction names what to change; what is predicted, and how surely: docs/prediction.md",
        ),
        part("reported by", "rollguard lint --live, before the rollout"),
    ]
}
