//! `rollguard lint --live`: judges manifests, or workloads of the cluster, and predicts what a rollout of them meets.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches};
use jiff::civil::Date;
use rollguard_agent::Outcome;
use rollguard_cluster::{Connection, access};
use rollguard_core::duration;
use rollguard_core::prediction::{FailOnPrediction, Manifests};
use rollguard_core::report::{Line, Style};
use rollguard_core::workload::{Workload, WorkloadName, WorkloadRef, is_dns_label};
use rollguard_lint::report::{
    Origin, Predicted, add_to_json, add_to_junit, add_to_markdown, add_to_sarif, forecast_line,
    markdown_page, prediction_lines,
};
use rollguard_lint::{ClusterDefaults, Parsed, Report, parsed};
use serde_json::Value;

use super::files::has_ending_of_manifest;
use super::{LintForm, LintOptions, Linter, document_of, outcome, print_human, print_problems};
use crate::cancel::Cancel;
use crate::connection_options::{given_connection_options, is_given, quoted};
use crate::console::Console;
use crate::failure::Failure;
use crate::run::forecast::forecast;

/// Returns the options that ask the cluster.
pub(crate) fn args() -> Vec<Arg> {
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    vec![
        Arg::new("live")
            .long("live")
            .action(ArgAction::SetTrue)
            .conflicts_with_all(["write-baseline", "fix", "diff"])
            .help("Ask the cluster as well, and predict what the rollout will meet; nothing is written"),
        value(
            "namespace",
            "NAMESPACE",
            "With --live: the namespace of manifests that name none, and of workloads [default: the context's]",
        )
        .short('n'),
        value(
            "selector",
            "SELECTOR",
            "The workloads of the cluster with these labels, as of kubectl",
        )
        .short('l'),
        value(
            "timeout",
            "DURATION",
            "With --live: the timeout of the check after the rollout, which is compared with what the rollout needs [default: 5m]",
        ),
        value(
            "fail-on-prediction",
            "CERTAINTY",
            "With --live: exit with 10 for predictions that are so sure: certain, likely, possible or never [default: certain]",
        ),
    ]
}

/// The options that ask the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveOptions {
    /// The namespace of manifests that name none; that of the context where it is not given.
    pub(crate) namespace: Option<String>,
    /// The workloads of the cluster, by label.
    pub(crate) selector: Option<String>,
    /// From which certainty on a prediction fails the call.
    pub(crate) fail_on: FailOnPrediction,
    /// The timeout of the check after the rollout.
    pub(crate) timeout: Option<Duration>,
}

/// Reads the options; `None` without a cluster. A workload or a selector asks for the cluster by itself.
pub(crate) fn options(matches: &ArgMatches) -> Result<Option<LiveOptions>, Failure> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let standing = Standing::named(matches);
    if !matches.get_flag("live") && standing.words.is_empty() {
        let problems = for_a_cluster(matches);
        if problems.is_empty() {
            return Ok(None);
        }
        return Err(Failure::of(Outcome::BadInput, problems));
    }
    let mut problems = standing.that_is_not_written(matches);
    let namespace = text("namespace");
    if let Some(wrong) = namespace.as_deref().filter(|it| !is_dns_label(it)) {
        problems.push(format!(
            "`--namespace`: `{wrong}` is not the name of a namespace"
        ));
    }
    let fail_on = text("fail-on-prediction").map(|text| {
        FailOnPrediction::parse(&text).ok_or_else(|| {
            format!(
                "`--fail-on-prediction`: `{text}` is none of certain, likely, possible and never"
            )
        })
    });
    let fail_on = match fail_on.transpose() {
        Ok(fail_on) => fail_on.unwrap_or_default(),
        Err(problem) => {
            problems.push(problem);
            FailOnPrediction::default()
        }
    };
    let timeout = text("timeout").map(|text| duration::parse(&text));
    let timeout = timeout.transpose().unwrap_or_else(|error| {
        problems.push(format!("`--timeout`: {error}"));
        None
    });
    if !problems.is_empty() {
        return Err(Failure::of(Outcome::BadInput, problems));
    }
    Ok(Some(LiveOptions {
        namespace,
        selector: text("selector"),
        fail_on,
        timeout,
    }))
}

