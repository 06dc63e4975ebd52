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

/// As the agent sets it for a connection with a certificate.
fn with_certificate() -> Pairs {
    with(
        with_secret(),
        &[
            ("ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALKEY", ""),
            (
                "ENDPOINT_AUTH_PARAMETER_<ID>_AUTHENTICATIONTYPE",
                "spnCertificate",
            ),
            (
                "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALCERTIFICATE",
                PEM,
            ),
        ],
    )
}

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----\n";

/// As the agent sets it for a connection with a managed identity: there is no tenant to sign in to.
fn managed() -> Pairs {
    endpoint(&[
        ("ENDPOINT_URL_<ID>", "https://management.azure.com/"),
        ("ENDPOINT_AUTH_SCHEME_<ID>", "ManagedServiceIdentity"),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_TENANTID", "tenant"),
        ("ENDPOINT_DATA_<ID>_SUBSCRIPTIONID", "subscription"),
        ("ENDPOINT_DATA_<ID>_ENVIRONMENT", "AzureCloud"),
    ])
}

/// As the agent sets it for a connection to Azure Stack Hub with Microsoft Entra.
fn azure_stack() -> Pairs {
    with(
        with_secret(),
        &[
            ("ENDPOINT_DATA_<ID>_ENVIRONMENT", "AzureStack"),
            ("ENDPOINT_URL_<ID>", "https://management.local.azurestack/"),
            (
                "ENDPOINT_DATA_<ID>_ENVIRONMENTAUTHORITYURL",
                "https://login.microsoftonline.com/",
            ),
            (
                "ENDPOINT_DATA_<ID>_ACTIVEDIRECTORYSERVICEENDPOINTRESOURCEID",
                "https://management.contoso.onmicrosoft.com/4de154de",
            ),
        ],
    )
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
        application,
        system_access_token,
        oidc_request_uri,
    } = connection
    else {
        panic!("another kind");
    };
    assert_eq!(details.id, ID);
    assert_eq!(application.tenant_id, "tenant");
    assert_eq!(application.client_id, "client");
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
    assert_eq!(connection.secret().unwrap().expose(), "hunter22");
    assert_eq!(connection.details().subscription_id, None);
}

#[test]
fn a_connection_with_a_certificate_is_read_and_its_pem_is_the_secret() {
    let connection = read(with_certificate()).ok().unwrap();
    assert!(matches!(
        connection,
        ServiceConnection::ServicePrincipalCertificate { .. }
    ));
    assert_eq!(connection.secret().unwrap().expose(), PEM);
}

