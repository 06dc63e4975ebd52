//! Draws cases: more troubles that heal than such that last.

use proptest::prelude::*;
use proptest::sample::select;

use super::case::{Case, Change, Kind, Load, Sort, Spell, Trouble, What};
use super::trouble::Heals;

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let shape = (
        select(vec![300_u64, 120, 60, 600, 900]),
        select(vec![10_u64, 3, 30]),
        select(vec![0_u64, 1, 5, 20]),
        1_usize..=3,
    );
    let late = prop_oneof![
        3 => Just([0_u64; 3]),
        1 => prop::array::uniform3(0_u64..=4000),
    ];
    let weather = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(spells(), 1..=3),
    ];
    let loads = prop_oneof![
        3 => prop::collection::vec(loads(), 1),
        1 => prop::collection::vec(loads(), 2..=4),
    ];
    (shape, loads, weather, late).prop_map(
        |((timeout, stable_for, begins, nodes), loads, weather, late)| Case {
            timeout,
            stable_for,
            begins,
            nodes,
            loads,
            weather: weather
                .into_iter()
                .filter(|it| nodes > 1 || it.of != Sort::NodeLost)
                .collect(),
            late,
        },
    )
}

fn loads() -> impl Strategy<Value = Load> {
    let kind = prop_oneof![
        4 => Just(Kind::Deployment),
        1 => Just(Kind::Recreated),
        2 => Just(Kind::StatefulSet),
        2 => Just(Kind::DaemonSet),
        1 => Just(Kind::Job),
    ];
    let shape = (kind, 1_u64..=4, any::<bool>(), any::<bool>());
    let times = (
        select(vec![0_u64, 1, 3, 8, 20, 45]),
        select(vec![0_u64, 1, 5, 20]),
    );
    let change = prop_oneof![
        6 => Just(None),
        1 => (1_u64..200, changes()).prop_map(Some),
    ];
    (shape, times, troubles(), change).prop_map(
        |((kind, replicas, first, probed), (ready_after, stops_in), troubles, change)| {
            let mut troubles: Vec<Trouble> = troubles
                .into_iter()
                .filter(|it| fits(it.what, kind))
                .collect();
            let is_job = kind == Kind::Job;
            let probed = probed || troubles.iter().any(|it| it.what == What::NeverReady);
            // Without a probe a fall looks like one more crash, and both together last longer than is published of one.
            let crashes = troubles
                .iter()
                .any(|it| stage(it.what) == stage(What::Killed));
            let falls = |it: &Trouble| matches!(it.what, What::Falls(_));
            troubles.retain(|it| probed || !crashes || !falls(it));
            Load {
                kind,
                replicas: if is_job { 1 } else { replicas },
                first: first || is_job,
                probed,
                ready_after,
                stops_in,
                troubles,
                change: change.filter(|(_, it)| match it {
                    Change::Scaled(_) => !matches!(kind, Kind::DaemonSet | Kind::Job),
                    Change::Newer | Change::Deleted => !is_job,
                }),
            }
        },
    )
}

/// Returns whether a trouble can happen to a kind.
fn fits(what: What, kind: Kind) -> bool {
    let of_job = matches!(
        what,
        What::ImageMissing
            | What::ImageMissingInRegion
            | What::ImageDenied
            | What::RegistryDown
            | What::ImageName
            | What::NoConfig
            | What::NoKey
            | What::Root
            | What::NoRoom
            | What::NoNode
            | What::Sandbox
            | What::Volume
            | What::Webhook
            | What::Denied
            | What::PodSecurity
            | What::NoAccount
            | What::Quota
            | What::JobFails
    );
    match kind {
        Kind::Job => of_job,
        Kind::Deployment | Kind::Recreated => what != What::JobFails,
        Kind::StatefulSet | Kind::DaemonSet => !matches!(what, What::JobFails | What::Paused),
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::Newer),
        4 => (1_u64..=5).prop_map(Change::Scaled),
        1 => Just(Change::Deleted),
    ]
}

/// Up to two that heal; then perhaps one that lasts.
fn troubles() -> impl Strategy<Value = Vec<Trouble>> {
    let healing = prop_oneof![
        3 => prop::collection::vec(healing(), 1),
        1 => prop::collection::vec(healing(), 2),
    ];
    prop_oneof![
        1 => Just(Vec::new()),
        5 => healing.prop_map(in_order),
        3 => lasting().prop_map(|it| vec![it]),
        1 => (healing_one(), lasting()).prop_map(|(first, last)| in_order(vec![first, last])),
    ]
}

