use super::*;

const ID: &str = "5b1c2d3e-0000-4000-8000-00000000000b";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
/// As a JWT, it has dots.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzYSJ9.c2ln";

fn read(fields: &[(&str, &str)]) -> Result<KubernetesConnection, ServiceConnectionError> {
    let pairs = fields
        .iter()
        .map(|(name, value)| (name.replace("<ID>", ID), *value));
    KubernetesConnection::from_env(&AgentEnv::from_pairs(pairs), ID)
}

fn with<'a>(
    base: &[(&'a str, &'a str)],
    changed: &[(&'a str, &'a str)],
) -> Result<KubernetesConnection, ServiceConnectionError> {
    let kept = base
        .iter()
        .filter(|(name, _)| changed.iter().all(|(it, _)| it != name));
    read(&kept.chain(changed).copied().collect::<Vec<_>>())
}

/// As the agent sets it for a connection with a kubeconfig.
const OF_KUBECONFIG: &[(&str, &str)] = &[
    ("ENDPOINT_URL_<ID>", "https://aks.example:443/"),
    ("ENDPOINT_AUTH_SCHEME_<ID>", "Kubernetes"),
    (
        "ENDPOINT_AUTH_PARAMETER_<ID>_KUBECONFIG",
        "apiVersion: v1\nkind: Config\n",
    ),
    ("ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE", "Kubeconfig"),
    ("ENDPOINT_DATA_<ID>_ACCEPTUNTRUSTEDCERTS", "false"),
];

/// As the agent sets it for a connection with a service account: both values as a Secret shows them.
fn of_service_account() -> Vec<(&'static str, String)> {
    vec![
        ("ENDPOINT_URL_<ID>", "https://aks.example:443/".to_owned()),
        ("ENDPOINT_AUTH_SCHEME_<ID>", "Token".to_owned()),
        (
            "ENDPOINT_AUTH_PARAMETER_<ID>_APITOKEN",
            STANDARD.encode(TOKEN),
        ),
        (
            "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEACCOUNTCERTIFICATE",
            STANDARD.encode(PEM),
        ),
        (
            "ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE",
            "ServiceAccount".to_owned(),
        ),
    ]
}

fn account_with(changed: &[(&str, &str)]) -> Result<KubernetesConnection, ServiceConnectionError> {
    let base = of_service_account();
    let base: Vec<(&str, &str)> = base.iter().map(|(name, it)| (*name, it.as_str())).collect();
    with(&base, changed)
}

#[test]
fn a_kubeconfig_is_read_with_its_context() {
    let rows = [("", None), ("prod", Some("prod"))];
    for (context, expected) in rows {
        let field = ("ENDPOINT_AUTH_PARAMETER_<ID>_CLUSTERCONTEXT", context);
        let connection = with(OF_KUBECONFIG, &[field]).ok().unwrap();
        assert!(!connection.accept_untrusted);
        assert!(connection.token().is_none());
        let KubernetesAccess::Kubeconfig {
            kubeconfig,
            context,
        } = connection.access
        else {
            panic!("another form");
        };
        assert_eq!(kubeconfig.expose(), "apiVersion: v1\nkind: Config\n");
        assert_eq!(context.as_deref(), expected);
    }
}

#[test]
fn a_connection_of_no_form_is_a_kubeconfig() {
    let field = ("ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE", "");
    let connection = with(OF_KUBECONFIG, &[field]).ok().unwrap();
    assert!(matches!(
        connection.access,
        KubernetesAccess::Kubeconfig { .. }
    ));
}

#[test]
fn certificates_are_accepted_untrusted_only_as_the_connection_says() {
    for (value, expected) in [
        ("true", true),
        ("True", true),
        ("false", false),
        ("", false),
    ] {
        let field = ("ENDPOINT_DATA_<ID>_ACCEPTUNTRUSTEDCERTS", value);
        let connection = with(OF_KUBECONFIG, &[field]).ok().unwrap();
        assert_eq!(connection.accept_untrusted, expected, "{value}");
    }
}

