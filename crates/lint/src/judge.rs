//! Judges a text: its documents, their objects, the pod templates in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Date;
use rollguard_core::prediction::ContainerDefaults;

use crate::code::LintCode;
use crate::exemption::Exemptions;
use crate::field::{Location, Scope};
use crate::finding::{Finding, Findings, ObjectName};
use crate::level::{KubernetesVersion, Level};
use crate::manifest::{Found, Object, Objects, Template, TemplatePaths, template};
use crate::pod::Pod;
use crate::secret::secrets;
use crate::service::{Labels, Service, Worker};
use crate::severity::Severity;
use crate::yaml::{Document, Documents, Field, Mark, ReadError};
use crate::{admission, aks, alias, api_version, image, practice, probe, types};

pub use crate::finding::MAX_FINDINGS;

/// The rules that hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Which sets of rules.
    pub levels: BTreeSet<Level>,
    /// The version of Kubernetes that the manifests are for.
    pub version: KubernetesVersion,
    /// Codes with another severity than their own; `None` switches a code off.
    pub severities: BTreeMap<LintCode, Option<Severity>>,
    /// How long the applications take until they answer, where no annotation says otherwise.
    pub startup_time: Option<Duration>,
    /// Where the pod templates of custom kinds are.
    pub template_paths: TemplatePaths,
    /// The day on which exemptions hold or not.
    pub today: Date,
    /// What containers have by default where the cluster was asked.
    pub defaults: ClusterDefaults,
}

/// The requests and limits that a cluster gives to containers that set none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterDefaults {
    /// The namespace of manifests that name none.
    pub namespace: String,
    /// The defaults of each namespace.
    pub of: BTreeMap<String, ContainerDefaults>,
}

impl ClusterDefaults {
    fn of_object(&self, name: &ObjectName) -> Option<&ContainerDefaults> {
        let namespace = name.namespace.as_ref().unwrap_or(&self.namespace);
        self.of.get(namespace)
    }
}

impl Rules {
    /// Returns the default rules on a day.
    #[must_use]
    pub fn new(today: Date) -> Self {
        Self {
            levels: BTreeSet::from([Level::Practices]),
            version: KubernetesVersion::default(),
            severities: BTreeMap::new(),
            startup_time: None,
            template_paths: TemplatePaths::new(),
            today,
            defaults: ClusterDefaults::default(),
        }
    }

    fn has(&self, level: Level) -> bool {
        self.levels.contains(&level)
    }
}

/// The result of judging a text.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The findings, in the order of their places.
    pub findings: Vec<Finding>,
    /// How many pod templates were judged.
    pub judged: usize,
    /// Kinds without a pod template, and how many objects of each there are.
    pub skipped: BTreeMap<String, usize>,
    /// How many documents are no Kubernetes objects.
    pub foreign: usize,
    /// Why the text could not be read to its end.
    pub problem: Option<ReadError>,
    /// The places of values that may be secrets, in their order.
    pub(crate) secrets: Vec<Mark>,
    pub(crate) services: Vec<Service>,
    pub(crate) workers: Vec<Worker>,
}

/// Judges a text by the rules.
#[must_use]
pub fn judge(text: &str, rules: &Rules) -> Judgement {
    let mut judgement = Judgement::default();
    for document in Documents::of(text) {
        match document {
            Ok(document) => {
                judgement.document(&document, rules);
                judgement.secrets.extend(secrets(&document));
            }
            Err(problem) => judgement.problem = Some(problem),
        }
        if judgement.findings.len() > MAX_FINDINGS {
            let last = judgement.findings.last().map(|it| it.mark);
            let last = last.unwrap_or_default();
            judgement.problem = Some(ReadError {
                line: last.line,
                column: last.column,
                what: format!("there are more than {MAX_FINDINGS} findings up to here"),
            });
            judgement.findings.truncate(MAX_FINDINGS);
            break;
        }
    }
    judgement
}

