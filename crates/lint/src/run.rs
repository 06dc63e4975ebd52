//! A whole call: the judgements of all files, and what only all of them together decide.

use std::collections::BTreeMap;

use crate::baseline::{Baseline, Known};
use crate::config::FailOn;
use crate::finding::{Finding, Suppression};
use crate::judge::Judgement;
use crate::secret::hidden;
use crate::service::{Service, ServiceIndex, Worker};
use crate::severity::Severity;
use crate::yaml::Mark;

/// The longest part of a source line that is kept, in characters.
const SOURCE_WIDTH: usize = 160;

/// A finding with the line on which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The finding.
    pub finding: Finding,
    /// The line, or the part of it around the place.
    pub source: String,
    /// The column of the place in `source`, from 1.
    pub column: usize,
}

/// A longer line, as of JSON without line breaks, is not shown: it tells people nothing, and each finding
/// would be looked for from its beginning.
const LONGEST_LINE: usize = 16 * 1024;

impl Located {
    fn new(finding: Finding, lines: &[&str], secrets: &[Mark]) -> Self {
        let (source, column) = excerpt(finding.mark, lines, secrets);
        Self {
            finding,
            source,
            column,
        }
    }
}

/// Returns the line of a place without secrets, or the part around it, and the column of the place in that.
pub(crate) fn excerpt(mark: Mark, lines: &[&str], secrets: &[Mark]) -> (String, usize) {
    let line = mark.line.checked_sub(1);
    let line = line
        .and_then(|it| lines.get(it))
        .copied()
        .filter(|it| it.len() <= LONGEST_LINE)
        .unwrap_or_default();
    // Before it is cut: a name tells what its value is.
    let (line, column) = hidden(line, mark, secrets);
    // Enough before the place to tell where it is.
    let skipped = column.saturating_sub(SOURCE_WIDTH / 2);
    let source = line.chars().skip(skipped).take(SOURCE_WIDTH).collect();
    (source, column - skipped)
}

/// A file with what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintedFile {
    /// Its path, as the user would write it.
    pub path: String,
    /// From which severity on its findings fail the call.
    pub fail_on: FailOn,
    /// The findings, in the order of their places.
    pub findings: Vec<Located>,
}

/// A file that was judged.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its path, as the user would write it.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
    /// From which severity on its findings fail the call.
    pub fail_on: FailOn,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// The reason, with its place if there is one.
    pub what: String,
}

/// A call of the linter.
#[derive(Debug, Default)]
pub struct Run {
    files: Vec<LintedFile>,
    problems: Vec<Problem>,
    summary: Summary,
    services: Vec<Service>,
    workers: Vec<Deferred>,
    shared_selectors: Vec<SharedSelector>,
    /// How often the baseline still knows each finding.
    known: Option<Known>,
    /// Whether a finding that counts is heavy enough to fail the call.
    failed: bool,
}

/// A worker that is not served so far, with its findings and the file in which they would stand.
#[derive(Debug)]
struct Deferred {
    file: usize,
    worker: Worker,
    located: Vec<Located>,
}

/// The finding about a Service that holds if another one is like it.
#[derive(Debug)]
struct SharedSelector {
    file: usize,
    service: usize,
    located: Located,
}

/// The counts of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many files were read.
    pub files: usize,
    /// How many pod templates were judged.
    pub judged: usize,
    /// Kinds without a pod template, and how many objects of each there are.
    pub skipped: BTreeMap<String, usize>,
    /// How many documents are no Kubernetes objects.
    pub foreign: usize,
    /// Findings that count, by severity.
    pub counted: BTreeMap<Severity, usize>,
    /// Findings that an annotation exempts.
    pub exempted: usize,
    /// Findings that the baseline file knows.
    pub known: usize,
    /// Findings that count and that a change of the text resolves.
    pub fixable: usize,
}

impl Summary {
    /// Returns how many findings of a severity count.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.counted.get(&severity).copied().unwrap_or_default()
    }
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The files in which something was found.
    pub files: Vec<LintedFile>,
    /// The counts.
    pub summary: Summary,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether a finding that counts is heavy enough to fail the call, those that were taken before included.
    failed: bool,
}

impl Run {
    /// Begins a call in which the findings that the baseline knows do not count.
    #[must_use]
    pub fn with_baseline(baseline: Option<&Baseline>) -> Self {
        Self {
            known: baseline.map(Baseline::known),
            ..Self::default()
        }
    }

