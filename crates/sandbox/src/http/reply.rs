//! A reply, before it is bytes.

use bytes::Bytes;
use http::header;
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::{Value, json};

use crate::status::ApiFailure;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// An answer, before it is bytes.
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) content: Content,
}

/// The body of a reply.
pub(crate) enum Content {
    Json(Value),
    Text(String),
}

impl Reply {
    pub(crate) fn ok(value: Value) -> Self {
        Self {
            code: 200,
            content: Content::Json(value),
        }
    }

    /// Only the metadata, when the request asks for `as=PartialObjectMetadata`.
    pub(super) fn narrowed_for(self, head: &http::request::Parts) -> Self {
        let accept = head.headers.get(header::ACCEPT);
        let partial = accept
            .and_then(|it| it.to_str().ok())
            .is_some_and(|it| it.contains("as=PartialObjectMetadata"));
        match self.content {
            Content::Json(value) if partial => Self::ok(metadata_only(value)),
            content @ (Content::Json(_) | Content::Text(_)) => Self { content, ..self },
        }
    }
}

pub(super) fn refusal(failure: &ApiFailure) -> Reply {
    Reply {
        code: failure.code(),
        content: Content::Json(failure.body()),
    }
}

/// An object or a list of them without what is not metadata.
fn metadata_only(mut value: Value) -> Value {
    let metadata = value["metadata"].take();
    let api = "meta.k8s.io/v1";
    let Some(items) = value["items"].as_array_mut() else {
        return json!({"kind": "PartialObjectMetadata", "apiVersion": api, "metadata": metadata});
    };
    let items: Vec<Value> = items
        .iter_mut()
        .map(|it| json!({"metadata": it["metadata"].take()}))
        .collect();
    json!({"kind": "PartialObjectMetadataList", "apiVersion": api, "metadata": metadata, "items": items})
}
