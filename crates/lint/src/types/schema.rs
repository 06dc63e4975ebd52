//! The fields of the API and their types, from a table that is read from its Go types.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("schema.txt");

/// Objects themselves, whose parts are judged one by one.
const OBJECTS: &str = "\
Object apiVersion:any kind:any metadata:any spec:any status:any
Template apiVersion:any kind:any metadata:any template:any";

/// Fields that are not judged: those that an older version had, and a status.
const OPEN: [(&str, &str); 4] = [
    ("PersistentVolumeClaim", "status"),
    // Until 1.27.
    ("VolumeResourceRequirements", "claims"),
    // Until 1.30.
    ("PodResourceClaim", "source"),
    // In 1.35.
    ("PodSpec", "workloadRef"),
];

/// How many words a message names.
const MOST_WORDS: usize = 8;

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::read);

/// The type of a field.
#[derive(Debug)]
pub(super) enum Type {
    Bool,
    Int,
    Text,
    Quantity,
    /// A whole number or a string.
    IntOrText,
    /// One of these words.
    OneOf(Vec<&'static str>),
    List(Box<Self>),
    /// A mapping with free keys.
    Map(Box<Self>),
    Struct(&'static str),
    /// It is not judged.
    Any,
}

/// A type with fields.
#[derive(Debug)]
pub(super) struct Struct {
    pub(super) name: &'static str,
    fields: BTreeMap<&'static str, Type>,
}

struct Schema(BTreeMap<&'static str, Struct>);

impl Schema {
    fn read() -> Self {
        let lines = TABLE.lines().chain(OBJECTS.lines());
        let lines = lines.filter(|it| !it.starts_with('#'));
        let all = lines.map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let fields = words.filter_map(|it| it.split_once(':'));
            let fields = fields.map(|(name, of)| (name, Type::read(of)));
            let open = OPEN.iter().filter(|(of, _)| *of == name);
            let open = open.map(|(_, field)| (*field, Type::Any));
            let fields = fields.chain(open).collect();
            (name, Struct { name, fields })
        });
        Self(all.collect())
    }
}

impl Type {
    fn read(text: &'static str) -> Self {
        if let Some(item) = text.strip_prefix("[]") {
            return Self::List(Box::new(Self::read(item)));
        }
        if let Some(value) = text.strip_prefix("{}") {
            return Self::Map(Box::new(Self::read(value)));
        }
        if let Some(words) = text.strip_prefix('=') {
            return Self::OneOf(words.split('|').collect());
        }
        match text {
            "bool" => Self::Bool,
            "int" => Self::Int,
            "text" => Self::Text,
            "quantity" => Self::Quantity,
            "intOrText" => Self::IntOrText,
            "any" => Self::Any,
            name => Self::Struct(name),
        }
    }

    pub(super) fn describe(&self) -> String {
        let name = match self {
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Struct(_) => "a mapping",
            Self::Text => "a string",
            Self::Quantity => "a quantity",
            Self::IntOrText => "a whole number or a string",
            Self::Any => "anything",
            Self::OneOf(all) => {
                let words: Vec<&str> = all.iter().copied().filter(|it| !it.is_empty()).collect();
                let shown = words.get(..MOST_WORDS).unwrap_or(&words).join(", ");
                return match words.len().saturating_sub(MOST_WORDS) {
                    0 => format!("one of {shown}"),
                    more => format!("one of {shown} and {more} more"),
                };
            }
        };
        name.to_owned()
    }
}

/// Returns a type with fields by its name.
pub(super) fn named(name: &str) -> Option<&'static Struct> {
    SCHEMA.0.get(name)
}

impl Struct {
    pub(super) fn get(&self, field: &str) -> Option<&Type> {
        self.fields.get(field)
    }

    /// Returns the field whose name is nearest to a word, if it is near enough to be meant.
    pub(super) fn nearest(&self, word: &str) -> Option<&'static str> {
        let lower = word.to_ascii_lowercase();
        let rated = self.fields.keys().map(|it| {
            let distance = strsim::osa_distance(&lower, &it.to_ascii_lowercase());
            (distance, *it)
        });
        let slips = (word.len() / 4).clamp(1, 3);
        let near = rated.filter(|(distance, _)| *distance <= slips);
        near.min().map(|(_, name)| name)
    }
}

/// Returns a type of pods that has a field of this name: it stands at the wrong place.
pub(super) fn owner(field: &str) -> Option<&'static str> {
    const PLACES: [&str; 7] = [
        "Container",
        "PodSpec",
        "Probe",
        "SecurityContext",
        "PodSecurityContext",
        "DeploymentSpec",
        "ObjectMeta",
    ];
    let mut places = PLACES.into_iter();
    places.find(|it| named(it).is_some_and(|it| it.get(field).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_table_is_in_it() {
        fn structs(of: &Type, found: &mut Vec<&'static str>) {
            if let Type::List(it) | Type::Map(it) = of {
                structs(it, found);
            } else if let Type::Struct(name) = of {
                found.push(name);
            }
        }
        let mut found = Vec::new();
        for it in SCHEMA.0.values() {
            for of in it.fields.values() {
                structs(of, &mut found);
            }
        }
        assert!(found.len() > 150, "{}", found.len());
        let missing: Vec<_> = found.iter().filter(|it| named(it).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_nearest_field_is_one_that_was_meant() {
        for (of, word, expected) in [
            ("Container", "imagePullPolcy", Some("imagePullPolicy")),
            ("Container", "livenesProbe", Some("livenessProbe")),
            ("Container", "LivenessProbe", Some("livenessProbe")),
            ("Container", "enviroment", None),
            ("Container", "cmd", None),
            ("Container", "arg", Some("args")),
            ("PodSpec", "container", Some("containers")),
            ("PodSpec", "serviceaccountname", Some("serviceAccountName")),
            ("Probe", "intialDelaySeconds", Some("initialDelaySeconds")),
        ] {
            let found = named(of).and_then(|it| it.nearest(word));
            assert_eq!(found, expected, "{of}.{word}");
        }
    }
}
