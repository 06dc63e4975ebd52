//! The runs of a case, carried out by a tool.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rollguard_tests::faulty::{Fault, Faulty, Moment, Trap};
use rollguard_tests::front::Asked;
use tempfile::NamedTempFile;

use super::case::{Interference, Run, Who};
use super::case_namespace::CaseNamespace;
use super::left::Left;
use super::tool::{Asks, Told, Tool};

/// The result of a run.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// One, or two that ran at once.
    pub(crate) told: Vec<Told>,
    pub(crate) left: Left,
}

/// The result of a whole case.
pub(crate) struct Acted {
    pub(crate) namespace: String,
    pub(crate) before: Left,
    pub(crate) done: Vec<Done>,
    /// What was written through the proxy, where there was one.
    pub(crate) writes: Vec<Asked>,
}

/// Carries out all runs of the case.
pub(crate) async fn act(
    namespace: &CaseNamespace,
    tool: Tool,
    evidence: Option<&Path>,
) -> Result<Acted> {
    let before = namespace.left().await?;
    let (mut done, mut writes) = (Vec::new(), Vec::new());
    let mut interference = namespace.case.interference;
    for run in namespace.case.runs {
        let way = Way::to(namespace, interference).await?;
        let asks = Asks {
            namespace,
            run,
            kubeconfig: &way.kubeconfig,
            evidence,
            killed_by: way.killer(interference),
        };
        done.push(one_run(tool, asks, interference).await?);
        writes.extend(way.faulty.iter().flat_map(Faulty::writes));
        interference = Interference::None;
    }
    Ok(Acted {
        namespace: namespace.name.clone(),
        before,
        done,
        writes,
    })
}

async fn one_run(tool: Tool, asks: Asks<'_>, interference: Interference) -> Result<Done> {
    let told = match interference {
        Interference::TwoRuns => {
            let (one, other) = tokio::try_join!(tool.roll_back(asks), tool.roll_back(asks))?;
            vec![one, other]
        }
        Interference::None | Interference::ApiFault(_) | Interference::Killed(_) => {
            vec![tool.roll_back(asks).await?]
        }
    };
    let left = asks.namespace.left().await?;
    Ok(Done { told, left })
}

/// How the API server is reached.
struct Way {
    kubeconfig: PathBuf,
    faulty: Option<Faulty>,
    _looker: Option<NamedTempFile>,
}

impl Way {
    async fn to(namespace: &CaseNamespace, interference: Interference) -> Result<Self> {
        if namespace.case.who == Who::Looker {
            let looker = namespace.looker().await?;
            return Ok(Self {
                kubeconfig: looker.path().to_owned(),
                faulty: None,
                _looker: Some(looker),
            });
        }
        let trap = match interference {
            Interference::None => None,
            Interference::ApiFault(trap) | Interference::Killed(trap) => Some(trap),
            Interference::TwoRuns => Some(Trap::once(Moment::Patch, Fault::Meeting(2))),
        };
        let faulty = Faulty::start(namespace.client.clone(), trap).await?;
        Ok(Self {
            kubeconfig: faulty.kubeconfig().to_owned(),
            faulty: Some(faulty),
            _looker: None,
        })
    }

    fn killer(&self, interference: Interference) -> Option<&Faulty> {
        let kills = matches!(interference, Interference::Killed(_));
        self.faulty.as_ref().filter(|_| kills)
    }
}

/// A run that is as expected, or what is not.
pub(crate) fn expect(run: &Run, before: &Left, done: &Done) -> Result<(), String> {
    let all: String = done.told.iter().map(Told::text).collect();
    for told in &done.told {
        if told.code() != run.code {
            return Err(format!(
                "exit code {}, not {}\n{all}",
                told.code(),
                run.code
            ));
        }
    }
    if let Some(part) = run.tells.iter().find(|part| !all.contains(**part)) {
        return Err(format!("`{part}` is not told\n{all}"));
    }
    if all.contains(super::workload_version::SECRET) {
        return Err(format!("a secret value is shown\n{all}"));
    }
    let left = &done.left;
    let changes = left.generation - before.generation;
    if changes != run.changes {
        return Err(format!(
            "changed {changes} times, not {}\n{all}",
            run.changes
        ));
    }
    if changes == 0 && (&left.spec, &left.annotations) != (&before.spec, &before.annotations) {
        return Err(format!("the workload was changed: {left:?}\n{all}"));
    }
    if !is_right(run, left) {
        return Err(format!("it leaves {}, not {run:?}\n{all}", left.says()));
    }
    Ok(())
}

/// Returns whether the cluster is left as it should be, by either tool.
pub(crate) fn is_right(run: &Run, left: &Left) -> bool {
    let pods = |ready| left.ready(run.version) == ready && left.others() == 0;
    left.version() == run.version && run.ready.is_none_or(pods)
}
