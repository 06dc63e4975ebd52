//! `rollguard doctor`: tells whether a check and a rollback would work here. Gathers the facts, asks the API server,
//! and changes nothing; `rollguard_core::doctor` judges.

use futures::future::join_all;
use jiff::Timestamp;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::DoctorInputs;
use rollguard_cluster::doctor::{Identity, identity, permissions};
use rollguard_cluster::{ClusterErrorKind, Connection, Server, WayIn, access};
use rollguard_core::doctor::{About, AzureRbac, Fact, Findings, Problem, State, doctor_lines};
use rollguard_core::duration::{Human, elapsed};
use rollguard_core::report::{Line, Style};
use rollguard_core::workload::WorkloadRef;

use super::tools::Tools;
use crate::failure::Failure;

mod credential;
mod network;
mod power_state;
mod through_azure;

pub(crate) use network::NetworkSettings;
pub use power_state::InAzure;
pub(crate) use through_azure::{Person, survey, survey_of_person};

/// The `Date` header has whole seconds, and its answer takes a while.
const UNNOTICED_SKEW: std::time::Duration = std::time::Duration::from_secs(5);
/// Microsoft Entra takes a token whose time is off by this much at most.
const HARMFUL_SKEW: std::time::Duration = std::time::Duration::from_secs(300);

/// The facts that are known before the cluster is asked.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// What was found.
    pub facts: Vec<Fact>,
    /// Whether Azure decides about permissions.
    pub azure_rbac: Option<AzureRbac>,
    /// Why the cluster need not be asked: it is stopped, or signing in fails.
    pub failure: Option<Failure>,
}

impl Survey {
    /// Returns what is known about the cluster of a kubeconfig.
    pub(crate) fn of_kubeconfig(settings: &NetworkSettings) -> Self {
        let azure =
            "cannot see: a kubeconfig names no tenant, no subscription and no cluster in Azure";
        let unseen = Fact::new(About::PowerState, State::Unseen, azure);
        Self {
            facts: settings
                .certificates()
                .into_iter()
                .chain([unseen])
                .collect(),
            ..Self::default()
        }
    }
}

/// Reads the local time.
pub type LocalTime<'a> = &'a (dyn Fn() -> Timestamp + Sync);

/// The result of a doctor.
#[derive(Debug)]
pub struct Examined {
    /// How it ended.
    pub outcome: Outcome,
    /// All that was found.
    pub findings: Findings,
}

/// The subject of a doctor.
pub struct Subject<'a> {
    /// The facts that are known before.
    pub survey: Survey,
    /// The connection, or why there is none.
    pub connected: Result<Connection, Failure>,
    /// Reads the local time.
    pub local_time: LocalTime<'a>,
    /// How the user comes to the cluster.
    pub way_in: WayIn,
}

/// Asks what there is to ask, and prints it. Where there is no connection, the findings say why.
///
/// # Errors
/// When stopping was asked for.
pub async fn doctor(
    subject: Subject<'_>,
    inputs: &DoctorInputs,
    tools: &mut Tools<'_>,
) -> Result<Examined, Failure> {
    announce(inputs, tools);
    let cancel = tools.cancel;
    let examining = examine(subject, inputs);
    let examined = cancel.unless(examining).await?;
    tools.console.lines(&doctor_lines(&examined.findings));
    Ok(examined)
}

fn announce(inputs: &DoctorInputs, tools: &mut Tools<'_>) {
    let commands: Vec<&str> = inputs.usage.commands.iter().map(|it| it.as_str()).collect();
    let title = Line::styled(Style::Strong, "rollguard doctor").then(
        Style::Dim,
        format!(
            "  {} in namespace {}",
            commands.join(", "),
            inputs.namespace
        ),
    );
    tools.console.lines([&title, &Line::default()]);
}

async fn examine(subject: Subject<'_>, inputs: &DoctorInputs) -> Examined {
    let Subject {
        survey,
        connected,
        local_time,
        way_in,
    } = subject;
    let mut findings = Findings {
        usage: inputs.usage.clone(),
        namespace: inputs.namespace.clone(),
        user: String::new(),
        azure_rbac: survey.azure_rbac,
        facts: survey.facts,
        permissions: Vec::new(),
        problem: None,
    };
    let failure = match (survey.failure, connected) {
        (Some(failure), _) | (None, Err(failure)) => Some(failure),
        (None, Ok(connection)) => ask(&connection, inputs, local_time, &mut findings).await,
    };
    let of_findings = Outcome::of_diagnosis(findings.diagnosis());
    let outcome = match failure {
        Some(failure) => {
            let failure = failure.for_user(&way_in);
            findings.problem = Some(Problem {
                messages: failure.messages(),
                hint: failure.hint.clone(),
            });
            failure.outcome
        }
        None => of_findings.unwrap_or(Outcome::Unexpected),
    };
    Examined { outcome, findings }
}

