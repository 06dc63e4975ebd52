//! The newest Job of a `CronJob`.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::Client;
use kube::ResourceExt as _;
use rollguard_core::permission::Command;
use rollguard_core::workload::{Workload, WorkloadKind};

use super::{get, matching, names, no_namespace};
use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::patience::patiently;

/// Returns the newest Job that a `CronJob` has created, or that someone has created from it.
///
/// # Errors
/// Not found, saying whether the `CronJob` is missing or has not run yet; forbidden with the permission to
/// grant; credentials; unreachable.
pub async fn latest_job(client: &Client, namespace: &str, name: &str) -> Result<Workload> {
    let read = patiently(|| get::<CronJob>(client, namespace, name)).await;
    let cron_job = match read {
        Ok(found) => found,
        Err(cause) if cause.is_missing(name) => return Err(missing(client, namespace, name).await),
        Err(cause) => {
            let doing = format!("read cronjob/{name} in namespace `{namespace}`");
            let needed = Permission {
                command: Command::Check,
                verbs: "get",
                resources: "cronjobs.batch",
                namespace,
            };
            return Err(ClusterError::new(doing, cause).needs(&needed));
        }
    };
    let jobs: Vec<Job> = matching(client, namespace, "")
        .await
        .map_err(|cause: Cause| {
            let doing = format!("list the Jobs of cronjob/{name} in namespace `{namespace}`");
            let needed = Permission::to_look(namespace, Some(WorkloadKind::Job));
            ClusterError::new(doing, cause).needs(&needed)
        })?;
    let uid = cron_job.uid().unwrap_or_default();
    // `kubectl create job --from` leaves `controller` out.
    let own = |job: &Job| job.owner_references().iter().any(|it| it.uid == uid);
    let newest = jobs
        .into_iter()
        .filter(own)
        .max_by_key(|it| (it.creation_timestamp().map(|it| it.0), it.name_any()));
    match newest {
        Some(job) => Ok(Workload::Job(Box::new(job))),
        None => Err(not_run(&cron_job, namespace)),
    }
}

async fn missing(client: &Client, namespace: &str, name: &str) -> ClusterError {
    let what = format!("cronjob/{name}");
    if let Some(error) = no_namespace(client, namespace, &what).await {
        return error;
    }
    let doing = format!("find {what}: it does not exist in namespace `{namespace}`");
    let hint = match names::<CronJob>(client, namespace).await {
        Some(others) if !others.is_empty() => format!("CronJobs there: {}", others.join(", ")),
        Some(_) | None => "check the name, the namespace and the cluster".to_owned(),
    };
    ClusterError::plain(ClusterErrorKind::NotFound, doing).with_hint(hint)
}

fn not_run(cron_job: &CronJob, namespace: &str) -> ClusterError {
    let name = cron_job.name_any();
    let spec = cron_job.spec.as_ref();
    let suspended = spec.and_then(|it| it.suspend) == Some(true);
    let started = cron_job
        .status
        .as_ref()
        .and_then(|it| it.last_schedule_time.as_ref());
    let what = match (suspended, started) {
        (true, _) => "it is suspended and has no Job",
        (false, Some(_)) => "none of its Jobs is left",
        (false, None) => "it has not run yet",
    };
    let schedule = spec.map_or("", |it| it.schedule.as_str());
    let doing = format!("find the newest Job of cronjob/{name} in namespace `{namespace}`: {what}");
    let run = format!("kubectl create job {name}-now --from=cronjob/{name} -n {namespace}");
    let hint = if suspended {
        format!("resume it (spec.suspend: false), or run it now: {run}")
    } else {
        format!("wait for its schedule ({schedule}), or run it now: {run}")
    };
    ClusterError::plain(ClusterErrorKind::NotFound, doing).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Server, status};

    fn cron_job(spec: &Value) -> Value {
        json!({"kind": "CronJob", "apiVersion": "batch/v1",
            "metadata": {"name": "nightly", "namespace": "shop", "uid": "c-1"},
            "spec": {"schedule": "0 2 * * *", "suspend": spec, "jobTemplate": {}}})
    }

    fn job(name: &str, (hour, owner): (u32, &str)) -> Value {
        json!({"metadata": {"name": name, "namespace": "shop", "uid": name,
                "creationTimestamp": format!("2026-01-01T{hour:02}:00:00Z"),
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": owner}]},
            "spec": {"template": {}}})
    }

    fn server(suspend: bool, jobs: &[Value]) -> Server {
        Server::new()
            .json("GET", "/cronjobs/nightly", cron_job(&json!(suspend)))
            .json(
                "GET",
                "/namespaces/shop/jobs",
                json!({"kind": "JobList", "apiVersion": "batch/v1",
                    "metadata": {"resourceVersion": "1"}, "items": jobs}),
            )
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_of_its_own_jobs_is_meant() {
        let jobs = [
            job("nightly-1", (1, "c-1")),
            job("nightly-3", (3, "c-1")),
            job("nightly-2", (2, "c-1")),
            job("of-another", (9, "c-2")),
        ];
        let client = server(false, &jobs).client();
        let found = latest_job(&client, "shop", "nightly").await.unwrap();
        assert_eq!(found.reference().to_string(), "job/nightly-3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cron_job_without_a_job_says_why_and_how_to_run_it() {
        let rows = [
            (
                false,
                "it has not run yet",
                "wait for its schedule (0 2 * * *)",
            ),
            (
                true,
                "it is suspended and has no Job",
                "resume it (spec.suspend: false)",
            ),
        ];
        for (suspend, why, hint) in rows {
            let client = server(suspend, &[job("other", (1, "c-2"))]).client();
            let error = latest_job(&client, "shop", "nightly").await.unwrap_err();
            assert_eq!(error.kind(), ClusterErrorKind::NotFound);
            assert!(error.to_string().ends_with(why), "{error}");
            assert!(
                error.hint().unwrap().starts_with(hint),
                "{:?}",
                error.hint()
            );
            assert!(
                error.hint().unwrap().contains("kubectl create job"),
                "{why}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_exist_or_may_not_be_read_says_so() {
        let missing = Server::new()
            .on("GET", "/cronjobs/nightly", |_| status(404, "not found"))
            .on("GET", "/namespaces/shop", |_| status(403, "no"))
            .on("GET", "/cronjobs", |_| status(403, "no"));
        let error = latest_job(&missing.client(), "shop", "nightly").await;
        let said = error.unwrap_err().to_string();
        assert_eq!(
            said,
            "find cronjob/nightly: it does not exist in namespace `shop`"
        );
        let forbidden = Server::new().on("GET", "/cronjobs/nightly", |_| status(403, "no"));
        let error = latest_job(&forbidden.client(), "shop", "nightly").await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
        assert!(
            error.hint().unwrap().contains("cronjobs.batch"),
            "{:?}",
            error.hint()
        );
    }
}
