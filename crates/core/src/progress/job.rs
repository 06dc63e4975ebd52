//! Decides whether a Job is complete (`job_controller.go`: its conditions decide, not its counts).

use k8s_openapi::api::batch::v1::Job;

use crate::verdict::Pending;
use crate::workload::JobView;

pub(super) fn complete(job: &Job) -> Result<(), Pending> {
    let run = JobView::of(job);
    if run.has_succeeded() {
        return Ok(());
    }
    if run.is_suspended() {
        return Err(Pending::Suspended);
    }
    Err(Pending::Completions {
        succeeded: run.succeeded(),
        wanted: run.completions(),
        active: run.active(),
        failed: run.failed(),
    })
}

#[cfg(test)]
mod tests {
    use crate::progress::complete;
    use crate::snapshot::ExcusedNodes;
    use crate::testing::job;

    #[test]
    fn the_conditions_decide_and_the_counts_only_tell() {
        let rows = [
            ("nothing has run yet", job(), Some("0 of 1 completions")),
            (
                "its pod runs",
                job().counts(1, 0, 0),
                Some("0 of 1 completions, 1 pod active"),
            ),
            (
                "some have succeeded, some have failed",
                job().spec("completions", 5).counts(2, 3, 1),
                Some("3 of 5 completions, 2 pods active, 1 pod failed"),
            ),
            (
                "every pod has succeeded, and the controller has not said so yet",
                job().counts(0, 1, 0),
                Some("1 of 1 completions"),
            ),
            ("it says so", job().counts(0, 1, 0).complete(), None),
            (
                "its success policy is met while pods still end",
                job()
                    .counts(1, 1, 0)
                    .condition("SuccessCriteriaMet", ("SuccessPolicy", "")),
                None,
            ),
            (
                "it is suspended",
                job().suspended(),
                Some("the Job is suspended"),
            ),
            (
                "it is suspended and was complete before",
                job().suspended().complete(),
                None,
            ),
            (
                "a work queue",
                job().without("completions").counts(2, 1, 0),
                Some("1 completions of a work queue, 2 pods active"),
            ),
            (
                "it has failed",
                job().counts(0, 0, 1).failed("BackoffLimitExceeded", ""),
                Some("0 of 1 completions, 1 pod failed"),
            ),
        ];
        for (says, job, expected) in rows {
            let pending = complete(&job.build(), &ExcusedNodes::default()).err();
            let said = pending.map(|it| it.to_string());
            assert_eq!(said.as_deref(), expected, "{says}");
        }
    }
}
