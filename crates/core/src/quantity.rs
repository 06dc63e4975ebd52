//! Quantities such as `500m` or `64Mi`, as far as quotas and limit ranges need them: no exponents, and
//! nothing smaller than a thousandth.
//!
//! The crates that read quantities are tied to one version of `k8s-openapi` each.

use std::cmp::Ordering;
use std::fmt;

/// An exact quantity in thousandths, with the suffix of its writer, which comparisons ignore.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    milli: i128,
    binary: bool,
}

const DECIMAL: [(&str, i128); 6] = [
    ("E", 1_000_000_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
];
const BINARY: [(&str, i128); 6] = [
    ("Ei", 1 << 60),
    ("Pi", 1 << 50),
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];

impl Quantity {
    /// Makes a whole number.
    #[must_use]
    pub fn whole(number: usize) -> Self {
        Self {
            milli: i128::try_from(number).unwrap_or(i128::MAX / 1000) * 1000,
            binary: false,
        }
    }

    /// Parses a quantity; `None` if the text is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-' && c != '+')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let scale = |table: &[(&str, i128)]| {
            table
                .iter()
                .find(|(name, _)| *name == suffix)
                .map(|(_, factor)| *factor)
        };
        let (milli_factor, binary) = match suffix {
            "" => (1000, false),
            "m" => (1, false),
            _ => match scale(&BINARY) {
                Some(factor) => (factor * 1000, true),
                None => (scale(&DECIMAL)? * 1000, false),
            },
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut milli = whole.parse::<i128>().ok()?.checked_mul(milli_factor)?;
        if !fraction.is_empty() {
            let digits = u32::try_from(fraction.len()).ok()?;
            let part = fraction.parse::<i128>().ok()?.checked_mul(milli_factor)?;
            milli += part / 10_i128.checked_pow(digits)?;
        }
        Some(Self { milli, binary })
    }

    /// Returns the sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            milli: self.milli.saturating_add(other.milli),
            binary: self.binary || other.binary,
        }
    }
}

impl Quantity {
    /// Returns the difference; nothing is left of less than nothing.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            milli: self.milli.saturating_sub(other.milli).max(0),
            binary: self.binary || other.binary,
        }
    }

    /// Returns so many times the quantity.
    #[must_use]
    pub fn times(self, count: i64) -> Self {
        Self {
            milli: self.milli.saturating_mul(count.into()),
            ..self
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.milli.cmp(&other.milli)
    }
}

impl fmt::Display for Quantity {
    /// Renders the canonical form of apimachinery's `resource.Quantity`: the largest suffix that
    /// leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milli % 1000 != 0 {
            return write!(f, "{}m", self.milli);
        }
        let whole = self.milli / 1000;
        let table = if self.binary { BINARY } else { DECIMAL };
        for (suffix, factor) in table {
            if whole != 0 && whole % factor == 0 {
                return write!(f, "{}{suffix}", whole / factor);
            }
        }
        write!(f, "{whole}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_in_their_canonical_form() {
        for (text, shown) in [
            ("500m", "500m"),
            ("0.5", "500m"),
            ("2", "2"),
            ("2000m", "2"),
            ("1.5", "1500m"),
            ("1024Mi", "1Gi"),
            ("64Mi", "64Mi"),
            ("1000", "1k"),
            ("0", "0"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for wrong in ["", "Mi", "1Q", "x"] {
            assert_eq!(Quantity::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn quantities_compare_across_suffixes() {
        let read = |text| Quantity::parse(text).unwrap();
        assert!(read("1Gi") > read("1G"));
        assert!(read("1500m") < read("2"));
        assert_eq!(read("1Gi"), read("1073741824"));
        assert!(read("1Gi") <= read("1073741824") && read("1Gi") >= read("1073741824"));
        assert_eq!(read("64Mi").plus(read("64Mi")).to_string(), "128Mi");
    }
}
