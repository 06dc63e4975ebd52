//! Reading kubeconfigs as kubectl does.

use std::path::PathBuf;

use k8s_openapi::ByteString;
use kube::config::{AuthInfo, Kubeconfig, KubeconfigError};
use rollguard_core::workload::ClusterName;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::bad_input;
use crate::Result;
use crate::error::ClusterError;

/// Reads and merges files in order; the first to set a value wins. Files that do not exist are left
/// out, as clientcmd does (`client-go/tools/clientcmd/loader.go`, `Load`).
#[expect(clippy::disallowed_methods, reason = "a person's kubeconfig is a file")]
pub(super) fn read(paths: &[PathBuf]) -> Result<Kubeconfig> {
    let existing: Vec<&PathBuf> = paths.iter().filter(|path| path.exists()).collect();
    if existing.is_empty() {
        let tried: Vec<String> = paths
            .iter()
            .map(|it| format!("`{}`", it.display()))
            .collect();
        let doing = match tried.as_slice() {
            [] => "find a kubeconfig".to_owned(),
            [one] => format!("find the kubeconfig {one}"),
            several => format!("find a kubeconfig: none of {} exists", several.join(", ")),
        };
        return Err(bad_input(doing).with_hint("name one with --kubeconfig or KUBECONFIG"));
    }
    existing
        .into_iter()
        .try_fold(Kubeconfig::default(), |merged, path| {
            merged.merge(Kubeconfig::read_from(path)?)
        })
        .map_err(unreadable)
}

/// Reads one from its text.
pub(super) fn parse(text: &str) -> Result<Kubeconfig> {
    Kubeconfig::from_yaml(text).map_err(unreadable)
}

/// Returns what must never be shown of a kubeconfig: tokens, passwords and private keys, these in both
/// of their forms. Nothing, where the text is no kubeconfig.
#[must_use]
pub fn secrets(text: &str) -> Vec<String> {
    let users = parse(text).map(|it| it.auth_infos).unwrap_or_default();
    let users = users.into_iter().filter_map(|it| it.auth_info);
    users.flat_map(secrets_of_user).collect()
}

fn secrets_of_user(user: AuthInfo) -> impl Iterator<Item = String> {
    let key = user.client_key_data;
    let pem = key.as_ref().and_then(|key| {
        let key = Value::String(key.expose_secret().to_owned());
        let ByteString(pem) = serde_json::from_value(key).ok()?;
        String::from_utf8(pem).ok()
    });
    [user.token, user.password, key]
        .into_iter()
        .flatten()
        .map(|it| it.expose_secret().to_owned())
        .chain(pem)
}

/// Drops what would run a program: the kubeconfig of an Entra cluster names kubelogin.
pub(super) fn without_programs(mut kubeconfig: Kubeconfig) -> Kubeconfig {
    for user in &mut kubeconfig.auth_infos {
        if let Some(user) = &mut user.auth_info {
            user.exec = None;
            user.auth_provider = None;
        }
    }
    kubeconfig
}

/// The `proxy-url` of a context's cluster. kube's loader would mix it with the environment's.
pub(super) fn own_proxy(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let contexts = &kubeconfig.contexts;
    let context = contexts
        .iter()
        .find(|it| Some(it.name.as_str()) == context)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = kubeconfig.clusters.iter().find(|it| it.name == *name)?;
    let own = cluster.cluster.as_ref()?.proxy_url.clone();
    own.filter(|it| !it.is_empty())
}