/// Asks the API server. Returns the failure that leaves nothing to ask.
async fn ask(
    connection: &Connection,
    inputs: &DoctorInputs,
    local_time: LocalTime<'_>,
    findings: &mut Findings,
) -> Option<Failure> {
    let client = &connection.client;
    let facts = &mut findings.facts;
    facts.push(Fact::new(
        About::Cluster,
        State::Good,
        format!("Kubernetes {}", connection.version),
    ));
    facts.extend(connection.server.as_ref().map(way_to));
    let end = connection.certificate_end;
    facts.extend(end.map(|end| credential::of_kubeconfig(end, local_time())));
    match identity(client).await {
        Ok(identity) => {
            let now = local_time();
            facts.push(named(&identity));
            facts.push(clock(identity.server_time, now));
            findings.user = identity.user;
        }
        Err(error) if error.kind() == ClusterErrorKind::Credentials => return Some(error.into()),
        Err(error) => {
            let why = Failure::from(error).messages().join("; ");
            let unseen = |about| Fact::new(about, State::Unseen, format!("cannot see: {why}"));
            facts.extend([About::Identity, About::Clock].map(unseen));
        }
    }
    let asking = permissions(client, &inputs.namespace, inputs.usage.permissions());
    let workloads = join_all(inputs.workloads.iter().map(|it| workload(connection, it)));
    let (permissions, workloads) = futures::join!(asking, workloads);
    findings.permissions = permissions;
    findings.facts.extend(workloads.into_iter().flatten());
    None
}

fn named(identity: &Identity) -> Fact {
    if identity.user.is_empty() {
        return Fact::new(
            About::Identity,
            State::Unseen,
            "cannot see: the API server names no user",
        );
    }
    let own = |it: &&String| !it.starts_with("system:");
    let groups: Vec<&str> = identity
        .groups
        .iter()
        .filter(own)
        .map(String::as_str)
        .collect();
    let groups = match groups.len() {
        0 => String::new(),
        few if few <= NAMED => format!(", in groups {}", groups.join(", ")),
        many => format!(", in {many} groups"),
    };
    Fact::new(
        About::Identity,
        State::Good,
        format!("{}{groups}", identity.user),
    )
}

/// How many groups are named.
const NAMED: usize = 5;

fn clock(server: Option<Timestamp>, local: Timestamp) -> Fact {
    let Some(server) = server else {
        let text = "cannot see: the API server sent no time";
        return Fact::new(About::Clock, State::Unseen, text);
    };
    let (ahead, behind) = (elapsed(server, local), elapsed(local, server));
    let skew = ahead.max(behind);
    if skew <= UNNOTICED_SKEW {
        return Fact::new(About::Clock, State::Good, "agrees with the API server's");
    }
    let direction = if ahead > behind { "ahead of" } else { "behind" };
    let fact = Fact::new(
        About::Clock,
        State::Warning,
        format!("{} {direction} the API server's", Human(skew)),
    );
    if skew < HARMFUL_SKEW {
        fact
    } else {
        fact.hint(
            "set this machine's clock: tokens are refused when the clock is wrong by some minutes",
        )
    }
}

fn way_to(server: &Server) -> Fact {
    let way = match &server.proxy {
        Some(proxy) => format!("through {} of {}", proxy.address, proxy.setting),
        None => "directly".to_owned(),
    };
    Fact::new(
        About::ApiServer,
        State::Good,
        format!("{}, {way}", server.url),
    )
}

/// Says that a workload does not exist; whether it may be read is asked as a permission.
async fn workload(connection: &Connection, workload: &WorkloadRef) -> Option<Fact> {
    let Err(error) = access::find(&connection.client, workload).await else {
        let text = format!("{workload} exists");
        return Some(Fact::new(About::Workload, State::Good, text));
    };
    if error.kind() != ClusterErrorKind::NotFound {
        return None;
    }
    let hint = connection.way_in.hint(&error);
    let text = Failure::from(error).messages().join("; ");
    let fact = Fact::new(About::Workload, State::Warning, text);
    Some(match hint {
        Some(hint) => fact.hint(hint),
        None => fact,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_compared_with_the_api_servers() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let local = at("2026-01-01T00:10:00Z");
        let rows = [
            (
                "the same",
                Some("2026-01-01T00:10:00Z"),
                State::Good,
                "agrees",
            ),
            (
                "an answer that took long",
                Some("2026-01-01T00:09:56Z"),
                State::Good,
                "agrees",
            ),
            (
                "ahead",
                Some("2026-01-01T00:09:00Z"),
                State::Warning,
                "1m ahead of the API server's",
            ),
            (
                "behind",
                Some("2026-01-01T00:20:00Z"),
                State::Warning,
                "10m behind the API server's",
            ),
            (
                "no header",
                None,
                State::Unseen,
                "cannot see: the API server sent no time",
            ),
        ];
        for (says, server, state, text) in rows {
            let fact = clock(server.map(at), local);
            assert_eq!(fact.state, state, "{says}");
            assert!(fact.text.contains(text), "{says}: {}", fact.text);
            assert_eq!(fact.hint.is_some(), says == "behind", "{says}");
        }
    }

    #[test]
    fn an_identity_is_named_without_the_groups_that_everyone_has() {
        let identity = |groups: &[&str]| Identity {
            user: "5b1c".to_owned(),
            groups: groups.iter().map(|&it| it.to_owned()).collect(),
            server_time: None,
        };
        let rows: [(&[&str], &str); 3] = [
            (&["system:authenticated"], "5b1c"),
            (&["system:authenticated", "ops"], "5b1c, in groups ops"),
            (&["a", "b", "c", "d", "e", "f"], "5b1c, in 6 groups"),
        ];
        for (groups, text) in rows {
            assert_eq!(named(&identity(groups)).text, text);
        }
        assert_eq!(named(&Identity::default()).state, State::Unseen);
    }
}
