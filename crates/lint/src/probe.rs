//! Rules about probes beyond their being there: what is asked twice, and what the arithmetic forbids.

use std::time::Duration;

use rollguard_core::duration::{self, Human};
use rollguard_core::probe::{Kill, Killer, Probes, Settings, Timing, Window};

use crate::code::LintCode;
use crate::field::Scope;
use crate::finding::Findings;
use crate::pod::{Container, Pod, Role};
use crate::severity::Severity;
use crate::yaml::{NodeRef, Value};

/// The annotation that says how long the application takes until it answers its readiness probe.
pub(crate) const STARTUP_TIME: &str = "rollguard.dev/startup-time";

/// How many times more patient the liveness probe must be to ask the same as the readiness probe: Kubernetes'
/// documentation recommends the same request "but with a higher failureThreshold".
const PATIENCE: u32 = 3;

/// Words in the path of a probe that asks for more than the process itself.
const DEPENDENCIES: [&str; 9] = [
    "db",
    "database",
    "deps",
    "dependencies",
    "dependency",
    "full",
    "ready",
    "readiness",
    "readyz",
];

/// Judges the probes of a pod; `startup_time` is how long its application takes until it answers.
pub(crate) fn judge(pod: &Pod<'_>, startup_time: Option<Duration>, findings: &mut Findings) {
    let runs_on = |it: &&Container<'_>| matches!(it.role, Role::Regular | Role::Sidecar);
    for container in pod.containers.iter().filter(runs_on) {
        let probes = ContainerProbes::of(container);
        probes.timeouts(findings);
        probes.same(findings);
        probes.dependency(findings);
        // A sidecar is not the application whose start is known.
        let known = startup_time.filter(|_| container.role == Role::Regular);
        match known {
            Some(known) => probes.known_start(known, findings),
            None => probes.contradiction(findings),
        }
    }
}

/// Reads how long the application takes from the annotations of an object.
///
/// # Errors
/// When the annotation is not a duration.
pub(crate) fn startup_time(annotations: Option<&Scope<'_>>) -> Result<Option<Duration>, String> {
    let field = annotations.and_then(|it| it.node().get(STARTUP_TIME));
    let Some(text) = field.and_then(|it| it.value.written()) else {
        return Ok(None);
    };
    duration::parse(text).map(Some).map_err(|it| it.to_string())
}

/// A probe of a container.
struct Probe<'d> {
    scope: Scope<'d>,
    timing: Timing,
}

struct ContainerProbes<'a, 'd> {
    container: &'a Container<'d>,
    startup: Option<Probe<'d>>,
    readiness: Option<Probe<'d>>,
    liveness: Option<Probe<'d>>,
}

impl<'a, 'd> ContainerProbes<'a, 'd> {
    fn of(container: &'a Container<'d>) -> Self {
        let probe = |field: &str| {
            let scope = container.scope.below(field)?;
            let int = |name: &str| scope.at(name).int();
            let timing = Timing::new(Settings {
                initial_delay: int("initialDelaySeconds"),
                period: int("periodSeconds"),
                timeout: int("timeoutSeconds"),
                failures: int("failureThreshold"),
                successes: int("successThreshold"),
            });
            Some(Probe { scope, timing })
        };
        Self {
            container,
            startup: probe("startupProbe"),
            readiness: probe("readinessProbe"),
            liveness: probe("livenessProbe"),
        }
    }

