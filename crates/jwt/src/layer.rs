//! The builder: where tokens come from, what they must satisfy, and when a connection ends.

use std::{fmt, panic::Location, sync::Arc, time::Duration};

use portcullis_core::identity::ChecksOrigin;
use tower_layer::Layer;

use crate::{
    revocations::Revocations, service::JwtService, settings::Settings, source::Source, tickets::Tickets,
    token_message::TokenMessage, verify::Verify,
};

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
pub struct JwtLayer<T>(Arc<Settings<T>>);

impl<T> JwtLayer<T> {
    /// Creates a layer that accepts the tokens that `verifier` accepts. If no source is set, they are taken from
    /// `Authorization: Bearer`.
    pub fn new(verifier: impl Verify<T>) -> Self {
        Self(Arc::new(Settings::new(verifier)))
    }

    /// Takes the token from `Authorization: Bearer` (RFC 6750, section 2.1).
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let service = JwtLayer::new(tokens).bearer().layer(inner);
    /// for (headers, status) in [
    ///     (&["Bearer good"][..], 200),
    ///     (&["bearer good"], 200), // the scheme's case does not matter (RFC 9110, section 11.1)
    ///     (&["Basic Z29vZA=="], 401),
    ///     (&["Bearer good", "Bearer good"], 400), // another reader might take the other one
    /// ] {
    ///     let mut handshake = Request::get("/ws").header("upgrade", "websocket");
    ///     for value in headers {
    ///         handshake = handshake.header("authorization", *value);
    ///     }
    ///     let response = service.clone().oneshot(handshake.body(()).unwrap()).await.unwrap();
    ///     assert_eq!(response.status(), status, "{headers:?}");
    /// }
    /// # }
    /// ```
    pub fn bearer(self) -> Self {
        self.source(Source::Bearer)
    }

    /// Takes the token from a cookie, inside a layer that checks origins, because a browser sends cookies for any page.
    ///
    /// On plain requests the cookie is accepted with `GET` and `HEAD` only, because a page of another site can make a
    /// browser send other methods with cookies (cross-site request forgery). If the origin layer checks plain requests
    /// as well (`OriginLayer::plain_requests`), it is accepted with all methods; otherwise these are refused with 403.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{ServiceBuilder, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// use portcullis_origin::OriginLayer;
    ///
    /// let origins = OriginLayer::new(["https://app.example.com"]).unwrap();
    /// let sessions = JwtLayer::new(tokens).cookie("session", &origins);
    /// let service = ServiceBuilder::new().layer(origins).layer(sessions).service(inner); // the first is the outermost
    /// let connect = async |origin: &str, cookie: &str| {
    ///     let handshake = Request::get("/ws").header("host", "api.example.com").header("upgrade", "websocket");
    ///     let handshake = handshake.header("origin", origin).header("cookie", cookie).body(()).unwrap();
    ///     service.clone().oneshot(handshake).await.unwrap().status().as_u16()
    /// };
    /// assert_eq!(connect("https://app.example.com", "theme=dark; session=good").await, 200);
    /// assert_eq!(connect("https://app.example.com", "session=good; session=bad").await, 400, "which one is it?");
    /// assert_eq!(connect("https://app.example.com", "theme=dark").await, 401);
    /// assert_eq!(connect("https://evil.example", "session=good").await, 403, "alice visits a page of someone else's");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `name` is not the name of a cookie (RFC 6265, section 4.1.1).
    #[track_caller]
    pub fn cookie(self, name: impl Into<String>, _checked_by: &impl ChecksOrigin) -> Self {
        self.source(Source::Cookie(token_name("a cookie", name.into())))
    }

    /// Takes the token from a cookie, whatever page opened the connection.
    ///
    /// Without an origin check, any page can act for a user who has signed in; a warning is logged once if there is no
    /// check. Plain requests are treated as by [`cookie`](Self::cookie).
    ///
    /// # Panics
    ///
    /// If `name` is not the name of a cookie (RFC 6265, section 4.1.1).
    #[track_caller]
    pub fn danger_cookie_of_any_page(self, name: impl Into<String>) -> Self {
        self.source(Source::Cookie(token_name("a cookie", name.into())))
    }

