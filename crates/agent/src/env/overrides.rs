//! Variables of the job that stand in for what the agent hands over.

use serde_json::Value;

use super::{AgentEnv, ENDPOINT_AUTH_PARAMETER, ENDPOINT_AUTH_SCHEME, PUBLIC_VARIABLES};
use crate::inputs::INPUTS;

/// Where the agent repeats the scheme and the parameters of a service connection, as JSON.
const ENDPOINT_AUTH: &str = "ENDPOINT_AUTH_";
/// The beginnings of the names by which the agent hands over a service connection, its id behind them. A variable of
/// the job such as `endpoint_name` is none of them.
const HANDED_OVER: [&str; 3] = ["ENDPOINT_URL_", "ENDPOINT_AUTH_", "ENDPOINT_DATA_"];
/// Parameters that say who signs in and where.
const COMPARED: [&str; 2] = ["TENANTID", "SERVICEPRINCIPALID"];

impl AgentEnv {
    /// Returns the name of a variable that anyone who may queue the run can set, and that takes the place of an input
    /// or of a part of a service connection.
    ///
    /// Agents before July 2026 wrote the job's variables last, over what they hand to the task
    /// (azure-pipelines-agent#5606). Such a variable is known by its name in the list of the job's variables, or
    /// because it contradicts the second copy that the agent hands over.
    #[must_use]
    pub fn override_by_variable(&self) -> Option<String> {
        self.named_by_job().or_else(|| self.contradiction())
    }

    fn named_by_job(&self) -> Option<String> {
        let names: Vec<String> = serde_json::from_str(self.get(&PUBLIC_VARIABLES)?).ok()?;
        names.into_iter().find(|name| {
            let name = name.replace(['.', ' '], "_").to_uppercase();
            match name.strip_prefix("INPUT_") {
                Some(input) => INPUTS.iter().any(|spec| spec.name.to_uppercase() == input),
                None => HANDED_OVER.iter().any(|it| name.starts_with(it)),
            }
        })
    }

    /// Compares the variables of each service connection with its JSON.
    fn contradiction(&self) -> Option<String> {
        let scheme = ENDPOINT_AUTH_SCHEME.name.trim_end_matches("<ID>");
        self.values.iter().find_map(|(name, value)| {
            let id = name.strip_prefix(scheme)?;
            let json: Value =
                serde_json::from_str(self.named(&format!("{ENDPOINT_AUTH}{id}"))?).ok()?;
            let differs = |own: &str, other: Option<&Value>| {
                let other = other.and_then(Value::as_str).unwrap_or_default();
                !own.is_empty() && !other.is_empty() && !own.eq_ignore_ascii_case(other)
            };
            if differs(value, json.get("scheme")) {
                return Some(name.clone());
            }
            let parameters = json.get("parameters")?.as_object()?;
            COMPARED.iter().find_map(|key| {
                let own = self.endpoint_parameter(id, key)?;
                let found = parameters
                    .iter()
                    .find(|(it, _)| it.eq_ignore_ascii_case(key));
                let named = ENDPOINT_AUTH_PARAMETER.name.replace("<ID>", id);
                found
                    .filter(|(_, other)| differs(own, Some(other)))
                    .map(|_| named.replace("<KEY>", key))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5b1c-aa";

    fn found(variables: &str, more: &[(&str, &str)]) -> Option<String> {
        let own = [
            ("VSTS_PUBLIC_VARIABLES".to_owned(), variables.to_owned()),
            (
                format!("ENDPOINT_AUTH_SCHEME_{ID}"),
                "ServicePrincipal".to_owned(),
            ),
            (
                format!("ENDPOINT_AUTH_PARAMETER_{ID}_TENANTID"),
                "t-1".to_owned(),
            ),
        ];
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        AgentEnv::from_pairs(own.into_iter().chain(more)).override_by_variable()
    }

    #[test]
    fn a_variable_of_the_job_that_stands_in_for_the_agents_is_named() {
        let rows = [
            (
                "ordinary variables",
                r#"["build.buildId","myTimeout","system.debug"]"#,
                None,
            ),
            (
                "part of a connection",
                r#"["x","ENDPOINT_URL_5b1c-aa"]"#,
                Some("ENDPOINT_URL_5b1c-aa"),
            ),
            (
                "written as a variable is",
                r#"["endpoint.data.5b1c-aa.environment"]"#,
                Some("endpoint.data.5b1c-aa.environment"),
            ),
            ("an input", r#"["input.timeout"]"#, Some("input.timeout")),
            (
                "an input in another case",
                r#"["Input_AzureServiceConnection"]"#,
                Some("Input_AzureServiceConnection"),
            ),
            ("an input of another task", r#"["INPUT_SCRIPTPATH"]"#, None),
            ("a word that begins so", r#"["inputs","endpoints"]"#, None),
            ("no list", "", None),
            ("nonsense", "{", None),
        ];
        for (says, variables, expected) in rows {
            assert_eq!(found(variables, &[]).as_deref(), expected, "{says}");
        }
    }

    #[test]
    fn a_connection_that_contradicts_itself_is_noticed() {
        let json = "ENDPOINT_AUTH_5b1c-aa";
        let rows = [
            (
                "the same",
                r#"{"scheme":"ServicePrincipal","parameters":{"tenantid":"t-1"}}"#,
                None,
            ),
            (
                "another case",
                r#"{"scheme":"serviceprincipal","parameters":{"TenantId":"T-1"}}"#,
                None,
            ),
            (
                "nothing to compare",
                r#"{"scheme":"","parameters":{}}"#,
                None,
            ),
            ("no JSON", "***", None),
            (
                "another scheme",
                r#"{"scheme":"WorkloadIdentityFederation"}"#,
                Some("ENDPOINT_AUTH_SCHEME_5B1C-AA"),
            ),
            (
                "another tenant",
                r#"{"scheme":"ServicePrincipal","parameters":{"tenantid":"t-2"}}"#,
                Some("ENDPOINT_AUTH_PARAMETER_5B1C-AA_TENANTID"),
            ),
        ];
        for (says, value, expected) in rows {
            assert_eq!(found("[]", &[(json, value)]).as_deref(), expected, "{says}");
        }
    }
}
