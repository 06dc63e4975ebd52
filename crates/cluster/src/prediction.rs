//! Answers the questions of a prediction: reads and dry runs, nothing is written.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use kube::Client;
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use rollguard_core::duration::Human;
use rollguard_core::observation::ResourceKind;
use rollguard_core::prediction::{Answer, Change, Collection, Place, Question, Trial};
use rollguard_core::rollback::preflight::{DryRun, Lookup};
use rollguard_core::workload::is_dns_subdomain;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::ClusterErrorKind;
use crate::error::Cause;
use crate::history::history;
use crate::list::{list, list_once};
use crate::lookup::{groups, look_up, preferred};
use crate::patience::patiently;
use crate::preflight::{dry_run, lookup, unseen};
use crate::request::{
    FIELD_MANAGER, Failure, READ_LIMIT, WRITE_LIMIT, apps, exchange_whole, pods, within,
};

/// How long the questions of one round may take in all: a webhook may take 30 s.
const LIMIT: Duration = Duration::from_secs(45);
/// How many questions are asked at once.
const AT_ONCE: usize = 8;

/// Answers all questions, several at once.
///
/// Never fails: an answer says so when something cannot be read.
pub async fn ask(client: &Client, questions: Vec<Question>) -> Vec<(Question, Answer)> {
    let by = Instant::now() + LIMIT;
    let each: Vec<BoxFuture<'_, (Question, Answer)>> = questions
        .into_iter()
        .map(|question| {
            let answering = async move {
                let answer = timeout_at(by, one(client, &question)).await;
                let answer = answer.unwrap_or_else(|_| late(&question));
                (question, answer)
            };
            answering.boxed()
        })
        .collect();
    stream::iter(each).buffered(AT_ONCE).collect().await
}

/// The answer to a question that took too long.
fn late(question: &Question) -> Answer {
    let why = format!("no answer within {}", Human(LIMIT));
    match question {
        Question::Object(_) => Answer::Object(Lookup::Unseen(why)),
        Question::List(_) => Answer::List(Lookup::Unseen(why)),
        Question::Reference { .. } => Answer::State(Lookup::Unseen(why)),
        Question::History(_) => Answer::History(Lookup::Unseen(why)),
        Question::LookUp { .. } => Answer::LookedUp(None),
        Question::Apply(_) | Question::CreatePod { .. } => {
            Answer::Trial(Box::new(Trial::not_tried(why)))
        }
    }
}

async fn one(client: &Client, question: &Question) -> Answer {
    match question {
        Question::Object(place) => Answer::Object(object(client, place).await),
        Question::List(collection) => Answer::List(listed(client, collection).await),
        Question::Reference {
            namespace,
            reference,
        } => Answer::State(lookup::reference(client, namespace, reference).await),
        Question::History(workload) => Answer::History(match history(client, workload).await {
            Ok(history) => Lookup::Seen(Box::new(history)),
            Err(error) if error.kind() == ClusterErrorKind::NotFound => Lookup::Missing,
            Err(error) => Lookup::Unseen(said(&error)),
        }),
        Question::LookUp { namespace, lookup } => {
            let seen = look_up(client, namespace, lookup.clone()).await;
            Answer::LookedUp(seen.map(Box::new))
        }
        Question::Apply(change) => Answer::Trial(Box::new(apply(client, change).await)),
        Question::CreatePod { namespace, pod } => {
            Answer::Trial(Box::new(create_pod(client, namespace, pod).await))
        }
    }
}

/// An error with its causes, in one line.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn path(api: &str, plural: &str, namespace: Option<&str>) -> String {
    let root = if api.contains('/') { "apis" } else { "api" };
    let within = namespace.map_or_else(String::new, |it| format!("/namespaces/{it}"));
    format!("/{root}/{api}{within}/{plural}")
}

async fn object(client: &Client, place: &Place) -> Lookup<Value> {
    // No object can have such a name, and it must not become another path.
    if !is_dns_subdomain(&place.name) {
        return Lookup::Missing;
    }
    let collection = Request::new(path(place.api, place.plural, place.namespace.as_deref()));
    let read = patiently(|| async {
        let request = collection.get(&place.name, &GetParams::default());
        let request = request.map_err(kube::Error::BuildRequest)?;
        within(READ_LIMIT, client.request(request)).await
    });
    match read.await {
        Ok(object) => Lookup::Seen(object),
        Err(cause) if cause.is_not_found() => Lookup::Missing,
        Err(cause) => Lookup::Unseen(unseen(&cause.into(), "get", place.plural)),
    }
}

