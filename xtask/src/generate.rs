//! Writes what is derived from code, or only compares.

mod clippy_toml;
mod extension;
mod findings_doc;
mod inputs_doc;
mod lint_doc;
mod outputs_doc;
mod preflight_doc;
mod rbac_doc;
mod refusals_doc;
mod schemas;
mod task_json;
pub(crate) mod traffic_doc;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A file that is derived from code, wholly or in parts.
struct Generated {
    /// Its path from the root of the repository.
    path: &'static str,
    /// How its text is made.
    text: Text,
}

enum Text {
    /// All of it is generated.
    Whole(fn() -> String),
    /// Parts are; the rest of the present text is kept.
    Parts(fn(&str) -> Result<String>),
}

impl Text {
    fn render(&self, present: &str) -> Result<String> {
        match self {
            Self::Whole(render) => Ok(render()),
            Self::Parts(render) => render(present),
        }
    }
}

const GENERATED: &[Generated] = &[
    Generated {
        path: "task/task.json",
        text: Text::Parts(task_json::render),
    },
    Generated {
        path: "vss-extension.json",
        text: Text::Parts(extension::render),
    },
    Generated {
        path: "docs/inputs.md",
        text: Text::Whole(inputs_doc::render),
    },
    Generated {
        path: "docs/lint.md",
        text: Text::Whole(lint_doc::render),
    },
    Generated {
        path: "docs/outputs.md",
        text: Text::Whole(outputs_doc::render),
    },
    Generated {
        path: "docs/findings.md",
        text: Text::Whole(findings_doc::render),
    },
    Generated {
        path: "docs/preflight.md",
        text: Text::Whole(preflight_doc::render),
    },
    Generated {
        path: "docs/rbac.md",
        text: Text::Whole(rbac_doc::render),
    },
    Generated {
        path: "docs/doctor.schema.json",
        text: Text::Parts(schemas::doctor),
    },
    Generated {
        path: "docs/refusals.md",
        text: Text::Whole(refusals_doc::render),
    },
    Generated {
        path: "docs/report.schema.json",
        text: Text::Parts(schemas::report),
    },
    Generated {
        path: "docs/traffic.md",
        text: Text::Parts(traffic_doc::render),
    },
    Generated {
        path: "docs/rollback.schema.json",
        text: Text::Parts(schemas::rollback),
    },
    Generated {
        path: "clippy.toml",
        text: Text::Whole(clippy_toml::root),
    },
    Generated {
        path: "crates/agent/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("agent")),
    },
    Generated {
        path: "crates/azure/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("azure")),
    },
    Generated {
        path: "crates/cli/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("cli")),
    },
    Generated {
        path: "crates/cluster/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("cluster")),
    },
    Generated {
        path: "crates/core/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("core")),
    },
    Generated {
        path: "crates/lint/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("lint")),
    },
    Generated {
        path: "crates/network/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("network")),
    },
    Generated {
        path: "crates/sandbox/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("sandbox")),
    },
    Generated {
        path: "crates/stage/clippy.toml",
        text: Text::Whole(|| clippy_toml::of_crate("stage")),
    },
];

/// Writes every generated file; with `check` nothing is written, and a file that is not current is
/// an error.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for file in GENERATED {
        let path = root().join(file.path);
        let present = fs::read_to_string(&path).unwrap_or_default();
        let fresh = file
            .text
            .render(&present)
            .with_context(|| format!("failed to generate {}", file.path))?;
        if fresh == present {
            continue;
        }
        stale.push(file.path);
        if !check {
            fs::write(&path, fresh).with_context(|| format!("failed to write {}", file.path))?;
            println!("wrote {}", file.path);
        }
    }
    if check && !stale.is_empty() {
        bail!(
            "not current: {}; run `cargo xtask generate`",
            stale.join(", ")
        );
    }
    Ok(())
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The version of the workspace, which everything published has.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A row of a Markdown table.
fn row<const N: usize>(cells: [&str; N]) -> String {
    let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
    format!("| {} |\n", cells.join(" | "))
}

/// A Markdown table.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = row(head) + &row(["---"; N]);
    for cells in rows {
        table.push_str(&row(cells.each_ref().map(String::as_str)));
    }
    table
}

/// A text in Markdown's code marks; nothing for nothing.
fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("`{text}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generated_file_is_current() {
        run(true).unwrap();
    }

    #[test]
    fn generating_twice_changes_nothing() {
        for file in GENERATED {
            let present = fs::read_to_string(root().join(file.path)).unwrap();
            let once = file.text.render(&present).unwrap();
            assert_eq!(file.text.render(&once).unwrap(), once, "{}", file.path);
        }
    }

    #[test]
    fn cells_of_a_table_stay_in_their_column() {
        assert_eq!(row(["a|b", "c\nd"]), "| a\\|b | c d |\n");
    }
}
