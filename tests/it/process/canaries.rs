//! A secret in each place where a workload, its objects and its containers may hold one, and everything that the commands
//! write about it: `docs/security.md` says which of them may be read, and where.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use libtest_mimic::Trial;
use rollguard_sandbox::{PodRefusal, Sandbox, Script};
use rollguard_tests::fakes::{FakeAzure, Scheme};
use rollguard_tests::front::{Answer, Asked, Front, Gate, Onward};
use rollguard_tests::product::Rollguard;
use serde_json::{Value, json};

use super::canary_objects::{config, deployment};
use super::issues::azure_of;
use super::secrets::{forms, written};
use super::task::Run;
use crate::trial;

/// A secret of a workload.
pub(crate) struct Canary {
    /// Where it stands.
    pub(crate) place: &'static str,
    pub(crate) value: &'static str,
}

const fn canary(place: &'static str, value: &'static str) -> Canary {
    Canary { place, value }
}

pub(crate) const ENV_NAMED: Canary = canary(
    "a variable whose name says that it is secret",
    "hush-01+env/named",
);
pub(crate) const ENV_RANDOM: Canary = canary(
    "a variable of any name, as random as a key",
    "Zk4v9Qw2Lm8Xc6Rt1Yp3",
);
pub(crate) const ANNOTATION: Canary = canary("an annotation", "hush-03+annotation/a");
pub(crate) const APPLIED: Canary = canary("what kubectl applied last", "hush-04+applied/last");
pub(crate) const TEMPLATE_ANNOTATION: Canary =
    canary("an annotation of the template", "hush-05+template/b");
pub(crate) const HEADER: Canary = canary("a header of a probe", "hush-06+probe/header");
pub(crate) const QUERY: Canary = canary("the query of a probe", "hush-07-probe-query");
pub(crate) const ARG_PAIR: Canary = canary("--option=value", "hush-08+arg/pair");
pub(crate) const ARG_NEXT: Canary = canary("--option value", "hush-09+arg/next");
pub(crate) const ARG_URL: Canary = canary("a URL in the command", "hush-10-arg-url");
pub(crate) const PROBE_ARG: Canary = canary("the command of a probe", "hush-11+probe/arg");
pub(crate) const HOOK_ARG: Canary = canary("the command of a hook", "hush-12+hook/arg");
pub(crate) const SECRET_DATA: Canary = canary("a Secret", "hush-13\"data\\of#secret");
pub(crate) const PULL_SECRET: Canary = canary("an image pull secret", "hush-14+pull/secret");
pub(crate) const LOG_PAIR: Canary = canary("a pair in a log", "hush-15+log/pair");
pub(crate) const LOG_BEARER: Canary = canary("a header in a log", "hush-16+log/bearer");
pub(crate) const LOG_JSON: Canary = canary("a field of JSON in a log", "hush-17+log/json");
pub(crate) const WORDS_PAIR: Canary = canary("a pair in the last words", "hush-18+words/pair");
pub(crate) const OUTPUT_PAIR: Canary = canary("a pair in a probe's output", "hush-19+probe/out");
pub(crate) const REFUSAL: Canary = canary("a header in a webhook's refusal", "hush-20+refusal/x");
pub(crate) const EVENT: Canary = canary("a header in an event", "hush-21+event/bearer");

/// What is shown nowhere, in no form.
const HIDDEN: [Canary; 21] = [
    ENV_NAMED,
    ENV_RANDOM,
    ANNOTATION,
    APPLIED,
    TEMPLATE_ANNOTATION,
    HEADER,
    QUERY,
    ARG_PAIR,
    ARG_NEXT,
    ARG_URL,
    PROBE_ARG,
    HOOK_ARG,
    SECRET_DATA,
    PULL_SECRET,
    LOG_PAIR,
    LOG_BEARER,
    LOG_JSON,
    WORDS_PAIR,
    OUTPUT_PAIR,
    REFUSAL,
    EVENT,
];

