//! The revisions of a Helm release, by the labels of the Secrets that hold them.

use kube::Client;
use kube::core::Request;
use rollguard_core::rollback::preflight::{HelmRelease, HelmRevision, Lookup, helm_revision};

use crate::list::list_metadata;

/// Lists them; a Secret's value holds the chart and all its settings, and is never sent.
pub(super) async fn revisions(client: &Client, release: &HelmRelease) -> Lookup<Vec<HelmRevision>> {
    let HelmRelease { name, namespace } = release;
    let collection = Request::new(format!("/api/v1/namespaces/{namespace}/secrets"));
    match list_metadata(client, &collection, &format!("owner=helm,name={name}")).await {
        Ok(secrets) => Lookup::Seen(secrets.iter().filter_map(helm_revision).collect()),
        Err(cause) => Lookup::Unseen(super::unseen(&cause.into(), "list", "secrets")),
    }
}
