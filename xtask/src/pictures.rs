//! Draws the pictures of the documentation from a drill on the embedded cluster: nothing in them is made up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::generate::root;
use crate::test::{Package, install};

mod page;
mod terminal;

/// The browser, and fonts for it.
const PACKAGES: &[Package] = &[
    ("chromium", &["/usr/bin/chromium"]),
    (
        "fonts-liberation",
        &["/usr/share/fonts/truetype/liberation"],
    ),
    (
        "fonts-noto-color-emoji",
        &["/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"],
    ),
];

/// The size of the terminal that is drawn.
const COLUMNS: usize = 118;

/// The largest picture, in bytes: they are part of the repository.
const LARGEST: u64 = 200_000;

/// Runs a drill, and draws its terminal and the page of its failed check.
///
/// # Errors
/// When the drill or the browser fails, or a picture becomes too large.
pub(crate) fn run() -> Result<()> {
    install(PACKAGES)?;
    let work = root().join("target/pictures");
    let pages = work.join("pages");
    if pages.exists() {
        fs::remove_dir_all(&pages).context("failed to remove the former pages")?;
    }
    fs::create_dir_all(&pages).context("failed to make a folder for the pages")?;
    let pictures = root().join("docs/pictures");
    fs::create_dir_all(&pictures).context("failed to make docs/pictures")?;
    let recorded = drill(&pages)?;
    let drawn = terminal::svg(&recorded, COLUMNS);
    write(&pictures.join("drill.svg"), &drawn)?;
    let markdown = fs::read_to_string(failed_page(&pages)?).context("failed to read the page")?;
    for theme in page::Theme::ALL {
        for width in page::WIDTHS {
            let html = page::html(&markdown, theme);
            let picture = page::shoot(&html, width, &work)
                .with_context(|| format!("failed to draw the page, {width} wide"))?;
            let name = format!("page-{}-{width}.png", theme.as_str());
            // Only the wide ones are shown; the narrow ones are for those who change the page.
            let folder = if width == page::WIDTHS[0] {
                &pictures
            } else {
                &work
            };
            let to = folder.join(name);
            fs::copy(&picture, &to)
                .with_context(|| format!("failed to write `{}`", to.display()))?;
            println!("{}", to.display());
        }
    }
    small(&pictures)
}

/// The output of a drill at a terminal, as the terminal gets it.
fn drill(pages: &Path) -> Result<String> {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--package", "rollguard"])
        .current_dir(root())
        .status()
        .context("failed to run cargo")?;
    ensure!(built.success(), "failed to build rollguard: {built}");
    let command = format!(
        "stty cols {COLUMNS} rows 60; {} drill --approve --pages {}",
        root().join("target/debug/rollguard").display(),
        pages.display()
    );
    println!("running a drill");
    let ran = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .output()
        .context("failed to run script(1)")?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    ensure!(ran.status.success(), "the drill failed:\n{text}");
    Ok(text)
}

/// The page of the check that failed: the only one of its job.
fn failed_page(pages: &Path) -> Result<PathBuf> {
    let of_job = pages.join("AksDeploymentHealthCheck");
    let entries = fs::read_dir(of_job).context("failed to list the pages")?;
    let mut pages = entries
        .filter_map(|it| Some(it.ok()?.path()))
        .filter(|it| it.extension().is_some_and(|it| it == "md"));
    pages.next().context("the drill left no page")
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

fn small(pictures: &Path) -> Result<()> {
    for entry in fs::read_dir(pictures).context("failed to list docs/pictures")? {
        let entry = entry.context("failed to list docs/pictures")?;
        let size = entry.metadata().context("failed to read a size")?.len();
        let name = entry.file_name();
        ensure!(
            size <= LARGEST,
            "docs/pictures/{} has {size} bytes, at most {LARGEST} are allowed",
            name.to_string_lossy()
        );
    }
    Ok(())
}
