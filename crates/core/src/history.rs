//! A workload with its revisions and pods at one time, as a rollback reads them.
//!
//! Decisions are made on a [`Snapshot`], by the very rules of a check. Only the raw JSON is written
//! back and compared: typed structs drop the fields that this build does not
//! know, and a rollback restores a template to the last field.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde::Deserialize;
use serde_json::Value;

use crate::annotation::{LastKnownGood, ROLLBACK_RECORD, RollbackRecord};
use crate::observation::{Observation, ResourceKind, Seen};
use crate::snapshot::{RevisionView, Rollout, Serving, Snapshot, images_of, is_active};
use crate::workload::raw::{annotation, fingerprint, plain, text};
use crate::workload::{Images, Revision, RevisionId, Workload, WorkloadKind, WorkloadRef};

/// A workload with its revisions and pods at one time.
///
/// An object that this build cannot read as its type is as if it were not there.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    workload: WorkloadRef,
    object: Value,
    /// The revision objects by their uid.
    revision_objects: BTreeMap<String, Value>,
    snapshot: Snapshot,
    /// The uid of the revision of the present template.
    current: Option<String>,
}

impl History {
    /// Reads a workload, its revision objects (ReplicaSets of a Deployment, ControllerRevisions of the
    /// others) and its pods. Only the revision objects that the workload controls count.
    #[must_use]
    pub fn new(
        workload: WorkloadRef,
        object: Value,
        revision_objects: Vec<Value>,
        pods: Vec<Pod>,
    ) -> Self {
        let mut snapshot = Snapshot::default();
        for resource in ResourceKind::needed_for(workload.kind) {
            take(
                &mut snapshot,
                Seen::Listed {
                    resource: *resource,
                    uids: Vec::new(),
                },
            );
        }
        if let Ok(object) = Workload::read(&workload, &object) {
            take(&mut snapshot, Seen::Workload { object });
        }
        for object in &revision_objects {
            if let Some(seen) = revision_seen(workload.kind, object) {
                take(&mut snapshot, seen);
            }
        }
        for pod in pods {
            let object = Box::new(pod);
            take(&mut snapshot, Seen::Pod { object });
        }
        let by_uid = |it: Value| (text(&it, "/metadata/uid").to_owned(), it);
        let mut history = Self {
            workload,
            object,
            revision_objects: revision_objects.into_iter().map(by_uid).collect(),
            snapshot,
            current: None,
        };
        history.current = history.find_current();
        history
    }

    /// With the nodes of the cluster: a DaemonSet's completeness depends on them.
    #[must_use]
    pub fn with_nodes(mut self, nodes: Vec<Node>) -> Self {
        for node in nodes {
            let object = Box::new(node);
            take(&mut self.snapshot, Seen::Node { object });
        }
        self
    }

    fn find_current(&self) -> Option<String> {
        let template = plain(self.template());
        let current = self.rollout()?.of_template(|revision| {
            let object = self.revision_objects.get(revision.uid());
            object.is_some_and(|it| plain(held(self.workload.kind, it)) == template)
        });
        current.map(|it| it.uid().to_owned())
    }

    /// Which workload this is.
    #[must_use]
    pub const fn workload(&self) -> &WorkloadRef {
        &self.workload
    }

    /// The workload as the API server sent it.
    #[must_use]
    pub const fn object(&self) -> &Value {
        &self.object
    }

    /// The workload as the types of this build have it, for what is decided and not written.
    #[must_use]
    pub fn typed(&self) -> Option<&Workload> {
        self.snapshot.workload(&self.workload)
    }