/// Lists a collection; one that the API does not have is missing.
async fn listed(client: &Client, collection: &Collection) -> Lookup<Vec<Value>> {
    let Collection {
        api,
        plural,
        namespace,
    } = collection;
    // A group that is not served answers as one that is not served yet, which a list waits for.
    if let Some((group, _)) = api.split_once('/')
        && !group.ends_with("k8s.io")
        && group.contains('.')
    {
        return custom(client, collection, group).await;
    }
    let request = Request::new(path(api, plural, namespace.as_deref()));
    match list(client, &request, "").await {
        Ok(items) => Lookup::Seen(items),
        Err(cause) if cause.is_not_served() => Lookup::Missing,
        Err(cause) => Lookup::Unseen(unseen(&cause.into(), "list", plural)),
    }
}

/// Lists a custom resource in the version that discovery prefers. Only a group that is not served has none of its
/// objects: in another version they may be called differently.
async fn custom(client: &Client, collection: &Collection, group: &str) -> Lookup<Vec<Value>> {
    let plural = collection.plural;
    let groups = match patiently(|| groups(client)).await {
        Ok(groups) => groups,
        Err(cause) => return Lookup::Unseen(unseen(&cause.into(), "list", plural)),
    };
    let Some(version) = preferred(&groups, group) else {
        return Lookup::Missing;
    };
    let request = Request::new(path(version, plural, collection.namespace.as_deref()));
    let listed = patiently(|| async {
        match list_once(client, &request, "").await {
            Err(cause) if cause.is_not_served() => Ok(None),
            listed => listed.map(Some),
        }
    });
    match listed.await {
        Ok(Some(items)) => Lookup::Seen(items),
        Ok(None) => Lookup::Unseen(format!("the API has {version} without {plural}")),
        Err(cause) => Lookup::Unseen(unseen(&cause.into(), "list", plural)),
    }
}

/// Sends a workload as a dry run: a new one is created, an existing one patched.
async fn apply(client: &Client, change: &Change) -> Trial {
    let workload = &change.workload;
    let collection = apps(&workload.namespace, ResourceKind::of(workload.kind));
    let request = if change.exists {
        let params = PatchParams {
            dry_run: true,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        collection.patch(&workload.name, &params, &Patch::Merge(&change.body))
    } else {
        collection.create(&creation(), change.body.to_string().into_bytes())
    };
    trial(client, request).await
}

async fn create_pod(client: &Client, namespace: &str, pod: &Value) -> Trial {
    let request = pods(namespace).create(&creation(), pod.to_string().into_bytes());
    trial(client, request).await
}

fn creation() -> PostParams {
    PostParams {
        dry_run: true,
        field_manager: Some(FIELD_MANAGER.to_owned()),
    }
}

async fn trial(
    client: &Client,
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Trial {
    let send = |request: http::Request<Vec<u8>>| async move {
        let answer = exchange_whole(client, request, WRITE_LIMIT).await?;
        // A login page in between answers 200 as well.
        let malformed = |_| Failure::from(Cause::Malformed("no object".to_owned()));
        let object: Value = serde_json::from_slice(&answer.body).map_err(malformed)?;
        Ok::<_, Failure>((object, answer.warnings))
    };
    // It changes nothing, so that it is repeated as a read is.
    let repeated = || async {
        let request = match &request {
            Ok(request) => request.clone(),
            Err(error) => return Err(Cause::Malformed(error.to_string())),
        };
        match send(request).await {
            Err(failure) if dry_run::may_pass(&failure) => Err(failure.cause),
            settled => Ok(settled),
        }
    };
    let answer = patiently(repeated).await;
    match answer
        .map_err(Failure::from)
        .and_then(std::convert::identity)
    {
        Ok((object, warnings)) => Trial {
            result: DryRun::Accepted,
            written: Some(object),
            warnings,
        },
        Err(failure) => Trial {
            result: dry_run::of(failure),
            written: None,
            warnings: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests;
