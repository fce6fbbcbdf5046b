//! The layer itself: it is built from a verifier, changed by its settings, and checked when it is applied.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use crate::{service::JwtService, settings::Settings, verify::Verify};

/// Authenticates WebSocket handshakes, closes a connection when its session ends, and authenticates plain requests. The
/// [crate's page](crate) lists the rules.
///
/// The order of settings does not matter. A setting that is set twice has its last value, except for sources and
/// [`authorize`](Self::authorize), which accumulate. If a request has tokens from several sources, those that the
/// client must add decide before those that a browser adds by itself: `Authorization`, then subprotocols, the query and
/// cookies. Of two cookies or two parameters, the one that was configured first decides.
///
/// ```
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
/// use http::{Request, Response};
/// use portcullis_core::testing::Clock;
/// use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice")); // in place of a `Verifier`
/// let layer = JwtLayer::new(tokens).bearer().query("token");
/// let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
/// for (uri, authorization, status) in [
///     ("/ws", "Bearer good", 200),
///     ("/ws?token=good", "", 200),
///     ("/ws", "", 401),
///     ("/ws", "Bearer bad", 401),
///     // The header decides: a good token elsewhere does not make up for a bad one.
///     ("/ws?token=good", "Bearer bad", 401),
///     ("/ws?token=bad", "Bearer good", 200),
/// ] {
///     let handshake = Request::get(uri).header("upgrade", "websocket").header("authorization", authorization);
///     let response = layer.layer(inner).oneshot(handshake.body(()).unwrap()).await.unwrap();
///     assert_eq!(response.status(), status, "{uri} {authorization:?}");
/// }
/// # }
/// ```
///
/// # Panics
///
/// [`Layer::layer`], which is called before the server starts to serve, panics if settings contradict each other:
/// `single_use`, or `first_message` without another source, if [`handshakes_only`](Self::handshakes_only) is not set;
/// `query_on_plain_requests` if that is set, or without `query`.
#[must_use]
pub struct JwtLayer<T>(pub(super) Arc<Settings<T>>);

impl<T> JwtLayer<T> {
    /// Creates a layer that accepts the tokens that `verifier` accepts. If no source is set, they are taken from
    /// `Authorization: Bearer`.
    pub fn new(verifier: impl Verify<T>) -> Self {
        Self(Arc::new(Settings::new(verifier)))
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn settings(self) -> Arc<Settings<T>> {
        self.0
    }

    pub(super) fn set(mut self, change: impl FnOnce(&mut Settings<T>)) -> Self {
        let settings = Arc::make_mut(&mut self.0);
        change(settings);
        settings.resolve();
        self
    }
}

impl<T> Clone for JwtLayer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for JwtLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtLayer").field("sources", &self.0.sources).finish_non_exhaustive()
    }
}

impl<S, T> Layer<S> for JwtLayer<T> {
    type Service = JwtService<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        if let Err(mistake) = self.0.check() {
            panic!("{mistake}");
        }
        JwtService::new(inner, self.0.clone())
    }
}