    /// The same as a check sees it.
    #[must_use]
    pub fn rollout(&self) -> Option<Rollout<'_>> {
        self.snapshot.rollout(&self.workload)
    }

    /// All that was read, as a check sees it.
    pub(crate) const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The workload's uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        text(&self.object, "/metadata/uid")
    }

    /// The workload's present pod template.
    #[must_use]
    pub fn template(&self) -> &Value {
        self.object
            .pointer("/spec/template")
            .unwrap_or(&Value::Null)
    }

    /// An annotation of the workload.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        annotation(&self.object, name)
    }

    /// Returns whether it is a paused Deployment.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.typed().is_some_and(Workload::is_paused)
    }

    /// Returns whether the workload is being deleted.
    #[must_use]
    pub fn deleting(&self) -> bool {
        let metadata = self.typed().map(Workload::metadata);
        metadata.is_some_and(|it| it.deletion_timestamp.is_some())
    }

    /// How many pods are wanted.
    #[must_use]
    pub fn desired(&self) -> u64 {
        let desired = self.typed().map_or(0, |it| it.counts().desired);
        u64::try_from(desired).unwrap_or_default()
    }

    /// Returns whether its controller has read the newest spec.
    #[must_use]
    pub fn observed(&self) -> bool {
        self.typed().is_some_and(Workload::is_observed)
    }

    /// All revisions, the newest first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let rollout = self.rollout();
        let revisions = rollout.into_iter().flat_map(|it| it.revisions());
        let mut entries: Vec<Entry<'_>> = revisions.filter_map(|it| self.entry(it)).collect();
        entries.sort_by_key(|it| (Reverse(it.revision()), it.name()));
        entries.into_iter()
    }

    fn entry<'a>(&'a self, view: RevisionView<'a>) -> Option<Entry<'a>> {
        Some(Entry {
            kind: self.workload.kind,
            view,
            object: self.revision_objects.get(view.uid())?,
        })
    }

    /// The revision whose object has this uid.
    #[must_use]
    pub fn with_uid(&self, uid: &str) -> Option<Entry<'_>> {
        let mut revisions = self.rollout()?.revisions();
        self.entry(revisions.find(|it| it.uid() == uid)?)
    }

    /// The revision of the present template; `None` while the controller has not created it.
    #[must_use]
    pub fn current(&self) -> Option<Entry<'_>> {
        self.with_uid(self.current.as_deref()?)
    }

    /// Returns what names the revision of the present template, whether or not its object exists.
    ///
    /// The API server may refuse the object permanently: a quota on ReplicaSets, an admission policy. It
    /// gets the number that the controller would give it, and no name.
    #[must_use]
    pub fn present(&self) -> RevisionId {
        self.current().map_or_else(
            || RevisionId {
                revision: Revision(self.newest_number().0.saturating_add(1)),
                name: String::new(),
                uid: fingerprint(self.template()),
            },
            |it| it.id(),
        )
    }

    /// Returns whether the present template is the one that this uid or fingerprint names. A fingerprint
    /// names it as well once its object exists.
    #[must_use]
    pub fn is_present(&self, uid: &str) -> bool {
        let typed = || self.typed().and_then(Workload::template_fingerprint);
        self.current().is_some_and(|it| it.uid() == uid)
            || fingerprint(self.template()) == uid
            || typed().as_deref() == Some(uid)
    }

    /// The highest number of a revision.
    #[must_use]
    pub fn newest_number(&self) -> Revision {
        let newest = self.entries().next();
        newest.map_or(Revision(0), |it| it.revision())
    }

    /// The revision that a StatefulSet had rolled out to the end before the present one
    /// ([`Rollout::last_complete`]).
    #[must_use]
    pub fn last_complete(&self) -> Option<Entry<'_>> {
        self.entry(self.rollout()?.last_complete()?)
    }

    /// Returns whether a revision serves, was rolled out to the end before the present one, or served
    /// when the check began, whose uid is then `served`.
    #[must_use]
    pub fn serves(&self, entry: &Entry<'_>, served: Option<&str>) -> bool {
        let complete = self.last_complete();
        entry.serving().is_some()
            || Some(entry.uid()) == served
            || complete.is_some_and(|it| it.uid() == entry.uid())
    }

    /// The revisions other than the present one, the newest first.
    pub fn former(&self) -> impl Iterator<Item = Entry<'_>> {
        let current = self.current.as_deref();
        self.entries().filter(move |it| current != Some(it.uid()))
    }

    /// Returns what an earlier rollback wrote, whether or not it still holds.
    #[must_use]
    pub fn rollback_record(&self) -> Option<RollbackRecord> {
        RollbackRecord::parse(self.annotation(ROLLBACK_RECORD)?)
    }

    /// Returns what an earlier rollback wrote, if what it restored is still in place and nothing was
    /// deployed between: the annotation outlives later deployments, and a later number tells of one.
    #[must_use]
    pub fn restored(&self) -> Option<RollbackRecord> {
        let restored = self.rollback_record()?;
        let current = self.current.as_deref()?;
        let between = self
            .former()
            .any(|it| it.revision() > restored.from_revision);
        (current == restored.uid && !between).then_some(restored)
    }

    /// Returns whether the last rollback left a revision behind that was neither deployed again nor found
    /// healthy since.
    #[must_use]
    pub fn was_replaced(&self, entry: &Entry<'_>) -> bool {
        let Some(restored) = self.rollback_record() else {
            return false;
        };
        let good_since = entry.mark().is_some_and(|it| it.verified_at > restored.at);
        restored.from == entry.uid() && restored.from_revision == entry.revision() && !good_since
    }

    /// The pods that were read, of whatever revision.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.snapshot.pods()
    }

    /// The history in one line, the newest first.
    #[must_use]
    pub fn in_words(&self) -> String {
        let entries: Vec<String> = self
            .entries()
            .map(|entry| format!("{} ({})", entry.revision(), entry.images().join(", ")))
            .collect();
        if entries.is_empty() {
            "none".to_owned()
        } else {
            entries.join(", ")
        }
    }
}

