//! Who says yes; and that what they said yes to still is what would be done.

use async_trait::async_trait;
use rollguard_agent::Outcome;
use rollguard_core::report::{Line, Style, release_lines};
use rollguard_core::rollback::PreparedRollback;
use rollguard_core::rollback::execution::Conclusion;

use super::{Case, RolledBack, prepared, show};
use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::prompt;
use crate::run::tools::Tools;

/// Who says yes.
#[async_trait]
pub trait Consent {
    /// Whether the plan may be carried out.
    async fn given(&self, question: &str, console: &mut Console) -> bool;

    /// Whether somebody is asked, who takes a while.
    fn takes_time(&self) -> bool {
        true
    }
}

/// A yes that was given before: `--yes`, or an approval in the pipeline.
pub struct Given;

#[async_trait]
impl Consent for Given {
    async fn given(&self, _: &str, _: &mut Console) -> bool {
        true
    }

    fn takes_time(&self) -> bool {
        false
    }
}

/// The person at the terminal.
pub struct Asked {
    /// When to stop waiting for an answer.
    pub cancel: Cancel,
}

#[async_trait]
impl Consent for Asked {
    async fn given(&self, question: &str, console: &mut Console) -> bool {
        prompt::yes_or_no(question, console, &self.cancel).await
    }
}

/// What came of asking.
pub(super) enum Consented {
    /// To be carried out.
    Go(Box<PreparedRollback>),
    /// The cluster is not as it was shown any more.
    Stop(Box<RolledBack>),
}

/// Asks, where something would be changed and nobody has said yes before. After an answer that took a
/// while everything is looked at again: what is done must be what was shown.
pub(super) async fn consented(
    case: &Case<'_>,
    shown: PreparedRollback,
    tools: &mut Tools<'_>,
) -> Result<Consented, Failure> {
    let consent = case.how.consent;
    if !shown.changes_something() || !consent.takes_time() {
        return Ok(Consented::Go(Box::new(shown)));
    }
    let question = show::question(&shown.release);
    let given = consent.given(&question, tools.console);
    if !tools.cancel.unless(given).await? {
        return Err(Failure::new(Outcome::Cancelled, "not confirmed").unchanged());
    }
    let now = prepared(case, tools).await?;
    if now.release.is_as(&shown.release) && !now.release.is_refused() {
        return Ok(Consented::Go(Box::new(now)));
    }
    // What another run did meanwhile is shown as well, but for plans that nobody has seen.
    if now.release.plans.is_empty() || now.release.is_refused() {
        tools.console.lines(&release_lines(&now.release));
    }
    if let Some(conclusion) = Conclusion::refused(&now.release) {
        let refused = RolledBack::new(conclusion, now.release);
        return Ok(Consented::Stop(Box::new(refused)));
    }
    if now.release.plans.is_empty() {
        return Ok(Consented::Go(Box::new(now)));
    }
    let text = "the plan is no longer the one that was shown; nothing was changed";
    tools.console.line(&Line::styled(Style::Warn, text));
    let superseded = RolledBack::new(Conclusion::superseded(text), now.release);
    Ok(Consented::Stop(Box::new(superseded)))
}