    /// Takes the token from a query parameter, and removes it from the request, so that services inside do not see it.
    ///
    /// Anything in front, such as a proxy, has already seen it: let such tokens expire within seconds, or make them
    /// [`single_use`](Self::single_use). On plain requests the parameter is neither read nor removed, unless
    /// [`query_on_plain_requests`](Self::query_on_plain_requests) is set.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// // What services inside see, such as one that logs requests.
    /// let inner = service_fn(async |request: Request<()>| {
    ///     Ok::<_, std::convert::Infallible>(Response::new(request.uri().to_string()))
    /// });
    /// let service = JwtLayer::new(tokens).query("token").layer(inner);
    /// let handshake = Request::get("/ws?room=7&token=good").header("upgrade", "websocket").body(()).unwrap();
    /// assert_eq!(service.clone().oneshot(handshake).await.unwrap().body(), "/ws?room=7");
    ///
    /// let twice = Request::get("/ws?token=good&token=bad").header("upgrade", "websocket").body(()).unwrap();
    /// assert_eq!(service.clone().oneshot(twice).await.unwrap().status(), 400);
    /// let plain = Request::get("/download?token=good").body(()).unwrap();
    /// assert_eq!(service.oneshot(plain).await.unwrap().status(), 401, "a link is not a login");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `name` is empty.
    #[track_caller]
    pub fn query(self, name: impl Into<String>) -> Self {
        let name = name.into();
        assert!(!name.is_empty(), "a parameter of a query has a name");
        self.source(Source::Query(name))
    }

    /// Also accepts the token of a [`query`](Self::query) on plain requests, for clients that cannot send headers there
    /// either, such as an `EventSource`. A link then contains a token: it appears in histories and logs, and anyone who
    /// follows the link acts as its subject.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let service = JwtLayer::new(tokens).query("token").query_on_plain_requests().layer(inner);
    /// for (uri, status) in [("/events?token=good", 200), ("/events?token=bad", 401), ("/events", 401)] {
    ///     let plain = Request::get(uri).body(()).unwrap();
    ///     assert_eq!(service.clone().oneshot(plain).await.unwrap().status(), status, "{uri}");
    /// }
    /// # }
    /// ```
    #[track_caller]
    pub fn query_on_plain_requests(self) -> Self {
        let at = Location::caller();
        self.set(|settings| {
            settings.plain.query = true;
            settings.named_at.query = Some(at);
        })
    }

    /// Takes the token from the subprotocols `marker, <token>`. The marker is selected if the handler selects none.
    ///
    /// In a browser: `new WebSocket(url, ["bearer", token])`.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{HeaderMap, Request, Response, header::SEC_WEBSOCKET_PROTOCOL};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// // Upgrades without selecting a subprotocol, and says which it was offered.
    /// let inner = service_fn(async |request: Request<()>| {
    ///     let response = Response::builder().status(101).body(request.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned());
    ///     Ok::<_, std::convert::Infallible>(response.unwrap())
    /// });
    /// let connect = async |offered: &str| {
    ///     let service = JwtLayer::new(tokens.clone()).subprotocol("bearer").layer(inner);
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header(SEC_WEBSOCKET_PROTOCOL, offered);
    ///     service.oneshot(handshake.body(()).unwrap()).await.unwrap()
    /// };
    /// let admitted = connect("chat.v1, bearer, good").await;
    /// assert_eq!(admitted.body().as_ref().unwrap(), "chat.v1", "all that the handler sees");
    /// assert_eq!(admitted.headers()[SEC_WEBSOCKET_PROTOCOL], "bearer", "the token is never sent back");
    ///
    /// assert_eq!(connect("chat.v1, bearer, bad").await.status(), 401);
    /// assert_eq!(connect("chat.v1").await.status(), 401);
    /// assert_eq!(connect("chat.v1, bearer").await.status(), 400, "no token behind the marker");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `marker` cannot be the name of a subprotocol (RFC 6455, section 4.1).
    #[track_caller]
    pub fn subprotocol(self, marker: impl Into<String>) -> Self {
        self.source(Source::Subprotocol(token_name("a subprotocol", marker.into())))
    }

