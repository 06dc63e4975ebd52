//! The cause of an error: an answer of the API server, the network, or the source of tokens.

use std::error::Error;
use std::time::Duration;

use kube::client::AuthError;
use kube::config::KubeconfigError;
use rollguard_core::duration::Human;
use rollguard_core::observation::Blindness;

use super::{ClusterErrorKind, redact};
use crate::login::BoxError;

/// The API server's own word for an error. A gateway's page has none, whatever its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnStatus {
    /// `reason`, such as `NotFound`.
    pub reason: String,
    /// The name of the object that it is about; empty where it is about none.
    pub about: String,
}

/// The reason that kube gives to an answer that is no `Status` (kube-client 5.0 `client/mod.rs`,
/// `handle_api_errors`).
const NO_STATUS: &str = "Failed to parse error data";
/// The longest text of an answer without a `Status` that is shown; an HTML page never is.
const PLAIN_TEXT: usize = 200;

impl OwnStatus {
    fn of(status: &kube::core::Status) -> Option<Box<Self>> {
        let own = !status.reason.is_empty() && status.reason != NO_STATUS;
        let of = || Self {
            reason: status.reason.clone(),
            about: status
                .details
                .as_ref()
                .map_or_else(String::new, |it| it.name.clone()),
        };
        own.then(|| Box::new(of()))
    }
}

/// Why a request failed, without the wording of the libraries in between.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The API server answered with an error.
    #[error("{message} (HTTP {code})")]
    Answer {
        /// The HTTP status code.
        code: u16,
        /// Its message; foreign text.
        message: String,
        /// What the API server's own `Status` says besides; `None` for a page of something in between.
        own: Option<Box<OwnStatus>>,
    },
    /// No connection, or it broke.
    #[error("{0}")]
    Network(String),
    /// The connection was dropped before it was up: in silence, or at the TLS handshake.
    #[error("{0}")]
    Dropped(String),
    /// The host's name cannot be resolved.
    #[error("{0}")]
    Name(String),
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(String),
    /// No answer in time.
    #[error("no answer within {}", Human(*.0))]
    Silence(Duration),
    /// No bearer token can be had.
    #[error("get a token for the cluster")]
    Token(#[source] BoxError),
    /// The answer is not what Kubernetes sends.
    #[error("the answer is not Kubernetes' JSON: {0}")]
    Malformed(String),
    /// Each page of a list names another one.
    #[error("the pages of the list have no end")]
    Endless,
    /// The kubeconfig does not fit.
    #[error("{0}")]
    Kubeconfig(String),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl Cause {
    /// Returns whether the identity that signs in may not make requests on behalf of the user or of one of
    /// the groups (apiserver `endpoints/filters/impersonation.go`).
    pub(crate) fn refuses_impersonation(&self) -> bool {
        matches!(self, Self::Answer { code: 403, message, .. }
            if message.contains("cannot impersonate resource"))
    }

    /// Returns whether the API server itself says that an object does not exist. The code alone does
    /// not: a gateway without a route answers 404, and so does an API server that does not serve the
    /// resource.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Answer { code: 404, own: Some(own), .. }
            if own.reason == "NotFound" && !own.about.is_empty())
    }

    /// Returns whether the API server itself says that this object does not exist.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        let about = |own: &OwnStatus| own.about == name;
        self.is_not_found() && matches!(self, Self::Answer { own: Some(own), .. } if about(own))
    }

    /// Returns whether nothing is served at the path. The API server says that in plain text, as a
    /// gateway does, so only a question whose answer decides nothing may rely on it.
    pub(crate) const fn is_not_served(&self) -> bool {
        matches!(self, Self::Answer { code: 404, .. })
    }

    /// Returns whether the same read may succeed a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Answer { code, .. } => match *code {
                404 => !self.is_not_found(),
                // A version that is too old: the next read is of the present one.
                408 | 410 | 429 | 500..=599 => true,
                _ => false,
            },
            Self::Network(_)
            | Self::Dropped(_)
            | Self::Name(_)
            | Self::Silence(_)
            | Self::Malformed(_) => true,
            Self::Tls(_) | Self::Token(_) | Self::Endless | Self::Kubeconfig(_) | Self::File(_) => {
                false
            }
        }
    }

    pub(super) fn kind(&self) -> ClusterErrorKind {
        match self {
            Self::Answer { code, .. } => match *code {
                401 => ClusterErrorKind::Credentials,
                403 => ClusterErrorKind::Forbidden,
                404 if self.is_not_found() => ClusterErrorKind::NotFound,
                409 => ClusterErrorKind::Conflict,
                404 | 408 | 410 | 429 | 500..=599 => ClusterErrorKind::Unreachable,
                _ => ClusterErrorKind::Other,
            },
            // Something else answered: a login page, a gateway.
            Self::Malformed(_)
            | Self::Endless
            | Self::Network(_)
            | Self::Dropped(_)
            | Self::Name(_)
            | Self::Tls(_)
            | Self::Silence(_) => ClusterErrorKind::Unreachable,
            Self::Token(_) => ClusterErrorKind::Credentials,
            Self::Kubeconfig(_) | Self::File(_) => ClusterErrorKind::BadInput,
        }
    }

    /// The same, as something that was seen of a watch.
    pub(crate) fn blindness(&self) -> Blindness {
        match self {
            Self::Answer {
                code: 403, message, ..
            } => Blindness::Forbidden {
                message: message.clone(),
            },
            Self::Answer {
                code: 401, message, ..
            } => Blindness::Unauthorized {
                message: message.clone(),
            },
            Self::Token(source) => Blindness::Unauthorized {
                message: chain(source.as_ref()),
            },
            Self::Answer { .. }
            | Self::Network(_)
            | Self::Dropped(_)
            | Self::Name(_)
            | Self::Tls(_)
            | Self::Silence(_)
            | Self::Malformed(_)
            | Self::Endless
            | Self::Kubeconfig(_)
            | Self::File(_) => Blindness::Disconnected {
                message: self.to_string(),
            },
        }
    }
}