/// Returns the name of a context's cluster, for people.
pub(super) fn cluster_name(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<ClusterName> {
    let mut contexts = kubeconfig.contexts.iter();
    let context = contexts.find(|it| Some(it.name.as_str()) == context)?;
    let name = &context.context.as_ref()?.cluster;
    Some(ClusterName::new(name).with_context(Some(context.name.clone())))
}

/// Checks that a context exists, and names the ones that do if not.
pub(super) fn has_context(kubeconfig: &Kubeconfig, wanted: &str) -> Result<()> {
    let known: Vec<&str> = kubeconfig
        .contexts
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    if known.contains(&wanted) {
        return Ok(());
    }
    let error = bad_input(format!("find context `{wanted}` in the kubeconfig"));
    Err(if known.is_empty() {
        error.with_hint("the kubeconfig has no contexts")
    } else {
        error.with_hint(format!("known contexts: {}", known.join(", ")))
    })
}

pub(super) fn unreadable(source: KubeconfigError) -> ClusterError {
    let no_context = matches!(source, KubeconfigError::CurrentContextNotSet);
    let error = ClusterError::new("read the kubeconfig", source);
    if no_context {
        error.with_hint("name a context with --context")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ClusterErrorKind;

    const TWO: &str = "
apiVersion: v1
kind: Config
contexts:
- {name: a, context: {cluster: a, user: u}}
- {name: b, context: {cluster: a, user: u}}
clusters:
- {name: a, cluster: {server: 'https://127.0.0.1:1'}}
users:
- name: u
  user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: kubelogin}}
";

    #[test]
    fn a_missing_file_is_left_out_when_another_exists() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("config");
        #[expect(clippy::disallowed_methods, reason = "the file that is read")]
        std::fs::write(&there, TWO).unwrap();
        let read = read(&[folder.path().join("absent"), there]).unwrap();
        assert_eq!(read.contexts.len(), 2);
    }

    #[test]
    fn no_file_at_all_is_bad_input_with_the_paths_that_were_tried() {
        let error =
            read(&[PathBuf::from("/absent/one"), PathBuf::from("/absent/two")]).unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        assert_eq!(
            error.to_string(),
            "find a kubeconfig: none of `/absent/one`, `/absent/two` exists"
        );
        assert!(error.hint().is_some());
    }

    #[test]
    fn an_unknown_context_names_the_known_ones() {
        let error = has_context(&parse(TWO).unwrap(), "prod").unwrap_err();
        assert_eq!(error.to_string(), "find context `prod` in the kubeconfig");
        assert_eq!(error.hint().unwrap(), "known contexts: a, b");
    }

    #[test]
    fn a_cluster_is_named_as_its_context_names_it() {
        let kubeconfig = parse(TWO).unwrap();
        for (says, context, expected) in [
            (
                "a context of another name",
                Some("b"),
                Some("cluster a (context b)"),
            ),
            ("an unknown context", Some("c"), None),
            ("no context", None, None),
        ] {
            let name = cluster_name(&kubeconfig, context).map(|it| it.to_string());
            assert_eq!(name.as_deref(), expected, "{says}");
        }
    }

    #[test]
    fn a_mistake_is_located_without_quoting_the_secrets_around_it() {
        let text = TWO.replace(
            "command: kubelogin}",
            "command: kubelogin}, token: hush, tokenFile: 7",
        );
        let error = parse(&text.replace("users:", "users: 7\nmore:")).unwrap_err();
        let said = format!("{error:?} {}", error.cause().unwrap());
        assert!(!said.contains("hush"), "{said}");
        assert!(said.contains("not a kubeconfig: line "), "{said}");
    }

    #[test]
    fn what_is_no_yaml_is_bad_input() {
        let error = parse("{").unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        assert_eq!(error.to_string(), "read the kubeconfig");
    }

    #[test]
    fn the_secrets_of_all_users_are_known() {
        let text = TWO.replace(
            "users:",
            "users:\n- {name: a, user: {token: one, client-certificate-data: cHVibGlj}}\n\
             - {name: b, user: {username: known, password: two, client-key-data: dGhyZWU=}}",
        );
        assert_eq!(secrets(&text), ["one", "two", "dGhyZWU=", "three"]);
        assert!(secrets("token: [").is_empty());
        assert!(secrets(TWO).is_empty());
    }

    #[test]
    fn programs_are_dropped() {
        let user = without_programs(parse(TWO).unwrap()).auth_infos.remove(0);
        assert!(user.auth_info.unwrap().exec.is_none());
    }
}