    fn name(&self) -> &'d str {
        self.container.name
    }

    fn timeouts(&self, findings: &mut Findings) {
        for (kind, probe) in [
            ("startup", &self.startup),
            ("readiness", &self.readiness),
            ("liveness", &self.liveness),
        ] {
            let Some(Probe { scope, timing }) = probe else {
                continue;
            };
            if timing.timeout > timing.period {
                let name = self.name();
                let message = format!(
                    "the {kind} probe of container \"{name}\" may take {}, longer than its period of {}",
                    Human(timing.timeout),
                    Human(timing.period)
                );
                let field = scope.at("timeoutSeconds");
                findings
                    .add(LintCode::TimeoutLongerThanPeriod, &field, message)
                    .of_container(name);
            }
        }
    }

    /// Returns whether liveness and readiness ask the same.
    fn ask_the_same(&self) -> bool {
        let request = |probe: &Option<Probe<'d>>| {
            let probe = probe.as_ref()?;
            Request::of(self.container, &probe.scope)
        };
        let liveness = request(&self.liveness);
        liveness.is_some() && liveness == request(&self.readiness)
    }

    fn same(&self, findings: &mut Findings) {
        let (Some(liveness), Some(readiness)) = (&self.liveness, &self.readiness) else {
            return;
        };
        let patience = |timing: Timing| timing.period.saturating_mul(timing.failures);
        let enough = patience(readiness.timing).saturating_mul(PATIENCE);
        if self.ask_the_same() && patience(liveness.timing) < enough {
            let name = self.name();
            let message = format!(
                "liveness and readiness of container \"{name}\" ask the same, and liveness gives up after {}, readiness after {}",
                Human(patience(liveness.timing)),
                Human(patience(readiness.timing))
            );
            let field = liveness.scope.itself();
            findings
                .add(LintCode::SameProbe, &field, message)
                .of_container(name);
        }
    }

    fn dependency(&self, findings: &mut Findings) {
        let Some(liveness) = &self.liveness else {
            return;
        };
        let field = liveness.scope.at("httpGet.path");
        let path = field.text().unwrap_or_default();
        let mut words = path.split(|c: char| !c.is_ascii_alphanumeric());
        let is_one = |word: &str| {
            let lower = word.to_ascii_lowercase();
            DEPENDENCIES.contains(&lower.as_str())
        };
        if let Some(word) = words.find(|it| is_one(it)) {
            let name = self.name();
            let message = format!(
                "the liveness probe of container \"{name}\" asks {path}, and \"{word}\" sounds like more than the process itself"
            );
            findings
                .add(LintCode::LivenessAsksDependency, &field, message)
                .of_container(name);
        }
    }

    /// Finds a liveness probe that gives up before the readiness probe, which asks the same, even begins.
    fn contradiction(&self, findings: &mut Findings) {
        let (Some(liveness), Some(readiness), None) =
            (&self.liveness, &self.readiness, &self.startup)
        else {
            return;
        };
        let begins = readiness.timing.initial_delay;
        let window = liveness.timing.gives_up();
        if begins >= window.latest && self.ask_the_same() {
            let name = self.name();
            let message = format!(
                "the liveness probe of container \"{name}\" gives up {} after its start, but readiness, which asks the same, expects no answer before {}",
                span(window),
                Human(begins)
            );
            let fix = startup_probe(liveness.timing, begins);
            findings
                .add(
                    LintCode::LivenessKillsStart,
                    &liveness.scope.itself(),
                    message,
                )
                .of_container(name)
                .with_severity(Severity::Warning)
                .fixed_by(fix);
        }
    }

    /// Judges the probes by how long the application takes until it answers its readiness probe.
    fn known_start(&self, answers: Duration, findings: &mut Findings) {
        // What another request is answered to is not known.
        let liveness = self.liveness.as_ref();
        let liveness = liveness.filter(|_| self.readiness.is_none() || self.ask_the_same());
        let timing = |probe: Option<&Probe<'_>>| probe.map(|it| it.timing);
        let probes = Probes {
            startup: timing(self.startup.as_ref()),
            readiness: timing(self.readiness.as_ref()),
            liveness: timing(liveness),
        };
        if let Some(kill) = probes.kill(answers) {
            self.killed(kill, answers, findings);
        }
        let ready = probes.ready(answers).filter(|_| self.readiness.is_some());
        if let (Some(ready), Some(readiness)) = (ready, &self.readiness) {
            let name = self.name();
            let message = format!(
                "container \"{name}\" is ready {} after its start: a check needs a timeout above {}",
                span(ready),
                Human(ready.latest)
            );
            let fix = format!(
                "rollguard check --timeout: more than {}",
                Human(ready.latest)
            );
            findings
                .add(LintCode::NeedsTimeout, &readiness.scope.itself(), message)
                .of_container(name)
                .fixed_by(fix);
        }
    }

    fn killed(&self, kill: Kill, answers: Duration, findings: &mut Findings) {
        let by = match kill.by {
            Killer::Startup => self.startup.as_ref(),
            Killer::Liveness => self.liveness.as_ref(),
        };
        let Some(by) = by else { return };
        let name = self.name();
        let (probe, fix) = match kill.by {
            Killer::Liveness => ("liveness", startup_probe(by.timing, answers)),
            Killer::Startup => {
                let (period, failures) = covering(by.timing, answers);
                let fix = format!(
                    "raise its failureThreshold to {failures}: {failures} × {}s covers the start twice",
                    period.as_secs()
                );
                ("startup", fix)
            }
        };
        let (how, severity) = if kill.certain {
            ("kills every start of", Severity::Error)
        } else {
            ("may kill the start of", Severity::Warning)
        };
        let message = format!(
            "the {probe} probe {how} container \"{name}\" {} after it began: the application answers after {}",
            span(kill.window),
            Human(answers)
        );
        findings
            .add(LintCode::LivenessKillsStart, &by.scope.itself(), message)
            .of_container(name)
            .with_severity(severity)
            .fixed_by(fix);
    }
}

