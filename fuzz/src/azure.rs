//! Texts from Azure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use rollguard_agent::neutralise_line;
use rollguard_azure::{
    Authentication, Azure, Cloud, ClusterAccess, ClusterId, Login, Secret, Transport,
};

use crate::agent::harmless;

pub(crate) fn kubeconfig(text: &str) {
    const MARK: &str = "k3y-th4t-n0b0dy-sees";
    let text = text.replace("SECRET", MARK);
    match ClusterAccess::read(&Secret::new(text), "web") {
        Ok(access) => {
            let again = ClusterAccess::read(&access.kubeconfig, "web");
            match (&access.authentication, again) {
                (Authentication::Embedded, Ok(again)) => {
                    assert_eq!(again.authentication, Authentication::Embedded);
                }
                (Authentication::Embedded, Err(error)) => panic!("{error}"),
                // Its program is gone, so nothing is left to sign in with.
                (Authentication::Entra { server_id }, again) => {
                    assert_eq!(server_id.len(), 36);
                    let entra = again.is_ok_and(|it| it.authentication == access.authentication);
                    assert!(!entra, "a program is left in the kubeconfig");
                }
            }
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains(MARK), "{error:?}"),
    }
}

/// Answers for Azure DevOps, Entra and Azure Resource Manager.
#[derive(Debug)]
struct Anything {
    status: u16,
    header: String,
    bodies: Vec<String>,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl HttpClient for Anything {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        let body = self.bodies.get(nth.min(self.bodies.len() - 1));
        let body = body.cloned().unwrap_or_default();
        let mut headers = Headers::new();
        for name in [
            "retry-after",
            "date",
            "content-type",
            "x-ms-request-id",
            "www-authenticate",
        ] {
            headers.insert(name, self.header.clone());
        }
        // A former answer was good, so that this one is reached.
        let status = if nth + 1 < self.bodies.len() {
            200
        } else {
            self.status
        };
        let status = StatusCode::from(status);
        Ok(AsyncRawResponse::from_bytes(
            status,
            headers,
            body.into_bytes(),
        ))
    }
}

/// The first byte says who signs in, the second the status of the last answer; then a line for headers, and the
/// answers, between which a line with `---` stands.
pub(crate) fn answers(data: &[u8]) {
    const MARK: &str = "k3y-th4t-n0b0dy-sees";
    let [who, status, text @ ..] = data else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let (header, bodies) = text.split_once('\n').unwrap_or(("", text));
    let client = Anything {
        status: STATUSES
            .get(usize::from(*status) % STATUSES.len())
            .copied()
            .unwrap_or(200),
        header: header.to_owned(),
        bodies: bodies.split("\n---\n").map(str::to_owned).collect(),
        asked: AtomicUsize::new(0),
    };
    let (tenant_id, client_id) = (ID.to_owned(), ID.to_owned());
    let login = if who % 2 == 0 {
        Login::ClientSecret {
            tenant_id,
            client_id,
            client_secret: Secret::new(MARK),
        }
    } else {
        Login::Pipelines {
            tenant_id,
            client_id,
            service_connection_id: ID.to_owned(),
            system_access_token: Secret::new(MARK),
            oidc_request_uri: "https://dev.azure.test/oidc".to_owned(),
        }
    };
    let cloud = Cloud::new("https://login.test/", "https://arm.test/").unwrap();
    let azure = Azure::new(login, cloud, Transport::answered_by(Arc::new(client))).unwrap();
    let cluster = ClusterId::new(ID, "group", "aks").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let error = runtime.block_on(async {
        if who & 2 == 0 {
            azure.cluster_access(&cluster).await.err()
        } else {
            azure.managed_cluster(&cluster).await.err()
        }
    });
    if let Some(error) = error {
        let told = format!("{error} {error:?}");
        assert!(!told.contains(MARK) || text.contains(MARK), "{told}");
        harmless(&neutralise_line(&told));
    }
}

const ID: &str = "72f988bf-0000-4000-8000-000000000001";
/// The statuses that the second byte chooses from.
const STATUSES: [u16; 12] = [200, 200, 200, 201, 203, 302, 400, 401, 403, 404, 429, 503];
