//! Levels: which rules hold, and for which version of Kubernetes.

use std::fmt;

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The ten practices, and what is bound to fail.
    Practices,
    /// Pod Security Standard `baseline`.
    Baseline,
    /// Pod Security Standard `restricted`.
    Restricted,
    /// Deployment Safeguards of AKS, which AKS Automatic enforces, with `baseline`.
    AksSafeguards,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 4] = [
        Self::Practices,
        Self::Baseline,
        Self::Restricted,
        Self::AksSafeguards,
    ];

    /// Returns its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Practices => "practices",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
            Self::AksSafeguards => "aks-safeguards",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A minor version of Kubernetes 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion(u32);

impl KubernetesVersion {
    /// The newest version whose rules are known.
    pub const LATEST: Self = Self(37);
    /// The oldest version that a user can choose.
    pub const OLDEST: Self = Self(25);

    /// Makes version 1.`minor`.
    #[must_use]
    pub const fn minor(minor: u32) -> Self {
        Self(minor)
    }

    /// Reads `1.33`, or `latest`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(Self::LATEST);
        }
        let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.")?;
        let version = Self(minor.parse().ok()?);
        (Self::OLDEST..=Self::LATEST)
            .contains(&version)
            .then_some(version)
    }

    /// Returns whether this is 1.`minor` or newer.
    #[must_use]
    pub const fn at_least(self, minor: u32) -> bool {
        self.0 >= minor
    }
}

impl Default for KubernetesVersion {
    fn default() -> Self {
        Self::LATEST
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_within_what_is_known() {
        for (text, version) in [
            ("1.25", Some("1.25")),
            ("v1.33", Some("1.33")),
            ("1.37", Some("1.37")),
            ("latest", Some("1.37")),
            ("1.24", None),
            ("1.38", None),
            ("1.33.2", None),
            ("33", None),
            ("", None),
        ] {
            let read = KubernetesVersion::parse(text).map(|it| it.to_string());
            assert_eq!(read.as_deref(), version, "{text}");
        }
    }
}
