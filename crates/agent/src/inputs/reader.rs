//! Understands inputs one by one and keeps what is wrong with them.

use rollguard_core::duration;
use rollguard_core::handover::Handover;
use rollguard_core::workload::{Revision, WorkloadName, WorkloadRef, is_dns_label};

use super::error::{InputError, InputErrors, InputProblem};
use super::raw::{RawInputs, Source};
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

    pub(super) fn workload(&mut self) -> Option<WorkloadRef> {
        let namespace = self.required(&spec::NAMESPACE, namespace);
        let workload = self.required(&spec::WORKLOADS, one_workload);
        Some(workload?.in_namespace(&namespace?))
    }

    pub(super) fn check(&mut self, workload: Option<WorkloadRef>) -> Option<CheckInputs> {
        self.nothing_for_others_than(CommandName::Check);
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
        Some(CheckInputs {
            workload: workload?,
            timeout,
            stable_for,
        })
    }

    pub(super) fn rollback(&mut self, workload: Option<WorkloadRef>) -> Option<RollbackInputs> {
        self.nothing_for_others_than(CommandName::Rollback);
        let to_revision = self.optional(&spec::TO_REVISION, |text| {
            Revision::parse(text).ok_or_else(|| InputProblem::Revision(text.to_owned()))
        });
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
        if self.raw.get(spec).or(spec.default).is_none() {
            self.wrong(spec, InputProblem::Missing);
        }
        self.optional(spec, read)
    }

    fn optional<T>(
        &mut self,
        spec: &InputSpec,
        read: impl FnOnce(&str) -> Result<T, InputProblem>,
    ) -> Option<T> {
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

fn one_workload(text: &str) -> Result<WorkloadName, InputProblem> {
    let given: Vec<&str> = text.split_whitespace().collect();
    match given.as_slice() {
        [one] => WorkloadName::parse(one).map_err(InputProblem::Workload),
        several => Err(InputProblem::SeveralWorkloads(several.len())),
    }
}
