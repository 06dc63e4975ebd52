//! Decides which revision comes back, or why none does.

use std::time::Duration;

use jiff::Timestamp;

use super::changes::changes;
use super::healed::Standing;
use super::patch::TemplateChange;
use super::plan::{Already, ChosenBy, RollbackDecision, RollbackPlan};
use super::preflight;
use super::refusal::Refusal;
use super::request::Request;
use super::stuck_pods::stuck_now;
use crate::history::{Entry, History};
use crate::policy::Policy;
use crate::workload::{RevisionId, WorkloadKind, WorkloadRef};

/// Decides what to do about a workload.
#[must_use]
pub fn decide(history: &History, request: &Request) -> RollbackDecision {
    if !history.workload().kind.has_revisions() {
        return RollbackDecision::Refuse(Refusal::NoRevisions);
    }
    if let Some(refusal) = not_failing(history, request) {
        return RollbackDecision::Refuse(refusal);
    }
    if is_done(history, request) {
        return RollbackDecision::Refuse(Refusal::Done);
    }
    let choice = match target(history, request) {
        Err(refusal) => return RollbackDecision::Refuse(refusal),
        Ok(choice) => choice,
    };
    let target = match choice {
        Choice::InPlace(to) => return RollbackDecision::Already(already(history, &to)),
        Choice::Go(Target { entry: to, .. }) if is_in_place(history, &to) => {
            return match same_workload(history, request) {
                Ok(()) => RollbackDecision::Already(already(history, &to)),
                Err(refusal) => RollbackDecision::Refuse(refusal),
            };
        }
        Choice::Go(target) => Target {
            entry: used_again(history, target.entry),
            ..target
        },
    };
    match preconditions(history, request) {
        Err(refusal) => RollbackDecision::Refuse(refusal),
        Ok(going) => RollbackDecision::Apply(Box::new(plan(history, &going, &target, request))),
    }
}

/// Returns the revision that the controller uses for the target's template.
///
/// Of several ControllerRevisions with the same template it is the newest, as the controller's
/// present version writes it (kubernetes#134773).
fn used_again<'a>(history: &'a History, to: Entry<'a>) -> Entry<'a> {
    if history.workload().kind == WorkloadKind::Deployment {
        return to;
    }
    let template = to.template();
    let mut same = history.former().filter(|it| it.template() == template);
    same.next().unwrap_or(to)
}

/// Returns why a workload that a selector found is left alone. One that a rollback has restored already is
/// none of them: a re-run goes on with it.
fn not_failing(history: &History, request: &Request) -> Option<Refusal> {
    if !request.selected || history.restored().is_some() {
        return None;
    }
    match history.standing(request.now) {
        Standing::Failing => None,
        Standing::LongComplete => Some(Refusal::LongComplete),
        Standing::Healthy => Some(Refusal::Healthy),
        Standing::Unclear => Some(Refusal::NotFailing),
    }
}

/// Returns whether this run has rolled back before, and another revision was deployed since.
///
/// A re-run then has nothing to undo, unless a revision is named. The revision that it rolled back
/// may have been deployed again by the run itself.
fn is_done(history: &History, request: &Request) -> bool {
    let bare = request.judged.is_none() && request.approval.is_none();
    let bare = bare && request.to_revision.is_none();
    let own = history.rollback_record();
    let own = own.filter(|it| bare && it.is_by(&request.run));
    own.is_some_and(|own| !history.is_present(&own.uid) && !history.is_present(&own.from))
}

/// Returns whether the target is in place.
///
/// The controller treats two spellings of a template as equal and keeps the revision.
fn is_in_place(history: &History, to: &Entry<'_>) -> bool {
    let current = history.current();
    to.template() == crate::workload::raw::plain(history.template())
        || current.is_some_and(|it| it.uid() == to.uid())
}

fn already(history: &History, to: &Entry<'_>) -> Already {
    let restored = history.restored();
    let unmark = restored.as_ref().and_then(|it| {
        let bad = history.with_uid(&it.from)?;
        let marked = bad.mark()?.verified_at <= it.at;
        marked.then(|| bad.id())
    });
    // A run again says the number that the first one said.
    let own = restored.as_ref().filter(|it| it.uid == to.uid());
    let revision = own.and_then(|it| it.to_revision.or(it.asked));
    Already {
        workload: history.workload().clone(),
        uid: history.uid().to_owned(),
        to: RevisionId {
            revision: revision.unwrap_or_else(|| to.revision()),
            ..to.id()
        },
        present: to.revision(),
        run: restored.map(|it| it.run),
        unmark,
    }
}

