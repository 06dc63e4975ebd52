//! Services, and which pods they send requests to.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::finding::{Finding, ObjectName};

/// The labels that a Service selects, or that a pod has.
pub(crate) type Labels = BTreeMap<String, String>;

/// A Service of a text.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: ObjectName,
    pub(crate) selector: Labels,
    /// The finding that holds if another Service selects the same pods, where that matters.
    pub(crate) shared_selector: Option<Finding>,
}

/// A pod without a declared port: it needs to be ready for requests only if a Service sends it some.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Labels,
    /// The findings that then hold.
    pub(crate) findings: Vec<Finding>,
}

impl Worker {
    /// Returns whether a Service sends it requests. A manifest that names no namespace may be applied to any.
    fn is_served_by(&self, service: &Service) -> bool {
        let elsewhere = self.namespace.as_ref().zip(service.name.namespace.as_ref());
        let labelled = |(key, value): (&String, &String)| self.labels.get(key) == Some(value);
        elsewhere.is_none_or(|(own, its)| own == its)
            && !service.selector.is_empty()
            && service.selector.iter().all(labelled)
    }
}

/// A label by which Services are looked up: the namespace, the key and the value.
type Entry<'s> = (Option<&'s str>, &'s str, &'s str);

/// The Services of a call, by the label of each that the fewest others select.
#[derive(Debug)]
pub(crate) struct ServiceIndex<'s> {
    by_namespace: HashMap<Entry<'s>, Vec<&'s Service>>,
    /// Those of every namespace, each selector once, for pods that may be applied to any.
    anywhere: HashMap<Entry<'s>, Vec<&'s Service>>,
    /// The names of the Services with a selector.
    names: HashMap<(Option<&'s str>, &'s Labels), HashSet<&'s str>>,
}

impl<'s> ServiceIndex<'s> {
    pub(crate) fn of(services: &'s [Service]) -> Self {
        let mut names: HashMap<_, HashSet<&str>> = HashMap::new();
        let (mut of_namespaces, mut of_selectors) = (Vec::new(), Vec::new());
        let mut selectors = HashSet::new();
        for service in services.iter().filter(|it| !it.selector.is_empty()) {
            let namespace = service.name.namespace.as_deref();
            let same = names.entry((namespace, &service.selector)).or_default();
            if same.is_empty() {
                of_namespaces.push((namespace, service));
            }
            same.insert(service.name.name.as_str());
            if selectors.insert(&service.selector) {
                of_selectors.push((None, service));
            }
        }
        Self {
            by_namespace: by_rarest_label(&of_namespaces),
            anywhere: by_rarest_label(&of_selectors),
            names,
        }
    }

    /// Returns the Services that may send a pod requests.
    fn candidates<'a>(&'a self, worker: &'a Worker) -> impl Iterator<Item = &'s Service> + 'a {
        let own = worker.namespace.as_deref();
        worker.labels.iter().flat_map(move |(key, value)| {
            let of = |namespace| {
                self.by_namespace
                    .get(&(namespace, key.as_str(), value.as_str()))
            };
            let [first, second] = match own {
                Some(_) => [of(own), of(None)],
                None => [
                    self.anywhere.get(&(None, key.as_str(), value.as_str())),
                    None,
                ],
            };
            [first, second].into_iter().flatten().flatten().copied()
        })
    }

    /// Returns whether a Service sends a pod requests.
    pub(crate) fn serves(&self, worker: &Worker) -> bool {
        let mut candidates = self.candidates(worker);
        candidates.any(|it| worker.is_served_by(it))
    }

    /// Returns whether another Service selects the same pods.
    pub(crate) fn has_another(&self, service: &Service) -> bool {
        let namespace = service.name.namespace.as_deref();
        let names = self.names.get(&(namespace, &service.selector));
        names.is_some_and(|it| it.len() > 1)
    }
}

