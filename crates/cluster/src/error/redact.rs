//! Renders kube's errors without the secrets that they may quote.

use kube::client::AuthError;
use kube::config::KubeconfigError;

/// Renders the place of a mistake only: the YAML reader quotes the lines around it, which in a
/// kubeconfig are likely to hold a token or a key.
pub(super) fn of_kubeconfig(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(source) = error else {
        return error.to_string();
    };
    source.location().map_or_else(
        || "not a kubeconfig".to_owned(),
        |at| {
            format!(
                "not a kubeconfig: line {}, column {}",
                at.line(),
                at.column()
            )
        },
    )
}

/// Renders the stderr of a credential program only: its stdout is a credential.
pub(super) fn of_sign_in(error: &AuthError) -> String {
    if let AuthError::AuthExecRun { cmd, out } = error {
        let said = String::from_utf8_lossy(&out.stderr);
        return format!("`{cmd}` ended with {}: {}", out.status, said.trim());
    }
    if let AuthError::AuthExecParse(_) = error {
        return "the credential program's answer is not an ExecCredential".to_owned();
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_credential_programs_output_is_not_told() {
        let out = std::process::Output {
            status: std::os::unix::process::ExitStatusExt::from_raw(256),
            stdout: b"hush".to_vec(),
            stderr: b"no such tenant\n".to_vec(),
        };
        let error = AuthError::AuthExecRun {
            cmd: "kubelogin get-token".to_owned(),
            out: Box::new(out),
        };
        assert_eq!(
            of_sign_in(&error),
            "`kubelogin get-token` ended with exit status: 1: no such tenant"
        );
    }
}
