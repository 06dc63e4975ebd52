//! Parses finding codes as people write them.

use std::cmp::Ordering;

use super::FindingCode;

/// The least similarity of a suggested code, from 0 to 1 (Jaro-Winkler): a typo or two in a long
/// word stay above it, another word with the same ending does not.
const ALIKE: f64 = 0.85;

/// How much less similar than the best suggestion another may be: without this limit, a shared
/// first word suffices.
const NEARLY_AS_ALIKE: f64 = 0.05;

/// The most codes that are suggested.
const SUGGESTIONS: usize = 3;

/// A text that is not a finding code, with suggestions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a finding code; {}", what_instead(.nearest))]
pub struct UnknownCode {
    /// What was written.
    pub text: String,
    /// The most similar codes, the best first; empty if none is similar.
    pub nearest: Vec<FindingCode>,
}

impl FindingCode {
    /// Reads a code as reports write it; the case does not matter.
    ///
    /// # Errors
    /// When there is no such code.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let known = Self::ALL.iter().copied();
        known
            .clone()
            .find(|code| code.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownCode {
                text: text.to_owned(),
                nearest: nearest(text, known),
            })
    }

    /// Returns the codes behind a word of kubectl or of an event, such as `ImagePullBackOff`, the most frequent one first;
    /// empty for any other word.
    #[must_use]
    pub fn behind(word: &str) -> &'static [Self] {
        let word = of_any_container(word);
        let of_kubernetes =
            |(words, _): &&(&[&str], _)| words.iter().any(|it| it.eq_ignore_ascii_case(word));
        let found = BEHIND.iter().find(of_kubernetes);
        found.map_or(&[], |(_, codes)| *codes)
    }

    /// Returns the word of kubectl or of an event that differs from this one by a slip.
    #[must_use]
    pub fn word_like(word: &str) -> Option<&'static str> {
        let word = letters(of_any_container(word));
        let words = BEHIND.iter().flat_map(|(words, _)| words.iter().copied());
        let rated = words.map(|known| (strsim::osa_distance(&word, &letters(known)), known));
        let (slips, known) = rated.min_by_key(|(slips, _)| *slips)?;
        // A short word is soon another one.
        let is_slip = slips <= SLIPS && known.len() > SHORT;
        is_slip.then_some(known)
    }
}

/// The most letters in which a slip differs from the word that was meant.
const SLIPS: usize = 2;

/// The longest word that is never taken for a slip.
const SHORT: usize = 6;

/// Returns a word without the prefix by which kubectl marks init containers.
fn of_any_container(word: &str) -> &str {
    let (before, rest) = word.split_at_checked(INIT.len()).unwrap_or_default();
    if before.eq_ignore_ascii_case(INIT) {
        rest
    } else {
        word
    }
}

/// The prefix by which kubectl marks what happens to an init container.
const INIT: &str = "Init:";

/// The codes behind the words of kubectl and of events, the most frequent ones first.
const BEHIND: &[(&[&str], &[FindingCode])] = {
    use FindingCode::{
        ClaimMissing, ConfigKeyMissing, ConfigObjectMissing, ContainerNotCreated,
        ContainerSpecInvalid, CrashAfterReady, CrashAtStart, DeletionRefused, EvictedByNode,
        EvictedForOwnLimit, ExitsAtOnce, ImageNeverPulled, ImageNotFound, ImageNotInspected,
        ImagePullDenied, ImagePullFailing, LivenessKillsStart, NamespaceTerminating, NoNodeMatches,
        NodeDiskFull, NotRestarted, OldPodsNotEnding, OutOfMemory, PodCreationRefused,
        QuotaExceeded, ReadinessFailing, RunAsNonRootRefused, SandboxNotCreated,
        SecretStoreFailing, StillCreating, SubPathNotPrepared, Unschedulable, VolumeNotMounted,
    };
    &[
        (
            &["ImagePullBackOff", "ErrImagePull"],
            &[ImageNotFound, ImagePullDenied, ImagePullFailing],
        ),
        (&["ErrImageNeverPull"], &[ImageNeverPulled]),
        (&["ImageInspectError"], &[ImageNotInspected]),
        (&["Completed"], &[ExitsAtOnce, NotRestarted]),
        (
            &["Terminating"],
            &[OldPodsNotEnding, DeletionRefused, NamespaceTerminating],
        ),
        (
            &["ContainerCreating", "PodInitializing"],
            &[StillCreating, VolumeNotMounted, SandboxNotCreated],
        ),
        (
            &["CrashLoopBackOff", "BackOff", "Error"],
            &[CrashAtStart, CrashAfterReady, LivenessKillsStart],
        ),
        (
            &["OOMKilled", "137"],
            &[OutOfMemory, CrashAtStart, CrashAfterReady],
        ),
        (
            &["CreateContainerConfigError"],
            &[ConfigObjectMissing, ConfigKeyMissing, RunAsNonRootRefused],
        ),
        (
            &["CreateContainerError", "RunContainerError"],
            &[
                ContainerSpecInvalid,
                ContainerNotCreated,
                SubPathNotPrepared,
            ],
        ),
        (
            &["FailedScheduling", "Pending"],
            &[Unschedulable, NoNodeMatches, ClaimMissing],
        ),
        (
            &["FailedMount", "FailedAttachVolume"],
            &[VolumeNotMounted, ConfigObjectMissing, SecretStoreFailing],
        ),
        (
            &["FailedCreate"],
            &[
                QuotaExceeded,
                PodCreationRefused,
                FindingCode::AdmissionDenied,
            ],
        ),
        (
            &["Evicted"],
            &[EvictedForOwnLimit, EvictedByNode, NodeDiskFull],
        ),
        (
            &["Unhealthy"],
            &[
                ReadinessFailing,
                LivenessKillsStart,
                FindingCode::StartupProbeExhausted,
            ],
        ),
    ]
};