/// The times that a snapshot keeps by our own clock are not known here, and nothing reads them:
/// [`Snapshot::seen_at`] sets them.
fn take(snapshot: &mut Snapshot, seen: Seen) {
    snapshot.apply(Observation::new(Timestamp::UNIX_EPOCH, seen));
}

fn revision_seen(kind: WorkloadKind, object: &Value) -> Option<Seen> {
    match kind {
        WorkloadKind::Deployment => {
            let object = Box::deserialize(object).ok()?;
            Some(Seen::ReplicaSet { object })
        }
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let object = Box::deserialize(object).ok()?;
            Some(Seen::ControllerRevision { object })
        }
        WorkloadKind::Job => None,
    }
}

/// The pod template in a revision object.
fn held(kind: WorkloadKind, object: &Value) -> &Value {
    let pointer = match kind {
        WorkloadKind::Deployment => "/spec/template",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            "/data/spec/template"
        }
    };
    object.pointer(pointer).unwrap_or(&Value::Null)
}

/// One revision of a workload.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    kind: WorkloadKind,
    view: RevisionView<'a>,
    object: &'a Value,
}

impl<'a> Entry<'a> {
    /// The revision object as the API server sent it.
    #[must_use]
    pub const fn object(&self) -> &'a Value {
        self.object
    }

    /// Its number; 0 when it has none.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.view.number().unwrap_or(Revision(0))
    }

    /// The uid of the revision object.
    #[must_use]
    pub fn uid(&self) -> &'a str {
        self.view.uid()
    }

    /// The name of the revision object.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.view.name()
    }

    /// Returns its permanent identity.
    #[must_use]
    pub fn id(&self) -> RevisionId {
        RevisionId {
            revision: self.revision(),
            name: self.name().to_owned(),
            uid: self.uid().to_owned(),
        }
    }

    fn held(&self) -> &'a Value {
        held(self.kind, self.object)
    }

    /// Its pod template to the last field, without what marks it as a revision's.
    #[must_use]
    pub fn template(&self) -> Value {
        plain(self.held())
    }

    /// An annotation of its pod template.
    #[must_use]
    pub fn template_annotation(&self, name: &str) -> Option<&'a str> {
        annotation(self.held(), name)
    }

    /// How many of its pods are available ([`RevisionView::available`]).
    #[must_use]
    pub fn available(&self) -> u64 {
        self.view.available()
    }

    /// How it serves ([`RevisionView::serving`]).
    #[must_use]
    pub fn serving(&self) -> Option<Serving> {
        self.view.serving()
    }

    /// Its pods, in whatever state ([`RevisionView::pods`]).
    pub fn pods(&self) -> impl Iterator<Item = &'a Pod> + use<'a> {
        self.view.pods()
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.view.created()
    }

    /// That a check found it healthy, if one wrote it down.
    #[must_use]
    pub fn mark(&self) -> Option<LastKnownGood> {
        let written = self.view.annotation(&LastKnownGood::annotation(self.uid()));
        LastKnownGood::parse(written?, self.uid())
    }

    /// The images that its template names.
    #[must_use]
    pub fn images(&self) -> Vec<&'a str> {
        let containers = self.held().pointer("/spec/containers");
        let containers = containers.and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .map(|it| text(it, "/image"))
            .collect()
    }

    /// The digests of the images that its pods run, by container.
    #[must_use]
    pub fn running_images(&self) -> Images {
        images_of(self.pods().filter(|pod| is_active(pod)))
    }
}
