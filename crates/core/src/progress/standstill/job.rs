//! The step that a Job waits for.

use super::{Moment, RolloutStep, controller, new_pod, newest_event, quoted, title};
use crate::finding::{RollbackHelps, Subject};
use crate::snapshot::{ContainerView, PodView};
use crate::verdict::{Owner, OwnerKind, Standstill};
use crate::workload::JobView;

pub(super) fn standstill(job: JobView<'_>, moment: &Moment<'_>) -> Standstill {
    let mut found = held(job, moment)
        .or_else(|| new_pod(moment))
        .or_else(|| running(moment))
        .unwrap_or_else(|| next_pod(moment));
    // It keeps no revision to go back to.
    found.rollback_helps = RollbackHelps::No;
    found
}

/// Finds a Job that is suspended, or that may run no pod.
fn held(job: JobView<'_>, moment: &Moment<'_>) -> Option<Standstill> {
    let message = if job.is_suspended() {
        "the Job is suspended, so its controller creates no pod"
    } else if job.end().is_none() && job.parallelism() == 0 {
        "the Job's parallelism is 0, so its controller creates no pod"
    } else {
        return None;
    };
    let by = job.resumed_by();
    let owner = match &by {
        Some(_) => OwnerKind::Other,
        None => OwnerKind::Person,
    };
    let until = by.map_or_else(String::new, |it| format!("; it waits for {it}"));
    Some(Standstill {
        owner: Owner::of(owner),
        message: format!("{message}{until}"),
        ..of_step(RolloutStep::PodCreated, moment)
    })
}

/// Finds a pod that runs: only its program knows for how long.
fn running(moment: &Moment<'_>) -> Option<Standstill> {
    let pods = moment.rollout.new_pods();
    let pod = pods.iter().min_by_key(|it| it.created())?;
    let container = pod.containers().find(|it| it.running_since().is_some());
    let since = container.as_ref().and_then(ContainerView::running_since);
    let name = container.map_or_else(String::new, |it| it.name().to_owned());
    let more = match pods.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    Some(Standstill {
        object: Subject::new("Pod", pod.name()),
        owner: Owner::named(OwnerKind::Application, name),
        since: since.unwrap_or(moment.started),
        message: format!("pod `{}` has not ended yet{more}", pod.name()),
        ..of_step(RolloutStep::PodSucceeded, moment)
    })
}

/// Describes a Job without a pod: its controller creates one, after a failure at growing intervals.
fn next_pod(moment: &Moment<'_>) -> Standstill {
    let ended = moment.rollout.ended_pods();
    let last = ended.iter().max_by_key(|it| it.created());
    let heard = newest_event(moment, moment.rollout.workload().uid());
    let after = last.map(PodView::name).map_or_else(String::new, |it| {
        format!(" after pod `{it}`, at growing intervals up to 10m")
    });
    let message = format!(
        "the Job controller creates the next pod{after}{}",
        quoted(heard.as_ref())
    );
    Standstill {
        message,
        heard,
        ..of_step(RolloutStep::PodCreated, moment)
    }
}

fn of_step(step: RolloutStep, moment: &Moment<'_>) -> Standstill {
    Standstill {
        step,
        object: title(moment),
        owner: controller(moment),
        since: moment.started,
        until: None,
        message: String::new(),
        heard: None,
        rollback_helps: RollbackHelps::No,
    }
}
