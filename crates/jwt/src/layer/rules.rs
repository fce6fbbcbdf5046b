//! What a layer requires of requests and their tokens, and when it closes a connection.

use std::{panic::Location, sync::Arc, time::Duration};

use super::JwtLayer;
use crate::{revocations::Revocations, tickets::Tickets};

impl<T> JwtLayer<T> {
    /// Lets plain requests, which are not handshakes, pass without checking their tokens. They have no [`Session`], and
    /// the other routes are as open as without this layer.
    ///
    /// ```
    /// # use portcullis_jwt::{JwtLayer, TokenError, Verification, Verified, Verify};
    /// # #[derive(Clone)]
    /// # struct RefuseAll;
    /// # impl Verify<()> for RefuseAll {
    /// #     fn verify(&self, _: &str) -> Verification<()> {
    /// #         Verification::ready(Err(TokenError::Invalid("refused")))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use http::{Request, Response, StatusCode};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let ask = async |layer: JwtLayer<()>| {
    ///     let plain = Request::get("/api").body(()).unwrap();
    ///     layer.layer(inner).oneshot(plain).await.unwrap().status()
    /// };
    /// let layer = JwtLayer::new(RefuseAll).bearer();
    /// assert_eq!(ask(layer.clone()).await, StatusCode::UNAUTHORIZED);
    /// assert_eq!(ask(layer.handshakes_only()).await, StatusCode::OK);
    /// # }
    /// ```
    ///
    /// [`Session`]: crate::Session
    pub fn handshakes_only(self) -> Self {
        self.set(|settings| settings.plain.handshakes_only = true)
    }

    /// Removes credentials from the requests that are passed on: the `Authorization` header if tokens are taken from
    /// [`bearer`](Self::bearer), and the configured cookies. Other cookies stay unchanged. By default all of these
    /// stay, marked sensitive, for gateways that pass them on.
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

    /// Admits clients without a token as anonymous. An invalid token is still refused.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Session, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// let inner = service_fn(async |request: Request<()>| {
    ///     let session: &Session<&str> = request.extensions().get().unwrap();
    ///     Ok::<_, std::convert::Infallible>(Response::new(session.claims().as_deref().copied()))
    /// });
    /// let service = JwtLayer::new(tokens).bearer().optional().layer(inner);
    /// let connect = async |authorization: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("authorization", authorization);
    ///     service.clone().oneshot(handshake.body(()).unwrap()).await.unwrap()
    /// };
    /// assert_eq!(connect("Bearer good").await.body(), &Some("alice"));
    /// assert_eq!(connect("").await.body(), &None, "anonymous");
    /// assert_eq!(connect("Bearer bad").await.status(), 401, "not anonymous");
    /// # }
    /// ```
    pub fn optional(self) -> Self {
        self.set(|settings| settings.optional = true)
    }