/// No answer in time; travels through kube as a boxed error.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {}", Human(*.0))]
pub(crate) struct Silence(pub(crate) Duration);

/// No token; travels through kube as a boxed error.
#[derive(Debug, thiserror::Error)]
#[error("get a token for the cluster")]
pub(crate) struct TokenFailure(#[source] pub(crate) BoxError);

impl From<kube::Error> for Cause {
    /// Which variants exist depends on features that other crates may turn on, hence no `match`.
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = error {
            return (*status).into();
        }
        if let kube::Error::Service(source) = error {
            return Self::of_service(source);
        }
        if let kube::Error::Auth(source) = error {
            return Self::Token(redact::of_sign_in(&source).into());
        }
        if let kube::Error::SerdeError(source) = error {
            return Self::Malformed(source.to_string());
        }
        if let kube::Error::InferKubeconfig(source) = error {
            return source.into();
        }
        Self::of_network(&error)
    }
}

impl From<KubeconfigError> for Cause {
    fn from(error: KubeconfigError) -> Self {
        Self::Kubeconfig(redact::of_kubeconfig(&error))
    }
}

impl From<kube::core::Status> for Cause {
    fn from(status: kube::core::Status) -> Self {
        let own = OwnStatus::of(&status);
        let page = status.message.contains('<') || status.message.len() > PLAIN_TEXT;
        let message = if own.is_none() && page {
            let code = http::StatusCode::from_u16(status.code).ok();
            let reason = code.and_then(|code| code.canonical_reason());
            reason.unwrap_or_default().to_owned()
        } else {
            status.message
        };
        let text = [message, status.reason];
        let told = text
            .into_iter()
            .find(|text| !text.is_empty() && text != NO_STATUS);
        Self::Answer {
            code: status.code,
            message: told.unwrap_or_else(|| "no reason given".to_owned()),
            own,
        }
    }
}

impl Cause {
    /// Returns what a layer of the client says: ours, kube's own authentication, or the network.
    fn of_service(source: BoxError) -> Self {
        match source.downcast::<TokenFailure>() {
            Ok(failure) => Self::Token(failure.0),
            Err(source) => match source.downcast_ref::<AuthError>() {
                Some(source) => Self::Token(redact::of_sign_in(source).into()),
                None => Self::of_network(source.as_ref()),
            },
        }
    }