enum Choice<'a> {
    /// An earlier rollback restored this revision, and nothing shows that it is bad.
    InPlace(Entry<'a>),
    /// This revision comes back.
    Go(Target<'a>),
}

/// The revision that comes back, and the evidence that chose it.
struct Target<'a> {
    entry: Entry<'a>,
    chosen_by: ChosenBy,
}

impl<'a> Choice<'a> {
    const fn go(entry: Entry<'a>, chosen_by: ChosenBy) -> Self {
        Self::Go(Target { entry, chosen_by })
    }
}

/// Chooses the revision that comes back.
fn target<'a>(history: &'a History, request: &Request) -> Result<Choice<'a>, Refusal> {
    if let Some(approval) = &request.approval {
        same_workload(history, request)?;
        let wanted = &approval.target;
        let gone = || Refusal::TargetGone {
            wanted: wanted.revision,
            known: history.in_words(),
        };
        let found = history.with_uid(&wanted.uid).ok_or_else(gone);
        return found.map(|entry| Choice::go(entry, ChosenBy::Approval));
    }
    if let Some(wanted) = request.to_revision {
        // The number of a revision rises when it is restored.
        if history
            .restored()
            .is_some_and(|it| it.asked == Some(wanted))
            && let Some(current) = history.current()
        {
            return Ok(Choice::InPlace(current));
        }
        let found = history.entries().find(|entry| entry.revision() == wanted);
        let unknown = || Refusal::UnknownRevision {
            wanted,
            known: history.in_words(),
        };
        return found
            .map(|entry| Choice::go(entry, ChosenBy::ToRevision))
            .ok_or_else(unknown);
    }
    let restored = history.restored().is_some();
    // A re-run must neither go on to an older revision nor back to the failed one, which the controller may
    // not even have created.
    if let (true, true, Some(current)) = (request.judged.is_none(), restored, history.current()) {
        return Ok(Choice::InPlace(current));
    }
    if history.former().next().is_none() {
        return Err(Refusal::OneRevision {
            known: history.in_words(),
        });
    }
    if request.judged.is_none() {
        known_good(history)?;
    }
    by_evidence(history, request).ok_or_else(|| {
        let known = history.in_words();
        if restored {
            Refusal::Restored { known }
        } else {
            Refusal::NoCandidate { known }
        }
    })
}

fn same_workload(history: &History, request: &Request) -> Result<(), Refusal> {
    let Some(approval) = &request.approval else {
        return Ok(());
    };
    if approval.workload != *history.workload() {
        let WorkloadRef { namespace, .. } = &approval.workload;
        let evidence = format!("{} in namespace {namespace}", approval.workload);
        return Err(Refusal::OtherWorkload { evidence });
    }
    if history.uid() != approval.uid {
        return Err(Refusal::Superseded);
    }
    Ok(())
}

