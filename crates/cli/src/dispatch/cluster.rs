//! From a command line to an open cluster.

use rollguard_agent::inputs::{AKS_CLUSTER, ClusterTarget, Inputs};
use rollguard_cluster::{Connection, Impersonation, Login, SignIn, WayIn, connect};
use rollguard_core::permission::DoctorCommand;
use rollguard_core::report::{Line, Style};

use super::App;
use crate::args::raw_cluster;
use crate::connect::{ARM, Developer};
use crate::connection_options::connection_options;
use crate::console::Console;
use crate::failure::Failure;
use crate::run::doctor::Survey;

/// Returns both results; where both are failures, all that is wrong is said at once.
pub(super) fn all_right<A, B>(
    one: Result<A, Failure>,
    other: Result<B, Failure>,
) -> Result<(A, B), Failure> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(failure), Err(other)) => {
            let messages = failure.messages().into_iter().chain(other.messages());
            let mut both = Failure::of(failure.outcome, messages.collect());
            both.hint = failure.hint.or(other.hint);
            Err(both)
        }
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
    }
}

/// The ways to a cluster for someone who has no kubeconfig.
const WITHOUT_KUBECONFIG: &str = "name one with --kubeconfig or KUBECONFIG, or name the cluster in Azure with --aks-name, --aks-rg and \
                                  --aks-subscription";

impl App<'_> {
    /// Reads the AKS cluster of a command that shares nothing else with the task; `None`: that of the kubeconfig.
    pub(super) fn cluster(&self) -> Result<Option<ClusterTarget>, Failure> {
        Ok(Inputs::parse(&raw_cluster(self.matches))?.cluster)
    }

    /// Returns how the person comes to the cluster.
    pub(super) fn way_in(&self) -> WayIn {
        let name = self.matches.try_get_one::<String>(AKS_CLUSTER.name);
        let through_azure = name.ok().flatten().is_some();
        WayIn {
            sign_in: if through_azure {
                SignIn::Developer
            } else {
                SignIn::Kubeconfig
            },
            doctor: DoctorCommand::CommandLine {
                options: connection_options(self.matches),
            },
            impersonated: self.impersonation().map(|it| it.in_words()),
            outage: None,
        }
    }

    /// Returns on whose behalf requests are made.
    fn impersonation(&self) -> Option<Impersonation> {
        let text = |name: &str| {
            let text = self.matches.try_get_one::<String>(name);
            text.ok().flatten().cloned()
        };
        let groups = self.matches.try_get_many::<String>("as-group");
        let groups = groups.ok().flatten().into_iter().flatten();
        Some(Impersonation {
            user: text("as")?,
            groups: groups.cloned().collect(),
            uid: text("as-uid"),
        })
    }

    pub(super) fn on_behalf(&self, login: Login) -> Login {
        match self.impersonation() {
            Some(whom) => login.on_behalf_of(whom),
            None => login,
        }
    }

    /// As kubectl does, a pod without a kubeconfig signs in with its own service account. Unlike there, one that is named
    /// and does not exist is a mistake: another identity than the one that was meant would sign in, perhaps elsewhere.
    fn login_of_pod(&self, console: &mut Console) -> Result<Option<Login>, Failure> {
        let named = self.text("kubeconfig").or_else(|| self.text("context"));
        let is_named = named.is_some() || self.environment.names_kubeconfig();
        if is_named || self.kubeconfig().iter().any(|path| path.exists()) {
            return Ok(None);
        }
        let login = self.environment.in_cluster(|| self.network())?;
        if login.is_some() {
            let line = "no kubeconfig: signing in with the service account of this pod";
            console.line(&Line::styled(Style::Dim, line));
        }
        Ok(login.map(|it| self.on_behalf(it)))
    }

    /// Signs in and connects.
    pub(super) async fn connect(
        &self,
        cluster: Option<&ClusterTarget>,
        console: &mut Console,
    ) -> Result<Connection, Failure> {
        let now = self.environment.now();
        let connected = if let Some(ClusterTarget::Aks(target)) = cluster {
            let developer = self.developer()?;
            let connecting = developer.connect(target, console, now);
            self.cancel.unless(connecting).await??
        } else {
            let of_pod = self.login_of_pod(console)?;
            let is_missing =
                of_pod.is_none() && !self.kubeconfig().iter().any(|path| path.exists());
            let login = of_pod.map_or_else(|| self.login(), Ok)?;
            // In a task of its own: a kubeconfig may be a pipe, and reading it blocks.
            let connecting = tokio::spawn(async move { connect(&login, now).await });
            let connected = self.cancel.unless(connecting).await?;
            let connected = connected
                .map_err(anyhow::Error::from)?
                .map_err(Failure::from);
            connected.map_err(|it| {
                if is_missing {
                    it.hint(WITHOUT_KUBECONFIG)
                } else {
                    it
                }
            })?
        };
        let outage = connected.way_in.outage.clone();
        let way_in = self.way_in();
        Ok(Connection {
            way_in: WayIn { outage, ..way_in },
            ..connected
        })
    }

    fn developer(&self) -> Result<Developer<'_>, Failure> {
        Ok(Developer {
            arm: self.text("arm-endpoint").unwrap_or(ARM),
            withheld: self.environment.programs().withheld,
            network: self.network()?,
            whom: self.impersonation(),
        })
    }

    /// Gathers what is known about the cluster before it is asked.
    pub(super) async fn survey(&self, cluster: Option<&ClusterTarget>) -> Result<Survey, Failure> {
        let settings = self.environment.network_settings();
        let Some(ClusterTarget::Aks(target)) = cluster else {
            return Ok(Survey::of_kubeconfig(&settings));
        };
        // Connecting tells what is wrong with the settings.
        let Ok(developer) = self.developer() else {
            return Ok(Survey::default());
        };
        let surveying = developer.survey(target, &settings);
        self.cancel.unless(surveying).await
    }
}