#[test]
fn a_service_account_is_read_whether_its_values_are_base64_or_not() {
    let wrapped = |text: &str| {
        let text = STANDARD.encode(text);
        let (first, rest) = text.split_at(20);
        format!("{first}\n{rest}\n")
    };
    let rows = [
        ("base64", STANDARD.encode(TOKEN), STANDARD.encode(PEM)),
        ("as they are", TOKEN.to_owned(), PEM.to_owned()),
        (
            "with a line break",
            format!("{TOKEN}\n"),
            format!("\n{PEM}"),
        ),
        ("base64 in several lines", wrapped(TOKEN), wrapped(PEM)),
        (
            "base64 of a token with a line break",
            STANDARD.encode(format!("{TOKEN}\n")),
            STANDARD.encode(PEM),
        ),
    ];
    for (says, token, certificate) in rows {
        for form in ["ServiceAccount", "AzureSubscription"] {
            let connection = account_with(&[
                ("ENDPOINT_AUTH_PARAMETER_<ID>_APITOKEN", &token),
                (
                    "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEACCOUNTCERTIFICATE",
                    &certificate,
                ),
                ("ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE", form),
            ]);
            let connection = connection.ok().unwrap();
            assert_eq!(connection.token().unwrap().expose(), TOKEN, "{says}");
            let KubernetesAccess::ServiceAccount {
                server, authority, ..
            } = connection.access
            else {
                panic!("another form");
            };
            assert_eq!(server, "https://aks.example:443");
            assert_eq!(authority.unwrap().trim(), PEM.trim(), "{says}");
        }
    }
}

#[test]
fn a_token_that_only_looks_like_base64_is_left_as_it_is() {
    // Decoded, it is no text.
    for token in ["abcdefgh", "0123456789abcdef"] {
        let field = ("ENDPOINT_AUTH_PARAMETER_<ID>_APITOKEN", token);
        let connection = account_with(&[field]).ok().unwrap();
        assert_eq!(connection.token().unwrap().expose(), token);
    }
}

#[test]
fn where_any_certificate_is_accepted_none_is_needed() {
    let connection = account_with(&[
        ("ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEACCOUNTCERTIFICATE", ""),
        ("ENDPOINT_DATA_<ID>_ACCEPTUNTRUSTEDCERTS", "true"),
    ]);
    let connection = connection.ok().unwrap();
    assert!(connection.accept_untrusted);
}

#[test]
fn what_cannot_be_used_says_why_and_what_to_do() {
    let rows: &[(&str, &str, &str)] = &[
        (
            "ENDPOINT_AUTH_PARAMETER_<ID>_APITOKEN",
            "",
            "its service account's token is missing",
        ),
        (
            "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEACCOUNTCERTIFICATE",
            "",
            "its service account's certificate is missing",
        ),
        (
            "ENDPOINT_AUTH_PARAMETER_<ID>_SERVICEACCOUNTCERTIFICATE",
            "bm8gUEVN",
            "its certificate is neither PEM nor base64 of PEM",
        ),
        (
            "ENDPOINT_URL_<ID>",
            "http://aks.example",
            "its server address `http://aks.example` is not an https address",
        ),
        ("ENDPOINT_URL_<ID>", "", "its server address is missing"),
        (
            "ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE",
            "Novel",
            "its form `Novel` is not known",
        ),
        (
            "ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE",
            "Kubeconfig",
            "its kubeconfig is missing",
        ),
    ];
    for (field, value, says) in rows {
        let error = account_with(&[(field, value)]).err().unwrap();
        let expected =
            format!("use service connection `{ID}` of input `kubernetesServiceConnection`: {says}");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some(), "{says}");
    }
    let error = read(&[]).err().unwrap();
    assert_eq!(error.problems, [ConnectionProblem::NotHandedOver]);
}

#[test]
fn an_azure_subscription_without_a_token_names_the_cluster_and_another_way() {
    let error = account_with(&[
        ("ENDPOINT_AUTH_PARAMETER_<ID>_APITOKEN", ""),
        ("ENDPOINT_DATA_<ID>_AUTHORIZATIONTYPE", "AzureSubscription"),
        ("ENDPOINT_DATA_<ID>_CLUSTERID", "/subscriptions/s/aks-shop"),
    ]);
    let error = error.err().unwrap();
    let says = "Azure DevOps holds no service account's token for cluster \
                `/subscriptions/s/aks-shop`";
    assert!(error.to_string().ends_with(says), "{error}");
    assert!(
        error.hint().unwrap().contains("azureResourceManager"),
        "{error}"
    );
}