    /// Takes the token from the subprotocol `<prefix><base64url(token)>`, beside one that can be selected.
    ///
    /// A browser drops a connection whose response selects none of the subprotocols that it offered, and the token must
    /// not be selected. So it has to stand beside another one:
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response, header::SEC_WEBSOCKET_PROTOCOL};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let service = JwtLayer::new(tokens).subprotocol_prefix("base64url.bearer.").layer(inner);
    /// for (offered, status) in [
    ///     ("chat.v1, base64url.bearer.Z29vZA", 200), // "good"
    ///     ("base64url.bearer.Z29vZA", 400),
    ///     ("chat.v1, base64url.bearer.YmFk", 401),   // "bad"
    ///     ("chat.v1, base64url.bearer.bad", 400),    // not base64url
    ///     ("chat.v1", 401),
    /// ] {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header(SEC_WEBSOCKET_PROTOCOL, offered);
    ///     let response = service.clone().oneshot(handshake.body(()).unwrap()).await.unwrap();
    ///     assert_eq!(response.status(), status, "{offered}");
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no name of a subprotocol (RFC 6455, section 4.1) can begin with `prefix`, or every name does.
    #[track_caller]
    pub fn subprotocol_prefix(self, prefix: impl Into<String>) -> Self {
        self.source(Source::SubprotocolPrefix(token_name("a subprotocol", prefix.into())))
    }

    /// Takes the token from the first message, where the handshake has none.
    ///
    /// Plain requests have no first message. Where they have to be authenticated, a handshake that is not upgraded must
    /// not get in without a token either: it must be a `GET`, or a `CONNECT` over HTTP/2, on a connection that can be
    /// upgraded, and a response of the handler that is neither an upgrade nor an error becomes a 401.
    ///
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
    /// # use portcullis_core::testing::{Clock, Handshake, Message};
    /// # use portcullis_jwt::{JwtLayer, TokenMessage, Verified, testing::Tokens};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// // An echo. It gets no socket before the token was accepted, and does not see the message with the token.
    /// let handler = any(async |upgrade: WebSocketUpgrade| {
    ///     upgrade.on_upgrade(async |mut socket| {
    ///         while let Some(Ok(message)) = socket.recv().await {
    ///             let _closed = socket.send(message).await;
    ///         }
    ///     })
    /// });
    /// let message = TokenMessage::json("/token").answer("welcome");
    /// let layer = JwtLayer::new(tokens).first_message(message).handshakes_only();
    /// let app = Router::new().route("/ws", handler).layer(layer);
    ///
    /// let mut admitted = Handshake::new("/ws").connect(app.clone()).await.unwrap();
    /// admitted.send_text(r#"{"token": "good"}"#).await.unwrap();
    /// admitted.send_text("hello").await.unwrap();
    /// assert_eq!(admitted.next().await, Some(Message::Text("welcome".into())));
    /// assert_eq!(admitted.next().await, Some(Message::Text("hello".into())));
    ///
    /// let mut refused = Handshake::new("/ws").connect(app.clone()).await.unwrap();
    /// refused.send_text(r#"{"token": "bad"}"#).await.unwrap();
    /// assert_eq!(refused.closed().await.unwrap().code().unwrap(), 3000);
    ///
    /// let mut silent = Handshake::new("/ws").connect(app).await.unwrap();
    /// assert_eq!(silent.closed().await.unwrap().code().unwrap(), 3000, "after 10 s");
    /// # }
    /// ```
    #[track_caller]
    pub fn first_message(self, first: TokenMessage) -> Self {
        let at = Location::caller();
        self.set(|settings| {
            settings.first = Some(first);
            settings.named_at.first = Some(at);
        })
    }

    /// Lets plain requests, which are not handshakes, pass without checking their tokens. They have no [`Session`], and
    /// the other routes are as open as without this layer.
    ///
    /// ```
    /// # use portcullis_jwt::{JwtLayer, TokenError, Verification, Verified, Verify};
    /// # #[derive(Clone)]
    /// # struct Nobody;
    /// # impl Verify<()> for Nobody {
    /// #     fn verify(&self, _: &str) -> Verification<()> {
    /// #         Verification::ready(Err(TokenError::Invalid("nobody's")))
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
    /// let layer = JwtLayer::new(Nobody).bearer();
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

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn settings(self) -> Arc<Settings<T>> {
        self.0
    }

    fn source(self, source: Source) -> Self {
        self.set(|settings| settings.sources.push(source))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings<T>)) -> Self {
        let settings = Arc::make_mut(&mut self.0);
        change(settings);
        settings.resolve();
        self
    }
}

