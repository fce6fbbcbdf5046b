//! Accepting a handshake, only to close it (RFC 6455, section 4.2.2).
//!
//! Accepting is stricter than recognizing a handshake. The response switches protocols, so a proxy that took the
//! request for a plain one would go on reading HTTP from a WebSocket, and its next client could be answered from there.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
    header::{
        CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        UPGRADE,
    },
    request::Parts,
};
use portcullis_core::handshake::Subprotocol;
use sha1::{Digest, Sha1};

/// The parts of a handshake that decide how it can be answered.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the request")]
pub(crate) struct Handshake {
    http: Version,
    connect: bool,
    /// The client has asked to switch to a WebSocket, in a way that a proxy before the server has understood as well.
    asked: bool,
    /// Checked only when the handshake is accepted here: most are accepted by their handlers.
    key: Option<HeaderValue>,
    version: bool,
    /// The client can read a close code, but not a status.
    pub(crate) browser: bool,
    protocol: Option<HeaderValue>,
}

/// Subprotocols have short names. A longer value may be a token, which must not be echoed.
const LONGEST_NAME: usize = 64;

impl Handshake {
    pub(crate) fn of(parts: &Parts) -> Self {
        let headers = &parts.headers;
        Self {
            connect: parts.method == Method::CONNECT && parts.version >= Version::HTTP_2,
            http: parts.version,
            asked: has_asked(parts),
            key: only(headers, &SEC_WEBSOCKET_KEY).cloned(),
            version: only(headers, &SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13"),
            browser: headers.contains_key(ORIGIN) || headers.contains_key(SEC_WEBSOCKET_PROTOCOL),
            protocol: offered(headers),
        }
    }

    /// Returns true if a response that does not accept ends the connection. Over HTTP/2, other streams share it.
    pub(crate) fn is_last(&self) -> bool {
        self.http < Version::HTTP_2
    }

    /// Returns the response that accepts the handshake, or `None` if the client would not take one.
    pub(crate) fn accept<B: Default>(&self, refused: &Response<B>) -> Option<Response<B>> {
        let mut response = Response::new(B::default());
        if !self.version {
            return None;
        }
        if !self.connect {
            if !self.asked {
                return None;
            }
            let key = self.key.as_ref().filter(|key| is_key(key))?;
            let accept = HeaderValue::from_str(&accept_key(key)).ok()?;
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        let chosen = refused.extensions().get::<Subprotocol>().map(|Subprotocol(name)| name);
        // A browser drops a connection that selects none of those that it offered.
        if let Some(protocol) = chosen.or(self.protocol.as_ref()) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        Some(response)
    }
}

/// Whether the request is one that may be answered with 101 (RFC 9110, section 7.8; RFC 6455, section 4.2.1). What
/// counts as a handshake here is wider: a proxy that took the request for a plain one must not see the connection
/// switch.
fn has_asked(parts: &Parts) -> bool {
    let headers = &parts.headers;
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && has_token(headers, &CONNECTION, "Upgrade")
        && has_token(headers, &UPGRADE, "websocket")
}

/// Whether one of the tokens in headers of that name, which are separated by commas, is this one.
fn has_token(headers: &HeaderMap, name: &http::HeaderName, token: &str) -> bool {
    let is_token = |listed: &str| listed.trim().eq_ignore_ascii_case(token);
    headers.get_all(name).iter().any(|value| {
        // The common case: the header has one token. Browsers write it so.
        value == token
            || value.as_bytes().eq_ignore_ascii_case(token.as_bytes())
            || value.to_str().is_ok_and(|value| value.split(',').any(is_token))
    })
}

fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Sixteen bytes in base64 (RFC 6455, section 4.1).
fn is_key(key: &HeaderValue) -> bool {
    BASE64_STANDARD.decode_slice(key.as_bytes(), &mut [0; 18]).is_ok_and(|length| length == 16)
}

fn accept_key(key: &HeaderValue) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

/// The first subprotocol that has a name's length.
fn offered(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim);
    let name = names.find(|name| !name.is_empty() && name.len() <= LONGEST_NAME)?;
    HeaderValue::from_str(name).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn accepted(headers: &[(&str, &str)]) -> Option<HeaderMap> {
        let request = Request::get("/ws").header("connection", "keep-alive, Upgrade").header("upgrade", "WebSocket");
        answered(request, headers)
    }

    fn answered(mut request: http::request::Builder, headers: &[(&str, &str)]) -> Option<HeaderMap> {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Handshake::of(&parts).accept(&Response::new(())).map(|response| response.headers().clone())
    }

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");

    #[test]
    fn the_rfcs_own_example_is_accepted() {
        let headers = accepted(&[KEY, VERSION]).unwrap();
        assert_eq!(headers[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!headers.contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn what_no_client_would_take_is_not_accepted() {
        for headers in [
            &[KEY][..],
            &[VERSION],
            &[KEY, KEY, VERSION],
            &[KEY, VERSION, VERSION],
            &[KEY, ("sec-websocket-version", "8")],
            &[("sec-websocket-key", "c2hvcnQ="), VERSION],
            &[("sec-websocket-key", "not base64 at all !!"), VERSION],
        ] {
            assert_eq!(accepted(headers), None, "{headers:?}");
        }
    }

    #[test]
    fn a_connection_does_not_switch_unless_its_client_has_asked_for_it() {
        let upgrade = |request: http::request::Builder| request.header("upgrade", "websocket");
        let both = |request| upgrade(request).header("connection", "upgrade");
        for (request, what) in [
            (both(Request::post("/ws")), "POST"),
            (both(Request::get("/ws").version(Version::HTTP_10)), "HTTP/1.0"),
            (upgrade(Request::get("/ws")), "no Connection"),
            (upgrade(Request::get("/ws")).header("connection", "keep-alive"), "Connection: keep-alive"),
            (upgrade(Request::get("/ws")).header("connection", "x-upgrade-x"), "Connection: x-upgrade-x"),
            (Request::get("/ws").header("connection", "upgrade"), "no Upgrade"),
            (Request::get("/ws").header("connection", "upgrade").header("upgrade", "h2c"), "Upgrade: h2c"),
        ] {
            assert_eq!(answered(request, &[KEY, VERSION]), None, "{what}");
        }
        assert!(answered(both(Request::get("/ws")), &[KEY, VERSION]).is_some());
        let split = upgrade(Request::get("/ws")).header("connection", "keep-alive").header("connection", "upgrade");
        assert!(answered(split, &[KEY, VERSION]).is_some());
    }

    #[test]
    fn a_name_is_selected_and_never_a_token() {
        let token = format!("bearer.{}", "x".repeat(100));
        for (offer, selected) in [
            ("chat", Some("chat")),
            ("chat, superchat", Some("chat")),
            (&*format!("bearer, {token}"), Some("bearer")),
            (&*format!("{token}, chat"), Some("chat")),
            (&*token, None),
            (", ,chat", Some("chat")),
        ] {
            let headers = accepted(&[KEY, VERSION, ("sec-websocket-protocol", offer)]).unwrap();
            assert_eq!(headers.get(SEC_WEBSOCKET_PROTOCOL).map(|value| value.to_str().unwrap()), selected, "{offer}");
        }
    }

    #[test]
    fn what_the_refusing_layer_names_is_selected() {
        let request = Request::get("/").header("connection", "upgrade").header("upgrade", "websocket");
        let request = request.header(KEY.0, KEY.1).header(VERSION.0, VERSION.1);
        let request = request.header(SEC_WEBSOCKET_PROTOCOL, "chat, bearer");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let mut refused = Response::new(());
        refused.extensions_mut().insert(Subprotocol(HeaderValue::from_static("bearer")));
        let response = Handshake::of(&parts).accept(&refused).unwrap();
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "bearer");
    }

    #[test]
    fn over_http_2_nothing_but_the_subprotocol_is_said() {
        let mut request = Request::connect("example.com").header(VERSION.0, VERSION.1);
        request = request.version(Version::HTTP_2).header(SEC_WEBSOCKET_PROTOCOL, "chat");
        let response = Handshake::of(&request.body(()).unwrap().into_parts().0).accept(&Response::new(())).unwrap();
        assert_eq!((response.status(), response.headers().len()), (StatusCode::OK, 1));
    }
}
