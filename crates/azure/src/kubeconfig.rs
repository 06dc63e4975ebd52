//! The sign-in that a kubeconfig of AKS asks for.

use serde_yaml::{Mapping, Value};

use crate::cluster_id::is_uuid;
use crate::error::{AzureError, AzureErrorKind, Task};
use crate::{Result, Secret};

/// The way into one cluster. It has no `Debug`: the kubeconfig may hold a client key.
pub struct ClusterAccess {
    /// The kubeconfig as YAML, without `exec` and `auth-provider`: its reader runs no
    /// program.
    pub kubeconfig: Secret,
    /// How its user proves who it is.
    pub authentication: Authentication,
}

/// How the user of a kubeconfig proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By the certificate or token in the kubeconfig.
    Embedded,
    /// By a token of Microsoft Entra, which the caller adds to every request.
    Entra {
        /// The cluster's server application, for which the token is issued; that of AKS is
        /// `6dae42f8-4368-4678-94ff-3960e28e3630`.
        server_id: String,
    },
}

impl ClusterAccess {
    /// Reads the kubeconfig of a cluster, as AKS hands it out.
    ///
    /// # Errors
    /// When it is no kubeconfig, or its user signs in in a way that is not known. The message
    /// quotes nothing of it.
    pub fn read(kubeconfig: &Secret, cluster: &str) -> Result<Self> {
        let unusable = |detail: String| {
            let task = Task::ReadKubeconfig {
                cluster: cluster.to_owned(),
            };
            AzureError::new(task, AzureErrorKind::Kubeconfig { detail })
        };
        // The parser's own words might quote the text.
        let mut document: Value = serde_yaml::from_str(kubeconfig.expose())
            .map_err(|_| unusable("the kubeconfig is not YAML".to_owned()))?;
        // Else `<<: {exec: …}` would be overlooked here and obeyed by the next reader.
        document
            .apply_merge()
            .map_err(|_| unusable("the kubeconfig has a merge key without a mapping".to_owned()))?;
        let authentication = authentication(&document).map_err(unusable)?;
        strip_programs(&mut document);
        let kubeconfig = serde_yaml::to_string(&document)
            .map_err(|_| unusable("the kubeconfig cannot be written again".to_owned()))?;
        Ok(Self {
            kubeconfig: Secret::new(kubeconfig),
            authentication,
        })
    }
}

fn authentication(document: &Value) -> std::result::Result<Authentication, String> {
    let context =
        text(&document["current-context"]).ok_or("the kubeconfig has no current context")?;
    let user = text(&named(document, "contexts", context)["context"]["user"])
        .ok_or("the current context of the kubeconfig has no user")?;
    let user = &named(document, "users", user)["user"];
    let (exec, provider) = (&user["exec"], &user["auth-provider"]);
    let server_id = if !exec.is_null() {
        let command = text(&exec["command"]).unwrap_or_default();
        if !is_kubelogin(command) {
            return Err("the kubeconfig signs in with a program other than kubelogin".to_owned());
        }
        option(&exec["args"], "--server-id")
    } else if !provider.is_null() {
        if text(&provider["name"]) != Some("azure") {
            return Err("the kubeconfig signs in with a provider other than `azure`".to_owned());
        }
        text(&provider["config"]["apiserver-id"])
    } else if holds_credentials(user) {
        return Ok(Authentication::Embedded);
    } else {
        return Err("the user of the kubeconfig has no credentials".to_owned());
    };
    // It becomes the audience of a token: anything but an id would ask for a token for something
    // else.
    let server_id = server_id
        .filter(|id| is_uuid(id))
        .ok_or("the kubeconfig does not name the cluster's server application")?;
    Ok(Authentication::Entra {
        server_id: server_id.to_owned(),
    })
}

fn named<'a>(document: &'a Value, list: &str, name: &str) -> &'a Value {
    const NONE: &Value = &Value::Null;
    let items = document[list]
        .as_sequence()
        .map(Vec::as_slice)
        .unwrap_or_default();
    items
        .iter()
        .find(|item| text(&item["name"]) == Some(name))
        .unwrap_or(NONE)
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn is_kubelogin(command: &str) -> bool {
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default();
    name == "kubelogin" || name == "kubelogin.exe"
}

/// The value of `--name value` or `--name=value`.
fn option<'a>(args: &'a Value, name: &str) -> Option<&'a str> {
    let mut args = args.as_sequence()?.iter().filter_map(text);
    while let Some(arg) = args.next() {
        if arg == name {
            return args.next();
        }
        if let Some(value) = arg
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='))
        {
            return Some(value);
        }
    }
    None
}

fn holds_credentials(user: &Value) -> bool {
    let certificate = text(&user["client-certificate-data"]).is_some()
        && text(&user["client-key-data"]).is_some();
    certificate || text(&user["token"]).is_some()
}

