//! Preconditions of a write to an object.

use serde_json::Value;

use crate::object::{text, uid};
use crate::status::ApiFailure;
use crate::store::Key;

/// Preconditions of a deletion.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Preconditions {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
}

/// Checks whether a write is about the object that is there, where it says which one that is.
pub(super) fn check_identity(key: &Key, old: &Value, object: &Value) -> Result<(), ApiFailure> {
    let stated = text(object, "/metadata/resourceVersion");
    if !stated.is_empty() && stated != text(old, "/metadata/resourceVersion") {
        return Err(ApiFailure::modified(
            key.resource,
            &key.name,
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    let stated = text(object, "/metadata/uid");
    if !stated.is_empty() && stated != uid(old) {
        let because = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{}/{}, ResourceVersion: 0, \
             AdditionalErrorMsg: Precondition failed: UID in precondition: {stated}, \
             UID in object meta: {}",
            key.resource.plural(),
            key.namespace,
            key.name,
            uid(old)
        );
        return Err(ApiFailure::modified(key.resource, &key.name, &because));
    }
    Ok(())
}

/// Checks whether a deletion may take place.
pub(super) fn check_preconditions(
    key: &Key,
    object: &Value,
    preconditions: &Preconditions,
) -> Result<(), ApiFailure> {
    let live = text(object, "/metadata/resourceVersion");
    let because = match preconditions {
        Preconditions { uid: Some(it), .. } if it != uid(object) => format!(
            "the UID in the precondition ({it}) does not match the UID in record ({}). \
             The object might have been deleted and then recreated",
            uid(object)
        ),
        Preconditions {
            resource_version: Some(it),
            ..
        } if it != live => format!(
            "the ResourceVersion in the precondition ({it}) does not match the ResourceVersion \
             in record ({live}). The object might have been modified"
        ),
        Preconditions { .. } => return Ok(()),
    };
    Err(ApiFailure::precondition(key.resource, &key.name, &because))
}
