//! The check of a label selector: the API server would refuse a wrong one as well, but only after
//! signing in.

use rollguard_core::label_selector::{Requirement, split};

use super::error::InputProblem;

/// Returns the text, if it is a selector.
pub(super) fn selector(text: &str) -> Result<String, InputProblem> {
    match split(text)
        .into_iter()
        .find(|it| Requirement::parse(it).is_none())
    {
        None => Ok(text.to_owned()),
        Some(wrong) => Err(InputProblem::Selector(wrong.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_read_as_kubectl_reads_it() {
        for text in [
            "app=web",
            "app==web",
            "app = web",
            "app!=web",
            "app=",
            "app",
            "!app",
            "app.kubernetes.io/name=web,tier!=db",
            "tier in (web, api),!canary",
            "tier notin (db)",
            "weight>5",
        ] {
            assert_eq!(selector(text).unwrap(), text);
        }
    }

    #[test]
    fn the_part_that_is_wrong_is_named() {
        let long = "a".repeat(64);
        let rows = [
            ("app:web", "app:web"),
            ("app=web tier=db", "app=web tier=db"),
            ("app=web,", ""),
            ("app=web,tier in (db", "tier in (db"),
            ("tier in ()", "tier in ()"),
            ("tier on (db)", "tier on (db)"),
            ("=web", "=web"),
            ("a/b/c=web", "a/b/c=web"),
            ("A_/b=web", "A_/b=web"),
            ("app=web!", "app=web!"),
            ("weight>heavy", "weight>heavy"),
            (&long, &long),
        ];
        for (text, wrong) in rows {
            match selector(text) {
                Err(InputProblem::Selector(named)) => assert_eq!(named, wrong),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