/// kube would run the program named by `exec`.
fn strip_programs(document: &mut Value) {
    let users = document.get_mut("users").and_then(Value::as_sequence_mut);
    for entry in users.into_iter().flatten() {
        // YAML tags are ignored, as the next reader of the kubeconfig does.
        if let Some(user) = entry.get_mut("user").and_then(Value::as_mapping_mut) {
            user.remove("exec");
            user.remove("auth-provider");
        } else if let Some(entry) = entry.as_mapping_mut() {
            entry.insert("user".into(), Value::Mapping(Mapping::new()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_ID: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

    fn read(user: &str) -> Result<ClusterAccess> {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: web\n\
             clusters: [{{name: web, cluster: {{server: 'https://web.example:443'}}}}]\n\
             contexts: [{{name: web, context: {{cluster: web, user: clusterUser_rg_web}}}}]\n\
             users:\n\
             - name: someone-else\n  user: {{exec: {{command: /bin/evil}}}}\n\
             - name: clusterUser_rg_web\n  user: {user}\n"
        );
        ClusterAccess::read(&Secret::new(text), "web")
    }

    #[test]
    fn the_way_in_is_read_from_the_user_of_the_current_context() {
        let entra = || Authentication::Entra {
            server_id: SERVER_ID.to_owned(),
        };
        let rows = [
            (
                "kubelogin, two arguments",
                format!(
                    "{{exec: {{command: kubelogin, args: [get-token, --environment, \
                     AzurePublicCloud, --server-id, {SERVER_ID}, --client-id, x]}}}}"
                ),
                entra(),
            ),
            (
                "kubelogin, one argument",
                format!("{{exec: {{command: kubelogin, args: [--server-id={SERVER_ID}]}}}}"),
                entra(),
            ),
            (
                "kubelogin by its path",
                format!(
                    "{{exec: {{command: 'C:\\bin\\kubelogin.exe', args: [--server-id, \
                     {SERVER_ID}]}}}}"
                ),
                entra(),
            ),
            (
                "the auth provider of old",
                format!(
                    "{{auth-provider: {{name: azure, config: {{apiserver-id: {SERVER_ID}}}}}}}"
                ),
                entra(),
            ),
            (
                "client certificate",
                "{client-certificate-data: YQ==, client-key-data: Yg==}".to_owned(),
                Authentication::Embedded,
            ),
            ("token", "{token: abc}".to_owned(), Authentication::Embedded),
        ];
        for (row, user, expected) in rows {
            let access = read(&user).expect(row);
            assert_eq!(access.authentication, expected, "{row}");
        }
    }

    #[test]
    fn no_program_is_left_in_what_is_handed_on() {
        let user = format!("{{exec: {{command: kubelogin, args: [--server-id, {SERVER_ID}]}}}}");
        let access = read(&user).unwrap();
        let text = access.kubeconfig.expose();
        assert!(!text.contains("exec") && !text.contains("evil"), "{text}");
        assert!(text.contains("https://web.example:443"), "{text}");
    }

    #[test]
    fn a_user_that_signs_in_another_way_is_an_error_with_a_reason() {
        let rows = [
            (
                "another program",
                "{exec: {command: /bin/sh, args: [-c, id]}}",
                "other than kubelogin",
            ),
            (
                "another provider",
                "{auth-provider: {name: gcp}}",
                "other than `azure`",
            ),
            (
                "no server id",
                "{exec: {command: kubelogin, args: [get-token]}}",
                "server application",
            ),
            (
                "a server id that asks for something else",
                "{exec: {command: kubelogin, args: [--server-id, 'https://vault.azure.net']}}",
                "server application",
            ),
            (
                "certificate without key",
                "{client-certificate-data: YQ==}",
                "no credentials",
            ),
            ("nothing", "{}", "no credentials"),
        ];
        for (row, user, reason) in rows {
            let Err(error) = read(user) else {
                panic!("{row}: accepted")
            };
            assert!(
                error.kind().to_string().contains(reason),
                "{row}: {}",
                error.kind()
            );
        }
    }

    /// Found by fuzzing: readers of YAML see through tags and merge keys, so the stripping must too.
    #[test]
    fn no_program_is_left_behind_a_tag_or_a_merge_key() {
        let head = "current-context: web\ncontexts: [{name: web, context: {user: u}}]\nusers:\n";
        for users in [
            "- {name: u, user: !t {token: abc, exec: {command: kubelogin, args: [--server-id, ID]}}}",
            "- !t {name: u, user: !t {exec: {command: kubelogin, args: [--server-id, ID]}}}",
            "- {name: u, user: {token: abc}}\n- !t {name: x, user: !t {exec: {command: /bin/evil}}}",
            "- {name: u, user: {token: abc, <<: {exec: {command: kubelogin, args: [--server-id, ID]}}}}",
        ] {
            let text = format!("{head}{}", users.replace("ID", SERVER_ID));
            let access = ClusterAccess::read(&Secret::new(text), "web").ok().unwrap();
            assert!(!access.kubeconfig.expose().contains("exec"), "{users}");
        }
    }

    #[test]
    fn text_that_is_no_kubeconfig_is_an_error_that_does_not_quote_it() {
        for text in [
            "",
            "[]",
            "hunter2: [",
            "current-context: hunter2",
            "a: &a [*a]",
        ] {
            let Err(error) = ClusterAccess::read(&Secret::new(text), "web") else {
                panic!("accepted: {text}")
            };
            assert!(!format!("{error:?}{error}").contains("hunter2"), "{text}");
        }
    }
}
