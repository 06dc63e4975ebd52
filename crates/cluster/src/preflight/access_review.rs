//! Asks for the permissions of a rollback.

use kube::Client;
use rollguard_core::rollback::preflight::{AccessReview, Lookup};

use crate::access_review::{Attributes, Decision, PLURAL, review};

pub(super) async fn right(client: &Client, namespace: &str, right: &AccessReview) -> Lookup<bool> {
    let attributes = Attributes {
        namespace: Some(namespace),
        verb: right.verb,
        group: right.group,
        resource: right.resource,
        subresource: None,
        name: right.name.as_deref(),
    };
    match review(client, attributes).await {
        Ok(Decision::Allowed) => Lookup::Seen(true),
        Ok(Decision::Refused) => Lookup::Seen(false),
        Ok(Decision::Undecided(error)) => Lookup::Unseen(error),
        Err(failure) => Lookup::Unseen(super::unseen(&failure, "create", PLURAL)),
    }
}
