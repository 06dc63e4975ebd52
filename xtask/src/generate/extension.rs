//! `vss-extension.json`: the version is ours, all else is written by hand.

use anyhow::{Context, Result};

use super::VERSION;

const BEFORE: &str = "\n  \"version\": \"";

pub(super) fn render(present: &str) -> Result<String> {
    let (head, rest) = present.split_once(BEFORE).context("it has no version")?;
    let (_, tail) = rest.split_once('"').context("its version does not end")?;
    Ok(format!("{head}{BEFORE}{VERSION}\"{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_is_replaced() {
        let present =
            "{\n  \"manifestVersion\": 1,\n  \"version\": \"0.0.0\",\n  \"x\": \"version\"\n}\n";
        let fresh = present.replace("0.0.0", VERSION);
        assert_eq!(render(present).unwrap(), fresh);
        assert!(render("{}").is_err());
    }
}