/// Returns true if the text is a token in the sense of RFC 9110, section 5.6.2.
#[track_caller]
fn token_name(what: &str, name: String) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(is_token), "{name:?} cannot be the name of {what}");
    name
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::{TokenError, Verification};

    struct Nobody;

    impl Verify<()> for Nobody {
        fn verify(&self, _: &str) -> Verification<()> {
            Verification::ready(Err(TokenError::Invalid("nobody's")))
        }
    }

    struct Origins;

    impl ChecksOrigin for Origins {}

    type Setting = (&'static str, Box<dyn Fn(JwtLayer<()>) -> JwtLayer<()>>);

    fn setting(name: &'static str, set: impl Fn(JwtLayer<()>) -> JwtLayer<()> + 'static) -> Setting {
        (name, Box::new(set))
    }

    fn layer() -> JwtLayer<()> {
        JwtLayer::new(Nobody)
    }

    /// Each setting of the layer.
    fn settings() -> Vec<Setting> {
        let revocations = Revocations::new();
        vec![
            setting("bearer", JwtLayer::bearer),
            setting("cookie", |layer| layer.cookie("a", &Origins)),
            setting("danger_cookie_of_any_page", |layer| layer.danger_cookie_of_any_page("b")),
            setting("query", |layer| layer.query("token")),
            setting("query_on_plain_requests", JwtLayer::query_on_plain_requests),
            setting("subprotocol", |layer| layer.subprotocol("bearer")),
            setting("subprotocol_prefix", |layer| layer.subprotocol_prefix("jwt.")),
            setting("first_message", |layer| layer.first_message(TokenMessage::json("/token"))),
            setting("handshakes_only", JwtLayer::handshakes_only),
            setting("remove_credentials", JwtLayer::remove_credentials),
            setting("optional", JwtLayer::optional),
            setting("report_only", JwtLayer::report_only),
            setting("grace", |layer| layer.grace(Duration::from_secs(1))),
            setting("verify_timeout", |layer| layer.verify_timeout(Duration::from_secs(1))),
            setting("revocations", move |layer| layer.revocations(revocations.clone())),
            setting("single_use", |layer| layer.single_use(7)),
            setting("authorize", |layer| layer.authorize(|()| false)),
        ]
    }

    /// All that decides, as text; cookies of two settings are one kind, and stand in the order in which they are named.
    fn resolved(layer: &JwtLayer<()>) -> String {
        let settings = &layer.0;
        let mut sources = [settings.sources().to_vec(), settings.plain.sources.clone()];
        for sources in &mut sources {
            sources.sort_by_key(|source| (source.rank(), format!("{source:?}")));
        }
        let ranks =
            [settings.sources(), &settings.plain.sources].map(|all| all.iter().map(Source::rank).collect::<Vec<_>>());
        let Settings { first, optional, report_only, grace, verify_timeout, tickets, allows, .. } = &**settings;
        let revoked = settings.revocations.as_ref().map(Revocations::identity);
        let (only, removes, check) = (settings.plain.handshakes_only, settings.remove_credentials, settings.check());
        format!(
            "{sources:?} {ranks:?} {first:?} {only} {removes} {optional} {report_only} {grace:?} {verify_timeout:?} \
             {tickets:?} {} {revoked:?} {check:?}",
            allows.len(),
        )
    }

    #[test]
    fn settings_mean_the_same_in_either_order() {
        let settings = settings();
        for (name, set) in &settings {
            let default = layer();
            let before = resolved(&default);
            assert!(*name == "bearer" || resolved(&set(default)) != before, "{name} is not seen");
            for (other, then) in &settings {
                let orders = [then(set(layer())), set(then(layer()))].map(|layer| resolved(&layer));
                assert_eq!(orders[0], orders[1], "{name} and {other}");
            }
        }
    }

    #[test]
    fn what_a_client_has_to_say_goes_before_what_a_browser_says_by_itself() {
        let forwards = layer().bearer().subprotocol("bearer").subprotocol_prefix("jwt.").query("token");
        let forwards = forwards.danger_cookie_of_any_page("session");
        let backwards = layer().danger_cookie_of_any_page("session").query("token").subprotocol_prefix("jwt.");
        let backwards = backwards.subprotocol("bearer").bearer();
        let ranks = |layer: &JwtLayer<()>| layer.0.sources().iter().map(Source::rank).collect::<Vec<_>>();
        assert_eq!(ranks(&forwards), [0, 1, 2, 3, 4]);
        assert_eq!(ranks(&backwards), [0, 1, 2, 3, 4]);
    }

    /// Returns the message of a panic.
    fn panics<T>(act: impl FnOnce() -> T) -> Option<String> {
        let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
        Some(
            panic
                .downcast::<String>()
                .map_or_else(|panic| (*panic.downcast::<&str>().unwrap()).to_owned(), |text| *text),
        )
    }

    #[test]
    fn settings_that_contradict_each_other_stop_the_server_from_starting() {
        let build = |layer: JwtLayer<()>| panics(|| layer.layer(()));
        for (layer, sentence) in [
            (layer().single_use(9), "`single_use` (crates/jwt/src/layer.rs:"),
            (layer().bearer().single_use(9), "say `handshakes_only()`"),
            (layer().first_message(TokenMessage::raw()), "`first_message` (crates/jwt/src/layer.rs:"),
            (layer().query_on_plain_requests(), "`query_on_plain_requests` (crates/jwt/src/layer.rs:"),
            (layer().query("token").query_on_plain_requests().handshakes_only(), "contradicts `handshakes_only`"),
        ] {
            let said = build(layer).unwrap_or_default();
            assert!(said.contains(sentence), "{said}");
        }
        for layer in [
            layer(),
            layer().single_use(9).handshakes_only(),
            layer().handshakes_only().first_message(TokenMessage::raw()),
            layer().first_message(TokenMessage::raw()).bearer(),
            layer().subprotocol("bearer").first_message(TokenMessage::raw()),
            layer().query_on_plain_requests().query("token"),
        ] {
            assert_eq!(build(layer), None);
        }
    }

    #[test]
    fn settings_without_a_meaning_panic_where_they_are_set() {
        let all: [fn(); 10] = [
            || drop(layer().single_use(0)),
            || drop(layer().verify_timeout(Duration::ZERO)),
            || drop(layer().query("")),
            || drop(layer().cookie("", &Origins)),
            || drop(layer().cookie("a=b", &Origins)),
            || drop(layer().danger_cookie_of_any_page("a b")),
            || drop(layer().danger_cookie_of_any_page("a;b")),
            || drop(layer().subprotocol("")),
            || drop(layer().subprotocol("be, arer")),
            || drop(layer().subprotocol_prefix("")),
        ];
        for (at, set) in all.into_iter().enumerate() {
            assert!(panics(set).is_some(), "{at}");
        }
    }
}
