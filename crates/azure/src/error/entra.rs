//! Refusals of Microsoft Entra, by the number of their `AADSTS` code.
//!
//! The meanings are those of
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> and, for workload
//! identity federation, of
//! <https://learn.microsoft.com/azure/devops/pipelines/release/troubleshoot-workload-identity>.

#![expect(
    clippy::unreadable_literal,
    reason = "a code is searched for as Microsoft writes it"
)]

use super::fix::Fix;

/// One refusal of Microsoft Entra.
#[derive(Clone, Copy, Debug)]
pub struct EntraRefusal {
    /// The digits after `AADSTS`.
    pub code: u32,
    /// Whether the same request may succeed a moment later.
    pub may_pass: bool,
    /// What to do about it.
    pub fix: Fix,
}

macro_rules! refusals {
    ($($code:literal $($passes:ident)? : $task:literal $(| $cli:literal)?;)*) => {
        /// Every refusal that has a fix of its own.
        pub const ENTRA_REFUSALS: &[EntraRefusal] = &[
            $(EntraRefusal {
                code: $code,
                may_pass: refusals!(@passes $($passes)?),
                fix: refusals!(@fix $task $(, $cli)?),
            }),*
        ];
    };
    (@passes passes) => { true };
    (@passes) => { false };
    (@fix $task:literal) => { Fix::everywhere($task) };
    (@fix $task:literal, $cli:literal) => { Fix::by_place($task, $cli) };
}

