use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{Pool, VariableValue};

const HEAD: &str = "\
parameters:
  - name: target
  - name: count
    type: number
    default: 2
  - name: flag
    type: boolean
    default: false
  - name: names
    type: stringList
    default: []
  - name: after
    type: object
    default: []
  - name: tier
    values: [free, paid]
    default: free
stages:
";

/// Parameters as they are given.
type Given<'a> = &'a [(&'a str, serde_json::Value)];

fn given(pairs: Given<'_>) -> BTreeMap<String, serde_json::Value> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Expands `HEAD` and the given stages with `target: web`; the problems, one per line.
fn problems(stages: &str) -> Vec<String> {
    let template = Template::parse("t.yml", &format!("{HEAD}{stages}"));
    let result = template.and_then(|template| template.expand(&given(&[("target", json!("web"))])));
    match result {
        Ok(stages) => panic!("expanded to {stages:?}"),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

fn one_job(job: &str) -> String {
    let job = job.replace('\n', "\n        ");
    format!("  - stage: S\n    jobs:\n      - job: A\n        {job}\n")
}

const OK: &str = "  - stage: S\n    jobs: [{ job: A, steps: [] }]\n";

#[test]
fn parameters_are_checked_all_at_once() {
    let template = Template::parse("t.yml", &format!("{HEAD}{OK}")).unwrap();
    let rows: &[(&str, Given<'_>, &str)] = &[
        (
            "a missing one",
            &[],
            "target: is missing, and it has no default",
        ),
        (
            "an unknown one",
            &[("target", json!("a")), ("targte", json!("b"))],
            "targte: is not a parameter of this template",
        ),
        (
            "a list as a string",
            &[("target", json!(["a"]))],
            r#"target: found ["a"], expected a string"#,
        ),
        (
            "null as a string",
            &[("target", json!(null))],
            "target: found null, expected a string",
        ),
        (
            "a word as a number",
            &[("target", json!("a")), ("count", json!("many"))],
            "count: found 'many', expected a number",
        ),
        (
            "a word as a boolean",
            &[("target", json!("a")), ("flag", json!("yes"))],
            "flag: found 'yes', expected `true` or `false`",
        ),
        (
            "a string as a list",
            &[("target", json!("a")), ("names", json!("x"))],
            "names: found 'x', expected a list of strings",
        ),
        (
            "a value that is not among the allowed",
            &[("target", json!("a")), ("tier", json!("gold"))],
            "tier: found 'gold', expected one of 'free', 'paid'",
        ),
        (
            "four at once",
            &[
                ("count", json!("x")),
                ("flag", json!(1)),
                ("nobody", json!(1)),
            ],
            "nobody: is not a parameter of this template; target: is missing, and it has no default; \
             count: found 'x', expected a number; flag: found 1, expected `true` or `false`",
        ),
    ];
    for (name, given_values, expected) in rows {
        let error = template.expand(&given(given_values)).unwrap_err();
        let expected = format!("fill in the parameters of template `t.yml`: {expected}");
        assert_eq!(error.to_string(), expected, "{name}");
        let hint = error.hint().unwrap();
        assert_eq!(
            hint, "the template takes target, count, flag, names, after, tier",
            "{name}"
        );
    }
}

#[test]
fn parameters_are_taken_in_any_case_and_scalar_form() {
    let rows: &[(&str, Given<'_>)] = &[
        ("another case", &[("TARGET", json!("a"))]),
        ("a number as a string", &[("target", json!(12))]),
        ("a boolean as a string", &[("target", json!(true))]),
        (
            "a number in a string",
            &[("target", json!("a")), ("count", json!("3"))],
        ),
        (
            "a boolean in a string",
            &[("target", json!("a")), ("flag", json!("True"))],
        ),
        (
            "an allowed value in another case",
            &[("target", json!("a")), ("tier", json!("PAID"))],
        ),
    ];
    let template = Template::parse("t.yml", &format!("{HEAD}{OK}")).unwrap();
    for (name, values) in rows {
        assert!(template.expand(&given(values)).is_ok(), "{name}");
    }
}

#[test]
fn depends_on_is_a_name_or_a_list_or_nothing() {
    let stages =
        "  - stage: S\n    dependsOn: ${{ parameters.after }}\n    jobs: [{ job: A, steps: [] }]\n";
    let template = Template::parse("t.yml", &format!("{HEAD}{stages}")).unwrap();
    let rows: &[(&str, Option<serde_json::Value>, &[&str])] = &[
        ("by default nothing", None, &[]),
        ("a string", Some(json!("Deploy")), &["Deploy"]),
        (
            "a list",
            Some(json!(["Build", "Deploy"])),
            &["Build", "Deploy"],
        ),
        ("an empty string", Some(json!("")), &[]),
        ("an empty list", Some(json!([])), &[]),
        ("null", Some(json!(null)), &[]),
    ];
    for (name, after, expected) in rows {
        let mut values = given(&[("target", json!("web"))]);
        values.extend(after.clone().map(|after| ("after".to_owned(), after)));
        let stages = template.expand(&values).unwrap();
        assert_eq!(stages[0].depends_on, *expected, "{name}");
    }
    let values = given(&[("target", json!("web")), ("after", json!({"a": 1}))]);
    let error = template.expand(&values).unwrap_err().to_string();
    assert!(
        error.ends_with("found a mapping, expected a name or a list of names"),
        "{error}"
    );
}

#[test]
fn a_stage_without_depends_on_follows_the_one_before() {
    let text = "stages:\n  - stage: A\n    jobs: [{ job: J, steps: [] }]\n  - stage: B\n    jobs: [{ job: J, steps: [] }]\n";
    let stages = Template::parse("t.yml", text)
        .unwrap()
        .expand(&BTreeMap::new())
        .unwrap();
    assert_eq!(stages[0].depends_on, Vec::<String>::new());
    assert_eq!(stages[1].depends_on, ["A"]);
}

#[test]
fn a_job_is_read_with_azures_defaults() {
    let text = format!("{HEAD}{}", one_job("steps:\n  - task: T@1"));
    let template = Template::parse("t.yml", &text).unwrap();
    let stages = template
        .expand(&given(&[("target", json!("web"))]))
        .unwrap();
    let job = stages[0].job("a").unwrap();
    assert_eq!(job.display_name, "A");
    assert_eq!(job.condition.source(), "succeeded()");
    assert_eq!(job.timeout, Some(Duration::from_secs(3600)));
    assert_eq!(job.cancel_timeout, Duration::from_secs(300));
    assert_eq!(job.pool, Pool::Inherited);
    assert_eq!(job.steps[0].display_name, "T@1");
    assert_eq!(job.steps[0].timeout, None);
}

#[test]
fn a_job_is_read_with_everything_it_says() {
    let job = "\
displayName: Look at ${{ parameters.target }}
condition: always()
pool: { vmImage: ubuntu-latest }
timeoutInMinutes: 0
cancelTimeoutInMinutes: 2
continueOnError: true
variables:
  - name: plain
    value: 60000
steps:
  - checkout: none
  - task: T@1
    name: t
    timeoutInMinutes: '5'
    condition: failed()
    continueOnError: 'true'
    inputs: { a: 1, b: true, c: '', d: }";
    let template = Template::parse("t.yml", &format!("{HEAD}{}", one_job(job))).unwrap();
    let stages = template
        .expand(&given(&[("target", json!("web"))]))
        .unwrap();
    let job = &stages[0].jobs[0];
    assert_eq!(job.display_name, "Look at web");
    assert_eq!(job.condition.source(), "always()");
    assert_eq!(job.pool, Pool::Agents("ubuntu-latest".to_owned()));
    assert_eq!(job.timeout, None);
    assert_eq!(job.cancel_timeout, Duration::from_secs(120));
    assert!(job.continue_on_error);
    assert_eq!(
        job.variables[0].value,
        VariableValue::Text("60000".to_owned())
    );
    assert_eq!(job.steps.len(), 1, "checkout is no task");
    let step = &job.steps[0];
    assert_eq!(step.name.as_deref(), Some("t"));
    assert_eq!(step.timeout, Some(Duration::from_secs(300)));
    assert!(step.continue_on_error);
    let inputs: Vec<_> = step
        .inputs
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(inputs, [("a", "1"), ("b", "True"), ("c", ""), ("d", "")]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_the_runner_does_not_know_is_named_with_its_line() {
    let at = "stages[0].jobs[0]";
    let rows: &[(&str, &str, String)] = &[
        (
            "a misspelled key",
            "stepps: []\nsteps: []",
            format!(
                "line 22, {at}: found the key `stepps`, expected one of job, deployment, environment, strategy, container, displayName, dependsOn, \
                 condition, pool, timeoutInMinutes, cancelTimeoutInMinutes, continueOnError, \
                 variables, steps"
            ),
        ),
        (
            "a step that has files",
            "steps:\n  - publish: out",
            format!(
                "line 23, {at}.steps[0]: found the step `publish`, the local runner knows `task`, \
                 `script`, `bash`, `pwsh`, `powershell`, `checkout: none` and `download: none`"
            ),
        ),
        (
            "more retries than there are",
            "steps:\n  - task: T@1\n    retryCountOnTaskFailure: 11",
            format!(
                "line 24, {at}.steps[0].retryCountOnTaskFailure: found `11`, expected a number from 0 \
                 to 10"
            ),
        ),
        (
            "a task without a version",
            "steps:\n  - task: Rollguard",
            format!(
                "line 23, {at}.steps[0].task: found `Rollguard`, expected a task with its major \
                 version, as in `Task@1`"
            ),
        ),
        (
            "a checkout",
            "steps:\n  - checkout: self",
            format!(
                "line 23, {at}.steps[0].checkout: found `self`, expected `none`: the local runner has no files"
            ),
        ),
        (
            "an unknown function in a condition",
            "condition: suceeded()\nsteps: []",
            format!(
                "line 22, {at}.condition: cannot call the function `suceeded` at column 1: it is not \
                 known to the local runner in `suceeded()`"
            ),
        ),
        (
            "a runtime expression inside a text",
            "variables: { x: 'a $[ variables.y ]' }\nsteps: []",
            format!(
                "line 22, {at}.variables.x: found `a $[ variables.y ]`: `$[ ]` must be the whole value"
            ),
        ),
        (
            "a duration as minutes",
            "timeoutInMinutes: 1h\nsteps: []",
            format!("line 22, {at}.timeoutInMinutes: found `1h`, expected whole minutes"),
        ),
        (
            "a job that waits for nobody",
            "dependsOn: Nobody\nsteps: []",
            format!("line 22, {at}.dependsOn: `Nobody` is no job of this stage"),
        ),
        (
            "a job that waits for itself",
            "dependsOn: A\nsteps: []",
            "line 21, stages[0].jobs: the job `A` depends on itself".to_owned(),
        ),
        (
            "an agentless task on an agent",
            "steps:\n  - task: ManualValidation@1\n    inputs: { notifyUsers: '' }",
            format!(
                "line 23, {at}: `ManualValidation@1` needs `pool: server`; {at}: `timeoutInMinutes` of \
                 the job is not longer than that of `ManualValidation@1`: the job would be canceled \
                 before the task ends"
            ),
        ),
        (
            "an agent's task without an agent",
            "pool: server\nsteps:\n  - task: Rollguard@1",
            format!("line 24, {at}: `Rollguard@1` needs an agent, the job has `pool: server`"),
        ),
        (
            "an approval that outlives its job",
            "pool: server\nsteps:\n  - task: ManualValidation@1\n    timeoutInMinutes: 60\n    \
             inputs: { notifyUsers: '' }",
            format!(
                "{at}: `timeoutInMinutes` of the job is not longer than that of \
                 `ManualValidation@1`: the job would be canceled before the task ends"
            ),
        ),
        (
            "a job without an agent that should live for ever: it ends after an hour",
            "pool: server\ntimeoutInMinutes: 0\nsteps:\n  - task: ManualValidation@1\n    \
             timeoutInMinutes: 60\n    inputs: { notifyUsers: '' }",
            format!(
                "{at}: `timeoutInMinutes` of the job is not longer than that of \
                 `ManualValidation@1`: the job would be canceled before the task ends"
            ),
        ),
        (
            "a job without an agent that lives longer than anybody waits",
            "pool: server\ntimeoutInMinutes: 43201\nsteps: []",
            format!(
                "line 23, {at}.timeoutInMinutes: is more than 30 days (43200 minutes), the longest \
                 that Azure DevOps waits"
            ),
        ),
        (
            "two steps of one name",
            "steps:\n  - task: T@1\n    name: x\n  - task: T@1\n    name: X",
            format!("line 26, {at}: the step `X` is there twice"),
        ),
    ];
    for (name, job, expected) in rows {
        assert_eq!(problems(&one_job(job)).join("; "), *expected, "{name}");
    }
}

/// A job that asks a person, with these inputs.
fn approval(inputs: &str) -> String {
    let inputs = inputs.replace('\n', "\n      ");
    one_job(&format!(
        "pool: server\ntimeoutInMinutes: 43200\nsteps:\n  - task: ManualValidation@1\n    \
         timeoutInMinutes: 43199\n    inputs:\n      {inputs}"
    ))
}

#[test]
fn an_approval_that_azure_would_not_take_is_named_with_its_input() {
    let at = "stages[0].jobs[0].steps[0].inputs";
    let rows: &[(&str, &str, String)] = &[
        (
            "nobody is notified, and nobody said so",
            "onTimeout: reject",
            format!("{at}: `notifyUsers` is missing; it may be empty"),
        ),
        (
            "an input that does not exist",
            "notifyUsers: ''\napprover: me",
            format!(
                "line 29, {at}.approver: is no input of `ManualValidation@1`, which takes \
                 notifyUsers, approvers, allowApproversToApproveTheirOwnRuns, instructions, \
                 onTimeout"
            ),
        ),
        (
            "an answer that does not exist",
            "notifyUsers: ''\nonTimeout: approve",
            format!("line 29, {at}.onTimeout: found `approve`, expected `reject` or `resume`"),
        ),
        (
            "a boolean in words",
            "notifyUsers: ''\nallowApproversToApproveTheirOwnRuns: yes please",
            format!(
                "line 29, {at}.allowApproversToApproveTheirOwnRuns: found `yes please`, expected \
                 `true` or `false`"
            ),
        ),
    ];
    for (name, inputs, expected) in rows {
        assert_eq!(problems(&approval(inputs)), [expected.as_str()], "{name}");
    }
    let long = format!("notifyUsers: ''\ninstructions: {}", "x".repeat(4001));
    let found = problems(&approval(&long)).join("; ");
    assert!(
        found.ends_with("has 4001 characters, the task takes 4000"),
        "{found}"
    );
}

#[test]
fn an_approval_is_taken_as_azure_takes_it() {
    let long = format!("notifyUsers: ''\ninstructions: {}", "x".repeat(4000));
    for inputs in [
        "notifyUsers: ''",
        "NotifyUsers: a@b.c\napprovers: '[org]\\team, d@e.f'",
        "notifyUsers: ''\nallowApproversToApproveTheirOwnRuns: ${{ parameters.flag }}",
        "notifyUsers: ''\nallowApproversToApproveTheirOwnRuns: $(own)\nonTimeout: $(silence)",
        "notifyUsers: ''\nallowApproversToApproveTheirOwnRuns: FALSE\nonTimeout: Resume",
        "notifyUsers: ''\nonTimeout: ''",
        &long,
    ] {
        let text = format!("{HEAD}{}", approval(inputs));
        let stages = Template::parse("t.yml", &text)
            .and_then(|template| template.expand(&given(&[("target", json!("web"))])))
            .unwrap_or_else(|error| panic!("{inputs}: {error}"));
        let month = Duration::from_secs(43_200 * 60);
        assert_eq!(stages[0].jobs[0].timeout, Some(month));
    }
}

#[test]
fn what_would_be_empty_without_a_word_is_an_error() {
    let stage = |second: &str| {
        format!(
            "  - stage: S\n    jobs:\n      - job: A\n        steps: [{{ task: T@1, name: t }}]\n      - job: B\n        {second}\n        steps: []\n"
        )
    };
    let rows: &[(&str, &str, &str)] = &[
        (
            "outputs of a job that is no dependency",
            "condition: eq(dependencies.A.outputs['t.x'], '1')",
            "`dependencies.A` is empty: `B` does not depend on it directly",
        ),
        (
            "outputs of a step that does not exist",
            "dependsOn: A\n        condition: eq(dependencies.A.outputs['u.x'], '1')",
            "the job `A` has no step for the output `u.x`",
        ),
        (
            "an output without its step",
            "dependsOn: A\n        variables: { v: \"$[ dependencies.A.outputs['x'] ]\" }",
            "the job `A` has no step for the output `x`",
        ),
        (
            "a key that dependencies do not have",
            "dependsOn: A\n        condition: eq(dependencies.A.status, 'Failed')",
            "found `status`, expected `result` or `outputs['step.variable']`",
        ),
        (
            "the status of a job that is no dependency",
            "condition: succeeded('A')",
            "`A` is not among the jobs that `B` depends on",
        ),
    ];
    for (name, second, expected) in rows {
        let problems = problems(&stage(second));
        assert_eq!(problems.len(), 1, "{name}: {problems:?}");
        assert!(problems[0].ends_with(expected), "{name}: {problems:?}");
    }
    let fine = stage(
        "dependsOn: A\n        condition: and(succeeded('A'), eq(dependencies.a.outputs['T.x'], dependencies.A.result))",
    );
    let template = Template::parse("t.yml", &format!("{HEAD}{fine}")).unwrap();
    assert!(template.expand(&given(&[("target", json!("web"))])).is_ok());
}

#[test]
fn what_is_no_stage_template_is_refused() {
    let rows: &[(&str, &str, &str)] = &[
        ("no YAML", "a: [", "read template `t.yml` as YAML"),
        (
            "an empty text",
            "",
            "read template `t.yml`: found nothing, expected a mapping; stages: is missing; a template holds `stages`, `jobs`, `steps` or `extends`",
        ),
        (
            "two kinds of content",
            "jobs: []\nsteps: []",
            "read template `t.yml`: line 2, steps: found beside `jobs`, expected one of them",
        ),
        (
            "an unknown parameter type",
            "parameters:\n  - name: a\n    type: objekt\nstages: []",
            "read template `t.yml`: line 3, parameters[0].type: found the type `objekt`, which is not \
             known to the local runner",
        ),
        (
            "a parameter that is there twice",
            "parameters: [{ name: a }, { name: A }]\nstages: []",
            "read template `t.yml`: parameters[1]: `A` is declared twice",
        ),
        (
            "a default of the wrong type",
            "parameters: [{ name: a, type: number, default: x }]\nstages: []",
            "read template `t.yml`: parameters[0].default: found 'x', expected a number",
        ),
    ];
    for (name, text, expected) in rows {
        let error = Template::parse("t.yml", text).unwrap_err();
        assert_eq!(error.to_string(), *expected, "{name}");
        assert!(error.hint().is_some(), "{name}");
    }
}

#[test]
fn jobs_and_steps_alone_are_expanded_but_not_walked() {
    let template = Template::parse("t.yml", "jobs: [{ job: A, steps: [] }]").unwrap();
    let expansion = template.expansion(&BTreeMap::new()).unwrap();
    let expected: serde_yaml::Value =
        serde_yaml::from_str("jobs: [{ job: A, steps: [] }]").unwrap();
    assert_eq!(expansion, expected);
    let error = template.expand(&BTreeMap::new()).unwrap_err().to_string();
    assert!(
        error.contains("found `jobs`: only stages can be walked"),
        "{error}"
    );
}

#[test]
fn a_template_that_cannot_be_included_is_named_with_its_file_and_line() {
    let steps = "parameters:\n  - name: name\nsteps:\n  - tsk: ${{ parameters.name }}\n";
    let rows: [(&str, &str, &str); 8] = [
        (
            "a file that is not there",
            "- template: ../steps/none.yml",
            "line 7, stages[0].jobs[0].steps[0].template: there is no template `steps/none.yml`",
        ),
        (
            "another repository",
            "- template: a.yml@other",
            "line 7, stages[0].jobs[0].steps[0].template: is in the repository `other`, which is not \
             known to the local runner",
        ),
        (
            "a path above the repository",
            "- template: ../../a.yml",
            "line 7, stages[0].jobs[0].steps[0].template: `../../a.yml` leaves the repository",
        ),
        (
            "a parameter that is missing",
            "- template: ../steps/a.yml",
            "stages[0].jobs[0].steps[0].parameters.name: is missing, and it has no default \
             (`steps/a.yml`)",
        ),
        (
            "a parameter that it does not take",
            "- { template: ../steps/a.yml, parameters: { name: T@1, nam: x } }",
            "stages[0].jobs[0].steps[0].parameters.nam: is not a parameter of this template \
             (`steps/a.yml`)",
        ),
        (
            "a mistake in the file itself",
            "- { template: ../steps/a.yml, parameters: { name: T@1 } }",
            "`steps/a.yml`, line 4, stages[0].jobs[0].steps[0]: found the step `tsk`, the local runner \
             knows `task`, `script`, `bash`, `pwsh`, `powershell`, `checkout: none` and `download: \
             none`",
        ),
        (
            "a key beside the reference",
            "- { template: ../steps/a.yml, name: x, parameters: { name: T@1 } }",
            "stages[0].jobs[0].steps[0]: found `name` beside `template`",
        ),
        (
            "a file that includes itself",
            "- template: ../steps/self.yml",
            "`steps/self.yml`, line 2, stages[0].jobs[0].steps[0]",
        ),
    ];
    for (name, step, expected) in rows {
        let text = format!(
            "stages:\n  - stage: S\n    jobs:\n      - job: A\n        pool: x\n        steps:\n          {step}\n"
        );
        let template = Template::parse("stages/s.yml", &text).unwrap();
        let template = template.among([
            ("steps/a.yml", steps),
            ("steps/self.yml", "steps:\n  - template: self.yml\n"),
        ]);
        let error = template.expand(&BTreeMap::new()).unwrap_err();
        let found: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
        assert!(found[0].starts_with(expected), "{name}: {found:?}");
    }
}

#[test]
fn two_jobs_that_wait_for_one_another_are_refused() {
    let stages = "  - stage: S\n    jobs:\n      - { job: A, dependsOn: B, steps: [] }\n      - { job: B, dependsOn: A, steps: [] }\n";
    let found = problems(stages);
    assert_eq!(
        found,
        ["line 21, stages[0].jobs: the job `A` depends on itself"]
    );
}

#[test]
fn every_shipped_template_is_read() {
    for (path, text) in crate::SHIPPED {
        let template = Template::parse(path, text).unwrap();
        assert_eq!(template.name(), *path);
        assert!(!template.parameters().is_empty(), "{path}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        if let Ok(template) = Template::parse("t.yml", &text) {
            let _ = template.expand(&BTreeMap::new());
        }
    }

    #[test]
    fn no_value_in_a_template_makes_it_panic(text in "[^\\x00]{0,60}", key in "[^\\x00]{0,30}") {
        let yaml = json!({"stages": [{"stage": "S", "jobs": [{
            "job": "A", "condition": text, "variables": {key.clone(): text},
            "steps": [{"task": text, "inputs": {key: text}}],
        }]}]});
        if let Ok(template) = Template::parse("t.yml", &yaml.to_string()) {
            let _ = template.expand(&BTreeMap::new());
        }
    }
}