    /// Refuses and closes nothing, but counts and logs what would be refused (features `metrics` and `tracing`).
    ///
    /// Tokens are still removed from URIs and subprotocols, and the sessions of valid ones are attached. If a layer
    /// outside has authenticated another subject, that one stays. There is one exception: with
    /// [`first_message`](Self::first_message), the first message is awaited and kept from the handler even if it is not
    /// a token, and a connection that sends none in time, or one that is too large, is closed.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Session, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// let inner = service_fn(async |request: Request<()>| {
    ///     let claims = request.extensions().get().and_then(Session::<&str>::claims);
    ///     Ok::<_, std::convert::Infallible>(Response::new(claims.as_deref().copied()))
    /// });
    /// let service = JwtLayer::new(tokens).bearer().report_only().layer(inner);
    /// for (token, claims) in [("Bearer good", Some("alice")), ("Bearer bad", None)] {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("authorization", token);
    ///     let response = service.clone().oneshot(handshake.body(()).unwrap()).await.unwrap();
    ///     assert_eq!((response.status().as_u16(), response.into_body()), (200, claims));
    /// }
    /// # }
    /// ```
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.report_only = true)
    }

    /// Sets how long a connection stays open after its token expired. Zero by default, beyond the verifier's leeway.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::time::Duration;
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Clock, Handshake};
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let clock = Clock::new();
    /// let mut alice = Verified::new("alice");
    /// alice.expires_at = Some(clock.now() + Duration::from_secs(600));
    /// let tokens = Tokens::new(&clock).accept("good", alice);
    /// let app = Router::new().route("/ws", handler).layer(JwtLayer::new(tokens).grace(Duration::from_secs(60)));
    ///
    /// let handshake = || Handshake::new("/ws").header("authorization", "Bearer good");
    /// let mut client = handshake().connect(app.clone()).await.unwrap();
    /// let opened = tokio::time::Instant::now();
    /// assert_eq!(client.closed().await.unwrap().to_string(), "3000 token expired");
    /// assert_eq!(opened.elapsed().as_secs(), 660, "the token's ten minutes, and one of grace");
    /// assert_eq!(handshake().connect(app).await.unwrap_err().status().unwrap(), 401, "no grace for a new connection");
    /// # }
    /// ```
    pub fn grace(self, grace: Duration) -> Self {
        self.set(|settings| settings.grace = grace)
    }

    /// Sets how long a verification may take if it has to wait for keys or for the issuer, 10 s by default.
    ///
    /// If it takes longer, a handshake is refused with 503, a connection that sent its token with the first message is
    /// closed with 1013, and [`Session::renew`](crate::Session::renew) fails with
    /// [`TokenError::Unavailable`](crate::TokenError::Unavailable).
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use http::{Request, Response};
    /// use portcullis_jwt::{JwtLayer, Verification, Verify};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// /// Asks a server that does not answer.
    /// struct Introspection;
    ///
    /// impl Verify<()> for Introspection {
    ///     fn verify(&self, _: &str) -> Verification<()> {
    ///         Verification::wait(pending())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let layer = JwtLayer::new(Introspection).verify_timeout(Duration::from_secs(2));
    /// let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let handshake = Request::get("/ws").header("upgrade", "websocket").header("authorization", "Bearer opaque");
    /// let asked = tokio::time::Instant::now();
    /// let refused = layer.layer(inner).oneshot(handshake.body(()).unwrap()).await.unwrap();
    /// assert_eq!((refused.status().as_u16(), asked.elapsed().as_secs()), (503, 2));
    /// assert!(refused.headers().contains_key("retry-after"));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn verify_timeout(self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a verification must have time");
        self.set(|settings| settings.verify_timeout = time)
    }

    /// Sets the revocations to which this layer's tokens and sessions are subject.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Clock, Handshake};
    /// # use portcullis_jwt::{JwtLayer, Revocations, Verified, testing::Tokens};
    /// # let handler = any(async |upgrade: WebSocketUpgrade| {
    /// #     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
    /// # });
    /// let mut alice = Verified::new("alice");
    /// alice.id = Some("7".into()); // the `jti`
    /// let tokens = Tokens::new(&Clock::new()).accept("good", alice);
    /// let revocations = Revocations::new();
    /// let app = Router::new().route("/ws", handler).layer(JwtLayer::new(tokens).revocations(revocations.clone()));
    ///
    /// let handshake = || Handshake::new("/ws").header("authorization", "Bearer good");
    /// let mut client = handshake().connect(app.clone()).await.unwrap();
    /// assert_eq!(revocations.revoke_id("7").here(), 1, "one connection is closed");
    /// assert_eq!(client.closed().await.unwrap().to_string(), "3000 token revoked");
    /// assert_eq!(handshake().connect(app).await.unwrap_err().status().unwrap(), 401);
    /// # }
    /// ```
    pub fn revocations(self, revocations: Revocations) -> Self {
        self.set(|settings| settings.revocations = Some(revocations))
    }

    /// Accepts each token once: a ticket, which must have an id (`jti`) and expire.
    ///
    /// `tickets` is the number of used tickets that are remembered; beyond it, handshakes are refused with 503 until
    /// some have expired. Shared [`Tickets`] are accepted once over all nodes. Tickets are for handshakes: also set
    /// [`handshakes_only`](Self::handshakes_only). If the client disconnects before the handshake is answered, its
    /// ticket is used up.
    ///
    /// ```
    /// # use portcullis_jwt::{JwtLayer, Tickets, TokenError, Verification, Verified, Verify};
    /// # use std::time::{Duration, SystemTime};
    /// # #[derive(Clone)]
    /// # struct Issuer;
    /// # impl Verify<()> for Issuer {
    /// #     fn verify(&self, token: &str) -> Verification<()> {
    /// #         let mut verified = Verified::new(());
    /// #         verified.id = Some(token.into());
    /// #         verified.expires_at = Some(SystemTime::now() + Duration::from_secs(30));
    /// #         Verification::ready(Ok(verified))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use http::{Request, Response, StatusCode};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// // On several nodes: `Tickets::new(10_000).shared(&cluster)`.
    /// let layer = JwtLayer::new(Issuer).query("ticket").handshakes_only().single_use(Tickets::new(10_000));
    /// let connect = async || {
    ///     let handshake = Request::get("/ws?ticket=7").header("upgrade", "websocket").body(()).unwrap();
    ///     layer.layer(inner).oneshot(handshake).await.unwrap().status()
    /// };
    /// assert_eq!(connect().await, StatusCode::OK);
    /// assert_eq!(connect().await, StatusCode::UNAUTHORIZED, "it is used");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `tickets` is the number zero.
    #[track_caller]
    pub fn single_use(self, tickets: impl Into<Tickets>) -> Self {
        let (at, tickets) = (Location::caller(), tickets.into());
        self.set(|settings| {
            settings.tickets = Some(tickets);
            settings.named_at.tickets = Some(at);
        })
    }

    /// Refuses clients with 403 for whose claims `allow` returns false. With several closures, all must return true.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// #[derive(Clone)]
    /// struct User { role: &'static str, verified: bool }
    ///
    /// let tokens = Tokens::new(&Clock::new())
    ///     .accept("alice", Verified::new(User { role: "member", verified: true }))
    ///     .accept("bob", Verified::new(User { role: "guest", verified: true }))
    ///     .accept("carol", Verified::new(User { role: "member", verified: false }));
    /// let layer = JwtLayer::new(tokens);
    /// let layer = layer.authorize(|user: &User| user.role == "member").authorize(|user| user.verified);
    /// for (token, status) in [("alice", 200), ("bob", 403), ("carol", 403), ("mallory", 401)] {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket");
    ///     let handshake = handshake.header("authorization", format!("Bearer {token}")).body(()).unwrap();
    ///     assert_eq!(layer.layer(inner).oneshot(handshake).await.unwrap().status(), status, "{token}");
    /// }
    /// # }
    /// ```
    pub fn authorize(self, allow: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.allows.push(Arc::new(allow)))
    }
}