refusals! {
    // The federated credential.
    70021: "the application has no federated credential for this run's token: write the issuer and the subject that the service connection's page shows into it. A renamed organization, project or connection changes the subject; new connections have the issuer https://login.microsoftonline.com/<tenant id>/v2.0, and the one of vstoken.dev.azure.com retires on 2027-07-01"
        | "the application has no federated credential for the token that the sign-in program presents: compare issuer, subject and audience";
    700211: "no federated credential of the application has the token's issuer: write the issuer that the service connection's page shows into it. New connections have https://login.microsoftonline.com/<tenant id>/v2.0; the one of vstoken.dev.azure.com retires on 2027-07-01"
        | "no federated credential of the application has the issuer of the token that the sign-in program presents: correct the issuer";
    700212: "no federated credential of the application has the token's audience: set its audience to api://AzureADTokenExchange";
    700213: "no federated credential of the application has the token's subject: write the subject that the service connection's page shows into it. A renamed organization, project or connection changes the subject; new connections have <prefix>/sc/<organization id>/<connection id>"
        | "no federated credential of the application has the subject of the token that the sign-in program presents: correct the subject";
    70025: "the application or managed identity of the service connection has no federated credential at all: add one with the issuer and the subject that the connection's page shows"
        | "the application has no federated credential at all: add one, or choose another login method of kubelogin";
    70052: "the application is multi-tenant, and federation with this issuer takes only managed identities and single-tenant applications: set its signInAudience to AzureADMyOrg, or use a managed identity";
    700223: "the tenant does not allow workload identity federation for applications: ask its administrator to allow the issuer, or base the service connection on a managed identity"
        | "the tenant does not allow workload identity federation for applications: ask its administrator to allow the issuer, or use a managed identity";
    700238: "the tenant does not allow the issuer of this Azure DevOps organization: ask its administrator to allow it, or base the service connection on a managed identity"
        | "the tenant does not allow this issuer of federated tokens: ask its administrator to allow it";
    700229: "the federated token is a user's, and only an application's is taken: sign in with an application or a managed identity";
    700024: "the token was presented outside its validity of ten minutes: check the clock of the agent's machine, and run the job again"
        | "the token was presented outside its validity: check this machine's clock, and get a new token";
    50166 passes: "Entra could not read the keys of the token's issuer, which is Azure DevOps' own outage if it lasts (status.dev.azure.com): run the job again later"
        | "Entra could not read the keys of the token's issuer: its address must be reachable from the internet";
    90061 passes: "Entra could not read the keys of the token's issuer, which is Azure DevOps' own outage if it lasts (status.dev.azure.com): run the job again later"
        | "Entra could not read the keys of the token's issuer: its address must be reachable from the internet";

    // The secret and the certificate.
    7000215: "the service connection contains a wrong secret, often its id instead of its value: create a new secret and enter its value there"
        | "the client secret is wrong, often its id instead of its value: create a new one";
    7000222: "the secret has expired: create a new one and enter it in the service connection, or convert the connection to workload identity federation"
        | "the client secret has expired: create a new one";
    70002: "the service connection contains a wrong secret: create a new one and enter its value there"
        | "the client secret is wrong: create a new one";
    7000218: "the application must prove who it is, and nothing was presented: open the service connection, enter its secret or certificate, and save it"
        | "the application must prove who it is: give the sign-in program its secret or certificate";
    700027: "the certificate of the service connection is not registered with the application, or it was replaced there: upload its public part to the application"
        | "the certificate is not registered with the application: upload its public part";
    700030: "the application does not allow the subject name of this certificate: use the certificate that is registered with it";
    50012: "the certificate or its chain is not accepted by the tenant: use the one that is registered with the application, and check that it has not expired";
    50013: "the presented assertion is not valid or has expired: check the machine's clock, and run again";
    500133: "the presented token has expired: check the machine's clock, and run again";
    50017: "the certificate's issuer or its revocation list cannot be verified: ask the tenant's administrator";
    700025: "the application is registered as a public client, which takes neither secret nor certificate: turn off \"Allow public client flows\" in its registration";

    // The application.
    700016: "no such application in this tenant: check the client id and the tenant of the service connection; if the application was deleted, create a new connection"
        | "no such application in this tenant: check the client id and the tenant id in the kubeconfig's exec arguments";
    700011: "no such application in this tenant: check the client id and the tenant of the service connection"
        | "no such application in this tenant: check the client id and the tenant id in the kubeconfig's exec arguments";
    70001: "the application was deleted or disabled: restore it, or create a new service connection"
        | "the application was deleted or disabled: restore it";
    7000112: "the application is disabled: an administrator must enable it (Enterprise applications, Properties, \"Enabled for users to sign-in\")";
    7000229: "the application has no service principal in this tenant: create it with `az ad sp create --id <client id>`";
    50105: "the identity is not assigned to the application it asks for a token: assign it under Enterprise applications, Users and groups";
    501051: "the identity is not assigned to the application it asks for a token: assign it a role there, or turn off \"Assignment required\"";
    65001: "consent is missing: an administrator must grant it for the application";
    90094: "consent is missing: an administrator must grant it for the application";
    650056: "the application lists no permission for what it asks for, or consent is missing: ask its administrator";
    650057: "the application lists no permission for what it asks for: add it in the application's registration";
    7000114: "the application may not ask for tokens on behalf of others: sign in with a service principal";

    // The resource a token is asked for.
    50001: "what a token is asked for does not exist in this tenant or is disabled: check that the tenant of the identity is the cluster's";
    500014: "the service that a token is asked for is disabled in this tenant: a subscription may have lapsed, or an administrator disabled it";
    650052: "the tenant has not enabled the service that a token is asked for: ask its administrator";
    70011: "the scope of the request is not valid in this cloud: check the environment of the service connection"
        | "the scope of the request is not valid: check --server-id and --environment in the kubeconfig's exec arguments";

    // The tenant and the cloud.
    90002: "no such tenant in this cloud: check the tenant id and the environment of the service connection"
        | "no such tenant in this cloud: check the tenant id in the kubeconfig's exec arguments";
    900023: "the tenant is neither an id nor a domain: check the tenant id of the service connection"
        | "the tenant is neither an id nor a domain: check the tenant id in the kubeconfig's exec arguments";
    50059: "the request names no tenant: check the tenant id of the service connection"
        | "the request names no tenant: check the tenant id in the kubeconfig's exec arguments";
    90019: "the request names no tenant: check the tenant id of the service connection"
        | "the request names no tenant: check the tenant id in the kubeconfig's exec arguments";
    90038: "the tenant belongs to another cloud: create the service connection with that environment (such as AzureUSGovernment or AzureChinaCloud)"
        | "the tenant belongs to another cloud: set --environment in the kubeconfig's exec arguments";
    900382: "a secret or token of one cloud is not taken in another: create the service connection with the cluster's environment. Some sovereign clouds refuse workload identity federation; use a secret or certificate there"
        | "a secret or token of one cloud is not taken in another: set --environment in the kubeconfig's exec arguments";
    900432: "a secret or token of one cloud is not taken in another: create the service connection with the cluster's environment"
        | "a secret or token of one cloud is not taken in another: set --environment in the kubeconfig's exec arguments";
    90051: "no such cloud: check the environment of the service connection"
        | "no such cloud: check --environment in the kubeconfig's exec arguments";
    50049: "no such cloud: check the sign-in address of the service connection's environment"
        | "no such cloud: check --environment in the kubeconfig's exec arguments";
    500021: "a proxy restricts which tenants may be signed in to (Restrict-Access-To-Tenants): have this tenant added to its list";
    500022: "a proxy restricts which tenants may be signed in to (Restrict-Access-To-Tenants): have this tenant added to its list";
    50002: "a proxy restricts which tenants may be signed in to: have this tenant added to its list";
    500212: "the identity's own tenant does not allow access to this one: ask for an outbound cross-tenant access policy";
    500213: "the tenant does not allow access from the identity's own: ask for an inbound cross-tenant access policy";

    // Policies.
    53003: "a Conditional Access policy blocks the sign-in: the sign-in log of the service principal names it; have the agent's address or the service principal excluded"
        | "a Conditional Access policy blocks the sign-in: the sign-in log names it";
    530003: "a Conditional Access policy demands a managed device, which an agent is not: have the identity excluded"
        | "a Conditional Access policy demands a managed device: sign in from one, in a browser";
    53000: "a Conditional Access policy demands a compliant device, which an agent is not: have the identity excluded"
        | "a Conditional Access policy demands a compliant device: sign in from one, in a browser";
    53001: "a Conditional Access policy demands a domain-joined device, which an agent is not: have the identity excluded"
        | "a Conditional Access policy demands a domain-joined device: sign in from one, in a browser";
    530032: "a security policy of the tenant blocks the sign-in: ask its administrator";
    530035: "the tenant's security defaults block the sign-in: ask its administrator";
    50131: "a Conditional Access policy blocks the sign-in: the sign-in log names it";
    53011: "the identity is blocked because of its risk: an administrator must review it";

    // People, who sign in with kubelogin or az only.
    50034: "no such account in this tenant: check the tenant of the service connection, and use a service principal"
        | "no such account in this tenant: check the account and the tenant id, or have it added as a guest";
    50020: "the account is from another tenant: have it added as a guest, or sign in to the cluster's tenant";
    50053: "the account is locked after too many wrong passwords, or the address is known for attacks: wait, or ask an administrator";
    50055: "the password has expired: set a new one";
    50057: "the account is disabled: an administrator must enable it";
    50126: "the user name or the password is wrong";
    50076: "multifactor authentication is required: use a service principal"
        | "multifactor authentication is required: sign in interactively (`az login`), then `kubelogin convert-kubeconfig -l azurecli`";
    50079: "multifactor authentication is required: use a service principal"
        | "multifactor authentication is required: sign in interactively (`az login`), then `kubelogin convert-kubeconfig -l azurecli`";
    50173: "the sign-in was revoked: sign in again"
        | "the sign-in was revoked: sign in again (`az login`, or `kubelogin remove-tokens`)";
    70043: "the sign-in is older than the tenant allows: sign in again"
        | "the sign-in is older than the tenant allows: sign in again (`az login`, or `kubelogin remove-tokens`)";
    700082: "the sign-in has expired: sign in again"
        | "the sign-in has expired: sign in again (`az login`, or `kubelogin remove-tokens`)";
    70008: "the sign-in has expired: sign in again"
        | "the sign-in has expired: sign in again (`az login`, or `kubelogin remove-tokens`)";
    70019: "the device code has expired: sign in again";

    // The service itself.
    50196: "too many jobs ask for the same token in a short time, and more attempts prolong it: wait some minutes, and give the jobs service principals of their own"
        | "the same token was asked for too often in a short time, and more attempts prolong it: wait some minutes";
    50033 passes: "Entra has a problem that passes: run again";
    90006 passes: "Entra has a problem that passes: run again";
    90012 passes: "Entra did not answer in time: run again";
    90024 passes: "Entra has a problem that passes: run again";
    90033 passes: "Entra's directory is not available: run again later (status.azure.com)";
    90055 passes: "the tenant has too many sign-ins: run again later";
    90090 passes: "Entra's directory is not available: run again later (status.azure.com)";
    90091 passes: "Entra's directory is not available: run again later (status.azure.com)";
    50000: "Entra cannot issue the token: open a support ticket with the request id";
    90036: "Entra's directory has a problem that does not pass: open a support ticket with the request id";
}

