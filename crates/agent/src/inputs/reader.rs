//! Understands inputs one by one and keeps what is wrong with them.

use std::collections::BTreeMap;
use std::time::Duration;

use rollguard_core::duration;
use rollguard_core::finding::FindingCode;
use rollguard_core::handover::Handover;
use rollguard_core::http::HttpCheck;
use rollguard_core::policy::Policy;
use rollguard_core::workload::{Revision, WorkloadName, WorkloadRef, is_dns_label};

use super::error::{InputError, InputErrors, InputProblem};
use super::raw::{RawInputs, Source};
use super::selector::selector;
use super::spec::{self, InputSpec};
use super::{AksTarget, CheckInputs, CommandName, RollbackInputs};

/// Every function returns `None` when something is wrong with its inputs, and keeps what it is.
pub(super) struct Reader<'a> {
    raw: &'a RawInputs,
    errors: Vec<InputError>,
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

    pub(super) fn aks_target(&mut self) -> Option<AksTarget> {
        let service_connection_id = self.required(&spec::AZURE_SERVICE_CONNECTION, one_connection);
        let subscription_id = self.optional(&spec::AZURE_SUBSCRIPTION_ID, subscription_id);
        let resource_group = self.required(&spec::AZURE_RESOURCE_GROUP, resource_group);
        let cluster = self.required(&spec::AKS_CLUSTER, cluster);
        Some(AksTarget {
            service_connection_id: service_connection_id?,
            subscription_id,
            resource_group: resource_group?,
            cluster: cluster?,
        })
    }

    pub(super) fn check(&mut self) -> Option<CheckInputs> {
        let namespace = self.required(&spec::NAMESPACE, namespace);
        let workloads = self.workloads(namespace.as_deref());
        let selector = self.optional(&spec::SELECTOR, selector);
        if self.is_absent(&spec::WORKLOADS) && self.is_absent(&spec::SELECTOR) {
            let selector = self.raw.source().written(&spec::SELECTOR);
            self.wrong(&spec::WORKLOADS, InputProblem::NoWorkload { selector });
        }
        self.nothing_for_others_than(CommandName::Check);
        let (timeout, stable_for) = self.times().unzip();
        let http = self.http();
        let graces = self.graces();
        let revision = self.optional(&spec::REVISION, revision);
        let several = workloads.as_ref().is_some_and(|it| it.len() > 1);
        if revision.is_some() && (several || !self.is_absent(&spec::SELECTOR)) {
            self.wrong(&spec::REVISION, InputProblem::RevisionOfSeveral);
        }
        Some(CheckInputs {
            namespace: namespace?,
            workloads: workloads?,
            selector,
            timeout: timeout?,
            stable_for: stable_for?,
            http,
            graces,
            revision,
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

    fn workloads(&mut self, namespace: Option<&str>) -> Option<Vec<WorkloadRef>> {
        let names = self.each(&spec::WORKLOADS, workload_names);
        let workloads = names
            .into_iter()
            .map(|name| Some(name.in_namespace(namespace?)));
        workloads.collect::<Option<_>>().map(distinct)
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

    pub(super) fn rollback(&mut self) -> Option<RollbackInputs> {
        let namespace = self.required(&spec::NAMESPACE, namespace);
        let workloads = self.workloads(namespace.as_deref());
        let workload = workloads.and_then(|workloads| match workloads.as_slice() {
            [] => {
                if self.is_absent(&spec::WORKLOADS) {
                    self.wrong(&spec::WORKLOADS, InputProblem::Missing);
                }
                None
            }
            [one] => Some(one.clone()),
            several => {
                let problem = InputProblem::SeveralWorkloads(several.len());
                self.wrong(&spec::WORKLOADS, problem);
                None
            }
        });
        self.nothing_for_others_than(CommandName::Rollback);
        let to_revision = self.optional(&spec::TO_REVISION, revision);
        let evidence = self.optional(&spec::EVIDENCE, |text| {
            Handover::parse(text).map_err(InputProblem::Evidence)
        });
        if to_revision.is_some() && evidence.is_some() {
            self.wrong(&spec::TO_REVISION, InputProblem::BesidesEvidence);
        }
        Some(RollbackInputs {
            workload: workload?,
            to_revision,
            evidence,
        })
    }

    fn is_absent(&self, spec: &InputSpec) -> bool {
        self.raw.get(spec).is_none() && !self.raw.is_blank(spec)
    }

    /// What is right of a list; everything that is wrong in it is kept.
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
    /// believe in it. Those with a default are always filled in, so they say nothing.
    fn nothing_for_others_than(&mut self, command: CommandName) {
        for spec in spec::INPUTS {
            let [only] = spec.commands else { continue };
            if *only != command && spec.default.is_none() && self.raw.get(spec).is_some() {
                self.wrong(spec, InputProblem::OtherCommand(only.as_str()));
            }
        }
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

/// The agent joins several ids with commas (azure-pipelines-agent, `TaskRunner.cs`).
fn one_connection(text: &str) -> Result<String, InputProblem> {
    if text.contains([',', '\n']) {
        return Err(InputProblem::ServiceConnections(text.to_owned()));
    }
    Ok(text.to_owned())
}

fn subscription_id(text: &str) -> Result<String, InputProblem> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hex = parts
        .iter()
        .all(|part| part.bytes().all(|c| c.is_ascii_hexdigit()));
    if hex && lengths == [8, 4, 4, 4, 12] {
        return Ok(text.to_ascii_lowercase());
    }
    Err(InputProblem::SubscriptionId(text.to_owned()))
}

/// Azure's rule for resource groups (Microsoft.Resources, `resourcegroups` in "Naming rules and
/// restrictions for Azure resources"). The name becomes part of a URL.
fn resource_group(text: &str) -> Result<String, InputProblem> {
    let allowed = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    if text.chars().count() <= 90 && text.chars().all(allowed) && !text.ends_with('.') {
        return Ok(text.to_owned());
    }
    Err(InputProblem::ResourceGroup(text.to_owned()))
}

/// Azure's rule for AKS clusters (Microsoft.ContainerService, `managedClusters`, same page).
fn cluster(text: &str) -> Result<String, InputProblem> {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let allowed = |c: char| ends(c) || "-_".contains(c);
    if text.len() <= 63
        && text.chars().all(allowed)
        && text.starts_with(ends)
        && text.ends_with(ends)
    {
        return Ok(text.to_owned());
    }
    Err(InputProblem::Cluster(text.to_owned()))
}

fn namespace(text: &str) -> Result<String, InputProblem> {
    if is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err(InputProblem::Namespace(text.to_owned()))
}

fn revision(text: &str) -> Result<Revision, InputProblem> {
    Revision::parse(text).ok_or_else(|| InputProblem::Revision(text.to_owned()))
}

/// Saying a thing twice changes nothing.
fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for item in items {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Words such as `deployment/web`. That kubectl also takes `deployment web` makes it the most likely
/// slip, so that one is told apart.
fn workload_names(text: &str) -> Vec<Result<WorkloadName, InputProblem>> {
    let is_kind = |word: &str| WorkloadName::parse(&format!("{word}/x")).is_ok();
    let mut words = text.split_whitespace().peekable();
    let mut names = Vec::new();
    while let Some(word) = words.next() {
        names.push(if is_kind(word) {
            let name = |next: &&str| !next.contains('/') && !is_kind(next);
            let behind = std::iter::from_fn(|| words.next_if(name));
            Err(InputProblem::KindApart {
                kind: word.to_owned(),
                names: behind.map(str::to_owned).collect(),
            })
        } else {
            WorkloadName::parse(word).map_err(InputProblem::Workload)
        });
    }
    names
}

fn grace(line: &str) -> Result<(FindingCode, Duration), InputProblem> {
    let (code, grace) = line
        .split_once('=')
        .ok_or_else(|| InputProblem::Grace(line.to_owned()))?;
    let code = FindingCode::parse(code.trim()).map_err(InputProblem::Code)?;
    if !Policy::default().decides(code) {
        return Err(InputProblem::NeverDecides(code));
    }
    let grace =
        duration::parse(grace).map_err(|problem| InputProblem::GraceDuration { code, problem })?;
    Ok((code, grace))
}
