use super::*;

const ID: &str = "5b1c2d3e-0000-4000-8000-00000000000a";

type Pairs = Vec<(String, String)>;

type Base = fn() -> Pairs;

fn endpoint(fields: &[(&str, &str)]) -> Pairs {
    let named = |name: &str| name.replace("<ID>", ID);
    fields
        .iter()
        .map(|(name, value)| (named(name), (*value).to_owned()))
        .collect()
}

/// As the agent sets it for a connection with workload identity federation.
fn federated() -> Pairs {
    endpoint(&[
        ("ENDPOINT_URL_<ID>", "https://management.azure.com/"),
        ("ENDPOINT_AUTH_SCHEME_<ID>", "WorkloadIdentityFederation"),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALID", "client"),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_TENANTID", "tenant"),
        ("ENDPOINT_DATA_<ID>_SUBSCRIPTIONID", "subscription"),
        ("ENDPOINT_DATA_<ID>_ENVIRONMENT", "AzureCloud"),
        (
            "ENDPOINT_DATA_<ID>_ACTIVEDIRECTORYAUTHORITY",
            "https://login.microsoftonline.com/",
        ),
        (
            "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN",
            "job-token",
        ),
        (
            "SYSTEM_OIDCREQUESTURI",
            "https://dev.azure.com/contoso/_apis/oidctoken",
        ),
    ])
}

/// As the agent sets it for a connection with a client secret.
fn with_secret() -> Pairs {
    endpoint(&[
        ("ENDPOINT_URL_<ID>", "https://management.azure.com/"),
        ("ENDPOINT_AUTH_SCHEME_<ID>", "ServicePrincipal"),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_AUTHENTICATIONTYPE", "spnKey"),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALID", "client"),
        (
            "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALKEY",
            "hunter22",
        ),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_TENANTID", "tenant"),
    ])
}

fn read(pairs: Pairs) -> Result<ServiceConnection, ServiceConnectionError> {
    ServiceConnection::from_env(&AgentEnv::from_pairs(pairs), ID)
}

fn with(mut pairs: Pairs, fields: &[(&str, &str)]) -> Pairs {
    let changed = endpoint(fields);
    pairs.retain(|(name, _)| changed.iter().all(|(it, _)| it != name));
    pairs.extend(changed);
    pairs
}

#[test]
fn a_federated_connection_is_read() {
    let connection = read(federated()).ok().unwrap();
    let ServiceConnection::WorkloadIdentityFederation {
        details,
        system_access_token,
        oidc_request_uri,
    } = connection
    else {
        panic!("another kind");
    };
    assert_eq!(details.id, ID);
    assert_eq!(details.tenant_id, "tenant");
    assert_eq!(details.client_id, "client");
    assert_eq!(details.subscription_id.as_deref(), Some("subscription"));
    assert_eq!(details.cloud.authority, "https://login.microsoftonline.com");
    assert_eq!(details.cloud.arm, "https://management.azure.com");
    assert_eq!(system_access_token.expose(), "job-token");
    assert_eq!(
        oidc_request_uri,
        "https://dev.azure.com/contoso/_apis/oidctoken"
    );
}

#[test]
fn a_connection_with_a_secret_is_read() {
    let connection = read(with_secret()).ok().unwrap();
    assert!(matches!(
        connection,
        ServiceConnection::ServicePrincipalSecret { .. }
    ));
    assert_eq!(connection.secret().expose(), "hunter22");
    assert_eq!(connection.details().subscription_id, None);
}

#[test]
fn a_connection_without_scheme_is_a_service_principal() {
    let connection = read(with(with_secret(), &[("ENDPOINT_AUTH_SCHEME_<ID>", "")]));
    assert!(matches!(
        connection,
        Ok(ServiceConnection::ServicePrincipalSecret { .. })
    ));
}

#[test]
fn without_the_variable_the_oidc_address_is_put_together() {
    let pairs = with(
        federated(),
        &[
            ("SYSTEM_OIDCREQUESTURI", ""),
            (
                "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
                "https://tfs.contoso.com/Default/",
            ),
            ("SYSTEM_TEAMPROJECTID", "p"),
            ("SYSTEM_HOSTTYPE", "build"),
            ("SYSTEM_PLANID", "l"),
            ("SYSTEM_JOBID", "j"),
        ],
    );
    let Ok(ServiceConnection::WorkloadIdentityFederation {
        oidc_request_uri, ..
    }) = read(pairs)
    else {
        panic!("not read");
    };
    assert_eq!(
        oidc_request_uri,
        "https://tfs.contoso.com/Default/p/_apis/distributedtask/hubs/build/plans/l/jobs/j/oidctoken"
    );
}

