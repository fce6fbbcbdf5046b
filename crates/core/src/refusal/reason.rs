//! The refusal: a kind, a status and a close frame, and the response made from them.

use std::{borrow::Cow, time::Duration};

#[cfg(feature = "axum")]
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{
    HeaderName, HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, RETRY_AFTER},
    request::Parts,
};

use super::{Asked, Kind};
use crate::{
    close::{CloseCode, CloseFrame},
    handshake, observe,
};

/// Why a handshake was refused. Stored in the response's extensions.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use portcullis_core::{CloseCode, CloseFrame, refusal::Refusal};
///
/// let refusal = Refusal::new("maintenance", StatusCode::SERVICE_UNAVAILABLE)
///     .with_message("back at six")
///     .with_retry_after(Duration::from_millis(59_001))
///     .with_close_frame(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "back at six"));
/// let response = refusal.into_response::<()>();
/// assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"60".parse().unwrap()));
///
/// // A layer outside finds the refusal in the response, and may render it in another form, as `CloseLayer` does.
/// let refusal: &Refusal = response.extensions().get().unwrap();
/// assert_eq!((refusal.kind().as_str(), refusal.message()), ("maintenance", "back at six"));
/// assert_eq!(refusal.close_frame().unwrap().code().unwrap(), 1013);
/// ```
#[derive(Debug, Clone)]
pub struct Refusal(Box<Content>);

/// Boxed: the results of all that may refuse a handshake are passed by value, and few of them are refusals.
#[derive(Debug, Clone)]
struct Content {
    kind: Kind,
    status: StatusCode,
    close: Option<CloseFrame>,
    retry_after: Option<Duration>,
    http_only: bool,
    header: Option<(HeaderName, HeaderValue)>,
    /// The client, if an observer is attached.
    asked: Option<Asked>,
    sentence: Cow<'static, str>,
    /// The wiring error, if that is the reason.
    mistake: Option<&'static str>,
    /// It was counted and logged, or must not be.
    reported: bool,
    answers: Answers,
    failed_authentication: bool,
}

/// Which request a refusal answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// A handshake over HTTP/1, which is the last request of its connection.
    Last,
    /// A handshake over HTTP/2, whose connection others share.
    Shared,
    /// A request that is not a handshake.
    Plain,
}

impl Refusal {
    /// Creates a refusal of a kind: one of those [listed](super#kinds), or one of your own by its label.
    pub fn new(kind: impl Into<Kind>, status: StatusCode) -> Self {
        Self(Box::new(Content {
            kind: kind.into(),
            status,
            close: None,
            retry_after: None,
            http_only: false,
            header: None,
            asked: None,
            sentence: Cow::Borrowed(""),
            mistake: None,
            reported: false,
            answers: Answers::Last,
            failed_authentication: false,
        }))
    }

    /// Creates the refusal of a request that is not a handshake: a 400, not counted as a refused handshake.
    pub fn not_a_handshake() -> Self {
        let mut refusal = Self::new(Kind::NO_HANDSHAKE, StatusCode::BAD_REQUEST);
        (refusal.0.reported, refusal.0.answers) = (true, Answers::Plain);
        refusal
    }

    /// Creates the refusal for layers that are composed wrongly: a 500. The message goes to the log, not to the client.
    ///
    /// In debug builds the client gets the message as well: in the body if that is axum's (feature `axum`), and in the
    /// close reason from a `CloseLayer`. With another body type and without a subscriber for events (feature
    /// `tracing`), the message is printed to stderr, once in a process.
    ///
    /// ```
    /// use portcullis_core::refusal::Refusal;
    ///
    /// let refusal = Refusal::misconfigured("`ThrottleLayer` needs a `SessionLayer` outside of it");
    /// assert_eq!((refusal.kind().as_str(), refusal.status().as_u16()), ("wiring", 500));
    /// assert_eq!(refusal.message().is_empty(), !cfg!(debug_assertions));
    /// ```
    pub fn misconfigured(sentence: &'static str) -> Self {
        observe::wiring(sentence);
        Self::misconfigured_as(sentence, cfg!(debug_assertions))
    }

