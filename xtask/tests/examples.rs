//! The examples in the documentation are the files that the tests run.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// A page, and the file that it shows as a whole.
const SHOWN: &[(&str, &str)] = &[("docs/health-endpoints.md", "tests/health-endpoint/web.yaml")];

#[test]
fn a_page_shows_the_file_that_the_tests_run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("no root")?;
    for (page, file) in SHOWN {
        let (text, example) = (
            fs::read_to_string(root.join(page))?,
            fs::read_to_string(root.join(file))?,
        );
        let shown = text.contains(&format!("```yaml\n{example}```\n"));
        ensure!(shown, "{page} does not show {file} as it is");
        ensure!(
            text.contains(&format!("`{file}`")),
            "{page} does not name {file}"
        );
    }
    Ok(())
}

#[test]
fn the_example_asks_the_path_that_the_application_is_given() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("no root")?;
    let example = fs::read_to_string(root.join("tests/health-endpoint/web.yaml"))?;
    let page = fs::read_to_string(root.join("docs/health-endpoints.md"))?;
    let after = |text: &'static str| {
        let (_, rest) = example.split_once(text).context(text)?;
        rest.split([' ', ',', '}']).next().context("no value")
    };
    let (path, body) = (
        after("name: HEALTH_PATH, value: ")?,
        after("name: HEALTH_BODY, value: ")?,
    );
    for (says, text, expected) in [
        ("the probe", &example, format!("httpGet: {{ path: {path}, ")),
        (
            "the check",
            &page,
            format!("--http '{path}:8080=200~^{body}$'"),
        ),
        ("the pipeline's path", &page, format!("default: {path} }}")),
        (
            "the pipeline's body",
            &page,
            format!("default: '^{body}$' }}"),
        ),
    ] {
        ensure!(text.contains(&expected), "{says}: no `{expected}`");
    }
    Ok(())
}