    /// Takes what is settled of the file that was added last, so that no more than it is in memory. What other files
    /// decide is in the report at the end.
    pub fn take(&mut self) -> Option<LintedFile> {
        let at = self.files.len().checked_sub(1)?;
        let file = self.files.get_mut(at)?;
        let mut settled = LintedFile {
            path: file.path.clone(),
            fail_on: file.fail_on,
            findings: std::mem::take(&mut file.findings),
        };
        let is_awaited = self.workers.last().is_some_and(|it| it.file == at)
            || self.shared_selectors.last().is_some_and(|it| it.file == at);
        if !is_awaited {
            self.files.pop();
        }
        self.settle(&mut settled);
        Some(settled).filter(|it| !it.findings.is_empty())
    }

    /// Suppresses what the baseline knows, and counts.
    fn settle(&mut self, file: &mut LintedFile) {
        for located in &mut file.findings {
            let finding = &mut located.finding;
            if let Some(known) = &mut self.known {
                known.apply(finding);
            }
            match finding.suppression {
                None => {
                    *self.summary.counted.entry(finding.severity).or_default() += 1;
                    self.summary.fixable += usize::from(finding.edit.is_some());
                    self.failed |= file.fail_on.fails(finding.severity);
                }
                Some(Suppression::Annotation { .. }) => self.summary.exempted += 1,
                Some(Suppression::Baseline) => self.summary.known += 1,
            }
        }
    }

    /// Adds the judgement of a file.
    pub fn add(&mut self, source: Source<'_>, judgement: Judgement) {
        let Source {
            path,
            text,
            fail_on,
        } = source;
        let summary = &mut self.summary;
        summary.files += 1;
        summary.judged += judgement.judged;
        summary.foreign += judgement.foreign;
        for (kind, count) in judgement.skipped {
            *summary.skipped.entry(kind).or_default() += count;
        }
        if let Some(problem) = judgement.problem {
            self.add_problem(path, problem.to_string());
        }
        let is_clean = judgement.findings.is_empty()
            && judgement.workers.is_empty()
            && judgement
                .services
                .iter()
                .all(|it| it.shared_selector.is_none());
        if is_clean {
            self.services.extend(judgement.services);
            return;
        }
        let lines: Vec<&str> = text.lines().collect();
        let secrets = judgement.secrets;
        let located = |finding| Located::new(finding, &lines, &secrets);
        let file = self.files.len();
        for mut worker in judgement.workers {
            let deferred = std::mem::take(&mut worker.findings).into_iter();
            let located = deferred.map(located).collect();
            self.workers.push(Deferred {
                file,
                worker,
                located,
            });
        }
        for mut service in judgement.services {
            let shared_selector = service.shared_selector.take();
            self.shared_selectors
                .extend(shared_selector.map(|it| SharedSelector {
                    file,
                    service: self.services.len(),
                    located: located(it),
                }));
            self.services.push(service);
        }
        self.files.push(LintedFile {
            path: path.to_owned(),
            fail_on,
            findings: judgement.findings.into_iter().map(located).collect(),
        });
    }

    /// Adds something that could not be read.
    pub fn add_problem(&mut self, path: &str, what: impl Into<String>) {
        self.problems.push(Problem {
            path: path.to_owned(),
            what: what.into(),
        });
    }

    /// Ends the call: adds what the Services of all files decide, and suppresses what the baseline knows.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let services = std::mem::take(&mut self.services);
        let index = ServiceIndex::of(&services);
        let mut files = std::mem::take(&mut self.files);
        for deferred in std::mem::take(&mut self.workers) {
            let served = index.serves(&deferred.worker);
            if let Some(file) = files.get_mut(deferred.file).filter(|_| served) {
                file.findings.extend(deferred.located);
            }
        }
        for shared in std::mem::take(&mut self.shared_selectors) {
            let own = services.get(shared.service);
            let is_shared = own.is_some_and(|it| index.has_another(it));
            if let Some(file) = files.get_mut(shared.file).filter(|_| is_shared) {
                file.findings.push(shared.located);
            }
        }
        files.retain(|it| !it.findings.is_empty());
        for file in &mut files {
            file.findings.sort_by_key(|it| it.finding.mark);
            self.settle(file);
        }
        Report {
            files,
            summary: self.summary,
            problems: self.problems,
            failed: self.failed,
        }
    }
}

impl Report {
    /// Returns every finding.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let files = self.files.iter().flat_map(|it| &it.findings);
        files.map(|it| &it.finding)
    }

    /// Returns whether a finding that counts is heavy enough to fail the call.
    #[must_use]
    pub const fn fails(&self) -> bool {
        self.failed
    }
}
