//! Which API version to take when ours is not served.

/// The served version nearest to `ours` that is no preview: the newest that is older, else the
/// oldest that is newer.
///
/// Older first, because a newer version may mean something else; a sovereign cloud lags behind.
/// Newer at all, because AKS retires versions and `ours` will be older than all of them one day.
pub(super) fn fallback<'a>(ours: &str, served: &'a [String]) -> Option<&'a str> {
    let stable = || {
        served
            .iter()
            .map(String::as_str)
            .filter(|version| is_date(version))
    };
    // Versions are ISO dates: their order as text is their order in time.
    let older = stable().filter(|version| *version < ours).max();
    older.or_else(|| stable().filter(|version| *version > ours).min())
}

fn is_date(version: &str) -> bool {
    version.len() == 10
        && version.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_stable_version_is_taken() {
        let rows: [(&str, &[&str], Option<&str>); 6] = [
            (
                "a cloud that lags",
                &["2024-05-01", "2025-05-01", "2023-01-01"],
                Some("2025-05-01"),
            ),
            (
                "ours was retired",
                &["2027-02-01", "2026-09-01"],
                Some("2026-09-01"),
            ),
            (
                "previews are left alone",
                &["2025-09-02-preview", "2024-05-01"],
                Some("2024-05-01"),
            ),
            ("only previews", &["2025-09-02-preview"], None),
            ("ours itself is no news", &["2025-10-01"], None),
            (
                "not a version",
                &["latest", "2025-10-1&x=y", "2025/01/01"],
                None,
            ),
        ];
        for (row, served, expected) in rows {
            let served: Vec<_> = served.iter().map(|version| (*version).to_owned()).collect();
            assert_eq!(fallback("2025-10-01", &served), expected, "{row}");
        }
    }
}
