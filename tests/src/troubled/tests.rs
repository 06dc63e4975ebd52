use http::Request;

use super::*;

fn asked(method: Method, path: &str) -> Asked {
    let request = Request::builder().method(method).uri(path).body(());
    let (parts, ()) = request.unwrap().into_parts();
    Asked {
        parts,
        body: hyper::body::Bytes::new(),
    }
}

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

#[test]
fn each_request_belongs_to_one_step() {
    let pods = "/api/v1/namespaces/shop/pods";
    let rows = [
        (Method::GET, "/version".to_owned(), Step::Connect),
        (Method::GET, WEB.to_owned(), Step::Read),
        (Method::GET, format!("{pods}?limit=500"), Step::List),
        (Method::GET, format!("{pods}?watch=true"), Step::Watch),
        (
            Method::GET,
            format!("{pods}/web-1/log?previous=true"),
            Step::Logs,
        ),
        (
            Method::GET,
            "/api/v1/namespaces/shop/secrets".to_owned(),
            Step::Lookup,
        ),
        (Method::GET, "/apis".to_owned(), Step::Lookup),
        (
            Method::POST,
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            Step::Lookup,
        ),
        (Method::PATCH, WEB.to_owned(), Step::Patch),
        (Method::PATCH, format!("{WEB}?dryRun=All"), Step::DryRun),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/shop/replicasets/web-1".to_owned(),
            Step::Mark,
        ),
    ];
    for (method, path, step) in rows {
        assert_eq!(Step::of(&asked(method, &path)), step, "{path}");
    }
}

fn meets(gate: &Troubled) -> bool {
    gate.note(&asked(Method::GET, WEB)).1.is_some()
}

fn trouble(lasts: Lasts, step: Step) -> Troubled {
    Troubled::new(Some(Trouble {
        fault: Fault::Answers(500),
        lasts,
        step,
    }))
}

#[tokio::test(start_paused = true)]
async fn a_fault_lasts_as_long_as_it_says() {
    let once = trouble(Lasts::Once, Step::Read);
    assert!(meets(&once) && !meets(&once));
    let always = trouble(Lasts::Always, Step::Read);
    assert!(meets(&always) && meets(&always));
    always.lift();
    assert!(!meets(&always));
    let long = trouble(Lasts::Seconds(10), Step::Read);
    assert!(meets(&long));
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(meets(&long));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!meets(&long));
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_a_later_step_spares_the_first_request() {
    let later = trouble(Lasts::Always, Step::Recheck);
    assert!(!meets(&later) && meets(&later));
    let middle = trouble(Lasts::Always, Step::Everything);
    assert!(!meets(&middle));
    tokio::time::advance(MIDDLE).await;
    assert!(meets(&middle));
    let other = trouble(Lasts::Always, Step::Watch);
    assert!(!meets(&other));
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_within_any_second() {
    let gate = Troubled::new(None);
    for pause in [0, 400, 400, 400, 3000] {
        tokio::time::advance(Duration::from_millis(pause)).await;
        assert!(!meets(&gate));
    }
    assert_eq!(gate.most_within(Duration::from_secs(1)), 3);
    assert_eq!(gate.changes(), 0);
}