    /// Returns why a request got no answer, if the same request may get one a moment later.
    pub(crate) fn passing(error: &(dyn Error + 'static)) -> Option<String> {
        if error.is::<TokenFailure>() || error.is::<AuthError>() {
            return None;
        }
        let cause = Self::of_network(error);
        cause.may_pass().then(|| cause.to_string())
    }

    fn of_network(error: &(dyn Error + 'static)) -> Self {
        let all: Vec<&(dyn Error + 'static)> =
            std::iter::successors(Some(error), |&error| below(error)).collect();
        if let Some(Silence(limit)) = all.iter().find_map(|it| it.downcast_ref::<Silence>()) {
            return Self::Silence(*limit);
        }
        // The deepest text is the one of the operating system or of the TLS library.
        let deepest = all.last().map_or_else(String::new, ToString::to_string);
        // hyper-util `client/legacy/connect/http.rs` names the step in its own texts.
        let says = |wanted: &str| all.iter().any(|it| it.to_string().contains(wanted));
        if says("dns error") {
            Self::Name(deepest)
        } else if is_dropped(&all) {
            Self::Dropped(deepest)
        } else if deepest.contains("certificate") || deepest.contains("handshake") {
            Self::Tls(deepest)
        } else {
            Self::Network(deepest)
        }
    }
}

/// An `io::Error` passes over the error that it holds and gives that one's source; hyper-rustls puts one into another.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let held = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match held {
        Some(held) => Some(held),
        None => error.source(),
    }
}

/// Returns whether a connection did not come up: no answer to TCP, or an end in the middle of the TLS handshake, where
/// a firewall has seen the server's name. A refused port and a reset of a connection that is up are something else.
fn is_dropped(all: &[&(dyn Error + 'static)]) -> bool {
    use std::io::ErrorKind;
    // hyper-util marks what failed while connecting (`client/legacy/client.rs`).
    let connecting = all.iter().any(|it| {
        let error = it.downcast_ref::<hyper_util::client::legacy::Error>();
        error.is_some_and(hyper_util::client::legacy::Error::is_connect)
    });
    connecting
        && all.iter().any(|it| {
            let error = it.downcast_ref::<std::io::Error>();
            error.is_some_and(|it| {
                matches!(
                    it.kind(),
                    ErrorKind::TimedOut | ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                )
            })
        })
}

/// An error with its sources in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(text: &str) -> BoxError {
        std::io::Error::other(text.to_owned()).into()
    }

    #[test]
    fn a_network_error_is_told_in_the_words_of_the_operating_system() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let cause = Cause::from(kube::Error::Service(refused.into()));
        assert_eq!(cause.to_string(), "connection refused");
        assert_eq!(cause.kind(), ClusterErrorKind::Unreachable);
    }

