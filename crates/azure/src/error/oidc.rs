//! Refusals of the endpoint of Azure DevOps that issues OIDC tokens to jobs.
//!
//! Its refusals have no reference. The names of exceptions and the TF and VS numbers are those that the service
//! and its clients use; `{"count": 151, "value": "…"}` was seen with any status (dotnet/docker-tools#2012).

/// The sign by which an answer is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Words in its message or its `typeKey`, in lower case.
    Words(&'static str),
    /// Its HTTP status, from and to.
    Status(u16, u16),
}

/// The subject of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OidcSubject {
    /// The job's access token or its rights.
    Token,
    /// The service connection does not exist, or not for this pipeline.
    Connection,
    /// The job, its run or its project does not exist (any more).
    Job,
    /// The address of the endpoint.
    Address,
    /// The service itself, for a while.
    Service,
}

/// One refusal of the OIDC endpoint.
#[derive(Clone, Copy, Debug)]
pub struct OidcRefusal {
    /// What it is recognised by.
    pub sign: Sign,
    /// What it is about.
    pub subject: OidcSubject,
    /// What to do about it.
    pub fix: &'static str,
}

const fn says(words: &'static str, subject: OidcSubject, fix: &'static str) -> OidcRefusal {
    let sign = Sign::Words(words);
    OidcRefusal { sign, subject, fix }
}

const fn answers(from: u16, to: u16, subject: OidcSubject, fix: &'static str) -> OidcRefusal {
    let sign = Sign::Status(from, to);
    OidcRefusal { sign, subject, fix }
}

/// The fix where Azure DevOps names no address for OIDC tokens.
pub const NO_OIDC_ADDRESS: &str = "the job has no address for OIDC tokens: workload identity federation needs \
    Azure DevOps Services or a server that has it; elsewhere use a connection with a secret or a certificate. \
    Do not set a variable of this name yourself";

const AUTHORISE: &str =
    "open the service connection's security, and authorise this pipeline for it";
const AGAIN: &str = "run the job again: its run was cancelled, or has ended in the meantime";
const PROJECT: &str = "the project was renamed, moved or deleted during the run, or the job may not see it: run the pipeline again";
const TOKEN: &str = "the job's access token is not accepted: it ends with the job's time-out, and a step must not replace it; run the job again";
const POLICY: &str = "a Conditional Access policy of the organization refuses the agent's address: ask its administrator";
const SCOPE: &str = "the job's access token may not ask for OIDC tokens: check \"Limit job authorization scope\" and the permissions of the project's build service";
const OLD_SERVER: &str = "this Azure DevOps Server issues no OIDC tokens: use a connection with a secret or a certificate";
const LATER: &str = "Azure DevOps has a problem: run the job again later (status.dev.azure.com)";

/// Every refusal that is understood; the first that fits counts.
pub const OIDC_REFUSALS: &[OidcRefusal] = &[
    says(
        "no explicit reference to service connection",
        OidcSubject::Connection,
        "Azure DevOps issues tokens only for connections that the stage names: write the connection's name literally, or as a template parameter, into the input `azureServiceConnection`, not as a variable of the run",
    ),
    says(
        "is disabled",
        OidcSubject::Connection,
        "the service connection is disabled, as one is that was not used for 100 days: enable it in the project settings",
    ),
    says(
        "not been authorized for use",
        OidcSubject::Connection,
        AUTHORISE,
    ),
    says("serviceendpoint", OidcSubject::Connection, AUTHORISE),
    says("taskorchestrationplannotfound", OidcSubject::Job, AGAIN),
    says("taskorchestrationjobnotfound", OidcSubject::Job, AGAIN),
    says("taskorchestrationplanterminated", OidcSubject::Job, AGAIN),
    says("taskorchestrationplansecurity", OidcSubject::Token, SCOPE),
    says("taskhubnotfound", OidcSubject::Address, OLD_SERVER),
    says("tf200016", OidcSubject::Job, PROJECT),
    says("vs800075", OidcSubject::Job, PROJECT),
    says("projectdoesnotexist", OidcSubject::Job, PROJECT),
    says("vs403463", OidcSubject::Token, POLICY),
    says("conditional access", OidcSubject::Token, POLICY),
    says(
        "tf401444",
        OidcSubject::Token,
        "the identity of the build service was never used in this organization: have an administrator add it",
    ),
    says("tf400813", OidcSubject::Token, SCOPE),
    says("vs30063", OidcSubject::Token, TOKEN),
    says("tf30063", OidcSubject::Token, TOKEN),
    says(
        "tf400733",
        OidcSubject::Service,
        "the organization's usage limit is reached: run the job again later",
    ),
    says("tf400898", OidcSubject::Service, LATER),
    says("vssinvalidpreviewversion", OidcSubject::Address, OLD_SERVER),
    says("vssversionoutofrange", OidcSubject::Address, OLD_SERVER),
    says("vssresourcenotfound", OidcSubject::Address, OLD_SERVER),
    answers(203, 203, OidcSubject::Token, TOKEN),
    answers(300, 399, OidcSubject::Token, TOKEN),
    answers(401, 401, OidcSubject::Token, TOKEN),
    answers(403, 403, OidcSubject::Token, SCOPE),
    answers(
        404,
        404,
        OidcSubject::Connection,
        "check that the service connection exists in this project and that this pipeline may use it; if it does, the run has ended, or this Azure DevOps Server issues no OIDC tokens",
    ),
    answers(405, 405, OidcSubject::Address, OLD_SERVER),
    answers(
        429,
        429,
        OidcSubject::Service,
        "the organization's usage limit is reached: run the job again later",
    ),
    answers(500, 599, OidcSubject::Service, LATER),
];

/// Returns the row of a refusal, where there is one.
pub(super) fn row_of(
    status: u16,
    code: Option<&str>,
    message: &str,
) -> Option<&'static OidcRefusal> {
    let text = format!("{} {message}", code.unwrap_or_default()).to_lowercase();
    OIDC_REFUSALS.iter().find(|row| match row.sign {
        Sign::Words(words) => text.contains(words),
        Sign::Status(from, to) => (from..=to).contains(&status),
    })
}

#[cfg(test)]
mod tests;
