//! Carries the questions of a prediction to the cluster: `rollguard_core::prediction` decides.

use rollguard_cluster::{Connection, prediction};
use rollguard_core::prediction::{Answers, Forecast, Manifests, Step, step};

use crate::cancel::Cancel;
use crate::failure::Failure;

/// Predicts what a rollout of the manifests meets. Nothing is written to the cluster.
///
/// # Errors
/// When a stop is requested.
pub async fn forecast(
    connection: &Connection,
    manifests: &Manifests,
    cancel: &Cancel,
) -> Result<Forecast, Failure> {
    let mut answers = Answers::default();
    loop {
        match step(manifests, &answers) {
            Step::Done(forecast) => return Ok(forecast),
            Step::Ask(questions) => {
                let asking = prediction::ask(&connection.client, questions);
                answers.extend(cancel.unless(asking).await?);
            }
        }
    }
}
