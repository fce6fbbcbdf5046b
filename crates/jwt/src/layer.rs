//! How a server says where tokens come from, what makes them good, and when a connection ends.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::identity::ChecksOrigin;
use tower_layer::Layer;

use crate::{
    first::First, revocations::Revocations, service::Jwt, settings::Settings, source::Source, tickets::Tickets,
    verify::Verify,
};

/// Authenticates WebSocket handshakes, and closes a connection when its session ends. The crate's page has the rules.
#[must_use]
pub struct JwtLayer<T>(Arc<Settings<T>>);

impl<T> JwtLayer<T> {
    /// Accepts the tokens that a verifier accepts. Without a source named, they come as `Authorization: Bearer`.
    pub fn new(verifier: impl Verify<T>) -> Self {
        Self(Arc::new(Settings::new(verifier)))
    }

    /// Takes the token from `Authorization: Bearer` (RFC 6750, section 2.1).
    pub fn bearer(self) -> Self {
        self.source(Source::Bearer)
    }

    /// Takes the token from a cookie, behind a layer that checks origins: a browser sends cookies along for any page.
    pub fn cookie(self, name: impl Into<String>, _checked_by: &impl ChecksOrigin) -> Self {
        self.source(Source::Cookie(name.into()))
    }

    /// Takes the token from a cookie, whatever page opened the connection. Without an origin check any page may act for
    /// a user who has signed in; a warning is logged once where there is none.
    pub fn danger_cookie_of_any_page(self, name: impl Into<String>) -> Self {
        self.source(Source::Cookie(name.into()))
    }

    /// Takes the token from a parameter of the query, which nobody inside sees any more. What stands outside, proxies
    /// among it, has seen it: let such tokens live for seconds, or be [`single_use`](Self::single_use).
    pub fn query(self, name: impl Into<String>) -> Self {
        self.source(Source::Query(name.into()))
    }

    /// Takes the token from the subprotocols `marker, <token>`. The marker is selected if the handler selects none.
    pub fn subprotocol(self, marker: impl Into<String>) -> Self {
        self.source(Source::Subprotocol(marker.into()))
    }

    /// Takes the token from the subprotocol `<prefix><base64url(token)>`, beside one that can be selected.
    pub fn subprotocol_prefix(self, prefix: impl Into<String>) -> Self {
        self.source(Source::SubprotocolPrefix(prefix.into()))
    }

    /// Takes the token from the first message, where the handshake has none.
    pub fn first_message(self, first: First) -> Self {
        self.set(|settings| settings.first = Some(first))
    }

    /// Takes credentials out of what is passed on: the `Authorization` header where tokens come as
    /// [`bearer`](Self::bearer), and the cookies that were named. Other cookies stay as they are. By default all of
    /// these stay, marked sensitive, for a gateway that passes them on.
    ///
    /// ```
    /// # use portcullis_jwt::{JwtLayer, TokenError, Verification, Verified, Verify};
    /// # struct Open;
    /// # impl Verify<()> for Open {
    /// #     fn verify(&self, _: &str) -> Verification<()> { Verification::ready(Ok(Verified::new(()))) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use http::{Request, Response};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let inner = service_fn(async |request: Request<()>| {
    ///     Ok::<_, std::convert::Infallible>(Response::new(request.headers().clone()))
    /// });
    /// let layer = JwtLayer::new(Open).danger_cookie_of_any_page("session").remove_credentials();
    /// let handshake = Request::get("/ws").header("upgrade", "websocket").header("cookie", "a=1; session=token; b=2");
    /// let response = layer.layer(inner).oneshot(handshake.body(()).unwrap()).await.unwrap();
    /// assert_eq!(response.body()["cookie"], "a=1; b=2");
    /// # }
    /// ```
    pub fn remove_credentials(self) -> Self {
        self.set(|settings| settings.remove_credentials = true)
    }

    /// Lets clients in that bring no token. A bad one is refused all the same.
    pub fn optional(self) -> Self {
        self.set(|settings| settings.optional = true)
    }

    /// Refuses nobody and closes nothing. Tokens are still taken out of the handshake, and what is accepted is
    /// attached; but if a layer outside has authenticated another subject, that one stays.
    ///
    /// Behind [`first_message`](Self::first_message) this is not wholly so: the first message is waited for and kept
    /// from the handler even if it is no token, and who sends none in time, or too big a one, is closed.
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.report_only = true)
    }

    /// How long a connection outlives its token. Not at all by default, beyond the verifier's leeway.
    pub fn grace(self, grace: Duration) -> Self {
        self.set(|settings| settings.grace = grace)
    }

    /// How long a verification may take that has to wait, for keys or for the issuer's word. 10 s by default. Of one that
    /// takes longer, the handshake is refused with 503, a connection that has sent its token with the first message is
    /// closed with 1013, and [`Session::renew`](crate::Session::renew) fails with
    /// [`TokenError::Unavailable`](crate::TokenError::Unavailable).
    pub fn verify_timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.verify_timeout = time)
    }

    /// Where tokens are taken back.
    pub fn revocations(self, revocations: Revocations) -> Self {
        self.set(|settings| settings.revocations = revocations)
    }

    /// Accepts a token once: a ticket, which names itself (`jti`) and expires. So many are remembered at most; beyond
    /// that handshakes are refused with 503 until some have expired.
    pub fn single_use(self, most: usize) -> Self {
        self.set(|settings| settings.tickets = Some(Arc::new(Tickets::new(most))))
    }

    /// Refuses with 403 whose claims a closure does not allow. All that were given must.
    pub fn authorize(self, allow: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.allows.push(Arc::new(allow)))
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn settings(self) -> Arc<Settings<T>> {
        self.0
    }

    fn source(self, source: Source) -> Self {
        self.set(|settings| settings.sources.push(source))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings<T>)) -> Self {
        change(Arc::make_mut(&mut self.0));
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
    type Service = Jwt<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        Jwt::new(inner, self.0.clone())
    }
}