fn by_rarest_label<'s>(
    services: &[(Option<&'s str>, &'s Service)],
) -> HashMap<Entry<'s>, Vec<&'s Service>> {
    let entries = |(namespace, service): &(Option<&'s str>, &'s Service)| {
        let namespace = *namespace;
        let labels = service.selector.iter();
        labels.map(move |(key, value)| (namespace, key.as_str(), value.as_str()))
    };
    let mut counts: HashMap<Entry<'s>, usize> = HashMap::new();
    for entry in services.iter().flat_map(entries) {
        *counts.entry(entry).or_default() += 1;
    }
    let mut index: HashMap<Entry<'s>, Vec<&'s Service>> = HashMap::new();
    for service in services {
        let rarest = entries(service).min_by_key(|it| counts.get(it).copied());
        if let Some(entry) = rarest {
            index.entry(entry).or_default().push(service.1);
        }
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(labels: &[(u8, u8)]) -> Labels {
        let label = |(key, value): &(u8, u8)| (format!("k{key}"), format!("v{value}"));
        labels.iter().map(label).collect()
    }

    fn namespace(number: u8) -> Option<String> {
        (number > 0).then(|| format!("n{number}"))
    }

    fn service(name: usize, in_namespace: u8, selector: &[(u8, u8)]) -> Service {
        Service {
            name: ObjectName {
                kind: "Service".to_owned(),
                namespace: namespace(in_namespace),
                name: format!("s{name}"),
            },
            selector: labels(selector),
            shared_selector: None,
        }
    }

    fn worker(in_namespace: u8, of: &[(u8, u8)]) -> Worker {
        Worker {
            namespace: namespace(in_namespace),
            labels: labels(of),
            findings: Vec::new(),
        }
    }

    fn some_labels() -> impl Strategy<Value = Vec<(u8, u8)>> {
        prop::collection::vec((0..3_u8, 0..3_u8), 0..3)
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(
            services in prop::collection::vec((0..3_u8, some_labels()), 0..12),
            workers in prop::collection::vec((0..3_u8, some_labels()), 0..8),
        ) {
            let named = services.iter().enumerate();
            let services: Vec<Service> = named.map(|(at, (ns, it))| service(at, *ns, it)).collect();
            let index = ServiceIndex::of(&services);
            for (ns, of) in &workers {
                let worker = worker(*ns, of);
                let found = services.iter().any(|it| worker.is_served_by(it));
                prop_assert_eq!(index.serves(&worker), found);
            }
            for own in &services {
                let same = |it: &Service| {
                    !own.selector.is_empty()
                        && it.selector == own.selector
                        && it.name.namespace == own.name.namespace
                        && it.name.name != own.name.name
                };
                prop_assert_eq!(index.has_another(own), services.iter().any(same));
            }
        }
    }

    type Selector<'a> = &'a dyn Fn(u8) -> Vec<(u8, u8)>;

    #[test]
    fn a_pod_is_compared_with_few_services_however_many_there_are() {
        const MANY: u8 = 200;
        let one_label = |at: u8| vec![(0, at)];
        let shared_label = |at: u8| vec![(0, 0), (1, at)];
        let own_namespace = |_: u8| vec![(0, 0)];
        let rows: [(&str, Selector<'_>, bool); 3] = [
            ("each Service selects a label of its own", &one_label, false),
            ("all of them select one label, too", &shared_label, false),
            ("each namespace has the same Service", &own_namespace, true),
        ];
        for (says, selector, spread) in rows {
            let space = |at: u8| if spread { at } else { 1 };
            let services: Vec<Service> = (1..=MANY)
                .map(|at| service(usize::from(at), space(at), &selector(at)))
                .collect();
            let index = ServiceIndex::of(&services);
            for at in 1..=MANY {
                let mut of = selector(at);
                of.push((2, 2));
                let worker = worker(space(at), &of);
                assert!(index.serves(&worker), "{says}");
                assert!(index.candidates(&worker).count() <= 2, "{says}: {at}");
            }
        }
    }
}