/// The missing resource of `AADSTS500011` is Azure Resource Manager.
const ARM_UNKNOWN: Fix = Fix::by_place(
    "the tenant does not know Azure Resource Manager under this address: the environment of the service connection does not match its tenant",
    "the tenant does not know Azure Resource Manager under this address: check the cloud and the tenant",
);
/// The missing resource of `AADSTS500011` is the cluster's server application.
const CLUSTER_UNKNOWN: Fix = Fix::by_place(
    "the tenant does not know the cluster's server application: the cluster uses another Microsoft Entra tenant than the service connection; use a connection of the cluster's tenant",
    "the tenant does not know the cluster's server application: check --server-id and --tenant-id in the kubeconfig's exec arguments",
);

/// The purpose of a token of Microsoft Entra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// Azure Resource Manager.
    AzureResourceManager,
    /// The cluster's API server.
    Cluster,
}

impl TokenScope {
    /// Returns the words that complete "sign in ... for".
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AzureResourceManager => "Azure Resource Manager",
            Self::Cluster => "the cluster",
        }
    }
}

/// Returns the fix for a code such as `AADSTS70021`, where there is one.
pub(crate) fn fix_of(aadsts: &str, scope: Option<TokenScope>) -> Option<Fix> {
    let code = number_of(aadsts)?;
    if code == RESOURCE_UNKNOWN {
        return Some(match scope {
            Some(TokenScope::AzureResourceManager) => ARM_UNKNOWN,
            Some(TokenScope::Cluster) | None => CLUSTER_UNKNOWN,
        });
    }
    row_of(code).map(|row| row.fix)
}