    fn misconfigured_as(sentence: &'static str, debug: bool) -> Self {
        let mut refusal = Self::new(Kind::WIRING, StatusCode::INTERNAL_SERVER_ERROR);
        refusal.0.mistake = Some(sentence);
        refusal.with_message(if debug { sentence } else { "" })
    }

    /// Creates the rejection of an extractor whose value no layer has inserted into the request.
    ///
    /// For a handshake it is [`misconfigured`](Self::misconfigured). Other requests do not show whether the layers are
    /// there, so they get [`not_a_handshake`](Self::not_a_handshake); otherwise any client could fill the log with
    /// wiring errors that do not exist.
    ///
    /// ```
    /// use http::Request;
    /// use portcullis_core::refusal::{Kind, Refusal};
    ///
    /// // An extractor of a session that no layer outside has inserted.
    /// let reject = |request: http::request::Builder| {
    ///     let (parts, ()) = request.body(()).unwrap().into_parts();
    ///     Refusal::missing_extension(&parts, "`Session` needs a `SessionLayer` outside of the handler")
    /// };
    /// let wiring = reject(Request::get("/ws").header("upgrade", "websocket"));
    /// assert_eq!((wiring.kind(), wiring.status().as_u16()), (Kind::WIRING, 500));
    /// let no_handshake = reject(Request::get("/ws"));
    /// assert_eq!((no_handshake.kind(), no_handshake.status().as_u16()), (Kind::NO_HANDSHAKE, 400));
    /// ```
    pub fn missing_extension(parts: &Parts, sentence: &'static str) -> Self {
        if handshake::is_handshake(parts) {
            return Self::misconfigured(sentence).over(parts.version);
        }
        Self::not_a_handshake().with_message("a WebSocket handshake is needed here")
    }