/// The same in words that do not name it: nothing tells it from any other value.
pub(crate) const PLAIN_ENV: Canary = canary("a variable of any name", "plain-mode");
pub(crate) const PLAIN_ARG: Canary = canary("an argument", "plain-argument");
pub(crate) const PLAIN_LOG: Canary = canary("a line of a log", "plain-line");
pub(crate) const PLAIN_WORDS: Canary = canary("the last words", "plain-last-words");
pub(crate) const PLAIN_OUTPUT: Canary = canary("a probe's output", "plain-output");

/// What a report quotes; of these a recording holds the output of a probe only, which is an event.
const QUOTED: [Canary; 5] = [PLAIN_ENV, PLAIN_ARG, PLAIN_LOG, PLAIN_WORDS, PLAIN_OUTPUT];

/// The hidden ones, as texts.
pub(crate) fn secrets_of_workloads() -> impl Iterator<Item = &'static str> {
    HIDDEN.iter().map(|it| it.value)
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("no canary of a workload leaves the cluster", planted),
        trial("a canary that got out would be noticed", || async {
            noticed()
        }),
    ]
}

struct Open;

impl Gate for Open {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer> {
        onward.hand(asked).boxed()
    }
}

fn is_of(pod: &Pod, app: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let label = |name: &str| labels.and_then(|it| it.get(name)).map(String::as_str);
    label("app") == Some(app) && label("version") == Some("v2")
}

/// The second version of `web` crashes, the one of `worker` is never ready, and the pods of `guarded` are refused.
fn sandbox() -> Sandbox {
    let lines = [
        format!("starting with password={}", LOG_PAIR.value),
        format!("sent Authorization: Bearer {}", LOG_BEARER.value),
        format!(
            "{{\"level\":\"info\",\"client_secret\":\"{}\"}}",
            LOG_JSON.value
        ),
        format!("Error: no database for {}", PLAIN_LOG.value),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let words = format!("password={} for {}", WORDS_PAIR.value, PLAIN_WORDS.value);
    let output = format!("password={} for {}", OUTPUT_PAIR.value, PLAIN_OUTPUT.value);
    Sandbox::builder()
        .namespace("shop")
        .play(
            |pod| is_of(pod, "web"),
            Script::crash_with_last_words(&lines, 1, &words),
        )
        .play(
            |pod| is_of(pod, "worker"),
            Script::never_ready_saying(&output),
        )
        .build()
}

async fn apply(client: &Client, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let types = object.types.clone().context("no kind")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "shop", &resource);
    let name = object.metadata.name.clone().context("no name")?;
    match api.get_opt(&name).await? {
        Some(present) => {
            let mut object = object;
            object.metadata.resource_version = present.metadata.resource_version;
            api.replace(&name, &PostParams::default(), &object).await?
        }
        None => api.create(&PostParams::default(), &object).await?,
    };
    Ok(())
}

const WORKLOADS: [&str; 3] = ["web", "worker", "guarded"];

async fn deploy(client: &Client, version: &str) -> Result<()> {
    for name in WORKLOADS {
        apply(client, deployment(name, version)).await?;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}

/// Reports an event about the first pod of the second version of `web`.
async fn report_event(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    let listed = pods
        .list(&ListParams::default().labels("app=web,version=v2"))
        .await?;
    let pod = listed.items.into_iter().next().context("no pod")?;
    let message = format!(
        "401 Unauthorized, sent Authorization: Bearer {}",
        EVENT.value
    );
    let now = k8s_openapi::jiff::Timestamp::now().to_string();
    apply(
        client,
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": "echo", "namespace": "shop" },
            "involvedObject": { "kind": "Pod", "namespace": "shop", "name": pod.metadata.name, "uid": pod.metadata.uid },
            "type": "Warning", "reason": "FailedToRetrieveImagePullSecret", "message": message,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "source": { "component": "kubelet" },
        }),
    )
    .await
}

/// Everything that was written, by what wrote it.
type Written = BTreeMap<String, String>;