/// Returns whether a refusal with this text may pass.
pub(crate) fn may_pass(message: &str) -> bool {
    let row = aadsts(message).and_then(|code| row_of(number_of(&code)?));
    row.is_some_and(|row| row.may_pass)
}

/// `InvalidResourceServicePrincipalNotFound`.
const RESOURCE_UNKNOWN: u32 = 500_011;

fn row_of(code: u32) -> Option<&'static EntraRefusal> {
    ENTRA_REFUSALS.iter().find(|row| row.code == code)
}

fn number_of(aadsts: &str) -> Option<u32> {
    aadsts.strip_prefix("AADSTS")?.parse().ok()
}

/// Entra's error code, `AADSTS` and digits, from its description.
pub(crate) fn aadsts(message: &str) -> Option<String> {
    let at = message.find("AADSTS")?;
    let digits: String = message[at + 6..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

/// Returns where Microsoft explains a code.
pub(crate) fn page_of(aadsts: &str) -> String {
    let number = aadsts.trim_start_matches("AADSTS");
    format!("Microsoft explains it at https://login.microsoftonline.com/error?code={number}")
}

/// Returns what to do about a refusal that another program, such as kubelogin, reports in `text`.
#[must_use]
pub fn hint_for_program(text: &str) -> Option<String> {
    let code = aadsts(text)?;
    let fix = fix_of(&code, Some(TokenScope::Cluster));
    Some(fix.map_or_else(|| page_of(&code), |fix| fix.at_command_line().to_owned()))
}

#[cfg(test)]
mod tests;
