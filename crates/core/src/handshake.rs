//! Which requests are WebSocket handshakes.
//!
//! WebSocket libraries are lax in different ways: some check only for `Sec-WebSocket-Key`, some only the first
//! `Connection` header. A request that any of them would upgrade must not pass unchecked, so this test is wider than
//! any of theirs, and wider than RFC 6455, section 4.2.1.

use http::{
    HeaderMap, Method, Version,
    header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    request::Parts,
};

/// Returns true if a request asks for a WebSocket: it has `websocket` in any `Upgrade` header, a `Sec-WebSocket-Key` or
/// `Sec-WebSocket-Version`, or is a `CONNECT` over HTTP/2 or later (RFC 8441). Other headers do not matter.
///
/// ```
/// use http::Request;
/// use portcullis_core::handshake::is_handshake;
///
/// let (parts, ()) = Request::get("/").header("upgrade", "WebSocket").body(()).unwrap().into_parts();
/// assert!(is_handshake(&parts));
/// let (parts, ()) = Request::get("/").header("upgrade", "h2c").body(()).unwrap().into_parts();
/// assert!(!is_handshake(&parts));
/// ```
///
/// A request that is only half a handshake counts as one, so that no layer lets it pass unchecked to a library that
/// would upgrade it:
///
/// ```
/// use http::{Request, Version};
/// use portcullis_core::handshake::is_handshake;
///
/// let parts = |request: http::request::Builder| request.body(()).unwrap().into_parts().0;
/// assert!(is_handshake(&parts(Request::get("/").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))));
/// assert!(is_handshake(&parts(Request::get("/").header("upgrade", "h2c").header("upgrade", "foo, websocket"))));
/// assert!(is_handshake(&parts(Request::connect("example.com:443").version(Version::HTTP_2))));
/// assert!(!is_handshake(&parts(Request::get("/").header("connection", "upgrade"))));
/// ```
pub fn is_handshake(parts: &Parts) -> bool {
    let extended_connect = parts.method == Method::CONNECT && parts.version >= Version::HTTP_2;
    extended_connect || names_websocket(&parts.headers)
}

fn names_websocket(headers: &HeaderMap) -> bool {
    headers.contains_key(SEC_WEBSOCKET_KEY)
        || headers.contains_key(SEC_WEBSOCKET_VERSION)
        || headers.get_all(UPGRADE).iter().any(|value| has_token(value.as_bytes(), b"websocket"))
}

/// The subprotocol to select if a refused handshake is accepted only to be closed. Inserted into a response's
/// extensions by layers that remove a token from what the client offered.
///
/// This struct is complete.
#[derive(Debug, Clone)]
pub struct Subprotocol(pub http::HeaderValue);

/// Returns true if a response completes the upgrade: `101`, or `2xx` to a `CONNECT`.
///
/// ```
/// use http::{Method, StatusCode};
/// use portcullis_core::handshake::is_upgrade;
///
/// assert!(is_upgrade(&Method::GET, StatusCode::SWITCHING_PROTOCOLS));
/// assert!(!is_upgrade(&Method::GET, StatusCode::OK));
/// assert!(is_upgrade(&Method::CONNECT, StatusCode::OK), "HTTP/2 (RFC 8441, section 5)");
/// ```
pub fn is_upgrade(method: &Method, status: http::StatusCode) -> bool {
    status == http::StatusCode::SWITCHING_PROTOCOLS || (method == Method::CONNECT && status.is_success())
}

// A substring, not a token: a list that some library reads more loosely than we do must not slip by.
fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.windows(token.len()).any(|window| window.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn anything_that_a_library_would_upgrade_is_a_handshake() {
        for (name, value, expected) in [
            ("upgrade", "websocket", true),
            ("upgrade", "WEBSOCKET", true),
            ("upgrade", "h2c, websocket", true),
            ("upgrade", "websocket/13", true),
            ("upgrade", "h2c", false),
            ("sec-websocket-key", "", true),
            ("sec-websocket-version", "8", true),
            ("connection", "upgrade", false),
        ] {
            let (parts, ()) = Request::get("/").header(name, value).body(()).unwrap().into_parts();
            assert_eq!(is_handshake(&parts), expected, "{name}: {value}");
        }
    }

    #[test]
    fn connect_counts_over_http_2_only() {
        let (mut parts, ()) = Request::connect("example.com:80").body(()).unwrap().into_parts();
        assert!(!is_handshake(&parts));
        parts.version = Version::HTTP_2;
        assert!(is_handshake(&parts));
    }
}