async fn planted() -> Result<()> {
    let sandbox = sandbox();
    let client = sandbox.client();
    let denial = PodRefusal::Webhook {
        name: "guard.test".to_owned(),
        message: format!("sent Authorization: Bearer {}", REFUSAL.value),
    };
    for object in config() {
        apply(&client, object).await?;
    }
    deploy(&client, "v1").await?;
    let mut all = Written::new();
    let task = Task::new(&sandbox).await?;
    task.step("check", &[], &mut all).await?;
    sandbox
        .faults()
        .refuse_pods(|pod| is_of(pod, "guarded"), denial);
    deploy(&client, "v2").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    report_event(&client).await?;
    let trace = by_hand(&sandbox, &mut all).await?;
    let evidence = task.step("failed check", &[], &mut all).await?;
    ensure!(!evidence.is_empty(), "nothing is offered: {all:#?}");
    let approved = [("INPUT_EVIDENCE", evidence.as_str())];
    task.step("rollback", &approved, &mut all).await?;
    task.step("check", &approved, &mut all).await?;
    judge(&all, &trace)
}

/// The task, run as the agent runs it.
struct Task {
    azure: FakeAzure,
    _front: Front,
    folder: tempfile::TempDir,
}

impl Task {
    async fn new(sandbox: &Sandbox) -> Result<Self> {
        let (azure, front) = azure_of(FakeAzure::builder(), sandbox, Arc::new(Open)).await?;
        Ok(Self {
            azure,
            _front: front,
            folder: tempfile::tempdir()?,
        })
    }

    /// Runs a command and returns the variable `evidence`.
    async fn step(&self, says: &str, more: &[(&str, &str)], all: &mut Written) -> Result<String> {
        let command = says.trim_start_matches("failed ");
        let mut run = Run::check(&self.azure, Scheme::WorkloadIdentityFederation);
        run.set("INPUT_COMMAND", command);
        // With an approval, those that it names.
        let workloads = WORKLOADS.map(|it| format!("deployment/{it}")).join("\n");
        let named = if more.is_empty() {
            workloads.as_str()
        } else {
            ""
        };
        run.set("INPUT_WORKLOADS", named);
        run.set("INPUT_STABLEFOR", "1s");
        run.set("INPUT_GRACES", GRACES);
        run.set("INPUT_LINT", if command == "check" { "warn" } else { "" });
        run.set(
            "AGENT_TEMPDIRECTORY",
            &self.folder.path().display().to_string(),
        );
        for (name, value) in more {
            run.set(name, value);
        }
        let done = run.run().await?;
        let expected = if says == "failed check" { 10 } else { 0 };
        ensure!(
            (done.code == 0) == (expected == 0),
            "{says}: {}\n{}",
            done.code,
            done.text
        );
        let name = format!("the task's {says} {}", all.len());
        all.insert(name, written(&done, self.folder.path())?);
        for (name, value) in &done.heard.variables {
            all.insert(
                format!("the variable {name} of {says} {}", all.len()),
                value.clone(),
            );
        }
        Ok(done
            .heard
            .variables
            .get("evidence")
            .cloned()
            .unwrap_or_default())
    }
}

const GRACES: &str = "CrashAtStart=1s\nReadinessFailing=1s\nAdmissionDenied=1s";

/// Every command at the command line, in every form; returns the recording.
async fn by_hand(sandbox: &Sandbox, all: &mut Written) -> Result<String> {
    let front = Front::start(sandbox.client(), Arc::new(Open)).await?;
    let rollguard = Rollguard::new(front.kubeconfig())?;
    let folder = tempfile::tempdir()?;
    let manifests = folder.path().join("release.json");
    let items: Vec<Value> = WORKLOADS
        .iter()
        .map(|name| deployment(name, "v2"))
        .chain(config())
        .collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    // A finding quotes its line, and one line would hold everything.
    std::fs::write(&manifests, serde_json::to_string_pretty(&list)?)?;
    let trace = folder.path().join("trace.jsonl");
    let [manifests, trace_path] = [&manifests, &trace].map(|it| it.display().to_string());
    for args in commands(&manifests, &trace_path) {
        let ran = rollguard.run(&args).await?;
        // A panic, or a command line that is not understood.
        ensure!(![2, 101].contains(&ran.code), "{args:?}: {}", ran.all());
        all.insert(args.join(" "), ran.all());
    }
    let recorded = read(&trace)?;
    all.insert("the recording".to_owned(), recorded.clone());
    Ok(recorded)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("no `{}`", path.display()))
}