/// Refuses to roll back a known good revision, unless a check found it bad or a revision is named.
fn known_good(history: &History) -> Result<(), Refusal> {
    match history.current() {
        Some(current) if current.mark().is_some() && history.complete() => {
            Err(Refusal::KnownGood {
                present: current.revision(),
                known: history.in_words(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Chooses a revision by evidence: one that a check marked as good, else the one that was serving
/// when the rollout began.
///
/// The second-highest number, which `kubectl rollout undo` takes, may be a failed release. A
/// revision that an earlier rollback replaced is not a candidate.
fn by_evidence<'a>(history: &'a History, request: &Request) -> Option<Choice<'a>> {
    let candidates = || history.former().filter(|it| !history.was_replaced(it));
    let served = request.served.as_deref();
    // Of two healthy revisions, the one that serves is the later choice of the team.
    let marked = candidates()
        .filter_map(|entry| {
            Some((
                history.serves(&entry, served),
                entry.mark()?.verified_at,
                entry,
            ))
        })
        .max_by_key(|(serves, at, _)| (*serves, *at))
        .map(|(_, _, entry)| (entry, ChosenBy::KnownGood));
    let complete = || {
        let complete = history.last_complete()?;
        let same = |entry: &Entry<'_>| entry.uid() == complete.uid();
        Some((candidates().find(same)?, ChosenBy::LastComplete))
    };
    let serving = || {
        candidates()
            .filter_map(|entry| Some((entry.serving()?, entry)))
            .max_by_key(|(serving, _)| *serving)
            .map(|(_, entry)| (entry, ChosenBy::StillServing))
    };
    let before = || {
        let same = |entry: &Entry<'_>| Some(entry.uid()) == served;
        Some((candidates().find(same)?, ChosenBy::ServedBefore))
    };
    marked
        .or_else(complete)
        .or_else(serving)
        .or_else(before)
        .map(|(entry, by)| Choice::go(entry, by))
}

/// The revision that goes.
struct Going<'a> {
    /// Its object; `None` while the controller has not created it.
    entry: Option<Entry<'a>>,
    /// When it would count as healed, if it stays as it is.
    healed_at: Option<Timestamp>,
}

/// Checks the preconditions on the present state, and returns the revision that goes.
fn preconditions<'a>(history: &'a History, request: &Request) -> Result<Going<'a>, Refusal> {
    if history.deleting() {
        return Err(Refusal::Deleting);
    }
    let judged = request.judged.as_deref();
    if judged.is_some_and(|it| !history.is_present(it)) {
        return Err(Refusal::Superseded);
    }
    if let Some(approval) = &request.approval {
        // The number of a revision rises when it is deployed again, which is another rollout.
        let same = history.present().revision == approval.bad.revision;
        if !history.is_present(&approval.bad.uid) || !same {
            return Err(Refusal::Superseded);
        }
    }
    let healed_at = match healed(history, request) {
        Some((at, healed)) if at <= request.now => return Err(healed),
        Some((at, _)) => Some(at),
        None => None,
    };
    if history.paused() {
        return Err(Refusal::Paused);
    }
    // The target's object exists, so that the controller needs no new one: that the present one is
    // refused does not hold up a rollback.
    Ok(Going {
        entry: history.current(),
        healed_at,
    })
}

/// Returns since when the bad revision counts as healed, or when it will if it stays as it is, and
/// the refusal that follows.
///
/// Either a check has found it healthy since, or its present state shows what the check missed. If
/// the counts were already complete then, they show no healing now. The present state does not show
/// HTTP answers either: then the revision is neither rolled back nor called healthy.
fn healed(history: &History, request: &Request) -> Option<(Timestamp, Refusal)> {
    let mark = history.current().and_then(|it| it.mark());
    let found = mark.map(|it| it.verified_at).zip(request.evidence_at);
    if let Some((found, evidence)) = found
        && found > evidence
    {
        return Some((evidence, Refusal::Healed));
    }
    let (complete_then, standard) = match (&request.approval, &request.judged) {
        (Some(approval), _) => (approval.complete, approval.standard),
        (None, Some(_)) => (request.judged_complete, request.standard),
        (None, None) => return None,
    };
    if complete_then {
        return None;
    }
    // At least the default: a pod between two crashes looks healthy, too.
    let wanted = Duration::from_secs(standard.stable_for_seconds);
    let stable_for = wanted.max(Policy::default().stable_for);
    let at = history.healthy_from(request.now, stable_for)?;
    let means = if standard.http {
        Refusal::Unproven
    } else {
        Refusal::Healed
    };
    Some((at, means))
}

fn plan(
    history: &History,
    going: &Going<'_>,
    target: &Target<'_>,
    request: &Request,
) -> RollbackPlan {
    let (from, to) = (going.entry.as_ref(), &target.entry);
    let mark = to.mark();
    let approved = request.approval.as_ref().map(|it| &it.images);
    let marked = mark.as_ref().map(|it| &it.images);
    let known = [marked, approved];
    let known = known.into_iter().flatten().find(|it| !it.is_empty());
    let images = known.cloned().unwrap_or_else(|| to.running_images());
    let mut plan = RollbackPlan {
        workload: history.workload().clone(),
        uid: history.uid().to_owned(),
        from: history.present(),
        to: to.id(),
        chosen_by: target.chosen_by,
        good_at: mark.map(|it| it.verified_at),
        target_created: to.created(),
        bad_since: from.and_then(Entry::created),
        changes: changes(
            &crate::workload::raw::plain(history.template()),
            &to.template(),
        ),
        findings: Vec::new(),
        images,
        stuck: stuck_now(history, to),
        withdraws_mark: from.is_some_and(|it| it.mark().is_some()),
        complete: request
            .judged
            .as_ref()
            .map_or_else(|| history.complete(), |_| request.judged_complete),
        proposed: request.judged.is_some(),
        standard: request.standard,
        healed_at: going.healed_at,
        in_full: to.available() >= history.desired(),
        run: request.run.clone(),
        template_change: TemplateChange::new(history, to, request),
    };
    let findings = preflight::workload::findings(history, &plan, request);
    plan.add_findings(findings);
    plan
}