/// Returns what is wrong with options that only matter to a cluster, where none is asked.
fn for_a_cluster(matches: &ArgMatches) -> Vec<String> {
    let own = [
        ("namespace", "--namespace"),
        ("timeout", "--timeout"),
        ("fail-on-prediction", "--fail-on-prediction"),
    ];
    let own = own.into_iter().filter(|(name, _)| is_given(matches, name));
    let own = own.map(|(_, option)| option);
    let problem =
        |option| format!("`{option}`: no cluster is asked; add `--live`, or leave out `{option}`");
    own.chain(given_connection_options(matches))
        .map(problem)
        .collect()
}

/// The arguments that name workloads of the cluster, and those that name manifests.
struct Standing<'a> {
    words: Vec<String>,
    paths: Vec<&'a str>,
}

impl<'a> Standing<'a> {
    fn named(matches: &'a ArgMatches) -> Self {
        let all = matches.get_many::<String>("paths").into_iter().flatten();
        let (workloads, paths): (Vec<&str>, Vec<&str>) = all
            .map(String::as_str)
            .partition(|it| workload(it).is_some());
        let selector = matches.get_one::<String>("selector");
        let selector = selector.map(|it| format!("-l {}", quoted(it)));
        let workloads = workloads.into_iter().map(quoted);
        Self {
            words: workloads.chain(selector).collect(),
            paths,
        }
    }

    /// Returns what is wrong with options that write files, where workloads of the cluster are judged.
    fn that_is_not_written(&self, matches: &ArgMatches) -> Vec<String> {
        if self.words.is_empty() {
            return Vec::new();
        }
        let baseline = matches.get_one::<String>("write-baseline");
        let baseline = baseline.map(|it| format!("--write-baseline {}", quoted(it)));
        let flag = |name: &str| matches.get_flag(name).then(|| format!("--{name}"));
        let written = [flag("fix"), flag("diff"), baseline];
        let standing = self.words.join(" ");
        let paths: Vec<String> = self.paths.iter().map(|it| quoted(it)).collect();
        let instead = |option: &str| match paths.as_slice() {
            [] => format!("write `rollguard lint {standing}`"),
            paths => format!(
                "write `rollguard lint {} {option}` and `rollguard lint {standing}`",
                paths.join(" ")
            ),
        };
        let problem = |option: String| {
            let name = option.split(' ').next().unwrap_or(&option);
            let instead = instead(&option);
            format!(
                "`{name}`: it is for manifests, and `{standing}` is read from the cluster; {instead}"
            )
        };
        written.into_iter().flatten().map(problem).collect()
    }
}

/// Returns the workload that an argument names; a file of that name is meant as such, and so is one that does not exist
/// but has the ending of a manifest.
fn workload(path: &str) -> Option<WorkloadName> {
    let name = WorkloadName::parse(path).ok()?;
    let is_file = has_ending_of_manifest(path) || std::path::Path::new(path).exists();
    (!is_file).then_some(name)
}

/// The texts that are judged: of files, and of objects of the cluster.
struct Sources {
    linter: Linter,
    /// Each text with its path, and whether it was read from the cluster.
    texts: Vec<(String, String, bool)>,
}

/// The workloads of the cluster that are judged.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The workloads that were named.
    pub(crate) named: Vec<WorkloadRef>,
    /// More of them, by label.
    pub(crate) selector: Option<String>,
    /// Where these are, and the manifests that name no namespace.
    pub(crate) namespace: String,
    /// The timeout of the check after the rollout, where it is known.
    pub(crate) timeout: Option<Duration>,
}

/// The findings, and the predictions of the cluster.
pub(crate) struct Judged {
    /// The findings.
    pub(crate) report: Report,
    /// The predictions; none where no cluster was asked.
    pub(crate) predicted: Option<Predicted>,
    /// The paths of the report that are no files: objects of the cluster.
    pub(crate) standing: BTreeSet<String>,
}

