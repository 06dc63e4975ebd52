//! The objects of a manifest as JSON, with the place of every field: for judgements of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};

use crate::manifest::Objects;
use crate::secret::secrets;
use crate::yaml::{Documents, Mark, NodeRef, Value};

/// An object of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The object as JSON.
    pub object: Json,
    /// Its path from the root of its document; empty for the root itself.
    pub path: String,
    marks: BTreeMap<String, Mark>,
    /// The places in its document of values that may be secrets, in their order.
    secrets: Arc<[Mark]>,
}

impl Parsed {
    /// Returns where a field stands, by its JSON pointer, or the nearest thing above it that is there.
    #[must_use]
    pub fn mark(&self, pointer: &str) -> Mark {
        let mut at = pointer;
        loop {
            if let Some(mark) = self.marks.get(at) {
                return *mark;
            }
            match at.rsplit_once('/') {
                Some((above, _)) => at = above,
                None => return Mark::default(),
            }
        }
    }

    /// Returns where values stand that may be secrets, in the whole document.
    pub(crate) fn secrets(&self) -> &[Mark] {
        &self.secrets
    }

    /// Returns a JSON pointer as the path that findings show, such as `spec.containers[0].image`.
    #[must_use]
    pub fn field(&self, pointer: &str) -> String {
        let mut path = self.path.clone();
        for token in pointer.split('/').skip(1) {
            if !token.is_empty() && token.bytes().all(|it| it.is_ascii_digit()) {
                path = format!("{path}[{token}]");
                continue;
            }
            if !path.is_empty() {
                path.push('.');
            }
            path += &token.replace("~1", "/").replace("~0", "~");
        }
        path
    }
}

/// Returns the objects of a text, up to the first place that cannot be read: judging the text reports it.
#[must_use]
pub fn parsed(text: &str) -> Vec<Parsed> {
    let mut all = Vec::new();
    for document in Documents::of(text) {
        let Ok(document) = document else { break };
        let objects = Objects::of(document.root());
        let secrets: Arc<[Mark]> = secrets(&document).into();
        all.extend(objects.objects.iter().map(|object| {
            let node = object.scope.node();
            let mut marks = BTreeMap::new();
            marks.insert(String::new(), node.mark());
            Parsed {
                object: json(node, "", &mut marks),
                path: object.scope.path().to_owned(),
                marks,
                secrets: Arc::clone(&secrets),
            }
        }));
    }
    all
}

fn json(node: NodeRef<'_>, at: &str, marks: &mut BTreeMap<String, Mark>) -> Json {
    match node.value() {
        Value::Null => Json::Null,
        Value::Bool(it) => Json::Bool(it),
        Value::Int(it) => Json::Number(it.into()),
        Value::Float(text) => number(text),
        Value::Text(text) => Json::String(text.to_owned()),
        Value::Sequence => {
            let items = node.items().enumerate().map(|(index, item)| {
                let here = format!("{at}/{index}");
                let name = item.get("name").map(|it| it.value);
                marks.insert(here.clone(), name.unwrap_or(item).mark());
                json(item, &here, marks)
            });
            Json::Array(items.collect())
        }
        Value::Mapping => {
            let mut fields = Map::new();
            for field in node.fields() {
                let token = field.key.replace('~', "~0").replace('/', "~1");
                let here = format!("{at}/{token}");
                let mark = match field.value.written() {
                    Some(_) => field.value.mark(),
                    None => field.mark,
                };
                marks.insert(here.clone(), mark);
                fields.insert(field.key.to_owned(), json(field.value, &here, marks));
            }
            Json::Object(fields)
        }
    }
}

fn number(text: &str) -> Json {
    let number = text.parse().ok().and_then(Number::from_f64);
    number.map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_read_with_the_places_of_their_fields() {
        let text = "\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: { name: x, labels: { a/b: '1' } }
    spec:
      containers:
        - image: app:1
          name: app
          ports: [{ containerPort: 80 }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: c }
";
        let all = parsed(text);
        assert_eq!(all.len(), 2);
        let pod = &all[0];
        assert_eq!(pod.object["metadata"]["labels"], json!({"a/b": "1"}));
        assert_eq!(
            pod.object["spec"]["containers"][0]["ports"][0]["containerPort"],
            80
        );
        let rows = [
            ("a scalar", "/spec/containers/0/image", (9, 18)),
            ("an item by its name", "/spec/containers/0", (10, 17)),
            ("what is not there", "/spec/containers/0/env/3", (10, 17)),
            ("the whole object", "", (4, 5)),
        ];
        for (says, pointer, (line, column)) in rows {
            let mark = pod.mark(pointer);
            assert_eq!((mark.line, mark.column), (line, column), "{says}");
        }
        assert_eq!(
            pod.field("/spec/containers/0/image"),
            "items[0].spec.containers[0].image"
        );
        assert_eq!(all[1].field("/metadata/labels/a~1b"), "metadata.labels.a/b");
    }

    #[test]
    fn a_broken_text_gives_the_objects_before_the_break() {
        assert_eq!(parsed("kind: Pod\napiVersion: v1\n---\na: [").len(), 1);
        assert_eq!(parsed(""), []);
    }
}
