//! The page of a run in a browser, in the style of Azure Pipelines' Extensions tab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pulldown_cmark::{Options, Parser, html as render};

/// How wide the pages are, in CSS pixels: a window beside others, and a phone.
pub(super) const WIDTHS: [u32; 2] = [1100, 500];

#[derive(Debug, Clone, Copy)]
pub(super) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(super) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

const STYLE: &str = "
:root { --text: #1f2328; --dim: #59636e; --back: #ffffff; --code: #f0f1f3; --line: #d1d9e0; --link: #0969da; }
.dark { --text: #f0f2f5; --dim: #a0a8b2; --back: #1b1a19; --code: #2b2a29; --line: #484644; --link: #4ea1ff; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 14px/1.5 'Segoe UI', 'Liberation Sans', sans-serif; overflow-wrap: break-word; }
main { padding: 16px 24px; }
h2 { font-size: 21px; margin: 4px 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
h3 { font-size: 17px; margin: 22px 0 8px; }
p, ul { margin: 8px 0; }
ul { padding-left: 24px; }
li { margin: 3px 0; }
code { font: 12.5px 'Liberation Mono', monospace; background: var(--code); padding: 1px 5px; border-radius: 4px; }
pre { background: var(--code); padding: 10px 12px; border-radius: 6px; overflow-x: auto; }
pre code { padding: 0; background: none; }
table { border-collapse: collapse; margin: 10px 0; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: 4px 10px; text-align: left; vertical-align: top; }
th { background: var(--code); font-weight: 600; }
summary { cursor: pointer; margin: 16px 0 8px; }
";

/// The page as a document that says how high it is.
pub(super) fn html(markdown: &str, theme: Theme) -> String {
    let mut body = String::new();
    render::push_html(&mut body, Parser::new_ext(markdown, Options::ENABLE_TABLES));
    let theme = theme.as_str();
    format!(
        "<!doctype html><html class=\"{theme}\"><meta charset=\"utf-8\"><style>{STYLE}</style>\
         <body><main>{body}</main><script>document.documentElement.dataset.height = \
         Math.ceil(document.querySelector('main').getBoundingClientRect().height);</script></html>"
    )
}

/// Draws it as wide as given and as high as it is.
pub(super) fn shoot(html: &str, width: u32, work: &Path) -> Result<PathBuf> {
    let page = work.join("page.html");
    let picture = work.join("page.png");
    fs::write(&page, html).context("failed to write the page")?;
    let dom = chromium(width, 800, &["--dump-dom", &address(&page)])?;
    let height = dom
        .split_once("data-height=\"")
        .and_then(|(_, rest)| rest.split_once('"')?.0.parse().ok())
        .context("the browser did not say how high the page is")?;
    let to = format!("--screenshot={}", picture.display());
    chromium(width, height, &[&to, &address(&page)])?;
    Ok(picture)
}

fn address(page: &Path) -> String {
    format!("file://{}", page.display())
}

fn chromium(width: u32, height: u32, arguments: &[&str]) -> Result<String> {
    let size = format!("--window-size={width},{height}");
    let ran = Command::new("chromium")
        .args(["--headless", "--disable-gpu", "--hide-scrollbars", &size])
        // It runs as root in a container, and sees only the page that was written here.
        .args(["--no-sandbox", "--disable-dev-shm-usage"])
        .args(arguments)
        .output()
        .context("failed to run chromium")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "chromium failed: {said}");
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_folded_parts_are_drawn_as_the_run_page_draws_them() {
        let markdown =
            "## A\n\n| a |\n| --- |\n| b |\n\n<details><summary>T</summary>\n\nx\n\n</details>\n";
        let page = html(markdown, Theme::Dark);
        for part in ["<html class=\"dark\">", "<td>b</td>", "<details><summary>T"] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
