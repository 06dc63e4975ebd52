//! Understands inputs one by one and keeps what is wrong with them.

use std::collections::BTreeMap;
use std::time::Duration;

use rollguard_core::approval::Approval;
use rollguard_core::duration;
use rollguard_core::finding::FindingCode;
use rollguard_core::http::HttpCheck;
use rollguard_core::permission::Usage;
use rollguard_core::report::parse_approval;
use rollguard_core::rollback::Allowed;
use rollguard_core::workload::{CRON_JOB, Revision, WorkloadName, WorkloadRef};

use super::error::{InputError, InputErrors, InputProblem};
use super::form::InputSpec;
use super::raw::{RawInputs, Source};
use super::selector::selector;
use super::values::{boolean, commands, distinct, grace, lines, namespace, revision};
use super::workload_words::{workload_lines, workload_words};
use super::{CheckInputs, CommandName, DoctorInputs, RollbackInputs, spec, workloads_of};

mod cluster;
mod lint;

/// Every function returns `None` when something is wrong with its inputs, and keeps what it is.
pub(super) struct Reader<'a> {
    raw: &'a RawInputs,
    errors: Vec<InputError>,
}

/// The subject of a command; a part that is wrong is `None`.
struct About {
    namespace: Option<String>,
    workloads: Option<Vec<WorkloadRef>>,
    cron_jobs: Vec<String>,
    evidence: Option<Approval>,
}

impl About {
    fn count(&self) -> usize {
        self.workloads.as_ref().map_or(0, Vec::len) + self.cron_jobs.len()
    }

    /// Returns the first Job among the workloads, as it is written.
    fn job(&self) -> Option<String> {
        let mut workloads = self.workloads.iter().flatten();
        let job = workloads.find(|it| !it.kind.has_revisions());
        let cron_job = self.cron_jobs.first();
        job.map(ToString::to_string)
            .or_else(|| cron_job.map(|it| format!("{CRON_JOB}/{it}")))
    }
}

/// When a rollout counts as healthy.
struct Health {
    timeout: Duration,
    stable_for: Duration,
    http: Vec<HttpCheck>,
    graces: BTreeMap<FindingCode, Duration>,
    logs: bool,
    traffic: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(raw: &'a RawInputs) -> Self {
        Self {
            raw,
            errors: Vec::new(),
        }
    }

