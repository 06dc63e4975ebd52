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
    /// Whether the Secret has the object's own name where the object names none.
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

    /// Returns the API kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

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
        writes.then(|| Promise::read(format!("{} `{own}`", self.kind)))
    }

    /// Returns the promise of objects that cannot be read.
    #[must_use]
    pub fn unread(&self) -> Promise {
        Promise::unread(format!("{} ({})", self.kind, self.group))
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
        Self {
            plural: "daemonsets",
            kind: "DaemonSet",
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
        let leaves = match self.plural {
            "daemonsets" => surges(object),
            _ => is > wanted,
        };
        leaves.then(|| Promise::read(format!("{} `{name}`", self.kind)))
    }

    /// Returns the promise of workloads that cannot be read.
    #[must_use]
    pub fn unread(&self) -> Promise {
        Promise::unread(format!("a {} of this namespace", self.kind))
    }
}

/// Returns whether a DaemonSet replaces its pods with surge pods: then an old pod leaves once the new one
/// beside it is available (`daemon/update.go`, `rollingUpdate`). Its status counts nodes, not pods.
fn surges(object: &Value) -> bool {
    let number = |at| object.pointer(at).and_then(Value::as_i64);
    let surge = object.pointer("/spec/updateStrategy/rollingUpdate/maxSurge");
    let some = surge.is_some_and(|it| match it.as_str() {
        Some(text) => !matches!(text, "0" | "0%"),
        None => it.as_i64() > Some(0),
    });
    let observed = number("/status/observedGeneration") == number("/metadata/generation");
    let desired = number("/status/desiredNumberScheduled").unwrap_or_default();
    let updated = number("/status/updatedNumberScheduled").unwrap_or_default();
    some && observed && updated < desired
}

/// Returns the promise of a Job that runs: it may create what is missing. One that a `CronJob` created
/// does its work again and again, whatever is deployed.
#[must_use]
pub fn of_job(object: &Value) -> Option<Promise> {
    let name = object.pointer("/metadata/name")?.as_str()?;
    let owners = object.pointer("/metadata/ownerReferences");
    let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
    let periodic = owners.any(|it| it.get("kind").and_then(Value::as_str) == Some("CronJob"));
    let active = object.pointer("/status/active").and_then(Value::as_i64);
    let since = object
        .pointer("/status/startTime")?
        .as_str()?
        .parse()
        .ok()?;
    (!periodic && active.unwrap_or_default() > 0).then(|| Promise {
        since: Some(since),
        ..Promise::read(format!("Job `{name}`"))
    })
}

/// Returns how far a quota allows more ControllerRevisions, in words; `None` if it does not count them.
#[must_use]
pub fn of_revision_quota(object: &Value) -> Option<Promise> {
    const COUNTED: &str = "count/controllerrevisions.apps";
    let name = object.pointer("/metadata/name")?.as_str()?;
    let amount = |of: &str| {
        object
            .pointer(of)?
            .get(COUNTED)?
            .as_str()
            .map(str::to_owned)
    };
    let hard = amount("/spec/hard").or_else(|| amount("/status/hard"))?;
    let used = amount("/status/used").unwrap_or_else(|| "unknown".to_owned());
    Some(Promise::read(format!(
        "quota `{name}` allows {hard} {COUNTED}, {used} are used"
    )))
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
            for sibling in &Sibling::ALL[..2] {
                assert_eq!(sibling.promise(&object).is_some(), expected, "{says}");
            }
        }
    }

    #[test]
    fn a_daemon_set_with_surge_pods_lets_old_ones_go() {
        let rows = [
            ("a surge pod beside an old one", json!("25%"), 1, 3, 7, true),
            ("by number", json!(1), 1, 3, 7, true),
            ("without surge", json!(0), 1, 3, 7, false),
            ("no surge is the default", json!(null), 1, 3, 7, false),
            ("every node has its new pod", json!(1), 3, 3, 7, false),
            ("the status is of the former spec", json!(1), 1, 3, 6, false),
        ];
        let sibling = Sibling::ALL.iter().find(|it| it.plural == "daemonsets");
        for (says, surge, updated, desired, observed, expected) in rows {
            let object = json!({
                "metadata": {"name": "agent", "generation": 7},
                "spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": surge}}},
                "status": {"observedGeneration": observed, "desiredNumberScheduled": desired,
                    "updatedNumberScheduled": updated},
            });
            let found = sibling.unwrap().promise(&object).map(|it| it.by);
            let expected = expected.then(|| "DaemonSet `agent`".to_owned());
            assert_eq!(found, expected, "{says}");
        }
    }

    #[test]
    fn a_job_that_runs_may_create_what_is_missing() {
        let running = json!({"active": 1, "startTime": "2026-11-29T10:00:00Z"});
        let rows = [
            ("it runs", json!(null), running.clone(), true),
            (
                "a CronJob created it",
                json!([{"kind": "CronJob"}]),
                running.clone(),
                false,
            ),
            (
                "a Helm release created it",
                json!([{"kind": "HelmRelease"}]),
                running,
                true,
            ),
            (
                "it is over",
                json!(null),
                json!({"succeeded": 1, "startTime": "2026-11-29T10:00:00Z"}),
                false,
            ),
            ("it is suspended", json!(null), json!({}), false),
            (
                "foreign words",
                json!("x"),
                json!({"active": "1", "startTime": []}),
                false,
            ),
        ];
        for (says, owners, status, expected) in rows {
            let object =
                json!({"metadata": {"name": "certs", "ownerReferences": owners}, "status": status});
            let found = of_job(&object);
            assert_eq!(found.is_some(), expected, "{says}");
            let since = found.map(|it| it.since.unwrap().to_string());
            let expected = expected.then(|| "2026-11-29T10:00:00Z".to_owned());
            assert_eq!(since, expected, "{says}");
        }
    }

    #[test]
    fn a_quota_that_counts_controller_revisions_says_how_many_are_left() {
        let quota = |hard, used| json!({"metadata": {"name": "objects"}, "spec": {"hard": hard}, "status": {"used": used}});
        let counted = "count/controllerrevisions.apps";
        for (says, object, expected) in [
            (
                "full",
                quota(json!({counted: "12"}), json!({counted: "12"})),
                Some("quota `objects` allows 12 count/controllerrevisions.apps, 12 are used"),
            ),
            (
                "of which the status is not written yet",
                quota(json!({counted: "12"}), json!({})),
                Some("quota `objects` allows 12 count/controllerrevisions.apps, unknown are used"),
            ),
            (
                "of pods",
                quota(json!({"pods": "5"}), json!({"pods": "5"})),
                None,
            ),
        ] {
            let found = of_revision_quota(&object).map(|it| it.by);
            assert_eq!(found.as_deref(), expected, "{says}");
        }
    }
}