impl Judgement {
    fn document(&mut self, document: &Document<'_>, rules: &Rules) {
        let objects = Objects::of(document.root());
        self.foreign += objects.foreign;
        if let Some(first) = objects.objects.first()
            && rules.has(Level::Practices)
        {
            self.duplicates(document, &first.name, rules);
        }
        let before = self.findings.len();
        for object in &objects.objects {
            self.object(object, rules);
            if self.findings.len() > MAX_FINDINGS {
                return;
            }
        }
        let of_document = self.findings.get_mut(before..).unwrap_or_default();
        alias::keep_local(document, of_document);
    }

    fn duplicates(&mut self, document: &Document<'_>, object: &ObjectName, rules: &Rules) {
        let mut findings = Findings::of_level(Level::Practices);
        for duplicate in document.duplicates() {
            let key = &duplicate.key;
            let message = format!("the key {key} stands twice: only the last one has an effect");
            let (mark, path) = (duplicate.mark, key.clone());
            findings.add_at(LintCode::DuplicateKey, Location { mark, path }, message);
        }
        self.take(findings, object, rules);
    }

    fn object(&mut self, object: &Object<'_>, rules: &Rules) {
        let mut findings = Findings::default();
        if rules.has(Level::Practices) {
            let mut of_level = Findings::of_level(Level::Practices);
            api_version::judge(object, rules.version, &mut of_level);
            types::judge_object(object, &mut of_level);
            findings.extend(of_level);
        }
        if rules.has(Level::AksSafeguards) {
            let mut of_level = Findings::of_level(Level::AksSafeguards);
            aks::judge_object(object, &mut of_level);
            findings.extend(of_level);
        }
        let metadata = object.scope.below("metadata");
        let mut exemptions = Exemptions::default();
        exemptions.read(metadata.as_ref(), &mut findings);
        match template(object, &rules.template_paths) {
            Found::Template(template) => {
                self.judged += 1;
                // A pod's own metadata is its template's.
                let own = template.metadata.clone();
                if !object.scope.at("spec.containers").is_set() {
                    exemptions.read(own.as_ref(), &mut findings);
                }
                let pod = pod(object, template, rules, &mut findings);
                let mut found = finished(findings, &object.name, rules);
                exemptions.apply(&mut found, rules.today);
                // The safeguards of AKS demand the probe in any case.
                if !rules.has(Level::AksSafeguards) {
                    self.defer_readiness(&pod, &object.name, &mut found);
                }
                self.findings.extend(found);
                return;
            }
            Found::Missing(what) => {
                findings.add(LintCode::WrongType, &object.scope.itself(), what);
            }
            Found::NoTemplate => {
                let kind = object.name.kind.clone();
                *self.skipped.entry(kind).or_default() += 1;
                if let Some(mut service) = service(object) {
                    service.shared_selector = shared_selector(object, rules, &exemptions);
                    self.services.push(service);
                }
            }
        }
        let mut found = finished(findings, &object.name, rules);
        exemptions.apply(&mut found, rules.today);
        self.findings.extend(found);
    }

    fn take(&mut self, findings: Findings, object: &ObjectName, rules: &Rules) {
        self.findings.extend(finished(findings, object, rules));
    }

    /// Sets deferred that a worker lacks a readiness probe: no one sends it requests, unless a Service does.
    fn defer_readiness(&mut self, pod: &Pod<'_>, object: &ObjectName, found: &mut Vec<Finding>) {
        let mut containers = pod.containers.iter();
        if containers.any(|it| it.at("ports").is_set()) {
            return;
        }
        let (deferred, rest) = std::mem::take(found)
            .into_iter()
            .partition(|it| it.code == LintCode::MissingReadinessProbe);
        *found = rest;
        let labels = pod.metadata.as_ref().and_then(|it| it.below("labels"));
        self.workers.push(Worker {
            namespace: object.namespace.clone(),
            labels: labels.as_ref().map(labels_of).unwrap_or_default(),
            findings: deferred,
        });
    }
}

