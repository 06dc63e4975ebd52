//! Predicts what a rollout of manifests that are not applied yet will meet in a cluster.
//!
//! [`step`] judges by the answers that are there and returns the questions that it lacks; the shell carries them to
//! the cluster and comes back, until nothing is left to ask. A judgement whose answer is not seen is left out, and the
//! forecast says so: it never decides.

use std::collections::BTreeMap;

use serde_json::Value;

mod admission;
mod autoscaler;
mod certainty;
mod claims;
mod config;
mod creation;
mod defaults;
mod former;
mod immutable;
mod ingress;
mod manifest;
mod nodes;
mod order;
mod planned;
mod pod;
mod policies;
mod question;
mod quota;
mod services;
mod startup;
mod stored;
mod strategy;
mod template;
#[cfg(test)]
mod tests;
mod timeout;
mod view;

pub use certainty::{Certainty, FailOnPrediction, PredictedCode, Prediction};
pub use defaults::ContainerDefaults;
pub use manifest::{Manifest, Manifests};
pub use question::{Answer, Answers, Change, Collection, Place, Question, Trial};
pub use timeout::Needs;

use planned::{Planned, Stage};
use view::View;

/// The predictions for all manifests of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forecast {
    /// What is going to happen, the most certain first.
    pub predictions: Vec<Prediction>,
    /// How many workloads were judged.
    pub judged: usize,
    /// What could not be seen, each as a sentence; the predictions are narrower without it.
    pub unseen: Vec<String>,
    /// The warnings of the API server about the manifests, by their index.
    pub warnings: Vec<(usize, String)>,
    /// The time that each rollout needs, where it is known.
    pub needs: Vec<Needs>,
    /// What containers that set no request or limit have by default, by namespace.
    pub defaults: BTreeMap<String, ContainerDefaults>,
}

impl Forecast {
    /// Returns whether a prediction is certain enough to fail the call.
    #[must_use]
    pub fn fails(&self, fail_on: FailOnPrediction) -> bool {
        let mut all = self.predictions.iter();
        all.any(|it| fail_on.fails(it.certainty))
    }
}

/// The next step of a prediction.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// These questions are to be put to the cluster.
    Ask(Vec<Question>),
    /// Everything is known.
    Done(Forecast),
}

/// Judges the manifests by the answers so far.
#[must_use]
pub fn step(manifests: &Manifests, answers: &Answers) -> Step {
    let view = View::new(manifests, answers);
    let mut forecast = Forecast::default();
    let mut planned = Vec::new();
    for (index, manifest) in manifests.workloads() {
        forecast.judged += 1;
        match planned::plan(&view, index, manifest) {
            Stage::Waits => {}
            Stage::Refused(found) => forecast.predictions.extend(found),
            Stage::Rolls(mut plan) => {
                plan.selected = nodes::selected(&view, &plan);
                plan.most = creation::most(&view, &plan);
                planned.push(plan);
            }
        }
    }
    for plan in &planned {
        forecast.predictions.extend(of_workload(&view, plan));
        forecast
            .needs
            .extend(plan.most.and_then(|_| timeout::needs(plan)));
    }
    forecast.predictions.extend(ingress::judge(&view));
    forecast.defaults = defaults::judge(&view);
    forecast.predictions.extend(quota::judge(&view, &planned));
    let wanted = view.wanted();
    if !wanted.is_empty() {
        return Step::Ask(wanted);
    }
    forecast.unseen = view.unseen();
    forecast.warnings = view.warnings();
    forecast.predictions = sorted(order::lowered(forecast.predictions));
    Step::Done(forecast)
}

fn of_workload(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let mut found = strategy::judge(plan);
    // Where no pod is created, nothing of it fails.
    if let Some(most) = plan.most {
        let of_pods = of_pods(view, plan).into_iter();
        found.extend(of_pods.map(|it| it.at_most(most)));
        found.extend(timeout::judge(plan, view.manifests.timeout));
    }
    found
}

fn of_pods(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let mut found = template::judge(view, plan);
    found.extend(config::judge(view, plan));
    found.extend(claims::judge(view, plan));
    found.extend(admission::judge(view, plan));
    found.extend(nodes::judge(view, plan));
    found.extend(services::judge(view, plan));
    found.extend(startup::judge(plan));
    found.extend(former::judge(view, plan));
    found
}

/// Sorts the most certain first; what two judgements find alike is kept once.
fn sorted(mut all: Vec<Prediction>) -> Vec<Prediction> {
    all.sort_by(|a, b| {
        let order = b.certainty.cmp(&a.certainty);
        order.then_with(|| a.manifest.cmp(&b.manifest))
    });
    let mut kept: Vec<Prediction> = Vec::new();
    for it in all {
        let same = |other: &Prediction| {
            other.code == it.code && other.manifest == it.manifest && other.subject == it.subject
        };
        if !kept.iter().any(same) {
            kept.push(it);
        }
    }
    kept
}

/// Returns the items of a list.
fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}
