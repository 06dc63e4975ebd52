//! Predictions in the forms of the report: added to a document of the findings.

use std::fmt::Write as _;

use rollguard_core::prediction::{
    Certainty, FailOnPrediction, Forecast, Needs, PredictedCode, Prediction,
};
use rollguard_core::report::{Line, Style, markdown_cell as cell, without_markers};
use serde_json::{Value, json};

use crate::parsed::Parsed;
use crate::run::excerpt;
use crate::severity::Severity;
use crate::yaml::Mark;

mod junit;

pub use junit::add_to_junit;

/// A prediction with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The prediction.
    pub prediction: Prediction,
    /// The file, as the user would write it.
    pub file: String,
    /// The object, such as `Deployment shop/web`.
    pub object: String,
    /// The field, as a path from the root of the document.
    pub path: String,
    /// Where it stands.
    pub mark: Mark,
    /// The line, or the part of it around the place.
    pub source: String,
    /// The column of the place in `source`, from 1.
    pub column: usize,
}

/// A manifest of a call, with the file in which it stands.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file, as the user would write it.
    pub file: &'a str,
    /// The file's text.
    pub text: &'a str,
    /// The object.
    pub parsed: &'a Parsed,
}

/// The predictions of a call, each at its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Predicted {
    /// The predictions, the most certain first.
    pub placed: Vec<Placed>,
    /// How many workloads were judged.
    pub judged: usize,
    /// What could not be seen.
    pub unseen: Vec<String>,
    /// The warnings of the API server, with the file of the manifest.
    pub warnings: Vec<(String, String)>,
    /// The time that each rollout needs, with the file of the manifest.
    pub needs: Vec<(String, Needs)>,
    /// From which certainty on a prediction fails the call.
    pub fail_on: FailOnPrediction,
}

/// Returns how much a prediction of a certainty weighs.
#[must_use]
pub const fn severity_of(certainty: Certainty) -> Severity {
    match certainty {
        Certainty::Certain => Severity::Error,
        Certainty::Likely => Severity::Warning,
        Certainty::Possible => Severity::Info,
    }
}

impl Predicted {
    /// Places the predictions; the origins are in the order of the manifests.
    #[must_use]
    pub fn new(forecast: Forecast, origins: &[Origin<'_>], fail_on: FailOnPrediction) -> Self {
        let file = |index: usize| origins.get(index).map_or("", |it| it.file).to_owned();
        let warnings = forecast.warnings.into_iter();
        let warnings = warnings.map(|(index, text)| (file(index), text));
        let needs = forecast.needs.into_iter();
        let needs = needs.map(|it| (file(it.manifest), it));
        Self {
            needs: needs.collect(),
            warnings: warnings.collect(),
            judged: forecast.judged,
            unseen: forecast.unseen,
            fail_on,
            placed: forecast
                .predictions
                .into_iter()
                .filter_map(|it| {
                    let origin = origins.get(it.manifest)?;
                    Some(place(it, origin))
                })
                .collect(),
        }
    }

    /// Returns whether a prediction is sure enough to fail the call.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.placed.iter().any(|it| self.is_failure(it))
    }

    fn is_failure(&self, placed: &Placed) -> bool {
        self.fail_on.fails(placed.prediction.certainty)
    }

    fn count(&self, certainty: Certainty) -> usize {
        let all = self.placed.iter();
        all.filter(|it| it.prediction.certainty == certainty)
            .count()
    }
}

