//! Names and uids that look random and are the same in every run.

use std::fmt::Write as _;

use serde_json::Value;

/// The letters that Kubernetes uses in generated names
/// (k8s.io/apimachinery `pkg/util/rand`, `alphanums`).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A generator of names and uids; the n-th is the same in every sandbox.
#[derive(Debug, Default)]
pub(crate) struct Names(u64);

impl Names {
    /// The five letters after a `generateName`.
    pub(crate) fn suffix(&mut self) -> String {
        let mut bits = self.next();
        (0..5)
            .map(|_| {
                let letter = letter(bits);
                bits >>= 8;
                letter
            })
            .collect()
    }

    /// A uid in the form of a version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            (low >> 48) & 0xfff,
            low & 0xffff_ffff_ffff,
        )
    }

    /// Sixteen hexadecimal digits, as in the names of events.
    pub(crate) fn hex(&mut self) -> String {
        format!("{:016x}", self.next())
    }

    /// A step of splitmix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

fn letter(bits: u64) -> char {
    let count = LETTERS.len() as u64;
    usize::try_from(bits % count)
        .ok()
        .and_then(|index| LETTERS.get(index))
        .map_or('x', |letter| char::from(*letter))
}

/// The `pod-template-hash` of a template: FNV-1a over its canonical JSON, in safe letters.
/// The real one hashes Go structs, so the values differ; the form is the same.
pub(crate) fn template_hash(template: &Value, collisions: i64) -> String {
    let mut text = String::new();
    canonical(template, &mut text);
    if collisions > 0 {
        text.push_str(&collisions.to_string());
    }
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash.to_string()
        .bytes()
        .map(|digit| letter(u64::from(digit)))
        .collect()
}

/// JSON with sorted keys, whatever map `serde_json` was built with.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            for key in keys {
                let _ = write!(text, "{{{key}:");
                canonical(&map[key.as_str()], text);
                text.push('}');
            }
        }
        Value::Array(list) => {
            text.push('[');
            for entry in list {
                canonical(entry, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_uids_are_distinct_and_well_formed() {
        let mut names = Names::default();
        let suffixes: BTreeSet<_> = (0..1000).map(|_| names.suffix()).collect();
        assert!(suffixes.len() > 990);
        assert!(suffixes.iter().all(|it| it.len() == 5 && it.is_ascii()));
        let uid = names.uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(&uid[14..15], "4");
    }

    #[test]
    fn a_template_has_one_hash_in_any_key_order_and_another_after_a_change() {
        let one = template_hash(&json!({"a": 1, "b": [1, 2]}), 0);
        assert_eq!(one, template_hash(&json!({"b": [1, 2], "a": 1}), 0));
        assert_ne!(one, template_hash(&json!({"a": 1, "b": [2, 1]}), 0));
        assert_ne!(one, template_hash(&json!({"a": 1, "b": [1, 2]}), 1));
    }
}