fn healing_one() -> impl Strategy<Value = Trouble> {
    healing().prop_filter("not after it was ready", |it| !it.what.is_after_ready())
}

/// As they can follow each other in the life of a pod; one of each stage.
fn in_order(mut troubles: Vec<Trouble>) -> Vec<Trouble> {
    troubles.sort_by_key(|it| stage(it.what));
    troubles.dedup_by_key(|it| stage(it.what));
    let lasting = troubles.iter().position(|it| it.heals.is_none());
    if let Some(at) = lasting {
        troubles.truncate(at + 1);
    }
    troubles
}

const fn stage(what: What) -> u8 {
    match what {
        // The last four are the whole script of a pod.
        What::Paused | What::ImageName | What::NoCommand | What::Root | What::JobFails => 0,
        What::Webhook | What::Denied | What::PodSecurity | What::NoAccount | What::Quota => 1,
        What::NoRoom | What::NoNode => 2,
        What::Sandbox | What::Volume => 3,
        What::ImageMissing
        | What::ImageMissingInRegion
        | What::ImageDenied
        | What::RegistryDown => 4,
        What::NoConfig | What::NoKey => 5,
        What::Crash(_) | What::Exits(_) | What::OutOfMemory | What::Killed => 6,
        What::CrashAfterReady(_) => 7,
        What::NeverReady => 8,
        What::Flaps(_) | What::Falls(_) => 9,
    }
}

fn what() -> impl Strategy<Value = What> {
    let plain = select(vec![
        What::ImageMissing,
        What::ImageMissingInRegion,
        What::ImageDenied,
        What::RegistryDown,
        What::OutOfMemory,
        What::NoConfig,
        What::NoKey,
        What::NoRoom,
        What::NoNode,
        What::Sandbox,
        What::Volume,
        What::NeverReady,
        What::Killed,
        What::Webhook,
        What::Denied,
        What::PodSecurity,
        What::NoAccount,
        What::Quota,
        What::Paused,
        What::ImageName,
        What::NoCommand,
        What::Root,
        What::JobFails,
    ]);
    let seconds = || select(vec![0_u64, 1, 2, 5, 12, 25]);
    let ready = || select(vec![1_u64, 2, 5, 8, 12, 20, 45]);
    prop_oneof![
        6 => plain,
        1 => seconds().prop_map(What::Crash),
        1 => ready().prop_map(What::CrashAfterReady),
        1 => seconds().prop_map(What::Exits),
        1 => ready().prop_map(What::Flaps),
        1 => ready().prop_map(What::Falls),
    ]
}

fn healing() -> impl Strategy<Value = Trouble> {
    what()
        .prop_filter("it heals", |it| it.truth().heals != Heals::Never)
        .prop_flat_map(|what| {
            let most = match what.truth().heals {
                Heals::Never => 0,
                Heals::Within(most) | Heals::Tries(most) => most,
            };
            // The latest ones are the hardest.
            let heals = prop_oneof![2 => 1..=most, 1 => Just(most)];
            heals.prop_map(move |heals| Trouble {
                what,
                heals: Some(heals),
            })
        })
}

fn lasting() -> impl Strategy<Value = Trouble> {
    let lasts = |it: &What| !it.truth().causes.is_empty();
    what()
        .prop_filter("it lasts", lasts)
        .prop_map(|what| Trouble { what, heals: None })
}

fn spells() -> impl Strategy<Value = Spell> {
    let resource = || {
        select(vec![
            "deployments",
            "statefulsets",
            "daemonsets",
            "replicasets",
            "controllerrevisions",
            "pods",
            "events",
        ])
    };
    let of = prop_oneof![
        2 => Just(Sort::Drops),
        2 => Just(Sort::Expires),
        2 => resource().prop_map(Sort::Stalls),
        2 => Just(Sort::Away),
        1 => Just(Sort::Errors),
        1 => Just(Sort::Overloaded),
        1 => resource().prop_map(Sort::Forbidden),
        2 => Just(Sort::EventsLost),
        2 => Just(Sort::NodeLost),
    ];
    let lasts = prop_oneof![3 => 1_u64..=20, 1 => 20_u64..=120];
    (0_u64..150, lasts, of).prop_map(|(at, lasts, of)| Spell { at, lasts, of })
}