fn place(prediction: Prediction, origin: &Origin<'_>) -> Placed {
    let mark = origin.parsed.mark(&prediction.pointer);
    let text = |pointer: &str| {
        let value = origin.parsed.object.pointer(pointer);
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let namespace = match text("/metadata/namespace") {
        "" => String::new(),
        own => format!("{own}/"),
    };
    let lines: Vec<&str> = origin.text.lines().collect();
    let (source, column) = excerpt(mark, &lines, origin.parsed.secrets());
    Placed {
        file: origin.file.to_owned(),
        object: format!("{} {namespace}{}", text("/kind"), text("/metadata/name")),
        path: origin.parsed.field(&prediction.pointer),
        mark,
        source,
        column,
        prediction,
    }
}

const fn style_of(certainty: Certainty) -> Style {
    super::text::style_of(severity_of(certainty))
}

/// Returns the lines of all predictions, and of what the API server warned about.
#[must_use]
pub fn prediction_lines(predicted: &Predicted) -> Vec<Line> {
    let mut all: Vec<Line> = predicted.placed.iter().flat_map(lines).collect();
    for (file, text) in &predicted.warnings {
        let line = Line::plain(format!("{file}: ")).then(Style::Warn, "API server warns");
        all.push(line.then(Style::Plain, format!(": {text}")));
    }
    for (file, needs) in &predicted.needs {
        all.push(Line::plain(format!("{file}: {}", needs.message)));
    }
    for text in &predicted.unseen {
        all.push(Line::styled(Style::Dim, "not seen").then(Style::Plain, format!(": {text}")));
    }
    all
}

fn lines(placed: &Placed) -> Vec<Line> {
    let Placed {
        prediction,
        file,
        mark,
        ..
    } = placed;
    let style = style_of(prediction.certainty);
    let head = Line::plain(format!("{file}:{}:{}: ", mark.line, mark.column))
        .then(style, prediction.certainty.as_str())
        .then(Style::Plain, " ")
        .then(Style::Strong, prediction.code.as_str())
        .then(Style::Plain, format!(": {}", prediction.message));
    let number = mark.line.to_string();
    let gutter = " ".repeat(number.len());
    let room = placed.source.chars().count();
    let room = room.saturating_sub(placed.column.saturating_sub(1));
    let caret = "^".repeat(mark.length.min(room.max(1)).max(1));
    let before = " ".repeat(placed.column.saturating_sub(1));
    let object = match placed.path.as_str() {
        "" => format!("  {gutter}   in {}", placed.object),
        path => format!("  {gutter}   in {}: {path}", placed.object),
    };
    let mut lines = vec![
        head,
        Line::styled(Style::Dim, format!("  {number} | ")).then(Style::Plain, &placed.source),
        Line::styled(Style::Dim, format!("  {gutter} | {before}")).then(style, caret),
        Line::styled(Style::Dim, object),
    ];
    if !prediction.remedy.is_empty() {
        lines.push(Line::plain(format!(
            "  {gutter}   fix: {}",
            prediction.remedy
        )));
    }
    lines
}

/// Returns the counts in one line.
#[must_use]
pub fn forecast_line(predicted: &Predicted) -> Line {
    let counts: Vec<String> = Certainty::ALL
        .into_iter()
        .filter_map(|certainty| {
            let count = predicted.count(certainty);
            (count > 0).then(|| format!("{count} {certainty}"))
        })
        .collect();
    let workloads = match predicted.judged {
        1 => "1 workload".to_owned(),
        many => format!("{many} workloads"),
    };
    let (style, found) = if counts.is_empty() {
        (Style::Good, "nothing predicted".to_owned())
    } else {
        let surest = predicted.placed.first().map(|it| it.prediction.certainty);
        (surest.map_or(Style::Plain, style_of), counts.join(", "))
    };
    let mut rest = format!(" for {workloads} in the cluster");
    if !predicted.unseen.is_empty() {
        let _ = write!(rest, "; {} not seen", predicted.unseen.len());
    }
    Line::styled(style, found).then(Style::Plain, rest)
}

/// Adds the predictions to the JSON document.
///
/// # Errors
/// When the document is not JSON.
pub fn add_to_json(document: &str, predicted: &Predicted) -> Result<String, serde_json::Error> {
    let mut document: Value = serde_json::from_str(document)?;
    let each = predicted.placed.iter().map(|placed| {
        let it = &placed.prediction;
        json!({
            "code": it.code.as_str(),
            "certainty": it.certainty,
            "file": placed.file,
            "line": placed.mark.line,
            "column": placed.mark.column,
            "object": placed.object,
            "about": it.subject,
            "path": placed.path,
            "message": it.message,
            "fix": it.remedy,
        })
    });
    let predictions: Vec<Value> = each.collect();
    let warnings = predicted.warnings.iter();
    let warnings: Vec<Value> = warnings
        .map(|(file, text)| json!({"file": file, "message": text}))
        .collect();
    let needs = predicted.needs.iter().map(|(file, it)| {
        json!({
            "file": file,
            "leastSeconds": it.least.as_secs(),
            "aboutSeconds": it.about.map(|it| it.as_secs()),
            "message": it.message,
        })
    });
    let needs: Vec<Value> = needs.collect();
    if let Some(fields) = document.as_object_mut() {
        fields.insert("predictions".to_owned(), json!(predictions));
        fields.insert("needs".to_owned(), json!(needs));
        fields.insert("notSeen".to_owned(), json!(predicted.unseen));
        fields.insert("serverWarnings".to_owned(), json!(warnings));
    }
    if let Some(summary) = document
        .pointer_mut("/summary")
        .and_then(Value::as_object_mut)
    {
        summary.insert("workloads".to_owned(), json!(predicted.judged));
        for certainty in Certainty::ALL {
            let count = predicted.count(certainty);
            summary.insert(certainty.as_str().to_owned(), json!(count));
        }
    }
    Ok(without_markers(&serde_json::to_string_pretty(&document)?))
}

/// Adds the predictions to the SARIF document, as results of rules of their own.
///
/// # Errors
/// When the document is not JSON.
pub fn add_to_sarif(document: &str, predicted: &Predicted) -> Result<String, serde_json::Error> {
    let mut document: Value = serde_json::from_str(document)?;
    let mut codes: Vec<PredictedCode> = predicted
        .placed
        .iter()
        .map(|it| it.prediction.code)
        .collect();
    codes.sort();
    codes.dedup();
    let rules = document.pointer_mut("/runs/0/tool/driver/rules");
    let Some(rules) = rules.and_then(Value::as_array_mut) else {
        return Ok(document.to_string());
    };
    let first = rules.len();
    rules.extend(codes.iter().map(|code| rule(*code)));
    if let Some(results) = document
        .pointer_mut("/runs/0/results")
        .and_then(Value::as_array_mut)
    {
        results.extend(predicted.placed.iter().map(|placed| {
            let index = codes.iter().position(|it| *it == placed.prediction.code);
            result(placed, index.map(|it| it + first))
        }));
    }
    Ok(without_markers(&serde_json::to_string_pretty(&document)?))
}

fn rule(code: PredictedCode) -> Value {
    json!({
        "id": code.as_str(),
        "name": code.as_str(),
        "shortDescription": {"text": code.describe()},
        "fullDescription": {"text": format!("{} Predicted from the manifest and the cluster.", code.describe())},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["prediction"]},
    })
}

