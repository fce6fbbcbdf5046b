//! What a response does about subprotocols, where a token came as one.
//!
//! A browser drops a connection whose response selects none of the subprotocols that it offered, and a token must never
//! be selected: it would be echoed.

use http::{HeaderValue, Method, Response, header::SEC_WEBSOCKET_PROTOCOL};
use portcullis_core::handshake::{self, Subprotocol};

/// The subprotocols that can be selected in place of a token. In a box, as most tokens come as none, and each response
/// carries these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subprotocols(Option<Box<InPlace>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct InPlace {
    /// Selected if the handler selects none.
    marker: Option<HeaderValue>,
    /// Selected if the handshake is refused, and accepted only to be closed.
    fallback: Option<HeaderValue>,
}

impl Subprotocols {
    /// The token stood behind a marker, which serves in either case.
    pub(crate) fn mark(&mut self, marker: &str) {
        let marker = HeaderValue::from_str(marker).ok();
        self.0 = Some(Box::new(InPlace { fallback: marker.clone(), marker }));
    }

    /// The token stood beside other subprotocols, among which an accepted handshake's handler selects.
    pub(crate) fn fall_back(&mut self, other: Option<&str>) {
        let fallback = other.and_then(|name| HeaderValue::from_str(name).ok());
        self.0.get_or_insert_default().fallback = fallback;
    }

    /// What the handler selected stands. Otherwise the response of an upgrade selects the marker; any other response
    /// names the fallback to the layer that may accept it only to close it.
    pub(crate) fn apply<R>(self, response: &mut Response<R>) {
        let Some(in_place) = self.0 else { return };
        // Over HTTP/2 the method is CONNECT, and any success is an upgrade; the marker harms no other response.
        let upgrade = handshake::is_upgrade(&Method::CONNECT, response.status());
        if let (true, Some(marker)) = (upgrade, in_place.marker) {
            response.headers_mut().entry(SEC_WEBSOCKET_PROTOCOL).or_insert(marker);
        }
        if let (false, Some(fallback)) = (upgrade, in_place.fallback) {
            response.extensions_mut().insert(Subprotocol(fallback));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(subprotocols: &Subprotocols, status: u16, selected: Option<&str>) -> (Option<String>, Option<String>) {
        let mut response = Response::builder().status(status).body(()).unwrap();
        if let Some(selected) = selected {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, selected.parse().unwrap());
        }
        subprotocols.clone().apply(&mut response);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let named = response.extensions().get::<Subprotocol>().map(|Subprotocol(name)| text(name));
        (response.headers().get(SEC_WEBSOCKET_PROTOCOL).map(text), named)
    }

    #[test]
    fn a_marker_is_selected_where_the_handler_selects_none_and_a_fallback_only_named() {
        let (none, mut marked, mut beside) = Default::default();
        Subprotocols::mark(&mut marked, "bearer");
        Subprotocols::fall_back(&mut beside, Some("chat"));
        for (subprotocols, status, selected, header, named) in [
            (&marked, 101, None, Some("bearer"), None),
            (&marked, 200, None, Some("bearer"), None),
            (&marked, 101, Some("chat"), Some("chat"), None),
            (&marked, 401, None, None, Some("bearer")),
            (&marked, 302, None, None, Some("bearer")),
            (&beside, 101, None, None, None),
            (&beside, 101, Some("v2"), Some("v2"), None),
            (&beside, 503, None, None, Some("chat")),
            (&none, 101, None, None, None),
            (&none, 401, None, None, None),
        ] {
            let found = applied(subprotocols, status, selected);
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (header, named), "{subprotocols:?} {status}");
        }
    }
}