fn commands<'a>(manifests: &'a str, trace: &'a str) -> Vec<Vec<&'a str>> {
    let check = |workload: &'static str, form: &'static str| {
        let mut args = vec![
            "check",
            workload,
            "-n",
            "shop",
            "--timeout",
            "15s",
            "-o",
            form,
        ];
        for grace in GRACES.lines() {
            args.extend(["--grace", grace]);
        }
        args
    };
    let mut all = Vec::new();
    let mut recorded = check("deployment/web", "human");
    recorded.extend([
        "deployment/worker",
        "deployment/guarded",
        "-v",
        "--record",
        trace,
    ]);
    all.push(recorded);
    for workload in ["deployment/web", "deployment/worker", "deployment/guarded"] {
        for form in ["human", "json", "markdown", "junit"] {
            all.push(check(workload, form));
        }
    }
    for form in ["human", "json"] {
        all.push(vec![
            "rollback",
            "deployment/web",
            "-n",
            "shop",
            "--dry-run",
            "-o",
            form,
        ]);
        all.push(vec![
            "rollback",
            "deployment/worker",
            "-n",
            "shop",
            "--dry-run",
            "-o",
            form,
        ]);
        all.push(vec!["history", "deployment/web", "-n", "shop", "-o", form]);
        all.push(vec![
            "doctor",
            "check",
            "rollback",
            "deployment/web",
            "-n",
            "shop",
            "-o",
            form,
        ]);
    }
    for form in ["human", "json", "markdown", "junit", "sarif"] {
        all.push(vec!["lint", manifests, "-o", form]);
        all.push(vec!["lint", "--live", manifests, "-n", "shop", "-o", form]);
        all.push(vec!["lint", "deployment/web", "-n", "shop", "-o", form]);
    }
    all.push(vec!["lint", manifests, "--diff"]);
    all.push(vec!["replay", trace]);
    all
}

/// A form in which a canary is in a text.
fn leaked<'a>(text: &str, canary: &'a Canary) -> Option<(&'a str, String)> {
    let form = forms(canary.value).into_iter().find(|it| text.contains(it));
    form.map(|it| (canary.place, it))
}

fn judge(all: &Written, trace: &str) -> Result<()> {
    let mut leaks = Vec::new();
    for (name, text) in all {
        for (place, form) in HIDDEN.iter().filter_map(|it| leaked(text, it)) {
            let line = text
                .lines()
                .find(|it| it.contains(&form))
                .unwrap_or_default();
            let line: String = line.chars().take(600).collect();
            leaks.push(format!("{place}, by {name}: {line}"));
        }
    }
    ensure!(
        leaks.is_empty(),
        "{} leaks\n{}",
        leaks.len(),
        leaks.join("\n")
    );
    // A test that plants nothing would find nothing.
    for canary in QUOTED {
        let shown = all.values().any(|it| it.contains(canary.value));
        ensure!(shown, "{} is quoted nowhere", canary.place);
        let recorded = trace.contains(canary.value);
        let expected = canary.value == PLAIN_OUTPUT.value;
        ensure!(recorded == expected, "{} in the recording", canary.place);
    }
    Ok(())
}

fn noticed() -> Result<()> {
    for canary in HIDDEN {
        for form in forms(canary.value) {
            let found = leaked(&format!("x {form} y"), &canary);
            ensure!(found.is_some(), "{}: {form}", canary.place);
        }
        ensure!(leaked("hush-99", &canary).is_none());
    }
    Ok(())
}