#[test]
fn a_managed_identity_has_a_client_id_only_where_it_is_user_assigned() {
    for expected in [None, Some("user-assigned")] {
        let field = (
            "ENDPOINT_DATA_<ID>_MSICLIENTID",
            expected.unwrap_or_default(),
        );
        let connection = read(with(managed(), &[field])).ok().unwrap();
        assert!(connection.secret().is_none());
        assert_eq!(connection.details().id, ID);
        let ServiceConnection::ManagedIdentity { client_id, .. } = connection else {
            panic!("another kind");
        };
        assert_eq!(client_id.as_deref(), expected);
    }
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

/// A sentence, fields, and sign-in address, Azure Resource Manager and audience.
type OwnAddresses = (
    &'static str,
    &'static [(&'static str, &'static str)],
    [&'static str; 3],
);

/// A connection's own addresses, and the cloud that they make.
const OWN_ADDRESSES: &[OwnAddresses] = &[
    (
        "Azure Stack Hub, as older connections hold it",
        &[],
        [
            "https://login.microsoftonline.com",
            "https://management.local.azurestack",
            "https://management.contoso.onmicrosoft.com/4de154de",
        ],
    ),
    (
        "the sign-in address for OAuth 2 comes first",
        &[(
            "ENDPOINT_DATA_<ID>_ACTIVEDIRECTORYAUTHORITY",
            "https://login.stack/",
        )],
        [
            "https://login.stack",
            "https://management.local.azurestack",
            "https://management.contoso.onmicrosoft.com/4de154de",
        ],
    ),
    (
        "a cloud of another name, whose tokens are for its own address",
        &[
            ("ENDPOINT_DATA_<ID>_ENVIRONMENT", "Contoso"),
            (
                "ENDPOINT_DATA_<ID>_ACTIVEDIRECTORYSERVICEENDPOINTRESOURCEID",
                "",
            ),
        ],
        [
            "https://login.microsoftonline.com",
            "https://management.local.azurestack",
            "https://management.local.azurestack",
        ],
    ),
    (
        "a built-in cloud does not take what ADAL had",
        &[
            ("ENDPOINT_DATA_<ID>_ENVIRONMENT", "AzureCloud"),
            ("ENDPOINT_URL_<ID>", "https://management.azure.com/"),
            (
                "ENDPOINT_DATA_<ID>_ENVIRONMENTAUTHORITYURL",
                "https://login.windows.net/",
            ),
        ],
        [
            "https://login.microsoftonline.com",
            "https://management.azure.com",
            "https://management.azure.com",
        ],
    ),
];

#[test]
fn a_cloud_that_is_not_built_in_is_what_the_connection_says() {
    for (says, fields, expected) in OWN_ADDRESSES {
        let connection = read(with(azure_stack(), fields)).ok().unwrap();
        let cloud = &connection.details().cloud;
        let found = [&*cloud.authority, &*cloud.arm, &*cloud.audience];
        assert_eq!(found, *expected, "{says}");
    }
}

/// A connection, a field of it set otherwise, and what is said about it.
const UNUSABLE: &[(Base, &str, &str, &str)] = &[
    (
        federated,
        "ENDPOINT_AUTH_SCHEME_<ID>",
        "PublishProfile",
        "it signs in with a publish profile, which is not supported",
    ),
    (
        federated,
        "ENDPOINT_AUTH_SCHEME_<ID>",
        "Novel",
        "it signs in with Novel, which is not supported",
    ),
    (
        with_certificate,
        "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALCERTIFICATE",
        "",
        "its certificate is missing",
    ),
    (
        with_secret,
        "ENDPOINT_DATA_<ID>_ENVIRONMENT",
        "AzureStack",
        "cloud `AzureStack` is not built in, and the connection does not hold its sign-in address",
    ),
    (
        azure_stack,
        "ENDPOINT_URL_<ID>",
        "",
        "cloud `AzureStack` is not built in, and the connection does not hold its Azure Resource \
         Manager address",
    ),
    (
        azure_stack,
        "ENDPOINT_DATA_<ID>_ENABLEADFSAUTHENTICATION",
        "True",
        "it signs in with AD FS, which is not supported",
    ),
    (
        azure_stack,
        "ENDPOINT_DATA_<ID>_ENVIRONMENTAUTHORITYURL",
        "https://adfs.local.azurestack/adfs/",
        "it signs in with AD FS, which is not supported",
    ),
    (
        azure_stack,
        "ENDPOINT_DATA_<ID>_ENVIRONMENTAUTHORITYURL",
        "http://login.stack",
        "its sign-in address `http://login.stack` is not an https address",
    ),
    (
        federated,
        "ENDPOINT_AUTH_PARAMETER_<ID>_TENANTID",
        "",
        "its tenant id is missing",
    ),
    (
        federated,
        "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALID",
        "",
        "its service principal id is missing",
    ),
    (
        federated,
        "ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN",
        "",
        "the job's access token is missing",
    ),
    (
        federated,
        "SYSTEM_OIDCREQUESTURI",
        "",
        "`SYSTEM_OIDCREQUESTURI`, where OIDC tokens are issued, is missing",
    ),
    (
        with_secret,
        "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALKEY",
        "",
        "its service principal key is missing",
    ),
    (
        federated,
        "ENDPOINT_DATA_<ID>_ACTIVEDIRECTORYAUTHORITY",
        "http://login.example",
        "its sign-in address `http://login.example` is not an https address",
    ),
    (
        federated,
        "ENDPOINT_URL_<ID>",
        "http://management.example",
        "its Azure Resource Manager address `http://management.example` is not an https address",
    ),
];

fn of_the_input(problems: &str) -> String {
    format!("use service connection `{ID}` of input `azureServiceConnection`: {problems}")
}

#[test]
fn what_cannot_be_used_says_why_and_what_to_do() {
    for (base, field, value, says) in UNUSABLE {
        let error = read(with(base(), &[(field, value)])).err().unwrap();
        assert_eq!(error.to_string(), of_the_input(says));
        assert!(error.hint().is_some(), "{says}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let changed = [
        ("ENDPOINT_AUTH_PARAMETER_<ID>_TENANTID", ""),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALID", ""),
        ("ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEPRINCIPALKEY", ""),
        ("ENDPOINT_URL_<ID>", "http://management.example"),
    ];
    let error = read(with(with_secret(), &changed)).err().unwrap();
    let says = "its Azure Resource Manager address `http://management.example` is not an https \
                address; its tenant id is missing; its service principal id is missing; its \
                service principal key is missing";
    assert_eq!(error.to_string(), of_the_input(says));
    assert_eq!(
        error.hint().unwrap(),
        "correct the address in the service connection; open the service connection in the \
         project settings, verify it and save it again"
    );
}

#[test]
fn a_connection_that_was_not_handed_over_is_said_to_be_so() {
    let error = read(vec![]).err().unwrap();
    assert_eq!(
        error.to_string(),
        of_the_input("the agent did not provide it")
    );
}