    /// Creates the refusal for when the store of shared limits cannot be reached and the application chose to refuse
    /// handshakes then: a 503.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis_core::refusal::Refusal;
    ///
    /// let refusal = Refusal::limits_unavailable(Duration::from_secs(2));
    /// assert_eq!((refusal.kind().as_str(), refusal.status().as_u16()), ("limits_unavailable", 503));
    /// assert_eq!(refusal.close_frame().unwrap().to_string(), "1013 try again later");
    /// ```
    pub fn limits_unavailable(retry_after: Duration) -> Self {
        let sentence = "try again later";
        let refusal = Self::new(Kind::LIMITS_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE).with_message(sentence);
        refusal.with_close_frame(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, sentence)).with_retry_after(retry_after)
    }

    /// Sets the close frame for a client that cannot read a status.
    pub fn with_close_frame(mut self, frame: CloseFrame) -> Self {
        self.0.close = Some(frame);
        self
    }

    /// Sets `Retry-After`: how long the client should wait, rounded up to whole seconds.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Marks the refusal as caused by invalid credentials, such as a token with a wrong signature. Layers outside may
    /// count it against the client.
    ///
    /// ```
    /// use http::StatusCode;
    /// use portcullis_core::refusal::Refusal;
    ///
    /// let refuse = || Refusal::new("wrong_password", StatusCode::UNAUTHORIZED);
    /// assert!(refuse().failed_authentication().is_failed_authentication()); // limited by a `HandshakeRateLayer`
    /// assert!(!refuse().is_failed_authentication());
    /// ```
    pub fn failed_authentication(mut self) -> Self {
        self.0.failed_authentication = true;
        self
    }

    /// Returns true if the client presented invalid credentials.
    pub fn is_failed_authentication(&self) -> bool {
        self.0.failed_authentication
    }

    /// Sends this refusal as a status only: no layer turns it into a connection that is accepted and closed.
    ///
    /// Used where the client must not learn that there is a WebSocket at all, such as a page of a foreign origin.
    ///
    /// ```
    /// use http::StatusCode;
    /// use portcullis_core::refusal::Refusal;
    ///
    /// let refusal = Refusal::new("foreign", StatusCode::FORBIDDEN).http_only();
    /// let response = refusal.into_response::<()>();
    /// assert!(response.extensions().get::<Refusal>().unwrap().is_http_only(), "which a `CloseLayer` respects");
    /// ```
    pub fn http_only(mut self) -> Self {
        self.0.http_only = true;
        self
    }

    /// Returns true if this is sent as a status only.
    pub fn is_http_only(&self) -> bool {
        self.0.http_only
    }

    /// Sets a header that the status requires, such as `WWW-Authenticate` (RFC 9110, section 11.6.1).
    ///
    /// There is one such header; a second call replaces it.
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
    /// use portcullis_core::refusal::Refusal;
    ///
    /// let scheme = HeaderValue::from_static("Bearer");
    /// let refusal = Refusal::new("signed_out", StatusCode::UNAUTHORIZED).with_header(WWW_AUTHENTICATE, scheme);
    /// assert_eq!(refusal.into_response::<()>().headers()["www-authenticate"], "Bearer");
    /// ```
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Sets the request that this answers, which decides about the connection.
    ///
    /// Over HTTP/1, a refused handshake is the last request of its connection: the response has `Connection: close`
    /// (RFC 9112, section 9.6). Otherwise a proxy that does not check for a `101` would let its client send requests of
    /// its own over it. Over HTTP/2, and after any other request, the connection stays open. A request that is not a
    /// handshake is counted as a refused request instead of a refused handshake.
    ///
    /// [`refusal::call`](super::call) and `upgrade::call` do this themselves. Without it, a refusal counts as that of a
    /// handshake over HTTP/1; over HTTP/2, where the header is illegal, hyper removes it.
    ///
    /// ```
    /// use http::{Request, StatusCode};
    /// use portcullis_core::refusal::Refusal;
    ///
    /// let refuse = |request: http::request::Builder| {
    ///     let (parts, ()) = request.body(()).unwrap().into_parts();
    ///     Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).answering(&parts).into_response::<()>()
    /// };
    /// let handshake = refuse(Request::get("/ws").header("upgrade", "websocket"));
    /// assert_eq!(handshake.headers()["connection"], "close");
    /// assert!(!refuse(Request::get("/")).headers().contains_key("connection"));
    /// ```
    pub fn answering(mut self, parts: &Parts) -> Self {
        self = self.asked(Asked::of(parts));
        if !handshake::is_handshake(parts) {
            self.0.answers = Answers::Plain;
            return self;
        }
        self.over(parts.version)
    }

    /// Sets that it answers a handshake over this version of HTTP.
    pub(crate) fn over(mut self, version: Version) -> Self {
        self.0.answers = if version < Version::HTTP_2 { Answers::Last } else { Answers::Shared };
        self
    }

    /// Sets the client that was refused, unless it is set.
    pub(crate) fn asked(mut self, asked: Option<Asked>) -> Self {
        self.0.asked = self.0.asked.take().or(asked);
        self
    }

    /// Sets the message for the response's body. Text that the peer sent must be escaped, shortened and quoted in it.
    pub fn with_message(mut self, sentence: impl Into<Cow<'static, str>>) -> Self {
        self.0.sentence = sentence.into();
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the close frame, if one was set.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.0.close.as_ref()
    }

    /// Returns how long the client should wait, if that was set.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the message, which is empty if there is none.
    pub fn message(&self) -> &str {
        &self.0.sentence
    }

    /// Counts and logs a refusal that a layer only reports (features `metrics` and `tracing`).
    pub fn report(&self) {
        observe::would_refuse(
            self.0.answers == Answers::Plain,
            self.0.kind.as_str(),
            self.0.status,
            &self.0.sentence,
            self.0.asked.as_ref(),
        );
    }

    /// Converts the refusal into a response with the status, `Retry-After` and the header. If the body is axum's, it is
    /// the message as plain text; otherwise it is empty. Unless it [answers](Self::answering) something other than a
    /// handshake over HTTP/1, it has `Connection: close`.
    ///
    /// The refusal is counted and logged here, once (features `metrics` and `tracing`).
    pub fn into_response<B: Default + 'static>(mut self) -> Response<B> {
        if !std::mem::replace(&mut self.0.reported, true) {
            let plain = self.0.answers == Answers::Plain;
            observe::refused(plain, self.0.kind.as_str(), self.0.status, &self.0.sentence, self.0.asked.as_ref());
        }
        let mut response = Response::new(B::default());
        #[cfg(feature = "axum")]
        let is_written = self.write_body(&mut response);
        #[cfg(not(feature = "axum"))]
        let is_written = false;
        if let Some(mistake) = self.0.mistake.take().filter(|_| !is_written) {
            observe::wiring_unseen(mistake);
        }
        *response.status_mut() = self.0.status;
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = &self.0.header {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        if self.0.answers == Answers::Last {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }

    /// Says whether the sentence stands in the body. It is text, whatever it quotes: a browser that is pointed here is
    /// not to find a page in it.
    #[cfg(feature = "axum")]
    fn write_body<B: 'static>(&self, response: &mut Response<B>) -> bool {
        let body: &mut dyn std::any::Any = response.body_mut();
        let Some(body) = body.downcast_mut::<axum_core::body::Body>().filter(|_| !self.0.sentence.is_empty()) else {
            return false;
        };
        *body = self.0.sentence.clone().into_owned().into();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_a_wiring_error_of_a_handshake_alone() {
        for (header, kind, status) in [("upgrade", "wiring", 500), ("accept", "no_handshake", 400)] {
            let (parts, ()) = http::Request::get("/").header(header, "websocket").body(()).unwrap().into_parts();
            let refusal = Refusal::missing_extension(&parts, "no layer stands outside");
            assert_eq!((refusal.kind().as_str(), refusal.status().as_u16()), (kind, status), "{header}");
        }
    }

    #[test]
    fn a_misconfiguration_is_explained_to_clients_of_debug_builds_alone() {
        for (debug, message) in [(true, "put a layer outside"), (false, "")] {
            let refusal = Refusal::misconfigured_as("put a layer outside", debug);
            assert_eq!((refusal.message(), refusal.status().as_u16()), (message, 500), "debug {debug}");
            #[cfg(feature = "axum")]
            {
                let response = refusal.into_response::<axum_core::body::Body>();
                let length = http_body_length(response.body());
                assert_eq!(length, message.len() as u64, "debug {debug}");
            }
        }
    }

    #[cfg(feature = "axum")]
    fn http_body_length(body: &axum_core::body::Body) -> u64 {
        hyper::body::Body::size_hint(body).exact().unwrap()
    }

    #[test]
    fn a_refusal_travels_in_its_response() {
        let refusal =
            Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).with_retry_after(Duration::from_millis(1500));
        let response = refusal.into_response::<()>();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.extensions().get::<Refusal>().unwrap().kind(), "full");
    }

    #[test]
    fn a_refused_handshake_over_http_1_is_the_last_request_of_its_connection_and_no_other_is() {
        for (header, version, last) in [
            ("upgrade", Version::HTTP_10, true),
            ("upgrade", Version::HTTP_11, true),
            ("upgrade", Version::HTTP_2, false),
            ("upgrade", Version::HTTP_3, false),
            ("accept", Version::HTTP_11, false),
            ("accept", Version::HTTP_2, false),
        ] {
            let request = http::Request::get("/").version(version).header(header, "websocket");
            let (parts, ()) = request.body(()).unwrap().into_parts();
            for refusal in [
                Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).answering(&parts),
                Refusal::missing_extension(&parts, "no layer stands outside"),
            ] {
                let response = refusal.into_response::<()>();
                let closes = response.headers().get(CONNECTION).is_some_and(|value| value == "close");
                assert_eq!(closes, last, "{header} over {version:?}: {response:?}");
            }
        }
    }

    #[test]
    fn a_refusal_of_an_unknown_request_ends_its_connection() {
        let response = Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).into_response::<()>();
        assert_eq!(response.headers()[CONNECTION], "close");
    }
}
