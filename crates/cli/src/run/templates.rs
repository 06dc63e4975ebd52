//! `rollguard templates`: the templates that are compiled into the binary.

use std::path::Path;

use anyhow::Context;
use rollguard_agent::Outcome;
use rollguard_core::report::{Line, Style};
use rollguard_stage::SHIPPED;

use crate::console::Console;
use crate::failure::Failure;

/// Names the templates.
pub(crate) fn list(console: &mut Console) -> Outcome {
    for (path, _) in SHIPPED {
        console.document(path);
    }
    Outcome::Succeeded
}

/// Writes the templates below a folder. A file that is there and differs is not overwritten, and nothing is
/// written then: they belong together.
pub(crate) fn export(folder: &Path, console: &mut Console) -> Result<Outcome, Failure> {
    for (path, text) in SHIPPED {
        let target = folder.join(path);
        if std::fs::read_to_string(&target).is_ok_and(|known| known != *text) {
            let message = format!("`{}` exists and differs", target.display());
            return Err(Failure::new(Outcome::BadInput, message)
                .hint("move it away, or export to another folder"));
        }
    }
    for (path, text) in SHIPPED {
        let target = folder.join(path);
        let parent = target.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("failed to create `{}`", parent.display()))?;
        std::fs::write(&target, text)
            .with_context(|| format!("failed to write `{}`", target.display()))?;
        console.line(
            &Line::styled(Style::Good, "wrote ").then(Style::Plain, target.display().to_string()),
        );
    }
    Ok(Outcome::Succeeded)
}