impl Judged {
    /// The findings alone: no cluster was asked.
    pub(crate) fn without_cluster(report: Report) -> Self {
        Self {
            report,
            predicted: None,
            standing: BTreeSet::new(),
        }
    }

    /// Returns the outcome of the call.
    pub(crate) fn outcome(&self) -> Outcome {
        let judged = outcome(&self.report, false);
        let fails = self.predicted.as_ref().is_some_and(Predicted::fails);
        if judged == Outcome::Succeeded && fails {
            Outcome::Findings
        } else {
            judged
        }
    }
}

/// Judges the manifests and workloads, predicts what their rollout meets, and prints both.
///
/// # Errors
/// When an option is wrong, or a workload cannot be read.
pub(crate) async fn lint_live(
    (mut options, live): (LintOptions, LiveOptions),
    today: Date,
    connection: &Connection,
    (console, cancel): (&mut Console, &Cancel),
) -> Result<Outcome, Failure> {
    let form = options.form;
    let own = connection.client.default_namespace().to_owned();
    let namespace = live.namespace.unwrap_or(own);
    let mut named = Vec::new();
    options.paths.retain(|path| match workload(path) {
        Some(name) => {
            named.push(name.in_namespace(&namespace));
            false
        }
        None => true,
    });
    let subject = Subject {
        named,
        selector: live.selector,
        namespace,
        timeout: live.timeout,
    };
    let reading = Reading { options, today };
    let judged = judge_live(reading, (&subject, live.fail_on), connection, cancel).await?;
    print(&judged, form, console)?;
    Ok(judged.outcome())
}

/// How files are read and judged.
pub(crate) struct Reading {
    /// The files and the rules.
    pub(crate) options: LintOptions,
    /// The day on which exemptions hold.
    pub(crate) today: Date,
}

/// Judges the manifests and workloads, and predicts what their rollout meets.
///
/// # Errors
/// When an option is wrong, or a workload cannot be read.
pub(crate) async fn judge_live(
    reading: Reading,
    (subject, fail_on): (&Subject, FailOnPrediction),
    connection: &Connection,
    cancel: &Cancel,
) -> Result<Judged, Failure> {
    let standing = cancel.unless(standing(connection, subject)).await??;
    let reading = tokio::task::spawn_blocking(move || read(reading, standing));
    let sources = cancel.unless(reading).await?;
    let sources = sources.map_err(anyhow::Error::from)??;
    let all: Vec<(usize, Parsed)> = sources
        .texts
        .iter()
        .enumerate()
        .flat_map(|(at, (_, text, _))| parsed(text).into_iter().map(move |it| (at, it)))
        .collect();
    let mut manifests = Manifests::default();
    manifests.timeout = subject.timeout;
    let mut origins = Vec::new();
    for (at, it) in &all {
        let Some((path, text, stands)) = sources.texts.get(*at) else {
            continue;
        };
        if *stands {
            manifests.add_standing(it.object.clone(), &subject.namespace);
        } else {
            manifests.add(it.object.clone(), &subject.namespace);
        }
        origins.push(Origin {
            file: path,
            text,
            parsed: it,
        });
    }
    let forecast = forecast(connection, &manifests, cancel).await?;
    // What LimitRanges set is not missing in a manifest.
    let defaults = ClusterDefaults {
        namespace: subject.namespace.clone(),
        of: forecast.defaults.clone(),
    };
    let predicted = Predicted::new(forecast, &origins, fail_on);
    let texts = sources.texts.iter();
    let standing = texts.filter(|(.., stands)| *stands);
    let standing = standing.map(|(path, ..)| path.clone()).collect();
    let judging = tokio::task::spawn_blocking(move || sources.judge(defaults));
    let report = cancel.unless(judging).await?.map_err(anyhow::Error::from)?;
    Ok(Judged {
        report,
        predicted: Some(predicted),
        standing,
    })
}

