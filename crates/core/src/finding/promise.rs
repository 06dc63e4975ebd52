//! Reads from raw objects what may heal a cause: who writes a Secret, and whose pods are about to
//! leave.

use serde_json::Value;

use super::Promise;

/// A kind of custom resource whose objects write Secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretWriter {
    /// Its API group.
    pub group: &'static str,
    /// Its plural.
    pub plural: &'static str,
    kind: &'static str,
    /// Where an object names its Secrets; `*` stands for every item of a list.
    names: &'static [&'static str],
    /// Whether the Secret bears the object's own name where the object names none.
    own_name: bool,
}

impl SecretWriter {
    /// Every kind that is known.
    pub const ALL: &'static [Self] = &[
        // cert-manager `pkg/apis/certmanager/v1/types_certificate.go`.
        Self {
            group: "cert-manager.io",
            plural: "certificates",
            kind: "Certificate",
            names: &["/spec/secretName"],
            own_name: false,
        },
        // external-secrets `apis/externalsecrets/v1/externalsecret_types.go`.
        Self {
            group: "external-secrets.io",
            plural: "externalsecrets",
            kind: "ExternalSecret",
            names: &["/spec/target/name"],
            own_name: true,
        },
        // sealed-secrets `pkg/apis/sealedsecrets/v1alpha1/types.go`.
        Self {
            group: "bitnami.com",
            plural: "sealedsecrets",
            kind: "SealedSecret",
            names: &["/spec/template/metadata/name"],
            own_name: true,
        },
        // secrets-store-csi-driver `apis/v1/secretproviderclass_types.go`.
        Self {
            group: "secrets-store.csi.x-k8s.io",
            plural: "secretproviderclasses",
            kind: "SecretProviderClass",
            names: &["/spec/secretObjects/*/secretName"],
            own_name: false,
        },
    ];

    /// Returns the promise of an object that writes this Secret.
    #[must_use]
    pub fn promise(&self, object: &Value, secret: &str) -> Option<Promise> {
        let own = object.pointer("/metadata/name")?.as_str()?;
        let named: Vec<&Value> = self.names.iter().flat_map(|at| all(object, at)).collect();
        let writes = if named.is_empty() && self.own_name {
            own == secret
        } else {
            named.iter().any(|it| it.as_str() == Some(secret))
        };
        writes.then(|| Promise {
            by: format!("{} `{own}`", self.kind),
            read: true,
        })
    }

    /// Returns the promise of objects that cannot be read.
    #[must_use]
    pub fn unread(&self) -> Promise {
        Promise {
            by: format!("{} ({})", self.kind, self.group),
            read: false,
        }
    }
}

/// Returns the values at a pointer, in which `*` stands for every item of a list.
fn all<'a>(object: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let Some((list, rest)) = pointer.split_once("/*") else {
        return object.pointer(pointer).into_iter().collect();
    };
    let items = object.pointer(list).and_then(Value::as_array);
    let items = items.into_iter().flatten();
    items.filter_map(|it| it.pointer(rest)).collect()
}

/// A kind of workload whose surge pods count for the namespace's quota while it rolls out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sibling {
    /// Its plural in the group `apps`.
    pub plural: &'static str,
    kind: &'static str,
}

impl Sibling {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self {
            plural: "deployments",
            kind: "Deployment",
        },
        Self {
            plural: "statefulsets",
            kind: "StatefulSet",
        },
    ];

    /// Returns the promise of a workload that has more pods than it wants: some of them are about to
    /// leave.
    #[must_use]
    pub fn promise(&self, object: &Value) -> Option<Promise> {
        let number = |at| object.pointer(at).and_then(Value::as_i64);
        let wanted = number("/spec/replicas").unwrap_or(1);
        let is = number("/status/replicas").unwrap_or_default();
        let name = object.pointer("/metadata/name")?.as_str()?;
        (is > wanted).then(|| Promise {
            by: format!("{} `{name}`", self.kind),
            read: true,
        })
    }

    /// Returns the promise of workloads that cannot be read.
    #[must_use]
    pub fn unread(&self) -> Promise {
        Promise {
            by: format!("a {} of this namespace", self.kind),
            read: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_promises_the_secret_that_it_names() {
        let rows = [
            (
                "a Certificate names it",
                "certificates",
                json!({"secretName": "db"}),
                Some("Certificate `own`"),
            ),
            (
                "a Certificate names another",
                "certificates",
                json!({"secretName": "own"}),
                None,
            ),
            (
                "a Certificate never goes by its own name",
                "certificates",
                json!({}),
                None,
            ),
            (
                "an ExternalSecret names it",
                "externalsecrets",
                json!({"target": {"name": "db"}}),
                Some("ExternalSecret `own`"),
            ),
            (
                "an ExternalSecret names another",
                "externalsecrets",
                json!({"target": {"name": "x"}}),
                None,
            ),
            (
                "a SealedSecret's template names it",
                "sealedsecrets",
                json!({"template": {"metadata": {"name": "db"}}}),
                Some("SealedSecret `own`"),
            ),
            (
                "a SecretProviderClass syncs it besides another",
                "secretproviderclasses",
                json!({"secretObjects": [{"secretName": "x"}, {"secretName": "db"}]}),
                Some("SecretProviderClass `own`"),
            ),
            (
                "a SecretProviderClass that only mounts",
                "secretproviderclasses",
                json!({}),
                None,
            ),
            (
                "foreign words in the place of a name",
                "certificates",
                json!({"secretName": [1]}),
                None,
            ),
        ];
        for (says, plural, spec, expected) in rows {
            let writer = SecretWriter::ALL.iter().find(|it| it.plural == plural);
            let object = json!({"metadata": {"name": "own"}, "spec": spec});
            let promise = writer.unwrap().promise(&object, "db");
            assert_eq!(promise.map(|it| it.by).as_deref(), expected, "{says}");
        }
    }

    #[test]
    fn a_secret_of_the_object_s_own_name_is_promised_where_it_names_none() {
        for (plural, promised) in [
            ("externalsecrets", true),
            ("sealedsecrets", true),
            ("certificates", false),
        ] {
            let writer = SecretWriter::ALL.iter().find(|it| it.plural == plural);
            let object = json!({"metadata": {"name": "db"}, "spec": {}});
            let promise = writer.unwrap().promise(&object, "db");
            assert_eq!(promise.is_some(), promised, "{plural}");
        }
    }

    #[test]
    fn a_workload_with_more_pods_than_it_wants_is_about_to_let_one_go() {
        let rows = [
            ("a surge pod", json!(2), json!(3), true),
            ("scaled to zero", json!(0), json!(1), true),
            ("as many as wanted", json!(2), json!(2), false),
            ("none yet", json!(2), json!(null), false),
            ("one by default", json!(null), json!(1), false),
        ];
        for (says, wanted, is, expected) in rows {
            let object = json!({"metadata": {"name": "api"}, "spec": {"replicas": wanted}, "status": {"replicas": is}});
            for sibling in Sibling::ALL {
                assert_eq!(sibling.promise(&object).is_some(), expected, "{says}");
            }
        }
    }
}