fn nearest(text: &str, known: impl Iterator<Item = FindingCode>) -> Vec<FindingCode> {
    let behind = FindingCode::behind(text);
    if !behind.is_empty() {
        return behind.iter().copied().take(SUGGESTIONS).collect();
    }
    let bare = letters(text);
    let mut rated: Vec<(f64, FindingCode)> = known
        .map(|code| (strsim::jaro_winkler(&bare, &letters(code.as_str())), code))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    rated.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
    let best = rated.first().map_or(0.0, |(alike, _)| *alike);
    rated
        .into_iter()
        .filter(|(alike, _)| best - alike <= NEARLY_AS_ALIKE)
        .map(|(_, code)| code)
        .take(SUGGESTIONS)
        .collect()
}

/// Reduces `image-not-found` and `ImageNotFound` to the same letters.
fn letters(text: &str) -> String {
    let bare = text.chars().filter(|c| c.is_alphanumeric());
    bare.flat_map(char::to_lowercase).collect()
}

fn what_instead(nearest: &[FindingCode]) -> String {
    match nearest {
        [] => "`rollguard explain` lists the codes".to_owned(),
        some => {
            let names: Vec<String> = some.iter().map(|code| format!("`{code}`")).collect();
            format!("did you mean {}?", names.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_code_is_read_back_in_any_case() {
        for code in FindingCode::ALL {
            for text in [
                code.to_string(),
                code.as_str().to_lowercase(),
                code.as_str().to_uppercase(),
            ] {
                assert_eq!(FindingCode::parse(&text), Ok(*code));
            }
        }
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_codes() {
        let rows = [
            ("ImagNotFound", "did you mean `ImageNotFound`"),
            ("image-not-found", "did you mean `ImageNotFound`"),
            ("OutOfMemroy", "did you mean `OutOfMemory`"),
            ("Crash", "did you mean `CrashAtStart`"),
            ("Banana", "`rollguard explain` lists the codes"),
            ("", "`rollguard explain` lists the codes"),
        ];
        for (text, says) in rows {
            let error = FindingCode::parse(text).unwrap_err();
            let expected = format!("`{text}` is not a finding code; {says}");
            assert!(error.to_string().starts_with(&expected), "{error}");
            assert!(error.nearest.len() <= SUGGESTIONS);
        }
    }

    #[test]
    fn a_word_of_kubernetes_leads_to_the_codes_behind_it() {
        use FindingCode::{CrashAtStart, ImageNotFound, OutOfMemory, Unschedulable};
        for (word, first) in [
            ("ImagePullBackOff", ImageNotFound),
            ("crashloopbackoff", CrashAtStart),
            ("OOMKilled", OutOfMemory),
            ("FailedScheduling", Unschedulable),
            ("ContainerCreating", FindingCode::StillCreating),
            ("Init:CrashLoopBackOff", CrashAtStart),
            ("init:imagepullbackoff", ImageNotFound),
            ("ErrImageNeverPull", FindingCode::ImageNeverPulled),
            ("ImageInspectError", FindingCode::ImageNotInspected),
            ("Completed", FindingCode::ExitsAtOnce),
            ("Terminating", FindingCode::OldPodsNotEnding),
            ("137", OutOfMemory),
        ] {
            let error = FindingCode::parse(word).unwrap_err();
            assert_eq!(error.nearest.first(), Some(&first), "{word}");
            assert_eq!(FindingCode::behind(word).first(), Some(&first), "{word}");
        }
        for word in ["Banana", "Init:", "Init:0/1", "Ínit:é", ""] {
            assert_eq!(FindingCode::behind(word), [], "{word}");
        }
        for (words, _) in BEHIND {
            assert!(words.iter().all(|it| FindingCode::parse(it).is_err()));
        }
    }

    #[test]
    fn a_slip_in_a_word_of_kubernetes_leads_to_the_word() {
        for (text, word) in [
            ("ImagePulBackOff", Some("ImagePullBackOff")),
            ("Init:CrashLopBackOff", Some("CrashLoopBackOff")),
            ("OOMKiled", Some("OOMKilled")),
            ("Banana", None),
            ("138", None),
            ("Errors", None),
        ] {
            assert_eq!(FindingCode::word_like(text), word, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            if let Err(error) = FindingCode::parse(&text) {
                prop_assert!(error.to_string().contains("is not a finding code"));
            }
        }
    }
}