#[test]
fn clouds_have_their_own_addresses() {
    let rows = [
        (
            "AzureCloud",
            "https://login.microsoftonline.com",
            "https://management.azure.com",
        ),
        (
            "azureusgovernment",
            "https://login.microsoftonline.us",
            "https://management.usgovcloudapi.net",
        ),
        (
            "AzureChinaCloud",
            "https://login.chinacloudapi.cn",
            "https://management.chinacloudapi.cn",
        ),
    ];
    for (name, authority, arm) in rows {
        let pairs = with(
            with_secret(),
            &[
                ("ENDPOINT_DATA_<ID>_ENVIRONMENT", name),
                ("ENDPOINT_URL_<ID>", ""),
            ],
        );
        let connection = read(pairs).ok().unwrap();
        let cloud = &connection.details().cloud;
        assert_eq!((&*cloud.authority, &*cloud.arm), (authority, arm), "{name}");
    }
}

/// A connection, a field of it set otherwise, and what is said about it.
const UNUSABLE: &[(Base, &str, &str, &str)] = &[
    (
        federated,
        "ENDPOINT_AUTH_SCHEME_<ID>",
        "ManagedServiceIdentity",
        "use service connection `<ID>`: it signs in with a managed identity, which is not \
         supported",
    ),
    (
        federated,
        "ENDPOINT_AUTH_SCHEME_<ID>",
        "PublishProfile",
        "use service connection `<ID>`: it signs in with a publish profile, which is not supported",
    ),
    (
        federated,
        "ENDPOINT_AUTH_SCHEME_<ID>",
        "Novel",
        "use service connection `<ID>`: it signs in with Novel, which is not supported",
    ),
    (
        with_secret,
        "ENDPOINT_AUTH_PARAMETER_<ID>_AUTHENTICATIONTYPE",
        "spnCertificate",
        "use service connection `<ID>`: it signs in with a certificate, which is not supported",
    ),
    (
        federated,
        "ENDPOINT_DATA_<ID>_ENVIRONMENT",
        "AzureStack",
        "use service connection `<ID>`: cloud `AzureStack` is not supported",
    ),
    (
        federated,
        "ENDPOINT_AUTH_PARAMETER_<ID>_TENANTID",
        "",
        "read service connection `<ID>`: its tenant id is missing",
    ),
    (
        federated,
        "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALID",
        "",
        "read service connection `<ID>`: its service principal id is missing",
    ),
    (
        federated,
        "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN",
        "",
        "read service connection `<ID>`: the job's access token is missing",
    ),
    (
        federated,
        "SYSTEM_OIDCREQUESTURI",
        "",
        "read service connection `<ID>`: `SYSTEM_OIDCREQUESTURI`, where OIDC tokens are issued, \
         is missing",
    ),
    (
        with_secret,
        "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALKEY",
        "",
        "read service connection `<ID>`: its service principal key is missing",
    ),
    (
        federated,
        "ENDPOINT_DATA_<ID>_ACTIVEDIRECTORYAUTHORITY",
        "http://login.example",
        "use service connection `<ID>`: its sign-in address `http://login.example` is not an \
         https address",
    ),
    (
        federated,
        "ENDPOINT_URL_<ID>",
        "http://management.example",
        "use service connection `<ID>`: its Azure Resource Manager address \
         `http://management.example` is not an https address",
    ),
];

#[test]
fn what_cannot_be_used_says_why_and_what_to_do() {
    for (base, field, value, says) in UNUSABLE {
        let error = read(with(base(), &[(field, value)])).err().unwrap();
        assert_eq!(error.to_string(), says.replace("<ID>", ID));
        assert!(error.hint().is_some(), "{says}");
    }
}

#[test]
fn a_connection_that_was_not_handed_over_is_said_to_be_so() {
    let error = read(vec![]).err().unwrap();
    let says = format!("read service connection `{ID}`: the agent did not provide it");
    assert_eq!(error.to_string(), says);
}
