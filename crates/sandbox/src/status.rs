//! The API server's refusals, word for word as the real one phrases them.

use serde_json::{Value, json};

use crate::resource::Resource;

/// An answer instead of an object: a `Status` of kind `Failure`.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiFailure {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl ApiFailure {
    /// Any other failure, for tests that need one: HTTP code, reason and message.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    /// 401: the credentials are not, or no longer, accepted.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403 with a message of its own.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", message).detail(json!({}))
    }

    /// 409: the object changed in between.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "Conflict", message)
    }

    /// 410: a list or a watch asks for a resourceVersion that is no longer kept.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 429: try again later; also sent as the `Retry-After` header.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        Self::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        )
        .detail(json!({"retryAfterSeconds": retry_after_seconds}))
    }

    /// 500 with a message of its own.
    #[must_use]
    pub fn internal(message: &str) -> Self {
        Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        )
        .detail(json!({"causes": [{"message": message}]}))
    }

    /// The HTTP code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }

    fn detail(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(crate) fn not_found(resource: Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", message).detail(about(resource, name))
    }

    pub(crate) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message).detail(json!({}))
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).detail(json!({}))
    }

    pub(crate) fn already_exists(resource: Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).detail(about(resource, name))
    }

    pub(crate) fn modified(resource: Resource, name: &str, because: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {because}",
            resource.qualified()
        );
        Self::conflict(message).detail(about(resource, name))
    }

    /// A deletion whose preconditions do not hold; the real one names the kind here.
    pub(crate) fn precondition(resource: Resource, name: &str, because: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {because}",
            resource.qualified_kind()
        );
        let mut details = about(resource, name);
        details["kind"] = json!(resource.kind());
        Self::conflict(message).detail(details)
    }

    /// The refusal of an admission plug-in: `pods "x" is forbidden: <because>`.
    pub(crate) fn not_admitted(resource: Resource, name: &str, because: &str) -> Self {
        let message = format!(
            "{} \"{name}\" is forbidden: {because}",
            resource.qualified()
        );
        Self::forbidden(message).detail(about(resource, name))
    }

    /// The refusal of the authorizer, which may be about all objects of a resource
    /// (k8s.io/apimachinery `pkg/api/errors/errors.go`, `NewForbidden`).
    pub(crate) fn not_allowed(resource: Resource, name: &str, because: &str) -> Self {
        if !name.is_empty() {
            return Self::not_admitted(resource, name, because);
        }
        let message = format!("{} is forbidden: {because}", resource.qualified());
        Self::forbidden(message).detail(about(resource, name))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn invalid(resource: Resource, name: &str, cause: &Invalid) -> Self {
        let kind = resource.qualified_kind();
        let Invalid { field, message, .. } = cause;
        let mut details = about(resource, name);
        details["kind"] = json!(resource.kind());
        details["causes"] = json!([{"reason": cause.reason, "message": message, "field": field}]);
        Self::new(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {field}: {message}"),
        )
        .detail(details)
    }

    /// A JSON patch whose `test` failed or whose path does not exist. The server does not say which
    /// (k8s.io/apiserver `pkg/endpoints/handlers/patch.go`, `NewGenericServerResponse`).
    pub(crate) fn patch_not_applicable() -> Self {
        Self::new(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
        )
        .detail(json!({}))
    }
}

/// One field that validation refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Invalid {
    pub(crate) fn required(field: &'static str, message: &str) -> Self {
        let message = if message.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {message}")
        };
        Self {
            field,
            reason: "FieldValueRequired",
            message,
        }
    }

    pub(crate) fn forbidden(field: &'static str, message: &str) -> Self {
        Self {
            field,
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {message}"),
        }
    }

    pub(crate) fn value(field: &'static str, value: &Value, message: &str) -> Self {
        Self {
            field,
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {message}"),
        }
    }
}

fn about(resource: Resource, name: &str) -> Value {
    let mut details = json!({"kind": resource.plural()});
    if !name.is_empty() {
        details["name"] = json!(name);
    }
    if !resource.group().is_empty() {
        details["group"] = json!(resource.group());
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_object_is_reported_as_the_real_server_does() {
        assert_eq!(
            ApiFailure::not_found(Resource::Deployments, "web").body(),
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "deployments.apps \"web\" not found", "reason": "NotFound",
                "details": {"name": "web", "group": "apps", "kind": "deployments"}, "code": 404,
            })
        );
    }
}
