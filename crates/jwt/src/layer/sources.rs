//! Where a layer takes tokens from.

use std::panic::Location;

use portcullis_core::identity::ChecksOrigin;

use super::JwtLayer;
use crate::{source::Source, token_message::TokenMessage};

impl<T> JwtLayer<T> {
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
    /// ```
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// # #[cfg(feature = "test-util")] #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Clock;
    /// # use portcullis_jwt::{JwtLayer, Verified, testing::Tokens};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # let tokens = Tokens::new(&Clock::new()).accept("good", Verified::new("alice"));
    /// # let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let service = JwtLayer::new(tokens).danger_cookie_of_any_page("session").layer(inner);
    /// let request = |origin| Request::get("/ws").header("origin", origin).header("cookie", "session=good");
    /// let handshake = request("https://evil.example").header("upgrade", "websocket").body(()).unwrap();
    /// assert_eq!(service.clone().oneshot(handshake).await.unwrap().status(), 200, "a foreign page is alice");
    /// let plain = request("https://evil.example").method("POST").body(()).unwrap();
    /// assert_eq!(service.oneshot(plain).await.unwrap().status(), 403);
    /// # }
    /// ```
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

    fn source(self, source: Source) -> Self {
        self.set(|settings| settings.sources.push(source))
    }
}

/// Returns true if the text is a token in the sense of RFC 9110, section 5.6.2.
#[track_caller]
fn token_name(what: &str, name: String) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(is_token), "{name:?} cannot be the name of {what}");
    name
}