/// Returns a window in words.
fn span(window: Window) -> String {
    format!("{} to {}", Human(window.earliest), Human(window.latest))
}

/// Returns a period and a failure threshold that cover a start twice.
fn covering(timing: Timing, answers: Duration) -> (Duration, u64) {
    let period = timing.period;
    let needed = answers.saturating_mul(2).as_secs();
    (period, needed.div_ceil(period.as_secs().max(1)).max(1))
}

/// Returns the startupProbe that lets an application start which takes so long.
fn startup_probe(liveness: Timing, answers: Duration) -> String {
    let (period, failures) = covering(liveness, answers);
    let period = period.as_secs();
    format!(
        "add a startupProbe with the same request, periodSeconds: {period} and failureThreshold: {failures}, which allow {}",
        Human(Duration::from_secs(period.saturating_mul(failures)))
    )
}

/// The request of a probe, comparable with another one of the same container.
#[derive(Debug, PartialEq)]
enum Request<'d> {
    Http(Http<'d>),
    Tcp(Port<'d>),
    Exec(Vec<&'d str>),
    Grpc { port: Port<'d>, service: &'d str },
}

#[derive(Debug, PartialEq)]
struct Http<'d> {
    port: Port<'d>,
    path: &'d str,
    scheme: String,
    host: &'d str,
    headers: Vec<String>,
}

/// A port, by its number where that is known: two names of one port are the same.
#[derive(Debug, PartialEq)]
enum Port<'d> {
    Number(i64),
    Name(&'d str),
    Absent,
}

impl<'d> Port<'d> {
    fn of(container: &Container<'d>, value: Option<Value<'d>>) -> Self {
        match value {
            Some(Value::Int(number)) => Self::Number(number),
            Some(Value::Text(name)) => {
                let ports = container.scope.items("ports");
                let declared = ports.iter().find(|it| it.at("name").text() == Some(name));
                let number = declared.and_then(|it| it.at("containerPort").int());
                let number = number.or_else(|| name.parse().ok());
                number.map_or(Self::Name(name), Self::Number)
            }
            _ => Self::Absent,
        }
    }
}

impl<'d> Request<'d> {
    fn of(container: &Container<'d>, probe: &Scope<'d>) -> Option<Self> {
        let port = |path: &str| Port::of(container, probe.at(path).value());
        let text = |path: &str| probe.at(path).text().unwrap_or_default();
        if probe.at("httpGet").is_set() {
            let headers = probe.items("httpGet.httpHeaders");
            let header = |it: &Scope<'d>| {
                let text = |name: &str| it.at(name).written().unwrap_or_default();
                format!("{}: {}", text("name").to_ascii_lowercase(), text("value"))
            };
            let scheme = text("httpGet.scheme").to_ascii_uppercase();
            return Some(Self::Http(Http {
                port: port("httpGet.port"),
                path: match text("httpGet.path") {
                    "" => "/",
                    path => path,
                },
                scheme: if scheme.is_empty() {
                    "HTTP".to_owned()
                } else {
                    scheme
                },
                host: text("httpGet.host"),
                headers: headers.iter().map(header).collect(),
            }));
        }
        if probe.at("tcpSocket").is_set() {
            return Some(Self::Tcp(port("tcpSocket.port")));
        }
        if probe.at("grpc").is_set() {
            return Some(Self::Grpc {
                port: port("grpc.port"),
                service: text("grpc.service"),
            });
        }
        let command = probe.at("exec.command").node()?;
        let words = command.items().filter_map(NodeRef::written);
        Some(Self::Exec(words.collect()))
    }
}