fn result(placed: &Placed, rule: Option<usize>) -> Value {
    let it = &placed.prediction;
    let mark = placed.mark;
    let level = super::sarif::level(severity_of(it.certainty));
    let fix = match it.remedy.as_str() {
        "" => String::new(),
        remedy => format!(" Fix: {remedy}."),
    };
    json!({
        "ruleId": it.code.as_str(),
        "ruleIndex": rule,
        "level": level,
        "message": {"text": format!("{}: {}.{fix}", it.certainty, it.message)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": super::sarif::uri(&placed.file)},
                "region": {
                    "startLine": mark.line.max(1),
                    "startColumn": mark.column.max(1),
                    "endColumn": mark.column.max(1) + mark.length.max(1),
                    "snippet": {"text": placed.source},
                },
            },
            "logicalLocations": [{
                "fullyQualifiedName": format!("{}: {}", placed.object, placed.path),
                "kind": "object",
            }],
        }],
        "properties": {"certainty": it.certainty},
    })
}

/// Adds the predictions to the Markdown page.
#[must_use]
pub fn add_to_markdown(document: &str, predicted: &Predicted) -> String {
    let mut out = format!(
        "{document}\n# In the cluster\n\n{}\n",
        cell(&forecast_line(predicted).text())
    );
    if !predicted.placed.is_empty() {
        out +=
            "\n| certainty | code | where | prediction | fix |\n| --- | --- | --- | --- | --- |\n";
    }
    for placed in &predicted.placed {
        let it = &placed.prediction;
        let place = format!(
            "{}:{}:{}",
            placed.file, placed.mark.line, placed.mark.column
        );
        let row = [
            it.certainty.as_str(),
            it.code.as_str(),
            &place,
            &it.message,
            &it.remedy,
        ];
        let _ = writeln!(out, "| {} |", row.map(cell).join(" | "));
    }
    let warnings = predicted.warnings.iter();
    let warnings = warnings.map(|(file, text)| format!("{file}: the API server warns: {text}"));
    let needs = predicted.needs.iter();
    let needs = needs.map(|(file, it)| format!("{file}: {}", it.message));
    let notes = predicted.unseen.iter().map(|it| format!("not seen: {it}"));
    for note in needs.chain(warnings).chain(notes) {
        let _ = write!(out, "\n- {}", cell(&note));
    }
    out.push('\n');
    // Within code a marker is not escaped.
    out.replace("##", "#&#35;")
}
