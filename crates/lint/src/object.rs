//! The objects of a text as JSON, with their places: for what compares a manifest with a cluster.

use serde_json::{Map, Number, Value as Json};

use crate::finding::ObjectName;
use crate::manifest::Objects;
use crate::yaml::{Documents, Mark, NodeRef, ReadError, Value};

/// The deepest nesting of an object, aliases expanded: as deep as JSON is read elsewhere.
const MAX_DEPTH: usize = 120;

/// An object of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestObject {
    /// Its API version.
    pub api_version: String,
    /// Its kind, namespace and name.
    pub name: ObjectName,
    /// Where it begins.
    pub mark: Mark,
    /// Its path from the root of its document; empty for a document of its own.
    pub path: String,
    /// The whole object as kubectl would send it, aliases and merge keys expanded.
    pub value: Json,
}

/// Reads the objects of a text, those of lists one by one; what is no Kubernetes object is left out.
///
/// # Errors
/// When the text cannot be read to its end, or an object is nested too deeply.
pub fn objects(text: &str) -> Result<Vec<ManifestObject>, ReadError> {
    let mut all = Vec::new();
    for document in Documents::of(text) {
        let document = document?;
        for object in Objects::of(document.root()).objects {
            let node = object.scope.node();
            let mark = node.mark();
            let value = json(node, 0).ok_or_else(|| ReadError {
                line: mark.line,
                column: mark.column,
                what: format!("the object has more than {MAX_DEPTH} levels, aliases expanded"),
            })?;
            all.push(ManifestObject {
                api_version: object.api_version.to_owned(),
                path: object.scope.path().to_owned(),
                name: object.name,
                mark,
                value,
            });
        }
    }
    Ok(all)
}

/// Returns a node as JSON; `None` if it is nested too deeply.
fn json(node: NodeRef<'_>, depth: usize) -> Option<Json> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match node.value() {
        Value::Null => Json::Null,
        Value::Bool(it) => it.into(),
        Value::Int(it) => it.into(),
        Value::Float(it) => {
            let number = it.parse().ok().and_then(Number::from_f64);
            number.map_or_else(|| it.into(), Json::Number)
        }
        Value::Text(it) => it.into(),
        Value::Sequence => {
            let items = node.items().map(|it| json(it, depth + 1));
            Json::Array(items.collect::<Option<_>>()?)
        }
        Value::Mapping => {
            let fields = node
                .fields()
                .map(|it| Some((it.key.to_owned(), json(it.value, depth + 1)?)));
            Json::Object(fields.collect::<Option<Map<_, _>>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_come_with_their_places_and_as_kubectl_sends_them() {
        let text = "a: 1\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: &m {name: x, namespace: shop}\n  data: {<<: *m, on: yes, half: 0.5, no: \"1\"}\n";
        let [object] = objects(text).unwrap().try_into().unwrap();
        assert_eq!(object.name.to_string(), "ConfigMap shop/x");
        assert_eq!((object.path.as_str(), object.mark.line), ("items[0]", 6));
        assert_eq!(
            object.value["data"],
            json!({"name": "x", "namespace": "shop", "on": true, "half": 0.5, "no": "1"})
        );
        assert!(objects("a: [").is_err());
    }

    #[test]
    fn an_object_that_aliases_nest_too_deeply_is_refused() {
        let nested = |levels: usize| {
            let mut text = "a0: &a0 1\n".to_owned();
            for at in 1..levels {
                text += &["a", &at.to_string(), ": &a", &at.to_string(), " [*a"].concat();
                text += &[&(at - 1).to_string(), "]\n"].concat();
            }
            text + "apiVersion: v1\nkind: ConfigMap\n"
        };
        assert!(objects(&nested(100)).is_ok());
        let refused = objects(&nested(500)).unwrap_err().to_string();
        assert!(refused.contains("more than 120 levels"), "{refused}");
    }
}