    /// `value`, unless something is wrong with any input.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, InputErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            Some(_) | None => Err(InputErrors(self.errors)),
        }
    }

    pub(super) fn command(&mut self) -> Option<CommandName> {
        self.required(&spec::COMMAND, |text| {
            CommandName::parse(text).ok_or_else(|| InputProblem::Command(text.to_owned()))
        })
    }

    pub(super) fn check(&mut self) -> Option<CheckInputs> {
        let about = self.about();
        let selector = self.optional(&spec::SELECTOR, selector);
        let absent = self.is_absent(&spec::WORKLOADS) && self.is_absent(&spec::SELECTOR);
        if absent && self.is_absent(&spec::EVIDENCE) {
            let selector = self.raw.source().written(&spec::SELECTOR);
            self.wrong(&spec::WORKLOADS, InputProblem::NoWorkload { selector });
        }
        self.nothing_for_other_commands_than(CommandName::Check);
        let health = self.health();
        let revision = self.revision(&about);
        let mark = self.required(&spec::MARK, boolean);
        if about.evidence.is_some() && selector.is_some() {
            self.wrong(&spec::SELECTOR, InputProblem::SelectorBesidesEvidence);
        }
        let allowed = self.allowed();
        let health = health?;
        Some(CheckInputs {
            namespace: about.namespace?,
            workloads: about.workloads?,
            cron_jobs: about.cron_jobs,
            selector,
            timeout: health.timeout,
            stable_for: health.stable_for,
            http: health.http,
            graces: health.graces,
            revision,
            mark: mark?,
            logs: health.logs,
            traffic: health.traffic,
            evidence: about.evidence,
            allowed: allowed?,
        })
    }

    pub(super) fn rollback(&mut self) -> Option<RollbackInputs> {
        let about = self.about();
        let selector = self.optional(&spec::SELECTOR, selector);
        let absent = self.is_absent(&spec::WORKLOADS) && self.is_absent(&spec::SELECTOR);
        if absent && self.is_absent(&spec::EVIDENCE) {
            let evidence = self.raw.source().written(&spec::EVIDENCE);
            let selector = self.raw.source().written(&spec::SELECTOR);
            let problem = InputProblem::NothingToRollBack { evidence, selector };
            self.wrong(&spec::WORKLOADS, problem);
        }
        if about.evidence.is_some() && selector.is_some() {
            self.wrong(&spec::SELECTOR, InputProblem::SelectorBesidesEvidence);
        }
        if let Some(job) = about.job() {
            self.wrong(&spec::WORKLOADS, InputProblem::NoRevisions(job));
        }
        self.nothing_for_other_commands_than(CommandName::Rollback);
        let health = self.health();
        let to_revision = self.target(&about);
        let allowed = self.allowed();
        let wait = self.required(&spec::WAIT, boolean);
        let health = health?;
        Some(RollbackInputs {
            namespace: about.namespace?,
            workloads: about.workloads?,
            selector,
            to_revision,
            evidence: about.evidence,
            allowed: allowed?,
            timeout: health.timeout,
            stable_for: health.stable_for,
            http: health.http,
            graces: health.graces,
            logs: health.logs,
            traffic: health.traffic,
            wait: wait?,
        })
    }

    pub(super) fn doctor(&mut self) -> Option<DoctorInputs> {
        let namespace = self.required(&spec::NAMESPACE, namespace);
        let names = self.workloads();
        self.nothing_for_other_commands_than(CommandName::Doctor);
        let commands = self.required(&spec::DOCTOR_COMMANDS, commands);
        let selector = self.optional(&spec::SELECTOR, selector);
        let http = self.http();
        let mark = self.required(&spec::MARK, boolean);
        let logs = self.required(&spec::LOGS, boolean);
        let traffic = self.required(&spec::TRAFFIC, boolean);
        let wait = self.required(&spec::WAIT, boolean);
        let namespace = namespace?;
        let (cron_jobs, names): (Vec<_>, Vec<_>) =
            names?.into_iter().partition(|it| it.of_cron_job);
        let each = names.into_iter().map(|it| it.in_namespace(&namespace));
        let workloads = distinct(each.collect());
        let usage = Usage {
            selector: selector.is_some(),
            http: !http.is_empty(),
            http_service: http.iter().any(|it| it.service().is_some()),
            mark: mark?,
            logs: logs?,
            traffic: traffic?,
            wait: wait?,
            ..Usage::of(commands?)
        };
        let kinds = workloads.iter().map(|it: &WorkloadRef| it.kind);
        let kinds = kinds.chain(cron_jobs.iter().map(|it| it.kind));
        // A selector may find any kind.
        let unnamed = workloads.is_empty() && cron_jobs.is_empty();
        let usage = if unnamed || usage.selector {
            usage
        } else {
            usage.with_kinds(kinds)
        };
        Some(DoctorInputs {
            namespace,
            workloads,
            usage,
        })
    }

    /// The revision to check, of one workload.
    fn revision(&mut self, about: &About) -> Option<Revision> {
        let revision = self.optional(&spec::REVISION, revision)?;
        let several = about.count() > 1 || !self.is_absent(&spec::SELECTOR);
        if about.evidence.is_some() {
            self.wrong(&spec::REVISION, InputProblem::BesidesEvidence);
        } else if let Some(job) = about.job() {
            self.wrong(&spec::REVISION, InputProblem::NoRevisions(job));
        } else if several {
            self.wrong(&spec::REVISION, InputProblem::RevisionOfSeveral);
        }
        Some(revision)
    }

    /// The revision to restore, of one workload.
    fn target(&mut self, about: &About) -> Option<Revision> {
        let revision = self.optional(&spec::TO_REVISION, revision)?;
        let count = about.count();
        if about.evidence.is_some() {
            self.wrong(&spec::TO_REVISION, InputProblem::BesidesEvidence);
        } else if !self.is_absent(&spec::SELECTOR) {
            self.wrong(&spec::TO_REVISION, InputProblem::ToRevisionOfSelector);
        } else if count > 1 {
            let problem = InputProblem::ToRevisionOfSeveral(count);
            self.wrong(&spec::TO_REVISION, problem);
        }
        Some(revision)
    }

    /// Reads the workloads: named, or those of a check's approval.
    fn about(&mut self) -> About {
        let said = self.required(&spec::NAMESPACE, namespace);
        let evidence = self.optional(&spec::EVIDENCE, |text| {
            parse_approval(text).map_err(InputProblem::Evidence)
        });
        let named = self.workloads();
        let is_right = named.is_some();
        let all = named.unwrap_or_default();
        let (cron_jobs, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.of_cron_job);
        let cron_jobs = distinct(cron_jobs.into_iter().map(|it| it.name).collect());
        let named = is_right.then_some(others);
        let Some(approval) = &evidence else {
            let workloads = said.as_deref().zip(named).map(|(namespace, names)| {
                names
                    .into_iter()
                    .map(|it| it.in_namespace(namespace))
                    .collect()
            });
            return About {
                namespace: said,
                workloads: workloads.map(distinct),
                cron_jobs,
                evidence,
            };
        };
        let approved: Vec<WorkloadRef> = workloads_of(approval).into_iter().cloned().collect();
        let namespace = self.home(said, &approved);
        let workloads = self.chosen(named, approved);
        About {
            namespace,
            workloads,
            cron_jobs,
            evidence,
        }
    }

    /// The namespace of the evidence. The task's form fills its default in, so that one says nothing.
    fn home(&mut self, said: Option<String>, approved: &[WorkloadRef]) -> Option<String> {
        let default = spec::NAMESPACE.default;
        let filled_in = self.raw.source() == Source::Task && said.as_deref() == default;
        let said = said.filter(|_| !filled_in && !self.is_absent(&spec::NAMESPACE));
        // Evidence that names none was not read.
        let first = approved.first()?;
        let home = said.unwrap_or_else(|| first.namespace.clone());
        if let Some(other) = approved.iter().find(|it| it.namespace != home) {
            let problem = InputProblem::EvidenceElsewhere {
                namespace: other.namespace.clone(),
            };
            self.wrong(&spec::NAMESPACE, problem);
        }
        Some(home)
    }

    /// Those of the evidence; where some are named, those, which must be among them.
    fn chosen(
        &mut self,
        named: Option<Vec<WorkloadName>>,
        approved: Vec<WorkloadRef>,
    ) -> Option<Vec<WorkloadRef>> {
        let named = named?;
        if named.is_empty() {
            return Some(approved);
        }
        let mut chosen = Vec::new();
        for name in named {
            let is_it = |it: &&WorkloadRef| name.clone().in_namespace(&it.namespace) == **it;
            if let Some(workload) = approved.iter().find(is_it) {
                chosen.push(workload.clone());
            } else {
                let name = name.in_namespace("").to_string();
                self.wrong(&spec::WORKLOADS, InputProblem::NotInEvidence(name));
            }
        }
        Some(distinct(chosen))
    }

    fn allowed(&mut self) -> Option<Allowed> {
        let force_owner = self.required(&spec::FORCE_OWNER, boolean);
        let schema_downgrade = self.required(&spec::ALLOW_SCHEMA_DOWNGRADE, boolean);
        let on_delete = self.required(&spec::ALLOW_ON_DELETE, boolean);
        let approved = self.required(&spec::APPROVED, boolean);
        Some(Allowed {
            force_owner: force_owner?,
            schema_downgrade: schema_downgrade?,
            on_delete: on_delete?,
            approved: approved?,
        })
    }

    fn health(&mut self) -> Option<Health> {
        let times = self.times();
        let http = self.http();
        let graces = self.graces();
        let logs = self.required(&spec::LOGS, boolean);
        let traffic = self.required(&spec::TRAFFIC, boolean);
        let (timeout, stable_for) = times?;
        Some(Health {
            timeout,
            stable_for,
            http,
            graces,
            logs: logs?,
            traffic: traffic?,
        })
    }

    fn times(&mut self) -> Option<(Duration, Duration)> {
        let read = |text: &str| duration::parse(text).map_err(InputProblem::Duration);
        let timeout = self.required(&spec::TIMEOUT, read);
        let stable_for = self.required(&spec::STABLE_FOR, read);
        let (timeout, stable_for) = (timeout?, stable_for?);
        if stable_for >= timeout {
            let problem = InputProblem::NotShorterThanTimeout {
                stable_for,
                timeout,
            };
            self.wrong(&spec::STABLE_FOR, problem);
        }
        Some((timeout, stable_for))
    }

    /// The workloads that are named; none where the input is wrong as a whole.
    fn workloads(&mut self) -> Option<Vec<WorkloadName>> {
        let before = self.errors.len();
        let read = match self.raw.source() {
            Source::Task => workload_lines,
            // Each word is a line there, and only all of them together make sense.
            Source::CommandLine => workload_words,
        };
        let names = self.each(&spec::WORKLOADS, read);
        (self.errors.len() == before).then_some(names)
    }

    fn http(&mut self) -> Vec<HttpCheck> {
        let read = |line: &str| HttpCheck::parse(line).map_err(InputProblem::Http);
        distinct(self.each(&spec::HTTP, |text| lines(text).map(read).collect()))
    }

    fn graces(&mut self) -> BTreeMap<FindingCode, Duration> {
        let mut graces = BTreeMap::new();
        for (code, grace) in self.each(&spec::GRACES, |text| lines(text).map(grace).collect()) {
            if graces.insert(code, grace).is_some() {
                self.wrong(&spec::GRACES, InputProblem::SecondGrace(code));
            }
        }
        graces
    }

    fn is_absent(&self, spec: &InputSpec) -> bool {
        self.raw.get(spec).is_none() && !self.raw.is_blank(spec)
    }

    /// Returns what is right of a list; everything that is wrong in it is kept.
    fn each<T>(
        &mut self,
        spec: &InputSpec,
        read: impl FnOnce(&str) -> Vec<Result<T, InputProblem>>,
    ) -> Vec<T> {
        let Some(list) = self.optional(spec, |text| Ok(read(text))) else {
            return Vec::new();
        };
        let right = list.into_iter().filter_map(|item| match item {
            Ok(item) => Some(item),
            Err(problem) => {
                self.wrong(spec, problem);
                None
            }
        });
        right.collect()
    }

    /// An input that a command does not know would be ignored in silence, and the user would
    /// believe in it.
    fn nothing_for_other_commands_than(&mut self, command: CommandName) {
        for spec in spec::INPUTS {
            let Some(others) = spec.only_for().filter(|it| !it.contains(&command)) else {
                continue;
            };
            if self.says_something(spec) {
                let names: Vec<String> = others
                    .iter()
                    .map(|it| format!("`{}`", it.as_str()))
                    .collect();
                self.wrong(spec, InputProblem::OtherCommand(listed(&names)));
            }
        }
    }

    /// Returns whether an input says something. Defaults are always filled in, so they say nothing.
    fn says_something(&self, spec: &InputSpec) -> bool {
        let is_default = |said: &str| spec.default.is_some_and(|it| it.eq_ignore_ascii_case(said));
        self.raw.get(spec).is_some_and(|said| !is_default(said))
    }

    fn required<T>(
        &mut self,
        spec: &InputSpec,
        read: impl FnOnce(&str) -> Result<T, InputProblem>,
    ) -> Option<T> {
        if self.is_absent(spec) && spec.default.is_none() {
            self.wrong(spec, InputProblem::Missing);
        }
        self.optional(spec, read)
    }

    fn optional<T>(
        &mut self,
        spec: &InputSpec,
        read: impl FnOnce(&str) -> Result<T, InputProblem>,
    ) -> Option<T> {
        if self.raw.is_blank(spec) {
            self.wrong(spec, InputProblem::Blank);
        }
        let text = self.raw.get(spec).or(spec.default)?;
        let value = self.not_replaced(text).map_or_else(|| read(text), Err);
        value.map_err(|problem| self.wrong(spec, problem)).ok()
    }

    fn wrong(&mut self, spec: &InputSpec, problem: InputProblem) {
        let input = self.raw.source().written(spec);
        self.errors.push(InputError { input, problem });
    }

    /// Azure Pipelines leaves `$(name)` as it is when there is no such variable, and never
    /// evaluates `$[…]` in inputs. On a command line both are the shell's.
    fn not_replaced(&self, text: &str) -> Option<InputProblem> {
        if self.raw.source() == Source::CommandLine {
            return None;
        }
        if text.starts_with("$[") {
            return Some(InputProblem::NotEvaluated(text.to_owned()));
        }
        let (_, macro_and_rest) = text.split_once("$(")?;
        let (name, _) = macro_and_rest.split_once(')')?;
        Some(InputProblem::UnknownVariable(name.to_owned()))
    }
}

/// Returns the names as a list in a sentence: `a`, `b` or `c`.
fn listed(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}
