//! Answers of every Kubernetes API server to the same requests: the cases of `tests/contract.yaml`,
//! run against whatever a client reaches. The embedded cluster and the real one must agree.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http::Request;
use http::header::CONTENT_TYPE;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

/// How often a step that waits looks, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 180;

/// A row: steps one after the other, and the watch events that they bring about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is so, as a sentence.
    pub says: String,
    steps: Vec<Step>,
    /// A path to watch from before the first step on.
    watch: Option<Watch>,
}

/// One request and what its answer must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// `METHOD /path`.
    request: String,
    /// The body; none without.
    send: Option<Value>,
    /// The content type; `application/json` without.
    r#as: Option<String>,
    /// Zero means that the connection ends without an answer.
    status: u16,
    /// Values by JSON pointer; `null` means absent, `{contains: text}` is part of a text.
    #[serde(default)]
    body: BTreeMap<String, Value>,
    /// Values of the answer to keep, by name, for `{name}` in later steps: texts anywhere, others
    /// where nothing else stands.
    #[serde(default)]
    keep: BTreeMap<String, String>,
    /// Ask again until it is so.
    #[serde(default)]
    wait: bool,
}

/// The events of a watch, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Watch {
    path: String,
    /// Events of these types only; all without.
    #[serde(default)]
    only: Vec<String>,
    /// `TYPE name`, in order.
    events: Vec<String>,
}

/// All cases.
///
/// # Errors
/// When the file does not hold cases.
pub fn cases() -> Result<Vec<Case>> {
    serde_yaml::from_str(include_str!("../contract.yaml")).context("failed to read the contract")
}

/// Runs one case in a namespace that no one else uses.
///
/// # Errors
/// With the first answer that is not as the case says.
pub async fn run(client: &Client, namespace: &str, case: &Case) -> Result<()> {
    let mut run = Run {
        client,
        kept: BTreeMap::from([("ns".to_owned(), Value::from(namespace))]),
    };
    let from = match &case.watch {
        Some(watch) => Some((watch, run.position(watch).await?)),
        None => None,
    };
    for step in &case.steps {
        let done = run.step(step).await;
        done.with_context(|| format!("{}: {}", case.says, step.request))?;
    }
    if let Some((watch, from)) = from {
        run.follow(watch, &from).await.context(case.says.clone())?;
    }
    Ok(())
}

struct Run<'a> {
    client: &'a Client,
    kept: BTreeMap<String, Value>,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) -> Result<()> {
        let looks = if step.wait { LOOKS } else { 1 };
        let mut outcome = Ok(());
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            outcome = self.once(step).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn once(&mut self, step: &Step) -> Result<()> {
        let sent = step.send.as_ref().map(|body| self.filled(body));
        let kind = step.r#as.as_deref().unwrap_or("application/json");
        let (status, answer) = match self.ask(&step.request, (sent, kind)).await {
            Err(_) if step.status == 0 => return Ok(()),
            answered => answered?,
        };
        ensure!(
            status == step.status,
            "the status is {status}, not {}: {answer}",
            step.status
        );
        for (pointer, expected) in &step.body {
            let found = answer.pointer(pointer).unwrap_or(&Value::Null);
            let expected = self.filled(expected);
            let holds = match expected.get("contains").and_then(Value::as_str) {
                Some(part) => found.as_str().is_some_and(|it| it.contains(part)),
                None => *found == expected,
            };
            ensure!(holds, "`{pointer}` is {found}, not {expected}: {answer}");
        }
        for (name, pointer) in &step.keep {
            let found = answer.pointer(pointer);
            let found = found.with_context(|| format!("there is no `{pointer}`: {answer}"))?;
            self.kept.insert(name.clone(), found.clone());
        }
        Ok(())
    }

    /// The status and the answer, which is a text when it is no JSON.
    async fn ask(&self, line: &str, (sent, kind): (Option<Value>, &str)) -> Result<(u16, Value)> {
        let line = self.filled_text(line);
        let (method, path) = line.split_once(' ').context("no `METHOD /path`")?;
        let body = sent.map(|it| it.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, kind)
            .body(Body::from(body.into_bytes()))?;
        let response = self.client.send(request).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((status, answer))
    }

    /// The resourceVersion to watch from.
    async fn position(&self, watch: &Watch) -> Result<String> {
        let line = format!("GET {}", watch.path);
        let (_, list) = self.ask(&line, (None, "application/json")).await?;
        let version = list.pointer("/metadata/resourceVersion");
        let version = version.and_then(Value::as_str).context("no list")?;
        Ok(version.to_owned())
    }

    /// The events that came to be since then, all at once: a watch of the past ends by itself.
    async fn follow(&self, watch: &Watch, from: &str) -> Result<()> {
        let mark = if watch.path.contains('?') { '&' } else { '?' };
        let line = format!(
            "GET {}{mark}watch=1&timeoutSeconds=2&resourceVersion={from}",
            watch.path
        );
        let (status, answer) = self.ask(&line, (None, "application/json")).await?;
        // One event alone is JSON.
        let lines = answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned);
        ensure!(status == 200, "the watch is refused: {lines}");
        let mut seen = Vec::new();
        for line in lines.lines() {
            let event: Value = serde_json::from_str(line).context("failed to read an event")?;
            let kind = event["type"].as_str().unwrap_or_default();
            let name = event["object"]["metadata"]["name"].as_str();
            if watch.only.is_empty() || watch.only.iter().any(|it| it == kind) {
                seen.push(format!("{kind} {}", name.unwrap_or_default()));
            }
        }
        let expected: Vec<String> = watch.events.iter().map(|it| self.filled_text(it)).collect();
        if seen != expected {
            bail!("the watch told {seen:?}, not {expected:?}");
        }
        Ok(())
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self
                .whole(text)
                .cloned()
                .unwrap_or_else(|| Value::String(self.filled_text(text))),
            Value::Array(list) => list.iter().map(|it| self.filled(it)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, it)| (key.clone(), self.filled(it)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// The kept value that is all that a text names.
    fn whole(&self, text: &str) -> Option<&Value> {
        let name = text.strip_prefix('{')?.strip_suffix('}')?;
        self.kept.get(name)
    }

    fn filled_text(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.kept {
            if let Some(value) = value.as_str() {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
        }
        filled
    }
}
