//! The environment variables that the agent hands to a task.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// A variable that is read, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name; `<ID>` and `<KEY>` stand for a service connection's id and a key.
    pub name: &'static str,
    /// What it is needed for.
    pub why: &'static str,
}

macro_rules! variables {
    ($($(#[$doc:meta])* $ident:ident = $name:literal, $why:literal;)*) => {
        $(
            $(#[$doc])*
            #[doc = $why]
            pub const $ident: Variable = Variable { name: $name, why: $why };
        )*

        /// Every variable that is read: nothing outside this table is.
        pub const VARIABLES: &[Variable] = &[$($ident),*];
    };
}

variables! {
    INPUT = "INPUT_<KEY>", "the inputs of the task";
    ENDPOINT_URL = "ENDPOINT_URL_<ID>", "address of Azure Resource Manager, or of a service account's API server";
    ENDPOINT_AUTH_SCHEME = "ENDPOINT_AUTH_SCHEME_<ID>", "how the service connection signs in";
    ENDPOINT_AUTH_PARAMETER = "ENDPOINT_AUTH_PARAMETER_<ID>_<KEY>",
        "tenant, client id, secret or certificate; kubeconfig, or token and certificate of a service account; the job's access token";
    ENDPOINT_DATA = "ENDPOINT_DATA_<ID>_<KEY>",
        "cloud and default subscription of the service connection, client id of a managed identity, form of a Kubernetes connection";
    OIDC_REQUEST_URI = "SYSTEM_OIDCREQUESTURI",
        "the address from which the job gets its OIDC token (workload identity federation)";
    COLLECTION_URI = "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
        "link to the run; OIDC address where `SYSTEM_OIDCREQUESTURI` is absent";
    PROJECT = "SYSTEM_TEAMPROJECT", "link to the run";
    PROJECT_ID = "SYSTEM_TEAMPROJECTID", "OIDC address where `SYSTEM_OIDCREQUESTURI` is absent";
    HOST_TYPE = "SYSTEM_HOSTTYPE", "OIDC address where `SYSTEM_OIDCREQUESTURI` is absent";
    PLAN_ID = "SYSTEM_PLANID", "OIDC address where `SYSTEM_OIDCREQUESTURI` is absent";
    JOB_ID = "SYSTEM_JOBID", "OIDC address where `SYSTEM_OIDCREQUESTURI` is absent";
    BUILD_ID = "BUILD_BUILDID", "link to the run";
    BUILD_NUMBER = "BUILD_BUILDNUMBER", "names the run in the change cause of a rollback";
    DEFINITION_NAME = "BUILD_DEFINITIONNAME",
        "names the pipeline in the change cause of a rollback";
    PROXY_URL = "AGENT_PROXYURL", "the agent's proxy; without it `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` count";
    PROXY_USERNAME = "AGENT_PROXYUSERNAME", "signs in at the agent's proxy";
    PROXY_PASSWORD = "SECRET_AGENT_PROXYPASSWORD", "signs in at the agent's proxy";
    PROXY_BYPASS = "AGENT_PROXYBYPASSLIST", "addresses that are reached without the agent's proxy";
    CA_INFO = "AGENT_CAINFO", "certificate authorities that the agent trusts; also `NODE_EXTRA_CA_CERTS`";
    CLIENT_CERTIFICATE = "AGENT_CLIENTCERT", "the agent's client certificate";
    CLIENT_KEY = "AGENT_CLIENTCERTKEY", "its key";
    SKIP_VERIFICATION = "AGENT_SKIPCERTVALIDATION",
        "turns off the verification of all certificates but the API server's, with a warning";
    IDENTITY_ENDPOINT = "IDENTITY_ENDPOINT", "where managed identities are to be had on hosts such as Azure Container Apps; elsewhere from the Azure Instance Metadata Service";
    IDENTITY_HEADER = "IDENTITY_HEADER", "proves there that the request comes from this machine";
    TEMP_DIRECTORY = "AGENT_TEMPDIRECTORY",
        "where the summary is written; cleaned by the agent after the job";
    PUBLIC_VARIABLES = "VSTS_PUBLIC_VARIABLES",
        "the names of the job's variables: one that older agents put in place of an input or a service connection is refused";
    COMPLETION_FILE = "ROLLGUARD_COMPLETION_FILE",
        "the file by which the program tells the task's entry point that it ran to its end";
    COMPLETION_TOKEN = "ROLLGUARD_COMPLETION_TOKEN", "the token by which the entry point recognises that file";
}

mod overrides;

/// The id under which every task gets the connection to Azure DevOps itself.
const SYSTEM_CONNECTION: &str = "SYSTEMVSSCONNECTION";

/// The environment of a task. An empty variable is an absent one: the agent sets unset inputs to
/// `""`.
///
/// Names are compared without regard to case: the agent writes them in upper case, except for the
/// ids of service connections, and Windows does not tell them apart.
#[derive(Default)]
pub struct AgentEnv {
    values: BTreeMap<String, String>,
}

impl AgentEnv {
    /// Takes pairs of name and value, as `std::env::vars_os` gives them. What is not Unicode is not
    /// read.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            let (Ok(name), Ok(value)) = (name.into().into_string(), value.into().into_string())
            else {
                continue;
            };
            let key = name.to_uppercase();
            // On Linux both may exist; the agent's own spelling wins.
            if key == name || !values.contains_key(&key) {
                values.insert(key, value);
            }
        }
        Self { values }
    }

    /// The value of a variable with a fixed name.
    #[must_use]
    pub fn get(&self, variable: &Variable) -> Option<&str> {
        self.named(variable.name)
    }

    /// The value of an input of the task.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&str> {
        self.filled(&INPUT, "", name)
    }

    /// The address of a service connection.
    #[must_use]
    pub fn endpoint_url(&self, id: &str) -> Option<&str> {
        self.filled(&ENDPOINT_URL, id, "")
    }

    /// The authentication scheme of a service connection.
    #[must_use]
    pub fn endpoint_scheme(&self, id: &str) -> Option<&str> {
        self.filled(&ENDPOINT_AUTH_SCHEME, id, "")
    }

    /// An authentication parameter of a service connection.
    #[must_use]
    pub fn endpoint_parameter(&self, id: &str, key: &str) -> Option<&str> {
        self.filled(&ENDPOINT_AUTH_PARAMETER, id, key)
    }

    /// A data field of a service connection.
    #[must_use]
    pub fn endpoint_data(&self, id: &str, key: &str) -> Option<&str> {
        self.filled(&ENDPOINT_DATA, id, key)
    }

    /// The job's access token, which every task gets without further mapping.
    #[must_use]
    pub fn access_token(&self) -> Option<&str> {
        self.endpoint_parameter(SYSTEM_CONNECTION, "ACCESSTOKEN")
    }

    fn filled(&self, pattern: &Variable, id: &str, key: &str) -> Option<&str> {
        let name = pattern.name.replace("<ID>", id).replace("<KEY>", key);
        self.named(&name)
    }

    /// The agent's rule for names: `.` and space become `_`, all in upper case; nothing else
    /// changes (azure-pipelines-agent, `VarUtil.ConvertToEnvVariableFormat`).
    fn named(&self, name: &str) -> Option<&str> {
        let key = name.replace(['.', ' '], "_").to_uppercase();
        self.values
            .get(&key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Returns whether the agent put a secret into this variable: the job's token, a secret variable, a secure file's
/// ticket, or the credentials of a service connection (azure-pipelines-agent, `Handler.cs`, `AddEndpointsToEnvironment`,
/// `AddSecureFilesToEnvironment`, `AddVariablesToEnvironment`). A program that a job starts needs none of them.
#[must_use]
pub fn is_secret_of_the_job(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["SECRET_", "ENDPOINT_", "SECUREFILE_", "INPUT_"];
    let name = name.to_uppercase();
    name == "SYSTEM_ACCESSTOKEN" || PREFIXES.iter().any(|it| name.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_the_agent() {
        let env = AgentEnv::from_pairs([
            ("INPUT_STABLEFOR", "10s"),
            ("INPUT_A-B_C_D", "dashes stay"),
            ("ENDPOINT_URL_5b1c-aa", "https://management.azure.com/"),
            ("ENDPOINT_AUTH_PARAMETER_5b1c-aa_TENANTID", "t"),
            (
                "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN",
                "job-token",
            ),
        ]);
        assert_eq!(env.input("stableFor"), Some("10s"));
        assert_eq!(env.input("a-b.c d"), Some("dashes stay"));
        assert_eq!(
            env.endpoint_url("5b1c-aa"),
            Some("https://management.azure.com/")
        );
        assert_eq!(env.endpoint_parameter("5b1c-aa", "tenantid"), Some("t"));
        assert_eq!(env.access_token(), Some("job-token"));
    }

    #[test]
    fn the_secrets_of_a_job_are_known_by_their_names() {
        let rows = [
            ("SYSTEM_ACCESSTOKEN", true),
            ("System_AccessToken", true),
            ("SECRET_DB_PASSWORD", true),
            ("ENDPOINT_AUTH_5b1c", true),
            ("ENDPOINT_AUTH_PARAMETER_5b1c_SERVICEPRINCIPALKEY", true),
            ("SECUREFILE_TICKET_7", true),
            ("INPUT_AZURESUBSCRIPTION", true),
            ("PATH", false),
            ("HOME", false),
            ("AZURE_FEDERATED_TOKEN_FILE", false),
            ("AAD_LOGIN_METHOD", false),
            ("SYSTEM_TEAMPROJECT", false),
            ("MY_SECRET_", false),
        ];
        for (name, expected) in rows {
            assert_eq!(is_secret_of_the_job(name), expected, "{name}");
        }
    }

    #[test]
    fn an_empty_variable_is_absent() {
        let env = AgentEnv::from_pairs([("INPUT_TIMEOUT", ""), ("BUILD_BUILDNUMBER", "")]);
        assert_eq!(env.input("timeout"), None);
        assert_eq!(env.get(&BUILD_NUMBER), None);
    }

    #[test]
    fn the_spelling_of_the_agent_wins_over_another_one() {
        for pairs in [
            [("INPUT_TIMEOUT", "agent"), ("input_timeout", "machine")],
            [("input_timeout", "machine"), ("INPUT_TIMEOUT", "agent")],
        ] {
            assert_eq!(AgentEnv::from_pairs(pairs).input("timeout"), Some("agent"));
        }
    }

    #[test]
    fn windows_spellings_are_found() {
        let env = AgentEnv::from_pairs([("Build_BuildNumber", "7")]);
        assert_eq!(env.get(&BUILD_NUMBER), Some("7"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_unicode_is_left_out() {
        use std::os::unix::ffi::OsStringExt;
        let env = AgentEnv::from_pairs([
            (
                OsString::from("INPUT_TIMEOUT"),
                OsString::from_vec(vec![0xff]),
            ),
            (OsString::from("INPUT_NAMESPACE"), OsString::from("shop")),
        ]);
        assert_eq!(env.input("timeout"), None);
        assert_eq!(env.input("namespace"), Some("shop"));
    }

    #[test]
    fn every_variable_stands_once_in_the_table_with_a_reason() {
        for variable in VARIABLES {
            let same = VARIABLES.iter().filter(|it| it.name == variable.name);
            assert_eq!(same.count(), 1, "{}", variable.name);
            assert!(!variable.why.is_empty(), "{}", variable.name);
        }
    }
}
