//! The rules for task.json: tasks.schema.json (azure-pipelines-task-lib), `validateTask` of tfx
//! (`app/lib/jsonvalidate.ts`), of which tfx itself only warns, and what the agent does with the
//! keys.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value as Json;

use super::root;

/// Where task.json is set to what, and the rule that this breaks.
const BREACHES: &[(&str, &str, &str)] = &[
    ("/friendlyname", r#""x""#, "only known keys at the top"),
    ("/id", r#""rollguard""#, "a GUID for an id"),
    ("/name", r#""Roll guard""#, "names that are allowed"),
    (
        "/friendlyName",
        r#""Rollguard: the rollouts of all AKS clusters""#,
        "names that are allowed",
    ),
    ("/instanceNameFormat", r#""""#, "names that are allowed"),
    ("/version/Patch", r#""0""#, "the version of the workspace"),
    ("/version/Major", "99", "the version of the workspace"),
    (
        "/minimumAgentVersion",
        r#""v4""#,
        "a version as the demand for an agent",
    ),
    (
        "/minimumAgentVersion",
        r#""3.232.1""#,
        "a version as the demand for an agent",
    ),
    ("/category", r#""Kubernetes""#, "known words only"),
    ("/visibility", r#"["build"]"#, "known words only"),
    ("/runsOn", r#"["Agents"]"#, "known words only"),
    (
        "/execution/Node16",
        r#"{"target": "index.js"}"#,
        "handlers that are not deprecated",
    ),
    (
        "/execution/Node24/target",
        r#""main.js""#,
        "handlers that are not deprecated",
    ),
    (
        "/inputs/1/name",
        r#""to-revision""#,
        "inputs as the schema wants them",
    ),
    (
        "/inputs/1/name",
        r#""command""#,
        "inputs as the schema wants them",
    ),
    ("/inputs/1/label", "null", "inputs as the schema wants them"),
    (
        "/inputs/1/type",
        r#""text""#,
        "inputs as the schema wants them",
    ),
    (
        "/inputs/1/help",
        r#""x""#,
        "inputs as the schema wants them",
    ),
    (
        "/inputs/0/defaultValue",
        r#""undo""#,
        "defaults that are options",
    ),
    (
        "/inputs/17/defaultValue",
        r#""yes""#,
        "defaults that are options",
    ),
    (
        "/inputs/5/properties/EditableOptions",
        r#""False""#,
        "defaults that are options",
    ),
    (
        "/dataSourceBindings/0/target",
        r#""subscription""#,
        "lists that Azure can fill",
    ),
    (
        "/dataSourceBindings/1/endpointId",
        r#""$(namespace)""#,
        "lists that Azure can fill",
    ),
    (
        "/dataSourceBindings/2/endpointUrl",
        r#""/resourceGroups/$(resourceGroup)""#,
        "lists that Azure can fill",
    ),
    (
        "/dataSourceBindings/2/dataSourceName",
        r#""AzureClusters""#,
        "lists that Azure can fill",
    ),
    (
        "/inputs/1/groupName",
        r#""azure""#,
        "groups and rules that lead somewhere",
    ),
    (
        "/groups/2/visibleRule",
        r#""commando = check""#,
        "groups and rules that lead somewhere",
    ),
    (
        "/groups/2/visibleRule",
        r#""command = undo""#,
        "groups and rules that lead somewhere",
    ),
    (
        "/inputs/11/visibleRule",
        r#""command = undo""#,
        "groups and rules that lead somewhere",
    ),
    (
        "/outputVariables/0/name",
        r#""summary""#,
        "distinct output variables",
    ),
    (
        "/restrictions/settableVariables/allowed",
        r#"["*"]"#,
        "no variables but our own",
    ),
    (
        "/restrictions/commands/mode",
        r#""restricted""#,
        "no variables but our own",
    ),
];

type Rule = fn(&Json) -> Result<()>;

const RULES: &[(&str, Rule)] = &[
    ("only known keys at the top", known_keys),
    ("a GUID for an id", id),
    ("names that are allowed", names),
    ("the version of the workspace", version),
    (
        "a version as the demand for an agent",
        minimum_agent_version,
    ),
    ("known words only", words),
    ("handlers that are not deprecated", handlers),
    ("inputs as the schema wants them", inputs),
    ("defaults that are options", pick_lists),
    ("lists that Azure can fill", data_sources),
    ("groups and rules that lead somewhere", groups),
    ("distinct output variables", output_variables),
    ("no variables but our own", restrictions),
];

/// Every rule holds.
pub(super) fn kept(task: &Json) -> Result<()> {
    let broken: Vec<String> = RULES
        .iter()
        .filter_map(|(name, rule)| Some(format!("{name}: {}", rule(task).err()?)))
        .collect();
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// Each rule is broken by a breach of it: a rule that holds for everything would prove nothing.
pub(super) fn breaches_are_noticed(task: &Json) -> Result<()> {
    for (pointer, value, rule) in BREACHES {
        let mut broken = task.clone();
        let (parent, key) = pointer.rsplit_once('/').context("a pointer has a slash")?;
        let parent = broken
            .pointer_mut(parent)
            .context("the pointer leads somewhere")?;
        parent[key] = serde_json::from_str(value)?;
        let (_, holds) = RULES
            .iter()
            .find(|(name, _)| name == rule)
            .context("no such rule")?;
        ensure!(holds(task).is_ok(), "{rule} does not hold to begin with");
        ensure!(
            holds(&broken).is_err(),
            "{pointer} = {value} is not noticed"
        );
    }
    for (name, _) in RULES {
        ensure!(
            BREACHES.iter().any(|(.., rule)| rule == name),
            "no breach for: {name}"
        );
    }
    Ok(())
}

fn text<'a>(value: &'a Json, key: &str) -> Result<&'a str> {
    value[key]
        .as_str()
        .with_context(|| format!("`{key}` is not a text"))
}

fn list<'a>(value: &'a Json, key: &str) -> Result<&'a Vec<Json>> {
    value[key]
        .as_array()
        .with_context(|| format!("`{key}` is not a list"))
}

fn known_keys(task: &Json) -> Result<()> {
    const KNOWN: &str = "$schema author category dataSourceBindings demands deprecated \
                         deprecationMessage description execution friendlyName groups helpMarkDown \
                         helpUrl id inputs instanceNameFormat messages minimumAgentVersion name \
                         outputVariables postjobexecution prejobexecution preview releaseNotes \
                         removalDate restrictions runsOn showEnvironmentVariables \
                         sourceDefinitions version visibility";
    for key in task.as_object().context("not an object")?.keys() {
        ensure!(
            KNOWN.split_whitespace().any(|known| known == key),
            "`{key}`"
        );
    }
    Ok(())
}

fn id(task: &Json) -> Result<()> {
    let id = text(task, "id")?;
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    ensure!(lengths == [8, 4, 4, 4, 12], "{id}");
    ensure!(
        id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()),
        "{id}"
    );
    Ok(())
}

fn names(task: &Json) -> Result<()> {
    let name = text(task, "name")?;
    ensure!(
        !name.is_empty() && name.chars().all(|c| c == '-' || c.is_ascii_alphanumeric()),
        "{name}"
    );
    let friendly = text(task, "friendlyName")?;
    ensure!((1..=40).contains(&friendly.chars().count()), "{friendly}");
    ensure!(
        !text(task, "instanceNameFormat")?.is_empty(),
        "instanceNameFormat"
    );
    Ok(())
}

fn version(task: &Json) -> Result<()> {
    let part = |key: &str| {
        task["version"][key]
            .as_u64()
            .context("a part is not a number")
    };
    let version = format!("{}.{}.{}", part("Major")?, part("Minor")?, part("Patch")?);
    ensure!(version == env!("CARGO_PKG_VERSION"), "{version}");
    Ok(())
}

fn minimum_agent_version(task: &Json) -> Result<()> {
    let version = text(task, "minimumAgentVersion")?;
    let parts: Vec<Result<u32, _>> = version.split('.').map(str::parse).collect();
    ensure!(
        (2..=3).contains(&parts.len()) && parts.iter().all(Result::is_ok),
        "{version}"
    );
    // The first agent that documents Node20_1, without the runners that were removed since.
    let found: Vec<u32> = parts.into_iter().flatten().collect();
    ensure!(found >= vec![4, 248, 0], "{version} has no Node.js 20");
    Ok(())
}

fn words(task: &Json) -> Result<()> {
    let categories = ["Build", "Utility", "Test", "Package", "Deploy"];
    ensure!(categories.contains(&text(task, "category")?), "category");
    let rows: [(&str, &[&str]); 2] = [
        ("visibility", &["Build", "Release"]),
        (
            "runsOn",
            &[
                "Agent",
                "MachineGroup",
                "DeploymentGroup",
                "Server",
                "ServerGate",
            ],
        ),
    ];
    for (key, known) in rows {
        for word in list(task, key)? {
            ensure!(known.iter().any(|it| word == it), "{key}: {word}");
        }
    }
    Ok(())
}

fn handlers(task: &Json) -> Result<()> {
    let handlers = task["execution"].as_object().context("no handlers")?;
    ensure!(
        handlers.keys().eq(["Node20_1", "Node24"]),
        "{:?}",
        handlers.keys()
    );
    for handler in handlers.values() {
        let target = text(handler, "target")?;
        ensure!(
            root().join("task").join(target).is_file(),
            "{target} does not exist"
        );
    }
    Ok(())
}

fn inputs(task: &Json) -> Result<()> {
    const KEYS: &str = "aliases defaultValue groupName helpMarkDown label name options properties \
                        required type visibleRule";
    const TYPES: &str =
        "boolean filePath multiLine pickList radio secureFile string int identities querycontrol";
    let mut seen = Vec::new();
    for input in list(task, "inputs")? {
        let name = text(input, "name")?;
        ensure!(!seen.contains(&name), "`{name}` occurs twice");
        seen.push(name);
        ensure!(
            name.starts_with(|c: char| c.is_ascii_alphabetic()),
            "{name}"
        );
        ensure!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        ensure!(!text(input, "label")?.is_empty(), "{name} has no label");
        let kind = text(input, "type")?;
        let known = TYPES.split_whitespace().any(|it| it == kind);
        ensure!(
            known || kind.starts_with("connectedService:"),
            "{name}: type {kind}"
        );
        for key in input.as_object().context("an input is an object")?.keys() {
            ensure!(
                KEYS.split_whitespace().any(|it| it == key),
                "{name}: `{key}`"
            );
        }
    }
    Ok(())
}

fn pick_lists(task: &Json) -> Result<()> {
    let listed = |input: &Json| {
        let bindings = task["dataSourceBindings"].as_array().into_iter().flatten();
        bindings.filter(|it| it["target"] == input["name"]).count() == 1
    };
    for input in list(task, "inputs")?
        .iter()
        .filter(|it| it["type"] == "pickList")
    {
        if listed(input) {
            let editable = &input["properties"]["EditableOptions"];
            ensure!(
                editable == "True",
                "{}: a variable cannot be typed",
                input["name"]
            );
            continue;
        }
        let default = text(input, "defaultValue")?;
        ensure!(input["options"][default].is_string(), "{default}");
    }
    for input in list(task, "inputs")?
        .iter()
        .filter(|it| it["type"] == "boolean")
    {
        let default = text(input, "defaultValue")?;
        ensure!(["true", "false"].contains(&default), "{default}");
    }
    Ok(())
}

/// Each binding fills an input by a service connection, and names only inputs that exist
/// (tasks.schema.json; Azure DevOps replaces `$(…)` by the values of the other inputs).
fn data_sources(task: &Json) -> Result<()> {
    const KEYS: &str = "callbackContextTemplate callbackRequiredTemplate dataSourceName endpointId \
                        endpointUrl initialContextTemplate parameters resultSelector resultTemplate \
                        target";
    let inputs = list(task, "inputs")?;
    for binding in list(task, "dataSourceBindings")? {
        let keys = binding.as_object().context("a binding is an object")?;
        for key in keys.keys() {
            ensure!(KEYS.split_whitespace().any(|it| it == key), "`{key}`");
        }
        let target = text(binding, "target")?;
        ensure!(inputs.iter().any(|it| it["name"] == target), "{target}");
        let named = keys.values().filter_map(Json::as_str);
        for name in named.flat_map(|it| it.split("$(").skip(1)) {
            let name = name.split(')').next().unwrap_or_default();
            let known = inputs.iter().any(|it| it["name"] == name);
            ensure!(known, "{target}: $({name}) is no input");
        }
        let connection = text(binding, "endpointId")?;
        let is_connection = inputs.iter().any(|it| {
            let kind = it["type"].as_str().unwrap_or_default();
            connection == format!("$({})", it["name"].as_str().unwrap_or_default())
                && kind.starts_with("connectedService:")
        });
        ensure!(is_connection, "{target}: {connection} is no connection");
        let source = binding["dataSourceName"].is_string() ^ binding["endpointUrl"].is_string();
        ensure!(source, "{target}: one source, by name or by address");
    }
    Ok(())
}

fn groups(task: &Json) -> Result<()> {
    let groups = list(task, "groups")?;
    let inputs = list(task, "inputs")?;
    for input in inputs.iter().filter(|it| !it["groupName"].is_null()) {
        ensure!(
            groups.iter().any(|it| it["name"] == input["groupName"]),
            "{}",
            input["groupName"]
        );
    }
    let rules = groups
        .iter()
        .chain(inputs)
        .filter_map(|it| it["visibleRule"].as_str());
    // `||` or `&&` between conditions, never both (azure-devops-extension-sdk, "Visibility rules").
    for rule in rules.flat_map(|it| it.split(" || ")) {
        let (name, option) = rule.split_once(" = ").context("not `input = option`")?;
        let Some(input) = inputs.iter().find(|it| it["name"] == name) else {
            bail!("{rule}: no such input");
        };
        ensure!(
            input["options"][option].is_string(),
            "{rule}: no such option"
        );
    }
    Ok(())
}

fn output_variables(task: &Json) -> Result<()> {
    let variables = list(task, "outputVariables")?;
    for variable in variables {
        let name = text(variable, "name")?;
        let same = variables.iter().filter(|it| it["name"] == name);
        ensure!(same.count() == 1, "`{name}` occurs twice");
        ensure!(!text(variable, "description")?.is_empty(), "{name}");
    }
    Ok(())
}

fn restrictions(task: &Json) -> Result<()> {
    let restrictions = &task["restrictions"];
    ensure!(
        restrictions["commands"]["mode"] == "any",
        "`restricted` forbids task.uploadsummary"
    );
    for allowed in list(&restrictions["settableVariables"], "allowed")? {
        let ours = list(task, "outputVariables")?
            .iter()
            .any(|it| it["name"] == *allowed);
        ensure!(ours, "{allowed} is not ours");
    }
    Ok(())
}
