//! Reads the cluster for the preflight of a rollback, and changes nothing.
//!
//! Core asks the questions and judges the answers; an object that cannot be read is `Unseen`.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use kube::Client;
use rollguard_core::duration::Human;
use rollguard_core::rollback::RollbackPlan;
use rollguard_core::rollback::preflight::{Answers, DryRun, Lookup, Questions};
use tokio::time::{Instant, timeout_at};

use crate::error::Cause;
use crate::request::Failure;

mod access_review;
pub(crate) mod dry_run;
mod helm;
mod jobs;
mod keys;
pub(crate) mod lookup;
#[cfg(test)]
mod tests;

/// How long a preflight may take in all. Admission webhooks may take 30 s
/// (`admissionregistration.k8s.io/v1`, `timeoutSeconds`), and are asked twice.
const LIMIT: Duration = Duration::from_secs(45);
/// How many objects are read at once.
const AT_ONCE: usize = 8;

/// Answers all questions about a plan, several at once.
///
/// Never fails: an answer says so when something cannot be read.
pub async fn ask(client: &Client, plan: &RollbackPlan, questions: Questions) -> Answers {
    let namespace = plan.workload.namespace.as_str();
    let by = Instant::now() + LIMIT;
    let references = questions.references.into_iter().map(|reference| {
        let each = async move {
            let looked = in_time(by, lookup::reference(client, namespace, &reference)).await;
            (reference, looked)
        };
        each.boxed()
    });
    let rights = questions.rights.into_iter().map(|right| {
        let each = async move {
            let looked = in_time(by, access_review::right(client, namespace, &right)).await;
            (right, looked)
        };
        each.boxed()
    });
    let helm = questions.helm;
    let (references, rights, pod, (patch, written), jobs, helm) = futures::join!(
        all(references.collect()),
        all(rights.collect()),
        in_time_or(
            by,
            dry_run::pod(client, namespace, &questions.pod),
            DryRun::NotTried
        )
        .boxed(),
        in_time_or(by, dry_run::patch(client, plan), |why| (
            DryRun::NotTried(why),
            None
        ))
        .boxed(),
        in_time(by, jobs::jobs(client, namespace)).boxed(),
        async {
            let release = helm?;
            let looked = in_time(by, helm::revisions(client, &release)).await;
            Some((release, looked))
        }
        .boxed(),
    );
    Answers {
        references,
        pod,
        patch,
        written,
        rights,
        jobs,
        helm,
    }
}

async fn all<T>(each: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    stream::iter(each).buffered(AT_ONCE).collect().await
}

async fn in_time<T>(by: Instant, look: impl Future<Output = Lookup<T>>) -> Lookup<T> {
    in_time_or(by, look, Lookup::Unseen).await
}

async fn in_time_or<T>(by: Instant, look: impl Future<Output = T>, late: fn(String) -> T) -> T {
    let looked = timeout_at(by, look).await;
    looked.unwrap_or_else(|_| late(format!("no answer within {}", Human(LIMIT))))
}

/// Why something was not seen.
pub(crate) fn unseen(failure: &Failure, verb: &str, plural: &str) -> String {
    if let Cause::Answer { code: 403, .. } = failure.cause {
        format!("may not {verb} {plural}")
    } else {
        failure.cause.to_string()
    }
}

/// The parser's own words would quote the object.
fn malformed(what: &str) -> Cause {
    Cause::Malformed(format!("no {what}"))
}