    /// As hyper-util words a failed look-up, with the resolver's error below.
    #[derive(Debug, thiserror::Error)]
    #[error("dns error")]
    struct Lookup(#[source] std::io::Error);

    #[test]
    fn a_name_that_cannot_be_resolved_is_told_as_such() {
        let lookup = Lookup(std::io::Error::other("Name or service not known"));
        let cause = Cause::from(kube::Error::Service(lookup.into()));
        assert!(matches!(cause, Cause::Name(_)), "{cause:?}");
        assert_eq!(cause.to_string(), "Name or service not known");
    }

    #[test]
    fn a_certificate_that_does_not_fit_is_a_tls_error() {
        let cause = Cause::from(kube::Error::Service(io(
            "invalid peer certificate: BadSignature",
        )));
        assert!(matches!(cause, Cause::Tls(_)), "{cause:?}");
    }

    #[test]
    fn a_token_that_cannot_be_had_is_about_credentials_with_its_whole_chain() {
        let cause = Cause::from(kube::Error::Service(
            TokenFailure(io("AADSTS700024")).into(),
        ));
        assert_eq!(cause.kind(), ClusterErrorKind::Credentials);
        let Blindness::Unauthorized { message } = cause.blindness() else {
            panic!("{cause:?}");
        };
        assert_eq!(message, "AADSTS700024");
    }

    #[test]
    fn silence_is_recognised_through_kube() {
        let silence = Silence(Duration::from_secs(15));
        let cause = Cause::from(kube::Error::Service(silence.into()));
        assert_eq!(cause.to_string(), "no answer within 15s");
    }

    #[test]
    fn only_the_api_servers_own_word_about_the_object_says_that_it_does_not_exist() {
        let of = |body: &str| {
            let status: kube::core::Status = serde_json::from_str(body).unwrap();
            Cause::from(status)
        };
        let page = kube::core::Status::failure("<html>no route</html>", NO_STATUS).with_code(404);
        let rows = [
            (
                "the object",
                of(
                    r#"{"kind":"Status","reason":"NotFound","message":"gone","code":404,
                    "details":{"name":"web","kind":"deployments"}}"#,
                ),
                ("gone (HTTP 404)", true, true),
            ),
            (
                "another object",
                of(
                    r#"{"kind":"Status","reason":"NotFound","message":"gone","code":404,
                    "details":{"name":"shop","kind":"namespaces"}}"#,
                ),
                ("gone (HTTP 404)", true, false),
            ),
            (
                "a resource that is not served",
                of(
                    r#"{"kind":"Status","reason":"NotFound","message":"no such resource",
                    "code":404,"details":{}}"#,
                ),
                ("no such resource (HTTP 404)", false, false),
            ),
            (
                "a gateway's JSON",
                of(r#"{"message":"no Route matched","code":404}"#),
                ("no Route matched (HTTP 404)", false, false),
            ),
            (
                "a gateway's page",
                page.into(),
                ("Not Found (HTTP 404)", false, false),
            ),
        ];
        for (says, cause, (text, not_found, missing)) in rows {
            assert_eq!(cause.to_string(), text, "{says}");
            assert_eq!(cause.is_not_found(), not_found, "{says}");
            assert_eq!(cause.is_missing("web"), missing, "{says}");
            let kind = if not_found {
                ClusterErrorKind::NotFound
            } else {
                ClusterErrorKind::Unreachable
            };
            assert_eq!(cause.kind(), kind, "{says}");
        }
    }

    #[test]
    fn only_refusals_and_bad_credentials_are_told_apart_from_being_disconnected() {
        let answer = |code| Cause::Answer {
            code,
            message: "m".into(),
            own: None,
        };
        assert!(matches!(
            answer(403).blindness(),
            Blindness::Forbidden { .. }
        ));
        assert!(matches!(
            answer(401).blindness(),
            Blindness::Unauthorized { .. }
        ));
        for code in [404, 429, 500, 503] {
            assert!(matches!(
                answer(code).blindness(),
                Blindness::Disconnected { .. }
            ));
        }
    }

    /// The cause that a client reports whose connector fails so.
    async fn connecting(kind: std::io::ErrorKind) -> Cause {
        let connector = tower::service_fn(move |_: http::Uri| {
            type Stream = hyper_util::rt::TokioIo<tokio::net::TcpStream>;
            std::future::ready(Err::<Stream, _>(std::io::Error::from(kind)))
        });
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build::<_, kube::client::Body>(connector);
        let request = http::Request::get("http://aks.example/").body(kube::client::Body::empty());
        let error = client.request(request.unwrap()).await;
        let error: BoxError = error.unwrap_err().into();
        kube::Error::Service(error).into()
    }

    #[tokio::test]
    async fn what_does_not_come_up_is_told_apart_from_what_is_refused_or_breaks() {
        use std::io::ErrorKind;
        let rows = [
            (ErrorKind::TimedOut, true),
            (ErrorKind::UnexpectedEof, true),
            (ErrorKind::ConnectionReset, true),
            (ErrorKind::ConnectionRefused, false),
            (ErrorKind::HostUnreachable, false),
        ];
        for (kind, dropped) in rows {
            let cause = connecting(kind).await;
            assert_eq!(
                matches!(cause, Cause::Dropped(_)),
                dropped,
                "{kind:?}: {cause:?}"
            );
            assert!(cause.may_pass(), "{kind:?}");
        }
        let reset = std::io::Error::from(ErrorKind::ConnectionReset);
        let later = Cause::of_network(&reset);
        assert!(matches!(later, Cause::Network(_)), "{later:?}");
    }
}