/// Judges a pod template by every level.
fn pod<'d>(
    object: &Object<'d>,
    template: Template<'d>,
    rules: &Rules,
    findings: &mut Findings,
) -> Pod<'d> {
    let pod = Pod::new(template, rules.version);
    for level in &rules.levels {
        let mut of_level = Findings::of_level(*level);
        match level {
            Level::Practices => {
                let defaults = rules.defaults.of_object(&object.name);
                practice::judge(&pod, rules.version, defaults, &mut of_level);
                image::judge(&pod, &mut of_level);
                types::judge(object, &pod, &mut of_level);
                let metadata = object.scope.below("metadata");
                let startup_time = startup_time(&pod, metadata.as_ref(), rules, &mut of_level);
                probe::judge(&pod, startup_time, &mut of_level);
            }
            Level::Baseline | Level::Restricted => {
                admission::judge(&pod, *level, rules.version, &mut of_level);
                // The API server refuses the pod.
                of_level = of_level.with_severity(Severity::Error);
            }
            Level::AksSafeguards => {
                admission::judge(&pod, Level::Baseline, rules.version, &mut of_level);
                practice::judge_probes(&pod, &mut of_level);
                image::judge(&pod, &mut of_level);
                // The safeguards refuse the pod.
                of_level = of_level.with_severity(Severity::Error);
                aks::judge_pod(object, &pod, &mut of_level);
            }
        }
        findings.extend(of_level);
    }
    pod
}

fn startup_time(
    pod: &Pod<'_>,
    metadata: Option<&Scope<'_>>,
    rules: &Rules,
    findings: &mut Findings,
) -> Option<Duration> {
    for metadata in [pod.metadata.as_ref(), metadata].into_iter().flatten() {
        let annotations = metadata.below("annotations");
        match probe::startup_time(annotations.as_ref()) {
            Ok(Some(known)) => return Some(known),
            Ok(None) => {}
            Err(error) => {
                let message = format!("the annotation {}: {error}", probe::STARTUP_TIME);
                let field = metadata.at("annotations");
                findings.add(LintCode::WrongType, &field, message);
            }
        }
    }
    rules.startup_time
}

/// Returns the findings of an object in the order of their places, with the severities of the rules.
///
/// Two levels may find the same: that is one finding, which names both, with the heavier severity.
fn finished(findings: Findings, object: &ObjectName, rules: &Rules) -> Vec<Finding> {
    let mut found = findings.into_vec();
    found.sort_by(|a, b| {
        let place = |it: &Finding| (it.mark, it.code);
        let order = place(a).cmp(&place(b)).then_with(|| a.path.cmp(&b.path));
        order.then_with(|| b.severity.cmp(&a.severity))
    });
    found.dedup_by(|again, kept| {
        let same = again.code == kept.code && again.path == kept.path;
        if same {
            kept.levels.append(&mut again.levels);
            kept.levels.sort();
            kept.levels.dedup();
            kept.edit = kept.edit.take().or_else(|| again.edit.take());
        }
        same
    });
    found.retain_mut(|finding| {
        finding.object = object.clone();
        match rules.severities.get(&finding.code) {
            Some(Some(severity)) => {
                finding.severity = *severity;
                true
            }
            Some(None) => false,
            None => true,
        }
    });
    found
}

fn labels_of(scope: &Scope<'_>) -> Labels {
    let fields = scope.node().fields();
    let label = |it: Field<'_>| {
        let value = it.value.written().unwrap_or_default();
        (it.key.to_owned(), value.to_owned())
    };
    fields.map(label).collect()
}

fn service(object: &Object<'_>) -> Option<Service> {
    if object.name.kind != "Service" || object.api_version != "v1" {
        return None;
    }
    let selector = object.scope.below("spec.selector")?;
    Some(Service {
        name: object.name.clone(),
        selector: labels_of(&selector),
        shared_selector: None,
    })
}

/// Returns the finding about a Service that selects the same pods as another one.
fn shared_selector(object: &Object<'_>, rules: &Rules, exemptions: &Exemptions) -> Option<Finding> {
    if !rules.has(Level::AksSafeguards) {
        return None;
    }
    let mut findings = Findings::of_level(Level::AksSafeguards);
    let field = object.scope.at("spec.selector");
    let message = "another Service has the same selector";
    findings.add(LintCode::AksSameSelector, &field, message);
    let mut found = finished(findings, &object.name, rules);
    exemptions.apply(&mut found, rules.today);
    found.pop()
}
