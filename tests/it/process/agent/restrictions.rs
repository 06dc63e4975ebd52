//! Which commands a step may send (`TaskRestrictionsExtension.cs`, and the `CommandRestriction` attributes).

use rollguard_agent::command::ParsedCommand;
use serde_json::Value;

/// What `restricted` leaves.
const LEFT: &[&str] = &[
    "task.logdetail",
    "task.logissue",
    "task.complete",
    "task.setprogress",
    "task.setsecret",
    "task.setvariable",
    "task.debug",
    "task.settaskvariable",
    "task.prependpath",
    "telemetry.publish",
];

/// The `restrictions` of task.json, or `target` of a step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restrictions {
    /// Whether only harmless commands are heard.
    pub(crate) is_restricted: bool,
    /// The names that may be set, `*` for any letters; `None`: any name.
    pub(crate) settable: Option<Vec<String>>,
    /// The outputs that task.json declares: they are outputs without `isOutput`, too.
    pub(crate) declared: Vec<String>,
}

impl Restrictions {
    /// Those of a task.
    pub(crate) fn of_task(task: &Value) -> Self {
        let names = |list: &Value, key: Option<&str>| -> Vec<String> {
            let items = list.as_array().into_iter().flatten();
            let names = items.filter_map(|it| key.map_or(it, |key| &it[key]).as_str());
            names.map(str::to_owned).collect()
        };
        let restrictions = &task["restrictions"];
        Self {
            is_restricted: restrictions["commands"]["mode"] == "restricted",
            settable: Some(names(&restrictions["settableVariables"]["allowed"], None)),
            declared: names(&task["outputVariables"], Some("name")),
        }
    }

    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.declared.iter().any(|it| it.eq_ignore_ascii_case(name))
    }

    /// Returns the warning for a command that is not carried out.
    pub(super) fn refuses(&self, command: &ParsedCommand) -> Option<String> {
        let name = format!("{}.{}", command.area, command.event);
        if self.is_restricted && !LEFT.contains(&name.as_str()) {
            return Some(format!(
                "The ##vso[{name}] is not allowed in this step due to policy restrictions."
            ));
        }
        let settable = self.settable.as_ref()?;
        let variable = command.property("variable")?;
        let is_set = name == "task.setvariable";
        let allowed = settable.iter().any(|pattern| matches(pattern, variable));
        (is_set && !allowed).then(|| {
            format!(
                "Setting variable '{variable}' has been disabled by the task or build definition."
            )
        })
    }
}

/// Case is ignored, and `*` stands for any letters (minimatch).
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    match pattern.split_once('*') {
        Some((start, rest)) => {
            let Some(left) = name.strip_prefix(start) else {
                return false;
            };
            (0..=left.len()).any(|at| left.get(at..).is_some_and(|left| matches(rest, left)))
        }
        None => pattern == name,
    }
}