/// Reads workloads of the cluster as the texts of manifests.
async fn standing(
    connection: &Connection,
    subject: &Subject,
) -> Result<Vec<(String, String)>, Failure> {
    let client = &connection.client;
    let named = &subject.named;
    let mut workloads = access::find_all(client, named).await?;
    if let Some(selector) = &subject.selector {
        let selected = access::select(client, &subject.namespace, selector).await?;
        let others = selected.workloads.into_iter();
        workloads.extend(others.filter(|it| !named.contains(&it.reference())));
    }
    let texts = workloads.iter().map(text_of);
    let texts: Result<Vec<(String, String)>, serde_json::Error> = texts.collect();
    Ok(texts.map_err(anyhow::Error::from)?)
}

/// Returns a workload as a manifest, without what the cluster adds to it.
fn text_of(workload: &Workload) -> Result<(String, String), serde_json::Error> {
    let mut object = serde_json::to_value(workload)?;
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.remove("managedFields");
    }
    let name = workload.reference();
    let path = format!("{}/{}", name.kind.resource(), name.name);
    Ok((path, serde_json::to_string_pretty(&object)?))
}

/// Reads every text that is to be judged.
fn read(reading: Reading, standing: Vec<(String, String)>) -> Result<Sources, Failure> {
    let mut linter = Linter::new(reading.options, reading.today, None)?;
    let mut texts: Vec<(String, String, bool)> = Vec::new();
    for path in linter.find() {
        if let Some(text) = linter.read(&path) {
            texts.push((path, text, false));
        }
    }
    let standing = standing.into_iter();
    texts.extend(standing.map(|(path, text)| (path, text, true)));
    Ok(Sources { linter, texts })
}

impl Sources {
    /// Judges every text by the practices.
    fn judge(self, defaults: ClusterDefaults) -> Report {
        let mut linter = self.linter.with_defaults(defaults);
        for (path, text, stands) in self.texts {
            if stands {
                linter.judge_standing(&path, &text);
            } else {
                linter.judge(&path, text);
            }
        }
        linter.finish()
    }
}

fn print(judged: &Judged, form: LintForm, console: &mut Console) -> Result<(), Failure> {
    match judged.document(form)? {
        Some(document) => console.document(&document),
        None => judged.print_findings(console),
    }
    judged.print_counts(console);
    Ok(())
}

impl Judged {
    /// Returns the document for a program; `None` for people.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn document(&self, form: LintForm) -> Result<Option<String>, Failure> {
        let document = document_of(&self.report, form)?;
        let Some(predicted) = &self.predicted else {
            return Ok(document);
        };
        Ok(match (form, document) {
            (LintForm::Json, Some(it)) => {
                Some(add_to_json(&it, predicted).map_err(anyhow::Error::from)?)
            }
            (LintForm::Sarif, Some(it)) => {
                Some(add_to_sarif(&it, predicted).map_err(anyhow::Error::from)?)
            }
            (LintForm::Junit, Some(it)) => Some(add_to_junit(&it, predicted)),
            (LintForm::Markdown, Some(it)) => Some(add_to_markdown(&it, predicted)),
            (LintForm::Human, _) | (_, None) => None,
        })
    }

    /// Returns the page of a run, which has room for some findings only.
    pub(crate) fn page(&self) -> String {
        let page = markdown_page(&self.report);
        match &self.predicted {
            Some(predicted) => add_to_markdown(&page, predicted),
            None => page,
        }
    }

    /// Prints the findings and the predictions.
    pub(crate) fn print_findings(&self, console: &mut Console) {
        print_human(&self.report, false, console);
        if let Some(predicted) = &self.predicted {
            console.lines(&prediction_lines(predicted));
        }
    }

    /// Prints what could not be read, and the counts.
    pub(crate) fn print_counts(&self, console: &mut Console) {
        print_problems(&self.report, console);
        if let Some(predicted) = &self.predicted {
            let head = Line::styled(Style::Plain, "predicted: ");
            let counts = forecast_line(predicted).0;
            console.line(&Line(head.0.into_iter().chain(counts).collect()));
        }
    }
}
