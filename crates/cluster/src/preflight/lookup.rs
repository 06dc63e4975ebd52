//! Reads the objects that a target's pods need: whether they exist, which keys they have and when
//! they changed. Values are never parsed.

use http::header::{ACCEPT, HeaderValue};
use jiff::Timestamp;
use kube::Client;
use kube::api::GetParams;
use kube::core::Request;
use rollguard_core::rollback::preflight::{Lookup, ObjectState};
use rollguard_core::rollback::{Reference, ReferenceKind};
use serde::Deserialize;

use super::keys::Keys;
use crate::patience::patiently;
use crate::request::{Failure, READ_LIMIT, exchange};

/// Only the metadata is sent then (`k8s.io/apimachinery` `meta/v1`, `PartialObjectMetadata`).
const METADATA: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

pub(crate) async fn reference(
    client: &Client,
    namespace: &str,
    reference: &Reference,
) -> Lookup<ObjectState> {
    // No object can have such a name, and it must not become another path.
    if !is_name(&reference.name) {
        return Lookup::Missing;
    }
    let (path, plural) = collection(reference.kind, namespace);
    let collection = Request::new(path);
    // Each failure keeps its own cause, which says whether it may pass.
    let read = || async {
        let read = get(client, &collection, reference).await;
        read.map_err(|failure| failure.cause)
    };
    match patiently(read).await.map_err(Failure::from) {
        Ok(object) => Lookup::Seen(object.kept(!reference.keys.is_empty())),
        Err(failure) if failure.is_not_found() => Lookup::Missing,
        Err(failure) => Lookup::Unseen(super::unseen(&failure, "get", plural)),
    }
}

/// The name of an object: `apimachinery/pkg/util/validation`, `IsDNS1123Subdomain`.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-' || it == b'.')
        && name
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

fn collection(kind: ReferenceKind, namespace: &str) -> (String, &'static str) {
    let core = |plural| (format!("/api/v1/namespaces/{namespace}/{plural}"), plural);
    match kind {
        ReferenceKind::ConfigMap => core("configmaps"),
        ReferenceKind::Secret => core("secrets"),
        ReferenceKind::ServiceAccount => core("serviceaccounts"),
        ReferenceKind::PersistentVolumeClaim => core("persistentvolumeclaims"),
        ReferenceKind::PriorityClass => {
            let plural = "priorityclasses";
            (format!("/apis/scheduling.k8s.io/v1/{plural}"), plural)
        }
    }
}

async fn get(
    client: &Client,
    collection: &Request,
    reference: &Reference,
) -> Result<Object, Failure> {
    let mut request = collection.get(&reference.name, &GetParams::default())?;
    if reference.keys.is_empty() {
        request.headers_mut().insert(ACCEPT, METADATA);
    }
    let body = exchange(client, request, READ_LIMIT).await?;
    // serde's own words would quote what is in the object.
    serde_json::from_slice(&body).map_err(|_| super::malformed(reference.kind.as_str()).into())
}

/// The part of an object that is read.
#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    data: Keys,
    #[serde(default, rename = "binaryData")]
    binary_data: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: Option<String>,
    #[serde(default)]
    managed_fields: Option<Vec<Managed>>,
}

#[derive(Deserialize)]
struct Managed {
    time: Option<String>,
    subresource: Option<String>,
}

impl Object {
    fn kept(self, with_keys: bool) -> ObjectState {
        let all = self.data.0.into_iter().chain(self.binary_data.0);
        ObjectState {
            keys: with_keys.then(|| all.collect()),
            changed: self.metadata.changed(),
        }
    }
}

impl Metadata {
    /// Returns when the object was last written; a write of its status does not count.
    fn changed(&self) -> Option<Timestamp> {
        let entries = self.managed_fields.iter().flatten();
        let entries = entries.filter(|it| it.subresource.as_deref() != Some("status"));
        let written = entries.filter_map(|it| it.time.as_deref()?.parse().ok());
        let created = || self.creation_timestamp.as_deref()?.parse().ok();
        written.max().or_else(created)
    }
}
