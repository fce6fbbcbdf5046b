//! How a server says where tokens come from, what makes them good, and when a connection ends.

use std::{fmt, panic::Location, sync::Arc, time::Duration};

use portcullis_core::identity::ChecksOrigin;
use tower_layer::Layer;

use crate::{
    revocations::Revocations, service::JwtService, settings::Settings, source::Source, tickets::Tickets,
    token_message::TokenMessage, verify::Verify,
};

/// Authenticates WebSocket handshakes, and closes a connection when its session ends; and authenticates plain requests,
/// which are not handshakes. The crate's page has the rules.
///
/// The order of settings does not matter. Of one that is set twice the last stands, but for sources and
/// [`authorize`](Self::authorize), which add up. Where a request has tokens of several sources, what a client has to
/// say decides before what a browser says by itself: `Authorization`, then subprotocols, the query, and cookies. Of two
/// cookies, or two parameters, that is the one that was named first.
///
/// # Panics
///
/// [`Layer::layer`], which a server calls before it serves, panics if settings contradict each other: `single_use`, or
/// `first_message` without any other source, where [`handshakes_only`](Self::handshakes_only) is not said, and
/// `query_on_plain_requests` where that is, or without `query`.
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
    ///
    /// Of plain requests it is accepted with `GET` and `HEAD` alone: a page of another site can make a browser send any
    /// other method, cookies included (cross-site request forgery). Where that layer judges plain requests, too
    /// (`OriginLayer::plain_requests`), it is accepted with all of them; otherwise they are refused with 403.
    ///
    /// # Panics
    ///
    /// If `name` is not the name of a cookie (RFC 6265, section 4.1.1).
    #[track_caller]
    pub fn cookie(self, name: impl Into<String>, _checked_by: &impl ChecksOrigin) -> Self {
        self.source(Source::Cookie(token_name("a cookie", name.into())))
    }

    /// Takes the token from a cookie, whatever page opened the connection. Without an origin check any page may act for
    /// a user who has signed in; a warning is logged once where there is none. Plain requests are treated as by
    /// [`cookie`](Self::cookie).
    ///
    /// # Panics
    ///
    /// If `name` is not the name of a cookie (RFC 6265, section 4.1.1).
    #[track_caller]
    pub fn danger_cookie_of_any_page(self, name: impl Into<String>) -> Self {
        self.source(Source::Cookie(token_name("a cookie", name.into())))
    }

    /// Takes the token from a parameter of the query, which nobody inside sees any more. What stands outside, proxies
    /// among it, has seen it: let such tokens live for seconds, or be [`single_use`](Self::single_use).
    ///
    /// Of plain requests the parameter is neither read nor taken out, unless
    /// [`query_on_plain_requests`](Self::query_on_plain_requests) is said.
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

    /// Accepts the token of a [`query`](Self::query) on plain requests, too: for clients that can send no header there
    /// either, such as an `EventSource`. A link holds such a token: it is in histories and logs, and whoever follows
    /// the link is whom the token names.
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
    /// # Panics
    ///
    /// If `marker` cannot be the name of a subprotocol (RFC 6455, section 4.1).
    #[track_caller]
    pub fn subprotocol(self, marker: impl Into<String>) -> Self {
        self.source(Source::Subprotocol(token_name("a subprotocol", marker.into())))
    }

    /// Takes the token from the subprotocol `<prefix><base64url(token)>`, beside one that can be selected.
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
    /// Plain requests have no first message. Where they are authenticated, a handshake that its handler does not
    /// upgrade is not let in unauthenticated either: it must be a `GET`, or a `CONNECT` over HTTP/2, its connection
    /// must be one that can be upgraded, and an answer of the handler's that is neither an upgrade nor an error becomes
    /// a 401.
    #[track_caller]
    pub fn first_message(self, first: TokenMessage) -> Self {
        let at = Location::caller();
        self.set(|settings| {
            settings.first = Some(first);
            settings.named_at.first = Some(at);
        })
    }

    /// Lets plain requests pass, which are not handshakes, without a look at their tokens. There is no [`Session`] of
    /// them, and whatever else the router serves is as open as if this layer were not there.
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

    /// Refuses nobody and closes nothing. Tokens are still taken out of URIs and subprotocols, and what is accepted is
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

    /// How long a verification may take that has to wait, for keys or for the issuer's word. 10 s by default. Of one
    /// that takes longer, the handshake is refused with 503, a connection that has sent its token with the first
    /// message is closed with 1013, and [`Session::renew`](crate::Session::renew) fails with
    /// [`TokenError::Unavailable`](crate::TokenError::Unavailable).
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn verify_timeout(self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a verification must have time");
        self.set(|settings| settings.verify_timeout = time)
    }

    /// Where tokens are taken back.
    pub fn revocations(self, revocations: Revocations) -> Self {
        self.set(|settings| settings.revocations = Some(revocations))
    }

    /// Accepts a token once: a ticket, which names itself (`jti`) and expires. So many are remembered at most; beyond
    /// that handshakes are refused with 503 until some have expired. Once over all nodes, where they share
    /// [`Tickets`].
    ///
    /// Tickets are for handshakes: say [`handshakes_only`](Self::handshakes_only), too. A ticket whose client leaves
    /// before the handshake is answered is used up.
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
        let settings = Arc::make_mut(&mut self.0);
        change(settings);
        settings.resolve();
        self
    }
}

/// What is sent as a token of HTTP's (RFC 9110, section 5.6.2).
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

    /// Every setting that there is.
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

    /// What a panic says.
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
