//! The users that may log in, and their kubeconfigs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::node::Which;

/// The token of a cluster administrator (group `system:masters`).
pub const ADMIN_TOKEN: &str = "admin-token-of-the-test-cluster";

/// The token of the user `limited`, who may do nothing until a test binds a role to it.
pub const LIMITED_TOKEN: &str = "limited-token-of-the-test-cluster";

/// The name behind [`LIMITED_TOKEN`], for role bindings.
pub const LIMITED_USER: &str = "limited";

pub(super) const CONTROLLER_MANAGER_TOKEN: &str = "controller-manager-token-of-the-test-cluster";
pub(super) const SCHEDULER_TOKEN: &str = "scheduler-token-of-the-test-cluster";

/// The API server's `--token-auth-file`: token, user, uid, groups. A token that is not in it, say an
/// expired one, is answered with 401.
pub(super) fn token_file(run_id: &str) -> String {
    let nodes = Which::ALL.map(|which| {
        let (token, name) = (which.token(), which.name(run_id));
        format!("{token},system:node:{name},{name},system:nodes\n")
    });
    format!(
        "{ADMIN_TOKEN},admin,admin,system:masters\n\
         {LIMITED_TOKEN},{LIMITED_USER},limited\n\
         {CONTROLLER_MANAGER_TOKEN},system:kube-controller-manager,controller-manager\n\
         {SCHEDULER_TOKEN},system:kube-scheduler,scheduler\n\
         {}",
        nodes.concat()
    )
}

/// A kubeconfig with one context, as JSON, which every reader of YAML takes.
pub(super) fn kubeconfig(server: &str, ca_pem: &str, token: &str) -> String {
    let name = "rollguard-test";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{ "name": name, "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(ca_pem),
        } }],
        "users": [{ "name": name, "user": { "token": token } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
    })
    .to_string()
}
