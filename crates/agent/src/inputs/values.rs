//! How the text of one input is understood.

use std::collections::BTreeSet;
use std::time::Duration;

use rollguard_core::duration;
use rollguard_core::finding::FindingCode;
use rollguard_core::permission::Command;
use rollguard_core::policy::Policy;
use rollguard_core::workload::{Revision, is_dns_label};

use super::error::InputProblem;

/// The agent joins several ids with commas (azure-pipelines-agent, `TaskRunner.cs`).
pub(super) fn one_connection(text: &str) -> Result<String, InputProblem> {
    if text.contains([',', '\n']) {
        return Err(InputProblem::ServiceConnections(text.to_owned()));
    }
    Ok(text.to_owned())
}

pub(super) fn subscription_id(text: &str) -> Result<String, InputProblem> {
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
pub(super) fn resource_group(text: &str) -> Result<String, InputProblem> {
    let allowed = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    if text.chars().count() <= 90 && text.chars().all(allowed) && !text.ends_with('.') {
        return Ok(text.to_owned());
    }
    Err(InputProblem::ResourceGroup(text.to_owned()))
}

/// Azure's rule for AKS clusters (Microsoft.ContainerService, `managedClusters`, same page).
pub(super) fn cluster(text: &str) -> Result<String, InputProblem> {
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

/// Commands that need permissions, separated by commas or white space; at least one.
pub(super) fn commands(text: &str) -> Result<BTreeSet<Command>, InputProblem> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace());
    let words = words.filter(|it| !it.is_empty());
    let parsed = words
        .map(|it| Command::parse(it).ok_or_else(|| InputProblem::DoctorCommand(it.to_owned())));
    let commands = parsed.collect::<Result<BTreeSet<_>, _>>()?;
    if commands.is_empty() {
        return Err(InputProblem::DoctorCommand(text.to_owned()));
    }
    Ok(commands)
}

/// A severity of a finding, or `never`: the words of `FailOn` in `crates/lint`.
pub(super) fn severity(text: &str) -> Result<String, InputProblem> {
    if ["error", "warning", "info", "never"].contains(&text) {
        return Ok(text.to_owned());
    }
    Err(InputProblem::Severity(text.to_owned()))
}

pub(super) fn namespace(text: &str) -> Result<String, InputProblem> {
    if is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err(InputProblem::Namespace(text.to_owned()))
}

pub(super) fn revision(text: &str) -> Result<Revision, InputProblem> {
    Revision::parse(text).ok_or_else(|| InputProblem::Revision(text.to_owned()))
}

/// `true` or `false` in any case: YAML's `true` arrives as `true`, a boolean parameter of a template as
/// `True`.
pub(super) fn boolean(text: &str) -> Result<bool, InputProblem> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(InputProblem::Boolean(text.to_owned()))
    }
}

/// Saying a thing twice changes nothing.
pub(super) fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut once = Vec::new();
    for item in items {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

pub(super) fn grace(line: &str) -> Result<(FindingCode, Duration), InputProblem> {
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
